"""The journal file: Optuna's format, written so that no moment of death can spoil it.
 Optuna's own file backend leaves half a line behind when the disk fills up, and a lock that is honoured for
thirty seconds when it is killed; its reader then refuses the file as soon as a line follows the half one.
This module repairs both, and writes without leaving either where it can.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from lehr._files import create_beside, open_plain, read_plain, reason, sync_folder, write_new
from lehr.errors import StorageError

# A lock that is older than any honest append was left by a process that died.
_STALE_LOCK_SECONDS = 1.0
_RECORD_START = b'{"op_code":'


class _AppendLock(JournalFileSymlinkLock):
    """Optuna's lock, a link beside the journal, with the system's own error where it cannot be given back."""

    def release(self) -> None:
        try:
            super().release()
        except RuntimeError as error:
            raise error.__context__ if isinstance(error.__context__, OSError) else error from None


class Journal(JournalFileBackend):
    """Optuna's journal file backend with whole-or-nothing appends and one fsync for a group of records."""

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        self._path = path
        self._writable = writable
        self._append_lock = _AppendLock(str(path))
        self._postponed = False
        if writable and not path.exists():
            os.close(open_plain(path, os.O_WRONLY | os.O_CREAT))
            sync_folder(path)
        super().__init__(str(path), lock_obj=self._append_lock)

    @contextmanager
    def group(self, *, sync: bool) -> Iterator[None]:
        """Sync once at the end of the block, or not at all, instead of after each append.

        The order of the records is kept, and what was written survives the death of this process at once; the sync
        is for the death of the machine.
        """
        self._postponed = True
        try:
            yield
        finally:
            self._postponed = False
        if sync:
            descriptor = open_plain(self._path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, all or none of them, and sync them to the disk."""
        if not self._writable:
            raise StorageError(f"{self._path} was opened for reading only")
        data = b"".join(json.dumps(log, separators=(",", ":")).encode() + b"\n" for log in logs)
        self._append_lock.acquire()
        try:
            # Not created here: a journal that vanished while a run is on must not come back without its
            # beginning.
            descriptor = open_plain(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                self._append(descriptor, data)
            finally:
                os.close(descriptor)
        finally:
            self._append_lock.release()

    def _append(self, descriptor: int, data: bytes) -> None:
        before = os.fstat(descriptor).st_size
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            if not self._postponed:
                os.fdatasync(descriptor)
        except BaseException:
            os.ftruncate(descriptor, before)
            raise


@dataclass(frozen=True)
class Check:
    """What a look through a journal found: how many bytes from its start are sound, of how many."""

    sound_bytes: int
    total_bytes: int


def check_journal(path: Path) -> Check:
    """Read a journal through. Only its last line may be damaged, as a crash of the machine leaves it.

    Raises:
        StorageError: it is not a journal, cannot be read, or a line before the last one is damaged, so that
            cutting there would lose what follows.
    """
    sound_bytes = sound_lines = 0
    try:
        with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
            for line in file:
                # A line without its end is the last one; another run may be writing it at this moment.
                if not line.endswith(b"\n") or not _is_record(line):
                    if sound_lines == 0 and not _may_begin_a_record(line):
                        raise StorageError(
                            f"{path} is not an Optuna journal: give another file as storage, or remove this one"
                        )
                    if line.endswith(b"\n") and file.readline():
                        raise StorageError(_damaged(path, sound_lines))
                    break
                sound_bytes += len(line)
                sound_lines += 1
            return Check(sound_bytes, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {reason(error)}") from error


def repair_journal(path: Path) -> Path | None:
    """Cut a damaged last line, and keep a copy of the whole file. Only for the holder of the run lock.

    Returns:
        The copy, or None when nothing was wrong.

    Raises:
        StorageError: as :func:`check_journal`, or the file cannot be cut.
    """
    check = check_journal(path)
    if check.sound_bytes == check.total_bytes:
        return None
    try:
        with _append_lock(path):  # another tool may be writing the line at this moment
            check = check_journal(path)
            if check.sound_bytes == check.total_bytes:
                return None
            descriptor, copy = create_beside(path, "damaged")
            write_new(descriptor, copy, [read_plain(path)])
            shutil.copystat(path, copy)
            with os.fdopen(open_plain(path, os.O_RDWR), "r+b") as file:
                file.truncate(check.sound_bytes)
                os.fsync(file.fileno())
            return copy
    except OSError as error:
        raise StorageError(
            f"{path} ends in half a line, and cutting it failed: {reason(error)}; free the disk, run again"
        ) from error


@contextmanager
def _append_lock(path: Path) -> Iterator[None]:
    lock = _AppendLock(str(path))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def remove_stale_lock(path: Path) -> None:
    """Remove the append lock of a writer that was killed. Only for the holder of the run lock.

    Another tool (a dashboard, say) may hold the lock for the milliseconds that an append takes, so wait until
    it is too old to be honest.

    Raises:
        StorageError: it cannot be removed.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        while True:
            age = time.time() - lock.lstat().st_mtime
            if age > _STALE_LOCK_SECONDS or age < 0:
                lock.unlink(missing_ok=True)
                return
            time.sleep(0.02)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageError(f"cannot remove {lock}, which stands in the way: {reason(error)}") from error


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("op_code"), int)


def _damaged(path: Path, sound_lines: int) -> str:
    return (
        f"{path} is damaged at line {sound_lines + 1}, and more lines follow: restore the file from a copy, or keep "
        f"what comes before with 'head -n {sound_lines} {path.name} > repaired.journal' and use that as storage"
    )


def _may_begin_a_record(line: bytes) -> bool:
    # Zero bytes are what a file system leaves for a block that it promised but never wrote.
    return line.startswith(_RECORD_START) or _RECORD_START.startswith(line) or not line.strip(b"\0")
