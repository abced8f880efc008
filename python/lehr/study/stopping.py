"""Why a run ended, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class StopReason(StrEnum):
    """Why the last run of a study ended."""

    BUDGET = "budget"
    """The trials are spent."""
    TIME = "time"
    """The seconds are spent."""
    EXHAUSTED = "exhausted"
    """Every configuration was evaluated."""
    EARLY = "early"
    """The search expects to gain nothing noticeable more."""
    INTERRUPTED = "interrupted"
    """Ctrl-C."""
    UNLOADED = "unloaded"
    """The evaluation could not be entered in its own process."""
    POLICY = "policy"
    """A class of failure that was to stop the run occurred."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended.

    Attributes:
        reason: the kind.
        detail: of ``early`` what the search said, of ``policy`` the class of failure; empty otherwise.
    """

    reason: StopReason
    detail: str = ""

    def as_json(self, trials: int) -> dict[str, Any]:
        """The note that a study keeps, with the number of trials it speaks of."""
        note: dict[str, Any] = {"why": str(self.reason), "trials": trials}
        return note | {"reason": self.detail} if self.detail else note


def read_stop(note: object, trials: int) -> Stop | None:
    """The stored note; None where there is none, or where a run that was killed later left one of a run before it."""
    if not isinstance(note, dict) or note.get("trials") != trials:
        return None
    why, _, kind = str(note.get("why")).partition(": ")  # lehr 0.1 wrote "policy: crashed"
    try:
        return Stop(StopReason(why), str(note.get("reason") or kind))
    except ValueError:
        return None
