"""Paths for libraries that take UTF-8 only, such as ONNX Runtime: a folder may be named in any bytes."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from lehr._proc import path_of_descriptor
from lehr.errors import ModelError


def native_path(path: Path) -> str:
    """The path as text that is valid UTF-8, by way of an open folder where its own is not. For this process only.

    Raises:
        ModelError: the file's own name is not UTF-8.
    """
    if _is_text(str(path)):
        return str(path)
    if not _is_text(path.name):
        raise ModelError(f"the name of {path.name} is not UTF-8, which its runtime does not take: rename it")
    return f"{path_of_descriptor(_opened(path.parent))}/{path.name}"


@cache
def _opened(folder: Path) -> int:
    """Stays open: a session may read weights beside the model whenever it likes."""
    return os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _is_text(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
