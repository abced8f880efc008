"""Any recording we can read, by its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lehr.bench.recordings import cache_text, journal, kernel_tuner, packaged, study_log
from lehr.bench.recordings.files import parsed_lines, read_text
from lehr.bench.recordings.table import Table, Wanted
from lehr.errors import LehrError


def read_table(
    path: Path,
    *,
    objective: str | None = None,
    direction: Literal["maximize", "minimize"] | None = None,
    constraints: Mapping[str, float] | None = None,
    study: str | None = None,
    t1: Path | None = None,
) -> Table:
    """A table from a file of any format we know; see `lehr.bench.Problem.replay`."""
    source = str(path)
    if direction not in (None, "maximize", "minimize"):
        raise LehrError(f"direction is {direction!r}; use maximize or minimize")
    text = read_text(path)
    if not text.strip():
        raise LehrError(f"{source} is empty")
    wanted = Wanted(study, objective, direction, constraints)
    document, note = _document(source, text)
    if kernel_tuner.is_cache(document):
        return kernel_tuner.from_cache(source, document, wanted, note)
    if kernel_tuner.is_t4(document):
        return kernel_tuner.from_t4(source, document, wanted, _description(t1))
    if kernel_tuner.is_t1(document):
        raise LehrError(
            f"{source} describes a space (T1) and holds no measurements; give the T4 results, with this file as t1"
        )
    if document is not None and not any(
        known(document) for known in (study_log.is_log, _is_header, journal.is_journal)
    ):
        raise LehrError(f"{source} {_UNKNOWN}")
    lines = parsed_lines(source, text)
    if _is_header(lines[0]):
        if any(value is not None for value in (objective, direction, constraints)):
            raise LehrError(f"{source} names its own objective and limits; others cannot be given with it")
        return packaged.from_lines(source, lines)
    if journal.is_journal(lines[0]):
        return journal.from_journal(path, lines, wanted)
    if study_log.is_log(lines[0]):
        if objective is None and direction is None:
            name = lines[0].get("study")
            named = study or (name if isinstance(name, str) else None)
            wanted = replace(wanted, direction=journal.direction_beside(path, named))
        return study_log.from_log(source, lines, wanted)
    raise LehrError(f"{source} {_UNKNOWN}")


_UNKNOWN = (
    "is not a recorded problem: it is neither a trial log of lehr nor its study file, nor a lehr.replay file, nor a "
    "cache or T4 file of Kernel Tuner"
)


def _document(source: str, text: str) -> tuple[Any, str]:
    """The file as one JSON value, None when it holds JSON lines; and what is to be said about it.

    Raises:
        LehrError: it is neither, which is told with the line where one value over several lines ends to be JSON.
    """
    try:
        return json.loads(text), ""
    except (ValueError, RecursionError) as error:
        wrong = error
    repaired, note = cache_text.parse_cache(source, text)
    if kernel_tuner.is_cache(repaired):
        return repaired, note
    first = text.strip().partition("\n")[0]
    if isinstance(wrong, json.JSONDecodeError) and not _is_json(first):
        raise LehrError(f"{source} is not a recorded problem: line {wrong.lineno}: {wrong.msg}") from None
    return None, ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _description(t1: Path | None) -> Any:
    if t1 is None:
        return None
    document, _ = _document(str(t1), read_text(t1))
    if not kernel_tuner.is_t1(document):
        raise LehrError(f"{t1} is not a T1 description: it has no ConfigurationSpace")
    return document


def _is_header(line: Any) -> bool:
    return isinstance(line, dict) and line.get("format") == packaged.FORMAT
