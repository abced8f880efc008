"""What a run shows while it goes on: one interface, and the choice of who implements it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from lehr.cli.limits import Objective
from lehr.cli.units import Budget
from lehr.limits import Limit

if TYPE_CHECKING:
    from lehr.study import Event


@dataclass(frozen=True, slots=True)
class Plan:
    """What a display must know about the run beforehand."""

    title: str
    objective: Objective
    limits: tuple[Limit, ...]
    budget: Budget
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The run in words."""
        goal = "highest" if self.objective.direction == "maximize" else "lowest"
        limits = ", ".join(limit.shown() for limit in self.limits) or "no limits"
        return (
            self.title,
            f"Objective: {goal} {self.objective.name}. Limits: {limits}. Budget: {self.budget}.",
            *self.notes,
        )


class Display(Protocol):
    """Shows the events of a run."""

    def begin(self, plan: Plan) -> None:
        """Called once, before the first event."""

    def event(self, event: Event) -> None:
        """Called with every event of the study."""

    def end(self) -> None:
        """Called once, whatever happened: leaves the stream ready for ordinary lines. Calling it again is harmless."""


class Silent:
    """Shows nothing."""

    def begin(self, plan: Plan) -> None:
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
        from lehr.cli.live import LiveTable

        return LiveTable(stream)
    if json:
        return Silent()
    from lehr.cli.plain import PlainLines

    return PlainLines(stream)
