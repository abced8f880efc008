"""When warm-up is over, on made-up series."""

from __future__ import annotations

import numpy as np
import pytest

from testing_core import lehr_testing


def ended(series: list[float] | np.ndarray, calls: int = 500, ms: float = 1e9) -> tuple[int, str]:
    return lehr_testing.probe_warmup(np.asarray(series, float), calls, ms)


def jitter(n: int, level: float = 10.0, share: float = 0.01, seed: int = 0) -> np.ndarray:
    return level * (1 + share * np.random.default_rng(seed).normal(size=n))


def test_without_a_cold_start_it_ends_at_the_first_look() -> None:
    assert ended(jitter(100)) == (12, "stable")
    assert ended(np.ones(100)) == (12, "stable")


def test_one_cold_call_costs_nothing_more() -> None:
    assert ended(np.concatenate([[5000], jitter(100)])) == (12, "stable")


def test_a_cold_start_with_spikes_of_a_compiler() -> None:
    series = jitter(200)
    series[:3] = [3000, 900, 400]
    series[[5, 8]] = 700
    calls, why = ended(series)
    assert why == "stable"
    assert 9 <= calls <= 40
    assert series[calls:].max() < 20


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_drift_is_waited_for(seed: int) -> None:
    drift = jitter(400, seed=seed)
    drift[:60] += np.linspace(15, 0, 60)
    calls, why = ended(drift)
    assert why == "stable"
    assert calls >= 45  # what is left of the drift then is within the tolerance or the noise


def test_noise_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    lengths = [ended(10 * np.exp(0.3 * rng.normal(size=500)))[0] for _ in range(100)]
    assert np.median(lengths) <= 16
    assert max(lengths) < 200


def test_spikes_that_keep_coming_are_no_warm_up() -> None:
    series = jitter(500)
    series[::7] = 80.0
    calls, why = ended(series)
    assert why == "stable"
    assert calls < 60


def test_it_is_bounded() -> None:
    falling = 1000 * 0.97 ** np.arange(300)
    assert ended(falling, calls=50) == (50, "calls")
    assert ended(falling, ms=5000)[1] == "time"
    assert ended([900.0, 900.0], ms=200) == (1, "time")  # the first call is always warm-up
    assert ended([1.0, 1.0]) == (2, "")
