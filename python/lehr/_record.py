"""Trials as the core records them, for a user to see."""

from __future__ import annotations

import math

from lehr import _core
from lehr._told import ResultReader
from lehr.trial import Trial


def trial_of(core: _core.Optimizer, results: ResultReader, number: int) -> Trial:
    """One trial of a search."""
    _, config, origin, outcome, objective, metrics, feasible, violation = core.record(number)
    if outcome is None:
        return Trial(number, config, origin)
    objective_sem, metrics_sem = errors_of(core, results, number)
    return Trial(
        number,
        config,
        origin,
        outcome,
        objective=known(objective),
        metrics=results.measured(metrics),
        feasible=feasible,
        violation=violation,
        seconds=known(core.seconds(number)),
        objective_sem=objective_sem,
        metrics_sem=metrics_sem,
    )


def errors_of(
    core: _core.Optimizer, results: ResultReader, number: int
) -> tuple[float | None, dict[str, float]]:
    """Standard errors of a trial's objective and of its metrics by name, as far as told."""
    sems = core.sems(number)
    return (None, {}) if sems is None else (known(sems[0]), results.measured(sems[1]))


def known(value: float) -> float | None:
    """A figure of the core, whose NaN is none."""
    return None if math.isnan(value) else value
