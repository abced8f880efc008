"""Opening a storage: which kind it is, whether it can be used, and whether somebody else uses it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.storages.journal import BaseJournalBackend

from lehr._files import reason, why_not_plain
from lehr._text import first_line
from lehr.errors import LehrError, StorageError
from lehr.study.journal import Journal, check_journal, remove_stale_lock, repair_journal
from lehr.study.lock import RunLock

#: What ``storage=`` accepts: a journal file, an Optuna storage URL, a storage object, or None for memory.
StorageLike = str | Path | BaseStorage | None

_REDIS = ("redis://", "rediss://", "unix://")


class OpenStorage:
    """An open Optuna storage, locked against other runs when it is a file opened for writing.

    Attributes:
        storage: the Optuna storage.
        path: the file it lives in, or None.
        journal: the journal behind it, or None for other storages.
        repaired: the copy of a damaged journal that was repaired, or None.
        shown: what to call it in messages.
    """

    def __init__(self, storage: StorageLike, *, writable: bool) -> None:
        """Raises StorageError when the storage cannot be used, or another run is using it."""
        self.path = _file_of(storage)
        self.shown = _shown(storage)
        self.journal: Journal | None = None
        self.repaired: Path | None = None
        self._lock: RunLock | None = None
        if self.path is not None:
            _check_place(self.path, writable=writable)
        try:
            if self.path is not None and writable:
                self._lock = RunLock(self.path)
            with storage_errors("open", self.shown):
                self.storage = self._open(storage, writable=writable)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let other runs use the storage. Doing so twice is harmless."""
        if self._lock is not None:
            self._lock.release()

    def _open(self, storage: StorageLike, *, writable: bool) -> BaseStorage:
        if isinstance(storage, str) and storage.startswith(_REDIS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                backend = optuna.storages.journal.JournalRedisBackend(storage)
            return optuna.storages.JournalStorage(_WithoutSnapshots(backend))
        if self.path is None or (isinstance(storage, str) and "://" in storage):
            return optuna.storages.get_storage(None if isinstance(storage, Path) else storage)
        if writable:
            remove_stale_lock(self.path)
            if self.path.exists():
                self.repaired = repair_journal(self.path)
        else:
            check_journal(self.path)
        self.journal = Journal(self.path, writable=writable)
        return optuna.storages.JournalStorage(self.journal)


@contextmanager
def storage_errors(action: str, where: str) -> Iterator[None]:
    """Turn whatever a storage raises into one sentence: storages let their drivers' errors through."""
    try:
        yield
    except LehrError:
        raise
    except Exception as error:
        why = reason(error) if isinstance(error, OSError) else first_line(error)
        remedy = (
            "; every finished trial is safe: cure the storage (a full disk?) and run the command again"
            if action.startswith("write")
            else ""
        )
        raise StorageError(f"cannot {action} {where}: {why}{remedy}") from error


class _WithoutSnapshots(BaseJournalBackend):
    """A journal backend without snapshots: Optuna pickles them, and lehr opens no pickle from a storage."""

    def __init__(self, backend: BaseJournalBackend) -> None:
        self._backend = backend

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        yield from self._backend.read_logs(log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._backend.append_logs(logs)


def _file_of(storage: StorageLike) -> Path | None:
    """The file that a storage lives in, or None."""
    # Absolute: the working folder may change while a run is on, and Optuna's lock is a link to the path.
    if isinstance(storage, Path):
        return _absolute(storage)
    if not isinstance(storage, str):
        return None
    if storage.startswith("sqlite:"):
        rest = storage.partition("///")[2].partition("?")[0]
        return _absolute(Path(rest)) if rest and rest != ":memory:" else None
    return None if "://" in storage else _absolute(Path(storage))


def _absolute(path: Path) -> Path:
    try:
        return path.absolute()
    except OSError as error:
        raise StorageError(
            f"cannot find {path}: the working folder is gone ({reason(error)}); give an absolute path"
        ) from error


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
    try:
        is_folder, why, exists = path.is_dir(), why_not_plain(path), path.exists()
    except OSError as error:
        raise StorageError(f"cannot look at {path}: {reason(error)}; choose another folder") from error
    if is_folder:
        raise StorageError(f"storage {path} is a folder: give a file in it, such as {path / 'study.journal'}")
    if why is not None:
        raise StorageError(f"cannot keep a study in {path}: {why}; give a plain file")
    if not writable:
        if not exists:
            raise StorageError(f"there is no study file {path}")
        return
    folder = path.parent
    if not folder.is_dir():
        raise StorageError(
            f"cannot store a study in {path}: {folder} is not an existing folder; create it first"
        )
