"""What the final of a search measures and finds: who won, with which figures, and what was settled."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from lehr.deploy.paired import Gain
from lehr.limits import Answer
from lehr.trial import Outcome


@dataclass(frozen=True, slots=True)
class Measurement:
    """One candidate, measured in one fresh process.

    Attributes:
        objective: what is optimised; None where it did not run to its end.
        sem: its standard error within this process, where known.
        answer: how it stands to its limits: the worst answer of them, ``met`` where there are none.
        metrics: everything that was measured.
        disturbed: what other processes did to it, in words; empty for nothing.
        seconds: what it cost.
        outcome: how the process ended.
        reason: why it did not run, or which limit was not met.
    """

    objective: float | None
    sem: float | None = None
    answer: Answer = "met"
    metrics: Mapping[str, float] = field(default_factory=dict)
    disturbed: str = ""
    seconds: float = 0.0
    outcome: Outcome = "ok"
    reason: str = ""

    @property
    def ran(self) -> bool:
        """Whether there is an objective to compare."""
        return self.outcome == "ok" and self.objective is not None

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form, which :meth:`from_json` reads."""
        return {
            "objective": self.objective,
            "sem": self.sem,
            "answer": self.answer,
            "metrics": dict(self.metrics),
            "disturbed": self.disturbed,
            "seconds": self.seconds,
            "outcome": self.outcome,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Measurement:
        """Read the stored form.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        known = {name: stored[name] for name in cls.__slots__}
        for name in ("objective", "sem"):
            known[name] = None if known[name] is None else float(known[name])
        known["metrics"] = {str(name): float(value) for name, value in known["metrics"].items()}
        return cls(**{**known, "seconds": float(known["seconds"])})


State = Literal["winner", "level", "open", "worse", "missed", "failed"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """One metric of one candidate over its rounds. ``sem`` is the standard error of the mean from process to process;
    None with a single round."""

    mean: float
    median: float
    sem: float | None
    n: int


def estimate(values: Sequence[float]) -> Estimate | None:
    """The estimate of these values; None where there are none."""
    if not values:
        return None
    n = len(values)
    sem = statistics.stdev(values) / math.sqrt(n) if n > 1 else None
    return Estimate(statistics.fmean(values), statistics.median(values), sem, n)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one candidate did.

    Attributes:
        state: ``winner``; ``level``: not better than the winner by a noticeable amount, for certain; ``open``: that
            was not settled; ``worse`` for certain, so it dropped out; ``missed`` a limit, or was twice unsettled;
            ``failed`` to run.
        reason: why it dropped out.
        objective, metrics: over the rounds that nothing disturbed, or over all where there is none.
        rounds, disturbed: in how many it was measured, and in how many of them other processes disturbed it.
        ahead: by how much the winner is ahead of it, with the interval of this pair alone.
    """

    candidate: str
    state: State
    reason: str
    objective: Estimate | None
    metrics: Mapping[str, Estimate]
    rounds: int
    disturbed: int
    ahead: Gain | None

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "candidate": self.candidate,
            "state": self.state,
            "reason": self.reason,
            "objective": None if self.objective is None else asdict(self.objective),
            "metrics": {name: asdict(one) for name, one in self.metrics.items()},
            "rounds": self.rounds,
            "disturbed": self.disturbed,
            "ahead": None if self.ahead is None else self.ahead.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Final:
    """The result of a race.

    Attributes:
        winner: what to ship; None where nothing ran within the limits.
        settled: whether nothing that was left can be better by a noticeable amount, and the winner was measured
            twice.
        default: the default configuration, where it took part.
        over_default: by how much the winner is better than the default; None where the default won, did not run within
            the limits, or took no part. It is higher than ``low`` with the confidence asked for (95 %).
        standings: how each candidate did, by name.
        sentences: what was settled and what was not, for people.
        history: every measurement in order, in JSON-safe form; :func:`lehr.deploy.finalists.race` goes on from it.
        seconds: what the measurements took.
    """

    winner: str | None
    settled: bool
    default: str | None
    over_default: Gain | None
    standings: Mapping[str, Standing]
    sentences: tuple[str, ...]
    history: list[dict[str, Any]] = field(repr=False)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form, without the history."""
        return {
            "winner": self.winner,
            "settled": self.settled,
            "default": self.default,
            "over_default": None if self.over_default is None else self.over_default.as_json(),
            "standings": {name: one.as_json() for name, one in self.standings.items()},
            "sentences": list(self.sentences),
            "seconds": self.seconds,
        }


def tell(
    standings: Mapping[str, Standing],
    winner: str | None,
    default: str | None,
    *,
    settled: bool,
    noticeable: float,
    over_default: Gain | None,
    history: list[dict[str, Any]],
    seconds: float,
    short_of_time: bool,
) -> Final:
    """The result with its sentences."""
    said: list[str] = []
    if winner is None:
        said.append("Nothing ran within the limits again.")
    elif winner == default:
        rivals = [one for one in standings.values() if one.state == "open"]
        if rivals:
            said += [
                f"The default configuration ships: that {one.candidate} is better was not settled "
                f"({_ahead(one)})."
                for one in rivals
            ]
        elif len(standings) > 1:
            said.append(f"Nothing beats the default configuration by {100 * noticeable:g} % or more.")
    else:
        if over_default is not None:
            said.append(f"{winner} is better than the default configuration by {over_default}.")
        said += [
            f"{winner} and {one.candidate} measured the same."
            if one.ahead is not None and one.ahead.mean == 0
            else f"{winner} and {one.candidate} are not told apart ({_ahead(one)}); {winner} measured better."
            for one in standings.values()
            if one.state == "open" and one.candidate != default
        ]
    for one in standings.values():
        if one.state in ("missed", "failed"):
            said.append(f"{one.candidate} dropped out: {one.reason}.")
    if not settled and winner is not None:
        bound = "its time" if short_of_time else "its rounds"
        said.append(f"The winner was not settled within {bound}.")
    disturbed = sum(bool(entry["disturbed"]) for entry in history)
    if disturbed:
        said.append(f"Other processes disturbed {disturbed} of {len(history)} measurements of the final.")
    return Final(winner, settled, default, over_default, standings, tuple(said), history, seconds)


def _ahead(one: Standing) -> str:
    return f"the winner is ahead of it by {one.ahead}" if one.ahead is not None else "not compared"
