"""Intervals and comparisons, against hand values and exhaustive counts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from lehr.bench.statistics import Interval, bootstrap, compare, holm, share, wilson
from lehr.errors import OptionError


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    # Agresti and Coull, The American Statistician 52 (1998), and Wilson's formula by hand with z = 1.959964.
    [
        (5, 10, 0.236593, 0.763407),
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (81, 263, 0.255287, 0.366201),
    ],
)
def test_wilson_gives_the_hand_values(successes, count, low, high):
    interval = wilson(successes, count)
    assert interval.value == successes / count
    assert interval.low == pytest.approx(low, abs=1e-5)
    assert interval.high == pytest.approx(high, abs=1e-5)


@pytest.mark.parametrize("count", [1, 2, 7, 1000])
def test_wilson_holds_the_share_and_stays_within_0_and_1(count):
    for successes in range(0, count + 1, max(1, count // 7)):
        interval = wilson(successes, count)
        assert 0 <= interval.low <= interval.value <= interval.high <= 1
        mirrored = wilson(count - successes, count)
        assert interval.low == pytest.approx(1 - mirrored.high, abs=1e-12)


def test_a_share_of_nothing_is_unknown():
    assert math.isnan(wilson(0, 0).value)
    assert share([math.nan, math.nan]).count == 0


def test_a_share_leaves_missing_values_out():
    assert share([1.0, 0.0, math.nan, 1.0]) == wilson(2, 3)
    with pytest.raises(OptionError, match="zeros and ones"):
        share([0.5])


@pytest.mark.parametrize("arguments", [(3, 2), (-1, 2)])
def test_wilson_refuses_what_is_no_share(arguments):
    with pytest.raises(OptionError, match="successes"):
        wilson(*arguments)
    with pytest.raises(OptionError, match="confidence"):
        wilson(1, 2, 1.0)


def test_the_bootstrap_of_two_values_is_their_binomial():
    # Means of resamples of (0, 1): 0, 1/2, 1 with chances 1/4, 1/2, 1/4, so the central 40 % is 1/2 alone.
    narrow = bootstrap([0.0, 1.0], confidence=0.4)
    assert (narrow.value, narrow.low, narrow.high) == (0.5, 0.5, 0.5)
    wide = bootstrap([0.0, 1.0], confidence=0.6)
    assert (wide.low, wide.high) == (0.0, 1.0)


def test_the_bootstrap_agrees_with_the_normal_interval_for_many_values():
    values = np.random.default_rng(1).normal(3.0, 2.0, 4000)
    interval = bootstrap(values, resamples=4000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - half, abs=half * 0.15)
    assert interval.high == pytest.approx(values.mean() + half, abs=half * 0.15)


def test_the_bootstrap_is_seeded_and_needs_no_order_of_blocks():
    values = np.random.default_rng(2).normal(size=50)
    assert bootstrap(values, "median", seed=7) == bootstrap(values, "median", seed=7)
    assert bootstrap(values, "median", seed=7) != bootstrap(values, "median", seed=8)


def test_the_bootstrap_says_when_it_knows_too_little():
    assert bootstrap([math.nan]).count == 0
    single = bootstrap([4.0, math.nan])
    assert (single.value, single.count) == (4.0, 1)
    assert math.isnan(single.low)
    assert math.isnan(single.high)
    assert bootstrap([2.0] * 5) == Interval(2.0, 2.0, 2.0, 5)


def exact(differences):
    """Two-sided p of the signed-rank test and the rank-biserial effect, by going through every sign."""
    order = sorted(range(len(differences)), key=lambda i: abs(differences[i]))
    ranks = {i: rank for rank, i in enumerate(order, 1)}
    total = sum(ranks.values())
    positive = sum(ranks[i] for i, d in enumerate(differences) if d > 0)
    extreme = min(positive, total - positive)
    sums = [sum(s) for s in itertools.product(*((0, r) for r in ranks.values()))]
    p = min(1.0, 2 * sum(s <= extreme for s in sums) / len(sums))
    return p, (positive - (total - positive)) / total


@pytest.mark.parametrize("differences", [[1, 2, 3, 4, 5], [-1, 2, 3, -4, 5, 6], [5, -1, -2, -3, 4, -6, 7]])
def test_a_comparison_is_the_exact_signed_rank_test(differences):
    a = np.array(differences, float)
    result = compare(a, np.zeros(len(a)), better="higher")
    p, effect = exact(differences)
    assert result.p_value == pytest.approx(p, abs=1e-12)
    assert result.effect == pytest.approx(effect, abs=1e-12)
    assert (result.wins, result.losses) == (sum(a > 0), sum(a < 0))
    mirrored = compare(a, np.zeros(len(a)), better="lower")
    assert mirrored.effect == pytest.approx(-effect)
    assert mirrored.p_value == pytest.approx(p, abs=1e-12)


def test_ties_count_and_do_not_decide():
    result = compare([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], better="lower")
    assert (result.wins, result.ties, result.losses, result.p_value, result.effect) == (0, 3, 0, 1.0, 0.0)
    close = compare([1.0, 2.0], [1.05, 1.0], better="lower", tolerance=0.1)
    assert (close.wins, close.ties, close.losses) == (0, 1, 1)


def test_a_study_that_found_nothing_loses_by_more_than_any_other():
    missing = math.nan
    result = compare([missing, 1.0, 2.0, missing], [9.0, 3.0, missing, missing], better="lower")
    assert (result.wins, result.ties, result.losses) == (2, 1, 1)
    # Ranks: the difference of 2 has rank 1, the two missing ones share ranks 2 and 3.
    assert result.effect == pytest.approx((1 + 2.5 - 2.5) / 6)


def test_a_comparison_of_nothing_is_unknown():
    assert math.isnan(compare([], [], better="lower").p_value)
    with pytest.raises(OptionError, match="one length"):
        compare([1.0], [], better="lower")


def test_many_ties_warn_nobody():
    result = compare([0.0] * 30 + [1.0] * 10, [0.0] * 30 + [0.0] * 10, better="higher")
    assert (result.wins, result.ties) == (10, 30)
    assert result.p_value < 0.01


def test_holm_by_hand():
    # Sorted: .005 x4 = .02, .01 x3 = .03, .03 x2 = .06, .04 x1 = .04 raised to .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_holm_leaves_unknown_values_out():
    corrected = holm([math.nan, 0.01, 0.02])
    assert math.isnan(corrected[0])
    assert corrected[1:] == pytest.approx([0.02, 0.02])
