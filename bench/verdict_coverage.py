"""How often a settled verdict on a latency limit is wrong, and what it costs, on simulated devices.

    python bench/verdict_coverage.py [--devices 10000] [--confidence 0.99] [--cap 3000] [--table]

Each device has a noise model and a true 95th percentile, which is known exactly and is spread from a quarter
of the limit to four times it, half of the devices within 20 % of it. `wrong` is the share of all devices that
got a settled verdict which is not true; `borderline` the share that was still open at the cap; `calls` the
mean number of timed calls, of all devices and of those that are off the limit by a factor of two. Beside it
stands the fixed protocol: 100 calls, 95th percentile against the limit.
`flips` is how often it contradicts itself when the device is measured twice, `near` the same on the devices
within 5 % of the limit. Prints JSON lines; `--table` a Markdown table.

`edge` is the share of wrong verdicts on as many devices again that sit on the limit: every other one has a true
percentile of exactly the limit, which meets it, and every other one of 1.002 times the limit.

`assumed` is what the limit assumes. `default` is `LatencyLimit()`: spells that slow calls by up to a factor of two
may last for 20 calls on average, slower ones for 5. `spell=50` is `LatencyLimit(spell=50)`, for longer ones, with
four times the calls at most; it is run on spells and on two kinds of noise without. `independent` is
`LatencyLimit(spell=1)`: no spell of which nothing was seen. `search` is what `lehr tune` asks before it measures the
winner by the default: `LatencyLimit(spell=1, tail_index=1)` at a confidence of 90 %, so 10 % may be wrong, with a
third of the calls at most; beyond limit / 8 the tail falls at least as fast as 1 / x, which a machine breaks that
stalls for a multiple of the usual latency in more than 5 % of all calls. Figures marked * are of noise that is not as
assumed, and are left out of the last rows.
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
from lehr.deploy import LatencyPlan
from lehr.probe.limit import DEFAULT_SPELL

LIMIT_MS, SHARE = 20.0, 0.95
Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]


@dataclass(frozen=True)
class Noise:
    """A stationary process: `draw(rng, n)` are n successive latencies in units of its own."""

    name: str
    draw: Draw
    heavy: bool = False  # breaks the tail assumption
    spell: float = 1.0  # calls that a slow spell lasts
    factor: float = 1.0  # by which it slows calls


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
    """Noise for which the p95 of 100 calls varies as the follow-up paper's mobilenet int8 does, 19.70 +- 3.46 ms."""
    return 1.0 + rng.pareto(MOBILENET_TAIL, size=n)


MOBILENET_TAIL = 2.45

MODELS = (
    Noise("normal 5 %", lambda rng, n: np.maximum(1 + 0.05 * rng.normal(size=n), 0.01)),
    Noise("lognormal 0.3", lambda rng, n: np.exp(0.3 * rng.normal(size=n))),
    Noise("lognormal 1.0", lambda rng, n: np.exp(rng.normal(size=n))),
    Noise("gamma 2", lambda rng, n: rng.gamma(2.0, size=n)),
    Noise("Pareto tail 1.5", lambda rng, n: 1 + 0.1 * rng.pareto(1.5, size=n)),
    Noise("AR(1) 0.5", autoregressive(0.5, 0.2)),
    Noise("AR(1) 0.9", autoregressive(0.9, 0.2)),
    Noise("AR(1) 0.97", autoregressive(0.97, 0.2)),
    Noise("slow spells of 5 calls", spells(0.08, 5, 1.5), spell=5, factor=1.5),
    Noise("slow spells of 5 calls, 3x", spells(0.08, 5, 3.0), spell=5, factor=3.0),
    Noise("slow spells of 20 calls", spells(0.08, 20, 1.5), spell=20, factor=1.5),
    Noise("slow spells of 20 calls, 3x", spells(0.08, 20, 3.0), spell=20, factor=3.0),
    Noise("slow spells of 60 calls", spells(0.08, 60, 1.5), spell=60, factor=1.5),
    Noise("mobilenet int8, p95 of 100 calls +- 18 %", mobilenet),
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


@dataclass(frozen=True)
class Variant:
    """Assumptions of a limit."""

    name: str
    tail_index: float
    spell: float
    confidence: float | None = None  # None: as the command says
    longest: float = 1.0  # spells that are covered, in calls, where they slow calls by up to a factor of two
    longest_far: float = 1.0  # and where they slow them by more
    patience: float = 1  # times the cap
    only: tuple[str, ...] = ()  # kinds of noise to run it on, besides spells; none: all

    def covers(self, noise: Noise) -> bool:
        """Whether the noise is as this variant assumes."""
        longest = self.longest if noise.factor <= 2 else self.longest_far
        return noise.spell <= longest and not (noise.heavy and self.tail_index > 0)

    def runs_on(self, noise: Noise) -> bool:
        return not self.only or noise.name in self.only or noise.spell > 1

    def decide(self, samples: Array, confidence: float, cap: int, least: int) -> tuple[str, int]:
        """(answer, calls) on recorded samples."""
        return _core.probe_decide(
            samples[: round(self.patience * cap)],
            LIMIT_MS,
            SHARE,
            self.confidence or confidence,
            self.tail_index,
            self.spell,
            least=least,
        )


SEARCH = LatencyPlan()
VARIANTS = (
    Variant("default", 0.0, DEFAULT_SPELL, longest=20.0, longest_far=5.0),
    Variant("spell=50", 0.0, 50.0, longest=60.0, longest_far=15.0, patience=4,
            only=("normal 5 %", "lognormal 0.3")),
    Variant("independent", 0.0, 1.0),
    Variant("search", SEARCH.tail_index, SEARCH.spell, confidence=SEARCH.confidence, patience=1 / 3),
)  # fmt: skip


class Tally:
    """What one variant said of the devices so far."""

    def __init__(self) -> None:
        self.wrong = self.borderline = 0
        self.calls: list[int] = []
        self.clear: dict[str, list[int]] = {"feasible": [], "infeasible": []}

    def add(self, answer: str, used: int, ratio: float) -> None:
        truth = "feasible" if ratio <= 1 else "infeasible"
        self.borderline += answer == "open"
        self.wrong += answer not in ("open", truth)
        self.calls.append(used)
        if not 0.5 < ratio < 2:
            self.clear[truth].append(used)


def mean(calls: list[int]) -> float:
    return round(statistics.fmean(calls), 1) if calls else 0.0


def run(
    noise: Noise, devices: int, confidence: float, cap: int, least: int, seed: int
) -> list[dict[str, object]]:
    rng = np.random.default_rng(seed)
    unit = LIMIT_MS / quantile(noise, rng)
    variants = [variant for variant in VARIANTS if variant.runs_on(noise)]
    longest = round(cap * max(variant.patience for variant in variants))
    tallies = [Tally() for _ in variants]
    wrong = flips = near_flips = near = 0
    for ratio in ratios(rng, devices):
        samples = noise.draw(rng, longest) * (unit * ratio)
        for variant, tally in zip(variants, tallies, strict=True):
            tally.add(*variant.decide(samples, confidence, cap, least), ratio)
        first, second = fixed(samples), fixed(noise.draw(rng, 100) * (unit * ratio))
        wrong += first != (ratio <= 1)
        flips += first != second
        if abs(ratio - 1) < 0.05:
            near, near_flips = near + 1, near_flips + (first != second)
    edge = [0] * len(variants)
    for number in range(devices):
        ratio, truth = (1.0, "feasible") if number % 2 == 0 else (1.002, "infeasible")
        samples = noise.draw(rng, longest) * (unit * ratio)
        for place, variant in enumerate(variants):
            edge[place] += variant.decide(samples, confidence, cap, least)[0] not in ("open", truth)
    return [
        {
            "benchmark": "verdict_coverage",
            "noise": noise.name,
            "covered": variant.covers(noise),
            "assumed": variant.name,
            "devices": devices,
            "wrong": tally.wrong / devices,
            "wrong_on_edge": wrong_on_edge / devices,
            "borderline": tally.borderline / devices,
            "calls": mean(tally.calls),
            "calls_clearly_feasible": mean(tally.clear["feasible"]),
            "calls_clearly_infeasible": mean(tally.clear["infeasible"]),
            "fixed_calls": 100,
            "fixed_wrong": wrong / devices,
            "fixed_flips": flips / devices,
            "fixed_flips_near": near_flips / max(near, 1),
        }
        for variant, tally, wrong_on_edge in zip(variants, tallies, edge, strict=True)
    ]


def totals(records: list[dict[str, object]]) -> list[dict[str, object]]:
    """A variant over the models that are as it assumes, at equal shares."""
    rows = []
    for variant in VARIANTS:
        chosen = [row for row in records if row["assumed"] == variant.name and row["covered"]]
        row: dict[str, object] = {
            "benchmark": "verdict_coverage",
            "noise": "all as assumed",
            "assumed": variant.name,
        }
        for name in chosen[0]:
            values = [one[name] for one in chosen]
            if name == "covered":
                row[name] = True
            elif name not in row:
                numbers = [float(value) for value in values if isinstance(value, int | float)]
                row[name] = sum(numbers) if name == "devices" else round(statistics.fmean(numbers), 5)
        rows.append(row)
    return rows


def table(records: list[dict[str, object]]) -> str:
    head = [
        "noise",
        "assumed",
        "wrong",
        "on the limit",
        "borderline",
        "mean calls",
        "clearly feasible",
        "clearly infeasible",
    ]
    head += ["fixed 100: wrong", "flips", "flips near the limit"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---:|" * (len(head) - 2)]
    for r in records:
        cells = [
            f"{r['noise']}",
            f"{r['assumed']}",
            f"{r['wrong']:.2%}" + ("" if r["covered"] else " \\*"),
            f"{r['wrong_on_edge']:.2%}" + ("" if r["covered"] else " \\*"),
            f"{r['borderline']:.1%}",
        ]
        cells += [
            f"{r[name]:.0f}" for name in ("calls", "calls_clearly_feasible", "calls_clearly_infeasible")
        ]
        cells += [f"{r['fixed_wrong']:.1%}", f"{r['fixed_flips']:.1%}", f"{r['fixed_flips_near']:.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--devices", type=int, default=10_000, help="in all, shared among the noise models")
    parser.add_argument("--confidence", type=float, default=0.99)
    parser.add_argument("--cap", type=int, default=3000, help="timed calls at most")
    parser.add_argument("--least", type=int, default=5, help="timed calls at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print a Markdown table instead of JSON lines")
    arguments = parser.parse_args()
    started = time.perf_counter()
    each = -(-arguments.devices // len(MODELS))
    records = []
    for number, noise in enumerate(MODELS):
        rows = run(noise, each, arguments.confidence, arguments.cap, arguments.least, arguments.seed + number)
        records += rows
        if not arguments.table:
            for row in rows:
                print(json.dumps(row), flush=True)
    records += totals(records)
    if not arguments.table:
        for row in records[-len(VARIANTS) :]:
            print(json.dumps(row))
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
