"""A folder of results: one table for each finished cell, so that none is ever run twice.

Layout::

    lehr-sweep.json                          what this folder is, and the format of its tables
    cells/PROBLEM/METHOD/BUDGET/             names with unsafe characters escaped, ':' as '+' and '/' as ','
        studies-FIRST-LAST.csv               a row for each study with its metrics; being there means finished
        paths-FIRST-LAST.csv                 a row for each study: feasible trials and steps of the best
        trials-FIRST-LAST.jsonl.gz           every trial, where asked for
        provenance-FIRST-LAST.json           version, commit, compiler, CPU, command, date, seconds
        curves.csv                           means and quantiles over trials, of all studies of the cell

FIRST and LAST count studies from 0; study i runs under `lehr.bench.hashed_seed(i)`. Everything but provenance is a
function of the cell alone: the same bytes whatever the number of threads or interruptions.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from lehr._files import UNFINISHED
from lehr.bench import curves, tables
from lehr.bench.tables import Columns, Format, Schema
from lehr.errors import OptionError, StorageError
from lehr.study.lock import RunLock

_MARKER = "lehr-sweep.json"
_FORMAT = "lehr.sweep"
_VERSION = 1
_STUDIES = re.compile(r"studies-(\d+)-(\d+)\.(csv|parquet)")

STUDIES: Schema = {
    "study": "int",
    "seed": "uint64",
    "trials": "int",
    "feasible": "int",
    "best": "float",
    "best_true": "float",
    "regret": "float",
    "false_winner": "flag",
    "wasted": "float",
    "wasted_seconds": "float",
    "seconds": "float",
    "first_feasible_trial": "float",
    "first_feasible_seconds": "float",
    "discovered": "float",
    "near_optimum": "float",
    "family": "text",
}
"""Columns of a cell's table: the study, its seed, and the fields of `lehr.bench.StudyMetrics`."""

PATHS: Schema = {
    "study": "int",
    "feasible": "text",  # a 0 or 1 for each trial
    "step_trials": "text",  # trials, from 0, at which the best changed, with blanks between
    "step_bests": "text",
    "step_regrets": "text",  # nan while the best is a false winner
    "step_discovered": "text",
}


@dataclass(frozen=True, order=True)
class Cell:
    """One method on one problem with one budget."""

    problem: str
    method: str
    budget: int

    def __str__(self) -> str:
        return f"{self.problem} {self.method} B={self.budget}"


class Store:
    """A results folder.

    Args:
        folder: where the results are, or will be; made when it is missing.
        table_format: of the tables, ``"csv"`` or ``"parquet"``; by default the folder's own, or CSV for a new one.

    Raises:
        OptionError: the folder holds other things, or tables in another format.
        StorageError: it cannot be read or written, or is of a newer lehr.
    """

    def __init__(self, folder: Path | str, table_format: Format | None = None) -> None:
        if not isinstance(folder, str | Path):
            raise OptionError(f"a results folder is named by a path, and this is a {type(folder).__name__}")
        self.folder = Path(folder)
        found = self._marked()
        if found is not None and table_format not in (None, found):
            raise OptionError(
                f"{self.folder} holds tables in {found}; go on with that format, or give another folder"
            )
        self.format: Format = tables.check_format(found or table_format or "csv")
        self._lock: RunLock | None = None
        self._new = found is None

    # -- one writer at a time ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Hold the folder for writing, and clear away what an interrupted write left.

        Raises:
            OptionError: it lies below a file.
            StorageError: another process writes to it, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except NotADirectoryError as error:
            raise OptionError(f"{self.folder} lies below a file; give a folder") from error
        except OSError as error:
            raise StorageError(f"cannot make {self.folder}: {error.strerror}") from error
        self._lock = RunLock(self.folder / _MARKER)
        if self._new:
            marker = {"format": _FORMAT, "version": _VERSION, "tables": self.format}
            tables.write_file(self.folder / _MARKER, (json.dumps(marker) + "\n").encode())
            self._new = False
        for leftover in self.folder.rglob(f"{UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    # -- reading -----------------------------------------------------------------------------------------------

    def cells(self) -> list[Cell]:
        """All cells with at least one finished study, in order."""
        found = set()
        for path in (self.folder / "cells").glob("*/*/*/studies-*"):
            budget, method, problem = (part.name for part in path.parents[:3])
            if _STUDIES.fullmatch(path.name) and budget.isdecimal():
                found.add(Cell(_unescaped(problem), _unescaped(method), int(budget)))
        return sorted(found)

    def ranges(self, cell: Cell) -> list[tuple[int, int]]:
        """Finished studies as ranges (first, end), the end excluded, ascending."""
        folder = self.cell_folder(cell)
        matches = (_STUDIES.fullmatch(path.name) for path in folder.glob(f"studies-*.{self.format}"))
        return sorted((int(match[1]), int(match[2]) + 1) for match in matches if match)

    def missing(self, cell: Cell, count: int) -> list[tuple[int, int]]:
        """What of studies 0 to ``count - 1`` is not finished, as ranges (first, end)."""
        gaps, reached = [], 0
        for first, end in self.ranges(cell):
            if first > reached:
                gaps.append((reached, min(first, count)))
            reached = max(reached, end)
            if reached >= count:
                break
        if reached < count:
            gaps.append((reached, count))
        return [(first, end) for first, end in gaps if first < end]

    def studies(self, cell: Cell, count: int | None = None) -> dict[str, npt.NDArray[Any]]:
        """The metrics of a cell's studies in columns (`STUDIES`), ordered by study; at most the first `count`.

        Raises:
            StorageError: a table cannot be read.
        """
        return self._gathered(cell, "studies", STUDIES, count)

    def paths(self, cell: Cell, count: int | None = None) -> dict[str, npt.NDArray[Any]]:
        """The paths of a cell's studies in columns (`PATHS`), ordered by study; at most the first `count`."""
        return self._gathered(cell, "paths", PATHS, count)

    def curves(self, cell: Cell) -> dict[str, npt.NDArray[np.float64]]:
        """Curves over trials of all studies of a cell; see `lehr.bench.curves`.

        Raises:
            StorageError: a table cannot be read.
        """
        columns = tables.read_table(self._table(cell, "curves"), curves.SCHEMA)
        return {name: np.array(values, dtype=np.float64) for name, values in columns.items()}

    def provenance(self, cell: Cell) -> list[dict[str, Any]]:
        """Where each range of a cell's studies comes from, by its first study."""
        found = []
        for first, end in self.ranges(cell):
            path = self._file(cell, "provenance", first, end, "json")
            try:
                found.append(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError) as error:
                raise StorageError(f"cannot read {path}: {error}") from error
        return found

    def has_trials(self, cell: Cell, count: int) -> bool:
        """Whether every finished study below `count` has its trials kept."""
        return all(
            self._file(cell, "trials", first, end, "jsonl.gz").exists()
            for first, end in self.ranges(cell)
            if first < count
        )

    def trials(self, cell: Cell) -> Iterator[dict[str, Any]]:
        """Every trial that was kept, one record each, in order.

        Raises:
            StorageError: a file cannot be read.
        """
        for first, end in self.ranges(cell):
            path = self._file(cell, "trials", first, end, "jsonl.gz")
            if not path.exists():
                continue
            try:
                with gzip.open(path, "rt", encoding="utf-8") as lines:
                    for line in lines:
                        yield json.loads(line)
            except (OSError, EOFError, ValueError) as error:
                raise StorageError(f"cannot read {path}: {error}") from error

    # -- writing -----------------------------------------------------------------------------------------------

    def write(
        self,
        cell: Cell,
        first: int,
        *,
        studies: Columns,
        paths: Columns,
        provenance: Mapping[str, Any],
        trials: Iterable[Mapping[str, Any]] | None = None,
    ) -> None:
        """Store finished studies `first`, `first` + 1, ... of a cell. The table of metrics comes last: whatever
        interrupts this, the cell is either finished or not there.

        Args:
            cell: which.
            first: number of the first study.
            studies: columns of `STUDIES`.
            paths: columns of `PATHS`.
            provenance: JSON-safe; the cell and its studies are added.
            trials: one JSON-safe record for each trial, where they are kept.
        """
        end = first + len(studies["study"])
        try:
            self.cell_folder(cell).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.cell_folder(cell)}: {error.strerror}") from error
        origin = {"problem": cell.problem, "method": cell.method, "budget": cell.budget}
        origin |= {"first": first, "last": end - 1, **provenance}
        text = json.dumps(origin, indent=1, allow_nan=False) + "\n"
        tables.write_file(self._file(cell, "provenance", first, end, "json"), text.encode())
        if trials is not None:
            lines = "".join(json.dumps(trial, allow_nan=False) + "\n" for trial in trials)
            packed = gzip.compress(lines.encode(), compresslevel=6, mtime=0)
            tables.write_file(self._file(cell, "trials", first, end, "jsonl.gz"), packed)
        tables.write_table(self._file(cell, "paths", first, end), PATHS, paths)
        tables.write_table(self._file(cell, "studies", first, end), STUDIES, studies)

    def refresh_curves(self, cell: Cell) -> None:
        """Work out the curves of a cell again unless they are of all its studies."""
        count = sum(end - first for first, end in self.ranges(cell))
        path = self._table(cell, "curves")
        if path.exists():
            known = tables.read_table(path, curves.SCHEMA)
            if known["studies"] and known["studies"][0] == count:
                return
        columns = curves.curves(self.paths(cell), cell.budget)
        tables.write_table(path, curves.SCHEMA, columns)

    # -- internals ---------------------------------------------------------------------------------------------

    def cell_folder(self, cell: Cell) -> Path:
        """Where a cell's files are."""
        return self.folder / "cells" / _escaped(cell.problem) / _escaped(cell.method) / str(int(cell.budget))

    def _table(self, cell: Cell, name: str) -> Path:
        return self.cell_folder(cell) / f"{name}.{self.format}"

    def _file(self, cell: Cell, name: str, first: int, end: int, ending: str | None = None) -> Path:
        return self.cell_folder(cell) / f"{name}-{first}-{end - 1}.{ending or self.format}"

    def _gathered(
        self, cell: Cell, name: str, schema: Schema, count: int | None
    ) -> dict[str, npt.NDArray[Any]]:
        columns: dict[str, list[Any]] = {column: [] for column in schema}
        for first, end in self.ranges(cell):
            table = tables.read_table(self._file(cell, name, first, end), schema)
            if table["study"] != list(range(first, end)):
                raise StorageError(f"{self._file(cell, name, first, end)} does not hold the studies it names")
            keep = end - first if count is None else max(0, min(end, count) - first)
            for column, values in table.items():
                columns[column] += values[:keep]
        kinds = {"int": np.int64, "uint64": np.uint64, "float": np.float64, "flag": np.bool_, "text": np.str_}
        return {column: np.array(values, dtype=kinds[schema[column]]) for column, values in columns.items()}

    def _marked(self) -> Format | None:
        """The format of the tables that the folder holds; None for one that is empty or not there."""
        marker = self.folder / _MARKER
        if not self.folder.exists():
            return None
        if not self.folder.is_dir():
            raise OptionError(f"{self.folder} is a file; give a folder")
        if not marker.exists():
            # A lock file is what an interrupted start leaves.
            others = [
                p
                for p in self.folder.iterdir()
                if p.name != _MARKER + ".pid" and not p.name.startswith(UNFINISHED)
            ]
            if others:
                raise OptionError(f"{self.folder} holds other files; give a new or an empty folder")
            return None
        try:
            header = json.loads(marker.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StorageError(f"cannot read {marker}: {error}") from error
        if not isinstance(header, dict) or header.get("format") != _FORMAT:
            raise OptionError(f"{marker} is not that of a sweep; give a new or an empty folder")
        if header.get("version") != _VERSION or header.get("tables") not in ("csv", "parquet"):
            raise StorageError(f"{marker} is of another version of lehr ({header.get('version')!r})")
        tables_format: Format = header["tables"]
        return tables_format


def holds_results(folder: Path) -> bool:
    """Whether a folder says of itself that it is a results folder."""
    return (folder / _MARKER).is_file()


def path_columns(
    studies: Sequence[int], feasible: Sequence[bytes], steps: Mapping[str, npt.NDArray[Any]]
) -> dict[str, list[Any]]:
    """Columns of `PATHS` from what the core gives: feasible flags of each study, and steps in order of studies."""
    bounds = np.searchsorted(steps["study"], np.arange(len(studies) + 1)).tolist()
    texts = {
        "step_trials": [str(value) for value in steps["trial"].tolist()],
        "step_bests": [_number(value) for value in steps["best"].tolist()],
        "step_regrets": [_number(value) for value in steps["regret"].tolist()],
        "step_discovered": [_number(value) for value in steps["discovered"].tolist()],
    }
    columns: dict[str, list[Any]] = {
        "study": list(studies),
        "feasible": [flags.translate(_DIGITS).decode() for flags in feasible],
    }
    for name, words in texts.items():
        columns[name] = [" ".join(words[begin:end]) for begin, end in itertools.pairwise(bounds)]
    return columns


_DIGITS = bytes([48]) + bytes([49]) * 255


def _number(value: float) -> str:
    if math.isnan(value):
        return "nan"
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _escaped(name: str) -> str:
    escaped = quote(name, safe=":/=@").replace(":", "+").replace("/", ",")
    return escaped if not escaped.startswith(".") else "%2E" + escaped[1:]


def _unescaped(name: str) -> str:
    return unquote(name.replace("+", ":").replace(",", "/"))
