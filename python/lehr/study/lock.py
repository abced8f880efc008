"""One run at a time on one file, and a Ctrl-C that waits for a write to end."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from lehr._files import NotPlainError, open_plain, reason
from lehr.errors import StorageError

_held_here: set[Path] = set()
_held_guard = threading.Lock()


class RunLock:
    """An exclusive lock on a study file, held in a small file beside it that names the holder's process id.

    A POSIX record lock: the system drops it when the holder dies, however it dies, and children never inherit
        it. It does not exclude threads of the same process, so a table in this process does that part.
    """

    def __init__(self, study_file: Path) -> None:
        """Raises StorageError, naming the process, when another run holds the lock."""
        self._study_file = study_file
        self._path = study_file.with_name(study_file.name + ".pid")
        self._key = self._path.parent.resolve() / self._path.name
        with _held_guard:
            if self._key in _held_here:
                raise StorageError(_busy(study_file, os.getpid()))
            self._descriptor = self._acquire()
            _held_here.add(self._key)

    def _acquire(self) -> int:
        while True:
            try:
                descriptor = open_plain(self._path, os.O_RDWR | os.O_CREAT)
            except NotPlainError as error:
                raise StorageError(f"cannot write {self._path}: {reason(error)}; remove it") from error
            except OSError as error:
                raise StorageError(
                    f"cannot write beside {self._study_file}: {reason(error)}; choose another folder"
                ) from error
            try:
                if self._take(descriptor):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _take(self, descriptor: int) -> bool:
        """Lock the open file and write our number into it; False when it is not the file that others will open."""
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise StorageError(_busy(self._study_file, _read_pid(descriptor))) from None
        except OSError as error:
            raise StorageError(f"cannot lock {self._path}: {reason(error)}") from error
        try:
            found = os.fstat(descriptor)
            if found.st_nlink == 0 or not _same_file(descriptor, self._path):
                return False  # a run that ended in between removed it
            # Ours is written here and removed at the end. What has another name as well is somebody else's.
            if found.st_nlink > 1:
                raise StorageError(f"cannot write {self._path}: it is a file of another name too; remove it")
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise StorageError(
                f"cannot write {self._path}: {reason(error)}; free the disk, run again"
            ) from error
        return True

    def release(self) -> None:
        """Give the lock back; doing so twice is harmless."""
        with _held_guard:
            if self._key not in _held_here or self._descriptor < 0:
                return
            _held_here.discard(self._key)
            with suppress(
                OSError
            ):  # a folder that became read-only: it names a process that is gone, no harm
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1


def _busy(study_file: Path, holder: int | None) -> str:
    who = f"process {holder}" if holder else "another process"
    return (
        f"{study_file} is in use by {who}: wait for that run to end, stop it, or give this run another file"
    )


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


@contextmanager
def deferred_interrupt() -> Iterator[None]:
    """Hold back Ctrl-C until the block has ended, so that a record is never left half written.

    Works in the main thread under Python's own SIGINT handler; elsewhere no KeyboardInterrupt can arrive, or
    someone else decides what SIGINT means.
    """
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    pending = False

    def remember(_number: int, _frame: FrameType | None) -> None:
        nonlocal pending
        pending = True

    signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if pending:
        raise KeyboardInterrupt
