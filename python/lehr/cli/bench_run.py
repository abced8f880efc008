"""What ``lehr bench run`` and ``lehr bench --replay`` do: studies, shown while they run, then the table."""

from __future__ import annotations

import contextlib
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lehr.cli.bench import ReplayOptions, RunOptions
from lehr.cli.budgets import budgets
from lehr.cli.exits import Exit, InputError
from lehr.cli.output import complain, emit, guarded_stdout, say
from lehr.cli.signals import Ending, ignore_interrupts, orderly_termination
from lehr.cli.sweep_display import choose, table_lines
from lehr.cli.tune import invoked_as
from lehr.cli.units import duration_s

if TYPE_CHECKING:
    from lehr.bench import Progress
    from lehr.bench.runs import RunOutcome

_SLOW = ("optuna-gp", "smac3")
_REPLAYED = ("tba-tpe", "tpe", "random", "optuna-tpe")

_Result = TypeVar("_Result")
Show = Callable[["Progress"], None]


def command() -> list[str]:
    """This command, for provenance and for people to copy."""
    return [*invoked_as(), *sys.argv[1:]]


def check_counts(seeds: int, processes: int | None) -> None:
    """Refuse numbers that make no sense. Raises InputError."""
    if seeds < 1:
        raise InputError(f"--seeds: {seeds} is below 1")
    if processes is not None and not 1 <= processes <= 1024:
        raise InputError(f"--processes: {processes} is outside 1 to 1024")


def while_shown(work: Callable[[Show], _Result], *, json: bool, kept: bool) -> _Result | Exit:
    """Do the work while its progress is shown; an exit code when it was interrupted.

    Args:
        work: takes what to call with progress.
        json: whether stdout is for one JSON object.
        kept: whether what is finished stays, so that the same command goes on.
    """
    with orderly_termination() as ending:
        display = choose(json=json)
        try:
            with guarded_stdout(active=json):
                return work(display.show)
        except KeyboardInterrupt:
            ignore_interrupts()
            with contextlib.suppress(OSError):  # a terminal that is gone
                display.end()
            return _interrupted(ending, json=json, kept=kept)
        finally:
            with contextlib.suppress(OSError):
                display.end()


@contextlib.contextmanager
def folder(out: Path | None) -> Iterator[Path]:
    """The results folder that was named, or one that goes away again."""
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory(prefix="lehr-bench-") as name:
        yield Path(name) / "results"


def run(options: RunOptions) -> Exit:
    """``lehr bench run``. Raises LehrError for what cannot be done."""
    check_counts(options.seeds, options.processes)
    sizes = budgets(options.budgets)
    if options.peer_seeds is not None and options.peer_seeds < 1:
        raise InputError(f"--peer-seeds: {options.peer_seeds} is below 1")
    limit = None if options.time_limit is None else duration_s(options.time_limit, "--time-limit")
    from lehr.bench.runs import run as run_all

    slow = None if options.peer_seeds is None else dict.fromkeys(_SLOW, options.peer_seeds)

    def work(show: Show) -> RunOutcome:
        return run_all(
            options.problems, options.methods, sizes, options.seeds, options.out,
            peer_seeds=slow, processes=options.processes, time_limit_s=limit, trials=options.trials,
            progress=show, command=command(),
        )  # fmt: skip

    outcome = while_shown(work, json=options.json, kept=True)
    if isinstance(outcome, Exit):
        return outcome
    _print(outcome, options.seeds, json=options.json, head=[])
    return Exit.DONE


def run_replay(options: ReplayOptions) -> Exit:
    """``lehr bench --replay``. Raises LehrError for what cannot be done."""
    check_counts(options.seeds, options.processes)
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
    with folder(options.out) as out:

        def work(show: Show) -> RunOutcome:
            return run_all(
                [problem], methods, sizes, options.seeds, out,
                recordings={problem.name: recording}, processes=options.processes, progress=show,
                command=command(),
            )  # fmt: skip

        outcome = while_shown(work, json=options.json, kept=options.out is not None)
        if isinstance(outcome, Exit):
            return outcome
        _print(
            outcome,
            options.seeds,
            json=options.json,
            head=[problem.describe(), ""],
            kept=options.out is not None,
        )
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


def _interrupted(ending: Ending, *, json: bool, kept: bool) -> Exit:
    if json:
        emit({"status": "interrupted"})
    words = f"; what is finished is kept. To go on: {shlex.join(command())}" if kept else ""
    complain(f"interrupted{words}")
    return ending.exit_code
