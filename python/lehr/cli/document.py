"""The JSON object of ``lehr tune --json``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lehr.deploy.tune import Tuned
    from lehr.quantities import Budget
    from lehr.study import Study, StudyTrial


def tune(
    tuned: Tuned, *, budget: Budget, storage: str, method: str | None, interrupted: bool, out: str | None
) -> dict[str, Any]:
    """What ``lehr tune --json`` prints."""
    study = tuned.study
    found = tuned.config is not None
    baseline = next((trial for trial in study.trials if trial.config == tuned.workload.baseline), None)
    return {
        "status": "interrupted" if interrupted else "ok" if found else "nothing_feasible",
        "best": _best(tuned) if found else None,
        "baseline": _baseline(tuned, baseline),
        "objective": tuned.objective.as_json(),
        "limits": [one.as_json() for one in tuned.limits],
        "final": None if tuned.final is None else tuned.final.as_json(),
        "disturbed": tuned.disturbed,
        "trials": [trial_record(trial) for trial in study.trials],
        "seconds": study.seconds,
        "stopped": study.stopped,
        "stopped_by": study.stopped_by,
        "ended_early": study.ended_early,
        "budget": {"trials": budget.trials, "seconds": budget.seconds},
        "budget_lost": {
            kind: {"trials": loss.trials, "seconds": loss.seconds} for kind, loss in study.budget_lost.items()
        },
        "nearest_miss": None if found else _near(study),
        "faults": [
            {"variable": fault.variable, "value": fault.value, "error": fault.error, "failures": fault.failures,
             "message": fault.message}
            for fault in study.faults
        ],
        "unavailable": dict(tuned.unavailable),
        "notes": list(tuned.notes),
        "study": study.name,
        "storage": storage,
        "seed": tuned.seed,
        "method": method,
        "out": out,
    }  # fmt: skip


def trial_record(trial: StudyTrial) -> dict[str, Any]:
    """One trial."""
    violation = trial.violation
    return {
        "number": trial.number,
        "config": trial.config,
        "outcome": trial.outcome,
        "feasible": trial.feasible,
        "borderline": trial.is_open,
        "violation": violation if violation is not None and math.isfinite(violation) else None,
        "objective": trial.objective,
        "metrics": dict(trial.metrics),
        "sem": dict(trial.metrics_sem),
        "limits": [one.as_json() for one in trial.judged.judgements],
        "disturbed": trial.disturbed or None,
        "evidence": dict(trial.evidence),
        "facts": dict(trial.facts),
        "seconds": trial.seconds,
    }


def _best(tuned: Tuned) -> dict[str, Any]:
    return {
        "config": tuned.config,
        "objective": tuned.metrics.get(tuned.objective.metric),
        "metrics": dict(tuned.metrics),
        "sem": dict(tuned.sem),
        "trial": tuned.trial,
        "outcome": "ok",
        "feasible": True,
    }


def _baseline(tuned: Tuned, trial: StudyTrial | None) -> dict[str, Any] | None:
    if tuned.baseline is None or trial is None:
        return None
    figures = tuned.baseline
    return {
        "config": figures.config,
        "objective": figures.metrics.get(tuned.objective.metric),
        "metrics": dict(figures.metrics),
        "sem": dict(figures.sem),
        "trial": trial.number,
        "outcome": figures.outcome,
        "feasible": trial.feasible,
    }


def _near(study: Study) -> dict[str, Any] | None:
    near = study.nearest_miss
    if near is None:
        return None
    return {**trial_record(near), "misses": [one.as_json() for one in near.misses]}
