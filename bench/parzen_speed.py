"""Time of the Parzen estimator beside Optuna's, in one run: what one proposal of TPE costs.

A proposal fits two estimators, draws 24 candidates from the first and scores them under both. Both sides get
the same arrays and are timed alternately; the median of the repeats is reported. Prints one JSON line a case:

    python bench/parzen_speed.py [--repeats 20] [--observations 25 1000 10000]
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator, _ParzenEstimatorParameters
from optuna.samplers._tpe.sampler import default_gamma, default_weights

from lehr import _core

CANDIDATES = 24
PARAMETERS = _ParzenEstimatorParameters(1.0, True, False, default_weights, True)

SPACES: dict[str, list[BaseDistribution]] = {
    "mixed": [
        CategoricalDistribution(list("abc")),
        CategoricalDistribution(list("abcd")),
        CategoricalDistribution(list("ab")),
        FloatDistribution(0.0, 1.0),
        FloatDistribution(1e-4, 1e-1, log=True),
        FloatDistribution(-1.0, 1.0),
        IntDistribution(1, 64, log=True),
        IntDistribution(1, 8),
        FloatDistribution(0.0, 1.0, step=0.1),
        IntDistribution(0, 100),
    ],
    "continuous": [FloatDistribution(0.0, 1.0) for _ in range(10)],
}


def draw(distribution: BaseDistribution, rng: np.random.Generator, n: int) -> np.ndarray:
    if isinstance(distribution, CategoricalDistribution):
        return rng.integers(len(distribution.choices), size=n).astype(float)
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    low, high, step = distribution.low, distribution.high, distribution.step
    unit = rng.random(n)
    values = low * (high / low) ** unit if distribution.log else low + (high - low) * unit
    return low + np.round((values - low) / step) * step if step else values


def dimension(distribution: BaseDistribution) -> _core.Dimension:
    if isinstance(distribution, CategoricalDistribution):
        return _core.Dimension(choices=len(distribution.choices))
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    return _core.Dimension(
        low=distribution.low, high=distribution.high, log=distribution.log, step=distribution.step or 0.0
    )


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def case(name: str, n: int, repeats: int) -> dict[str, object]:
    distributions = SPACES[name]
    rng = np.random.default_rng(n)
    table = np.column_stack([draw(d, rng, n) for d in distributions])
    split = default_gamma(n)
    below, above = table[:split].copy(), table[split:].copy()
    space = {f"x{i}": d for i, d in enumerate(distributions)}
    dimensions = [dimension(d) for d in distributions]
    first, second = (_core.ParzenEstimator(dimensions, half) for half in (below, above))
    below_columns, above_columns = (
        {key: half[:, i] for i, key in enumerate(space)} for half in (below, above)
    )
    state = np.random.RandomState(0)

    def ours() -> None:
        first.fit(below)
        second.fit(above)
        candidates = first.sample(CANDIDATES, 0)
        first.log_pdf(candidates)
        second.log_pdf(candidates)

    def theirs() -> None:
        lower = _ParzenEstimator(below_columns, space, PARAMETERS)
        upper = _ParzenEstimator(above_columns, space, PARAMETERS)
        candidates = lower.sample(state, CANDIDATES)
        lower.log_pdf(candidates)
        upper.log_pdf(candidates)

    ours()
    theirs()
    our_times, their_times = [], []
    for _ in range(repeats):
        their_times.append(seconds(theirs))
        our_times += [seconds(ours) for _ in range(10)]
    mine, other = statistics.median(our_times), statistics.median(their_times)
    return {
        "benchmark": "parzen_speed",
        "space": name,
        "observations": n,
        "dimensions": len(distributions),
        "lehr_us": round(mine * 1e6, 2),
        "optuna_us": round(other * 1e6, 1),
        "ratio": round(other / mine, 1),
        "repeats": repeats,
        "optuna": optuna.__version__,
        "machine": platform.processor() or platform.machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--observations", type=int, nargs="+", default=[25, 1000, 10000])
    arguments = parser.parse_args()
    for name in SPACES:
        for n in arguments.observations:
            print(json.dumps(case(name, n, arguments.repeats)), flush=True)


if __name__ == "__main__":
    main()
