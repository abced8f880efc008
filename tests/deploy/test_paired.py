"""Comparing candidates by rounds, on made-up numbers."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from lehr.deploy.paired import DISTURBED_SPREAD, Gain, Point, difference, gain, levels, look_error, points


def scores(*values: float, sem: float = 0.0, quiet: bool = True) -> dict[int, Point]:
    return {number: Point(value, sem, quiet) for number, value in enumerate(values)}


def test_a_drift_of_both_leaves_the_difference_as_it_is() -> None:
    drift = np.array([0.0, 0.3, -0.2, 0.5])
    found = difference(scores(*(drift + 0.1)), scores(*drift))
    assert found.mean == pytest.approx(0.1)
    assert found.variance == pytest.approx(0.0, abs=1e-12)
    assert (found.rounds, found.degrees) == (4, 3)


def test_the_interval_of_a_pair_alone_is_student_s() -> None:
    gaps = np.array([0.10, 0.12, 0.05, 0.09, 0.09])
    found = gain(difference(scores(*gaps), scores(0, 0, 0, 0, 0)), [], 0.025)
    half = stats.t.ppf(0.975, 4) * gaps.std(ddof=1) / math.sqrt(5)
    assert found.mean == pytest.approx(math.expm1(gaps.mean()))
    assert found.low == pytest.approx(math.expm1(gaps.mean() - half), rel=1e-6)
    assert found.high == pytest.approx(math.expm1(gaps.mean() + half), rel=1e-6)
    assert str(found) == "+9.4% (+6.0% to +12.9%, 5 rounds)"


def test_two_rounds_that_agree_by_luck_are_no_certainty() -> None:
    lucky = difference(scores(0.02, 0.02), scores(0.0, 0.0))
    others = [difference(scores(0.1, -0.1), scores(0.0, 0.0)), difference(scores(0.0, 0.1), scores(0.0, 0.0))]
    assert gain(lucky, [], 0.025, exact=True).low == pytest.approx(math.expm1(0.02))
    assert gain(lucky, [], 0.025).low < 0  # processes are known to differ by more
    assert gain(lucky, others, 0.025).low < 0 < gain(lucky, others, 0.025).high
    known = difference(scores(0.02, 0.02, sem=0.1), scores(0.0, 0.0))
    assert gain(known, [], 0.025, exact=True).low < 0  # nor do they say more than each of them can


def test_a_pair_s_own_variation_is_not_averaged_away() -> None:
    wild = difference(scores(0.3, -0.3, 0.3), scores(0.0, 0.0, 0.0))
    calm = [difference(scores(0.1, 0.1, 0.1), scores(0.0, 0.0, 0.0))] * 3
    assert gain(wild, calm, 0.025).low < -0.3


def test_one_round_tells_apart_what_is_far_apart() -> None:
    def one_round(lead: float, quiet: bool, **options: bool) -> Gain:
        return gain(difference(scores(lead, quiet=quiet), scores(0.0, 0.1)), [], 0.005, **options)

    half = stats.t.ppf(0.995, 4) * DISTURBED_SPREAD
    for quiet in (True, False):
        assert one_round(1.0, quiet).low > 0 > one_round(0.5, quiet).low
        assert one_round(1.0, quiet).low == pytest.approx(math.expm1(1.0 - half), rel=1e-6)
    exact = one_round(0.1, True, exact=True)
    assert exact.low == exact.mean == exact.high
    assert str(exact) == "+10.5% in 1 round"


def test_no_round_says_nothing() -> None:
    found = gain(difference({}, scores(0.0)), [], 0.025)
    assert found.rounds == 0
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["low"] is None


def test_disturbed_rounds_count_where_there_are_no_two_quiet_ones() -> None:
    base = scores(0.0, 0.0, 0.0, 0.0)
    mixed = {**scores(0.1, 0.1), 2: Point(-0.4, quiet=False), 3: Point(-0.6, quiet=False)}
    assert difference(mixed, base).mean == pytest.approx(0.1)
    assert difference(mixed, base).rounds == 2
    one_quiet = {0: Point(0.1), 1: Point(-0.1, quiet=False)}
    assert difference(one_quiet, base).rounds == 2
    assert difference(one_quiet, base).mean == pytest.approx(0.0)


def test_levels_allow_for_rounds_in_which_one_was_not_measured() -> None:
    shift = [0.0, -1.0, 2.0, 0.5]
    table = {
        "a": {number: Point(0.3 + shift[number]) for number in (0, 1)},
        "b": {number: Point(0.0 + shift[number]) for number in (0, 2, 3)},
        "c": {number: Point(-0.2 + shift[number]) for number in (1, 2)},
        "none": {},
    }
    level = levels(table)
    assert level["a"] - level["b"] == pytest.approx(0.3, abs=1e-6)
    assert level["b"] - level["c"] == pytest.approx(0.2, abs=1e-6)
    assert "none" not in level


def test_points_are_logarithms_or_shares_of_the_typical_size() -> None:
    found = points({"a": {0: (100.0, 2.0, True)}, "b": {0: (50.0, None, False)}}, maximize=True)
    assert found["a"][0] == Point(pytest.approx(math.log(100.0)), pytest.approx(0.02), True)
    assert found["b"][0].sem == 0.0
    fewer = points({"a": {0: (100.0, None, True)}, "b": {0: (50.0, None, True)}}, maximize=False)
    assert fewer["b"][0].score > fewer["a"][0].score
    signed = points(
        {"a": {0: (0.0, 0.1, True)}, "b": {0: (-2.0, None, True), 1: (2.0, None, True)}}, maximize=True
    )
    assert signed["a"][0] == Point(0.0, pytest.approx(0.05), True)
    assert signed["b"][1].score == pytest.approx(1.0)
    assert points({"a": {}}, maximize=True) == {"a": {}}


def test_looks_share_the_error() -> None:
    pocock = {1: 0.05, 2: 0.0294, 4: 0.0182, 8: 0.0120}
    for looks, level in pocock.items():
        assert look_error(0.05, looks) == pytest.approx(level, rel=0.06)
