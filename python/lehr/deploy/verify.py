"""``lehr.verify``: a deployed configuration, measured again and held against its limits and its objective."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lehr import _core
from lehr.deploy import best as best_file
from lehr.deploy import ship
from lehr.deploy.best import Best
from lehr.deploy.evaluate import preload
from lehr.deploy.machine import environment, memory_mb
from lehr.deploy.reopen import reopen
from lehr.deploy.stage import Stage
from lehr.deploy.times import trial_timeout_s as trial_time
from lehr.deploy.tune import differences, surroundings
from lehr.deploy.user_metric import Function
from lehr.deploy.workload import make_workdir
from lehr.errors import OptionError
from lehr.limits import Answer, Constraints, Judgement, Limit, judge, parse_limits, verdicts_of
from lehr.metrics import figure
from lehr.metrics import metric as row
from lehr.study.results import read_result
from lehr.supervise import Ending, TrialContext, _options
from lehr.supervise.supervisor import Supervisor

#: By what share the objective may be worse than shipped before that counts. Chosen by hand: clock boosts, neighbours
#: and memory placement move the speed of one configuration by some 5 to 10 % between days.
TOLERANCE = 0.2
#: How many times the repeats asked for are measured at most, while something is open or was disturbed.
_MOST_ROUNDS = 3
_MOST_REPEATS = 1000


@dataclass(frozen=True, slots=True)
class Repeat:
    """One measurement in a fresh process.

    Attributes:
        outcome: how it ended, as of any trial.
        metrics, sem: what it measured, by name.
        facts: its notes, verdicts among them.
        evidence: how it ended, in detail.
        seconds: what it took.
    """

    outcome: str
    metrics: Mapping[str, float]
    sem: Mapping[str, float]
    facts: Mapping[str, Any]
    evidence: Mapping[str, Any]
    seconds: float

    @property
    def disturbed(self) -> bool:
        """Whether other processes disturbed it."""
        return bool(self.facts.get("disturbed"))

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "outcome": self.outcome,
            "metrics": dict(self.metrics),
            "sem": dict(self.sem),
            "verdicts": verdicts_of(self.facts),
            "disturbed": self.facts.get("disturbed"),
            "evidence": dict(self.evidence),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class ObjectiveAnswer:
    """How the objective stands beside what was shipped.

    Attributes:
        metric: its name.
        answer: ``met`` where it is not worse by more than the tolerance, ``missed`` where it is, ``borderline`` where
            that is open, ``unmeasured`` where it cannot be compared.
        shipped, now: the figures, in the metric's unit.
        change: by what share it is better now; negative where it is worse.
        reason: in one sentence.
    """

    metric: str
    answer: Answer
    shipped: float | None
    now: float | None
    change: float | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "metric": self.metric, "answer": self.answer, "shipped": self.shipped, "now": self.now,
            "change": self.change, "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verified:
    """What measuring again showed.

    Attributes:
        best: what was shipped.
        limits: how each limit stands over all repeats.
        objective: how the objective stands beside the shipped figure.
        metrics, sem: medians over the repeats that ran, and their standard errors.
        repeats: every measurement.
        notes: how this machine differs from the one that measured before, one sentence each.
    """

    best: Best
    limits: tuple[Judgement, ...]
    objective: ObjectiveAnswer
    metrics: Mapping[str, float]
    sem: Mapping[str, float]
    repeats: tuple[Repeat, ...]
    notes: tuple[str, ...]

    @property
    def failures(self) -> tuple[Repeat, ...]:
        """The repeats that did not run to their end."""
        return tuple(one for one in self.repeats if one.outcome != "ok")

    @property
    def passed(self) -> bool:
        """Whether every repeat ran, every limit is met and the objective is not worse than shipped."""
        return self.status == "ok"

    @property
    def status(self) -> str:
        """``ok``, ``failed`` (it did not run), ``missed`` (a limit), ``worse`` (the objective) or ``borderline`` (a
        limit is open).
        """
        answers = {one.answer for one in self.limits}
        if self.failures or not self.repeats:
            return "failed"
        if answers & {"missed", "unmeasured"}:
            return "missed"
        if self.objective.answer == "missed":
            return "worse"
        return "borderline" if "borderline" in answers else "ok"

    @property
    def seconds(self) -> float:
        """What all repeats took together."""
        return sum(one.seconds for one in self.repeats)

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "status": self.status,
            "config": self.best.config,
            "limits": [one.as_json() for one in self.limits],
            "objective": self.objective.as_json(),
            "shipped": dict(self.best.figures.metrics),
            "now": dict(self.metrics),
            "sem": dict(self.sem),
            "repeats": [one.as_json() for one in self.repeats],
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def verify(
    deployed: str | os.PathLike[str],
    *,
    repeats: int = 3,
    limits: Constraints = None,
    model: str | os.PathLike[str] | None = None,
    data: Any = None,
    metric: Function | str | None = None,
    tolerance: float = TOLERANCE,
    trial_timeout_s: float | None = None,
    memory_limit_mb: float | None = None,
    on_repeat: Callable[[int, Repeat], None] | None = None,
) -> Verified:
    """Measure a deployed configuration again: a gate after deployment.

    Every repeat runs in a fresh process. Where a limit is still open after ``repeats`` of them, or others disturbed
    one, up to three times as many are measured.

    Args:
        deployed: the folder that ``lehr tune`` wrote, or a best.json.
        repeats: how many measurements, 1 to 1000.
        limits: replace or add to those it was found under, per metric and side.
        model: where the model as given is now; it must be the same, byte for byte.
        data: where the samples are now, or what gives them, as for :func:`lehr.tune`; they must be the same.
        metric: the metric of the user's own that it was judged by, where there is one: a best.json names it, and is not
            trusted to have it called.
        tolerance: by what share the objective may be worse than shipped, from 0.
        trial_timeout_s: deadline of one measurement in seconds; None for one that follows the model's speed.
        memory_limit_mb: where a measurement is killed, MB of 10^6 bytes; None for 80 % of the machine's memory.
        on_repeat: called with the number (from 1) and what came of it, after each measurement.

    Raises:
        DeploymentError: the deployment is damaged, or model or data are not those it was measured with.
        ModelError: the model cannot be used here.
        OptionError: an argument is out of its range.
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= _MOST_REPEATS:
        raise OptionError(
            f"repeats is {_options.shown(repeats)}; give a whole number from 1 to {_MOST_REPEATS}"
        )
    allowed = _options.amount("tolerance", tolerance, "shares", 1e6, zero=True)
    timeout_s = _options.optional_seconds("trial_timeout_s", trial_timeout_s)
    killed_at = _options.optional_megabytes("memory_limit_mb", memory_limit_mb) or round(0.8 * memory_mb())
    place = ship.locate(deployed)
    best = best_file.read(place)
    asked = _merged([one.limit for one in best.limits], parse_limits(limits))
    with ExitStack() as stack:
        supervisor = stack.enter_context(Supervisor(environment=environment()))
        runtime = ship.runtime_of(place, best)
        stage = Stage(make_workdir(), supervisor, backends=(runtime.name,), memory_limit_mb=killed_at)
        opened, evaluator = reopen(stage, place, best, model, data, metric)
        context = TrialContext(
            0, feasible_found=True, limits=asked, memory_limit_mb=killed_at,
            timeout_s=timeout_s or trial_time(opened.slowest_s),
        )  # fmt: skip

        def measured() -> Repeat:
            ending = supervisor.run(
                evaluator,
                dict(best.config),
                preload=preload(evaluator.backend_of(best.config)),
                timeout_s=context.timeout_s,
                memory_limit_mb=killed_at,
                fresh=True,
                context=context,
            )
            return _repeat(ending, best, asked)

        done: list[Repeat] = []
        while len(done) < repeats * _MOST_ROUNDS:
            done.append(measured())
            if on_repeat is not None:
                on_repeat(len(done), done[-1])
            if done[-1].outcome != "ok" and len(done) >= repeats:
                break
            if len(done) >= repeats and _is_settled(report := _report(best, asked, done, allowed)):
                return report
    return _report(best, asked, done, allowed)


def _is_settled(report: Verified) -> bool:
    answers = {report.objective.answer, *(one.answer for one in report.limits)}
    disturbed = any(one.disturbed for one in report.repeats)
    return "borderline" not in answers and not ("missed" in answers and disturbed)


def _report(best: Best, limits: Sequence[Limit], repeats: Sequence[Repeat], tolerance: float) -> Verified:
    metrics, sem = pooled(repeats)
    here = surroundings()
    there = {"machine": best.machine, "versions": best.versions}
    return Verified(
        best=best,
        limits=judge(limits, metrics, _verdicts(repeats, limits), sem=sem).judgements,
        objective=compare(best, metrics, sem, tolerance, same_machine=not _moved(there, here)),
        metrics=metrics,
        sem=sem,
        repeats=tuple(repeats),
        notes=tuple(differences(there, here)),
    )


def _moved(there: Mapping[str, Any], here: Mapping[str, Any]) -> bool:
    return any(
        name in there["machine"] and there["machine"][name] != here["machine"].get(name)
        for name in ("cpu", "cores")
    )


def pooled(repeats: Sequence[Repeat]) -> tuple[dict[str, float], dict[str, float]]:
    """Medians over the repeats that ran, quiet ones where there are enough, and standard errors that hold at 95 %
    with the normal quantile: of the spread between processes or within them, whichever is larger.
    """
    ran = [one for one in repeats if one.outcome == "ok"]
    quiet = [one for one in ran if not one.disturbed]
    used = quiet if 2 * len(quiet) > len(ran) else ran
    if not used:
        return {}, {}
    metrics: dict[str, float] = {}
    errors: dict[str, float] = {}
    count = len(used)
    for name in used[0].metrics:
        values = [one.metrics[name] for one in used if name in one.metrics]
        if len(values) < count:
            continue
        metrics[name] = float(statistics.median(values))
        within = [one.sem.get(name, 0.0) for one in used]
        error = math.sqrt(math.fsum(value * value for value in within)) / count
        if count > 1:
            # A median's standard error is that of the mean times sqrt(pi / 2); few repeats are weighed by Student's t.
            between = statistics.stdev(values) / math.sqrt(count) * math.sqrt(math.pi / 2)
            error = max(error, between * _core.probe_student_t(0.95, count - 1) / 1.959964)
        if error > 0:
            errors[name] = error
    return metrics, errors


def _verdicts(repeats: Sequence[Repeat], limits: Sequence[Limit]) -> dict[str, dict[str, Any]]:
    """The verdicts of all repeats as one: what more than half of them settled; else borderline."""
    ran = [verdicts_of(one.facts) for one in repeats if one.outcome == "ok"]
    found: dict[str, dict[str, Any]] = {}
    for limit in limits:
        said = [verdict for one in ran if (verdict := one.get(limit.metric)) is not None]
        if not said or not limit.upper:
            continue
        answers = [verdict["answer"] for verdict in said]
        settled = [one for one in ("feasible", "infeasible") if 2 * answers.count(one) > len(ran)]
        answer = settled[0] if settled else "borderline"
        count = answers.count(answer)
        found[limit.metric] = {
            "answer": answer,
            "reason": f"{limit} is {answer} in {count} of {len(ran)} measurements",
            "probability": statistics.fmean(float(verdict.get("probability", 0.5)) for verdict in said),
        }
    return found


def compare(
    best: Best,
    metrics: Mapping[str, float],
    sem: Mapping[str, float],
    tolerance: float,
    *,
    same_machine: bool,
) -> ObjectiveAnswer:
    """Whether the objective is worse than shipped by more than the tolerance, at 95 % confidence."""
    name = best.objective.metric
    shipped, now = best.figures.metrics.get(name), metrics.get(name)
    if shipped is None or now is None or not same_machine:
        why = (
            "it was shipped from another machine"
            if shipped is not None and now is not None
            else "it was not measured"
        )
        return ObjectiveAnswer(
            name, "unmeasured", shipped, now, None, f"{row(name).title} is not compared: {why}"
        )
    change = best.objective.gain(now, shipped)
    relative = math.hypot(sem.get(name, 0.0) / abs(now) if now else 0.0, _relative(best, name))
    half = 1.959964 * relative * (1 + change if best.objective.direction == "maximize" else 1 - change)
    answer: Answer = "met"
    if change + half < -tolerance:
        answer = "missed"
    elif change - half < -tolerance:
        answer = "borderline"
    words = f"{row(name).title} was {figure(name, shipped)} when it was shipped and is {figure(name, now)}"
    return ObjectiveAnswer(name, answer, shipped, now, change, f"{words}, {worded(change)}")


def worded(change: float) -> str:
    """``12% better``, ``2.9 times worse``, ``about the same``."""
    if abs(change) < 0.01:
        return "about the same"
    side = "better" if change > 0 else "worse"
    if change <= -0.5 and change > -1:
        return f"{1 / (1 + change):.2g} times worse"
    return f"{abs(change):.0%} {side}"


def _relative(best: Best, name: str) -> float:
    value = best.figures.metrics.get(name)
    return best.figures.sem.get(name, 0.0) / abs(value) if value else 0.0


def _merged(stored: Sequence[Limit], given: Sequence[Limit]) -> tuple[Limit, ...]:
    """The stored limits, with those given in place of the ones on the same side of the same metric."""
    return tuple({limit.slot: limit for limit in (*stored, *given)}.values())


def _repeat(ending: Ending, best: Best, limits: Sequence[Limit]) -> Repeat:
    result: Any = ending.result
    peak = ending.evidence.get("peak_memory_mb")
    if isinstance(result, Mapping) and result.get("memory_peak_mb") is None and peak is not None:
        result = {**result, "memory_peak_mb": peak}
    if ending.outcome != "ok":
        return Repeat(ending.outcome, {}, {}, {}, ending.evidence, ending.seconds)
    reading = read_result(result, best.objective.metric, limits)
    outcome = "crashed" if reading.problem else "ok"
    evidence = {**ending.evidence, "reason": reading.problem} if reading.problem else ending.evidence
    return Repeat(outcome, reading.metrics, reading.sem, reading.facts, evidence, ending.seconds)
