"""bench/RESULTS.md and its table: every figure is read from a results folder, every finding is made by rules."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lehr.bench import pairwise, paper
from lehr.bench.pairwise import Duel
from lehr.bench.paper import Reproduction
from lehr.bench.peers import PEERS, peer_version
from lehr.bench.provenance import build
from lehr.bench.results import ABLATION, BUDGET, OURS, RIVALS, SUBJECTS, Findings
from lehr.bench.sentences import NOTE, ablated, against, objective, percent, reproduced, with_interval
from lehr.bench.store import Cell
from lehr.bench.summary import CellSummary


def markdown(found: Findings, command: str, table: str | None = None) -> str:
    """The text of bench/RESULTS.md.

    Args:
        found: what is written down.
        command: that makes this file.
        table: where the row for each cell is, as a link.
    """
    origin = build()
    seeds = {summary.cell: summary.studies for summary in found.summaries}
    lines = [
        "# DeployBench: results",
        "",
        "Made by `"
        + command
        + "`, which makes every figure and every sentence below; nothing is written by hand.",
        f"lehr {origin['lehr']}, commit {origin['commit'] or 'unknown'}, {origin['compiler']}, CPU kernel "
        f"{origin['kernel']}, {origin['cpu']}.",
        "",
        f"{sum(seeds.values()):,} studies in {len(seeds)} cells. Study *i* of every method runs under the same hashed "
        "seed and meets the same luck. Brackets are 95 % intervals: bootstrap for means, Wilson for shares. Means are "
        "over studies that found something feasible; a study that found nothing loses every comparison.",
    ]
    if table:
        lines.append(f"A row for each cell with every metric: [{Path(table).name}]({table}).")
    lines += ["", *_seeds_lines(seeds), "", "## The paper's figures", ""]
    lines += _paper_lines(found.figures)
    lines += ["", "## Against other optimisers, and among ours", "", NOTE, ""]
    lines += [*_peer_lines(seeds), "", *_glance_lines(found.duels), ""]
    for metric, duels in found.duels.items():
        lines += [f"### By {pairwise.METRICS[metric]}", ""]  # type: ignore[index]
        lines += [*_duel_lines(duels), ""]
    lines += _cell_lines(found.summaries)
    lines += ["", "## Ablation", "", *_ablation_lines(found)]
    return "\n".join(lines) + "\n"


def table(summaries: Sequence[CellSummary], command: str) -> str:
    """The compact table: a comment with the command, then a row for each cell with its metrics and intervals."""
    out = io.StringIO()
    out.write(f"# {command}\n")
    writer = csv.writer(out, lineterminator="\n")
    header: list[str] | None = None
    for summary in summaries:
        row: dict[str, Any] = {}
        for name, value in summary.document().items():
            if isinstance(value, Mapping):
                row[name] = _short(value["value"])
                row[f"{name}_low"], row[f"{name}_high"] = _short(value["low"]), _short(value["high"])
            else:
                row[name] = value
        if header is None:
            header = list(row)
            writer.writerow(header)
        writer.writerow([row[name] for name in header])
    return out.getvalue()


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _seeds_lines(seeds: Mapping[Cell, int]) -> list[str]:
    counts: dict[str, set[int]] = {}
    for cell, count in seeds.items():
        counts.setdefault(cell.method, set()).add(count)
    by_count: dict[str, list[str]] = {}
    for method, known in counts.items():
        words = str(min(known)) if len(known) == 1 else f"{min(known)} to {max(known)}"
        by_count.setdefault(words, []).append(method)
    return [
        "Seeds of each cell: "
        + "; ".join(f"{words} for {', '.join(m)}" for words, m in by_count.items())
        + "."
    ]


def _paper_lines(figures: Sequence[Reproduction]) -> list[str]:
    if not figures:
        return ["Not run."]
    lines = [
        "The paper's figures are means over 5 to 10 seeds, ours over hundreds. 'Inside' says that the paper's figure "
        "is inside the 95 % interval of our mean; 'scatter' that the mean of as few of our seeds would lie as far off "
        "(central 95 %): only the latter is a fair test of reproduction. edge_tight runs here on simulated devices, "
        "which were fixed before any method was run on them.",
        "",
    ]
    tables = list(dict.fromkeys(one.published.table for one in figures))
    lines += [
        f"- {reproduced(name, [one for one in figures if one.published.table == name])}" for name in tables
    ]
    for name in tables:
        lines += ["", f"### Table{'s' if ',' in name else ''} {name}", ""]
        lines += [
            "| problem | B | method | metric | paper | ours | scatter of as few seeds | |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for one in figures:
            if one.published.table == name:
                lines.append(_paper_row(one))
    return lines


def _paper_row(one: Reproduction) -> str:
    figure = one.published
    best = figure.metric == "best"
    show = objective if best else percent
    verdict = "inside" if one.inside else "scatter" if one.reproduced else "**not reproduced**"
    cells = [
        figure.cell.problem,
        str(figure.cell.budget),
        f"{figure.label} (`{figure.cell.method}`)",
        {"best": "objective", "wasted": "wasted", "discovered": "best family found"}[figure.metric],
        show(figure.value),
        with_interval(one.ours, shares=not best, show=objective),
        f"{show(one.few[0])} to {show(one.few[1])}",
        verdict,
    ]
    return "| " + " | ".join(cells) + " |"


def _peer_lines(seeds: Mapping[Cell, int]) -> list[str]:
    """How the peers that took part were set up."""
    peers = [name for name in PEERS if any(cell.method == name for cell in seeds)]
    lines = [f"- `{p}`: {peer_version(p)}, {PEERS[p].settings}; {PEERS[p].failures}." for p in peers]
    return ["The peers search the same spaces, conditions included:", "", *lines] if lines else []


def _glance_lines(found: Mapping[str, Sequence[Duel]]) -> list[str]:
    """A row for each pair of methods: on how many problems the first wins, nothing is shown, and it loses."""
    rows: dict[tuple[str, str], dict[str, list[Duel]]] = {}
    for metric, duels in found.items():
        for duel in duels:
            rows.setdefault((duel.first, duel.second), {}).setdefault(metric, []).append(duel)
    names = [pairwise.METRICS[metric] for metric in found]  # type: ignore[index]
    lines = ["Problems on which the first wins, no difference is shown, it loses:", ""]
    lines += ["| first | second | " + " | ".join(names) + " |", "|---|---" + "|---" * len(names) + "|"]
    for (first, second), by_metric in sorted(rows.items(), key=_order):
        counts = [
            " / ".join(
                str(sum(duel.verdict == verdict for duel in by_metric.get(metric, [])))
                for verdict in ("wins", "no difference shown", "loses")
            )
            for metric in found
        ]
        lines.append(f"| `{first}` | `{second}` | " + " | ".join(counts) + " |")
    return lines


def _duel_lines(duels: Sequence[Duel]) -> list[str]:
    groups: dict[tuple[str, str], list[Duel]] = {}
    for duel in duels:
        groups.setdefault((duel.first, duel.second), []).append(duel)
    return [f"- {against(group)}" for _, group in sorted(groups.items(), key=_order)] or ["Not run."]


def _order(item: tuple[tuple[str, str], Any]) -> tuple[int, int]:
    (first, second), _ = item
    known = [*RIVALS, *PEERS, *OURS]
    return SUBJECTS.index(first) if first in SUBJECTS else 9, known.index(second) if second in known else 99


def _cell_lines(summaries: Sequence[CellSummary]) -> list[str]:
    ablated_methods = {*ABLATION.values(), *paper.ABLATION.values()} - {*OURS}
    own = [s for s in summaries if s.cell.budget == BUDGET and s.cell.method not in ablated_methods]
    lines = [f"### All figures at {BUDGET} trials"]
    for problem in dict.fromkeys(summary.cell.problem for summary in own):
        lines += [
            "",
            f"**{problem}**",
            "",
            "| method | seeds | regret | wasted | found feasible | first feasible trial | seconds wasted | best family "
            "| within 0.5 % |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for summary in own:
            if summary.cell.problem == problem:
                lines.append(_cell_row(summary))
    return lines


def _cell_row(summary: CellSummary) -> str:
    means, shares = summary.means, summary.shares
    cells = [
        f"`{summary.cell.method}`",
        str(summary.studies),
        with_interval(means["regret"]),
        with_interval(means["wasted"], shares=True),
        with_interval(summary.found, shares=True),
        with_interval(means["first_feasible_trial"]),
        with_interval(means["wasted_seconds"]),
        with_interval(shares["discovered"], shares=True),
        with_interval(shares["near_optimum"], shares=True),
    ]
    return "| " + " | ".join(cells) + " |"


def _ablation_lines(found: Findings) -> list[str]:
    lines = [
        "The paper's own ablation of pure annealing is table 4 above. Here parts of tba-tpe (default preset) are left "
        f"out one at a time, at {BUDGET} trials; each line is about the method *without* the part.",
        "",
        NOTE,
        "",
    ]
    for label, method in ABLATION.items():
        for duels in found.ablations.values():
            group = [duel for duel in duels if duel.second == method]
            if group:
                lines.append(f"- {ablated(label, group)}")
    methods = {"tba-tpe": "full", **{method: label for label, method in ABLATION.items()}}
    own = {(s.cell.problem, s.cell.method): s for s in found.summaries if s.cell.budget == BUDGET}
    problems = list(dict.fromkeys(problem for problem, method in own if method in methods))
    for metric, is_share in (("regret", False), ("wasted", True)):
        name = pairwise.METRICS[metric]  # type: ignore[index]
        lines += ["", f"Mean {name}:", "", "| problem | " + " | ".join(methods.values()) + " |"]
        lines.append("|---" * (len(methods) + 1) + "|")
        for problem in problems:
            row = [
                with_interval(own[problem, method].means[metric], shares=is_share)
                if (problem, method) in own
                else "-"
                for method in methods
            ]
            lines.append(f"| {problem} | " + " | ".join(row) + " |")
    return lines
