"""The winner, measured again in a fresh process: one that flips is not a winner.

A figure near its limit may have met it by luck, and the best of many is more often lucky than any one of them (the
winner's curse). So where an evaluation gives verdicts, the best trial is evaluated once more when a run ends, and when
it is turned down then, the next best, up to a bound. On a busy machine measuring again proves little: a trial that
is turned down while other processes disturbed it gives way to any that holds, or was not measured again, but it is not
struck out: where nothing else is left, it stays the best, as not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lehr.limits import verdicts_of
from lehr.study.trial import StudyTrial

NOTE = "confirmations"


@dataclass(frozen=True)
class Confirmation:
    """A trial that was measured again.

    Attributes:
        trial: its number.
        held: whether it met every limit again.
        reason: why it did not, in one sentence.
        metrics: what was measured this time.
        seconds: what that cost.
        disturbed: what other processes did to the measurement (the evaluation's fact of that name); empty when
            nothing is known of any. A trial that did not hold *then* is not confirmed, rather than refuted.
    """

    trial: int
    held: bool
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    disturbed: str = ""

    @property
    def refuted(self) -> bool:
        """Whether the trial is no winner: it did not hold, and nobody else is to blame."""
        return not self.held and not self.disturbed

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return asdict(self)


def read(noted: object) -> dict[int, Confirmation]:
    """Stored confirmations by trial; what is damaged is left out, and measured again."""
    found: dict[int, Confirmation] = {}
    for entry in noted if isinstance(noted, list) else []:
        try:
            one = Confirmation(
                trial=int(entry["trial"]),
                held=entry["held"] is True,
                reason=str(entry["reason"]),
                metrics={str(name): float(value) for name, value in entry["metrics"].items()},
                seconds=float(entry["seconds"]),
                disturbed=str(entry.get("disturbed", "")),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            continue
        found[one.trial] = one
    return found


def confirmation(trial: StudyTrial, again: StudyTrial) -> Confirmation:
    """What measuring ``trial`` again, as ``again``, shows."""
    reason = ""
    if again.outcome != "ok":
        reason = str(again.evidence.get("reason") or again.outcome)
    elif not again.feasible:
        reason = "; ".join(map(str, again.misses))
    return Confirmation(
        trial.number, again.feasible, reason, dict(again.metrics), again.seconds or 0.0, again.disturbed
    )


def confirm_best(
    best: Callable[[], StudyTrial | None],
    known: Iterable[int],
    measure: Callable[[StudyTrial], Confirmation],
    at_most: int,
) -> None:
    """Measure the best again until one holds, ``at_most`` of them.

    ``best`` is asked anew after each ``measure``, which records what it found. A best trial without verdicts was not
    said to vary, and is left as it is.
    """
    confirmed = set(known)
    for _ in range(at_most):
        trial = best()
        if trial is None or trial.number in confirmed or not verdicts_of(trial.facts):
            return
        confirmed.add(trial.number)
        if measure(trial).held:
            return
