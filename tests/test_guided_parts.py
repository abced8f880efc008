"""The parts of the guided search, one by one, on made-up numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from testing_core import lehr_testing

EAGER, COMPILE, ONNX = 0.0, 1.0, 2.0
NAN = math.nan


def failure_model(
    *trials: tuple[list[float], bool], choices: tuple[int, ...] = (3, 4, 0)
) -> lehr_testing.FailureModel:
    model = lehr_testing.FailureModel(list(choices))
    for row, ran in trials:
        model.observe(row, ran)
    return model


class TestFailureModel:
    """Features: a backend of three, a family of four, a batch size in [0, 1]."""

    def test_before_any_trial_everything_is_likely_to_run(self):
        assert failure_model().probability([EAGER, 0.0, 0.5]) > 0.5

    def test_a_value_that_fails_with_every_partner_is_a_cause(self):
        model = failure_model(
            *(([COMPILE, float(k), 0.2 * k], False) for k in range(4)),
            *(([EAGER, float(k), 0.2 * k], True) for k in range(4)),
        )
        cause = model.causes(0.5)[0]
        assert cause["values"] == [(0, 1)]
        assert cause["stretch"] is None
        assert (cause["failed"], cause["tried"]) == (4, 4)
        assert model.probability([COMPILE, 2.0, 0.9]) < 0.1
        assert model.probability([ONNX, 2.0, 0.5]) > 0.5

    def test_a_value_that_worked_elsewhere_is_innocent_of_crashing_alone(self):
        model = failure_model(
            ([COMPILE, 0.0, 0.5], False),
            ([COMPILE, 0.0, 0.4], False),
            ([COMPILE, 1.0, 0.5], True),
            ([EAGER, 0.0, 0.5], True),
        )
        assert [cause["values"] for cause in model.causes(0.5)] == [[(0, 1), (1, 0)]]
        assert model.probability([COMPILE, 0.0, 0.5]) < 0.1
        assert model.probability([COMPILE, 2.0, 0.5]) > 0.7

    def test_partners_that_must_be_causes_if_a_suspect_is_none_are_spared(self):
        """A family failed under two backends; if it is innocent, these pairs are not."""
        model = failure_model(
            ([COMPILE, 3.0, 0.5], False),
            ([ONNX, 3.0, 0.5], False),
            *(([backend, family, 0.5], True) for backend in (EAGER, COMPILE, ONNX) for family in (0.0, 1.0)),
        )
        again = model.probability([ONNX, 3.0, 0.5])
        elsewhere = model.probability([EAGER, 3.0, 0.5])
        assert model.causes(0.5)[0]["values"] == [(1, 3)]
        assert elsewhere > 1.2 * again

    def test_a_threshold_is_placed_between_what_ran_and_what_failed(self):
        model = failure_model(
            *(([EAGER, float(k), 0.1 + 0.1 * k], True) for k in range(4)),
            *(([EAGER, float(k), 0.7 + 0.1 * k], False) for k in range(4)),
        )
        cause = model.causes(0.5)[0]
        assert cause["values"] == []
        numeric, above, threshold = cause["stretch"]
        assert (numeric, above) == (2, True)
        assert 0.4 <= threshold <= 0.7
        assert model.probability([EAGER, 0.0, 0.95]) < 0.1
        assert model.probability([EAGER, 0.0, 0.2]) > 0.8

    def test_failures_that_explain_nothing_are_accidents(self):
        rng = np.random.default_rng(5)
        model = failure_model(
            *(
                ([float(rng.integers(3)), float(rng.integers(4)), rng.random()], bool(rng.random() < 0.5))
                for _ in range(120)
            )
        )
        assert model.accident > 0.2
        assert len(model.causes(0.9)) <= 3

    def test_a_prior_observation_counts_as_much_as_it_weighs(self):
        firm, weak = failure_model(), failure_model()
        for model, weight in ((firm, 1.0), (weak, 0.2)):
            for family in range(4):
                model.observe([COMPILE, float(family), 0.5], False, weight)
                model.observe([EAGER, float(family), 0.5], True, weight)
        assert firm.probability([COMPILE, 0.0, 0.2]) < weak.probability([COMPILE, 0.0, 0.2])

    def test_a_prior_observation_that_counts_for_nothing_is_no_accident_here(self):
        rng = np.random.default_rng(5)
        alone, told = failure_model(), failure_model()
        for _ in range(40):
            told.observe([float(rng.integers(3)), float(rng.integers(4)), rng.random()], False, 0.007)
        for model in (alone, told):
            for family in range(4):
                model.observe([COMPILE, float(family), 0.5], False)
                model.observe([EAGER, float(family), 0.5], True)
        assert told.accident == pytest.approx(alone.accident, abs=0.02)
        for row in ([COMPILE, 1.0, 0.2], [EAGER, 1.0, 0.2], [ONNX, 1.0, 0.2]):
            assert told.probability(row) == pytest.approx(alone.probability(row), abs=0.1)

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([0.0, 1.0, 2.0, NAN]),
                st.sampled_from([0.0, 3.0]),
                st.one_of(st.just(NAN), st.floats(0, 1)),
                st.booleans(),
            ),
            max_size=40,
        )
    )
    def test_always_a_probability_and_what_ran_is_never_doomed(self, trials):
        model = failure_model(*(([a, b, c], ran) for a, b, c, ran in trials))
        for a, b, c, ran in trials:
            p = model.probability([a, b, c])
            assert 0.0 <= p <= 1.0
            if ran and not any(not r for *_, r in trials):
                assert p > 0.5
        for cause in model.causes(0.3):
            assert 0.3 <= cause["probability"] <= 1.0 + 1e-12
            assert cause["failed"] <= cause["tried"] <= len(trials)


class TestGaussianProcess:
    def test_interpolates_what_it_was_told(self):
        u = np.linspace(0, 1, 9)
        rows = [[float(x)] for x in u]
        values = list(np.sin(5 * u))
        process = lehr_testing.GaussianProcess([0])
        process.fit(rows, values)
        mean, variance = process.predict(rows)
        assert np.allclose(mean, values, atol=0.05)
        between, spread = process.predict([[0.3125], [0.5625]])
        assert np.allclose(between, np.sin([5 * 0.3125, 5 * 0.5625]), atol=0.1)
        assert max(variance) < 0.05
        assert min(spread) > 0

    def test_effects_that_add_up_are_learned_from_few_rows(self):
        """Seven of the twelve combinations of two categorical variables give the other five."""
        a, b = [0.0, 1.0, 2.5], [0.0, -1.0, 2.0, 0.5]
        seen = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0), (1, 2)]
        rest = [(i, j) for i in range(3) for j in range(4) if (i, j) not in seen]
        process = lehr_testing.GaussianProcess([3, 4])
        process.fit([[float(i), float(j)] for i, j in seen], [a[i] + b[j] for i, j in seen], 1.0, 300)
        mean, variance = process.predict([[float(i), float(j)] for i, j in rest])
        errors = np.array(mean) - [a[i] + b[j] for i, j in rest]
        assert np.abs(errors).max() < 0.8
        assert (np.abs(errors) < 3 * np.sqrt(variance)).all()

    def test_trends_extrapolate(self):
        process = lehr_testing.GaussianProcess([0, 0])
        rng = np.random.default_rng(1)
        rows = [[float(x), float(y)] for x, y in rng.uniform(0, 0.5, (8, 2))]
        process.fit(rows, [3 * x + 2 * y for x, y in rows], 1.0, 300)
        mean, variance = process.predict([[1.0, 1.0]])
        assert mean[0] == pytest.approx(5.0, abs=max(0.5, 2 * math.sqrt(variance[0])))
        assert mean[0] > 3.0

    def test_rows_that_share_a_value_say_nothing_of_other_values(self):
        """Many equal results in one corner must not make the rest of the space look known."""
        process = lehr_testing.GaussianProcess([5, 0])
        process.fit([[0.0, 0.5 + 0.01 * k] for k in range(8)], [1.0] * 8, 1.0, 200)
        _, (here, there) = process.predict([[0.0, 0.52], [3.0, 0.52]])
        assert there > 5 * here

    def test_a_missing_value_is_a_place_of_its_own(self):
        process = lehr_testing.GaussianProcess([2, 0])
        process.fit([[0.0, NAN], [1.0, 0.2], [1.0, 0.8], [0.0, NAN]], [1.0, 0.0, 0.1, 1.0])
        mean, variance = process.predict([[0.0, NAN], [1.0, 0.5]])
        assert np.isfinite(mean).all()
        assert np.isfinite(variance).all()
        assert mean[0] == pytest.approx(1.0, abs=0.2)

    def test_evidence_is_the_density_of_the_values(self):
        rows, values = [[0.1], [0.4], [0.9]], [0.3, -0.2, 0.5]
        process = lehr_testing.GaussianProcess([0], mains=False)
        process.fit(rows, values, 1.0, 0)
        noise, whole, _, reach = np.exp(process.hyperparameters)
        points = np.array(rows)[:, 0]
        z = math.sqrt(5) * reach * np.abs(points[:, None] - points[None, :])
        kernel = 10.0 + whole * (1 + z + z**2 / 3) * np.exp(-z) + noise * np.eye(3)
        centred = np.array(values) - np.mean(values)
        scale = math.sqrt((1.0 + (centred**2).sum()) / 3)
        density = stats.multivariate_normal.logpdf(centred / scale, cov=kernel)
        constant = -1.5 * math.log(2 * math.pi)
        assert process.evidence() == pytest.approx(density - constant - 3 * math.log(scale), abs=1e-8)


class TestExpectations:
    @pytest.mark.parametrize("z", [-30.0, -8.0, -5.1, -4.9, -1.0, 0.0, 2.0])
    def test_log_expected_improvement(self, z):
        deviation, best = 2.0, 1.0
        mean = best + z * deviation
        # phi(z) + z Phi(z) = -integral of (t - z) phi, with the tail taken out so that nothing cancels.
        grid = np.linspace(0, 40, 400_001)
        tail = np.trapezoid(grid * np.exp(-0.5 * grid**2 + z * grid), grid)
        expected = math.log(deviation) + stats.norm.logpdf(z) + math.log(tail)
        assert lehr_testing.log_expected_improvement(mean, deviation, best) == pytest.approx(
            expected, abs=1e-2
        )

    @pytest.mark.parametrize("bound", [-3.0, 0.0, 2.5, 6.0])
    def test_moments_beyond_a_bound(self, bound):
        mean, variance = lehr_testing.upper_tail_moments(0.5, 1.5, bound)
        reference = stats.truncnorm((bound - 0.5) / 1.5, np.inf, loc=0.5, scale=1.5)
        assert mean == pytest.approx(reference.mean(), rel=1e-6)
        assert variance == pytest.approx(reference.var(), rel=1e-4)

    def test_skewness(self):
        values = [1.0, 2.0, 2.5, 9.0]
        assert lehr_testing.skewness(values) == pytest.approx(stats.skew(values))
        assert lehr_testing.skewness([2.0, 2.0]) == 0.0
