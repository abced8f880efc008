"""What a run shows while it goes on: one interface, and the choice of who implements it."""

from __future__ import annotations

import os
import sys
from typing import IO, TYPE_CHECKING, Protocol

from lehr.deploy.plan import Plan
from lehr.deploy.progress import Progress

if TYPE_CHECKING:
    from lehr.study import Event


class Display(Protocol):
    """Shows the events of a run."""

    def begin(self, plan: Plan) -> None:
        """Called once, before the first event."""

    def progress(self, progress: Progress) -> None:
        """Called while models are prepared, from any thread, before ``begin`` and between events."""

    def event(self, event: Event) -> None:
        """Called with every event of the study and of its final."""

    def end(self) -> None:
        """Called once, whatever happened: leaves the stream ready for ordinary lines. Calling it again is harmless."""


class Silent:
    """Shows nothing."""

    def begin(self, plan: Plan) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def event(self, event: Event) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person watches this stream in a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM", "") not in {"dumb", ""}
    except ValueError:  # closed
        return False


def choose(*, json: bool) -> Display:
    """The display for this process: a live table in a terminal, plain lines in a pipe; under ``--json`` only stderr's
    terminal gets anything.
    """
    stream = sys.stderr if json else sys.stdout
    if is_terminal(stream):
        from lehr.report.live import LiveTable

        return LiveTable(stream)
    if json:
        return Silent()
    from lehr.report.plain import PlainLines

    return PlainLines(stream)
