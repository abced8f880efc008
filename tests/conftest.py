"""What all tests share."""

from __future__ import annotations

import signal

# A shell starts background jobs with SIGINT ignored, and children inherit that. Tests that interrupt a program mean an
# ordinary one: a handler of our own is back to the default in whatever we execute.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
