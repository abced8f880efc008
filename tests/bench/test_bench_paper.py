"""The paper's figures as METHOD states them, and what counts as reproduced."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lehr.bench import paper
from lehr.bench.paper import Published, reproduction
from lehr.bench.store import Cell


def figure(
    table: str, label: str, metric: str, *, problem: str = "crashy_branin", budget: int = 25
) -> Published:
    (found,) = [
        one
        for one in paper.published()
        if (one.table, one.label, one.metric) == (table, label, metric)
        and (one.cell.problem, one.cell.budget) == (problem, budget)
    ]
    return found


def test_every_table_is_whole() -> None:
    figures = paper.published()
    counts = {table: sum(one.table == table for one in figures) for table in ("3", "4", "8, 9")}
    assert counts == {"3": 7 * 4 * 2, "4": 5 * 2, "8, 9": 5 * 4 * 3}
    assert {one.cell.budget for one in figures if one.table == "3"} == {10, 15, 20, 25, 30, 40, 50}
    assert {one.cell.problem for one in figures if one.table == "8, 9"} == {
        f"edge_tight@{device}" for device in ("h100", "a100", "rtx5080", "l4", "t4")
    }


@pytest.mark.parametrize(
    ("label", "budget", "best", "wasted"),
    [
        ("TBA->TPE", 10, -5.83, 0.34), ("random", 10, -8.44, 0.65), ("TPE", 15, -2.59, 0.42),
        ("TBA", 20, -4.62, 0.27), ("TBA->TPE", 25, -2.29, 0.28), ("TPE", 30, -1.97, 0.31),
        ("TBA", 40, -3.95, 0.24), ("random", 50, -2.56, 0.66), ("TBA->TPE", 50, -1.45, 0.23),
    ],
)  # fmt: skip
def test_table_3(label: str, budget: int, best: float, wasted: float) -> None:
    assert figure("3", label, "best", budget=budget).value == best
    assert figure("3", label, "wasted", budget=budget).value == wasted


def test_table_4_names_the_ablations() -> None:
    assert figure("4", "full TBA", "best", budget=30).cell.method == "tba:paper"
    limit = figure("4", "without the 70 % restart limit", "best", budget=30)
    assert (limit.value, limit.cell.method) == (-3.62, "tba:paper/elite_until=1")
    assert figure("4", "without snap-back", "wasted", budget=30).value == 0.29
    assert figure("4", "without adaptive p_s", "best", budget=30).value == -3.21
    assert figure("4", "TBA->TPE", "best", budget=30).value == -2.05


@pytest.mark.parametrize(
    "published_row",
    [
        ("TBA->TPE", "h100", 1.0, 5, 0.766, 0.28), ("TBA->TPE", "rtx5080", 0.8, 10, 0.761, 0.42),
        ("TBA", "l4", 0.2, 5, 0.738, 0.27), ("random", "t4", 0.8, 5, 0.760, 0.72), ("TPE", "a100", 0.8, 5, 0.762, 0.33),
    ],
)  # fmt: skip
def test_tables_8_and_9(published_row: tuple[str, str, float, int, float, float]) -> None:
    label, device, found, seeds, accuracy, wasted = published_row
    metrics = ("discovered", "best", "wasted")
    figures = [figure("8, 9", label, metric, problem=f"edge_tight@{device}") for metric in metrics]
    assert [one.value for one in figures] == [found, accuracy, wasted]
    assert {one.seeds for one in figures} == {seeds}


def test_methods_are_spelt_as_a_sweep_stores_them() -> None:
    from lehr import _core

    for cell in paper.cells(paper.published()):
        assert str(_core.MethodSpec(cell.method)) == cell.method


def published(value: float, metric: str = "best", seeds: int = 10) -> Published:
    return Published("3", "TBA", Cell("crashy_branin", "tba:paper", 25), metric, value, seeds)  # type: ignore[arg-type]


def test_a_figure_inside_our_interval_is_reproduced() -> None:
    values = np.random.default_rng(1).normal(-3.0, 1.0, 400)
    one = reproduction(published(-3.0), values)
    assert one.inside
    assert one.reproduced
    assert one.verdict == "inside our interval"


def test_few_seeds_scatter_further_than_our_interval_is_wide() -> None:
    values = np.random.default_rng(1).normal(-3.0, 1.0, 400)
    one = reproduction(published(-3.4), values)  # ten seeds have a standard error of 0.32
    assert not one.inside
    assert one.reproduced
    assert one.verdict == "outside our interval, within the scatter of 10 seeds"
    far = reproduction(published(-4.5), values)
    assert not far.reproduced
    assert far.verdict.startswith("not reproduced: the paper's is lower by 1.")


def test_shares_are_judged_as_shares_and_missing_studies_are_left_out() -> None:
    values = np.array([1.0] * 90 + [0.0] * 10 + [math.nan] * 5)
    one = reproduction(published(0.6, "discovered", 5), values)
    assert (one.ours.value, one.ours.count) == (0.9, 100)
    assert not one.inside
    assert one.reproduced  # three of five, when nine of ten succeed: within what five seeds do
    assert not reproduction(published(0.2, "discovered", 5), values).reproduced
    none = reproduction(published(0.6), np.full(3, math.nan))
    assert none.verdict == "not run"
    assert not none.inside
    assert none.document()["ours"] is None
