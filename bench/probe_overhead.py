"""What timing costs: microseconds an iteration on top of a bare loop, beside other timers. Prints JSON lines.

    python bench/probe_overhead.py [--calls 200000] [--rounds 15] [--table]

A row is the time of a whole measurement by the named timer, less that of a bare loop over the same callee in the
same language, a call. The callees do nothing; rounds of all timers alternate, and the median over the rounds counts.
`timeit` and `torch.utils.benchmark` read the clock once per block of calls and so know no single latency: one call
a block (`timer(1)`) is what they cost when asked for each.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import statistics
import sys
import time
import timeit
from collections.abc import Callable
from itertools import repeat
from typing import Any

import lehr
from lehr import _core
from lehr.probe import measure, native


def nothing() -> None:
    return None


def bare(calls: int) -> None:
    for _ in repeat(None, calls):
        nothing()


def per_call_clock(calls: int) -> None:
    """The loop that one writes by hand."""
    samples, clock = [], time.perf_counter_ns
    for _ in repeat(None, calls):
        before = clock()
        nothing()
        samples.append(clock() - before)


def probe(callee: Any, precision: float = 0.0) -> Callable[[int], None]:
    """With a precision that is never reached, the block means are kept up for every call."""

    def run(calls: int) -> None:
        _core.probe_measure(
            callee, warmup_calls=1, warmup_ms=1.0, questions=[], early_threshold=float("inf"),
            min_samples=calls, max_samples=calls, max_seconds=1e3, enough_seconds=float("inf"), hasty=True,
            moot_mean=float("inf"), min_seconds=0.0, limit_samples=0, precision=(precision, 0.95, 0.0),
            watch=None, tick_ms=50.0,
        )  # fmt: skip

    return run


def timeit_single(calls: int) -> None:
    timer = timeit.Timer(nothing)
    for _ in range(calls // 10):
        timer.timeit(1)


def torch_single(calls: int) -> None:
    from torch.utils.benchmark import Timer

    timer = Timer("f()", globals={"f": nothing})
    for _ in range(calls // 1000):
        timer.timeit(1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--table", action="store_true", help="print a Markdown table instead of JSON lines")
    arguments = parser.parse_args()
    calls = arguments.calls
    function = native(ctypes.CDLL(None).ffs, 0)  # int ffs(int): returns at once
    native_bare: Callable[[int], Any] = lambda n: _core.probe_bare_loop(function.capsule, n)  # noqa: E731
    runs: dict[str, tuple[Callable[[int], Any], Callable[[int], Any], int]] = {
        "lehr.probe, native callee": (probe(function.capsule), native_bare, 1),
        "lehr.probe, native callee, precision": (probe(function.capsule, 1e-12), native_bare, 1),
        "lehr.probe, Python callee": (probe(nothing), bare, 1),
        "lehr.probe, Python callee, precision": (probe(nothing, 1e-12), bare, 1),
        "perf_counter_ns around each call": (per_call_clock, bare, 1),
        "timeit, timer(1)": (timeit_single, bare, 10),
    }
    try:
        import torch.utils.benchmark  # noqa: F401
    except ImportError:
        print("torch is not installed: its timer is left out", file=sys.stderr)
    else:
        runs["torch.utils.benchmark, timer(1)"] = (torch_single, bare, 1000)
    measure(nothing, max_samples=1000)
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, (run, baseline, less) in runs.items():
            started = time.perf_counter()
            run(calls)
            middle = time.perf_counter()
            baseline(calls)
            ended = time.perf_counter()
            each = (middle - started) / (calls // less) - (ended - middle) / calls
            found[name].append(each * 1e6)
    rows = [
        {"benchmark": "probe_overhead", "timer": name, "us_a_call": round(statistics.median(values), 3),
         "min_us": round(min(values), 3), "calls": calls, "rounds": arguments.rounds,
         "python": platform.python_version(), "lehr": lehr.__version__, "cores": os.cpu_count(),
         "load": round(os.getloadavg()[0], 2)}
        for name, values in found.items()
    ]  # fmt: skip
    if not arguments.table:
        for row in rows:
            print(json.dumps(row))
        return
    print("| timer | overhead a call, median | least |\n|---|---:|---:|")
    for row in rows:
        print(f"| {row['timer']} | {row['us_a_call']:.3f} µs | {row['min_us']:.3f} µs |")


if __name__ == "__main__":
    main()
