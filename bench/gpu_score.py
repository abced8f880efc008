"""Batch scoring on a GPU beside the processor, in one run: JSON lines, one for each size.

    python bench/gpu_score.py [--points 1000 100000 1000000] [--kernels 25 1000 10000] [--repeats 5]

Times are of whole calls: flattening the mixture, copies to the device and back included, the opening of the device not.
Without a usable GPU it says why and ends with status 3; a figure is never made up.
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
from typing import Any

import numpy as np
import numpy.typing as npt

import lehr
from lehr import _core
from lehr.gpu import gpu_for

SPACES: dict[str, list[_core.Dimension]] = {
    "continuous": [_core.Dimension(low=0.0, high=1.0)] * 10,
    "mixed": [
        *[_core.Dimension(low=0.0, high=1.0)] * 2,
        *[_core.Dimension(low=1e-5, high=1.0, log=True)] * 2,
        *[_core.Dimension(low=1.0, high=64.0, step=1.0)] * 2,
        *[_core.Dimension(low=1.0, high=1024.0, log=True, step=1.0)] * 2,
        *[_core.Dimension(choices=5)] * 2,
    ],
}


def sample(dimensions: list[_core.Dimension], rng: np.random.Generator, n: int) -> npt.NDArray[np.float64]:
    columns = []
    for dimension in dimensions:
        if dimension.choices:
            columns.append(rng.integers(dimension.choices, size=n).astype(np.float64))
            continue
        low, high, unit = dimension.low, dimension.high, rng.random(n)
        values = low * (high / low) ** unit if dimension.log else low + (high - low) * unit
        columns.append(np.round(values) if dimension.step else values)
    return np.column_stack(columns)


def seconds(work: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def measure(
    name: str, points: int, kernels: int, *, gpu: _core.Gpu, repeats: int, slow_limit: float
) -> dict[str, Any]:
    dimensions = SPACES[name]
    rng = np.random.default_rng(0)
    estimator = _core.ParzenEstimator(dimensions, sample(dimensions, rng, kernels - 1))
    batch = sample(dimensions, rng, points)
    there = estimator.log_pdf(batch, gpu)
    on_gpu = seconds(lambda: estimator.log_pdf(batch, gpu), repeats)
    # The processor's time grows with the number of points: where it would take too long, part of them tell.
    some = min(points, 1000)
    probe = seconds(lambda: estimator.log_pdf(batch[:some]), 1)[0]
    used = points if probe * points / some * repeats < slow_limit else some
    on_cpu = [t * points / used for t in seconds(lambda: estimator.log_pdf(batch[:used]), repeats)]
    here = estimator.log_pdf(batch[:used])
    error = float(np.max(np.abs(there[:used] - here) / np.maximum(np.abs(here), 1.0)))
    return {
        "space": name,
        "dimensions": len(dimensions),
        "points": points,
        "kernels": kernels,
        "gpu_seconds": statistics.median(on_gpu),
        "gpu_seconds_all": on_gpu,
        "cpu_seconds": statistics.median(on_cpu),
        "cpu_points_timed": used,
        "auto_takes_the_gpu": estimator.worth_gpu(points, gpu),
        "ratio": statistics.median(on_cpu) / statistics.median(on_gpu),
        "gpu_evaluations_per_second": points * kernels * len(dimensions) / statistics.median(on_gpu),
        "largest_relative_difference": error,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--kernels", type=int, nargs="+", default=[25, 100, 1000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--slow-limit", type=float, default=10.0, help="seconds for the processor, a size")
    arguments = parser.parse_args()
    status = lehr.gpu_status()
    if not status.available:
        print(f"no GPU to measure: {status.reason}", file=sys.stderr)
        return 3
    gpu = gpu_for("cuda", must_work=True)
    assert gpu is not None
    provenance = {
        "benchmark": "gpu_score",
        "lehr": lehr.__version__,
        "device": status.device,
        "driver_cuda": status.driver_version,
        "compute_capability": status.compute_capability,
        "processor": platform.processor() or platform.machine(),
        "processor_threads_used": 1,
        "cores": os.cpu_count(),
        "clock": "perf_counter",
        "repeats": arguments.repeats,
    }
    for name in SPACES:
        for kernels in arguments.kernels:
            for points in arguments.points:
                row = measure(
                    name,
                    points,
                    kernels,
                    gpu=gpu,
                    repeats=arguments.repeats,
                    slow_limit=arguments.slow_limit,
                )
                print(json.dumps({**provenance, **row}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
