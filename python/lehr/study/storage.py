"""A study in an Optuna storage: what is written when, and how it is read back.

A trial is one record with its parameters and its origin before its evaluation starts (state RUNNING), and is
finished after it (state COMPLETE, whatever the outcome). A trial that did not run has the worst value and a
violated constraint, never state FAIL, which Optuna's samplers ignore and would propose again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from lehr.errors import StorageError
from lehr.limits import Limit
from lehr.study.definition import Definition
from lehr.study.distributions import Translation
from lehr.study.history import make_optimizer
from lehr.study.lock import deferred_interrupt
from lehr.study.opening import OpenStorage, StorageLike, storage_errors
from lehr.study.results import canonical
from lehr.study.stored import StoredTrial, read_trial, reading
from lehr.study.trial import StudyTrial

# Names under which lehr keeps things in an Optuna study.
_DEFINITION = "lehr"
_OUTCOME_CONSTRAINT = "outcome"
# Larger than any violation in milliseconds or megabytes: Optuna adds violations up, and a crash ranks below
# every trial that ran. Finite, because not every Optuna sampler accepts an infinite constraint.
_FAILED = 1e9
_RAN = -1.0
_DIRECTIONS = {"maximize": StudyDirection.MAXIMIZE, "minimize": StudyDirection.MINIMIZE}

T = TypeVar("T")


class StudyStore:
    """One study in one storage."""

    def __init__(self, storage: StorageLike, name: str, *, writable: bool) -> None:
        """Open a storage, repairing a journal's half-written last line when it is opened for writing.

        Raises:
            StorageError: the storage cannot be used, or another run is using it.
        """
        self.name = name
        self._open = OpenStorage(storage, writable=writable)
        self.where = f"study {name!r} in {self._open.shown}"
        self._storage = self._open.storage
        self._study_id: int | None = None
        self._ids: dict[int, int] = {}
        try:
            with self._guard("open"):
                self._study_id = self._find()
        except BaseException:
            self.close()
            raise

    @property
    def path(self) -> Path | None:
        """The file that the storage lives in, or None."""
        return self._open.path

    @property
    def repaired(self) -> Path | None:
        """The copy of a damaged journal that was repaired, or None."""
        return self._open.repaired

    def close(self) -> None:
        """Let other runs use the storage. Doing so twice is harmless."""
        self._open.close()

    def __enter__(self) -> StudyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def exists(self) -> bool:
        """Whether the storage holds a study of this name."""
        return self._study_id is not None

    @property
    def optuna_study(self) -> optuna.Study:
        """The study as an ``optuna.Study``, for Optuna's plots, importances and dashboard."""
        with self._guard("open"):
            return optuna.load_study(study_name=self.name, storage=self._storage)

    @property
    def definition(self) -> Definition | None:
        """The stored definition; None when nothing but the bare study was created.

        Raises:
            StorageError: the study was not made by lehr, or by a newer one.
        """
        assert self._study_id is not None
        with self._guard("read"):
            stored = self._storage.get_study_user_attrs(self._study_id).get(_DEFINITION)
            trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
            directions = self._storage.get_study_directions(self._study_id)
        if stored is not None:
            with reading(f"{self.where}: its definition"):
                definition = Definition.from_json(stored, self.where)
                canonical(definition.as_json())
                make_optimizer(definition, 1)  # which knows the options and what they may be
                if directions != [_DIRECTIONS[definition.direction]]:
                    raise ValueError(f"it is optimised in {len(directions)} directions, or in another one")
            return definition
        if trials:
            raise StorageError(
                f"{self.where} was not made by lehr: give this run another name or another storage"
            )
        return None

    def create(self, definition: Definition) -> None:
        """Make the study, or give a study that was created but never defined its definition.

        Raises:
            StorageError: it cannot be written, or was created for another direction.
        """
        directions = [_DIRECTIONS[definition.direction]]
        with self._writing("create"):
            if (
                self._study_id is not None
                and self._storage.get_study_directions(self._study_id) != directions
            ):
                raise StorageError(f"{self.where} was not made by lehr: give this run another name")
            if self._study_id is None:
                with _quiet_optuna():
                    self._study_id = self._storage.create_new_study(directions, self.name)
            # The definition comes last: a study that has one is complete.
            self._storage.set_study_system_attr(self._study_id, "study:metric_names", [definition.objective])
            self._storage.set_study_user_attr(self._study_id, _DEFINITION, definition.as_json())

    def note(self, key: str, value: Any) -> None:
        """Keep a JSON-safe value with the study."""
        assert self._study_id is not None
        with self._writing("write to"):
            self._storage.set_study_user_attr(self._study_id, key, value)

    def noted(self, key: str) -> Any:
        """A value kept with :meth:`note`, or None."""
        assert self._study_id is not None
        with self._guard("read"):
            return self._storage.get_study_user_attrs(self._study_id).get(key)

    def noted_as(self, key: str, read: Callable[[Any], T]) -> T | None:
        """A value kept with :meth:`note` as ``read`` makes it, or None.

        Raises:
            StorageError: ``read`` cannot make anything of it.
        """
        value = self.noted(key)
        if value is None:
            return None
        with reading(f"{self.where}: its {key}"):
            return read(value)

    def trials(self, definition: Definition) -> list[StoredTrial]:
        """Every trial of the study in the order in which they were asked.

        Raises:
            StorageError: a trial was not made by lehr, or does not belong to the space.
        """
        assert self._study_id is not None
        with self._guard("read"):
            stored = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._ids = {trial.number: trial._trial_id for trial in stored}
        return [
            read_trial(trial, definition, self.where)
            for trial in sorted(stored, key=lambda trial: trial.number)
        ]

    def start(self, number: int, config: dict[str, Any], origin: str, definition: Definition) -> None:
        """Record a trial before its evaluation starts.

        Raises:
            StorageError: it cannot be written, or somebody else adds trials to the study.
        """
        from lehr import __version__

        assert self._study_id is not None
        translation = Translation.of(definition.space)
        template = create_trial(
            state=TrialState.RUNNING,
            params=translation.parameters(config),
            distributions={name: translation.distributions[name] for name in config},
            user_attrs={"config": config, "origin": origin, "lehr": __version__},
        )
        # Not synced: should the machine die, the trial is asked again, the same. Its end is synced with it.
        with self._writing(f"write trial {number} to", sync=False):
            trial_id = self._storage.create_new_trial(self._study_id, template)
            found = self._storage.get_trial(trial_id).number
        if found != number:
            raise StorageError(
                f"{self.where} got a trial from somebody else during this run (expected trial {number}, "
                f"got {found}): let one run at a time work on a study"
            )
        self._ids[number] = trial_id

    def finish(self, trial: StudyTrial, definition: Definition) -> None:
        """Record how a trial ended. On the disk when this returns."""
        trial_id = self._ids[trial.number]
        worst = -math.inf if definition.direction == "maximize" else math.inf
        value = trial.objective if trial.objective is not None else worst
        attributes = {
            "outcome": trial.outcome,
            "metrics": trial.metrics,
            "facts": trial.facts,
            **({"sem": trial.metrics_sem} if trial.metrics_sem else {}),
            "evidence": trial.evidence,
            "seconds": trial.seconds,
        }
        with self._writing(f"write trial {trial.number} to"):
            for key, entry in attributes.items():
                self._storage.set_trial_user_attr(trial_id, key, entry)
            for key, violation in constraint_values(trial).items():
                self._storage.set_trial_system_attr(trial_id, f"constraints:{key}", violation)
            # The state comes last: a trial that has it is complete.
            self._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [value])

    def _find(self) -> int | None:
        try:
            return self._storage.get_study_id_from_name(self.name)
        except KeyError:
            return None

    @contextmanager
    def _writing(self, action: str, *, sync: bool = True) -> Iterator[None]:
        journal = self._open.journal
        group: AbstractContextManager[None] = journal.group(sync=sync) if journal else nullcontext()
        with deferred_interrupt(), self._guard(action), group:
            yield

    def _guard(self, action: str) -> AbstractContextManager[None]:
        return storage_errors(action, self.where)


def constraint_values(trial: StudyTrial) -> dict[str, float]:
    """Optuna's constraints of a trial, above 0 where violated: its outcome, and g - c where measured."""
    values = {_OUTCOME_CONSTRAINT: _RAN if trial.outcome == "ok" else _FAILED}
    for one in trial.judged.judgements:
        if one.effective is not None:
            values[constraint_name(one.limit)] = one.excess
    return values


def constraint_name(limit: Limit) -> str:
    """What a limit is called among Optuna's constraints: its metric, with the side of a lower one."""
    return limit.metric if limit.upper else f"{limit.metric} >="


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
