"""What the guided search finds beside other methods, and what each of its parts is worth.

    nice python bench/guided.py [--suite tuning] [--spaces 40] [--seeds 50] [--budgets 10 25 50 100] [--table]
    nice python bench/guided.py --suite tuning --peers optuna-tpe optuna-gp --peer-seeds 20 --gp-seeds 5
    nice python bench/guided.py --ablation [--suite deploy] [--seeds 50] [--budgets 25]

Native sweeps over problems and methods, each study under a hashed seed, and beside them studies of peers, which are
kept in a file and run once (`bench/peer_studies.py`). Families of random problems are halved: constants are chosen on
even seeds (``tuning``, ``deploy``, ``smooth``, ``rugged``), results reported on odd ones (``tuning-held-out`` and so
on), on which nothing is chosen. ``dead`` are those of ``tuning`` in which 94.5 % and more fail. Rows of several kinds,
as JSON lines after one that says where they come from, or with --table as tables:

- a row a cell with --cells: means with their 95 % intervals (Wilson's of shares, else a bootstrap's), here ``regret``
  as it is, over studies with a winner; and a row a pair of cells of the first method (--subject) and another:
  Wilcoxon's signed-rank test of the regret over studies of one number, corrected by Holm for all these rows;
- a row a method and budget, means over the problems: ``within``, the share of studies whose winner is within 5 % of
  the optimum, and ``near_optimum``, within 0.5 %; ``regret`` in parts of the optimum's size, at most 1, which is also
  that of a study without a winner; ``wasted``, ``found``, and ``discovered`` where there are families;
- a row a pair: how much the first method differs from another over studies of one number, as the mean over
  problems, with the 95 % interval of a bootstrap over problems, and how many problems it wins and loses.

The ablation switches one part off at a time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peer_studies import FILE, SELECTION, Column, Ledger, ensure, relative
from tuning_seeds import shares

from lehr.bench import Problem, sweep
from lehr.bench.pairwise import corrected, duel
from lehr.bench.peers import PEERS, SLOW
from lehr.bench.provenance import provenance
from lehr.bench.statistics import Interval, bootstrap, share

CHIPS = ("h100", "a100", "rtx5080", "l4", "t4")
NAMED = {
    "devices": [
        *(f"{scenario}@{chip}" for scenario in ("edge_tight", "server_throughput") for chip in CHIPS),
        "llm_serving@a100",
        "llm_serving@l4",
    ],
    "synthetic": [
        *("crashy_branin", "hierarchical_rosenbrock", "branin", "hartmann6", "sphere100", "rugged"),
        *("none_fail", "all_fail", "random_fail"),
    ],
    "selection": list(SELECTION),
}
# Families of random problems; even seeds are for tuning, odd ones for reporting.
FAMILIES = {family: f"{family}_space" for family in ("deploy", "tuning", "smooth", "rugged")}
DEAD = "dead"  # spaces of tuning_space in which hardly anything runs
HELD_OUT = "-held-out"
SUITES = [*NAMED, *(family + half for family in (*FAMILIES, DEAD) for half in ("", HELD_OUT))]
METHODS = ("guided", "tba-tpe", "tpe", "random")
PARTS = (
    *(
        "failure_model",
        "pairs",
        "triples",
        "thresholds",
        "limits",
        "growth",
        "logarithm",
        "unskew",
        "censored",
        "spread",
        "coverage",
        "mains",
        "whole",
        "refine",
    ),
)
ABLATION = (
    "guided",
    *(f"guided/guided_{part}=0" for part in PARTS),
    "guided/guided_caution=0",
    "guided/guided_give_up_after=1",
)
WITHIN, NEAR = 0.05, 0.005
FIGURES = ("within", "near_optimum", "regret", "wasted", "found", "discovered")
COMPARED = ("within", "regret", "wasted")

Columns = Mapping[tuple[str, str, int], Column]  # by problem, method and budget


def problems_of(suite: str, spaces: int) -> list[str]:
    """Names of a suite's problems; of a family the first `spaces` seeds of its half."""
    if suite in NAMED:
        return NAMED[suite]
    odd = suite.endswith(HELD_OUT)
    if suite.removesuffix(HELD_OUT) == DEAD:
        halves = (f"tuning_space#{seed}" for seed in itertools.count(int(odd), 2))
        return list(itertools.islice((name for name in halves if hardly_runs(name)), spaces))
    family = FAMILIES[suite.removesuffix(HELD_OUT)]
    return [f"{family}#{2 * i + odd}" for i in range(spaces)]


def hardly_runs(name: str) -> bool:
    """Whether rules kill at least 94.5 % of what the space allows."""
    dead, declared = shares(Problem.load(name))
    return dead - declared >= 0.945 * (1.0 - declared)


def figures(column: Column) -> dict[str, np.ndarray]:
    """By study; see the top of this file."""
    regret = np.array(column.regret, dtype=np.float64)
    return {
        "within": (regret <= WITHIN).astype(np.float64),
        "near_optimum": (regret <= NEAR).astype(np.float64),
        "regret": np.minimum(np.where(np.isnan(regret), 1.0, regret), 1.0),
        "wasted": np.array(column.wasted, dtype=np.float64),
        "found": (~np.isnan(regret)).astype(np.float64),
        "discovered": np.array(column.discovered, dtype=np.float64),
    }


def native(arguments: argparse.Namespace, problems: Sequence[str], columns: dict[Any, Column]) -> None:
    """Fills in the columns of our methods."""
    methods = ABLATION if arguments.ablation else arguments.methods
    with tempfile.TemporaryDirectory() as folder:
        outcome = sweep(
            problems, methods, arguments.budgets, arguments.seeds, folder, threads=arguments.threads
        )
        for cell in outcome.cells:
            table, problem = outcome.store.studies(cell), Problem.load(cell.problem)
            columns[cell.problem, cell.method, cell.budget] = Column(
                [relative(problem, value) for value in table["regret"]],
                list(table["wasted"]),
                list(table["discovered"]),
            )


def peers(arguments: argparse.Namespace, problems: Sequence[str], columns: dict[Any, Column]) -> None:
    """Fills in the columns of peers."""
    ledger = Ledger(arguments.peer_file)
    for peer in arguments.peers:
        seeds = arguments.gp_seeds if peer in SLOW else arguments.peer_seeds
        if not arguments.only_kept:
            ensure(ledger, problems, peer, arguments.budgets, seeds, processes=arguments.threads or 1)
        for problem in problems:
            for budget in arguments.budgets:
                column = ledger.column(problem, peer, budget, seeds)
                if column.regret:
                    columns[problem, peer, budget] = column


def cells(columns: Columns, suite: str) -> Iterator[dict[str, Any]]:
    """A row a problem, method and budget."""
    for (problem, method, budget), column in columns.items():
        of = figures(column)
        intervals = {
            **{name: share(of[name]) for name in ("within", "near_optimum", "found", "discovered")},
            "regret": bootstrap(column.regret),
            "wasted": bootstrap(column.wasted),
        }
        yield {
            "row": "cell",
            "suite": suite,
            "problem": problem,
            "method": method,
            "budget": budget,
            "studies": len(column.regret),
            **{name: ends(interval) for name, interval in intervals.items()},
        }


def duels(columns: Columns, subject: str) -> Iterator[dict[str, Any]]:
    """A row a problem, budget and method other than the subject: who has less regret, and how sure that is."""
    found = [
        duel(problem, budget, "regret", (subject, method), (mine.regret, column.regret))
        for (problem, method, budget), column in columns.items()
        if method != subject and (mine := columns.get((problem, subject, budget))) is not None
    ]
    for one in corrected(found):
        yield {"row": "duel", **one.document()}


def ends(interval: Interval) -> list[float | None]:
    """Value, low and high."""
    return [rounded(value) for value in (interval.value, interval.low, interval.high)]


def means(columns: Columns, suite: str) -> Iterator[dict[str, Any]]:
    """A row a method and budget."""
    for budget, method in dict.fromkeys((budget, method) for _, method, budget in columns):
        of = [figures(column) for (_, m, b), column in columns.items() if (m, b) == (method, budget)]
        yield {
            "row": "mean",
            "suite": suite,
            "problems": len(of),
            "studies": sum(len(one["found"]) for one in of),
            "method": method,
            "budget": budget,
            **{name: mean([mean(one[name]) for one in of]) for name in FIGURES},
        }


def differences(columns: Columns, suite: str, subject: str) -> Iterator[dict[str, Any]]:
    """A row a method other than the subject and a budget."""
    for budget, method in dict.fromkeys((budget, method) for _, method, budget in columns):
        if method == subject:
            continue
        by_problem: dict[str, list[float]] = {name: [] for name in COMPARED}
        studies = 0
        for problem in dict.fromkeys(problem for problem, _, _ in columns):
            first, second = (columns.get((problem, m, budget)) for m in (subject, method))
            if first is None or second is None:
                continue
            a, b = figures(first), figures(second)
            pairs = min(len(a["found"]), len(b["found"]))
            studies += pairs
            for name, values in by_problem.items():
                values.append(float(np.mean(a[name][:pairs] - b[name][:pairs])))
        for name, values in by_problem.items():
            interval = bootstrap(values)
            better = np.array(values) * (1 if name == "within" else -1)
            yield {
                "row": "difference",
                "suite": suite,
                "first": subject,
                "second": method,
                "budget": budget,
                "figure": name,
                "pairs": studies,
                "difference": rounded(interval.value),
                "low": rounded(interval.low),
                "high": rounded(interval.high),
                "wins": int((better > 1e-12).sum()),
                "losses": int((better < -1e-12).sum()),
            }


def mean(values: Any) -> float | None:
    known = [value for value in values if value is not None and not math.isnan(value)]
    return rounded(sum(known) / len(known)) if known else None


def rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


def line(document: dict[str, Any]) -> str:
    """A row of a table."""
    if document["row"] == "mean":
        words = f"{document['suite']:16} {document['budget']:5} {document['method']:28} {document['studies']:6} studies"
        return words + "".join(
            f"  {name} {'-' if document[name] is None else format(document[name], '.3f')}" for name in FIGURES
        )
    if document["row"] == "difference":
        low, high = document["low"], document["high"]
        span = "" if low is None or high is None else f" [{low:+.3f}, {high:+.3f}]"
        return (
            f"{document['suite']:16} {document['budget']:5} {document['first']} - {document['second']:24} "
            f"{document['figure']:7} {document['difference']:+.3f}{span}, problems won {document['wins']}, "
            f"lost {document['losses']}"
        )
    if document["row"] == "duel":
        return (
            f"{document['problem']:24} {document['budget']:5} {document['first']} {document['verdict']} - "
            f"{document['second']}, {document['wins']} won, {document['ties']} level, {document['losses']} lost, "
            f"corrected p {'-' if document['p_holm'] is None else format(document['p_holm'], '.2g')}"
        )
    words = f"{document['problem']:24} {document['budget']:5} {document['method']:20} {document['studies']:5} studies"
    for name in ("within", "regret", "wasted", "found", "discovered"):
        value, low, high = document[name]
        words += f"  {name} -" if value is None else f"  {name} {value:.3g}"
        words += "" if low is None else f" [{low:.3g}, {high:.3g}]"
    return words


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=SUITES, default="tuning")
    parser.add_argument("--spaces", type=int, default=40, help="of a family of random problems")
    parser.add_argument("--methods", nargs="*", default=list(METHODS))
    parser.add_argument("--subject", default="guided", help="what the others are compared with")
    parser.add_argument("--budgets", nargs="+", type=int, default=[25])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=[])
    parser.add_argument("--peer-seeds", type=int, default=20)
    parser.add_argument(
        "--gp-seeds", type=int, default=5, help="of peers that take 0.1 s and more for a proposal"
    )
    parser.add_argument("--peer-file", type=Path, default=FILE)
    parser.add_argument(
        "--only-kept", action="store_true", help="run no studies of peers, take those of the file"
    )
    parser.add_argument("--threads", type=int)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--cells", action="store_true", help="rows of every problem too")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    problems = problems_of(arguments.suite, arguments.spaces)
    columns: dict[tuple[str, str, int], Column] = {}

    def tell(documents: Iterator[dict[str, Any]]) -> None:
        for document in documents:
            print(line(document) if arguments.table else json.dumps(document), flush=True)

    if not arguments.table:
        print(json.dumps({"row": "run", "suite": arguments.suite, "provenance": provenance()}), flush=True)
    native(arguments, problems, columns)
    peers(arguments, problems, columns)
    if arguments.cells:
        tell(cells(columns, arguments.suite))
        tell(duels(columns, arguments.subject))
    tell(means(columns, arguments.suite))
    tell(differences(columns, arguments.suite, arguments.subject))


if __name__ == "__main__":
    main()
