"""One self-contained HTML page of a results folder: tables, pictures and comparisons, no scripts, nothing fetched."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lehr._printable import printable
from lehr.bench import pairwise, plots
from lehr.bench.curves import curves as curves_of
from lehr.bench.pairwise import Duel
from lehr.bench.problems import Problem
from lehr.bench.sentences import NOTE, p_value, percent, with_interval
from lehr.bench.sentences import number as shown
from lehr.bench.store import Cell, Store
from lehr.bench.summary import CellSummary, summarise
from lehr.bench.trace import Reference
from lehr.errors import LehrError, OptionError
from lehr.variables import Categorical

_MOST_SEEDS_SHOWN = 200
_MOST_DUELLISTS = 8

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:1120px;margin:2em auto;
padding:0 1.2em}
h1{font-size:1.6em;margin-bottom:.2em}h2{font-size:1.25em;margin:2em 0 .4em;
border-bottom:1px solid #ddd;padding-bottom:.2em}
h3{font-size:1em;margin:1.4em 0 .4em}p.quiet,figcaption,.note{color:#555;font-size:.87em}
table{border-collapse:collapse;font-size:.85em;margin:.6em 0}
th,td{padding:.28em .6em;text-align:right;white-space:nowrap}
th{border-bottom:1px solid #999;font-weight:600;white-space:normal;vertical-align:bottom;line-height:1.2}
td small{display:block;color:#555;line-height:1.15}td{border-bottom:1px solid #eee}
th:first-child,td:first-child,.left{text-align:left}
td:first-child{white-space:normal;overflow-wrap:anywhere;min-width:7em}
.wins{color:#00664b}.loses{color:#a33b00}.scroll{overflow-x:auto}
.figures{display:flex;flex-wrap:wrap;gap:1em}figure{margin:0}svg{max-width:100%;height:auto}
code{font-size:.95em}
"""


def report(store: Store, *, title: str = "DeployBench results") -> str:
    """The page of everything in a results folder.

    Args:
        store: the folder.
        title: of the page.

    Raises:
        OptionError: the folder holds no results.
        StorageError: a table cannot be read.
        LehrError: matplotlib or scipy is absent.
    """
    cells = store.cells()
    if not cells:
        raise OptionError(f"{store.folder} holds no results; make some with lehr sweep or lehr bench run")
    summaries = summarise(store, cells)
    parts = [f"<h1>{html.escape(title)}</h1>", _origin(store, cells)]
    for problem in dict.fromkeys(cell.problem for cell in cells):
        mine = [summary for summary in summaries if summary.cell.problem == problem]
        parts.append(f"<h2>{html.escape(problem)}</h2>")
        parts += _problem(store, problem, mine)
    return printable(
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n",
        lines=True,
    )


def document(store: Store) -> dict[str, Any]:
    """The figures of the page as JSON-safe data.

    Raises:
        OptionError: the folder holds no results.
    """
    cells = store.cells()
    if not cells:
        raise OptionError(f"{store.folder} holds no results; make some with lehr sweep or lehr bench run")
    return {
        "cells": [summary.document() for summary in summarise(store, cells)],
        "duels": [duel.document() for duel in _duels(store, cells)],
    }


def _duels(store: Store, cells: Sequence[Cell]) -> list[Duel]:
    found = []
    for problem, budget in dict.fromkeys((cell.problem, cell.budget) for cell in cells):
        mine = [cell for cell in cells if (cell.problem, cell.budget) == (problem, budget)]
        methods = _duellists([cell.method for cell in mine])
        found += pairwise.duels(store, pairwise.all_pairs(methods), mine, "regret")
    return found


def _duellists(methods: Sequence[str]) -> list[str]:
    """Methods worth a comparison of each with each: all, or when these are many those without options."""
    if len(methods) <= _MOST_DUELLISTS:
        return list(methods)
    return [method for method in methods if "/" not in method]


def _origin(store: Store, cells: Sequence[Cell]) -> str:
    sources = [source for cell in cells for source in store.provenance(cell)]
    studies = sum(source["last"] - source["first"] + 1 for source in sources)
    builds = sorted({_build(source) for source in sources})
    commands = list(dict.fromkeys(" ".join(source.get("command", [])) for source in sources))
    lines = "".join(f"<br><code>{html.escape(command)}</code>" for command in commands[:20] if command)
    return (
        f'<p class="quiet">{studies:,} studies in {len(cells)} cells. {html.escape("; ".join(builds))}.{lines}</p>'
        '<p class="note">Brackets are 95 % intervals: bootstrap for means, Wilson for shares. Means are over studies '
        "that found something feasible. Study <i>i</i> of every method runs under the same seed.</p>"
    )


def _build(source: Mapping[str, Any]) -> str:
    commit = str(source.get("commit") or "")[:12]
    words = [
        f"lehr {source.get('lehr')}",
        f"commit {commit}" if commit else "",
        str(source.get("peer") or ""),
    ]
    words += [
        str(source.get("compiler") or ""),
        str(source.get("kernel") or ""),
        str(source.get("cpu") or ""),
    ]
    return ", ".join(word for word in words if word)


def _problem(store: Store, problem: str, summaries: Sequence[CellSummary]) -> list[str]:
    known = _known(problem)
    parts = [] if known is None else [f'<p class="quiet">{html.escape(known.describe())}</p>']
    for budget in sorted({summary.cell.budget for summary in summaries}):
        here = [summary for summary in summaries if summary.cell.budget == budget]
        parts += [f"<h3>{budget} trials</h3>", _table(here)]
    budgets = [summary.cell.budget for summary in summaries]
    shown_budget = max(budgets, key=lambda budget: (budgets.count(budget), budget))  # with the most methods
    shown_cells = [summary for summary in summaries if summary.cell.budget == shown_budget]
    parts.append('<div class="figures">')
    parts += _pictures(store, problem, shown_cells, known)
    parts.append("</div>")
    parts += _families(store, problem, shown_cells, known)
    parts += _comparisons(_duels(store, [summary.cell for summary in shown_cells]), shown_budget)
    return parts


def _pictures(
    store: Store, problem: str, summaries: Sequence[CellSummary], known: Problem | None
) -> list[str]:
    by_method = {summary.cell.method: summary for summary in summaries}
    # From the paths: the stored curves of a run that was interrupted, or that still goes on, are not of all studies.
    cells = [by_method[method].cell for method in _duellists(list(by_method))]
    curves = {cell.method: _columns(curves_of(store.paths(cell), cell.budget)) for cell in cells}
    pictures = [
        plots.regret_over_trials(curves, f"{problem}: simple regret"),
        plots.wasted_over_trials(curves, f"{problem}: waste"),
    ]
    families = any(summary.shares["discovered"].count for summary in summaries) and not _all_best(known)
    metric, label = (
        ("discovered", "best family found, % of studies")
        if families
        else ("near_optimum", "within 0.5 % of the optimum, % of studies")
    )
    points = {
        method: (by_method[method].means["wasted"], by_method[method].shares[metric]) for method in curves
    }
    pictures.append(plots.discovery_against_waste(points, f"{problem}: discovery against waste", label))
    return [f"<figure>{picture}</figure>" for picture in pictures]


def _all_best(known: Problem | None) -> bool:
    """Whether every family reaches the optimum, so that finding one says nothing."""
    if known is None or known.family is None:
        return False
    variable = known.space[known.family]
    return isinstance(variable, Categorical) and len(Reference.of(known).families) == len(variable.choices)


def _columns(curves: Mapping[str, Sequence[float]]) -> dict[str, npt.NDArray[np.float64]]:
    return {name: np.array(values, dtype=np.float64) for name, values in curves.items()}


def _families(
    store: Store, problem: str, summaries: Sequence[CellSummary], known: Problem | None
) -> list[str]:
    rows = {}
    for method in _duellists([summary.cell.method for summary in summaries]):
        (cell,) = [summary.cell for summary in summaries if summary.cell.method == method]
        rows[method] = [str(name) for name in store.studies(cell, _MOST_SEEDS_SHOWN)["family"]]
    if not any(name for row in rows.values() for name in row):
        return []
    best = [] if known is None else [str(name) for name in Reference.of(known).families]
    picture = plots.family_map(rows, best, f"{problem}: family of each study's winner")
    return [f"<figure>{picture}</figure>"]


def _known(problem: str) -> Problem | None:
    """The problem, when it is one that this lehr has: a recording is known by its results only."""
    try:
        return Problem.load(problem)
    except LehrError:
        return None


def _table(summaries: Sequence[CellSummary]) -> str:
    heads = [
        "method",
        "studies",
        "best feasible objective",
        "simple regret",
        "wasted trials",
        "seconds wasted",
    ]
    heads += ["found something feasible", "first feasible trial", "seconds to it", "found the best family"]
    heads += ["within 0.5 % of the optimum"]
    rows = []
    for summary in summaries:
        means, shares = summary.means, summary.shares
        rows.append(
            [
                summary.cell.method,
                f"{summary.studies:,}",
                with_interval(means["best"]),
                with_interval(means["regret"]),
                with_interval(means["wasted"], shares=True),
                with_interval(means["wasted_seconds"]),
                with_interval(summary.found, shares=True),
                with_interval(means["first_feasible_trial"]),
                with_interval(means["first_feasible_seconds"]),
                with_interval(shares["discovered"], shares=True),
                with_interval(shares["near_optimum"], shares=True),
            ]
        )
    return _html_table(heads, rows)


def _comparisons(duels: Sequence[Duel], budget: int) -> list[str]:
    if not duels:
        return []
    heads = [
        "first",
        "second",
        "verdict of the first",
        "mean regrets",
        "better",
        "tied",
        "worse",
        "effect",
        "p (Holm)",
    ]
    rows = []
    for duel in duels:
        c = duel.comparison
        rows.append(
            [
                duel.first,
                duel.second,
                duel.verdict,
                f"{shown(duel.means[0])} / {shown(duel.means[1])}",
                percent(c.wins / c.count),
                percent(c.ties / c.count),
                percent(c.losses / c.count),
                f"{c.effect:+.2f}",
                p_value(duel.p_holm),
            ]
        )
    return [
        f"<h3>Each against each, by simple regret after {budget} trials</h3>",
        _html_table(heads, rows, left=2),
        f'<p class="note">{html.escape(NOTE)} Effect: matched-pairs rank-biserial correlation, from -1 to 1.</p>',
    ]


def _html_table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    def cell(tag: str, text: str, column: int) -> str:
        name = "left" if column < left else ""
        name += " " + text if text in ("wins", "loses") else ""
        attribute = f' class="{name.strip()}"' if name.strip() else ""
        value, bracket, interval = text.partition(" [")
        # The interval stands below its value: twelve columns would be wider than a page.
        below = f" <small>[{html.escape(interval)}</small>" if bracket else ""
        return f"<{tag}{attribute}>{html.escape(value)}{below}</{tag}>"

    head = "".join(cell("th", text, column) for column, text in enumerate(heads))
    body = "".join(
        "<tr>" + "".join(cell("td", text, column) for column, text in enumerate(row)) + "</tr>\n"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody></table></div>'
