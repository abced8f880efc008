"""Latency: percentiles, plans and the early stop, on made-up numbers and a made-up clock."""

from __future__ import annotations

import math

import pytest

from lehr.deploy.latency import (
    LatencyPlan,
    TooSlow,
    TrialTimeout,
    measure,
    percentile,
    samples_needed,
    summarise,
    tightest_latency_limit,
)


class Machine:
    """A clock and a call that takes as long as it is told, in ms; the last duration repeats."""

    def __init__(self, *durations_ms: float) -> None:
        self.durations, self.now, self.calls = list(durations_ms), 0.0, 0

    def clock(self) -> int:
        return round(self.now * 1e6)

    def call(self) -> None:
        self.now += self.durations[min(self.calls, len(self.durations) - 1)]
        self.calls += 1


def timed(machine: Machine, plan: LatencyPlan, timeout: TrialTimeout | None = None) -> list[float]:
    return measure(machine.call, plan, timeout=timeout, clock=machine.clock)


def test_samples_needed_are_those_that_leave_one_beyond() -> None:
    assert [samples_needed(share) for share in (0.5, 0.9, 0.95, 0.99, 0.999)] == [2, 10, 20, 100, 1000]


def test_percentiles_are_nearest_rank() -> None:
    samples = [float(value) for value in range(100, 0, -1)]
    assert percentile(samples, 0.5) == 50
    assert percentile(samples, 0.95) == 95
    assert percentile(samples, 0.99) == 99
    assert percentile(samples[:20], 0.95) == sorted(samples[:20])[18]


@pytest.mark.parametrize(("share", "needed"), [(0.5, 2), (0.95, 20), (0.99, 100)])
def test_no_percentile_from_too_few_samples(share: float, needed: int) -> None:
    assert percentile([1.0] * (needed - 1), share) is None
    assert percentile([1.0] * needed, share) == 1.0


def test_a_summary_leaves_out_what_it_cannot_support() -> None:
    assert set(summarise([1.0, 3.0])) == {"latency_mean_ms", "latency_samples", "latency_p50_ms"}
    assert summarise([1.0] * 100)["latency_p99_ms"] == 1.0
    assert summarise([2.0])["latency_mean_ms"] == 2.0


def test_the_cold_start_is_not_counted() -> None:
    machine = Machine(5000, 1)
    assert set(timed(machine, LatencyPlan())) == {1.0}
    assert machine.calls == 1 + 100  # the cold call used up the time for warming up


def test_warm_up_is_bounded_by_count() -> None:
    machine = Machine(1)
    assert len(timed(machine, LatencyPlan(warmup_calls=7, calls=20))) == 20
    assert machine.calls == 27


def test_there_is_a_warm_up_whatever_the_plan_says() -> None:
    machine = Machine(9, 1)
    assert timed(machine, LatencyPlan(warmup_calls=0, calls=3)) == [1, 1, 1]


def test_slow_calls_get_as_many_samples_as_p95_needs() -> None:
    assert len(timed(Machine(100), LatencyPlan(time_s=0.4, cap_s=10))) == 20


def test_very_slow_calls_end_at_the_cap() -> None:
    samples = timed(Machine(1500), LatencyPlan(cap_s=10))
    assert len(samples) == 7
    assert "latency_p95_ms" not in summarise(samples)


def test_a_limited_p99_asks_for_a_hundred_samples() -> None:
    plan = LatencyPlan(calls=50, time_s=0.4, cap_s=100).requiring([0.95, 0.99])
    assert len(timed(Machine(50), plan)) == 100
    assert LatencyPlan().requiring([]) == LatencyPlan()


@pytest.mark.parametrize(("feasible_found", "factor"), [(False, 5), (True, 3)])
def test_the_trial_timeout_is_strict_and_tightens(feasible_found: bool, factor: int) -> None:
    rule = TrialTimeout(20.0, feasible_found)
    edge = 20.0 * factor
    assert not rule.exceeded([edge, edge, edge])
    assert rule.exceeded([edge, edge, math.nextafter(edge, math.inf) + 1e-6])
    assert not rule.exceeded([10 * edge, 10 * edge])  # two samples are not three
    assert not rule.exceeded([edge, edge, edge, 1000 * edge])  # the first three count


def test_the_trial_timeout_ends_the_measurement_after_three_samples() -> None:
    machine = Machine(1000, 101)
    with pytest.raises(TooSlow) as caught:
        timed(machine, LatencyPlan(), TrialTimeout(20.0, False))
    assert caught.value.samples_ms == [101, 101, 101]
    assert machine.calls == 4
    assert "5 times the limit of 20 ms" in str(caught.value)


def test_a_slow_cold_start_alone_does_not_strike() -> None:
    assert len(timed(Machine(9000, 99), LatencyPlan(), TrialTimeout(20.0, False))) == 20


def test_the_tightest_latency_limit() -> None:
    assert (
        tightest_latency_limit({"latency_p99_ms": 100.0, "latency_p95_ms": 20.0, "memory_peak_mb": 1.0})
        == 20.0
    )
    assert tightest_latency_limit({"memory_peak_mb": 1.0, "load_ms": 3.0}) is None
