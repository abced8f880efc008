"""A study in an Optuna storage: what is written when, and how it is read back.

A trial is one record with its parameters and its origin before its evaluation starts (state RUNNING), and is finished after
it (state COMPLETE, whatever the outcome). A trial that did not run has the worst value and a violated constraint, never
state FAIL, which Optuna's samplers ignore and would propose again.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from lehr.errors import LehrError, StorageError
from lehr.study.definition import Definition
from lehr.study.distributions import distributions, parameters
from lehr.study.journal import Journal, check_journal, remove_stale_lock, repair_journal
from lehr.study.limits import Limit
from lehr.study.lock import RunLock, deferred_interrupt
from lehr.study.trial import StudyTrial, judged
from lehr.trial import OUTCOMES

#: What ``storage=`` accepts: a journal file, an Optuna storage URL, a storage object, or None for memory.
StorageLike = str | Path | BaseStorage | None

# Names under which lehr keeps things in an Optuna study.
_DEFINITION = "lehr"
_OUTCOME_CONSTRAINT = "outcome"
# Larger than any violation in milliseconds or megabytes: Optuna adds violations up, and a crash ranks below every trial
# that ran. Finite, because not every Optuna sampler accepts an infinite constraint.
_FAILED = 1e9
_RAN = -1.0


@dataclass(frozen=True)
class Recorded:
    """One stored trial: what was asked and, when it is finished, how it ended."""

    number: int
    config: dict[str, Any]
    origin: str
    trial: StudyTrial | None


class StudyStore:
    """One study in one storage."""

    def __init__(self, storage: StorageLike, name: str, *, writable: bool) -> None:
        """Open a storage, repairing a journal's half-written last line when it is opened for writing.

        Raises:
            StorageError: the storage cannot be used, or another run is using it.
        """
        self.name = name
        self.path = _file_of(storage)
        self.where = f"study {name!r} in {_shown(storage)}"
        self.repaired: Path | None = None
        self._lock: RunLock | None = None
        self._journal: Journal | None = None
        self._study_id: int | None = None
        self._ids: dict[int, int] = {}
        if self.path is not None:
            _check_place(self.path, writable=writable)
        try:
            if self.path is not None and writable:
                self._lock = RunLock(self.path)
            self._storage = self._open(storage, writable)
            with self._guard("open"):
                self._study_id = self._find()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let other runs use the storage. Doing so twice is harmless."""
        if self._lock is not None:
            self._lock.release()

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
        if stored is not None:
            return Definition.from_json(stored, self.where)
        if trials:
            raise StorageError(f"{self.where} was not made by lehr: give this run another name or another storage")
        return None

    def create(self, definition: Definition) -> None:
        """Make the study, or give a study that was created but never defined its definition."""
        with self._writing("create"):
            if self._study_id is None:
                directions = [
                    StudyDirection.MAXIMIZE if definition.direction == "maximize" else StudyDirection.MINIMIZE
                ]
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

    def trials(self, definition: Definition) -> list[Recorded]:
        """Every trial of the study in the order in which they were asked.

        Raises:
            StorageError: a trial was not made by lehr, or does not belong to the space.
        """
        assert self._study_id is not None
        with self._guard("read"):
            stored = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._ids = {trial.number: trial._trial_id for trial in stored}
        return [self._recorded(trial, definition) for trial in sorted(stored, key=lambda trial: trial.number)]

    def start(self, number: int, config: dict[str, Any], origin: str, definition: Definition) -> None:
        """Record a trial before its evaluation starts.

        Raises:
            StorageError: it cannot be written, or somebody else adds trials to the study.
        """
        from lehr import __version__

        assert self._study_id is not None
        table = {name: entry for name, entry in distributions(definition.space).items() if name in config}
        template = create_trial(
            state=TrialState.RUNNING,
            params=parameters(config, table),
            distributions=table,
            user_attrs={"config": config, "origin": origin, "lehr": __version__},
        )
        with self._writing(f"write trial {number} to"):
            trial_id = self._storage.create_new_trial(self._study_id, template)
            found = self._storage.get_trial(trial_id).number
        if found != number:
            raise StorageError(
                f"{self.where} got a trial from somebody else while this run was on (expected trial {number}, got {found}): "
                "let one run at a time work on a study"
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
            "evidence": trial.evidence,
            "seconds": trial.seconds,
        }
        with self._writing(f"write trial {trial.number} to"):
            for key, entry in attributes.items():
                self._storage.set_trial_user_attr(trial_id, key, entry)
            for key, violation in constraint_values(trial, definition.limits).items():
                self._storage.set_trial_system_attr(trial_id, f"constraints:{key}", violation)
            # The state comes last: a trial that has it is complete.
            self._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [value])

    def _open(self, storage: StorageLike, writable: bool) -> BaseStorage:
        with self._guard("open"), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            if isinstance(storage, str) and storage.startswith(("redis://", "rediss://", "unix://")):
                return optuna.storages.JournalStorage(
                    _WithoutSnapshots(optuna.storages.journal.JournalRedisBackend(storage))
                )
            if self.path is None or (isinstance(storage, str) and "://" in storage):
                return optuna.storages.get_storage(storage if not isinstance(storage, Path) else str(storage))
            if writable:
                remove_stale_lock(self.path)
                if self.path.exists():
                    self.repaired = repair_journal(self.path)
            else:
                check_journal(self.path)
            self._journal = Journal(self.path, writable=writable)
            return optuna.storages.JournalStorage(self._journal)

    def _find(self) -> int | None:
        try:
            return self._storage.get_study_id_from_name(self.name)
        except KeyError:
            return None

    def _recorded(self, stored: FrozenTrial, definition: Definition) -> Recorded:
        attributes = stored.user_attrs
        try:
            config, origin = attributes["config"], attributes["origin"]
            definition.space.validate(config)
            trial = None
            if stored.state == TrialState.COMPLETE:
                if attributes["outcome"] not in OUTCOMES:
                    raise ValueError(f"unknown outcome {attributes['outcome']!r}")
                trial = judged(
                    number=stored.number,
                    config=config,
                    origin=origin,
                    outcome=attributes["outcome"],
                    objective=stored.value if attributes["outcome"] == "ok" else None,
                    metrics=attributes["metrics"],
                    evidence=attributes["evidence"],
                    seconds=float(attributes["seconds"]),
                    facts=attributes["facts"],
                    limits=definition.limits,
                )
            elif stored.state != TrialState.RUNNING:
                raise ValueError(f"state {stored.state.name}")
        except (KeyError, TypeError, ValueError, LehrError) as error:
            raise StorageError(
                f"{self.where}: trial {stored.number} was not written by lehr or is damaged ({error}); "
                "give this run another name or another storage"
            ) from error
        return Recorded(stored.number, config, origin, trial)

    @contextmanager
    def _writing(self, action: str) -> Iterator[None]:
        group: AbstractContextManager[None] = self._journal.one_sync() if self._journal else nullcontext()
        with deferred_interrupt(), self._guard(action), group:
            yield

    @contextmanager
    def _guard(self, action: str) -> Iterator[None]:
        """Turn whatever a storage raises into one sentence. Storages raise their drivers' errors, so nothing is listed."""
        try:
            yield
        except LehrError:
            raise
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else _first_line(error)
            remedy = (
                "; every finished trial is safe: free the disk (or cure the storage) and run the same command again"
                if action.startswith("write")
                else ""
            )
            raise StorageError(f"cannot {action} {self.where}: {reason}{remedy}") from error


def constraint_values(trial: StudyTrial, limits: Sequence[Limit]) -> dict[str, float]:
    """Optuna's constraints of a trial, above 0 where violated: g - c for each limit that was measured, and the outcome."""
    values = {_OUTCOME_CONSTRAINT: _RAN if trial.outcome == "ok" else _FAILED}
    for limit in limits:
        if limit.metric in trial.metrics:
            values[str(limit.key)] = limit.excess(trial.metrics)
    return values


class _WithoutSnapshots(BaseJournalBackend):
    """A journal backend whose snapshots are neither written nor read: Optuna stores them pickled, and lehr opens no pickles
    from a storage."""

    def __init__(self, backend: BaseJournalBackend) -> None:
        self._backend = backend

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        yield from self._backend.read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._backend.append_logs(logs)


def _file_of(storage: StorageLike) -> Path | None:
    """The file that a storage lives in, or None."""
    if isinstance(storage, Path):
        return storage
    if not isinstance(storage, str):
        return None
    if storage.startswith("sqlite:"):
        rest = storage.partition("///")[2].partition("?")[0]
        return Path(rest) if rest and rest != ":memory:" else None
    return None if "://" in storage else Path(storage)


def _shown(storage: StorageLike) -> str:
    if storage is None:
        return "memory"
    if isinstance(storage, str | Path):
        text = str(storage)
        # A password does not belong in an error message.
        head, sign, tail = text.partition("://")
        return f"{head}://***@{tail.rpartition('@')[2]}" if sign and "@" in tail else text
    return type(storage).__name__


def _check_place(path: Path, *, writable: bool) -> None:
    if path.is_dir():
        raise StorageError(f"storage {path} is a folder: give a file in it, such as {path / 'study.journal'}")
    if not writable:
        if not path.exists():
            raise StorageError(f"there is no study file {path}")
        return
    folder = path.parent
    if not folder.is_dir():
        raise StorageError(f"cannot store a study in {path}: {folder} is not an existing folder; create it first")


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)


