"""A study: its trials so far, the best of them, and what the rest of the budget was lost to."""

from __future__ import annotations

import math
from bisect import insort
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lehr._checks import whole
from lehr._printable import printable
from lehr.errors import LehrError, StorageError
from lehr.limits import Limit
from lehr.space import Space
from lehr.study.confirming import NOTE, Confirmation, read
from lehr.study.definition import Definition
from lehr.study.faults import EnvironmentFault, environment_faults
from lehr.study.history import make_optimizer, replay
from lehr.study.opening import StorageLike
from lehr.study.policies import FailureClass, failure_named
from lehr.study.stopping import Stop, StopReason, read_stop
from lehr.study.storage import StudyStore
from lehr.study.stored import StoredTrial
from lehr.study.trial import StudyTrial

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from lehr.optimizer import Optimizer


@dataclass(frozen=True)
class Loss:
    """What a part of the budget was spent on without a feasible result.

    Attributes:
        trials: how many.
        seconds: what they cost together.
    """

    trials: int
    seconds: float


@dataclass(frozen=True)
class Disturbed:
    """How much of a study other processes disturbed.

    Attributes:
        trials: how many trials were.
        of: out of how many.
        by: what they did, in the words that were said most often.
    """

    trials: int
    of: int
    by: str


class Study:
    """What a run has found so far. Made by :func:`lehr.run` and :func:`lehr.load_study`, not by hand.

    Attributes:
        name: the study's name in its storage.
        budget: trials of the whole study, as last asked for.
    """

    def __init__(
        self,
        store: StudyStore,
        definition: Definition,
        budget: int,
        optimizer: Callable[[], Optimizer],
    ) -> None:
        self._store = store
        self._definition = definition
        self._trials: list[StudyTrial] = []
        self._optimizer = optimizer
        self._confirmations: dict[int, Confirmation] = {}
        self.name = store.name
        self.budget = budget
        self._stop: Stop | None = None

    @property
    def stopped(self) -> StopReason | None:
        """Why the last run ended (a string too: ``study.stopped == "budget"``); None while it runs, or was killed."""
        return None if self._stop is None else self._stop.reason

    @property
    def stopped_by(self) -> FailureClass | None:
        """The class of failure that stopped the run, where ``stopped`` is ``policy``."""
        return failure_named(self._stop.detail) if self._stop and self.stopped == StopReason.POLICY else None

    @property
    def ended_early(self) -> str | None:
        """Why the search expects to gain nothing more, in words, where ``stopped`` is ``early``."""
        return self._stop.detail if self._stop and self.stopped == StopReason.EARLY else None

    @property
    def disturbed(self) -> Disturbed | None:
        """How much of the study other processes disturbed; None where nothing is known of any."""
        said = [trial.disturbed for trial in self._trials if trial.disturbed]
        if not said:
            return None
        return Disturbed(len(said), len(self._trials), Counter(said).most_common(1)[0][0])

    @property
    def space(self) -> Space:
        """The space that is searched."""
        return self._definition.space

    @property
    def objective(self) -> str:
        """Name of the metric that is optimised."""
        return self._definition.objective

    @property
    def direction(self) -> str:
        """``maximize`` or ``minimize``."""
        return self._definition.direction

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits on metrics."""
        return self._definition.limits

    @property
    def trials(self) -> list[StudyTrial]:
        """The finished trials, in order."""
        return list(self._trials)

    @property
    def best(self) -> StudyTrial | None:
        """The best feasible trial that was not turned down when it was measured again, the earliest among equals; None
        when there is none.
        """
        feasible = [
            (trial.objective, trial)
            for trial in self._trials
            if trial.feasible and trial.objective is not None and not self._is_refuted(trial)
        ]
        # One that did not hold on a disturbed machine stays only where there is no other.
        feasible = [pair for pair in feasible if self._stands(pair[1])] or feasible
        if not feasible:
            return None
        choose = max if self.direction == "maximize" else min
        return choose(feasible, key=lambda pair: pair[0])[1]

    @property
    def confirmations(self) -> dict[int, Confirmation]:
        """Trials that were measured again in a fresh process because they were the best, by number."""
        return dict(self._confirmations)

    @property
    def nearest_miss(self) -> StudyTrial | None:
        """The infeasible trial that violates its limits least in relative terms; ``misses`` say by how much.

        One that missed nothing, whose limits measuring could not settle, is nearer than any that did. Trials that ran
        to their end go first; without any, one that stopped itself early, whose figures are partial.
        None when every trial crashed, hung or ran out of memory.
        """
        for outcome in ("ok", "early_stopped"):
            near = [trial for trial in self._trials if trial.outcome == outcome and trial.misses]
            if near:
                return min(
                    near, key=lambda one: (not one.is_open, math.fsum(miss.relative for miss in one.misses))
                )
        return None

    @property
    def budget_lost(self) -> dict[str, Loss]:
        """Trials and seconds that brought nothing feasible, by outcome; those that ran but missed a limit as
        ``infeasible``, and as ``borderline`` where measuring could not settle it.

        Outcomes that did not occur are left out; the costliest comes first.
        """
        lost: dict[str, list[StudyTrial]] = {}
        for trial in self._trials:
            if not trial.feasible:
                ran = "borderline" if trial.is_open else "infeasible"
                lost.setdefault(ran if trial.outcome == "ok" else str(trial.outcome), []).append(trial)
        losses = {
            kind: Loss(len(group), sum(trial.seconds or 0.0 for trial in group))
            for kind, group in lost.items()
        }
        return dict(sorted(losses.items(), key=lambda entry: -entry[1].seconds))

    @property
    def faults(self) -> list[EnvironmentFault]:
        """Values that are broken on this machine, as far as the trials show."""
        return environment_faults(self._trials, self.space)

    @property
    def seconds(self) -> float:
        """What all trials cost together."""
        return sum(trial.seconds or 0.0 for trial in self._trials)

    @property
    def cost_seconds(self) -> float:
        """What all trials took of the wall clock, with start-up, repetitions and clearing away."""
        return sum(float(trial.evidence.get("cost_seconds", trial.seconds or 0.0)) for trial in self._trials)

    @property
    def phase(self) -> str:
        """What the search is doing now, in one word or two."""
        return str(self._optimizer().phase)

    @property
    def optuna_study(self) -> optuna.Study:
        """The same study for Optuna's plots, importances and dashboard."""
        return self._store.optuna_study

    def explain(self) -> str:
        """What was found, what it cost and what the search is doing now, in words."""
        best, miss = self.best, self.nearest_miss
        lines = [f"{len(self._trials)} of {self.budget} trials, {self.seconds:.1f} s."]
        if self.ended_early is not None:
            lines.append(f"Ended early: {self.ended_early}.")
        if best is not None:
            lines.append(
                f"Best: trial {best.number}, {self.objective} {best.objective:g}, {_settings(best.config)}."
            )
            again = self._confirmations.get(best.number)
            if again is not None:
                lines.append(
                    "Measured again in a fresh process, it met every limit."
                    if again.held
                    else f"Not confirmed: measured again, it did not meet the limits ({again.reason}), but the "
                    f"machine was disturbed: {again.disturbed}."
                )
        elif miss is not None:
            by_how_much = ", ".join(map(str, miss.misses))
            lines.append(f"Nothing feasible yet. Nearest miss: trial {miss.number}, {by_how_much}.")
        elif self._trials:
            lines.append("Nothing has run to its end yet.")
        if lost := self.budget_lost:
            parts = [f"{kind} {loss.trials} ({loss.seconds:.1f} s)" for kind, loss in lost.items()]
            lines.append(f"Lost: {', '.join(parts)}.")
        lines += [
            f"Trial {one.trial} is no winner: measured again, it was turned down ({one.reason})."
            for one in self._confirmations.values()
            if not one.held and (best is None or one.trial != best.number)
        ]
        lines += [fault.message for fault in self.faults]
        return printable("\n".join([*lines, self._optimizer().explain()]), lines=True)

    def to_dataframe(self) -> pd.DataFrame:
        """One row per trial: number, outcome, feasible, objective, violation, seconds, ``config.*`` and
        ``metrics.*``.

        Raises:
            LehrError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise LehrError("to_dataframe() needs pandas: pip install pandas") from error
        configs = [variable.name for variable in self.space.variables]
        metrics = list(dict.fromkeys(name for trial in self._trials for name in trial.metrics))
        rows = [
            {
                "number": trial.number,
                "outcome": trial.outcome,
                "feasible": trial.feasible,
                "objective": trial.objective,
                "violation": trial.violation,
                "seconds": trial.seconds,
                **{f"config.{name}": trial.config.get(name) for name in configs},
                **{f"metrics.{name}": trial.metrics.get(name) for name in metrics},
            }
            for trial in self._trials
        ]
        columns = ["number", "outcome", "feasible", "objective", "violation", "seconds"]
        columns += [f"config.{name}" for name in configs] + [f"metrics.{name}" for name in metrics]
        return pd.DataFrame(rows, columns=columns)

    def __len__(self) -> int:
        return len(self._trials)

    def __repr__(self) -> str:
        best = self.best
        found = f"best {best.objective:g}" if best and best.objective is not None else "nothing feasible"
        return f"<lehr.Study {self.name!r}: {len(self._trials)} of {self.budget} trials, {found}>"

    def _is_refuted(self, trial: StudyTrial) -> bool:
        again = self._confirmations.get(trial.number)
        return again is not None and again.refuted

    def _stands(self, trial: StudyTrial) -> bool:
        again = self._confirmations.get(trial.number)
        return again is None or again.held

    def _ended(self, stop: Stop | None) -> None:
        self._stop = stop

    def _confirmed(self, confirmation: Confirmation) -> None:
        self._confirmations[confirmation.trial] = confirmation

    def _add(self, trial: StudyTrial) -> None:
        insort(self._trials, trial, key=lambda known: known.number)


def load_study(storage: StorageLike = "study.journal", name: str = "study") -> Study:
    """Open a stored study to look at it. Nothing is written, and a run may be at work on it meanwhile.

    Args:
        storage: as for :func:`lehr.run`.
        name: the study's name.

    Raises:
        StorageError: there is no such study, or it cannot be read.
    """
    if storage is None:
        raise StorageError("a study kept in memory cannot be loaded: use the one that lehr.run returned")
    store = StudyStore(storage, name, writable=False)
    definition = store.definition if store.exists else None
    if definition is None:
        raise StorageError(f"there is no {store.where}")
    stored = store.trials(definition)
    budget = store.noted_as("budget", _budget) or len(stored)
    study = Study(store, definition, budget, _replayed(definition, budget, stored))
    study._ended(read_stop(store.noted("stopped"), len(stored)))
    for record in stored:
        if record.trial is not None:
            study._add(record.trial)
    for one in read(store.noted(NOTE)).values():
        study._confirmed(one)
    return study


def _budget(noted: Any) -> int:
    return whole("its budget", noted, 0, 2**53)


def _replayed(definition: Definition, budget: int, stored: list[StoredTrial]) -> Callable[[], Optimizer]:
    made: list[Optimizer] = []

    def optimizer() -> Optimizer:
        if not made:
            fresh = make_optimizer(definition, budget)
            replay(fresh, stored, definition)
            made.append(fresh)
        return made[0]

    return optimizer


def _settings(config: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in config.items())
