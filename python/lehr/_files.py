"""Files that are whole or not there, in folders that others can write to.

A name there may be a symbolic link to a file of somebody else, or a pipe or device that hangs whoever opens it. Such a
name is refused in a sentence, before anything is read from it or written through it.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

#: What the names of unfinished files begin with: whoever finds one may remove it when nobody writes.
UNFINISHED = ".tmp-"

_KINDS = {
    stat.S_IFLNK: "a symbolic link, which is not followed",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class NotPlainError(OSError):
    """The name belongs to something that is no plain file; ``strerror`` says what it is."""


def why_not_plain(path: Path) -> str | None:
    """What stands at ``path`` if it is no plain file; None for a plain file, and for nothing at all.

    Raises OSError where even that cannot be seen.
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (
        None if stat.S_ISREG(found.st_mode) else f"it is {_KINDS.get(stat.S_IFMT(found.st_mode), 'no file')}"
    )


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a plain file, closed on exec. ``flags`` as of ``os.open``.

    Raises:
        NotPlainError: something else stands there.
        OSError: it cannot be opened.
    """
    if (why := why_not_plain(path)) is not None:  # before it is opened: opening a device may do something
        raise NotPlainError(errno.EINVAL, why, str(path))
    try:
        # And again while it is opened: it may have been replaced in between.
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, 0o666)
    except OSError as error:
        why = why_not_plain(path)
        raise NotPlainError(errno.EINVAL, why, str(path)) if why else error from None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise NotPlainError(errno.EINVAL, "it is no plain file", str(path))


def open_given(path: Path) -> int:
    """A descriptor to read a file that a user named, closed on exec: a link is followed, and leads to a plain file.

    Raises:
        NotPlainError: it is a pipe, a device or a folder, which could hang or fill whoever reads it.
        OSError: it cannot be opened.
    """
    descriptor = -1
    found = os.stat(path)  # before it is opened: opening a device may do something
    if stat.S_ISREG(found.st_mode):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            return descriptor
        os.close(descriptor)
    what = _KINDS.get(stat.S_IFMT(found.st_mode), "no file")
    raise NotPlainError(errno.EINVAL, f"it is {what}", str(path))


def read_given(path: Path) -> bytes:
    """The contents of a file that a user named. Raises as :func:`open_given`."""
    with os.fdopen(open_given(path), "rb") as file:
        return file.read()


def read_plain(path: Path) -> bytes:
    """The contents of a plain file. Raises as :func:`open_plain`."""
    with os.fdopen(open_plain(path, os.O_RDONLY), "rb") as file:
        return file.read()


def create_beside(path: Path, ending: str) -> tuple[int, Path]:
    """A new file ``path.ENDING-N`` with the first free number, open for writing. Raises OSError."""
    number = 1
    while True:
        name = path.with_name(f"{path.name}.{ending}-{number}")
        try:  # exclusive: not even a dangling link counts as free
            return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), name
        except FileExistsError:
            number += 1


def write_new(descriptor: int, name: Path, parts: list[bytes]) -> None:
    """Fill a file of :func:`create_beside` and sync it, or remove it again. Closes the descriptor. Raises OSError."""
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, durably, with the permissions of any other new file.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    descriptor, name = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; this one is to be shared as any other.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    finally:
        with suppress(OSError):  # gone by now when all went well
            os.unlink(name)


def sync_folder(path: Path) -> None:
    """Make a file's name survive the death of the machine, once it was created or renamed. Raises OSError."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """The system's word for an error, without the file, which the caller's sentence names."""
    return error.strerror or str(error) or type(error).__name__
