"""What ``lehr bench run`` and ``lehr bench --replay`` do: studies, shown while they run, then the table."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr.cli.budgets import MOST_PROCESSES, budgets, check_count
from lehr.cli.exits import Exit, InputError
from lehr.cli.invocation import command
from lehr.cli.output import complain, emit, say
from lehr.cli.progress import Show, while_shown
from lehr.cli.sweep_display import table_lines
from lehr.quantities import duration_s

if TYPE_CHECKING:
    from lehr.bench.runs import RunOutcome


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Of ``lehr bench run``."""

    problems: tuple[str, ...]
    methods: tuple[str, ...]
    budgets: tuple[str, ...]
    seeds: int
    peer_seeds: int | None
    out: Path
    processes: int | None
    time_limit: str | None
    trials: bool
    json: bool


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """Of ``lehr bench --replay``."""

    file: Path
    methods: tuple[str, ...]
    budgets: tuple[str, ...]
    seeds: int
    objective: str | None
    direction: str | None
    constraints: tuple[str, ...]
    study: str | None
    out: Path | None
    processes: int | None
    json: bool


_REPLAYED = ("tba-tpe", "tpe", "random", "optuna-tpe")


@contextlib.contextmanager
def results_folder(out: Path | None) -> Iterator[Path]:
    """The results folder that was named, or one that goes away again."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="lehr-bench-") as name:
        yield Path(name) / "results"


def run(options: RunOptions) -> Exit:
    """``lehr bench run``. Raises LehrError for what cannot be done."""
    check_count("--seeds", options.seeds)
    check_count("--peer-seeds", options.peer_seeds)
    check_count("--processes", options.processes, most=MOST_PROCESSES)
    sizes = budgets(options.budgets)
    limit = None if options.time_limit is None else duration_s(options.time_limit, "--time-limit")
    from lehr.bench.peers import SLOW
    from lehr.bench.runs import run as run_all

    slow = None if options.peer_seeds is None else dict.fromkeys(SLOW, options.peer_seeds)

    def work(show: Show) -> RunOutcome:
        return run_all(
            options.problems, options.methods, sizes, options.seeds, options.out,
            peer_seeds=slow, processes=options.processes, time_limit_s=limit, trials=options.trials,
            progress=show, command=command(),
        )  # fmt: skip

    outcome = while_shown(work, json=options.json, interrupted=interrupted(json=options.json, kept=True))
    if isinstance(outcome, Exit):
        return outcome
    _print(outcome, options.seeds, json=options.json, head=[])
    return Exit.DONE


def run_replay(options: ReplayOptions) -> Exit:
    """``lehr bench --replay``. Raises LehrError for what cannot be done."""
    check_count("--seeds", options.seeds)
    check_count("--processes", options.processes, most=MOST_PROCESSES)
    sizes = budgets(options.budgets)
    if not options.file.is_file():
        raise InputError(f"--replay: there is no file {options.file}")
    if options.direction not in (None, "maximize", "minimize"):
        raise InputError(f"--direction: {options.direction!r} is neither maximize nor minimize")
    from lehr.bench.peers.studies import Recording
    from lehr.bench.runs import run as run_all

    given = {
        "objective": options.objective,
        "direction": options.direction,
        "constraints": _limits(options.constraints),
        "study": options.study,
    }
    recording = Recording(
        str(options.file), {name: value for name, value in given.items() if value is not None}
    )
    problem = recording.load()
    methods = options.methods or _REPLAYED
    kept = options.out is not None
    with results_folder(options.out) as out:

        def work(show: Show) -> RunOutcome:
            return run_all(
                [problem], methods, sizes, options.seeds, out,
                recordings={problem.name: recording}, processes=options.processes, progress=show,
                command=command(),
            )  # fmt: skip

        outcome = while_shown(work, json=options.json, interrupted=interrupted(json=options.json, kept=kept))
        if isinstance(outcome, Exit):
            return outcome
        _print(outcome, options.seeds, json=options.json, head=[problem.describe(), ""], kept=kept)
    return Exit.DONE


def _limits(texts: Sequence[str]) -> dict[str, float] | None:
    limits: dict[str, float] = {}
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            limits[name] = float(number)
        except ValueError:
            equals = ""
        if not name or not equals:
            raise InputError(f"--constraint: {text!r} is not of the form NAME=LIMIT, such as time=20")
    return limits or None


def _print(outcome: RunOutcome, seeds: int, *, json: bool, head: Sequence[str], kept: bool = True) -> None:
    from lehr.bench import summarise

    cells = [cell for cell in outcome.cells if outcome.store.ranges(cell)]
    summaries = summarise(outcome.store, cells, seeds)
    if json:
        emit(
            {
                "status": "unfinished" if outcome.unfinished else "ok",
                "out": str(outcome.store.folder) if kept else None,
                "seconds": round(outcome.seconds, 3),
                "unfinished": [_plain(cell) for cell in outcome.unfinished],
                "cells": [summary.document() for summary in summaries],
            }
        )
        return
    say(*head, *table_lines(summaries))
    if outcome.unfinished:
        say(
            "",
            f"The time was up before {len(outcome.unfinished)} cells had all their studies; the same command goes on.",
        )


def _plain(cell: Any) -> dict[str, Any]:
    return {"problem": cell.problem, "method": cell.method, "budget": cell.budget}


def interrupted(*, json: bool, kept: bool) -> Callable[[], None]:
    """What to say after an interruption; `kept`: what is finished stays, so that the same command goes on."""

    def said() -> None:
        if json:
            emit({"status": "interrupted"})
        words = f"; what is finished is kept. To go on: {shlex.join(command())}" if kept else ""
        complain(f"interrupted{words}")

    return said
