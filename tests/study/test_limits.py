"""Constraints as users write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr import OptionError
from lehr.study import Limit, parse_limits


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("latency_p95_ms <= 20", Limit("latency_p95_ms", 20.0)),
        ("latency_p95_ms<=20", Limit("latency_p95_ms", 20.0)),
        ("  latency_p95_ms  <  20  ", Limit("latency_p95_ms", 20.0)),
        ("latency_p95_ms ≤ 20ms", Limit("latency_p95_ms", 20.0)),
        ("latency_p95_ms <= 0.5s", Limit("latency_p95_ms", 500.0)),
        ("latency_p95_ms <= 250 us", Limit("latency_p95_ms", 0.25)),
        ("warmup_s <= 1500 ms", Limit("warmup_s", 1.5)),
        ("warmup_s <= 2 min", Limit("warmup_s", 120.0)),
        ("memory_peak_mb <= 512MB", Limit("memory_peak_mb", 512.0)),
        ("memory_peak_mb <= 2GB", Limit("memory_peak_mb", 2000.0)),
        ("memory_peak_mb <= 1 gib", Limit("memory_peak_mb", 1073.741824)),
        ("memory_peak_mb <= 500000 kB", Limit("memory_peak_mb", 500.0)),
        ("accuracy >= 0.9", Limit("accuracy", 0.9, upper=False)),
        ("accuracy > .9", Limit("accuracy", 0.9, upper=False)),
        ("throughput => 1e3", Limit("throughput", 1000.0, upper=False)),
        ("drift <= -2.5e-3", Limit("drift", -0.0025)),
        ("layer.0/latency-ms <= 3", Limit("layer.0/latency-ms", 3.0)),
    ],
)
def test_reads(text, limit):
    assert parse_limits([text]) == (limit,)
    assert parse_limits(text) == (limit,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("latency", "cannot read 'latency'"),
        ("latency_ms 20", "cannot read"),
        ("20 >= latency_ms", "the metric comes first"),
        ("latency_ms == 20", "equality"),
        ("latency_ms <= fast", "'fast' is not a number"),
        ("latency_ms <=", "'' is not a number"),
        ("latency_ms <= 20 MB", "unit 'MB' does not fit 'latency_ms', which is in ms"),
        ("memory_mb <= 20 s", "unit 's' does not fit 'memory_mb', which is in MB"),
        ("accuracy >= 90 %", "'accuracy' has no unit that lehr knows"),
        ("latency_ms <= 1e999", "must be finite"),
        ("latency_ms <= nan", "'nan' is not a number"),
        ("a <= 1 <= 2", "'1 <= 2' is not a number"),
        (7, "cannot read 7"),
    ],
)
def test_refuses_in_words(text, words):
    with pytest.raises(OptionError) as caught:
        parse_limits([text])
    assert words in str(caught.value)


def test_reports_every_mistake_at_once():
    with pytest.raises(OptionError) as caught:
        parse_limits(["latency_ms == 20", "memory_mb <= lots", "accuracy"])
    for word in ("equality", "lots", "cannot read 'accuracy'"):
        assert word in str(caught.value)


def test_a_mapping_holds_upper_limits():
    limits = parse_limits({"latency_ms": 20, "memory_mb": "1GB"})
    assert limits == (Limit("latency_ms", 20.0), Limit("memory_mb", 1000.0))


@pytest.mark.parametrize("value", [math.nan, math.inf, None, True, [1]])
def test_a_mapping_refuses_what_is_no_limit(value):
    with pytest.raises(OptionError):
        parse_limits({"latency_ms": value})


def test_no_constraints():
    assert parse_limits(None) == parse_limits([]) == parse_limits({}) == ()


def test_a_range_is_two_limits_on_one_metric():
    low, high = parse_limits(["batch >= 2", "batch <= 8"])
    assert (low.key, low.bound) == ("-batch", -2.0)
    assert (high.key, high.bound) == ("batch", 8.0)


def test_refuses_the_same_limit_twice_and_an_empty_range():
    with pytest.raises(OptionError, match="two limits of the same kind"):
        parse_limits(["latency_ms <= 20", "latency_ms < 30"])
    with pytest.raises(OptionError, match="nothing can meet both"):
        parse_limits(["batch >= 8", "batch <= 2"])


@settings(deadline=None)
@given(
    value=st.floats(-1e9, 1e9),
    limit=st.floats(-1e9, 1e9),
    upper=st.booleans(),
)
def test_excess_is_above_zero_exactly_when_the_limit_is_missed(value, limit, upper):
    one = Limit("metric", limit, upper)
    missed = value > limit if upper else value < limit
    assert (one.excess({"metric": value}) > 0) == missed
    assert (one.relative_excess({"metric": value}) > 0) == missed or one.excess({"metric": value}) < 1e-290


def test_relative_excess_of_a_limit_of_zero_is_the_plain_excess():
    assert Limit("metric", 0.0).relative_excess({"metric": 2.5}) == 2.5
    assert Limit("metric", 10.0).relative_excess({"metric": 12.5}) == 0.25
    assert Limit("metric", 0.8, upper=False).relative_excess({"metric": 0.6}) == pytest.approx(0.25)
