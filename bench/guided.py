"""What the guided search finds beside the other methods, and what each of its parts is worth.

    nice python bench/guided.py [--suite devices|synthetic|tuning|held-out] [--seeds 500] [--budgets 12 25]
    nice python bench/guided.py --ablation [--suite tuning] [--seeds 50] [--budgets 25]

Native sweeps over problems and methods, each study under a hashed seed. A row a cell: mean best feasible objective,
mean regret, share of wasted trials and discovery of the best family, each with its 95 % interval; then a row a
method and budget, averaged over the problems, regret as a part of the optimum's size. ``tuning`` are random
deployment-like spaces with even seeds, on which constants were chosen; ``held-out`` those with odd seeds, on which
none was. The ablation switches one part off at a time. Prints JSON lines, or a table with --table.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from lehr.bench import sweep
from lehr.bench.summary import CellSummary, summarise

CHIPS = ("h100", "a100", "rtx5080", "l4", "t4")
SUITES = {
    "devices": [
        *(f"{scenario}@{chip}" for scenario in ("edge_tight", "server_throughput") for chip in CHIPS),
        "llm_serving@a100",
        "llm_serving@l4",
    ],
    "synthetic": [
        *("crashy_branin", "hierarchical_rosenbrock", "branin", "hartmann6", "sphere100", "rugged"),
        *("none_fail", "all_fail", "random_fail"),
    ],
    "tuning": [f"deploy_space#{seed}" for seed in range(0, 40, 2)],
    "held-out": [f"deploy_space#{seed}" for seed in range(1, 81, 2)],
}
METHODS = ("random", "tpe", "tba-tpe:paper", "tba-tpe", "guided")
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


def rows(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    methods = ABLATION if arguments.ablation else arguments.methods
    with tempfile.TemporaryDirectory() as folder:
        outcome = sweep(
            SUITES[arguments.suite],
            methods,
            arguments.budgets,
            arguments.seeds,
            folder,
            threads=arguments.threads,
        )
        averages: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
        for summary in summarise(outcome.store, outcome.cells):
            document = summary.document()
            averages[summary.cell.budget, summary.cell.method].append(
                {"relative_regret": relative_regret(summary), **document}
            )
            yield document
        for (budget, method), documents in averages.items():
            yield {
                "problem": f"mean of {len(documents)} ({arguments.suite})",
                "method": method,
                "budget": budget,
                "studies": arguments.seeds,
                "relative_regret": mean(d["relative_regret"] for d in documents),
                **{
                    name: {"value": mean(d[name]["value"] for d in documents)}
                    for name in ("found", "wasted", "discovered", "near_optimum")
                },
            }


def relative_regret(summary: CellSummary) -> float | None:
    """Mean regret in parts of the optimum's size; None where nothing was found or the optimum is 0."""
    regret, best = summary.means["regret"].value, summary.means["best_true"].value
    size = max(abs(best - regret), abs(best + regret))
    return regret / size if math.isfinite(regret) and size > 0 else None


def mean(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def line(document: dict[str, Any]) -> str:
    def interval(name: str) -> str:
        entry = document.get(name) or {}
        if entry.get("value") is None:
            return f"{'-':>22}"
        low, high = entry.get("low"), entry.get("high")
        ends = "" if low is None or high is None else f" [{low:.3g}, {high:.3g}]"
        return f"{entry['value']:.4g}{ends}".rjust(22)

    words = f"{document['problem']:30} {document['budget']:4} {document['method']:28}"
    return words + "".join(
        interval(name) for name in ("best", "regret", "wasted", "discovered", "near_optimum")
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--suite", choices=SUITES, default="devices")
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--budgets", nargs="+", type=int, default=[25])
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    for document in rows(arguments):
        print(line(document) if arguments.table else json.dumps(document), flush=True)


if __name__ == "__main__":
    main()
