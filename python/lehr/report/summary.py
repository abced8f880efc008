"""The last lines: the best configuration beside the default one, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lehr.deploy.intervals import shown
from lehr.deploy.tune import Tuned, disturbance
from lehr.limits import Z95, Judgement
from lehr.metrics import bound, figure, metric
from lehr.report import figures, rows
from lehr.report.columns import aligned
from lehr.study import Study, StudyTrial

#: Endings other than ``ok`` in a sentence: "the default ...".
ENDINGS = {
    "crashed": "crashed",
    "timeout": "ran into its deadline",
    "oom": "ran out of memory",
    "early_stopped": "was stopped for being far too slow",
}


def found_lines(tuned: Tuned, out: str | None, command: str) -> list[str]:
    """Configuration and figures of what was found, and how it was settled; the very last line says it all in one."""
    assert tuned.config is not None
    names = rows.columns(tuned.objective, [one.limit for one in tuned.limits])
    lines = ["", f"Best of the search: trial {tuned.trial}"]
    lines += [f"  {name} = {value}" for name, value in tuned.config.items()]
    baseline = tuned.baseline.metrics if tuned.baseline is not None else None
    columns = {"best": tuned.metrics, "default": baseline}
    lines += comparison(names, columns, tuned.limits, tuned.sem, intervals=_intervals(tuned))
    if tuned.final is not None:
        lines += tuned.final.sentences
    if tuned.final is not None and not tuned.confirmed:
        lines.append(
            f"NOT CONFIRMED: trial {tuned.trial} did not meet the limits when it was measured again, but the machine "
            "was disturbed. `lehr verify` on a quiet machine tells."
        )
    if tuned.disturbed is not None:
        lines.append(disturbance(tuned.disturbed))
    if out is not None:
        lines.append(f"Written to {out}. To measure it again: {command}")
    lines.append(last_line(tuned, names))
    return lines


def last_line(tuned: Tuned, names: Sequence[str]) -> str:
    """``Best: resnet int8_static b1: accuracy 0.966, ...; default: accuracy 0.966, ...``"""
    assert tuned.config is not None
    goal = tuned.objective.metric
    ordered = (goal, *(name for name in names if name != goal))
    found = f"Best: {figures.compact(tuned.config)}: {figures.shown_metrics(tuned.metrics, ordered)}"
    baseline = tuned.baseline
    if baseline is None:
        return f"{found} (the default configuration was dropped from the space)"
    if baseline.config == tuned.config:
        return f"{found} (this is the default configuration: nothing better was found)"
    if not baseline.metrics:
        return f"{found}; the default {ENDINGS.get(baseline.outcome, 'ran')}"
    answer = tuned.baseline_answer
    over = {"met": "", "borderline": " (borderline)"}.get(answer, " (over limit)")
    return f"{found}; default: {figures.shown_metrics(baseline.metrics, ordered)}{over}"


def comparison(
    names: Sequence[str],
    columns: Mapping[str, Any],
    limits: Sequence[Judgement],
    sem: Mapping[str, float],
    *,
    intervals: Mapping[str, Sequence[float]] | None = None,
) -> list[str]:
    """A small table: a row a metric, a column a source of figures, the first with its interval at 95 % where that is
    known, and the limits. A source may be None. ``intervals`` holds, by source, that of its accuracy, which is shown
    where it comes from few items.
    """
    sources = {title: metrics for title, metrics in columns.items() if metrics is not None}
    bounds: dict[str, str] = {}
    for one in limits:
        text = f"{one.side} {bound(one.metric, one.bound)}"
        bounds[one.metric] = f"{bounds[one.metric]}, {text}" if one.metric in bounds else text
    first = next(iter(sources), "")
    grid = [["", *sources, "limit" if bounds else ""]]
    for name in names:
        cells = [
            _cell(name, metrics, (intervals or {}).get(title))
            + (_plus_minus(name, metrics.get(name), sem) if title == first else "")
            for title, metrics in sources.items()
        ]
        grid.append([metric(name).title, *cells, bounds.get(name, "")])
    return [f"  {line}" for line in aligned(grid, left=1)]


def _cell(name: str, metrics: Mapping[str, float], interval: Sequence[float] | None) -> str:
    text = figure(name, metrics.get(name))
    return shown(text, interval, metrics.get("accuracy_samples")) if name == "accuracy" else text


def _intervals(tuned: Tuned) -> dict[str, Sequence[float]]:
    """Of the accuracies: over the choice of items, so that those of the trials hold for the final too."""
    found: dict[str, Sequence[float]] = {}
    for trial in tuned.study.trials:
        interval = trial.facts.get("accuracy_interval")
        if not isinstance(interval, list) or len(interval) != 2:
            continue
        if trial.number == tuned.trial:
            found["best"] = interval
        if trial.config == tuned.workload.baseline:
            found["default"] = interval
    return found


def _plus_minus(name: str, value: float | None, sem: Mapping[str, float]) -> str:
    """`` +-1.2%``: half of the interval at 95 %, where it is known."""
    if not value or name not in sem:
        return ""
    return f" +-{Z95 * sem[name] / abs(value):.1%}"


def nothing_lines(tuned: Tuned) -> list[str]:
    """Why there is no best: the nearest miss, by how much, what the budget was lost to, what to try."""
    study = tuned.study
    limits = ", ".join(one.limit.shown() for one in tuned.limits) or "the limits"
    count = len(study)
    lines = ["", f"Nothing met {limits} in {count} trial{'s' if count != 1 else ''}."]
    lost = [
        f"{rows.SHOWN[kind]} {loss.trials} ({figures.seconds(loss.seconds)})"
        for kind, loss in study.budget_lost.items()
    ]
    if lost:
        lines.append(f"The budget went to: {', '.join(lost)}.")
    lines += [fault.message for fault in study.faults]
    if tuned.disturbed is not None:
        lines.append(disturbance(tuned.disturbed))
    baseline = tuned.baseline
    if baseline is not None:
        names = rows.columns(tuned.objective, [one.limit for one in tuned.limits])
        there = figures.shown_metrics(baseline.metrics, names)
        said = there or ENDINGS.get(baseline.outcome, "ran")
        lines.append(f"Default ({figures.compact(baseline.config)}): {said}.")
    if tuned.final is not None:
        lines += tuned.final.sentences
    near = study.nearest_miss
    if near is None:
        return lines if tuned.final is not None else [*lines, _cause(study)]
    lines.append(f"Hint: {_hint(near)}")
    stopped = "" if near.outcome == "ok" else " when it was stopped for being far too slow"
    missed = "; ".join(one.shown() for one in near.misses)
    lines.append(f"Nearest miss: trial {near.number}, {figures.compact(near.config)}: {missed}{stopped}.")
    return lines


def _hint(near: StudyTrial) -> str:
    if all(one.answer == "borderline" for one in near.misses):
        return (
            "measuring could not settle it; more time for that (--measure-time 60s), a quiet machine or a limit a "
            "little looser would; or give a larger --budget."
        )
    wanted = []
    for one in near.misses:
        if one.effective is None:
            continue
        row, worst = metric(one.limit.metric), one.effective
        loosened = loosened_bound(row.name, worst, upper=one.limit.upper)
        usual = row.option and one.limit.side == row.side
        wanted.append(
            f"--{row.option} {loosened}" if usual else f"--limit '{row.name} {one.limit.side} {loosened}'"
        )
    effect = "have let it pass" if near.outcome == "ok" else "have let it be measured to the end"
    return f"{' '.join(wanted)} would {effect}; or give a larger --budget."


def loosened_bound(name: str, value: float, *, upper: bool) -> str:
    """A value as an option takes it, rounded to the side that lets the measured figure pass."""
    row = metric(name)
    step = 0.001 if row.kind == "share" else 10.0 ** (math.floor(math.log10(value)) - 2) if value > 0 else 1.0
    whole = -(-value // step) if upper else value // step
    return f"{whole * step:.6g}{row.unit if row.kind in ('time', 'memory') else ''}"


def _cause(study: Study) -> str:
    for trial in study.trials:
        if trial.outcome != "ok" and (why := rows.reason(trial)):
            return f"Nothing ran to its end. Trial {trial.number} {ENDINGS.get(str(trial.outcome), 'ran')}: {why}"
    return "Nothing ran to its end."
