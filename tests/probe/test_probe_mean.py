"""How well a mean is known: intervals by batch means, and measuring that ends by them."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from lehr import OptionError, _core
from lehr.probe import LatencyLimit, Limit, measure
from lehr.probe.energy import relative_sem
from lehr.probe.estimates import mean_interval


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
@pytest.mark.parametrize("degrees", [1, 2, 5, 30, 1000])
def test_student_s_quantile(confidence: float, degrees: int) -> None:
    assert _core.probe_student_t(confidence, degrees) == pytest.approx(
        stats.t.ppf((1 + confidence) / 2, degrees), rel=1e-9
    )


def test_blocks_of_equal_calls_give_student_s_interval() -> None:
    means = np.array([5.0, 6.0, 5.5])  # blocks of four calls
    half, blocks = _core.probe_mean(np.repeat(means, 4), 0.95)
    assert blocks == 3
    expected = stats.t.ppf(0.975, 2) * means.std(ddof=1) / math.sqrt(3) / means.mean()
    assert half == pytest.approx(expected)


def test_blocks_are_long_and_hold_two_calls_at_least() -> None:
    assert _core.probe_mean(np.full(1000, 0.1), 0.95) == (pytest.approx(0.0), 5)  # of 20 ms
    assert _core.probe_mean(np.full(10, 500.0), 0.95)[1] == 5  # of two calls
    assert _core.probe_mean(np.full(9, 8.0), 0.95)[1] == 3
    assert _core.probe_mean(np.full(8, 8.0), 0.95) == (math.inf, 2)
    assert _core.probe_mean(np.full(100_000, 1.0), 0.95)[1] < 128


def held(draw: Any, true: float, runs: int = 300) -> float:
    rng, count = np.random.default_rng(0), 0
    for _ in range(runs):
        samples = draw(rng)
        low, high = mean_interval(samples, 0.95)
        assert low is not None
        assert high is not None
        count += low <= true <= high
    return count / runs


def test_intervals_hold_for_independent_and_for_dependent_calls() -> None:
    assert held(lambda rng: rng.lognormal(0.0, 0.3, size=400), math.exp(0.045)) >= 0.93

    def autoregressive(rng: np.random.Generator) -> np.ndarray:
        shocks = rng.normal(size=1000) * math.sqrt(1 - 0.9**2)
        return np.exp(0.2 * lfilter([1.0], [1.0, -0.9], shocks))

    assert held(autoregressive, math.exp(0.02)) >= 0.9

    def plain(rng: np.random.Generator) -> bool:
        samples = autoregressive(rng)
        error = 1.96 * samples.std(ddof=1) / math.sqrt(len(samples))
        return bool(abs(samples.mean() - math.exp(0.02)) <= error)

    rng = np.random.default_rng(0)
    assert sum(plain(rng) for _ in range(300)) < 0.6 * 300  # which takes them for independent


def test_a_wide_interval_stays_above_zero() -> None:
    samples = np.concatenate([np.full(100, 1.0), np.full(50, 100.0), np.full(100, 1.0)])
    low, high = mean_interval(samples, 0.999)
    assert low is not None
    assert high is not None
    assert 0 < low < samples.mean() < high


def test_steady_calls_end_after_the_least_time_and_others_go_on() -> None:
    rng = np.random.default_rng(1)
    steady = 1 + 0.05 * rng.normal(size=5000)
    used, known = _core.probe_measure_mean(steady, (0.02, 0.95, 0.2), 1.0)
    assert known
    assert 200 <= steady[:used].sum() <= 215  # ms
    noisy = rng.lognormal(0.0, 0.5, size=100_000)
    used, known = _core.probe_measure_mean(noisy, (0.02, 0.95, 0.2), 60.0)
    assert known
    assert 500 < used < 40_000
    assert _core.probe_mean(noisy[:used], 0.95)[0] <= 0.02
    used, known = _core.probe_measure_mean(noisy, (0.02, 0.95, 0.2), 0.5)
    assert not known  # its time was spent
    assert 500 <= noisy[:used].sum() <= 520


def test_a_precision_is_measured_for() -> None:
    report = measure(lambda: time.sleep(0.001), precision=0.2, warmup_seconds=0.01, max_seconds=30.0)
    assert report.ended == "settled"
    assert report.samples_ms.sum() >= 190.0  # 0.2 s less what passes between calls
    assert report.precise
    assert report.mean_low_ms is not None
    assert report.mean_high_ms is not None
    assert report.mean_low_ms <= report.mean_ms <= report.mean_high_ms <= 1.2 * report.mean_ms
    assert not any("mean" in note for note in report.notes)


def test_a_mean_that_stays_wide_is_reported_with_its_interval() -> None:
    calls = iter(range(10**9))
    report = measure(
        lambda: time.sleep(0.02 if next(calls) % 40 < 10 else 0.001), precision=0.001, enough_seconds=0.4
    )
    assert report.ended == "time"
    assert not report.precise
    assert report.mean_low_ms is not None
    assert any("not known within 0.001" in note for note in report.notes)
    short = measure(lambda: None, precision=0.01, max_samples=50)
    assert (short.mean_low_ms, short.mean_high_ms, short.precise) == (None, None, False)
    assert short.ended == "samples"
    assert any("too short" in note for note in short.notes)


def test_a_limit_is_given_up_while_the_mean_is_still_measured() -> None:
    near = LatencyLimit("p95", 1e5)  # needs 90 calls
    report = measure(lambda: None, limit=near, precision=0.9, limit_samples=30, max_seconds=30.0)
    assert report.samples_ms.sum() > 100.0
    assert report.verdict is not None  # more calls settle it all the same
    slow = measure(
        lambda: time.sleep(0.004),
        limit=near,
        limit_samples=20,
        precision=0.9,
        max_seconds=30.0,
        min_samples=20,
    )
    assert slow.ended == "samples"
    assert slow.verdict is not None
    assert slow.verdict.answer == "borderline"
    assert slow.precise


def test_an_infeasible_limit_ends_it_without_a_precise_mean() -> None:
    report = measure(lambda: time.sleep(0.001), limit=LatencyLimit("p95", 1e-3), precision=0.001)
    assert report.ended == "settled"
    assert len(report.samples_ms) < 100
    assert not report.precise
    assert not any("mean" in note for note in report.notes)


def test_fixed_rules_take_no_notice_of_a_precision() -> None:
    report = measure(lambda: None, limit=LatencyLimit("p95", 1e5, rule="fixed"), precision=0.001)
    assert len(report.samples_ms) == 100
    assert report.precision is None


def test_standard_errors_have_the_names_of_the_metrics() -> None:
    report = measure(
        lambda: time.sleep(0.0005), precision=0.5, min_samples=200, batch_size=4, confidence=0.95
    )
    sem, metrics = report.sem(), report.metrics()
    assert {"latency_mean_ms", "throughput_items_s", "latency_p50_ms"} <= set(sem) <= set(metrics)
    assert sem["latency_mean_ms"] / report.mean_ms == pytest.approx(
        sem["throughput_items_s"] / report.throughput_items_s
    )
    assert report.mean_high_ms is not None
    assert report.mean_ms + 1.96 * sem["latency_mean_ms"] == pytest.approx(report.mean_high_ms, rel=1e-3)
    median = report.percentiles["p50"]
    assert median.low_ms is not None
    assert median.high_ms is not None
    assert 2 * 1.96 * sem["latency_p50_ms"] == pytest.approx(median.high_ms - median.low_ms, rel=1e-3)
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert document["metrics_sem"] == sem
    assert document["mean"]["precision"] == 0.5
    assert set(measure(lambda: None, max_samples=20).sem()) <= {"latency_p50_ms"}


def test_joules_a_call_have_a_standard_error_from_blocks() -> None:
    assert relative_sem([(1.0, 10), (1.1, 10)]) is None
    assert relative_sem([(0.0, 10)] * 5) is None
    assert relative_sem([(1.0, 10), (2.0, 20), (3.0, 30)]) == pytest.approx(0.0)
    found = relative_sem([(1.0, 10), (1.1, 10), (1.2, 10), (0.9, 10)])
    blocks = np.array([1.0, 1.1, 1.2, 0.9])
    widened = stats.t.ppf(0.975, 3) / stats.norm.ppf(0.975)
    assert found == pytest.approx(widened * blocks.std(ddof=1) / 2 / blocks.mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"precision": 0.0}, "precision"),
        ({"precision": 1.5}, "precision"),
        ({"precision": 0.1, "precision_confidence": 1.0}, "precision_confidence"),
        ({"precision": 0.1, "least_seconds": -1.0}, "least_seconds"),
    ],
)
def test_precisions_out_of_range(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        measure(lambda: None, **options)


def test_the_former_name_of_a_latency_limit() -> None:
    assert Limit is LatencyLimit
