"""The log beside a study file: one JSON line per finished trial, for people and scripts that do not know
Optuna.

The storage is the truth; the log is made again from it whenever the two differ.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lehr._files import (
    NotPlainError,
    create_beside,
    open_plain,
    read_plain,
    reason,
    sync_folder,
    write_new,
    write_whole,
)
from lehr.errors import StorageError
from lehr.study.trial import StudyTrial


class TrialLog:
    """Appends finished trials to a file, each on the disk before :meth:`append` returns."""

    def __init__(self, path: Path, study: str) -> None:
        self._path = path
        self._study = study

    def catch_up(self, trials: Iterable[StudyTrial]) -> None:
        """Make the log hold exactly these trials of this study; lines of other studies are kept.

        Lines of a study of this name that the storage knows nothing of (its file was removed, the log was
        not) are moved to a file of their own, never dropped.
        """
        wanted = [self._line(trial) for trial in trials]
        try:
            lines = self._lines()
            mine = [line for line in lines if _study_of(line) == self._study]
            if mine == wanted and all(_study_of(line) is not None for line in lines):
                return
            if mine != wanted[: len(mine)]:
                descriptor, old = create_beside(self._path, "old")
                write_new(descriptor, old, mine)
            others = [line for line in lines if _study_of(line) not in (None, self._study)]
            write_whole(self._path, b"".join(others + wanted))
            sync_folder(self._path)
        except OSError as error:
            raise self._failure(error) from error

    def append(self, trial: StudyTrial) -> None:
        """Add one line, whole or not at all."""
        line = self._line(trial)
        try:
            descriptor = open_plain(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            try:
                before = os.fstat(descriptor).st_size
                try:
                    view = memoryview(line)
                    while view:
                        view = view[os.write(descriptor, view) :]
                    os.fdatasync(descriptor)
                except BaseException:
                    os.ftruncate(descriptor, before)
                    raise
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._failure(error) from error

    def _lines(self) -> list[bytes]:
        try:
            return read_plain(self._path).splitlines(keepends=True)
        except FileNotFoundError:
            return []

    def _line(self, trial: StudyTrial) -> bytes:
        return json.dumps({"study": self._study, **trial.as_json()}, allow_nan=False).encode() + b"\n"

    def _failure(self, error: OSError) -> StorageError:
        remedy = "remove it" if isinstance(error, NotPlainError) else "free the disk"
        return StorageError(
            f"cannot write {self._path}: {reason(error)}; every finished trial is safe in the study itself: "
            f"{remedy} and run the same command again"
        )


def log_path(study_file: Path) -> Path:
    """The log of a study file: ``edge.jsonl`` for ``edge.journal``, else the whole name with ``.jsonl``."""
    if study_file.suffix == ".journal":
        return study_file.with_suffix(".jsonl")
    return study_file.with_name(study_file.name + ".jsonl")


def _study_of(line: bytes) -> str | None:
    if not line.endswith(b"\n"):
        return None
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    study = record.get("study") if isinstance(record, dict) else None
    return study if isinstance(study, str) else None
