"""From a stored history to the optimiser that made it: the optimiser is a fold over its history, so
replaying it is enough.
"""

from __future__ import annotations

from collections.abc import Sequence

from lehr.optimizer import Optimizer
from lehr.study.definition import Definition
from lehr.study.early import IN_A_ROW, EarlyEnd
from lehr.study.executor import SETTLED_BY
from lehr.study.stored import StoredTrial
from lehr.study.trial import StudyTrial
from lehr.trial import Trial


def make_optimizer(definition: Definition, budget: int) -> Optimizer:
    """An optimiser at the start of a study. Raises OptionError for options out of range."""
    return Optimizer(
        definition.space,
        direction=definition.direction,
        constraints=definition.limits,
        budget=budget,
        method=definition.method,
        preset=definition.preset,
        seed=definition.seed,
        acquisition=definition.acquisition,
        options=definition.options,
    )


def replay(
    optimizer: Optimizer,
    stored: Sequence[StoredTrial],
    definition: Definition,
    early: EarlyEnd | None = None,
) -> dict[int, Trial]:
    """Bring a fresh optimiser to where the stored history ends, and ``early`` with it.

    A study's initial configurations are its first trials, so those that were not asked yet are queued.

    Returns:
        The optimiser's handles of the trials that were asked but never finished, by number.
    """
    waiting: dict[int, Trial] = {}
    for asked, record in enumerate(stored, 1):
        handle = optimizer.replay_ask(record.config, record.origin)
        if record.trial is None:
            waiting[record.number] = handle
            continue
        tell(optimizer, handle, record.trial)
        # Not while an unbroken run still had initial configurations before it.
        if early is not None and asked >= len(definition.initial) and len(stored) - asked < IN_A_ROW:
            early.look(asked)
    for config in definition.initial[len(stored) :]:
        optimizer.enqueue(config)
    return waiting


def tell(optimizer: Optimizer, handle: Trial, trial: StudyTrial) -> None:
    """Tell the optimiser how a trial ended: the limited metrics only, and those of a trial stopped early
    as far as known.
    """
    outcome = trial.outcome or "crashed"  # a finished trial has one
    if outcome not in ("ok", "early_stopped"):
        optimizer.tell(handle, outcome=outcome, seconds=trial.seconds)
        if settled_by := _settled_by(optimizer, trial):
            optimizer.rule_out(handle, settled_by)
        return
    metrics, (objective_sem, errors) = trial.judged.effective, trial.told_errors
    told = {name: error for name, error in errors.items() if name in metrics}
    optimizer.tell(
        handle,
        objective=trial.objective,
        metrics=metrics,
        outcome=outcome,
        seconds=trial.seconds,
        objective_sem=objective_sem,
        metrics_sem=told or None,
    )


def _settled_by(optimizer: Optimizer, trial: StudyTrial) -> list[str]:
    """The variables of the space that settled the trial's failure, as the executor says; others do not concern it."""
    named = trial.evidence.get(SETTLED_BY)
    return [name for name in optimizer.space.names if name in named] if isinstance(named, list) else []
