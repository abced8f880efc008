"""Where results are to go, looked at before the work: better now than after it."""

from __future__ import annotations

import os
from pathlib import Path

from lehr.cli.exits import InputError


def check_writable(path: Path, *, option: str = "--out", example: str = "best.json") -> None:
    """Raises InputError when no file can be written there; `example` is a name for one in a folder."""
    if path.is_dir():
        raise InputError(f"{option}: {path} is a folder; give a file in it, such as {path / example}")
    if not path.parent.is_dir():
        raise InputError(f"{option}: the folder {path.parent} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{option}: the folder {path.parent} cannot be written to; choose another")


def check_storage(text: str) -> None:
    """Raises InputError when a storage is a file that cannot be there; URLs are for their drivers to judge."""
    if "://" not in text:
        check_writable(Path(text), option="--storage", example="lehr.journal")
