"""How often `lehr verify` gives the same answer on an unchanged machine.

    python bench/verify_agreement.py [--models mlp resnet] [--verifies 20] [--table]

A family of the bundled zoo is tuned once as a model of a user's own, on its labelled images, under a limit on its p95
latency. Then it is verified again and again, with the limit it was found under (`wide`, 60 s) and with limits drawn
nearer to the p95 that shipped: 1.5 and 1.1 times it. Each row counts the answers (`ok`, `missed`, `worse`,
`borderline`); `agree` is how many are the most frequent one. A limit at 1.1 times what shipped is one that a p95 which
varies by some per cent from day to day comes near: there `borderline` is an honest answer, and shown.

Appends JSON lines to results/verify_agreement.jsonl. Run it alone on the machine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from selection import write_data

import lehr
from lehr.bench.provenance import provenance
from lehr.deploy import zoo

RESULTS = Path(__file__).resolve().parent / "results" / "verify_agreement.jsonl"
LIMITS = {"wide": None, "1.5 times": 1.5, "1.1 times": 1.1}


def row(model: str, kind: str, deployed: Path, p95_ms: float, count: int) -> dict[str, Any]:
    """Verify so often under one limit."""
    factor = LIMITS[kind]
    limits = None if factor is None else [f"latency_p95_ms <= {factor * p95_ms!r}"]
    begun = time.perf_counter()
    reports = [lehr.verify(deployed, limits=limits) for _ in range(count)]
    answers = Counter(one.status for one in reports)
    return {
        "benchmark": "verify_agreement",
        "model": model,
        "limit": kind,
        "verifies": count,
        "answers": dict(answers),
        "agree": answers.most_common(1)[0][1],
        "disturbed": sum(any(repeat.disturbed for repeat in one.repeats) for one in reports),
        "measurements": sum(len(one.repeats) for one in reports),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def table(lines: list[dict[str, Any]]) -> str:
    """A Markdown table of what was found."""
    head = ["model", "limit on p95", "verifies", "agree", "answers", "disturbed", "seconds each"]
    rows = ["| " + " | ".join(head) + " |", "|---|---|---:|---:|---|---:|---:|"]
    for one in lines:
        answers = ", ".join(f"{name} {count}" for name, count in one["answers"].items())
        each = one["seconds"] / one["verifies"]
        rows.append(
            f"| {one['model']} | {one['limit']} | {one['verifies']} | {one['agree']} | {answers} | "
            f"{one['disturbed']} | {each:.1f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", default=["mlp", "resnet"], metavar="FAMILY")
    parser.add_argument("--verifies", type=int, default=20)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument(
        "--table", action="store_true", help="print Markdown of what is there; measure nothing"
    )
    arguments = parser.parse_args()
    if arguments.table:
        print(table([json.loads(line) for line in arguments.results.read_text().splitlines()]))
        return
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(Path(folder))
        for model in arguments.models:
            tuned = lehr.tune(
                zoo()[model].path, data=data, limits=["latency_p95_ms <= 60s"], budget=25, storage=None,
                progress=False,
            )  # fmt: skip
            deployed = tuned.save(Path(folder) / model)
            for kind in LIMITS:
                found = row(model, kind, deployed, tuned.metrics["latency_p95_ms"], arguments.verifies)
                with arguments.results.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(found | provenance()) + "\n")
                print(table([found]).splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
