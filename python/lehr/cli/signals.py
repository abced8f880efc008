"""Orderly ends: Ctrl-C and SIGTERM stop the search once, and cannot break what is done afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lehr.cli.exits import Exit


class Ending:
    """How the user asked the process to end, if at all."""

    def __init__(self) -> None:
        self.terminated = False

    @property
    def exit_code(self) -> Exit:
        """130 after Ctrl-C, 143 after SIGTERM."""
        return Exit.TERMINATED if self.terminated else Exit.INTERRUPTED


@contextmanager
def orderly_termination() -> Iterator[Ending]:
    """Make SIGTERM and SIGHUP end the block as Ctrl-C does.

    They raise SIGINT in this process: the study defers that while it writes a record, so that it does not have to know
    of other signals.
    """
    ending = Ending()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        ending.terminated = True
        signal.raise_signal(signal.SIGINT)

    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = {
        kind: signal.signal(kind, terminate) for kind in kinds if signal.getsignal(kind) is signal.SIG_DFL
    }
    try:
        yield ending
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def ignore_interrupts() -> None:
    """From here to the end of the process nothing may interrupt: what is left takes milliseconds."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
