"""Time of ask + tell of the native search at a small study's size. Prints JSON lines.

    python bench/ask_tell.py [--trials 25] [--studies 400]

Each study is fresh; what is timed is every ask + tell of trials `trials - 5` to `trials`, the evaluation left out. The
figure is the median over studies, in microseconds. Bar: at most 20 microseconds for tba-tpe at 25 trials.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time

import lehr


def space() -> lehr.Space:
    """The paper's deployment space: five variables, one of them conditional."""
    return lehr.Space(
        [
            lehr.Categorical(
                "model_name", ["resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0", "vit_tiny"]
            ),
            lehr.Categorical("backend", ["pytorch_eager", "torch_compile", "onnxruntime"]),
            lehr.Categorical("quantization", ["fp32", "fp16", "int8_dynamic"]),
            lehr.Int("batch_size", 1, 32, log=True),
            lehr.Int("num_threads", 1, 8, when=~(lehr.param("backend") == "torch_compile")),
        ]
    )


def study(method: str, preset: str, trials: int, seed: int) -> list[float]:
    optimizer = lehr.Optimizer(
        space(),
        constraints={"latency": 20.0, "memory": 512.0},
        method=method,
        preset=preset,
        seed=seed,
        budget=trials,
    )
    times = []
    for number in range(trials):
        start = time.perf_counter_ns()
        trial = optimizer.ask()
        asked = time.perf_counter_ns()
        config = trial.config
        crashes = config["backend"] == "torch_compile" and config["quantization"] == "int8_dynamic"
        latency = 1.5 * config["batch_size"] ** 0.9
        told = time.perf_counter_ns()
        if crashes:
            optimizer.tell(trial, outcome="crashed")
        else:
            optimizer.tell(
                trial,
                objective=0.7 + 0.01 * len(config["model_name"]),
                metrics={"latency": latency, "memory": 90.0},
            )
        end = time.perf_counter_ns()
        if number >= trials - 5:
            times.append((asked - start + end - told) / 1000)
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--studies", type=int, default=400)
    arguments = parser.parse_args()
    for method, preset in [
        ("random", "default"),
        ("tba", "default"),
        ("tpe", "default"),
        ("tba-tpe", "default"),
        ("tba-tpe", "paper"),
    ]:
        study(method, preset, arguments.trials, 0)
        times = [
            t
            for seed in range(1, arguments.studies + 1)
            for t in study(method, preset, arguments.trials, seed)
        ]
        record = {
            "benchmark": "ask_tell",
            "method": method,
            "preset": preset,
            "trials": arguments.trials,
            "median_us": round(statistics.median(times), 2),
            "p90_us": round(statistics.quantiles(times, n=10)[-1], 2),
            "samples": len(times),
            "lehr": lehr.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        }
        print(json.dumps(record))


if __name__ == "__main__":
    main()
