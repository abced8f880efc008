"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

#: What the names of unfinished files begin with: whoever finds one may remove it when nobody writes.
UNFINISHED = ".tmp-"


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
