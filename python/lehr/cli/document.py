"""The JSON objects of ``--json``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lehr.cli.tune import Run
    from lehr.study import Study, StudyTrial


def tune(
    run: Run, study: Study, baseline: StudyTrial | None, *, interrupted: bool, out: str | None
) -> dict[str, Any]:
    """What ``lehr tune --json`` prints."""
    best, settings = study.best, run.settings
    status = "interrupted" if interrupted else "ok" if best is not None else "nothing_feasible"
    return {
        "status": status,
        "best": _found(best),
        "baseline": _found(baseline),
        "objective": {"name": settings.objective.name, "metric": settings.objective.metric,
                      "direction": settings.objective.direction},
        "limits": [limit.as_json() for limit in settings.limits],
        "trials": [trial_record(trial) for trial in study.trials],
        "seconds": study.seconds,
        "stopped": study.stopped,
        "ended_early": study.ended_early,
        "budget": {"trials": settings.budget.trials, "seconds": settings.budget.seconds},
        "budget_lost": {
            kind: {"trials": loss.trials, "seconds": loss.seconds} for kind, loss in study.budget_lost.items()
        },
        "nearest_miss": _near(study) if best is None else None,
        "confirmations": [one.as_json() for one in study.confirmations.values()],
        "faults": [
            {"variable": fault.variable, "value": fault.value, "error": fault.error, "failures": fault.failures,
             "message": fault.message}
            for fault in study.faults
        ],
        "study": study.name,
        "storage": run.options.storage,
        "seed": run.options.seed,
        "method": run.options.method,
        "out": out,
    }  # fmt: skip


def trial_record(trial: StudyTrial) -> dict[str, Any]:
    """One trial."""
    return {
        "number": trial.number,
        "config": trial.config,
        "outcome": trial.outcome,
        "feasible": trial.feasible,
        "violation": trial.violation
        if trial.violation is not None and math.isfinite(trial.violation)
        else None,
        "objective": trial.objective,
        "metrics": dict(trial.metrics),
        "evidence": dict(trial.evidence),
        "facts": dict(trial.facts),
        "seconds": trial.seconds,
    }


def _found(trial: StudyTrial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    return {
        "config": trial.config,
        "objective": trial.objective,
        "metrics": trial.metrics,
        "trial": trial.number,
        "outcome": trial.outcome,
        "feasible": trial.feasible,
    }


def _near(study: Study) -> dict[str, Any] | None:
    near = study.nearest_miss
    if near is None:
        return None
    return {**trial_record(near), "misses": [one.as_json() for one in near.misses]}
