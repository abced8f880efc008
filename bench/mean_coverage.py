"""How often the interval of a measured mean latency holds the true mean, and what it costs, on simulated calls.

    python bench/mean_coverage.py [--runs 400] [--table]

Each run draws successive latencies and stops as `lehr.probe.measure(precision=)` does: after a least time, once the
interval at 95 % is as narrow as asked, or when its time is over. Both plans of a deployment are run: `search` (within
2 % of the mean, 0.2 to 1 s) and `final` (within 1 %, 1 to 2 s). `held` is the share of all runs whose
interval holds the true mean; `known` the share that became as precise as asked, and `known_held` how many of those hold
it; `plain` is how often the interval of independent calls, 1.96 s / sqrt(n), would have held it on the same calls;
`seconds` are of timed calls; `half_width` is the mean half-width, `off_95` the 95th percentile of the distance from the
true mean, both in percent of it. Prints JSON lines; `--table` a Markdown table.

The true mean is that of the stationary process. Figures marked * are of noise that a run of this length may not
show: what slows calls comes and goes fewer than six times in the longest run (waves and spells that outlast it, stalls
that come less often). No interval from inside one run can hold there; measuring again later, in another process, can.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

import lehr
from lehr import _core

Array = NDArray[np.float64]
CONFIDENCE = 0.95
UNSEEN = 1 / 6  # of a run at most: what comes and goes more slowly may not show in it


@dataclass(frozen=True)
class Noise:
    """`draw(rng, n, call_ms)` are n successive latencies over `call_ms`, which are `mean` of it on average. What slows
    them comes and goes within `scale(call_ms)` milliseconds.
    """

    name: str
    draw: Callable[[np.random.Generator, int, float], Array]
    mean: float = 1.0
    scale: Callable[[float], float] = lambda call_ms: call_ms


def white(share: float) -> Noise:
    return Noise(
        f"normal {share:.0%}",
        lambda rng, n, _: np.maximum(1 + share * rng.normal(size=n), 0.01),
    )


def lognormal(spread: float) -> Noise:
    return Noise(
        f"lognormal {spread:g}",
        lambda rng, n, _: np.exp(spread * rng.normal(size=n)),
        float(np.exp(spread * spread / 2)),
    )


def autoregressive(rho: float, spread: float) -> Noise:
    """exp of a Gaussian first-order process."""

    def draw(rng: np.random.Generator, n: int, _: float) -> Array:
        shocks = rng.normal(size=n) * np.sqrt(1 - rho * rho)
        shocks[0] = rng.normal()
        return np.exp(spread * lfilter([1.0], [1.0, -rho], shocks))

    mean, lasts = float(np.exp(spread * spread / 2)), (1 + rho) / (1 - rho)
    return Noise(f"AR(1) {rho:g}, {spread:.0%}", draw, mean, lambda call_ms: lasts * call_ms)


def spells(share: float, spell_ms: float, factor: float) -> Noise:
    """Slow for `share` of all calls, `spell_ms` at a stretch on average; 3 % jitter."""

    def draw(rng: np.random.Generator, n: int, call_ms: float) -> Array:
        leave = min(1.0, factor * call_ms / spell_ms)
        enter = leave * share / (1 - share)
        slow, state, at = np.empty(n, dtype=bool), bool(rng.random() < share), 0
        while at < n:
            length = int(rng.geometric(leave if state else min(enter, 1.0)))
            slow[at : at + length] = state
            at, state = at + length, not state
        return np.where(slow, factor, 1.0) * np.maximum(1 + 0.03 * rng.normal(size=n), 0.01)

    name = f"spells of {spell_ms:g} ms, {share:.0%} of calls, {factor:g}x"
    return Noise(name, draw, 1 + share * (factor - 1), lambda _: spell_ms / share)


def stalls(every_ms: float, length_ms: float) -> Noise:
    """A stall of `length_ms` once in `every_ms` on average; 3 % jitter."""

    def draw(rng: np.random.Generator, n: int, call_ms: float) -> Array:
        stalled = rng.random(n) < call_ms / every_ms
        return np.maximum(1 + 0.03 * rng.normal(size=n), 0.01) + stalled * (length_ms / call_ms)

    name = f"stalls of {length_ms:g} ms every {every_ms:g} ms"
    return Noise(name, draw, 1 + length_ms / every_ms, lambda _: every_ms)


def wave(period_s: float, share: float) -> Noise:
    """The level goes up and down by `share`; 3 % jitter."""

    def draw(rng: np.random.Generator, n: int, call_ms: float) -> Array:
        angle = 2 * np.pi * (np.arange(n) * call_ms / 1e3 / period_s + rng.random())
        return (1 + share * np.sin(angle)) * np.maximum(1 + 0.03 * rng.normal(size=n), 0.01)

    return Noise(f"wave of {period_s:g} s, {share:.0%}", draw, scale=lambda _: 1e3 * period_s)


def trend(share: float) -> Noise:
    """A level that rises by `share` a second, around the mean of the first second; 3 % jitter."""

    def draw(rng: np.random.Generator, n: int, call_ms: float) -> Array:
        rise = share * (np.arange(n) * call_ms / 1e3 - 0.5)
        return (1 + rise) * np.maximum(1 + 0.03 * rng.normal(size=n), 0.01)

    return Noise(f"rises by {share:.0%} a second", draw, scale=lambda _: np.inf)


MODELS = (
    white(0.05),
    white(0.3),
    lognormal(0.3),
    lognormal(1.0),
    autoregressive(0.5, 0.2),
    autoregressive(0.9, 0.2),
    autoregressive(0.97, 0.2),
    spells(0.2, 10, 1.5),
    spells(0.2, 40, 1.5),
    spells(0.2, 200, 1.5),
    stalls(50, 5),
    stalls(500, 20),
    wave(0.3, 0.05),
    wave(3, 0.03),
    trend(0.1),
)
CALLS_MS = (0.1, 2.0, 12.0)
PLANS = {"search": (0.02, 0.2, 1.0), "final": (0.01, 1.0, 2.0)}


def run(noise: Noise, call_ms: float, plan: str, runs: int, seed: int) -> dict[str, Any]:
    precision, least, enough = PLANS[plan]
    rng = np.random.default_rng(seed)
    true = noise.mean
    held, known, plain = np.zeros(runs, bool), np.zeros(runs, bool), np.zeros(runs, bool)
    seconds, widths, off = np.zeros(runs), np.zeros(runs), np.zeros(runs)
    most = int(1.3 * enough * 1e3 / call_ms) + 40
    for number in range(runs):
        samples = noise.draw(rng, most, call_ms) * call_ms
        used, known[number] = _core.probe_measure_mean(samples, (precision, CONFIDENCE, least), enough)
        taken = samples[:used] / call_ms
        half, _ = _core.probe_mean(samples[:used], CONFIDENCE)
        error = abs(taken.mean() - true)
        held[number] = error <= half * taken.mean()
        plain[number] = error <= 1.96 * taken.std(ddof=1) / np.sqrt(used)
        seconds[number], widths[number], off[number] = samples[:used].sum() / 1e3, half, error / true
    return {
        "benchmark": "mean_coverage",
        "noise": noise.name,
        "unseen": noise.scale(call_ms) > UNSEEN * enough * 1e3,
        "call_ms": call_ms,
        "plan": plan,
        "runs": runs,
        "held": float(held.mean()),
        "known": float(known.mean()),
        "known_held": float(held[known].mean()) if known.any() else None,
        "plain": float(plain.mean()),
        "seconds": round(float(seconds.mean()), 3),
        "half_width": round(100 * float(widths[np.isfinite(widths)].mean()), 2),
        "off_95": round(100 * float(np.quantile(off, 0.95)), 2),
    }


def table(records: list[dict[str, Any]]) -> str:
    """A row a kind of noise and plan, with figures for each length of call."""
    head = ["noise", "plan", "held", "plain", "known", "seconds", "half-width", "95 % are off by"]
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "---|" * (len(head) - 2)]
    for first in range(0, len(records), len(CALLS_MS) * len(PLANS)):
        of_noise = records[first : first + len(CALLS_MS) * len(PLANS)]
        for plan in PLANS:
            rows = [row for row in of_noise if row["plan"] == plan]
            cells = [
                ", ".join(f"{row['held']:.1%}" + (" \\*" if row["unseen"] else "") for row in rows),
                ", ".join(f"{row['plain']:.0%}" for row in rows),
                ", ".join(f"{row['known']:.0%}" for row in rows),
                ", ".join(f"{row['seconds']:.2f}" for row in rows),
                ", ".join(f"{row['half_width']:.1f} %" for row in rows),
                ", ".join(f"{row['off_95']:.1f} %" for row in rows),
            ]
            lines.append(f"| {rows[0]['noise']} | {plan} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--runs", type=int, default=400, help="of each kind of noise, length of call and plan"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", action="store_true", help="print a Markdown table instead of JSON lines")
    arguments = parser.parse_args()
    started = time.perf_counter()
    records: list[dict[str, Any]] = []
    for number, noise in enumerate(MODELS):
        for call_ms in CALLS_MS:
            for plan in PLANS:
                records.append(run(noise, call_ms, plan, arguments.runs, arguments.seed + number))
                if not arguments.table:
                    print(json.dumps(records[-1]), flush=True)
    provenance = {
        "lehr": lehr.__version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "seconds": round(time.perf_counter() - started, 1),
        "command": "python bench/mean_coverage.py " + " ".join(sys.argv[1:]),
    }
    print(table(records) if arguments.table else json.dumps(provenance))


if __name__ == "__main__":
    main()
