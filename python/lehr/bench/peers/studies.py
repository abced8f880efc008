"""Whole studies of peers, in processes of their own.

A worker sends back which configurations were proposed, and nothing else: problems are pure functions of
configuration and seed, so the results are worked out again where they are stored.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from lehr.bench.peers import make_peer
from lehr.bench.problems import Problem
from lehr.bench.store import Cell
from lehr.bench.trace import Trace, TraceBuilder, hashed_seed
from lehr.errors import ExhaustedError, LehrError

Config = Mapping[str, Any]

# One thread for each process: numeric libraries that start more are slower on small matrices, and disturb neighbours.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Recording:
    """A file that a problem is read from, with the arguments of `Problem.replay`."""

    path: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def load(self) -> Problem:
        """The problem. Raises what `Problem.replay` does."""
        return Problem.replay(self.path, **self.options)


@dataclass(frozen=True, slots=True)
class Job:
    """Studies `first` to `first + count - 1` of a cell.

    Attributes:
        cell: which; its method is a peer's name.
        first: number of the first study.
        count: how many.
        recording: what the problem is read from; None for one that ships with lehr.
    """

    cell: Cell
    first: int
    count: int
    recording: Recording | None = None


def run_peer_study(problem: Problem, method: str, budget: int, seed: int) -> Trace:
    """Run one study of a peer.

    Args:
        problem: what to search.
        method: one of `lehr.bench.peers.PEERS`.
        budget: number of trials. A peer that has nothing left to propose ends the study early.
        seed: of the peer and of the problem's noise, 0 to 2**64 - 1.

    Raises:
        OptionError: there is no such peer.
        MissingPackageError: its package is not installed.
    """
    builder = TraceBuilder(problem, method, seed)
    peer = make_peer(method, problem, seed, budget)
    exhausted = False
    try:
        for _ in range(budget):
            token, config = peer.ask()
            peer.tell(token, builder.evaluate(config, method))
    except ExhaustedError:
        exhausted = True
    finally:
        peer.close()
    return builder.trace(exhausted=exhausted)


def replayed(problem: Problem, job: Job, studies: Sequence[tuple[list[Config], bool]]) -> list[Trace]:
    """The traces of a job from what its worker sent."""
    traces = []
    for study, (configs, exhausted) in enumerate(studies, job.first):
        builder = TraceBuilder(problem, job.cell.method, hashed_seed(study))
        for config in configs:
            builder.evaluate(config, job.cell.method)
        traces.append(builder.trace(exhausted=exhausted))
    return traces


@dataclass(frozen=True, slots=True)
class Finished:
    """A job that is done: what was proposed in each study and whether it ended early, and the seconds it took."""

    job: Job
    studies: list[tuple[list[Config], bool]]
    seconds: float


def run_jobs(
    jobs: Sequence[Job], processes: int, *, stop: Callable[[], bool] = lambda: False
) -> Generator[Finished, None, None]:
    """Run jobs on fresh processes and give each as it finishes. Few are under way at a time, so that little is lost
    when the caller goes away.

    Args:
        jobs: in the order they should start.
        processes: how many at a time.
        stop: asked before a job starts; when it says so no more are started.

    Raises:
        MissingPackageError: a peer's package is not installed.
        LehrError: a process ended without a word.
    """
    waiting = iter(jobs)
    with _surroundings():
        pool = ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), initializer=_leave_interrupts_to_the_parent
        )
        running: set[Future[Finished]] = set()
        try:
            while True:
                while len(running) < processes and not stop():
                    job = next(waiting, None)
                    if job is None:
                        break
                    running.add(pool.submit(_work, job))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield _result(future)
        finally:
            workers = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            if running:  # an interrupt, or a failure: nobody waits for what still runs
                for worker in workers:
                    worker.terminate()
            for worker in workers:
                worker.join()


def _result(future: Future[Finished]) -> Finished:
    try:
        return future.result()
    except LehrError:
        raise
    except Exception as error:
        raise LehrError(
            f"a process that ran studies of a peer failed: {type(error).__name__}: {error}"
        ) from error


def _work(job: Job) -> Finished:
    problem = Problem.load(job.cell.problem) if job.recording is None else job.recording.load()
    begin = time.perf_counter()
    studies = []
    for study in range(job.first, job.first + job.count):
        trace = run_peer_study(problem, job.cell.method, job.cell.budget, hashed_seed(study))
        studies.append((list(trace.configs), trace.exhausted))
    return Finished(job, studies, time.perf_counter() - begin)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """What children inherit: one thread each, and a folder for scratch files that goes away even if they are killed.

    They read it when their libraries are loaded, before any of our code runs in them.
    """
    with tempfile.TemporaryDirectory(prefix="lehr-bench-", ignore_cleanup_errors=True) as scratch:
        settings = dict.fromkeys(_ONE_THREAD, "1") | {"TMPDIR": scratch}
        kept = {name: os.environ.get(name) for name in settings}
        os.environ.update(settings)
        try:
            yield
        finally:
            for name, value in kept.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


__all__ = ["Finished", "Job", "Recording", "replayed", "run_jobs", "run_peer_study"]
