"""Orderly ends: Ctrl-C, SIGTERM and SIGHUP stop the search once, and cannot break what is done afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lehr.cli.exits import Exit


class Termination:
    """How the process was asked to end, if at all."""

    def __init__(self) -> None:
        self.signal = signal.SIGINT

    @property
    def exit_code(self) -> Exit:
        """128 and the signal's number, as a shell reports it: 130 after Ctrl-C, 143 after SIGTERM."""
        return Exit(128 + self.signal)


@contextmanager
def orderly_termination() -> Iterator[Termination]:
    """Make SIGTERM and SIGHUP end the block as Ctrl-C does.

    They raise SIGINT in this process: the study defers that while it writes a record, so that it does not have to
    know of other signals. Where SIGINT is ignored, as in a shell script's background jobs, they interrupt themselves.
    """
    ending = Termination()

    def terminate(number: int, _frame: FrameType | None) -> None:
        ending.signal = signal.Signals(number)
        if not callable(signal.getsignal(signal.SIGINT)):
            raise KeyboardInterrupt
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
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(kind, signal.SIG_IGN)
