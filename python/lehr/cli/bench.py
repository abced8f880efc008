"""``lehr bench`` and its commands: their options, and how they are added to the program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lehr.cli.exits import InputError
from lehr.cli.shared_options import (
    Budgets,
    Json,
    KeptResults,
    Processes,
    Results,
    Seeds,
    TimeLimit,
    Trials,
    whole_number,
)

LISTS = ("--problem", "--method", "--budget", "--constraint")
"""Options that take several values after one flag."""

EXAMPLES = """Examples:

\b
  lehr bench run --problem crashy_branin edge_tight@t4 --method tba-tpe \\
      optuna-tpe optuna-gp --budget 25 --seeds 100 --out results/
  lehr bench report results/
  lehr bench --replay study.jsonl --method tba-tpe tpe optuna-tpe
  lehr bench --replay kernel_cache.json --objective time
  lehr bench paper --seeds 200
  lehr bench describe edge_tight@t4

Methods are ours, as lehr sweep takes them (tba-tpe, tba-tpe:paper,
tba-tpe/snap_back=0), and peers: optuna-random, optuna-tpe, optuna-tpe-group,
optuna-tpe-paper, optuna-gp, optuna-gp-penalty, optuna-nsga2, smac3, hyperopt.
lehr bench list says what each is and needs. Every method meets the same luck:
study i runs under the same hashed seed.

Results folders are those of lehr sweep; both can add to one. What is in a
folder is not run again.

\b
Exit codes: 0 done, 2 bad input, 3 the machine failed us (a package is missing,
the folder is in use), 130 interrupted by Ctrl-C, 143 terminated.
"""


_Finish = Callable[[Callable[[Any], int], Any], None]


def register(app: typer.Typer, finish: _Finish) -> None:
    """Add the commands to the program; ``finish`` runs one and exits with its code."""
    bench = typer.Typer(
        name="bench",
        add_completion=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    _register_replay(bench, finish)
    _register_runs(bench, finish)
    _register_reports(bench, finish)
    app.add_typer(
        bench,
        epilog=EXAMPLES,
        help="Compare search methods on DeployBench's problems or on recorded results.",
    )


def _register_replay(bench: typer.Typer, finish: _Finish) -> None:
    @bench.callback(invoke_without_command=True)
    def replay(
        context: typer.Context,
        *,
        replay: Annotated[
            Path | None,
            typer.Option(
                "--replay",
                metavar="FILE",
                help="Run methods on recorded results: a study or its log, a lehr.replay file, a Kernel Tuner cache.",
            ),
        ] = None,
        method: Annotated[
            list[str] | None,
            typer.Option(
                "--method", metavar="METHOD...", help="Methods.  [default: tba-tpe tpe random optuna-tpe]"
            ),
        ] = None,
        budget: Budgets = None,
        seeds: Seeds = 50,
        objective: Annotated[
            str | None, typer.Option("--objective", metavar="NAME", help="The metric to optimise.")
        ] = None,
        direction: Annotated[
            str | None, typer.Option("--direction", metavar="WORD", help="maximize or minimize.")
        ] = None,
        constraint: Annotated[
            list[str] | None,
            typer.Option(
                "--constraint", metavar="NAME=LIMIT...", help="Upper limits instead of the file's own."
            ),
        ] = None,
        study: Annotated[
            str | None,
            typer.Option("--study", metavar="NAME", help="Which study of a log that holds several."),
        ] = None,
        out: KeptResults = None,
        processes: Processes = None,
        json: Json = False,
    ) -> None:
        if context.invoked_subcommand is not None:
            if replay is not None:
                raise InputError("--replay goes without a command: lehr bench --replay FILE")
            return
        if replay is None:
            raise InputError("give a command or --replay FILE; see lehr bench --help")
        from lehr.cli.bench_run import ReplayOptions, run_replay

        options = ReplayOptions(
            file=replay, methods=tuple(method or ()), budgets=tuple(budget or ("25",)), seeds=seeds,
            objective=objective, direction=direction, constraints=tuple(constraint or ()), study=study, out=out,
            processes=processes, json=json,
        )  # fmt: skip
        finish(run_replay, options)


def _register_runs(bench: typer.Typer, finish: _Finish) -> None:
    @bench.command(epilog=EXAMPLES)
    def run(
        *,
        problem: Annotated[
            list[str], typer.Option("--problem", metavar="NAME...", help="Problems; see lehr bench list.")
        ],
        method: Annotated[
            list[str], typer.Option("--method", metavar="METHOD...", help="Our methods, and peers.")
        ],
        out: Results,
        budget: Budgets = None,
        seeds: Seeds = 100,
        peer_seeds: Annotated[
            int | None,
            typer.Option(
                "--peer-seeds",
                metavar="N",
                parser=whole_number,
                help="Fewer studies for the slow peers, optuna-gp and smac3.",
            ),
        ] = None,
        processes: Processes = None,
        time_limit: TimeLimit = None,
        trials: Trials = False,
        json: Json = False,
    ) -> None:
        """Run our methods and peers on problems over many seeds, and print the table."""
        from lehr.cli.bench_run import RunOptions
        from lehr.cli.bench_run import run as command

        options = RunOptions(
            problems=tuple(problem), methods=tuple(method), budgets=tuple(budget or ("25",)), seeds=seeds,
            peer_seeds=peer_seeds, out=out, processes=processes, time_limit=time_limit, trials=trials, json=json,
        )  # fmt: skip
        finish(command, options)

    @bench.command("list")
    def list_(json: Json = False) -> None:
        """Problems and methods that there are."""
        from lehr.cli.bench_catalogue import DescribeOptions, catalogue

        finish(catalogue, DescribeOptions(None, json))

    @bench.command()
    def describe(
        problem: Annotated[str, typer.Argument(metavar="PROBLEM", help="A name from lehr bench list.")],
        json: Json = False,
    ) -> None:
        """What a problem models, its space and limits, how hostile it is, and its optimum."""
        from lehr.cli.bench_catalogue import DescribeOptions
        from lehr.cli.bench_catalogue import describe as command

        finish(command, DescribeOptions(problem, json))


def _register_reports(bench: typer.Typer, finish: _Finish) -> None:
    @bench.command(name="paper")
    def paper_(
        *,
        seeds: Seeds = 200,
        out: KeptResults = None,
        processes: Processes = None,
        json: Json = False,
    ) -> None:
        """Tables 3, 4, 8 and 9 of arXiv 2604.25073: ours beside the paper's, with 95 % intervals."""
        from lehr.cli.bench_reports import PaperOptions, paper

        finish(paper, PaperOptions(seeds, out, processes, json))

    @bench.command()
    def report(
        folder: Annotated[
            Path, typer.Argument(metavar="FOLDER", help="Results of lehr sweep or lehr bench.")
        ],
        *,
        out: Annotated[
            Path | None,
            typer.Option("--out", metavar="FILE", help="The page.  [default: FOLDER/report.html]"),
        ] = None,
        title: Annotated[
            str, typer.Option("--title", metavar="TEXT", help="Of the page.")
        ] = "DeployBench results",
        json: Json = False,
    ) -> None:
        """Write one HTML page of a results folder: tables, pictures, comparisons."""
        from lehr.cli.bench_reports import ReportOptions
        from lehr.cli.bench_reports import report as command

        finish(command, ReportOptions(folder, out, title, json))

    @bench.command()
    def results(
        *,
        store: Annotated[Path, typer.Option("--store", metavar="FOLDER", help="Where the studies are kept.")],
        out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The text.")] = Path(
            "bench/RESULTS.md"
        ),
        table: Annotated[
            Path | None, typer.Option("--table", metavar="FILE", help="A CSV file with a row for each cell.")
        ] = None,
        seeds: Seeds = 500,
        peer_seeds: Annotated[
            int,
            typer.Option(
                "--peer-seeds", metavar="N", parser=whole_number, help="Studies in each cell of optuna-gp."
            ),
        ] = 50,
        problem: Annotated[
            list[str] | None,
            typer.Option("--problem", metavar="NAME...", help="[default: all of DeployBench]"),
        ] = None,
        without_peers: Annotated[bool, typer.Option("--without-peers", help="Ours only.")] = False,
        processes: Processes = None,
        time_limit: TimeLimit = None,
        json: Json = False,
    ) -> None:
        """Run what bench/RESULTS.md is made of, and write it: the paper's figures, peers, ablations."""
        from lehr.cli.bench_reports import ResultsOptions
        from lehr.cli.bench_reports import results as command

        options = ResultsOptions(
            out=out, table=table, store=store, seeds=seeds, peer_seeds=peer_seeds, problems=tuple(problem or ()),
            without_peers=without_peers, processes=processes, time_limit=time_limit, json=json,
        )  # fmt: skip
        finish(command, options)
