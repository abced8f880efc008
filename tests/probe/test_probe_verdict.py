"""Verdicts on a limit: the evidence is what theory says, and settled ones are rarely wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, signal, stats

from lehr import OptionError, _core
from lehr.probe import LatencyLimit
from testing_core import lehr_testing

LIMIT = 20.0


def decide(samples: NDArray[np.float64] | list[float], **options: float) -> tuple[str, int]:
    settings = {"limit": LIMIT, "share": 0.95, "confidence": 0.99} | options
    return _core.probe_decide(np.asarray(samples, float), **settings)


def autoregressive(rng: np.random.Generator, rho: float, n: int) -> NDArray[np.float64]:
    """A stationary Gaussian process with marginal N(0, 1)."""
    shocks = rng.normal(size=n) * math.sqrt(1 - rho * rho)
    shocks[0] = rng.normal()
    return np.asarray(signal.lfilter([1.0], [1.0, -rho], shocks))


@pytest.mark.parametrize(("beyond", "within"), [(0, 5), (1, 40), (3, 200), (0.5, 30.25)])
def test_evidence_is_the_mixture_likelihood_ratio(beyond: float, within: float) -> None:
    null = 0.05

    def ratio(p: float) -> float:
        return math.exp(beyond * math.log(p / null) + within * math.log((1 - p) / (1 - null)))

    below = integrate.quad(ratio, 1e-12, null)[0] / null * 0.3
    if beyond == 0:
        below += 0.7 * (1 - null) ** -within
    assert math.exp(lehr_testing.probe_evidence_below(beyond, within, null)) == pytest.approx(below, rel=1e-6)
    above = integrate.quad(ratio, null, 1 - 1e-12)[0] / (1 - null)
    assert math.exp(lehr_testing.probe_evidence_above(beyond, within, null)) == pytest.approx(above, rel=1e-6)


@pytest.mark.parametrize("n", [5, 60, 300])
@pytest.mark.parametrize("side", [lehr_testing.probe_evidence_below, lehr_testing.probe_evidence_above])
def test_the_expected_evidence_at_the_edge_is_one(side: object, n: int) -> None:
    """What makes it an e-value: its expectation under the null is 1 (exactly so at the edge)."""
    counts = np.arange(n + 1)
    weights = stats.binom.logpmf(counts, n, 0.05)
    values = np.array([side(float(s), float(n - s), 0.05) for s in counts])  # type: ignore[operator]
    assert np.exp(weights + values).sum() == pytest.approx(1.0, rel=1e-6)


def test_evidence_for_more_exceedances_falls_under_smaller_nulls() -> None:
    """The composite null: at a lower rate than the edge's the expectation is below 1."""
    counts = np.arange(101)
    weights = stats.binom.pmf(counts, 100, 0.02)
    values = [math.exp(lehr_testing.probe_evidence_above(float(s), float(100 - s), 0.05)) for s in counts]
    assert weights @ values < 1


def test_clear_cases() -> None:
    rng = np.random.default_rng(0)
    slow, fast = rng.normal(60, 2, 500), rng.normal(5, 0.2, 500)
    answer, used = decide(slow)
    assert answer == "infeasible"
    assert used <= 12
    answer, used = decide(fast)
    assert answer == "feasible"
    assert 90 <= used <= 200  # ln(100) / -ln(0.95) is 90: no test of exceedances alone can do with fewer
    answer, used = decide(fast / 2, tail_index=1.0)
    assert answer == "feasible"
    assert used <= 60
    answer, used = decide(rng.normal(300, 2, 500), tail_index=1.0)
    assert (answer, used) == ("infeasible", 3)


def test_equal_samples_settle() -> None:
    assert decide([19.0] * 300)[0] == "feasible"
    assert decide([20.0] * 300)[0] == "feasible"  # the limit itself is met
    assert decide([20.001] * 300)[0] == "infeasible"


def test_too_few_samples_stay_open() -> None:
    for n in range(3):
        assert decide([100.0] * n) == ("open", n)
    assert decide([1.0] * 60)[0] == "open"


def test_a_slow_start_alone_settles_nothing() -> None:
    rng = np.random.default_rng(1)
    drifting = np.concatenate([np.linspace(30, 10, 12), rng.normal(10, 0.5, 400)])
    assert decide(drifting)[0] != "infeasible"


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_wrong_verdicts_at_the_very_edge_are_rare(rho: float) -> None:
    """Devices whose true percentile is the limit itself: each settled side is wrong for its neighbour."""
    rng = np.random.default_rng(7)
    edge = LIMIT / math.exp(0.2 * stats.norm.ppf(0.95))
    answers = [decide(edge * np.exp(0.2 * autoregressive(rng, rho, 600)))[0] for _ in range(300)]
    # 1 % at each side; nine of 300 and more would have a probability below 0.4 %.
    assert answers.count("feasible") <= 8
    assert answers.count("infeasible") <= 8


def slow_spells(rng: np.random.Generator, mean_calls: float, n: int) -> NDArray[np.float64]:
    """Latencies of which 8 % are half as long again, in spells; their 95th percentile is near 1.48."""
    lengths = rng.geometric(1 / mean_calls, n), rng.geometric(0.08 / 0.92 / mean_calls, n)
    slow = np.repeat(np.tile([True, False], n), np.stack(lengths, axis=1).ravel())
    begin = rng.integers(n)
    return np.where(slow[begin : begin + n], 1.5, 1.0) * np.exp(0.05 * rng.normal(size=n))


@pytest.mark.parametrize("mean_calls", [5, 20])
def test_the_default_survives_slow_spells(mean_calls: float) -> None:
    rng = np.random.default_rng(5)
    spell = LatencyLimit("p95", 1.0).spell
    edge = float(np.quantile(slow_spells(rng, mean_calls, 1_000_000), 0.95))
    missed, met = edge / 1.002, edge * 1.002
    wrong = {"feasible": 0, "infeasible": 0}
    for _ in range(150):
        samples = slow_spells(rng, mean_calls, 2500)
        for limit, answer in ((missed, "feasible"), (met, "infeasible")):
            wrong[answer] += _core.probe_decide(samples, limit, 0.95, 0.99, 0.0, spell)[0] == answer
    # 1 % at each side; six of 150 and more would have a probability below 0.5 %. Without, 30 are expected.
    assert wrong["feasible"] <= 5
    assert wrong["infeasible"] <= 5


def test_spells_cost_calls_near_the_limit_alone() -> None:
    rng = np.random.default_rng(2)
    far, near = rng.normal(5, 0.2, 5000), rng.normal(15, 0.2, 5000)
    few, many = decide(far, spell=1.0)[1], decide(near, spell=16.0)[1]
    assert decide(near, spell=1.0)[1] < 2 * few
    assert decide(far, spell=16.0)[1] < 4 * few
    assert many > 12 * few
    assert decide(near, spell=32.0)[1] > 1.8 * many


@pytest.mark.parametrize(
    ("beyond", "within", "spells", "reach"), [(0, 300, 60, 1.0), (4, 400, 90, 0.3), (2, 90, 9, 0.02)]
)
def test_evidence_with_unseen_spells_is_the_least_over_all_divisions(
    beyond: float, within: float, spells: float, reach: float
) -> None:
    null = 0.05

    def divided(unseen: float) -> float:
        return lehr_testing.probe_evidence_below(beyond, within, null - unseen) - spells * math.log1p(
            -unseen / reach
        )

    least = min(divided(unseen) for unseen in np.linspace(0, min(null, reach), 4000, endpoint=False))
    found = lehr_testing.probe_evidence_unseen(beyond, within, null, spells, reach)
    assert found == pytest.approx(least, abs=0.1)
    assert found <= lehr_testing.probe_evidence_below(
        beyond, within, null
    )  # nothing is gained by not knowing
    assert found <= lehr_testing.probe_evidence_unseen(beyond, within, null, 2 * spells, reach)


def test_a_tail_that_the_samples_contradict_is_not_assumed() -> None:
    stalls = np.ones(400)
    stalls[7::12] = 1.5 * LIMIT  # 8 % of the calls are far beyond the limit, none in between
    assert decide(stalls, tail_index=1.0)[0] != "feasible"
    assert decide(stalls[stalls < LIMIT], tail_index=1.0)[0] == "feasible"


def test_dependence_is_seen() -> None:
    rng = np.random.default_rng(3)
    independent, dependent = rng.normal(size=2000), autoregressive(rng, 0.9, 2000)
    seen, unseen = _core.probe_dependence(independent, 10.0, 0.0)
    assert seen < 1.3
    assert unseen < 1.3
    seen, unseen = _core.probe_dependence(dependent, 10.0, 0.0)
    assert 12 < seen < 30  # (1 + 0.9) / (1 - 0.9) = 19
    assert 4 < unseen < seen
    # Few samples never pass for independent.
    assert _core.probe_dependence(independent[:4], 10.0, 1.5)[0] > 2


def test_a_drift_far_from_the_limit_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    drifting = 12 * np.exp(0.005 * autoregressive(rng, 0.995, 3000))
    stalled = np.where(rng.random(3000) < 0.01, 1.9, 1.0) * drifting  # one in a hundred is beyond the limit
    seen, unseen = _core.probe_dependence(stalled, LIMIT, 1.0)
    assert seen > 50
    assert unseen < 2
    assert decide(stalled)[0] == "feasible"
    # What is near the limit does: the same drift across it.
    assert _core.probe_dependence(drifting, float(np.quantile(drifting, 0.97)), 1.0)[1] > 10


def test_autocorrelation_time_of_known_processes() -> None:
    rng = np.random.default_rng(4)
    for rho, expected in ((0.0, 1.0), (0.5, 3.0), (0.8, 9.0)):
        found = lehr_testing.probe_autocorrelation_time(autoregressive(rng, rho, 40_000))
        assert found == pytest.approx(expected, rel=0.15)
    assert lehr_testing.probe_autocorrelation_time(np.ones(10)) == 1.0
    assert (
        lehr_testing.probe_autocorrelation_time(np.tile([0.0, 1.0], 50)) == 1.0
    )  # never counts for more than it is


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 0.0}, "above 0"),
        ({"limit": math.inf}, "finite"),
        ({"share": 1.0}, "percentile"),
        ({"confidence": 0.5}, "confidence"),
        ({"tail_index": -1.0}, "tail index"),
        ({"spell": 0.5}, "spell"),
    ],
)
def test_questions_out_of_range(options: dict[str, float], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        decide([1.0], **options)
