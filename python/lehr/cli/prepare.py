"""From settings to what is searched: model and data opened, limits settled, the study's name found."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lehr.report.display import Plan
from lehr.cli.settings import Settings, TuneOptions
from lehr.cli.study_name import choose, default_name, digest
from lehr.errors import StorageError
from lehr.limits import Limit

if TYPE_CHECKING:
    from lehr.cli.workload import Workload

#: Least agreement with fp32 where a model comes without labels.
FIDELITY = 0.99
#: What may be lost of the default configuration's accuracy, where there are labels and no limit was given.
ACCURACY_DROP = 0.01


@dataclass(frozen=True, slots=True)
class Prepared:
    """A search that can begin. ``mark`` is a digest of everything that fixes its trials."""

    workload: Workload
    settings: Settings
    plan: Plan
    name: str
    mark: str


def prepare(options: TuneOptions, settings: Settings) -> Prepared:
    """Open model and data, and settle what is searched and under which name.

    Raises:
        LehrError: model, data or storage cannot be used.
    """
    from lehr.cli.space_edit import without
    from lehr.cli.workload import model_workload, zoo_workload

    model = options.model
    workload = zoo_workload() if model is None else model_workload(model, options.data, options.shapes)
    workload = replace(workload, space=without(workload.space, options.without))
    accuracy_matters = settings.objective.metric != "accuracy" and not any(
        limit.metric == "accuracy" for limit in settings.limits
    )
    notes = list(workload.notes)
    if model is None and not options.limits.limits():
        notes.append("(Default limits; your own: --max-latency-p95, --max-memory, --min-accuracy...)")
    if not workload.labelled:
        notes.append("Without labels, accuracy means agreement with the model's own fp32 answers.")
    if accuracy_matters and not workload.labelled:
        settings = replace(settings, limits=(*settings.limits, Limit("accuracy", FIDELITY, side=">=")))
        notes.append(f"At least {FIDELITY:g} of it is asked for; change that with --min-accuracy.")
    relative = accuracy_matters and workload.labelled
    mark = _mark(options, settings, workload, relative)
    name = _name(options, workload, mark)
    if relative:
        floor = accuracy_floor(options, settings, workload, name)
        if floor is None:
            notes.append(
                "The default configuration does not run, so accuracy is not limited; see --min-accuracy."
            )
        else:
            settings = replace(settings, limits=(*settings.limits, floor))
            notes.append(
                f"Accuracy may fall short of the default configuration's by {ACCURACY_DROP:g}; change that with "
                "--min-accuracy."
            )
    plan = Plan(
        f"Tuning {workload.title}.", settings.objective, settings.limits, settings.budget, tuple(notes)
    )
    return Prepared(workload, settings, plan, name, mark)


def accuracy_floor(options: TuneOptions, settings: Settings, workload: Workload, name: str) -> Limit | None:
    """The least accuracy: a little below what the default configuration reaches; None when that does not run.

    It is measured once, in a process of its own; a study that is there already keeps the limit it was made with.
    """
    from lehr.deploy.evaluate import PRELOAD
    from lehr.deploy.machine import environment
    from lehr.study import load_study
    from lehr.supervise.supervisor import Supervisor

    if _exists(options.storage, name):
        kept = load_study(options.storage, name).limits
        return next((one for one in kept if one.metric == "accuracy"), None)
    with Supervisor(environment=environment()) as supervisor:
        ending = supervisor.run(
            workload.evaluator,
            workload.baseline,
            preload=PRELOAD,
            timeout_s=settings.trial_timeout_s,
            memory_limit_mb=settings.memory_limit_mb,
        )
    if ending.outcome != "ok":
        return None
    floor = math.floor((ending.result["accuracy"] - ACCURACY_DROP) * 1000 + 1e-6) / 1000
    return Limit("accuracy", max(0.0, floor), side=">=")


def _mark(options: TuneOptions, settings: Settings, workload: Workload, relative: bool) -> str:
    return digest(
        {
            "workload": workload.identity,
            "space": workload.space.to_json(),
            "limits": [limit.text for limit in settings.limits],
            "accuracy_drop": ACCURACY_DROP if relative else None,
            "objective": settings.objective.name,
            "method": settings.method,
            "preset": settings.preset,
            "seed": options.seed,
            "trial_timeout_s": settings.trial_timeout_s,
            "memory_limit_mb": settings.memory_limit_mb if options.memory_limit is not None else None,
        }
    )


def _name(options: TuneOptions, workload: Workload, mark: str) -> str:
    """The study's name; with ``--fresh`` one that is not taken."""
    base = options.name or default_name(workload.subject, mark)
    return choose(base, lambda name: _exists(options.storage, name), fresh=options.fresh)


def _exists(storage: str, name: str) -> bool:
    """Whether there is such a study. A storage that cannot be read says why when the run opens it."""
    from lehr.study.storage import StudyStore

    try:
        return StudyStore(storage, name, writable=False).exists
    except StorageError:
        return False
