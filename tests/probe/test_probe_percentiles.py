"""Percentiles: nearest rank, intervals that hold, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import signal, stats

from lehr import OptionError, _core
from lehr.probe.estimates import percentile
from lehr.probe.limit import LatencyLimit, share_of


def test_the_value_is_one_that_was_observed() -> None:
    samples = np.arange(100, 0, -1.0)
    assert [percentile(samples, name, 0.9).value_ms for name in ("p50", "p95", "p99")] == [50, 95, 99]
    assert percentile(samples[:20], "p95", 0.9).value_ms == np.sort(samples[:20])[18]


@pytest.mark.parametrize(
    ("name", "needed"), [("p50", 2), ("p95", 20), ("p99", 100), ("p99.9", 1000), ("p5", 20)]
)
def test_what_the_count_cannot_support_is_refused(name: str, needed: int) -> None:
    refused = percentile(np.ones(needed - 1), name, 0.99)
    assert refused.value_ms is None
    assert refused.low_ms is None
    assert refused.reason == f"{needed - 1} samples cannot support {name}, which needs {needed}"
    assert percentile(np.ones(needed), name, 0.99).value_ms == 1.0


def test_an_interval_needs_more_than_the_value_does() -> None:
    rng = np.random.default_rng(0)
    found = percentile(rng.random(30), "p95", 0.99)
    assert found.value_ms is not None
    assert found.high_ms is None
    assert "no interval at 99%" in found.reason


@pytest.mark.parametrize(("n", "share"), [(100, 0.5), (200, 0.95), (1000, 0.99)])
def test_ranks_are_the_binomial_s(n: int, share: float) -> None:
    ordered = np.arange(1.0, n + 1)
    value, low, high, coverage, effective, supported, _ = _core.probe_quantile(ordered, share, 0.95)
    assert supported
    assert effective == n
    # The quantile lies in [x_l, x_u) exactly when l <= B < u.
    assert coverage == pytest.approx(stats.binom.cdf(high - 1, n, share) - stats.binom.cdf(low - 1, n, share))
    assert stats.binom.cdf(low - 1, n, share) <= 0.025 < stats.binom.cdf(low, n, share)
    assert stats.binom.sf(high - 1, n, share) <= 0.025 < stats.binom.sf(high - 2, n, share)
    assert low <= value <= high


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("name", ["p50", "p95"])
def test_intervals_cover_as_claimed_on_an_autocorrelated_process(rho: float, name: str) -> None:
    rng = np.random.default_rng(11)
    truth = stats.norm.ppf(share_of(name))
    covered = given = 0
    naive = 0
    for _ in range(400):
        shocks = rng.normal(size=1500) * math.sqrt(1 - rho * rho)
        shocks[0] = rng.normal()
        process = np.exp(signal.lfilter([1.0], [1.0, -rho], shocks))
        found = percentile(process, name, 0.95)
        if found.low_ms is not None and found.high_ms is not None:
            given += 1
            covered += found.low_ms <= math.exp(truth) <= found.high_ms
        _, low, high, *_ = _core.probe_quantile(np.sort(process), share_of(name), 0.95)
        naive += low <= math.exp(truth) <= high
    assert given > 250
    assert covered / given > 0.95 - 3 * math.sqrt(0.05 * 0.95 / given)
    if rho == 0.9:
        assert naive / 400 < 0.9  # what it would be if samples passed for independent


def test_no_percentile_of_nothing() -> None:
    with pytest.raises(OptionError, match="at least one"):
        _core.probe_quantile(np.empty(0), 0.5, 0.95)


@pytest.mark.parametrize("text", ["95", "p", "p0", "p100", "P95", "p-5", "p9x", ""])
def test_percentiles_are_written_one_way(text: str) -> None:
    with pytest.raises(OptionError, match="p50, p95"):
        share_of(text)


@pytest.mark.parametrize("value", [0, -1.0, math.nan, math.inf, True, "20"])
def test_limits_are_positive_numbers(value: object) -> None:
    with pytest.raises(OptionError, match="latency limit"):
        LatencyLimit("p95", value)  # type: ignore[arg-type]
