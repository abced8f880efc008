"""What a study is worth, on traces made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lehr import _core
from lehr.bench import curves
from lehr.bench.store import path_columns
from testing_core import lehr_testing

NAN = math.nan
NOT_ASKED, TRUE, FALSE = 0, 1, 2


def trace(rows):
    """Rows of (feasible, objective, truth, state of the truth, seconds, family)."""
    columns = list(zip(*rows, strict=True)) or [()] * 6
    feasible, objectives, truths, states, seconds, families = columns
    return _core.StudyTrace(feasible, objectives, truths, states, seconds, families)


def measured(rows, *, optimum=10.0, maximize=True, families=(2.0,), has_family=True, count=None):
    reference = lehr_testing.reference(optimum, maximize, list(families), has_family)
    metrics, steps = _core.measure(reference, trace(rows), len(rows) if count is None else count)
    return {name: column[0].item() for name, column in metrics.items()}, steps


STUDY = [
    (0, NAN, NAN, NOT_ASKED, 5.0, 0.0),  # crashed
    (1, 6.0, 6.5, TRUE, 1.0, 1.0),
    (0, 99.0, NAN, NOT_ASKED, 2.0, 1.0),  # ran, over a limit
    (1, 5.0, NAN, NOT_ASKED, 1.0, 2.0),
    (1, 9.0, 9.96, TRUE, 3.0, 2.0),
    (1, 9.0, 9.99, TRUE, 1.0, 1.0),  # equal: the first stays
]


def test_a_study_by_hand():
    metrics, steps = measured(STUDY)
    assert metrics == {
        "trials": 6,
        "feasible": 4,
        "best": 9.0,
        "best_true": 9.96,
        "regret": pytest.approx(0.04),
        "false_winner": 0,
        "wasted": pytest.approx(2 / 6),
        "wasted_seconds": 7.0,
        "seconds": 13.0,
        "first_feasible_trial": 2.0,
        "first_feasible_seconds": 6.0,
        "discovered": 1.0,
        "near_optimum": 1.0,
        "family": 2.0,
    }
    assert steps["trial"].tolist() == [1, 4]
    assert steps["regret"] == pytest.approx([3.5, 0.04])
    assert steps["discovered"].tolist() == [0.0, 1.0]


def test_a_prefix_of_a_study():
    metrics, _ = measured(STUDY, count=3)
    assert (metrics["trials"], metrics["feasible"], metrics["best"]) == (3, 1, 6.0)
    assert metrics["wasted"] == pytest.approx(2 / 3)
    assert (metrics["discovered"], metrics["near_optimum"], metrics["family"]) == (0.0, 0.0, 1.0)
    assert measured(STUDY, count=100)[0] == measured(STUDY)[0]


def test_to_minimise_the_regret_turns_round():
    rows = [(1, 4.0, 4.5, TRUE, 1.0, NAN), (1, 3.0, 3.5, TRUE, 1.0, NAN), (1, 9.0, 9.0, TRUE, 1.0, NAN)]
    metrics, steps = measured(rows, optimum=3.0, maximize=False, families=(), has_family=False)
    assert (metrics["best"], metrics["best_true"]) == (3.0, 3.5)
    assert metrics["regret"] == pytest.approx(0.5)
    assert math.isnan(metrics["discovered"])
    assert math.isnan(metrics["family"])
    assert steps["trial"].tolist() == [0, 1]


def test_nothing_feasible_leaves_missing_values():
    rows = [(0, NAN, NAN, NOT_ASKED, 2.0, 1.0), (0, 50.0, NAN, NOT_ASKED, 3.0, 2.0)]
    metrics, steps = measured(rows)
    missing = ("best", "best_true", "regret", "first_feasible_trial", "first_feasible_seconds", "family")
    assert all(math.isnan(metrics[name]) for name in missing)
    assert (metrics["wasted"], metrics["wasted_seconds"], metrics["feasible"]) == (1.0, 5.0, 0)
    assert (metrics["discovered"], metrics["near_optimum"], metrics["false_winner"]) == (0.0, 0.0, 0)
    assert len(steps["trial"]) == 0


@pytest.mark.parametrize("truth", [NAN, 11.0])
def test_a_winner_by_luck_has_no_regret(truth):
    rows = [(1, 7.0, 7.0, TRUE, 1.0, 1.0), (1, 10.0, truth, FALSE, 1.0, 2.0)]
    metrics, steps = measured(rows)
    assert metrics["false_winner"] == 1
    assert metrics["best"] == 10.0
    assert math.isnan(metrics["regret"])
    assert metrics["near_optimum"] == 0.0
    assert metrics["discovered"] == 1.0  # the family is judged by what was measured
    assert math.isnan(steps["regret"][1])


@pytest.mark.parametrize(("truth", "near"), [(9.951, 1.0), (10.049, 1.0), (9.949, 0.0)])
def test_near_the_optimum_is_half_a_percent(truth, near):
    assert measured([(1, truth, truth, TRUE, 1.0, 2.0)])[0]["near_optimum"] == near


def test_a_problem_without_a_feasible_optimum_has_no_regret():
    metrics, _ = measured([(1, 7.0, 7.0, TRUE, 1.0, 1.0)], optimum=NAN, families=())
    for name in ("regret", "near_optimum", "discovered"):
        assert math.isnan(metrics[name])
    assert metrics["best"] == 7.0


def test_a_study_without_trials():
    metrics, steps = measured([])
    assert metrics["trials"] == 0
    assert math.isnan(metrics["wasted"])
    assert len(steps["trial"]) == 0


def paths(*studies):
    reference = lehr_testing.reference(10.0, True, [2.0], True)
    feasible, tables = [], []
    for rows in studies:
        _, steps = _core.measure(reference, trace(rows), len(rows))
        feasible.append(bytes(row[0] for row in rows))
        tables.append(steps)
    steps = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    steps["study"] = np.repeat(np.arange(len(studies)), [len(table["trial"]) for table in tables])
    columns = path_columns(range(len(studies)), feasible, steps)
    return {name: np.array(values) for name, values in columns.items()}


def test_paths_say_all_that_curves_need():
    columns = paths(STUDY, [(0, NAN, NAN, NOT_ASKED, 1.0, 0.0)])
    assert columns["feasible"].tolist() == ["010111", "0"]
    assert columns["step_trials"].tolist() == ["1 4", ""]
    assert columns["step_bests"].tolist() == ["6 9", ""]
    assert [float(word) for word in columns["step_regrets"][0].split()] == pytest.approx([3.5, 0.04])
    assert columns["step_discovered"].tolist() == ["0 1", ""]


def test_curves_by_hand():
    lucky = [(1, 10.0, NAN, FALSE, 1.0, 2.0), (1, 10.5, 8.0, TRUE, 1.0, 1.0)]
    table = curves.curves(paths(STUDY, lucky), 6)
    assert table["trial"] == [1, 2, 3, 4, 5, 6]
    assert table["found"] == [1, 2, 2, 2, 2, 2]
    assert table["false_winners"] == [1, 0, 0, 0, 0, 0]
    # Of the first trial no true winner is known; then 3.5 and 2, then .04 and 2. A short study keeps what it had.
    assert math.isnan(table["regret"][0])
    assert table["regret"][1:] == pytest.approx([2.75] * 3 + [1.02] * 2)
    assert table["regret_q50"][1:] == pytest.approx([2.75] * 3 + [1.02] * 2)
    assert table["wasted"] == pytest.approx([0.5, 0.25, 1 / 3, 0.25, 0.2, 1 / 6])
    assert table["discovered"] == pytest.approx([0.5, 0.0, 0.0, 0.0, 0.5, 0.5])


def test_quantiles_count_a_study_without_a_winner_as_worst():
    found = [[(1, 10.0 - k, 10.0 - k, TRUE, 1.0, 2.0)] for k in range(4)]
    nothing = [(0, NAN, NAN, NOT_ASKED, 1.0, 2.0)]
    table = curves.curves(paths(*found, nothing), 1)
    assert table["regret"] == [1.5]  # the mean of those that have one
    assert table["regret_q50"] == [2.0]
    assert table["regret_q75"] == [3.0]
    assert math.isnan(table["regret_q90"][0])


def test_curves_of_a_problem_without_families_have_no_discovery():
    reference = lehr_testing.reference(10.0, True, [], False)
    _, steps = _core.measure(reference, trace([(1, 7.0, 7.0, TRUE, 1.0, NAN)]), 1)
    columns = {name: np.array(value) for name, value in path_columns([0], [b"\x01"], steps).items()}
    assert math.isnan(curves.curves(columns, 1)["discovered"][0])
