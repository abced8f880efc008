"""Sweeps: every method on every problem with every budget over many seeds, natively and on all cores."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lehr import _core
from lehr._checks import whole
from lehr.bench.fingerprint import fingerprint
from lehr.bench.problems import Problem
from lehr.bench.progress import Item, Progress, report
from lehr.bench.provenance import provenance
from lehr.bench.store import Cell, Store, path_columns
from lehr.bench.tables import Format
from lehr.bench.trace import MOST_TRIALS, Reference, Trace, family_value, hashed_seed, method_spec
from lehr.deploy.machine import available_cores
from lehr.errors import OptionError

_POLL_S = 0.1


@dataclass(frozen=True)
class SweepOutcome:
    """What a sweep did.

    Attributes:
        store: the results folder.
        cells: every cell that was asked for, problem by problem, then method by method, then by budget.
        ran: studies that were run now.
        found: studies that were there before.
        seconds: it took.
    """

    store: Store
    cells: tuple[Cell, ...]
    ran: int
    found: int
    seconds: float


def sweep(
    problems: Sequence[Problem | str],
    methods: Sequence[str],
    budgets: Sequence[int],
    seeds: int,
    out: Path | str,
    *,
    threads: int | None = None,
    table_format: Format | None = None,
    trials: bool = False,
    progress: Callable[[Progress], None] | None = None,
    command: list[str] | None = None,
) -> SweepOutcome:
    """Run studies 0 to `seeds` - 1 of every problem, method and budget, each under `hashed_seed` of its number.

    Cells that the folder holds already are not run again, and of a cell that holds fewer studies only the new ones are.
    When it is interrupted, what is finished stays, and the same call goes on. The tables do not depend on the number of
    threads.

    Args:
        problems: problems, or their names.
        methods: ``method[:preset][/option=value ...]``.
        budgets: numbers of trials, each 1 to a million.
        seeds: number of studies of each cell, at least 1.
        out: the results folder; see `lehr.bench.store`.
        threads: number of threads; by default as many as cores that may be used.
        table_format: ``"csv"`` or ``"parquet"``; by default the folder's own, or CSV for a new one.
        trials: keep every trial too, as packed JSON lines.
        progress: called about ten times a second, and after each cell.
        command: what to note as the command; by default that of this process.

    Raises:
        OptionError: an argument is unknown or out of its range, or the folder holds other things.
        StorageError: the folder cannot be used; what was finished before stays.
        LehrError: pyarrow is absent and the tables are Parquet.
    """
    begin = time.monotonic()
    chosen = _chosen(some("problem", problems))
    specs = {str(spec): spec for spec in map(method_spec, some("method", methods))}
    sizes = sorted({whole("budget", budget, 1, MOST_TRIALS) for budget in some("budget", budgets)})
    count = whole("seeds", seeds, 1, 2**31)
    pool = available_cores() if threads is None else whole("threads", threads, 1, 1024)
    marks = {name: fingerprint(problem) for name, problem in chosen.items()}
    cells = tuple(Cell(p, m, b) for p in chosen for m in specs for b in sizes)
    with Store(out, table_format) as store:
        items = [
            Item(cell, first, end - first)
            for cell in cells
            for first, end in todo(store, cell, count, marks=marks, trials=trials)
        ]
        _run(
            store,
            items,
            problems=chosen,
            marks=marks,
            specs=specs,
            threads=pool,
            trials=trials,
            progress=progress,
            command=command,
        )
        for cell in cells:
            store.refresh_curves(cell)
    ran = sum(item.count for item in items)
    return SweepOutcome(store, cells, ran, len(cells) * count - ran, time.monotonic() - begin)


def _run(
    store: Store,
    items: Sequence[Item],
    *,
    problems: Mapping[str, Problem],
    marks: Mapping[str, str],
    specs: Mapping[str, Any],
    threads: int,
    trials: bool,
    progress: Callable[[Progress], None] | None,
    command: list[str] | None,
) -> None:
    if not items:
        return
    references = {name: Reference.of(problems[name]) for name in {item.cell.problem for item in items}}
    origin = provenance(command) | {"threads": threads}
    native = _core.Sweep(
        [
            (
                problems[item.cell.problem]._core,
                references[item.cell.problem]._core,
                specs[item.cell.method],
                item.cell.budget,
                item.first,
                item.count,
            )
            for item in items
        ],
        threads,
        trials,
    )
    begin = time.monotonic()

    def keep(index: int) -> None:
        item, (_, seconds) = items[index], native.progress()[index]
        known = origin | {"fingerprint": marks[item.cell.problem], "thread_seconds": round(seconds, 6)}
        _keep(store, item, problems[item.cell.problem], native.take(index), origin=known, trials=trials)
        store.refresh_curves(item.cell)

    finished = 0
    try:
        while finished < len(items):
            index = native.wait(_POLL_S)
            if index is not None:
                keep(index)
                finished += 1
            if progress is not None:
                progress(report(items, native.progress(), finished, threads, time.monotonic() - begin))
    finally:
        native.cancel()
        # Whatever ends the sweep early, a cell whose studies are all done is not to be run again.
        while finished < len(items) and (index := _ready(native)) is not None:
            keep(index)
            finished += 1


def _ready(native: Any) -> int | None:
    try:
        ready: int | None = native.wait(0.0)
    except Exception:  # the failure that is on its way out already
        return None
    return ready


def keep_traces(
    store: Store,
    cell: Cell,
    first: int,
    traces: Sequence[Trace],
    *,
    origin: Mapping[str, Any],
    trials: bool = False,
) -> None:
    """Store studies that ran elsewhere, as a sweep stores its own; `lehr.bench.TraceBuilder` makes their traces.

    Args:
        store: held for writing.
        cell: what was run; the method is any name.
        first: number of the first study; study i ran under ``hashed_seed(i)``.
        traces: one for each study, all on the same problem.
        origin: where they come from; see `lehr.bench.provenance`.
        trials: keep every trial too.
    """
    if not traces:
        return
    measured = [trace._measured(cell.budget) for trace in traces]
    metrics, steps = (
        {name: np.concatenate([parts[kind][name] for parts in measured]) for name in measured[0][kind]}
        for kind in (0, 1)
    )
    steps["study"] = np.repeat(np.arange(len(traces)), [len(parts[1]["trial"]) for parts in measured])
    feasible = [trace.feasible.astype(np.uint8).tobytes() for trace in traces]
    _write(
        store,
        cell,
        first,
        problem=traces[0].problem,
        columns=(metrics, feasible, steps),
        origin={"fingerprint": fingerprint(traces[0].problem), **origin},
        traces=traces if trials else None,
    )


def _keep(
    store: Store,
    item: Item,
    problem: Problem,
    taken: tuple[Any, ...],
    *,
    origin: Mapping[str, Any],
    trials: bool,
) -> None:
    *columns, natives = taken
    traces = (
        Trace._from_core(problem, item.cell.method, hashed_seed(item.first + i), native)
        for i, native in enumerate(natives)
    )
    _write(
        store,
        item.cell,
        item.first,
        problem=problem,
        columns=columns,
        origin=origin,
        traces=traces if trials else None,
    )


def _write(
    store: Store,
    cell: Cell,
    first: int,
    *,
    problem: Problem,
    columns: Sequence[Any],
    origin: Mapping[str, Any],
    traces: Iterable[Trace] | None,
) -> None:
    metrics, feasible, steps = columns
    studies = range(first, first + len(feasible))
    families = {
        code: str(family_value(problem, code))
        for code in np.unique(metrics["family"])
        if not math.isnan(code)
    }
    table = {name: column.tolist() for name, column in metrics.items()}
    table["family"] = [families.get(code, "") for code in table["family"]]
    table |= {"study": list(studies), "seed": [hashed_seed(study) for study in studies]}
    store.write(
        cell,
        first,
        studies=table,
        paths=path_columns(studies, feasible, steps),
        provenance=origin,
        trials=None if traces is None else _records(cell, first, traces),
    )


def _records(cell: Cell, first: int, traces: Iterable[Trace]) -> Iterator[dict[str, Any]]:
    for study, trace in enumerate(traces, first):
        head = {"problem": cell.problem, "method": cell.method, "budget": cell.budget}
        head |= {"study": study, "seed": trace.seed}
        for number, record in enumerate(trace.records()):
            yield head | {"trial": number} | record


def todo(
    store: Store, cell: Cell, count: int, *, marks: Mapping[str, str], trials: bool
) -> list[tuple[int, int]]:
    """What of studies 0 to `count` - 1 of a cell is to be run, as ranges (first, end).

    Args:
        store: the results folder.
        cell: which.
        count: of studies.
        marks: `lehr.bench.fingerprint` of problems by name.
        trials: whether trials are to be kept.

    Raises:
        OptionError: the folder holds results of another problem of the name, or studies without their trials.
    """
    for known in store.provenance(cell):
        if known.get("fingerprint", marks[cell.problem]) != marks[cell.problem]:
            raise OptionError(
                f"{store.folder} holds results of another '{cell.problem}', of lehr {known.get('lehr')}; "
                "give another folder"
            )
    if trials and not store.has_trials(cell, count):
        raise OptionError(
            f"{cell} is finished, and its trials were not kept; give another folder to run it again with them"
        )
    return store.missing(cell, count)


def _chosen(problems: Sequence[Problem | str]) -> dict[str, Problem]:
    """Problems by name. Two recordings can have one name; their results would be taken for each other's."""
    chosen: dict[str, Problem] = {}
    loaded: dict[str, Problem] = {}
    for given in problems:
        if not isinstance(given, Problem):
            problem = loaded.get(given) or loaded.setdefault(given, Problem.load(given))
        else:
            problem = given
        if chosen.setdefault(problem.name, problem) is not problem:
            raise OptionError(f"two problems are named '{problem.name}'; give each a name of its own")
    return chosen


def some(what: str, values: Sequence[Any]) -> list[Any]:
    """A list of at least one. Raises OptionError."""
    if isinstance(values, str) or not isinstance(values, Collection) or not values:
        raise OptionError(f"give a list of at least one {what}, not {values!r}")
    return list(values)


__all__ = ["Progress", "SweepOutcome", "keep_traces", "sweep"]
