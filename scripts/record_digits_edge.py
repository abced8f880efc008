"""Records `digits_edge`: every configuration of a coarse grid of the bundled zoo's deployment space, measured once.

    python scripts/record_digits_edge.py [--out python/lehr/bench/data/digits_edge.jsonl.gz]

Each configuration runs in a fresh child, without the early stop, in a random order so that a slow spell of the machine
falls on no family in particular. Wants a quiet machine; takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

import lehr
from lehr.deploy import PRELOAD, Evaluator, Opened, Stage, describe_machine, environment
from lehr.supervise import Supervisor

DEFAULT_OUT = Path(__file__).resolve().parents[1] / "python/lehr/bench/data/digits_edge.jsonl.gz"
OBJECTIVE = "accuracy"
# Upper limits. Half a millisecond an item is a throughput of 2,000 a second.
CONSTRAINTS = {"latency_p95_ms": 5.0, "item_ms": 0.5}


def grid_space() -> lehr.Space:
    """A tuning space on two cores, with four batch sizes and two levels of optimisation, in the words of the file."""
    return lehr.Space(
        [
            lehr.Categorical("model", ["mlp", "lenet", "resnet", "mobilenet", "vit"]),
            lehr.Categorical(
                "quantization", ["fp32", "fp16", "bf16", "int8_dynamic", "int8_static", "int4_static"]
            ),
            lehr.Ordinal("batch_size", [1, 4, 16, 64]),
            lehr.Int("num_threads", 1, 2),
            lehr.Ordinal("graph_optimization", ["disabled", "all"]),
            lehr.Categorical(
                "execution_mode", ["sequential", "parallel"], when=lehr.param("num_threads") > 1
            ),
        ]
    )


def deployed(config: dict[str, Any]) -> dict[str, Any]:
    """The file's words in those of the backend: its threads are a budget, spent in operators or on operators."""
    known = {**config, "spinning": False}
    known["quantization"] = "as_is" if config["quantization"] == "fp32" else config["quantization"]
    if config.get("execution_mode") == "parallel":
        known |= {"num_threads": 1, "inter_op_threads": config["num_threads"]}
    return known


def measure(
    supervisor: Supervisor, stage: Stage, opened: Opened, evaluator: Evaluator, config: dict[str, Any]
) -> dict[str, Any]:
    stage.prepare(opened, deployed(config))
    ending = supervisor.run(evaluator, deployed(config), preload=PRELOAD, timeout_s=120.0)
    metrics = {k: round(v, 6) for k, v in (ending.result or {}).items() if isinstance(v, float)}
    if "throughput_items_s" in metrics:
        metrics["item_ms"] = round(1e3 / metrics["throughput_items_s"], 6)
    line = {
        "config": config,
        "outcome": ending.outcome,
        "metrics": metrics,
        "seconds": round(ending.seconds, 4),
    }
    if ending.outcome != "ok":
        line["error"] = ending.evidence.get("signature") or ending.evidence.get("reason")
    return line


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT)
    arguments = parser.parse_args()
    space = grid_space()
    configs = list(space.enumerate())
    random.Random(0).shuffle(configs)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as workdir, Supervisor(environment=environment()) as supervisor:
        stage = Stage(workdir, supervisor)
        opened = stage.open_zoo()
        evaluator = opened.evaluator(accuracy_s=8.0)
        lines = []
        for config in configs:
            lines.append(measure(supervisor, stage, opened, evaluator, config))
            print(f"{len(lines)}/{len(configs)} {time.monotonic() - start:.0f}s {lines[-1]}", flush=True)
    lines.sort(key=lambda line: json.dumps(line["config"], sort_keys=True))
    machine = describe_machine()
    header = {
        "format": "lehr.replay",
        "version": 1,
        "name": "digits_edge",
        "space": json.loads(space.to_json()),
        "objective": OBJECTIVE,
        "direction": "maximize",
        "constraints": CONSTRAINTS,
        "family": "model",
        "recorded": {
            "machine": f"{machine['cpu']}, {machine['cores']} cores",
            **machine,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "command": "python scripts/record_digits_edge.py",
        },
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in [header, *lines])
    arguments.out.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main()
