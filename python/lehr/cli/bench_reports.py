"""What ``lehr bench paper``, ``report`` and ``results`` do."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lehr._printable import printable
from lehr.cli.bench_run import interrupted, results_folder
from lehr.cli.budgets import MOST_PROCESSES, check_count
from lehr.cli.exits import Exit, InputError
from lehr.cli.invocation import command
from lehr.cli.output import emit, say
from lehr.cli.places import check_writable
from lehr.cli.progress import Show, while_shown
from lehr.quantities import duration_s
from lehr.report.columns import aligned

if TYPE_CHECKING:
    from lehr.bench.paper import Reproduction
    from lehr.bench.store import Store


@dataclass(frozen=True, slots=True)
class PaperOptions:
    """Of ``lehr bench paper``."""

    seeds: int
    out: Path | None
    processes: int | None
    json: bool


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """Of ``lehr bench report``."""

    folder: Path
    out: Path | None
    title: str
    json: bool


@dataclass(frozen=True, slots=True)
class ResultsOptions:
    """Of ``lehr bench results``."""

    out: Path
    table: Path | None
    store: Path
    seeds: int
    peer_seeds: int
    problems: tuple[str, ...]
    without_peers: bool
    processes: int | None
    time_limit: str | None
    json: bool


def paper(options: PaperOptions) -> Exit:
    """``lehr bench paper``. Raises LehrError for what cannot be done."""
    check_count("--seeds", options.seeds)
    check_count("--processes", options.processes, most=MOST_PROCESSES)
    from lehr.bench import paper as published
    from lehr.bench.results import Plan, measure

    figures = published.published()
    plan = Plan(problems=[], rivals=[], seeds=options.seeds, figures=figures)
    with results_folder(options.out) as out:

        def work(show: Show) -> Store:
            return measure(plan, out, processes=options.processes, progress=show, command=command())

        store = while_shown(
            work, json=options.json, interrupted=interrupted(json=options.json, kept=options.out is not None)
        )
        if isinstance(store, Exit):
            return store
        found = published.reproductions(store, figures, options.seeds)
    if options.json:
        emit({"status": "ok", "seeds": options.seeds, "figures": [one.document() for one in found]})
    else:
        say(*_paper_lines(found))
    return Exit.DONE


def report(options: ReportOptions) -> Exit:
    """``lehr bench report``. Raises LehrError for what cannot be done."""
    if not options.folder.is_dir():
        raise InputError(
            f"there is no folder {options.folder}; give a results folder of lehr sweep or lehr bench run"
        )
    out = options.out or options.folder / "report.html"
    check_writable(out, example="report.html")
    from lehr.bench import Store
    from lehr.bench import report as page
    from lehr.bench.store import holds_results
    from lehr.bench.tables import write_file

    if not holds_results(options.folder):
        raise InputError(
            f"{options.folder} is not a results folder; make one with lehr sweep or lehr bench run"
        )
    store = Store(options.folder)
    text = page.report(store, title=options.title)
    write_file(out, text.encode())
    if options.json:
        emit({"status": "ok", "report": str(out), **page.document(store)})
    else:
        say(f"Wrote {out}")
    return Exit.DONE


def results(options: ResultsOptions) -> Exit:
    """``lehr bench results``. Raises LehrError for what cannot be done."""
    check_count("--seeds", options.seeds)
    check_count("--peer-seeds", options.peer_seeds)
    check_count("--processes", options.processes, most=MOST_PROCESSES)
    limit = None if options.time_limit is None else duration_s(options.time_limit, "--time-limit")
    check_writable(options.out, example="RESULTS.md")
    if options.table is not None:
        check_writable(options.table, option="--table", example="cells.csv")
    from lehr.bench import results as made
    from lehr.bench import results_text
    from lehr.bench.tables import write_file

    plan = made.Plan(
        problems=options.problems or made.PROBLEMS,
        rivals=() if options.without_peers else made.RIVALS,
        seeds=options.seeds,
        slow_seeds=options.peer_seeds,
        time_limit_s=limit,
    )

    def work(show: Show) -> Store:
        return made.measure(
            plan, options.store, processes=options.processes, progress=show, command=command()
        )

    store = while_shown(work, json=options.json, interrupted=interrupted(json=options.json, kept=True))
    if isinstance(store, Exit):
        return store
    found = made.findings(plan, store)
    words = shlex.join(command())
    table = None if options.table is None else _link(options.out, options.table)
    if options.table is not None:
        write_file(options.table, printable(results_text.table(found.summaries, words), lines=True).encode())
    write_file(options.out, printable(results_text.markdown(found, words, table), lines=True).encode())
    if options.json:
        emit({"status": "ok", "out": str(options.out), **found.document()})
    else:
        say(f"Wrote {options.out}" + (f" and {options.table}" if options.table is not None else ""))
    return Exit.DONE


def _link(text: Path, table: Path) -> str:
    try:
        return table.resolve().relative_to(text.resolve().parent).as_posix()
    except ValueError:
        return table.as_posix()


def _paper_lines(found: list[Reproduction]) -> list[str]:
    from lehr.bench.sentences import objective, percent, with_interval

    lines: list[str] = []
    for name in dict.fromkeys(one.published.table for one in found):
        mine = [one for one in found if one.published.table == name]
        rows = [("problem", "B", "method", "metric", "paper", "ours", "the paper's figure is")]
        for one in mine:
            figure = one.published
            shares = figure.metric != "best"
            rows.append(
                (
                    figure.cell.problem,
                    str(figure.cell.budget),
                    figure.label,
                    figure.metric,
                    percent(figure.value) if shares else objective(figure.value),
                    with_interval(one.ours, shares=shares, show=objective),
                    one.verdict,
                )
            )
        lines += [f"Table{'s' if ',' in name else ''} {name}", *aligned(rows)]
        inside, fair = sum(one.inside for one in mine), sum(one.reproduced for one in mine)
        lines += [
            f"{inside} of the paper's {len(mine)} figures are inside our 95 % interval, {fair} within the scatter of "
            "as few seeds.",
            "",
        ]
    return lines[:-1]
