"""``lehr verify``: a shipped configuration, measured again and held against its limits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr import quantities as units
from lehr.report import figures
from lehr.cli.best_file import BestFile
from lehr.cli.exits import Exit, InputError
from lehr.report.grid import aligned
from lehr.cli.limits import OBJECTIVES, LimitOptions
from lehr.cli.output import complain, emit, guarded_stdout, say
from lehr.cli.settings import memory_limit
from lehr.cli.signals import orderly_termination
from lehr.limits import Limit, verdicts_of
from lehr.metrics import bound, figure, metric, number

if TYPE_CHECKING:
    from lehr.cli.workload import Workload
    from lehr.supervise import Ending


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options as typed."""

    best: Path
    model: Path | None
    data: Path | None
    repeats: int
    limits: LimitOptions
    trial_timeout: str
    memory_limit: str | None
    json: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What measuring again showed.

    ``metrics`` are medians over the repeats that ran; ``missed`` are the limits they miss; ``failures`` the
    repeats that did not run.
    """

    metrics: dict[str, float]
    missed: tuple[Limit, ...]
    failures: tuple[Ending, ...]

    @property
    def passed(self) -> bool:
        """Whether every repeat ran and every limit is met."""
        return not self.missed and not self.failures


def verify(options: VerifyOptions) -> Exit:
    """Measure and judge. Raises LehrError when it cannot be done."""
    with orderly_termination() as ending:
        try:
            with guarded_stdout(active=options.json):
                shipped, limits, endings, notes = _measure(options)
            verdict = judge(endings, limits)
        except KeyboardInterrupt:
            complain("interrupted")
            return ending.exit_code
    if options.json:
        emit(_document(shipped, limits, endings, verdict, notes))
    else:
        say(*_words(shipped, limits, endings, verdict, notes))
    return Exit.DONE if verdict.passed else Exit.NOTHING_FEASIBLE


def _measure(options: VerifyOptions) -> tuple[BestFile, tuple[Limit, ...], list[Ending], list[str]]:
    if not 1 <= options.repeats <= 1000:
        raise InputError(f"--repeats: {options.repeats} is outside 1 to 1000")
    overrides = options.limits.limits()
    timeout_s = units.duration_s(options.trial_timeout, "--trial-timeout")
    shipped = best_file.read(options.best)
    limits = merged(shipped.limits, overrides)
    memory_limit_mb = memory_limit(options.memory_limit, limits)
    workload = reopened(shipped, options)
    shown = "" if options.json else f"Measuring {figures.compact(shipped.config)} {options.repeats} times."
    if shown:
        say(shown)
    endings = repeat(
        workload,
        shipped.config,
        limits,
        options.repeats,
        timeout_s=timeout_s,
        memory_limit_mb=memory_limit_mb,
    )
    return shipped, limits, endings, differences(shipped)


def merged(stored: Sequence[Limit], given: Sequence[Limit]) -> tuple[Limit, ...]:
    """The stored limits, with those given in place of the ones on the same side of the same metric."""
    kept = {limit.slot: limit for limit in (*stored, *given)}
    return tuple(kept.values())


def reopened(shipped: BestFile, options: VerifyOptions) -> Workload:
    """The model and data that a best.json speaks of.

    Raises:
        InputError: they are not there, or are not the same any more.
    """
    from lehr.cli.workload import model_workload, zoo_workload

    family = shipped.model.get("zoo")
    if family is not None:
        if options.model is not None or options.data is not None:
            raise InputError(f"{options.best} is about the bundled zoo; --model and --data do not apply")
        workload = zoo_workload()
        if family not in workload.evaluator.models:
            raise InputError(f"{options.best} names {family!r}, which is not in the zoo of this lehr")
    else:
        data = None
        if shipped.data is not None:
            data = _located("data", options.data, shipped.data, options.best)
        elif options.data is not None:
            raise InputError(f"{options.best} was made without data; --data does not apply")
        shapes = [
            f"{name}:{'x'.join(map(str, dims))}" for name, dims in _shapes(shipped, options.best).items()
        ]
        workload = model_workload(_located("model", options.model, shipped.model, options.best), data, shapes)
    if workload.baseline.keys() & {"model"} and shipped.config.get("model") != family:
        raise InputError(f"{options.best} is damaged: its configuration and its model disagree")
    model = workload.evaluator.model_of(shipped.config)
    if model.sha256 != shipped.model["sha256"]:
        raise InputError(
            f"the model has changed since {options.best} was written: {model.path} has SHA-256 "
            f"{model.sha256[:12]}..., not {shipped.model['sha256'][:12]}...; tune again, or give the "
            "old one with --model"
        )
    return workload


def _located(what: str, given: Path | None, record: Mapping[str, Any], best: Path) -> Path:
    """Where a recorded file is now: as given, where it was, or beside best.json. Data must have their digest."""
    from lehr.cli.workload import file_digest

    path = given or Path(record["path"])
    beside = best.parent / path.name
    if given is None and not path.is_file() and beside.is_file():
        path = beside
    if not path.is_file():
        raise InputError(f"the {what} {path} is not there; say where it is with --{what}")
    if what == "data" and file_digest(path) != record["sha256"]:
        raise InputError(
            f"the data in {path} have changed since {best} was written; give the old file with --data"
        )
    return path


def _shapes(shipped: BestFile, best: Path) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = shipped.model.get("shapes", {})
    fine = isinstance(shapes, dict) and all(
        isinstance(dims, list)
        and dims
        and all(isinstance(size, int) and not isinstance(size, bool) for size in dims)
        for dims in shapes.values()
    )
    if not fine:
        raise InputError(f"{best} is damaged: the shapes of its model are not lists of whole numbers")
    return shapes


def repeat(
    workload: Workload,
    config: dict[str, Any],
    limits: Sequence[Limit],
    repeats: int,
    *,
    timeout_s: float,
    memory_limit_mb: float,
) -> list[Ending]:
    """Measure in so many fresh processes, one after the other.

    Latency limits are settled with nothing assumed and time enough, unlike in a search.
    """
    from lehr.deploy.evaluate import PRELOAD
    from lehr.deploy.machine import environment
    from lehr.supervise.supervisor import Supervisor

    evaluator = replace(
        workload.evaluator,
        plan=workload.evaluator.plan.strict(),
        limits=tuple(limits),
    )
    with Supervisor(environment=environment()) as supervisor:
        return [
            supervisor.run(
                evaluator, config, preload=PRELOAD, timeout_s=timeout_s, memory_limit_mb=memory_limit_mb
            )
            for _ in range(repeats)
        ]


def judge(endings: Sequence[Ending], limits: Sequence[Limit]) -> Verdict:
    """Medians against limits, or what most repeats' verdicts say where they have some; a repeat that did not run fails
    the whole.
    """
    ran = [numbers(ending.result) for ending in endings if ending.outcome == "ok"]
    names = [name for name in ran[0] if all(name in metrics for metrics in ran)] if ran else []
    medians = {name: float(statistics.median(metrics[name] for metrics in ran)) for name in names}
    return Verdict(
        metrics=medians,
        missed=tuple(limit for limit in limits if ran and not _met(limit, medians, endings)),
        failures=tuple(ending for ending in endings if ending.outcome != "ok"),
    )


def _met(limit: Limit, medians: Mapping[str, float], endings: Sequence[Ending]) -> bool:
    answers = [
        verdicts_of(ending.result).get(limit.metric, {}).get("answer")
        for ending in endings
        if ending.outcome == "ok" and limit.upper
    ]
    if answers.count("feasible") * 2 > len(answers) > 0:
        return True
    if answers.count("infeasible") * 2 > len(answers) > 0:
        return False
    return limit.met(medians.get(limit.metric))


def numbers(result: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a result, without its notes."""
    return {
        name: float(value)
        for name, value in result.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def differences(shipped: BestFile) -> list[str]:
    """How this machine differs from the one that measured before, one phrase each."""
    from lehr.deploy.machine import describe_machine

    here = describe_machine()
    versions = {"python": here["python"], **here["packages"]}
    found = [
        f"{what} {shipped.machine[what]} then, {here[what]} now"
        for what in ("cpu", "cores")
        if what in shipped.machine and shipped.machine[what] != here[what]
    ]
    return found + [
        f"{name} {shipped.versions[name]} then, {versions[name]} now"
        for name in ("onnxruntime", "lehr")
        if name in shipped.versions and name in versions and shipped.versions[name] != versions[name]
    ]


def _shown_names(shipped: BestFile, limits: Sequence[Limit]) -> list[str]:
    limited = [limit.metric for limit in limits]
    names = [OBJECTIVES[shipped.objective].metric, *limited, "accuracy", "latency_p95_ms", "memory_peak_mb"]
    return list(dict.fromkeys(names))


def _words(
    shipped: BestFile,
    limits: Sequence[Limit],
    endings: Sequence[Ending],
    verdict: Verdict,
    notes: Sequence[str],
) -> list[str]:
    bounds = {limit.metric: limit for limit in limits}
    ran = [numbers(ending.result) for ending in endings if ending.outcome == "ok"]
    grid = [["", "then", "now", "range", "limit", ""]]
    for name in _shown_names(shipped, limits):
        limit, now = bounds.get(name), verdict.metrics.get(name)
        values = [metrics[name] for metrics in ran if name in metrics]
        spread = f"{number(name, min(values))}..{number(name, max(values))}" if len(values) > 1 else ""
        asked = f"{limit.side} {bound(name, limit.bound)}" if limit else ""
        said = "" if limit is None or not ran else "met" if limit not in verdict.missed else "MISSED"
        grid.append([metric(name).title, figure(name, shipped.metrics.get(name)),
                     figure(name, now), spread, asked, said])  # fmt: skip
    lines = aligned(grid)
    lines += [f"Note: {note}." for note in notes]
    count = f"{len(endings)} measurement{'s' if len(endings) != 1 else ''}"
    if verdict.failures:
        first = verdict.failures[0]
        why = str(first.evidence.get("reason") or first.outcome)
        lines.append(
            f"FAILED: {len(verdict.failures)} of {count} did not run to the end ({first.outcome}): {why}"
        )
    elif verdict.missed:
        misses = "; ".join(
            f"{metric(limit.metric).title} {figure(limit.metric, verdict.metrics.get(limit.metric))} "
            f"is not {limit.side} {bound(limit.metric, limit.bound)}"
            for limit in verdict.missed
        )
        lines.append(f"FAILED: {misses} (median of {count}).")
    else:
        lines.append(
            f"Verified: every limit is met (median of {count})."
            if limits
            else f"It runs ({count}); no limits."
        )
    return lines


def _document(
    shipped: BestFile,
    limits: Sequence[Limit],
    endings: Sequence[Ending],
    verdict: Verdict,
    notes: Sequence[str],
) -> dict[str, Any]:
    status = "ok" if verdict.passed else "failed" if verdict.failures else "missed"
    return {
        "status": status,
        "config": shipped.config,
        "limits": [
            {
                **limit.as_json(),
                "now": verdict.metrics.get(limit.metric),
                "met": limit not in verdict.missed and bool(verdict.metrics),
            }
            for limit in limits
        ],
        "stored": shipped.metrics,
        "now": verdict.metrics,
        "repeats": [
            {
                "outcome": ending.outcome,
                "metrics": numbers(ending.result) if isinstance(ending.result, Mapping) else {},
                "verdicts": verdicts_of(ending.result) if isinstance(ending.result, Mapping) else {},
                "evidence": ending.evidence,
                "seconds": ending.seconds,
            }
            for ending in endings
        ],
        "notes": list(notes),
        "seconds": sum(ending.seconds for ending in endings),
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
