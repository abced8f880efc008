"""What ``lehr sweep`` does: runs the sweep, shows how far it is, and prints the table."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lehr.cli.budgets import MOST_PROCESSES, budgets, check_count
from lehr.cli.exits import Exit, InputError
from lehr.cli.invocation import command
from lehr.cli.output import complain, emit, say
from lehr.cli.progress import Show, while_shown
from lehr.cli.sweep_display import table_lines

if TYPE_CHECKING:
    from lehr.bench import CellSummary, Progress, SweepOutcome
    from lehr.bench.tables import Format


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """What was typed."""

    problems: tuple[str, ...]
    methods: tuple[str, ...]
    budgets: tuple[str, ...]
    seeds: int
    out: Path
    threads: int | None
    format: str | None
    trials: bool
    json: bool


def run(options: SweepOptions) -> Exit:
    """Run the command. Raises LehrError for what cannot be done."""
    last: list[Progress] = []

    def work(show: Show) -> tuple[SweepOutcome, list[CellSummary]]:
        def noted(progress: Progress) -> None:
            last[:] = [progress]
            show(progress)

        return _swept(options, noted)

    found = while_shown(work, json=options.json, interrupted=lambda: _interrupted(options, last))
    if isinstance(found, Exit):
        return found
    outcome, cells = found
    if options.json:
        emit(_document("ok", options, outcome, cells))
    else:
        say(*_words(options, outcome), *table_lines(cells))
    return Exit.DONE


def _swept(options: SweepOptions, show: Show) -> tuple[SweepOutcome, list[CellSummary]]:
    sizes = budgets(options.budgets)
    check_count("--seeds", options.seeds)
    check_count("--threads", options.threads, most=MOST_PROCESSES)
    from lehr.bench import summarise, sweep
    from lehr.bench.peers import PEERS

    for method in options.methods:
        if method in PEERS:
            raise InputError(f"{method} is not ours and runs through Python; use lehr bench run for it")
    outcome = sweep(
        options.problems,
        options.methods,
        sizes,
        options.seeds,
        options.out,
        threads=options.threads,
        table_format=cast("Format | None", options.format),  # the store checks it
        trials=options.trials,
        progress=show,
        command=command(),
    )
    return outcome, summarise(outcome.store, outcome.cells, options.seeds)


def _words(options: SweepOptions, outcome: SweepOutcome) -> list[str]:
    cells = f"{len(outcome.cells)} cell{'' if len(outcome.cells) == 1 else 's'}"
    if not outcome.ran:
        return [
            f"All {outcome.found:,} studies of {cells} were in {options.out} already; nothing was run.",
            "",
        ]
    before = f", {outcome.found:,} were there before" if outcome.found else ""
    return [
        f"Ran {outcome.ran:,} studies of {cells} in {outcome.seconds:.1f} s{before}. Results: {options.out}",
        "",
    ]


def _interrupted(options: SweepOptions, last: Sequence[Progress]) -> None:
    done = f"{last[0].cells_done} of {last[0].cells} cells" if last else "no cell"
    if options.json:
        emit(_document("interrupted", options, None, []))
    complain(f"interrupted; {done} finished and kept. To go on: {shlex.join(command())}")


def _document(
    status: str, options: SweepOptions, outcome: SweepOutcome | None, cells: Sequence[CellSummary]
) -> dict[str, Any]:
    return {
        "status": status,
        "out": str(options.out),
        "seeds": options.seeds,
        "ran": None if outcome is None else outcome.ran,
        "found": None if outcome is None else outcome.found,
        "seconds": None if outcome is None else round(outcome.seconds, 3),
        "cells": [cell.document() for cell in cells],
    }
