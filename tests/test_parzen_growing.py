"""The estimator that a search keeps up to date: equal to a fresh fit, whatever order of calls led there."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr import _core
from testing_core import lehr_testing

KINDS = {
    "choice": (_core.Dimension(choices=3), lambda r: float(r.integers(3))),
    "binary": (_core.Dimension(choices=2), lambda r: float(r.integers(2))),
    "real": (_core.Dimension(low=-1.0, high=2.0), lambda r: r.uniform(-1.0, 2.0)),
    "ties": (_core.Dimension(low=0.0, high=1.0), lambda r: r.integers(4) / 3.0),
    "log": (_core.Dimension(low=1e-4, high=1e-1, log=True), lambda r: 10 ** r.uniform(-4, -1)),
    "few": (_core.Dimension(low=1.0, high=8.0, step=1.0), lambda r: float(r.integers(1, 9))),
    "logint": (_core.Dimension(low=1.0, high=64.0, log=True, step=1.0), lambda r: float(r.integers(1, 65))),
    "hundred": (_core.Dimension(low=0.0, high=100.0, step=1.0), lambda r: float(r.integers(101))),
    "stepped": (_core.Dimension(low=0.0, high=1.0, step=0.1), lambda r: 0.1 * r.integers(11)),
    "thousand": (_core.Dimension(low=0.0, high=999.0, step=1.0), lambda r: float(r.integers(1000))),
    "many": (_core.Dimension(low=0.0, high=1e6, step=1.0), lambda r: float(r.integers(10**6))),
    "single": (_core.Dimension(low=2.0, high=2.0), lambda r: 2.0),
}


def rows(names, n, rng, missing):
    table = np.array([[KINDS[name][1](rng) for name in names] for _ in range(n)]).reshape(n, len(names))
    table[rng.random(table.shape) < missing] = math.nan
    return table


def fresh(dimensions, table, counts, prior):
    growing = lehr_testing.GrowingParzenEstimator(dimensions, prior)
    for row, counted in zip(table, counts, strict=True):
        growing.append(row, counted)
    return growing


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([3, 20, 97, 105, 160]),
    missing=st.sampled_from([0.0, 0.0, 0.3]),
    prior=st.sampled_from([1.0, 0.5]),
)
def test_any_path_leads_to_the_same_mixture(names, seed, size, missing, prior):
    rng = np.random.default_rng(seed)
    dimensions = [KINDS[name][0] for name in names]
    table = rows(names, size, rng, missing)
    points = rows(names, 30, rng, 0.0)
    growing = lehr_testing.GrowingParzenEstimator(dimensions, prior)
    counts = []
    for row in table:
        counts.append(bool(rng.random() < 0.8))
        growing.append(row, counts[-1])
        for slot in rng.integers(len(counts), size=rng.integers(3)):
            counts[slot] = not counts[slot]
            growing.set_counts(int(slot), counts[slot])
        if rng.random() < 0.5:
            growing.settle()
    got = growing.log_pdf(points)
    # To the last bit what a rebuild gives, and to rounding what the plain fit gives.
    assert (got == fresh(dimensions, table, counts, prior).log_pdf(points)).all()
    plain = _core.ParzenEstimator(dimensions, table[np.array(counts, dtype=bool)], prior)
    np.testing.assert_allclose(got, plain.log_pdf(points), rtol=1e-12, atol=1e-12)
    assert (growing.sample(5, seed=3) == fresh(dimensions, table, counts, prior).sample(5, seed=3)).all()


DISCRETE = ["binary", "choice", "few", "logint", "stepped", "hundred"]


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.sampled_from(DISCRETE), min_size=1, max_size=3),
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([10, 90, 135, 700]),
    missing=st.sampled_from([0.0, 0.3]),
)
def test_identical_kernels_are_merged_without_a_trace(names, seed, size, missing):
    rng = np.random.default_rng(seed)
    dimensions = [KINDS[name][0] for name in names]
    table = rows(names, size, rng, missing)
    points = rows(names, 30, rng, 0.0)
    growing = lehr_testing.GrowingParzenEstimator(dimensions)
    counts = []
    for row in table:
        counts.append(bool(rng.random() < 0.95))
        growing.append(row, counts[-1])
        if rng.random() < 0.02:
            slot = int(rng.integers(len(counts)))
            counts[slot] = not counts[slot]
            growing.set_counts(slot, counts[slot])
        growing.settle()
    got = growing.log_pdf(points)
    rebuilt = fresh(dimensions, table, counts, 1.0)
    assert (got == rebuilt.log_pdf(points)).all()
    assert growing.kernels == rebuilt.kernels
    plain = _core.ParzenEstimator(dimensions, table[np.array(counts, dtype=bool)])
    np.testing.assert_allclose(got, plain.log_pdf(points), rtol=1e-12, atol=1e-12)
    assert (growing.sample(5, seed=3) == rebuilt.sample(5, seed=3)).all()


def test_the_number_of_kernels_is_bounded_in_a_discrete_space():
    names = ["binary", "choice", "few"]
    rng = np.random.default_rng(2)
    growing = lehr_testing.GrowingParzenEstimator([KINDS[name][0] for name in names])
    for row in rows(names, 5000, rng, 0.0):
        growing.append(row, True)
    # 48 configurations; of each of the 8 numbers, the first and the last slot may have a kernel of their own.
    assert growing.kernels <= 48 + 2 * 8 + 1


@pytest.mark.parametrize(
    "names", [["real", "few"], ["hundred", "log", "choice", "many"], ["stepped", "ties"]]
)
def test_points_that_lack_dimensions(names):
    rng = np.random.default_rng(5)
    dimensions = [KINDS[name][0] for name in names]
    table = rows(names, 130, rng, 0.2)
    points = rows(names, 40, rng, 0.4)
    growing = fresh(dimensions, table, [True] * 130, 1.0)
    plain = _core.ParzenEstimator(dimensions, table)
    np.testing.assert_allclose(growing.log_pdf(points), plain.log_pdf(points), rtol=1e-12, atol=1e-12)
    growing.set_counts(7, False)
    growing.append(points[0], True)
    plain.fit(np.vstack([np.delete(table, 7, axis=0), points[:1]]))
    np.testing.assert_allclose(growing.log_pdf(points), plain.log_pdf(points), rtol=1e-12, atol=1e-12)


def test_nothing_counts():
    dimensions = [KINDS["real"][0], KINDS["few"][0]]
    growing = fresh(dimensions, np.array([[0.0, 3.0], [1.0, 4.0]]), [False, False], 1.0)
    plain = _core.ParzenEstimator(dimensions, np.empty((0, 2)))
    points = np.array([[0.5, 2.0], [1.9, 8.0], [3.0, 1.0]])
    np.testing.assert_allclose(growing.log_pdf(points), plain.log_pdf(points), rtol=1e-14)


def test_samples_follow_the_density_of_those_that_count():
    dimensions = [KINDS["choice"][0], KINDS["few"][0], KINDS["real"][0]]
    rng = np.random.default_rng(1)
    table = rows(["choice", "few", "real"], 60, rng, 0.0)
    table[:30, 0], table[30:, 0] = 0.0, 2.0
    growing = fresh(dimensions, table, [True] * 30 + [False] * 30, 1.0)
    drawn = growing.sample(4000, seed=9)
    plain = _core.ParzenEstimator(dimensions, table[:30])
    expected = plain.sample(4000, seed=10)
    assert abs((drawn[:, 0] == 2.0).mean() - (expected[:, 0] == 2.0).mean()) < 0.02
    for column in (1, 2):
        assert abs(drawn[:, column].mean() - expected[:, column].mean()) < 5 * expected[:, column].std() / 40


def test_far_tails_do_not_underflow():
    names = ["real"] * 12
    dimensions = [KINDS["real"][0]] * 12
    table = np.full((150, 12), -1.0)
    growing = fresh(dimensions, table, [True] * 149 + [False], 0.0)
    plain = _core.ParzenEstimator(dimensions, table[:149], 0.0)
    points = np.full((1, 12), 2.0)
    np.testing.assert_allclose(growing.log_pdf(points), plain.log_pdf(points), rtol=1e-12)
    assert growing.log_pdf(points)[0] < -700.0
    assert len(names) == 12
