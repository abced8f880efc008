"""The final of a tuning run: which trials take part, how they are measured, and what is kept of it with the study."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lehr.deploy.best import Figures
from lehr.deploy.final import Final, Measurement
from lehr.deploy.finalists import race
from lehr.deploy.objective import Objective
from lehr.deploy.twins import SAME_AS
from lehr.errors import OptionError
from lehr.limits import VERDICTS, Judgement, Limit, judge, verdicts_of
from lehr.metrics import figure, metric

if TYPE_CHECKING:
    from lehr.study import Study, StudyTrial
    from lehr.study.finishing import Finishing

NOTE = "lehr.final"
#: Trials that take part besides the default configuration, at most; and by what share one may be worse than the best of
#: the search and still take part. Chosen by hand: more rarely win, and each costs a measurement a round.
MOST_ENTRANTS, WITHIN = 3, 0.15
#: Races, where nothing in the one before met the limits again.
MOST_RACES = 3
#: Bounds of the time for it where the user gave none: a share of the search's seconds, and its ends.
SHARE_OF_SEARCH, LEAST_S, MOST_S = 0.5, 5.0, 120.0
#: By what share something must be better to count; accuracies are exact on the same samples, so less counts there.
NOTICEABLE, NOTICEABLE_SHARE = 0.02, 0.001
#: How much a figure varies from process to process at least, as a share, where it is held against a limit: what ships
#: should keep its limits in processes to come.
BETWEEN_PROCESSES = 0.01


@dataclass(frozen=True, slots=True)
class FinalEvent:
    """Something happened in the final; ``message`` says what, ``study`` is the search's."""

    message: str
    study: Study


@dataclass(frozen=True)
class Runoff:
    """What came of the final.

    Attributes:
        winner: the number of the trial whose configuration ships; None where nothing ran within the limits again.
        result: the race itself.
        objective: name of the metric that is optimised.
        configs: configurations by trial number, of those that took part.
        limits: the study's.
        surroundings: machine, versions and moment of its first measurement.
        complete: whether it came to its end.
        measured_now: measurements that this run made.
    """

    winner: int | None
    result: Final
    objective: str
    configs: Mapping[int, dict[str, Any]]
    limits: tuple[Limit, ...]
    surroundings: Mapping[str, Any]
    complete: bool
    measured_now: int

    @property
    def disturbed(self) -> bool:
        """Whether other processes disturbed every measurement, so that a limit that was not met says little."""
        return all(entry["disturbed"] for entry in self.result.history)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was settled and what was not."""
        return self.result.sentences

    def figures(self, number: int) -> Figures | None:
        """What a trial's configuration measured in the final: medians over its rounds, and their standard errors; None
        where it took no part or never ran.
        """
        standing = self.result.standings.get(_name(number))
        if standing is None or not standing.metrics:
            return None
        return Figures(
            dict(self.configs[number]),
            "ok",
            {name: one.median for name, one in standing.metrics.items()},
            {name: one.sem for name, one in standing.metrics.items() if one.sem} or self._within(number),
        )

    def _within(self, number: int) -> dict[str, float]:
        """The standard error of the objective within its one process, where there was one round alone."""
        errors = [entry["sem"] for entry in self.result.history if entry["candidate"] == _name(number)]
        return {self.objective: errors[-1]} if errors and errors[-1] else {}

    def judgements(self, number: int) -> tuple[Judgement, ...]:
        """How the limits stand for a configuration by all its rounds."""
        found = self.figures(number)
        if found is None:
            return judge(self.limits, {}).judgements
        said = _pooled(entry for entry in self.result.history if entry["candidate"] == _name(number))
        return judge(self.limits, found.metrics, said, sem=_at_least(found.metrics, found.sem)).judgements

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {"trial": self.winner, "complete": self.complete, **self.result.as_json()}


def run_final(
    finishing: Finishing,
    *,
    objective: Objective,
    limits: tuple[Limit, ...],
    baseline: Mapping[str, Any],
    seconds: float | None,
    seed: int,
    surroundings: Mapping[str, Any],
    on_change: Callable[[Runoff], None],
) -> Runoff | None:
    """Measure the best few of a study and the default configuration side by side, until the winner is settled.

    Every measurement is kept with the study before the next begins: a run that was killed in its final goes on there.

    Args:
        finishing: the study, and how to measure again.
        objective, limits, baseline: what is optimised, what is asked, and the default configuration.
        seconds: for all measurements; None for a share of the search's, 0 for no final.
        seed: of the order of measurements.
        surroundings: machine, versions and moment of this run.
        on_change: called with what is known after each measurement.

    Returns:
        What came of it; None where nothing took part.
    """
    if seconds == 0:
        return None
    study = finishing.study
    beaten: list[int] = []
    found: Runoff | None = None
    for number in range(MOST_RACES):
        entrants = choose(study, objective, baseline, without=beaten)
        if not any(trial.config != baseline for trial in entrants) and number:
            break
        if not entrants:
            break
        found = _race(
            finishing, f"{NOTE}.{number}", entrants, objective, limits, baseline, seconds, seed, surroundings
        )
        on_change(found)
        if found.winner is not None:
            break
        beaten += [trial.number for trial in entrants if trial.config != baseline]
    return found


def _race(
    finishing: Finishing,
    key: str,
    entrants: Sequence[StudyTrial],
    objective: Objective,
    limits: tuple[Limit, ...],
    baseline: Mapping[str, Any],
    seconds: float | None,
    seed: int,
    surroundings: Mapping[str, Any],
) -> Runoff:
    """One race, kept under ``key``, from its first measurement or from where a killed run left it."""
    study = finishing.study
    default = next((trial.number for trial in entrants if trial.config == baseline), None)
    note = _kept(finishing, key, [trial.number for trial in entrants], len(study.trials))
    if not note:
        limit_s = min(max(SHARE_OF_SEARCH * study.seconds, LEAST_S), MOST_S)
        note = {
            "trials": len(study.trials), "entrants": [trial.number for trial in entrants], "history": [],
            "seconds": limit_s if seconds is None else seconds, "surroundings": dict(surroundings), "complete": False,
        }  # fmt: skip
    configs = {trial.number: dict(trial.config) for trial in entrants}
    earlier = list(note["history"])
    fresh: list[dict[str, Any]] = []
    told: dict[str, Mapping[str, Any]] = {}

    def measure(name: str) -> Measurement:
        number, begun = _number(name), time.monotonic()
        again = finishing.measure(number, configs[number])
        told[name] = verdicts_of(again.facts)
        return measurement(again, limits, time.monotonic() - begun)

    def record(entry: dict[str, Any]) -> None:
        entry[VERDICTS] = told.get(entry["candidate"], {})
        fresh.append(entry)
        finishing.keep(key, {**note, "history": [*earlier, *fresh]})
        finishing.emit(FinalEvent(_sentence(entry, objective), study))

    def run(history: Sequence[Mapping[str, Any]]) -> Final:
        return race(
            [_name(number) for number in configs], measure, default=None if default is None else _name(default),
            direction=objective.direction, noticeable=noticeable(objective), seconds=float(note["seconds"]), seed=seed,
            exact=metric(objective.metric).exact, history=history, record=record,
        )  # fmt: skip

    try:
        result = run(earlier)
    except OptionError:  # the note is of another lehr, or was edited: measure anew
        earlier, note = [], {**note, "history": [], "surroundings": dict(surroundings)}
        fresh.clear()
        result = run([])
    if not note["complete"]:
        finishing.keep(key, {**note, "history": [*earlier, *fresh], "complete": True})
    winner = None if result.winner is None else _number(result.winner)
    return Runoff(winner, result, objective.metric, configs, limits, note["surroundings"], True, len(fresh))


def choose(
    study: Study, objective: Objective, baseline: Mapping[str, Any], *, without: Sequence[int] = ()
) -> list[StudyTrial]:
    """The trials that take part: the best few by what they may be worth within their standard errors, and the default
    configuration wherever it ran. One whose limits are open takes part where it may be worth more than all that meet
    theirs. ``without`` are trials that took part and did not meet the limits again.
    """
    sign = 1.0 if objective.direction == "maximize" else -1.0

    def worth(trial: StudyTrial) -> float:
        assert trial.objective is not None
        return sign * trial.objective + (trial.objective_sem or 0.0)

    able = [
        trial
        for trial in study.trials
        if trial.outcome == "ok"
        and trial.objective is not None
        and trial.number not in without
        and SAME_AS not in trial.facts  # it is the other one in other words
    ]
    met = sorted((one for one in able if one.feasible and one.config != baseline), key=worth, reverse=True)
    left_open = [one for one in able if one.judged.answer == "borderline" and one.config != baseline]
    chosen = [one for one in met[:MOST_ENTRANTS] if worth(met[0]) - worth(one) <= WITHIN * abs(worth(met[0]))]
    doubtful = max(left_open, key=worth, default=None)
    if doubtful is not None and (not met or worth(doubtful) > worth(met[0])):
        chosen = [*chosen[: MOST_ENTRANTS - 1], doubtful]
    default = next((one for one in able if one.config == baseline), None)
    if default is None or (not chosen and not default.feasible):
        return chosen
    return [default, *chosen]


def measurement(again: StudyTrial, limits: Sequence[Limit], seconds: float) -> Measurement:
    """A trial measured again, which cost so many seconds of the wall clock, as the race takes it."""
    ran = again.outcome == "ok" and again.objective is not None
    held = judge(
        limits, again.metrics, verdicts_of(again.facts), sem=_at_least(again.metrics, again.metrics_sem)
    )
    reason = (
        "; ".join(one.shown() for one in held.misses)
        if ran
        else str(again.evidence.get("reason") or again.outcome)
    )
    return Measurement(
        objective=again.objective if ran else None,
        sem=again.objective_sem,
        answer=held.answer if ran else "unmeasured",
        metrics=dict(again.metrics),
        disturbed=again.disturbed,
        seconds=seconds,
        outcome=again.outcome or "crashed",
        reason=reason,
    )


def noticeable(objective: Objective) -> float:
    """By what share something must be better to count."""
    return NOTICEABLE_SHARE if metric(objective.metric).kind == "share" else NOTICEABLE


def _at_least(metrics: Mapping[str, float], sem: Mapping[str, float]) -> dict[str, float]:
    """Standard errors with the variation between processes that is to be expected, of what varies at all."""
    return {
        name: math.hypot(error, BETWEEN_PROCESSES * metrics[name])
        for name, error in sem.items()
        if name in metrics
    }


def _pooled(entries: Any) -> dict[str, dict[str, Any]]:
    """The verdicts of several rounds as one: settled where more than half of them are."""
    said: dict[str, list[str]] = {}
    for entry in entries:
        for name, verdict in (entry.get(VERDICTS) or {}).items():
            said.setdefault(name, []).append(str(verdict.get("answer")))
    found = {}
    for name, answers in said.items():
        settled = [one for one in ("feasible", "infeasible") if 2 * answers.count(one) > len(answers)]
        answer = settled[0] if settled else "borderline"
        found[name] = {
            "answer": answer,
            "reason": f"{answer} in {answers.count(answer)} of {len(answers)} rounds",
        }
    return found


def _kept(finishing: Finishing, key: str, entrants: list[int], trials: int) -> dict[str, Any]:
    """The note of an earlier run of the same final; empty where there is none."""
    note = finishing.kept(key)
    same = (
        isinstance(note, dict)
        and note.get("entrants") == entrants
        and note.get("trials") == trials
        and isinstance(note.get("history"), list)
        and isinstance(note.get("surroundings"), dict)
        and isinstance(note.get("seconds"), int | float)
    )
    return dict(note) if same else {}


def _name(number: int) -> str:
    return f"trial {number}"


def _number(name: str) -> int:
    return int(name.removeprefix("trial "))


def _sentence(entry: Mapping[str, Any], objective: Objective) -> str:
    value = entry["objective"]
    what = (
        f"{metric(objective.metric).title} {figure(objective.metric, value)}"
        if value is not None
        else entry["outcome"]
    )
    reason = f" ({entry['reason']})" if entry["reason"] else ""
    disturbed = ", disturbed" if entry["disturbed"] else ""
    return f"final, round {entry['round'] + 1}: {entry['candidate']}: {what}{disturbed}{reason}"
