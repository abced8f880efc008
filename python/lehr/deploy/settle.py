"""From a request and its opened models to what is searched: limits settled, the study's name found, all of it said."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lehr.deploy.objective import Objective
from lehr.deploy.plan import Plan
from lehr.deploy.request import Request
from lehr.deploy.study_name import choose, default_name, digest
from lehr.deploy.workload import Workload
from lehr.errors import StorageError
from lehr.limits import Limit

#: Least agreement with the model as given where a model comes without labels.
FIDELITY = 0.99
#: What may be lost of the default configuration's accuracy, where there are labels and no limit was given.
ACCURACY_DROP = 0.01


@dataclass(frozen=True, slots=True)
class Settled:
    """A search that can begin. ``mark`` is a digest of everything that fixes its trials."""

    objective: Objective
    limits: tuple[Limit, ...]
    plan: Plan
    name: str
    mark: str


def settle(request: Request, workload: Workload) -> Settled:
    """Settle what is searched and under which name. Raises StorageError for a storage that is not one."""
    objective, limits = request.objective, request.limits
    notes = list(workload.notes)
    if request.model is None and limits and not _given(request):
        notes.append("(Default limits; your own: --max-latency-p95, --max-memory, --min-accuracy...)")
    accuracy_matters = objective.metric != "accuracy" and all(limit.metric != "accuracy" for limit in limits)
    if not workload.labelled:
        notes.append("Without labels, accuracy means agreement with the model's own answers.")
    if accuracy_matters and not workload.labelled:
        limits = (*limits, Limit("accuracy", FIDELITY, ">="))
        notes.append(f"At least {FIDELITY:g} of it is asked for; change that with --min-accuracy.")
    elif accuracy_matters:
        reached = workload.opened.accuracy.get(
            str(workload.baseline.get("model", next(iter(workload.opened.models))))
        )
        if reached is None or not math.isfinite(reached):
            notes.append(
                "The default configuration's accuracy is not known, so it is not limited; see --min-accuracy."
            )
        else:
            limits = (*limits, floor := accuracy_floor(reached))
            notes.append(
                f"The default configuration reaches an accuracy of {reached:.3g}; {floor.bound:g} is asked for. Change "
                "that with --min-accuracy."
            )
    mark = digest(
        {
            "workload": workload.identity,
            "space": workload.space.to_json(),
            "limits": [limit.text for limit in limits],
            "objective": objective.as_json(),
            "method": request.method,
            "preset": request.preset,
            "seed": request.seed,
            "trial_timeout_s": request.trial_timeout_s,
            "memory_limit_mb": request.memory_limit_mb if request.memory_limit_given else None,
            **({} if request.measure_s is None else {"measure_s": request.measure_s}),
        }
    )
    base = request.name or default_name(workload.subject, mark)
    name = choose(base, lambda taken: _exists(request, taken), fresh=request.fresh)
    plan = Plan(f"Tuning {workload.title}.", objective, limits, request.budget, tuple(notes))
    return Settled(objective, limits, plan, name, mark)


def accuracy_floor(reached: float) -> Limit:
    """The least accuracy: a hundredth below what the default configuration reaches, rounded down to a thousandth; of a
    metric outside 0 to 1, a hundredth of its size below.
    """
    if not 0 <= reached <= 1:
        return Limit("accuracy", reached - ACCURACY_DROP * abs(reached), ">=")
    floor = math.floor((reached - ACCURACY_DROP) * 1000 + 1e-6) / 1000
    return Limit("accuracy", max(0.0, floor), ">=")


def _given(request: Request) -> bool:
    from lehr.deploy.request import ZOO_LIMITS

    return request.limits != ZOO_LIMITS


def _exists(request: Request, name: str) -> bool:
    """Whether there is such a study. A storage that cannot be read says why when the run opens it."""
    from lehr.study.storage import StudyStore

    if request.storage is None:
        return False
    try:
        return StudyStore(request.storage, name, writable=False).exists
    except StorageError:
        return False
