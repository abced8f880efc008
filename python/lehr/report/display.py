"""What a run shows while it goes on: one interface, and the choice of who implements it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, Protocol

from lehr.deploy.plan import Plan
from lehr.errors import OptionError

if TYPE_CHECKING:
    from lehr.deploy.progress import Progress


class Display(Protocol):
    """Shows the events of a run."""

    def begin(self, plan: Plan) -> None:
        """Called once, when the models are opened and before the first event."""

    def progress(self, progress: Progress) -> None:
        """Called while models are prepared, perhaps from another thread, before ``begin`` and between events."""

    def event(self, event: Any) -> None:
        """Called with every event of the study and of its final."""

    def end(self) -> None:
        """Called once, whatever happened: leaves the stream ready for ordinary lines. Calling it again is harmless."""


class Silent:
    """Shows nothing."""

    def begin(self, plan: Plan) -> None:
        """Nothing."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def event(self, event: Any) -> None:
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
    """The display of a command: a live table in a terminal, plain lines in a pipe; under ``--json`` only stderr's
    terminal gets anything.
    """
    stream = sys.stderr if json else sys.stdout
    if is_terminal(stream):
        from lehr.report.live import LiveTable

        return LiveTable(stream)
    if json:
        return Silent()
    return _lines(stream)


def chosen(progress: bool | Display | None) -> Display:
    """The display of a library call: what was given; by default one in a terminal or a notebook, none elsewhere.

    Raises:
        OptionError: it is neither True, False, None nor a display.
    """
    if progress is None:
        if "ipykernel" in sys.modules:
            return _lines(sys.stdout)
        return choose(json=True)
    if isinstance(progress, bool):
        return choose(json=False) if progress else Silent()
    if all(hasattr(progress, name) for name in ("begin", "progress", "event", "end")):
        return progress
    raise OptionError(f"progress is {progress!r:.60}; give True, False, None or a display")


@contextlib.contextmanager
def shown(progress: bool | Display | None) -> Iterator[Display]:
    """The display of a library call, ended whatever happens."""
    display = chosen(progress)
    try:
        yield display
    finally:
        with contextlib.suppress(OSError):  # a terminal that is gone must not cost the result
            display.end()


def _lines(stream: IO[str]) -> Display:
    from lehr.report.plain import PlainLines

    return PlainLines(stream)
