"""``lehr sweep``: its options, and how it is added to the program. What it does is in `lehr.cli.sweep_run`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from lehr.cli.shared_options import Budgets, Json, Results, Seeds, Trials, whole_number

if TYPE_CHECKING:
    from lehr.cli.sweep_run import SweepOptions

LISTS = ("--problem", "--method", "--budget")
"""Options that take several values after one flag."""

EXAMPLES = """Examples:

\b
  lehr sweep --problem crashy_branin --method tba-tpe tpe random \\
      --budget 10:50:5 --seeds 1000 --out results/
  lehr sweep --problem crashy_branin --method tba-tpe:paper \\
      tba-tpe:paper/snap_back=0 --budget 30 --seeds 500 --out ablation/

A method is method[:preset][/option=value ...], as in tpe, tba-tpe:paper or
tpe/acquisition=c-tpe; one that is unknown is answered with those there are.

Study i runs under a hash of i, for every method and problem alike. What is in
the folder already is not run again: a sweep that was interrupted, or that is
given more seeds, methods or budgets, goes on when the same folder is named.
The tables are the same, byte for byte, whatever the number of threads.

\b
Exit codes: 0 done, 2 bad input, 3 the machine failed us (the folder is in use
or cannot be written), 130 interrupted by Ctrl-C, 143 terminated.
"""


def register(app: typer.Typer, finish: Callable[[Callable[[SweepOptions], int], SweepOptions], None]) -> None:
    """Add the command to the program; ``finish`` runs it and exits with its code."""

    @app.command(epilog=EXAMPLES)
    def sweep(
        *,
        problem: Annotated[
            list[str], typer.Option("--problem", metavar="NAME...", help="Problems to search.")
        ],
        method: Annotated[
            list[str], typer.Option("--method", metavar="METHOD...", help="Methods, in words as below.")
        ],
        out: Results,
        budget: Budgets = None,
        seeds: Seeds = 100,
        threads: Annotated[
            int | None,
            typer.Option(
                "--threads", metavar="N", parser=whole_number, help="Number of threads.  [default: all cores]"
            ),
        ] = None,
        table_format: Annotated[
            str | None,
            typer.Option(
                "--format",
                metavar="NAME",
                help="Of the tables: csv or parquet.  [default: the folder's, or csv]",
            ),
        ] = None,
        trials: Trials = False,
        json: Json = False,
    ) -> None:
        """Run methods on DeployBench's problems over many seeds, natively and on all cores.

        Every combination of a problem, a method and a budget is a cell, with a table of its own.
        """
        from lehr.cli.sweep_run import SweepOptions, run

        options = SweepOptions(
            problems=tuple(problem), methods=tuple(method), budgets=tuple(budget or ("25",)), seeds=seeds,
            out=out, threads=threads, format=table_format, trials=trials, json=json,
        )  # fmt: skip
        finish(run, options)
