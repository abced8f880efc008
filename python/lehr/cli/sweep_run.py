"""What ``lehr sweep`` does: runs the sweep, shows how far it is, and prints the table."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from lehr.cli.budgets import budgets
from lehr.cli.exits import Exit, InputError
from lehr.cli.output import complain, emit, say
from lehr.cli.signals import ignore_interrupts, orderly_termination
from lehr.cli.sweep import SweepOptions
from lehr.cli.sweep_display import Display, choose, table_lines
from lehr.cli.tune import invoked_as

if TYPE_CHECKING:
    from lehr.bench import CellSummary, Progress, SweepOutcome
    from lehr.bench.tables import Format


def run(options: SweepOptions) -> Exit:
    """Run the command. Raises LehrError for what cannot be done."""
    with orderly_termination() as ending:
        display = choose(json=options.json)
        last: list[Progress] = []
        try:
            outcome, cells = _swept(options, display, last)
        except KeyboardInterrupt:
            ignore_interrupts()
            with contextlib.suppress(OSError):  # a terminal that is gone
                display.end()
            _interrupted(options, last)
            return ending.exit_code
        finally:
            with contextlib.suppress(OSError):
                display.end()
    if options.json:
        emit(_document("ok", options, outcome, cells))
    else:
        say(*_words(options, outcome), *table_lines(cells))
    return Exit.DONE


def _swept(
    options: SweepOptions, display: Display, last: list[Progress]
) -> tuple[SweepOutcome, list[CellSummary]]:
    sizes = budgets(options.budgets)
    if options.seeds < 1:
        raise InputError(f"--seeds: {options.seeds} is below 1")
    if options.threads is not None and not 1 <= options.threads <= 1024:
        raise InputError(f"--threads: {options.threads} is outside 1 to 1024")
    from lehr.bench import summarise, sweep
    from lehr.bench.peers import PEERS

    for method in options.methods:
        if method in PEERS:
            raise InputError(f"{method} is not ours and runs through Python; use lehr bench run for it")

    def show(progress: Progress) -> None:
        last[:] = [progress]
        display.show(progress)

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
        command=_command(),
    )
    return outcome, summarise(outcome.store, outcome.cells, options.seeds)


def _command() -> list[str]:
    return [*invoked_as(), *sys.argv[1:]]


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
    complain(f"interrupted; {done} finished and kept. To go on: {shlex.join(_command())}")


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
