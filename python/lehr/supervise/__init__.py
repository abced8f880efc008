"""Trials in processes of their own: quick to start, bounded in time and memory, gone without a trace.

A *helper* process per set of preloaded modules imports what the trials need and forks one child per trial;
where fork is not safe, the child becomes a fresh interpreter. The child's result comes back over a private
pipe; success means that a complete record arrived there, and nothing else does. When a trial ends, in
whatever way, every process that it started ends too.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from lehr.errors import IsolationError
from lehr.supervise.trial import EarlyStop, Ending, TrialContext, current_trial

if TYPE_CHECKING:
    from lehr.supervise.supervisor import Supervisor

__all__ = ["EarlyStop", "Ending", "Supervisor", "TrialContext", "current_trial"]


def __getattr__(name: str) -> Any:
    # Not imported above: a trial's own process reads this file too, and does not watch others.
    if name == "Supervisor":
        if not sys.platform.startswith("linux"):
            raise IsolationError("isolated trials need Linux")
        from lehr.supervise.supervisor import Supervisor

        return Supervisor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
