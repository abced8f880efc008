"""Each rule of the search on made-up numbers, against the equations of the method."""

from __future__ import annotations

import math

import pytest

import lehr
from testing_core import lehr_testing


class TestTemperature:
    def test_cools_on_improvement_by_the_stage_factor(self):
        temperature = lehr_testing.Temperature()
        assert temperature.value == 1.0
        temperature.improved("feasibility")
        assert temperature.value == pytest.approx(0.95)
        temperature.improved("optimisation")
        assert temperature.value == pytest.approx(0.95 * 0.92)

    def test_never_falls_below_its_minimum(self):
        temperature = lehr_testing.Temperature()
        for _ in range(500):
            temperature.improved("optimisation")
        assert temperature.value == 0.001

    def test_reheats_at_the_fourth_result_in_a_row_without_improvement(self):
        temperature = lehr_testing.Temperature()
        for _ in range(20):
            temperature.improved("optimisation")
        cold = temperature.value
        for count in (1, 2, 3):
            temperature.not_improved()
            assert (temperature.value, temperature.unimproved) == (cold, count)
        temperature.not_improved()
        assert temperature.value == pytest.approx(2.5 * cold)
        assert temperature.unimproved == 0

    def test_reheating_is_capped_at_0_8_of_the_start(self):
        temperature = lehr_testing.Temperature()
        for _ in range(4):
            temperature.not_improved()
        assert temperature.value == pytest.approx(0.8)

    def test_improvement_restarts_the_count(self):
        temperature = lehr_testing.Temperature()
        for _ in range(3):
            temperature.not_improved()
        temperature.improved("feasibility")
        for _ in range(3):
            temperature.not_improved()
        assert temperature.value == pytest.approx(0.95)

    def test_first_feasible_result_sets_0_7_of_the_start(self):
        temperature = lehr_testing.Temperature()
        temperature.not_improved()
        temperature.enter_optimisation()
        assert (temperature.value, temperature.unimproved) == (0.7, 0)


class TestAcceptance:
    def test_violation_lower_always_equal_by_choice_higher_by_eq_10(self):
        assert lehr_testing.accept_violation(2.0, 1.0, 0.5, 0.1) == 1.0
        assert lehr_testing.accept_violation(2.0, 2.0, 0.5, 0.1) == 1.0
        assert lehr_testing.accept_violation(2.0, 2.0, 0.5, 0.1, accept_equal=False) == 0.0
        expected = math.exp(-(2.3 - 2.0) / (0.5 * 0.1))
        assert lehr_testing.accept_violation(2.0, 2.3, 0.5, 0.1) == pytest.approx(expected)

    def test_anything_that_ran_replaces_nothing(self):
        assert lehr_testing.accept_violation(math.inf, 1e9, 0.5, 0.1) == 1.0

    def test_score_infeasible_never_better_always_worse_by_eq_12(self):
        assert lehr_testing.accept_score(1.0, 9.0, False, 1.0, 1.0) == 0.0
        assert lehr_testing.accept_score(1.0, 1.1, True, 1e-3, 0.01) == 1.0
        assert lehr_testing.accept_score(1.0, 1.0, True, 1.0, 1.0) == 1.0
        assert lehr_testing.accept_score(1.0, 1.0, True, 1.0, 1.0, accept_equal=False) == 0.0
        expected = math.exp(-(1.0 - 0.4) / (0.7 * 0.25))
        assert lehr_testing.accept_score(1.0, 0.4, True, 0.7, 0.25) == pytest.approx(expected)

    def test_units(self):
        assert lehr_testing.score_unit(0.2, 0.8) == pytest.approx(0.3)
        assert lehr_testing.score_unit(0.5, 0.5) == 0.01
        assert lehr_testing.violation_unit([20.0, 512.0], relative=False) == pytest.approx(0.1 * 266.0)
        assert lehr_testing.violation_unit([-0.5], relative=False) == pytest.approx(0.1)
        assert lehr_testing.violation_unit([20.0, 512.0], relative=True) == pytest.approx(0.1)
        assert lehr_testing.violation_unit([], relative=False) == pytest.approx(0.1)


class TestSchedule:
    def test_structural_probability_falls_from_a_half_to_0_15(self):
        assert lehr_testing.structural_probability(3, 3, 25) == pytest.approx(0.5)
        assert lehr_testing.structural_probability(14, 3, 25) == pytest.approx(0.5 - 0.35 * 11 / 22)
        assert lehr_testing.structural_probability(25, 3, 25) == pytest.approx(0.15)
        assert lehr_testing.structural_probability(99, 3, 25) == pytest.approx(0.15)
        assert lehr_testing.structural_probability(0, 3, 25) == pytest.approx(0.5)
        assert lehr_testing.structural_probability(4, 5, 3) == pytest.approx(0.5)
        assert lehr_testing.structural_probability(20, 3, 25, adaptive=False) == 0.5

    def test_horizon_doubles_from_25(self):
        assert [lehr_testing.doubling_horizon(n) for n in (0, 24, 25, 49, 50, 1000)] == [
            25,
            25,
            50,
            50,
            100,
            1600,
        ]

    def test_elite_restart_every_12_trials_before_70_percent(self):
        due = [n for n in range(60) if lehr_testing.elite_restart_due(n, 50)]
        assert due == [12, 24]

    def test_snap_back_fades_with_the_budget(self):
        assert lehr_testing.snap_back_probability(0, 25) == pytest.approx(0.4)
        assert lehr_testing.snap_back_probability(10, 25) == pytest.approx(0.4 * 0.6)
        assert lehr_testing.snap_back_probability(30, 25) == 0.0


class TestViolation:
    def test_sums_excesses_only(self):
        assert lehr_testing.violation([30.0, 100.0], [20.0, 512.0], relative=False) == pytest.approx(10.0)
        assert lehr_testing.violation([30.0, 1024.0], [20.0, 512.0], relative=True) == pytest.approx(
            0.5 + 1.0
        )
        assert lehr_testing.violation([20.0], [20.0]) == 0.0

    def test_relative_to_the_size_of_a_negative_limit_and_plain_at_zero(self):
        assert lehr_testing.violation([-3.0], [-4.0]) == pytest.approx(0.25)
        assert lehr_testing.violation([0.25], [0.0]) == pytest.approx(0.25)

    def test_what_was_not_measured_adds_nothing(self):
        assert lehr_testing.violation([math.nan, 40.0], [1.0, 20.0]) == pytest.approx(1.0)


def test_below_count_is_a_tenth_rounded_up_and_capped():
    assert [lehr_testing.below_count(n) for n in (0, 1, 10, 11, 25, 250, 1000)] == [0, 1, 1, 2, 3, 25, 25]


class TestHandoff:
    def test_due_with_enough_of_everything(self):
        assert lehr_testing.handoff_waits_for(8, 5, 3, [("model", 3, 5)]) == []

    def test_says_what_is_missing(self):
        waits = lehr_testing.handoff_waits_for(4, 1, 3, [("model", 1, 5), ("backend", 2, 2)])
        assert waits == [
            "5 results (4 so far)",
            "5 feasible results (1 so far)",
            "3 values of model (1 so far)",
        ]

    def test_a_variable_with_two_values_needs_two(self):
        assert lehr_testing.handoff_waits_for(10, 6, 4, [("backend", 1, 2)]) == [
            "2 values of backend (1 so far)"
        ]

    def test_due_at_15_trials_in_any_case(self):
        assert lehr_testing.handoff_waits_for(15, 0, 15, [("model", 0, 5)]) == []


@pytest.fixture
def backends():
    return lehr.Space(
        [
            lehr.Categorical("backend", ["a", "b", "c"]),
            lehr.Categorical("precision", ["x", "y"]),
            lehr.Int("n", 1, 9),
        ]
    )


class TestBlacklist:
    def test_masks_a_value_at_its_third_failure_in_a_row(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core, pairs=False)
        blacklist.observe([0, 0, 1], False)
        blacklist.observe([0, 1, 1], False)
        assert not blacklist.masked(0, 0)
        blacklist.observe([0, 0, 2], False)
        assert blacklist.masked(0, 0)
        assert not blacklist.masked(0, 1)
        assert blacklist.entries()[0] == (0, 0, 3, 11)

    def test_returns_after_a_cool_down_of_eight_trials(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core, pairs=False)
        for _ in range(3):
            blacklist.observe([0, 0, 1], False)
        for _ in range(7):
            blacklist.observe([1, 1, 1], True)
            assert blacklist.masked(0, 0)
        blacklist.observe([1, 1, 1], True)
        assert not blacklist.masked(0, 0)

    def test_a_feasible_result_clears_at_once(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core)
        for _ in range(3):
            blacklist.observe([0, 0, 1], False)
        assert blacklist.masked(0, 0)
        assert blacklist.pair_masked([0, 0, 5])
        blacklist.observe([0, 0, 1], True)
        assert not blacklist.masked(0, 0)
        assert not blacklist.pair_masked([0, 0, 5])

    def test_a_success_in_between_breaks_the_row(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core, pairs=False)
        for feasible in (False, False, True, False, False):
            blacklist.observe([0, 0, 1], feasible)
        assert not blacklist.masked(0, 0)

    def test_never_masks_every_value_of_a_variable(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core, pairs=False)
        for step in range(60):
            open_backends = [v for v in range(3) if not blacklist.masked(0, v)]
            open_precisions = [v for v in range(2) if not blacklist.masked(1, v)]
            assert open_backends
            assert open_precisions
            blacklist.observe([open_backends[0], open_precisions[0], step % 9 + 1], False)

    def test_a_single_valued_variable_is_never_masked(self):
        space = lehr.Space([lehr.Categorical("only", ["one"]), lehr.Int("n", 1, 9)])
        blacklist = lehr_testing.Blacklist(space._core)
        for _ in range(10):
            blacklist.observe([0, 1], False)
        assert not blacklist.masked(0, 0)

    def test_pairs_are_tracked_apart_from_values(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core)
        for _ in range(2):
            blacklist.observe([0, 0, 1], False)
        blacklist.observe([0, 1, 1], True)  # backend a works with y, so a is innocent; a with x still fails
        blacklist.observe([0, 0, 2], False)
        assert not blacklist.masked(0, 0)
        assert blacklist.pair_masked([0, 0, 7])
        assert not blacklist.pair_masked([0, 1, 7])

    def test_inactive_and_numeric_variables_are_never_masked(self, backends):
        blacklist = lehr_testing.Blacklist(backends._core)
        for _ in range(5):
            blacklist.observe([0, math.nan, 1], False)
        assert not blacklist.masked(1, math.nan)
        assert not blacklist.masked(2, 1)
