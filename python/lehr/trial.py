"""What a trial is to a user."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from lehr._printable import printable

Outcome = Literal["ok", "crashed", "timeout", "oom", "early_stopped"]
#: Of a configuration in a trial's repr, so that it fits two lines.
_SHOWN_CHARS = 100
#: Among a trial's facts: by what share other processes may have slowed what it timed, above 0 and at most 1.
DISTURBED_SHARE = "disturbed_share"
OUTCOMES: tuple[Outcome, ...] = ("ok", "crashed", "timeout", "oom", "early_stopped")


class Cause(StrEnum):
    """Why a trial ended as it did. What is decided about a trial is decided by this, never by words of its evidence."""

    RETURNED = "returned"
    """The function returned (``ok``)."""
    STOPPED = "stopped"
    """It stopped itself (``early_stopped``)."""
    RAISED = "raised"
    """It raised (``crashed``)."""
    EXITED = "exited"
    """Its process ended without a result (``crashed``)."""
    REFUSED = "refused"
    """Its result cannot be used: not JSON, too large, no finite numbers (``crashed``)."""
    MALFORMED = "malformed"
    """Its process wrote something that is no record of ours on its channel (``crashed``)."""
    FAULT = "fault"
    """It died of a signal of its own making, such as SIGSEGV (``crashed``)."""
    KILLED = "killed"
    """Neither lehr nor the kernel sent the signal that ended it (``crashed``)."""
    HELPER = "helper"
    """Lehr's helper process died, and the trial with it (``crashed``)."""
    QUARANTINED = "quarantined"
    """It was not started, because its device cannot be used (``crashed``)."""
    DEADLINE = "deadline"
    """It ran for too long (``timeout``)."""
    START_LIMIT = "start_limit"
    """It was not loaded in time (``timeout``)."""
    MEMORY_LIMIT = "memory_limit"
    """It used more memory than it may (``oom``)."""
    ALLOCATION = "allocation"
    """An allocation failed (``oom``)."""
    MACHINE_MEMORY = "machine_memory"
    """The machine ran out of memory, and the kernel took the trial (``oom``)."""


@dataclass(slots=True, repr=False)
class Trial:
    """One evaluation of one configuration.

    Attributes:
        number: position in the order of asking, from 0.
        config: active variables and their values.
        origin: where the configuration came from (``initial``, ``random``, ``grid``, ``structural``, ``numeric``,
            ``elite``, ``away``, ``tpe``, ``enqueued``, ``added``, ``coverage``, ``feasibility``, ``improvement`` or
            ``transfer``).
        outcome: how it ended; ``None`` while it is pending.
        objective: the objective in the user's own sign; ``None`` unless the outcome is ``ok``.
        metrics: what was measured, by name.
        feasible: whether it ran and met every limit.
        violation: sum of the excesses over the limits, each ``max(0, g - c) / |c|`` for a metric g and its limit c, of
            a lower limit ``max(0, c - g) / |c|`` (a limit of 0 divides by 1), infinite for what did not run; ``None``
            while pending. With the option ``relative_violations`` at 0, as under the paper preset, the sum of
            ``max(0, g - c)`` (Eq. 3 of arXiv 2604.25073); what did not run then has the option
            ``failure_violation``, 100 there.
        evidence: what is known about how it ended (trials of a study).
        seconds: what it cost in wall-clock seconds, where told.
        objective_sem: standard error of the objective, where told.
        metrics_sem: standard errors of metrics by name, where told.

    Its repr is short: number, outcome, objective, configuration; the rest is in the attributes.
    """

    number: int
    config: dict[str, Any]
    origin: str = "added"
    outcome: Outcome | None = None
    objective: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    feasible: bool = False
    violation: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    objective_sem: float | None = None
    metrics_sem: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        ended = self.outcome or "pending"
        value = "" if self.objective is None else f", objective {self.objective:.6g}"
        held = "" if self.outcome != "ok" else ", feasible" if self.feasible else ", not feasible"
        settings = ", ".join(f"{name}={value!r}" for name, value in self.config.items())
        if len(settings) > _SHOWN_CHARS:
            settings = f"{settings[: _SHOWN_CHARS - 3]}..."
        return printable(f"<lehr.{type(self).__name__} {self.number}: {ended}{value}{held}; {settings}>")
