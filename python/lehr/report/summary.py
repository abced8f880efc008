"""The last lines: the best configuration beside the default one, or why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lehr.report import figures, rows
from lehr.deploy.plan import Plan
from lehr.report.grid import aligned
from lehr.metrics import bound, figure, metric
from lehr.study import Study, StudyTrial


def best_lines(
    best: StudyTrial, baseline: StudyTrial | None, plan: Plan, out: str | None, command: str
) -> list[str]:
    """Configuration and figures of the best; the very last line says both in one."""
    names = rows.columns(plan.objective, plan.limits)
    lines = ["", f"Best of the search: trial {best.number}"]
    lines += [f"  {name} = {value}" for name, value in best.config.items()]
    lines += comparison(
        names, {"best": best.metrics, "default": baseline.metrics if baseline else None}, plan
    )
    if out is not None:
        lines.append(f"Written to {out}. To measure it again: {command}")
    lines.append(last_line(best, baseline, plan))
    return lines


def confirmation_lines(study: Study) -> list[str]:
    """What came of measuring the winner again, and which trials are no winners for it."""
    best = study.best
    lines = [
        f"Trial {one.trial} was better, but it flipped when it was measured again: {one.reason}."
        for one in study.confirmations.values()
        if not one.held and (best is None or one.trial != best.number)
    ]
    if best is None:
        return lines
    again = study.confirmations.get(best.number)
    if again is not None and not again.held:
        lines.append(
            f"NOT CONFIRMED: trial {best.number} did not meet the limits when it was measured again ({again.reason}), "
            f"but the machine was disturbed: {again.disturbed}. `lehr verify` on a quiet machine tells."
        )
    elif again is not None:
        lines.append(f"Trial {best.number} was measured again in a fresh process: every limit is met.")
    elif lines:
        lines.append(f"Trial {best.number} was not measured again: too many before it flipped.")
    return lines


def last_line(best: StudyTrial, baseline: StudyTrial | None, plan: Plan) -> str:
    """``Best: resnet int8_static b1: accuracy 0.966, ... | default: accuracy 0.966, ...``"""
    names = rows.columns(plan.objective, plan.limits)
    ordered = (plan.objective.metric, *(name for name in names if name != plan.objective.metric))
    found = f"Best: {figures.compact(best.config)}: {figures.shown_metrics(best.metrics, ordered)}"
    if baseline is None:
        return f"{found} (the default configuration was dropped from the space)"
    if baseline.number == best.number:
        return f"{found} (this is the default configuration: nothing better was found)"
    if not baseline.metrics:
        return f"{found}; the default {_ended(baseline)}"
    over = "" if baseline.feasible else " (over limit)"
    return f"{found}; default: {figures.shown_metrics(baseline.metrics, ordered)}{over}"


def comparison(names: Sequence[str], columns: dict[str, Any], plan: Plan) -> list[str]:
    """A small table: a row a metric, a column a source of figures, and the limits. A source may be None."""
    sources = {title: metrics for title, metrics in columns.items() if metrics is not None}
    limits = {limit.metric: f"{limit.side} {bound(limit.metric, limit.bound)}" for limit in plan.limits}
    grid = [["", *sources, "limit" if limits else ""]]
    grid += [
        [
            metric(name).title,
            *(figure(name, metrics.get(name)) for metrics in sources.values()),
            limits.get(name, ""),
        ]
        for name in names
    ]
    return [f"  {line}" for line in aligned(grid, left=1)]


def nothing_lines(study: Study, baseline: StudyTrial | None, plan: Plan) -> list[str]:
    """Why there is no best: the nearest miss, by how much, what the budget was lost to, what to try."""
    limits = ", ".join(limit.shown() for limit in plan.limits) or "the limits"
    count = len(study)
    lines = ["", f"Nothing met {limits} in {count} trial{'s' if count != 1 else ''}."]
    lost = [
        f"{rows.SHOWN[kind]} {loss.trials} ({figures.seconds(loss.seconds)})"
        for kind, loss in study.budget_lost.items()
    ]
    if lost:
        lines.append(f"The budget went to: {', '.join(lost)}.")
    lines += [fault.message for fault in study.faults]
    near = study.nearest_miss
    if baseline is not None:
        there = figures.shown_metrics(baseline.metrics, rows.columns(plan.objective, plan.limits))
        lines.append(f"Default ({figures.compact(baseline.config)}): {there or _ended(baseline)}.")
    if near is None:
        lines.append(_cause(study))
        return lines
    lines.append(f"Hint: {_hint(near)}")
    stopped = "" if near.outcome == "ok" else " when it was stopped for being far too slow"
    missed = "; ".join(one.shown() for one in near.misses)
    lines.append(f"Nearest miss: trial {near.number}, {figures.compact(near.config)}: {missed}{stopped}.")
    return lines


def _hint(near: StudyTrial) -> str:
    if all(one.answer == "borderline" for one in near.misses):
        return (
            "measuring could not settle it; a limit a little looser, or a quiet machine, would; or give a larger "
            "--budget."
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
            return f"Nothing ran to its end. Trial {trial.number} {_ended(trial)}: {why}"
    return "Nothing ran to its end."


def _ended(trial: StudyTrial) -> str:
    endings = {
        "crashed": "crashed",
        "timeout": "ran into its deadline",
        "oom": "ran out of memory",
        "early_stopped": "was stopped for being far too slow",
    }
    return endings.get(str(trial.outcome), "ran")
