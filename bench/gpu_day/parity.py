"""Densities of the GPU beside the processor's, on random mixtures for ``PARITY_S`` seconds; seed ``SEED``."""

from __future__ import annotations

import os
import time

import numpy as np
import numpy.typing as npt
from day import Checks, row

from lehr import _core
from lehr.gpu import gpu_for

Values = npt.NDArray[np.float64]
KERNEL = os.path.basename(os.environ.get("LEHR_CUDA_KERNEL", "embedded"))


def dimension(rng: np.random.Generator) -> _core.Dimension:
    low = float(np.round(rng.uniform(-1e6, 1e6)))
    match rng.integers(6):
        case 0:
            return _core.Dimension(choices=int(rng.integers(1, 13)))
        case 1:
            low = 10 ** rng.uniform(-8, 3)
            return _core.Dimension(low=low, high=low * 10 ** rng.uniform(0.2, 8), log=True)
        case 2:
            low = float(rng.integers(1, 1000))
            return _core.Dimension(low=low, high=low + float(rng.integers(1, 5000)), log=True, step=1.0)
        case 3:
            step = float(rng.choice([0.125, 1.0, 30.0]))
            return _core.Dimension(low=low, high=low + step * float(rng.integers(1, 10**6)), step=step)
        case 4:
            return _core.Dimension(low=0.0, high=float(10.0 ** rng.integers(3, 16)), step=1.0)
    return _core.Dimension(low=low, high=low + rng.uniform(1e-3, 1e6) * max(1.0, abs(low)))


def draw(rng: np.random.Generator, one: _core.Dimension, n: int) -> Values:
    """Legal values, some of them close together or at the bounds."""
    if one.choices:
        return rng.integers(one.choices, size=n).astype(np.float64)
    unit = rng.random(n)
    unit = np.where(rng.random(n) < 0.3, 0.1 + 1e-4 * unit, unit)
    ends = rng.random(n) < 0.1
    unit[ends] = rng.integers(2, size=int(ends.sum()))
    values = one.low * (one.high / one.low) ** unit if one.log else one.low + (one.high - one.low) * unit
    if one.step:
        values = one.low + np.round((values - one.low) / one.step) * one.step
    return np.clip(values, one.low, one.high)


def main() -> None:
    checks = Checks(f"parity {KERNEL}")
    rng = np.random.default_rng(int(os.environ.get("SEED", "0")))
    until = time.monotonic() + float(os.environ.get("PARITY_S", "20"))
    gpu = gpu_for("cuda", must_work=True)
    assert gpu is not None
    mixtures = scored = wrong = unlike = 0
    worst = 0.0
    while mixtures == 0 or time.monotonic() < until:
        width = int(rng.choice([1, 2, 5, 9, 40, 171]))
        dimensions = [dimension(rng) for _ in range(width)]
        n = int(rng.choice([0, 1, 4, 26, 300, 1500] if width < 40 else [1, 26]))
        missing = float(rng.choice([0.0, 0.3]))

        def table(rows: int, dims: list[_core.Dimension] = dimensions, share: float = missing) -> Values:
            columns = np.column_stack([draw(rng, one, rows) for one in dims])
            columns[rng.random(columns.shape) < share] = np.nan
            return columns

        estimator = _core.ParzenEstimator(dimensions, table(n), float(rng.choice([1.0, 1e-3, 7.0])))
        points = table(int(rng.choice([1, 127, 128, 129, 700])))
        expected, actual = estimator.log_pdf(points), estimator.log_pdf(points, gpu)
        with np.errstate(invalid="ignore"):
            off = np.abs(actual - expected)
            misses = ~((actual == expected) | (off <= 1e-9 + 1e-9 * np.abs(expected)))
        finite = np.isfinite(off)
        relative = off[finite] / np.maximum(np.abs(expected[finite]), 1)
        worst = max(worst, float(relative.max(initial=0)))
        unlike += not np.array_equal(estimator.log_pdf(points, gpu), actual)
        if misses.any() and wrong < 20:
            about = [str((one.low, one.high, one.log, one.step, one.choices)) for one in dimensions[:6]]
            got, want = actual[misses][:3].tolist(), expected[misses][:3].tolist()
            row("parity miss", dimensions=about, n=n, missing=missing, got=got, want=want)
        wrong += int(misses.sum())
        scored += len(points)
        mixtures += 1
    checks.that("agrees to 1e-9", wrong == 0, mixtures=mixtures, points=scored, wrong=wrong, worst=worst)
    checks.that("same digits twice", unlike == 0, mixtures=unlike)
    checks.end()


if __name__ == "__main__":
    main()
