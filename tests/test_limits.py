"""Constraints as users write them."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr import OptionError
from lehr.limits import Limit, judge, parse_limits, verdicts_of


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
        ("accuracy >= 0.9", Limit("accuracy", 0.9, side=">=")),
        ("accuracy >= 90 %", Limit("accuracy", 0.9, side=">=")),
        ("throughput_items_s >= 500/s", Limit("throughput_items_s", 500.0, side=">=")),
        ("energy_j_per_item <= 0.5", Limit("energy_j_per_item", 0.5)),
        ("accuracy > .9", Limit("accuracy", 0.9, side=">=")),
        ("throughput => 1e3", Limit("throughput", 1000.0, side=">=")),
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
        ("recall >= 90 %", "'recall' has no unit that lehr knows"),
        ("latency_ms <= 1e999", "must be finite"),
        ("latency_ms <= nan", "'nan' is not a number"),
        ("throughput_items_s >= 500 ms", "has no unit that lehr knows"),
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
    assert (low.slot, low.bound) == (("batch", ">="), 2.0)
    assert (high.slot, high.bound) == (("batch", "<="), 8.0)


def test_refuses_the_same_limit_twice_and_an_empty_range():
    with pytest.raises(OptionError, match="two limits of the same kind"):
        parse_limits(["latency_ms <= 20", "latency_ms < 30"])
    with pytest.raises(OptionError, match="nothing can meet both"):
        parse_limits(["batch >= 8", "batch <= 2"])


@settings(deadline=None)
@given(value=st.floats(-1e9, 1e9), bound=st.floats(-1e9, 1e9), side=st.sampled_from(["<=", ">="]))
def test_excess_is_above_zero_exactly_when_the_limit_is_missed(value, bound, side):
    one = Limit("metric", bound, side)
    missed = value > bound if side == "<=" else value < bound
    assert (one.excess(value) > 0) == missed
    assert one.met(value) is not missed
    assert (one.relative(one.excess(value)) > 0) == missed or one.excess(value) < 1e-290


def test_the_relative_excess_of_a_limit_of_zero_is_the_plain_excess():
    assert Limit("metric", 0.0).relative(2.5) == 2.5
    assert Limit("metric", 10.0).relative(2.5) == 0.25
    assert Limit("metric", -10.0, ">=").relative(2.5) == 0.25


@pytest.mark.parametrize("limit", [Limit("latency_p95_ms", 0.1 + 0.2), Limit("accuracy", 1 / 3, ">=")])
def test_a_limit_survives_its_text_and_its_json_to_the_last_bit(limit):
    assert parse_limits(limit.text) == (limit,)
    assert Limit.from_json(json.loads(json.dumps(limit.as_json()))) == limit


def test_the_forms_of_lehr_0_1_are_read():
    assert Limit.from_json({"metric": "a", "value": 2, "upper": False}) == Limit("a", 2.0, ">=")
    assert Limit.from_json({"metric": "a", "sign": "<=", "value": 2}) == Limit("a", 2.0)


@pytest.mark.parametrize(
    "stored",
    [None, [], {}, {"metric": "a"}, {"metric": 1, "side": "<=", "bound": 2}, {"metric": "a", "side": "<", "bound": 2},
     {"metric": "a", "side": "<=", "bound": "2"}, {"metric": "a", "side": "<=", "bound": True},
     {"metric": "a", "side": "<=", "bound": math.inf}],
)  # fmt: skip
def test_what_is_no_stored_limit_is_refused(stored):
    with pytest.raises(ValueError, match="not of the form"):
        Limit.from_json(stored)


def test_a_limit_is_not_met_without_a_measurement():
    assert Limit("latency_p95_ms", 20.0).met(20.0)
    assert not Limit("latency_p95_ms", 20.0).met(None)


def test_limits_pass_through_as_they_are_and_with_texts():
    given = [Limit("a", 1.0), "b >= 2"]
    assert parse_limits(given) == (Limit("a", 1.0), Limit("b", 2.0, ">="))


def test_people_read_titles_and_units():
    assert Limit("latency_p95_ms", 20.0).shown() == "p95 latency <= 20 ms"
    assert Limit("throughput_items_s", 4000.0, ">=").shown() == "throughput >= 4,000/s"
    assert (Limit("throughput_items_s", 1.0).unit, Limit("wait_ms", 1.0).unit, Limit("x", 1.0).unit) == (
        "/s",
        "ms",
        "",
    )


# -- the judge -----------------------------------------------------------------------------------------------------

UPPER, LOWER = Limit("latency_ms", 20.0), Limit("rate", 5.0, ">=")


def judged(answer: str, value: float, *, accept: bool = False, limit: Limit = UPPER):
    verdict = {"answer": answer, "reason": "why", "side": limit.side, "probability": 0.4}
    (one,) = judge(
        [limit], {limit.metric: value}, {limit.metric: verdict}, accept_borderline=accept
    ).judgements
    return one


@pytest.mark.parametrize(
    ("answer", "value", "accept", "found", "passed", "effective"),
    [
        ("feasible", 19.0, False, "met", True, 19.0),
        ("feasible", 21.0, False, "met", True, 20.0),
        ("infeasible", 30.0, False, "missed", False, 30.0),
        ("infeasible", 19.0, False, "missed", False, 20.02),
        ("borderline", 19.0, False, "borderline", False, 20.02),
        ("borderline", 25.0, False, "borderline", False, 25.0),
        ("borderline", 19.0, True, "borderline", True, 19.0),
        ("borderline", 25.0, True, "borderline", True, 20.0),
    ],
)
def test_a_settled_verdict_outweighs_the_figure(answer, value, accept, found, passed, effective):
    one = judged(answer, value, accept=accept)
    assert (one.answer, one.passed, one.effective) == (found, passed, pytest.approx(effective))
    assert (one.value, one.probability) == (value, 0.4)
    assert (one.excess > 0) is not passed


def test_lower_limits_likewise():
    one = judged("borderline", 6.0, limit=LOWER)
    assert (one.effective, one.passed) == (pytest.approx(4.995), False)
    assert str(one) == "borderline: why"


def test_a_verdict_is_about_its_own_side():
    floor, ceiling = judge(
        [LOWER, Limit("rate", 9.0)], {"rate": 6.0}, {"rate": {"answer": "infeasible", "side": ">="}}
    ).judgements
    assert (floor.answer, ceiling.answer) == ("missed", "met")


@pytest.mark.parametrize("verdict", ["feasible", {"answer": "perhaps"}, {}])
def test_what_is_no_verdict_changes_nothing(verdict):
    said = verdicts_of({"verdicts": {"latency_ms": verdict}})
    held = judge([UPPER], {"latency_ms": 21.0}, said, accept_borderline=True)
    assert held.answer == "missed"
    assert held.violation == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("value", "sem", "answer"),
    [
        (4.0, 0.1, "missed"),
        (4.9, 0.1, "borderline"),
        (5.1, 0.1, "borderline"),
        (5.3, 0.1, "met"),
        (5.0, 0.0, "met"),
    ],
)
def test_without_a_verdict_an_interval_that_holds_the_bound_is_borderline(value, sem, answer):
    held = judge([LOWER], {"rate": value}, sem={"rate": sem})
    assert held.answer == answer
    if answer == "borderline":
        assert "between" in held.judgements[0].reason
        assert (held.judgements[0].probability > 0.5) is (value > 5)


def test_a_verdict_goes_before_an_interval():
    held = judge(
        [UPPER], {"latency_ms": 19.9}, {"latency_ms": {"answer": "feasible"}}, sem={"latency_ms": 1.0}
    )
    assert held.answer == "met"


def test_no_facts_no_verdicts():
    assert verdicts_of({}) == verdicts_of({"verdicts": 3}) == {}


def test_what_was_not_measured_does_not_pass():
    held = judge([UPPER, LOWER], {"rate": 7.0})
    assert (held.answer, held.passed, held.violation) == ("unmeasured", False, math.inf)
    assert [one.limit for one in held.misses] == [UPPER]
    assert str(held.misses[0]) == "latency_ms <= 20 was not measured"
    assert held.misses[0].as_json()["excess"] is None


def test_the_search_is_told_the_effective_value_of_the_side_that_turned_it_down():
    limits = [Limit("x", 2.0, ">="), Limit("x", 8.0)]
    held = judge(limits, {"x": 7.5}, {"x": {"answer": "borderline"}})
    assert held.effective == {"x": pytest.approx(8.008)}


def test_no_limits_are_met():
    held = judge([], {"x": 1.0})
    assert (held.passed, held.answer, held.violation, held.effective) == (True, "met", 0.0, {})


def test_a_miss_says_by_how_much():
    high = judge([UPPER], {"latency_ms": 25.0}).misses[0]
    low = judge([LOWER], {"rate": 4.0}).misses[0]
    assert str(high) == "latency_ms 25 is 5 (25%) above 20"
    assert str(low) == "rate 4 is 1 (20%) below 5"
