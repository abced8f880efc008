"""How often a settled verdict on a latency limit is wrong, and what it costs, on simulated devices.

    python bench/verdict_coverage.py [--devices 10000] [--confidence 0.99] [--cap 1000] [--table]

Each device has a noise model and a true 95th percentile, which is known exactly and is spread from a quarter
of the limit to four times it, half of the devices within 20 % of it. `wrong` is the share of all devices that
got a settled verdict which is not true; `borderline` the share that was still open at the cap; `calls` the
mean number of timed calls. Beside it stands the fixed protocol: 100 calls, 95th percentile against the limit.
`flips` is how often it contradicts itself when the device is measured twice, `near` the same on the devices
within 5 % of the limit. Prints JSON lines; `--table` a Markdown table.

`tail` rows are `Limit(tail_index=1)`, which assumes that beyond limit / 8 the tail falls at least as fast as
1 / x; models marked * break that assumption, as a machine does that stalls for a multiple of the usual
latency in more than 5 % of all calls.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

import lehr
from lehr import _core

LIMIT_MS, SHARE = 20.0, 0.95
Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]


@dataclass(frozen=True)
class Noise:
    """A stationary process: `draw(rng, n)` are n successive latencies in units of its own."""

    name: str
    draw: Draw
    heavy: bool = False  # breaks the tail assumption


def autoregressive(rho: float, spread: float) -> Draw:
    """exp of a Gaussian first-order process: its marginal is lognormal whatever rho is."""

    def draw(rng: np.random.Generator, n: int) -> Array:
        shocks = rng.normal(size=n) * np.sqrt(1 - rho * rho)
        shocks[0] = rng.normal()
        return np.exp(spread * lfilter([1.0], [1.0, -rho], shocks))

    return draw


def spells(share: float, mean_calls: float, factor: float) -> Draw:
    """Two states, the slow one `share` of the time for `mean_calls` calls on average, with 5 % jitter."""

    def draw(rng: np.random.Generator, n: int) -> Array:
        leave = 1 / mean_calls
        enter = leave * share / (1 - share)
        slow, state = np.empty(n, dtype=bool), bool(rng.random() < share)
        at = 0
        while at < n:
            length = int(rng.geometric(leave if state else enter))
            slow[at : at + length] = state
            at, state = at + length, not state
        return np.where(slow, factor, 1.0) * np.exp(0.05 * rng.normal(size=n))

    return draw


def mobilenet(rng: np.random.Generator, n: int) -> Array:
    """Per-call noise for which the p95 of 100 calls is 19.70 +- 3.46 (in units of its mean)."""
    return 1.0 + MOBILENET_SCALE * rng.pareto(MOBILENET_TAIL, size=n)


MOBILENET_TAIL, MOBILENET_SCALE = 2.2, 0.5

MODELS = (
    Noise("normal 5 %", lambda rng, n: np.maximum(1 + 0.05 * rng.normal(size=n), 0.01)),
    Noise("lognormal 0.3", lambda rng, n: np.exp(0.3 * rng.normal(size=n))),
    Noise("lognormal 1.0", lambda rng, n: np.exp(rng.normal(size=n))),
    Noise("gamma 2", lambda rng, n: rng.gamma(2.0, size=n)),
    Noise("Pareto tail 1.5", lambda rng, n: 1 + 0.1 * rng.pareto(1.5, size=n)),
    Noise("AR(1) 0.5", autoregressive(0.5, 0.2)),
    Noise("AR(1) 0.9", autoregressive(0.9, 0.2)),
    Noise("AR(1) 0.97", autoregressive(0.97, 0.2)),
    Noise("slow spells of 5 calls", spells(0.08, 5, 1.5)),
    Noise("slow spells of 20 calls", spells(0.08, 20, 1.5)),
    Noise("single stalls, 10x", spells(0.08, 1.0001, 10.0), heavy=True),
)


def quantile(noise: Noise, rng: np.random.Generator) -> float:
    """The true quantile, from two million draws."""
    return float(np.quantile(noise.draw(rng, 2_000_000), SHARE))


def ratios(rng: np.random.Generator, count: int) -> Array:
    """True percentile over the limit: half of them close to 1, never so close that rounding decides."""
    wide = np.exp(rng.uniform(np.log(0.25), np.log(4.0), count))
    near = np.exp(rng.uniform(np.log(1 / 1.2), np.log(1.2), count))
    chosen = np.where(rng.random(count) < 0.5, wide, near)
    return np.where(np.abs(np.log(chosen)) < 0.002, 1.002, chosen)


def fixed(samples: Array) -> bool:
    """The fixed protocol's answer: nearest-rank 95th percentile of 100 calls."""
    return bool(np.sort(samples[:100])[94] <= LIMIT_MS)


def run(noise: Noise, devices: int, confidence: float, cap: int, least: int, seed: int) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    unit = LIMIT_MS / quantile(noise, rng)
    rows: dict[float, dict[str, float]] = {0.0: {}, 1.0: {}}
    counts = {tail: dict.fromkeys(("wrong", "borderline", "feasible", "infeasible"), 0) for tail in rows}
    calls: dict[float, list[int]] = {tail: [] for tail in rows}
    wrong = flips = near_flips = near = 0
    for ratio in ratios(rng, devices):
        samples = noise.draw(rng, cap) * (unit * ratio)
        truth = "feasible" if ratio <= 1 else "infeasible"
        for tail in rows:
            answer, used = _core.probe_decide(samples, LIMIT_MS, SHARE, confidence, tail, least)
            calls[tail].append(used)
            if answer == "open":
                counts[tail]["borderline"] += 1
            else:
                counts[tail][answer] += 1
                counts[tail]["wrong"] += answer != truth
        first, second = fixed(samples), fixed(noise.draw(rng, 100) * (unit * ratio))
        wrong += first != (ratio <= 1)
        flips += first != second
        if abs(ratio - 1) < 0.05:
            near, near_flips = near + 1, near_flips + (first != second)
    return [
        {
            "benchmark": "verdict_coverage",
            "noise": noise.name + ("*" if noise.heavy else ""),
            "tail_index": tail,
            "devices": devices,
            "wrong": counts[tail]["wrong"] / devices,
            "borderline": counts[tail]["borderline"] / devices,
            "calls": round(statistics.fmean(calls[tail]), 1),
            "median_calls": statistics.median(calls[tail]),
            "fixed_calls": 100,
            "fixed_wrong": wrong / devices,
            "fixed_flips": flips / devices,
            "fixed_flips_near": near_flips / max(near, 1),
        }
        for tail in rows
    ]


def table(records: list[dict[str, object]]) -> str:
    head = ["noise", "tail", "wrong", "borderline", "calls", "median", "fixed: wrong", "flips", "flips near"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for r in records:
        cells = [f"{r['noise']}", "any" if not r["tail_index"] else "1/x", f"{r['wrong']:.2%}"]
        cells += [f"{r['borderline']:.1%}", f"{r['calls']:.0f}", f"{r['median_calls']:.0f}"]
        cells += [f"{r['fixed_wrong']:.1%}", f"{r['fixed_flips']:.1%}", f"{r['fixed_flips_near']:.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=10_000, help="in all, shared among the noise models")
    parser.add_argument("--confidence", type=float, default=0.99)
    parser.add_argument("--cap", type=int, default=1000, help="timed calls at most")
    parser.add_argument("--least", type=int, default=5, help="timed calls at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print a Markdown table instead of JSON lines")
    arguments = parser.parse_args()
    started = time.perf_counter()
    each = -(-arguments.devices // len(MODELS))
    records = []
    for number, noise in enumerate(MODELS):
        rows = run(
            noise, each, arguments.confidence, arguments.cap, arguments.least, arguments.seed + number
        )
        records += rows
        if not arguments.table:
            for row in rows:
                print(json.dumps(row), flush=True)
    provenance = {
        "lehr": lehr.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "seconds": round(time.perf_counter() - started, 1),
        "command": "python bench/verdict_coverage.py " + " ".join(sys.argv[1:]),
    }
    print(table(records) if arguments.table else json.dumps(provenance))


if __name__ == "__main__":
    main()
