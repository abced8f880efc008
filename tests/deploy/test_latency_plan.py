"""How long a deployment's latency is measured."""

from __future__ import annotations

import time
from dataclasses import replace

from lehr.deploy import LatencyPlan, latency
from lehr.deploy.times import trial_timeout_s
from lehr.limits import Limit


def test_what_is_to_be_shipped_is_measured_with_nothing_assumed() -> None:
    strict = LatencyPlan(rule="paper").strict()
    assert (strict.rule, strict.tail_index, strict.hasty) == ("sequential", 0.0, False)
    assert strict.max_samples > LatencyPlan().max_samples
    assert (strict.retries, strict.precision, strict.least_s, strict.enough_s) == (2, 0.01, 1.0, 2.0)
    assert LatencyPlan(precision=None).strict().precision is None


def test_the_mean_is_measured_until_it_is_known() -> None:
    plan = LatencyPlan(precision=0.2, warmup_s=0.01, retries=0)
    limits = latency.latency_limits([Limit("latency_p95_ms", 1e5)], plan)
    for asked in ({}, limits):
        report = latency.time_call(lambda: time.sleep(0.001), asked, plan)
        assert report.ended == "settled"
        assert report.precise
        assert report.samples_ms.sum() >= 190.0  # 0.2 s, less what passes between calls
        assert {"latency_mean_ms", "throughput_items_s"} <= set(report.sem())
    wide = latency.time_call(lambda: time.sleep(0.001), limits, replace(plan, precision=1e-9, enough_s=0.3))
    assert wide.ended == "time"
    assert wide.samples_ms.sum() < 1000.0  # not plan.max_s: the limit is settled
    assert any("not known within" in note for note in wide.notes)


def test_the_fixed_protocols_know_no_precision() -> None:
    plan = LatencyPlan(rule="fixed")
    report = latency.time_call(
        lambda: None, latency.latency_limits([Limit("latency_p95_ms", 1e5)], plan), plan
    )
    assert len(report.samples_ms) == 100


def test_a_latency_limit_is_open_after_so_many_calls() -> None:
    plan = LatencyPlan(max_samples=20, precision=0.5, warmup_s=0.01, retries=0, max_s=5.0)
    limits = latency.latency_limits([Limit("latency_p95_ms", 1e5)], replace(plan, tail_index=0.0))
    report = latency.time_call(lambda: time.sleep(0.006), limits, plan)
    assert report.verdict is not None
    assert report.verdict.answer == "borderline"  # 45 calls would settle it
    assert report.precise
    assert 20 <= len(report.samples_ms) < 45


def test_more_time_settles_more_within_a_trial_that_has_room_for_it() -> None:
    plan = LatencyPlan().lasting(60.0)
    assert (plan.max_s, plan.max_samples) == (60.0, 4000)
    assert plan.within(trial_timeout_s(0.001, measure_s=60.0)).max_s == 60.0
    assert plan.within(trial_timeout_s(0.001)).max_s < 60.0
    assert LatencyPlan().lasting(0.001).max_samples == LatencyPlan().min_samples


def test_all_attempts_fit_into_the_trial() -> None:
    strict = LatencyPlan().strict()
    assert strict.within(None) == strict
    bounded = strict.within(30.0)
    # The last attempt begins before retry_s has passed, and takes max_s at most.
    assert bounded.retry_s + bounded.max_s < 30.0
    assert (bounded.max_samples, bounded.retries) == (strict.max_samples, strict.retries)
    assert strict.within(1e6) == strict


def test_a_round_of_a_final_is_strict_with_limits_and_shorter() -> None:
    strict, final = LatencyPlan().strict(), LatencyPlan().final()
    assert (final.confidence, final.tail_index, final.spell, final.hasty) == (
        strict.confidence, strict.tail_index, strict.spell, False,
    )  # fmt: skip
    assert final.least_s < strict.least_s
    assert (final.least_s, final.enough_s, final.retries) == (0.2, 0.3, 0)


def test_by_how_much_others_may_have_slowed_it() -> None:
    from lehr.deploy.evaluate import LEAST_DISTURBED, disturbed_share

    report = latency.time_call(lambda: time.sleep(0.001), {}, LatencyPlan(warmup_s=0.01, retries=0))
    assert disturbed_share(replace(report, conditions=replace(report.conditions, contended=""))) is None
    for stolen, foreign, share in ((0.4, 0.6, 0.4), (0.9, 0.3, 0.3), (None, 0.5, LEAST_DISTURBED)):
        busy = replace(report.conditions, contended="busy", stolen_share=stolen, foreign_cpu=foreign)
        assert disturbed_share(replace(report, conditions=busy)) == share
