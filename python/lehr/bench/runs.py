"""Benchmarks of our methods and of peers together, into one results folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lehr._checks import whole
from lehr.bench.fingerprint import fingerprint
from lehr.bench.peers import PEERS, make_peer, peer_version
from lehr.bench.peers.studies import Job, Recording, replayed, run_jobs
from lehr.bench.problems import Problem
from lehr.bench.progress import Item, report
from lehr.bench.provenance import provenance
from lehr.bench.store import Cell, Store
from lehr.bench.sweep import Progress, keep_traces, some, sweep, todo
from lehr.bench.tables import Format
from lehr.bench.trace import MOST_TRIALS, Reference, method_spec
from lehr.deploy.machine import available_cores
from lehr.errors import OptionError

# Studies of a job: enough to pay for starting it, few enough that little is lost when it is interrupted.
_JOB_TRIALS: Mapping[str, int] = {"optuna-gp": 50, "optuna-gp-penalty": 50, "smac3": 25}
_JOB_TRIALS_OTHERS = 1250


@dataclass(frozen=True)
class RunOutcome:
    """What a run did.

    Attributes:
        store: the results folder.
        cells: every cell that was asked for.
        unfinished: of them, those with fewer studies than asked for: the time was up.
        seconds: it took.
    """

    store: Store
    cells: tuple[Cell, ...]
    unfinished: tuple[Cell, ...]
    seconds: float


def run(
    problems: Sequence[Problem | str],
    methods: Sequence[str],
    budgets: Sequence[int],
    seeds: int,
    out: Path | str,
    *,
    peer_seeds: int | Mapping[str, int] | None = None,
    recordings: Mapping[str, Recording] | None = None,
    processes: int | None = None,
    time_limit_s: float | None = None,
    table_format: Format | None = None,
    trials: bool = False,
    progress: Callable[[Progress], None] | None = None,
    command: list[str] | None = None,
) -> RunOutcome:
    """Run studies 0 to `seeds` - 1 of every problem, method and budget; ours natively, then those of peers.

    All methods meet the same luck: study i of each runs under ``hashed_seed(i)``. What the folder holds is not run
    again. Studies of peers start in turns over all cells, so that an early end leaves each with its share.

    Args:
        problems: problems, or their names.
        methods: ours as `lehr.bench.sweep` takes them, or names of `lehr.bench.peers.PEERS`.
        budgets: numbers of trials.
        seeds: number of studies of each cell.
        out: the results folder.
        peer_seeds: fewer for peers: one number, or numbers by name.
        recordings: where problems that do not ship with lehr were read from, by the problem's name.
        processes: how many at a time, and threads of ours; by default the number of cores.
        time_limit_s: after so many seconds no further study of a peer starts.
        table_format: ``"csv"`` or ``"parquet"``; by default the folder's own, or CSV.
        trials: keep every trial too.
        progress: called during our studies, and after each part of a cell of a peer.
        command: what to note as the command.

    Raises:
        OptionError: an argument is unknown or out of its range.
        MissingPackageError: a peer's package is not installed; before anything runs.
        StorageError: the folder cannot be used.
    """
    begin = time.monotonic()
    asked_for = some("problem", problems)
    loaded = {p.name: p for p in (p if isinstance(p, Problem) else Problem.load(p) for p in asked_for)}
    named = list(dict.fromkeys(some("method", methods)))
    peers = [method for method in named if method in PEERS]
    ours = [method for method in named if method not in PEERS]
    for method in ours:
        _check_method(method)
    sizes = sorted({whole("budget", budget, 1, MOST_TRIALS) for budget in some("budget", budgets)})
    count = whole("seeds", seeds, 1, 2**31)
    pool = available_cores() if processes is None else whole("processes", processes, 1, 1024)
    for peer in peers:  # a package that is missing should be known now
        make_peer(peer, next(iter(loaded.values())), 0, sizes[0]).close()
    counts = {peer: _count(peer_seeds, peer, count) for peer in peers}
    cells: list[Cell] = []
    if ours:
        done = sweep(
            list(loaded.values()), ours, sizes, count, out,
            threads=pool, table_format=table_format, trials=trials, progress=progress, command=command,
        )  # fmt: skip
        cells += done.cells
    asked = [Cell(problem, peer, size) for problem in loaded for peer in peers for size in sizes]
    with Store(out, table_format) as store:
        if asked:
            over = None if time_limit_s is None else begin + time_limit_s
            marks = {name: fingerprint(problem) for name, problem in loaded.items()}
            missing = {
                cell: todo(store, cell, counts[cell.method], marks=marks, trials=trials) for cell in asked
            }
            jobs = _jobs(missing, counts, recordings or {})
            _run_jobs(store, jobs, loaded, pool, over=over, trials=trials, progress=progress, command=command)
        unfinished = tuple(cell for cell in asked if store.missing(cell, counts[cell.method]))
        for cell in asked:
            if store.ranges(cell):
                store.refresh_curves(cell)
    return RunOutcome(store, (*cells, *asked), unfinished, time.monotonic() - begin)


def _check_method(method: str) -> None:
    try:
        method_spec(method)
    except OptionError as error:
        if "unknown method" not in str(error):
            raise
        raise OptionError(f"{error}, or one of the peers {', '.join(PEERS)}") from None


def _count(peer_seeds: int | Mapping[str, int] | None, peer: str, seeds: int) -> int:
    given = peer_seeds.get(peer) if isinstance(peer_seeds, Mapping) else peer_seeds
    return seeds if given is None else min(seeds, whole("peer seeds", given, 1, 2**31))


def _jobs(
    missing: Mapping[Cell, Sequence[tuple[int, int]]],
    counts: Mapping[str, int],
    recordings: Mapping[str, Recording],
) -> list[Job]:
    """Missing studies in parts that are worth a process, in an order in which all cells come near their number of
    studies together.
    """
    jobs = []
    for cell, ranges in missing.items():
        size = max(1, _JOB_TRIALS.get(cell.method, _JOB_TRIALS_OTHERS) // cell.budget)
        for first, end in ranges:
            jobs += [
                Job(cell, start, min(size, end - start), recordings.get(cell.problem))
                for start in range(first, end, size)
            ]
    return sorted(jobs, key=lambda job: job.first / counts[job.cell.method])


def _run_jobs(
    store: Store,
    jobs: Sequence[Job],
    problems: Mapping[str, Problem],
    processes: int,
    *,
    over: float | None,
    trials: bool,
    progress: Callable[[Progress], None] | None,
    command: list[str] | None,
) -> None:
    for name in {job.cell.problem for job in jobs}:
        Reference.of(problems[name])  # a problem without an optimum should be known before studies are run
    items = [Item(job.cell, job.first, job.count) for job in jobs]
    measured: list[tuple[int, float]] = [(0, 0.0)] * len(jobs)
    begin = time.monotonic()

    def stop() -> bool:
        return over is not None and time.monotonic() > over

    with closing(run_jobs(jobs, processes, stop=stop)) as results:
        for done, finished in enumerate(results, 1):
            job = finished.job
            origin = provenance(command) | {
                "peer": peer_version(job.cell.method),
                "settings": PEERS[job.cell.method].settings,
                "failures": PEERS[job.cell.method].failures,
                "thread_seconds": round(finished.seconds, 6),
            }
            traces = replayed(problems[job.cell.problem], job, finished.studies)
            keep_traces(store, job.cell, job.first, traces, origin=origin, trials=trials)
            measured[jobs.index(job)] = (job.count, finished.seconds)
            if progress is not None:
                progress(report(items, measured, done, processes, time.monotonic() - begin))
