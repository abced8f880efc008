"""Findings in words: the rules on made-up figures."""

from __future__ import annotations

import math

import numpy as np

from lehr.bench import pairwise
from lehr.bench.pairwise import Duel, duel
from lehr.bench.sentences import ablated, against, number, p_value, percent, reproduced, with_interval
from lehr.bench.statistics import Interval

SEEDS = 40
NOISE = np.random.default_rng(3).normal(0.0, 0.1, SEEDS)
NOISE -= NOISE.mean()


def made(
    problem: str, advantage: float, *, second: str = "optuna-gp", metric: pairwise.Metric = "regret"
) -> Duel:
    """A duel in which the first method is better by so much, give or take."""
    other = np.full(SEEDS, 2.0)
    return duel(problem, 25, metric, ("tba-tpe", second), (other - advantage + NOISE, other))


def test_a_win_a_loss_and_a_tie() -> None:
    duels = pairwise.corrected([made("a", 1.0), made("b", -1.0), made("c", 0.0)])
    assert [one.verdict for one in duels] == ["wins", "loses", "no difference shown"]
    text = against(duels)
    assert text.startswith(
        "By simple regret after 25 trials, **tba-tpe** **loses** to optuna-gp on 1 of 3 problems (b: "
    )
    assert "better in 0, worse in 40 of 40 pairs, p < 0.001)" in text
    assert " and **wins** on 1 (a: " in text
    assert text.endswith("; on 1 no difference is shown (c).")


def test_only_wins() -> None:
    text = against(pairwise.corrected([made("a", 1.0)]))
    assert text.startswith(
        "By simple regret after 25 trials, **tba-tpe** **wins** against optuna-gp on 1 of 1 problem (a: 1"
    )
    assert "loses" not in text


def test_only_losses() -> None:
    text = against(pairwise.corrected([made("a", -1.0), made("b", -1.0)]))
    assert "**loses** to optuna-gp on 2 of 2 problems" in text
    assert "wins" not in text
    assert "no difference" not in text


def test_no_difference_is_not_called_a_win() -> None:
    even = pairwise.corrected([made("a", 0.0), made("b", 0.0)])
    assert against(even) == (
        "By simple regret after 25 trials, **tba-tpe** and optuna-gp: no difference is shown on any of 2 problems."
    )


def test_few_pairs_show_nothing() -> None:
    few = [duel("a", 25, "regret", ("tba-tpe", "optuna-gp"), (np.zeros(4), np.ones(4)))]
    assert against(pairwise.corrected(few)) == (
        "By simple regret after 25 trials, **tba-tpe** against optuna-gp: 4 pairs of studies are too few to show a "
        "difference."
    )


def test_correction_can_take_a_verdict_back() -> None:
    weak = made("a", 0.045)
    alone = pairwise.corrected([weak])[0]
    assert alone.comparison.p_value < 0.05
    assert alone.verdict == "wins"
    among_many = pairwise.corrected([weak] + [made("z", 0.0)] * 60)[0]
    assert among_many.p_holm > 0.05
    assert among_many.verdict == "no difference shown"


def test_a_study_without_a_winner_loses() -> None:
    missing = np.full(SEEDS, math.nan)
    found = np.full(SEEDS, 5.0)
    (one,) = pairwise.corrected([duel("a", 25, "regret", ("x", "y"), (found, missing))])
    assert one.verdict == "wins"
    assert (one.comparison.wins, one.comparison.losses) == (SEEDS, 0)
    assert math.isnan(one.means[0])
    assert one.document()["mean_first"] is None
    assert "(a: better in 40, worse in 0 of 40 pairs" in against([one])


def test_only_common_seeds_are_paired() -> None:
    one = duel("a", 25, "regret", ("x", "y"), (np.arange(10.0), np.arange(4.0)))
    assert one.comparison.count == 4
    assert one.comparison.ties == 4


def test_what_an_ablation_costs() -> None:
    duels = pairwise.corrected(
        [
            made("a", 1.0, second="tba-tpe/blacklist=0"),
            made("b", -1.0, second="tba-tpe/blacklist=0"),
            made("c", 0.0),
        ]
    )
    text = ablated("blacklist off", duels)
    assert text.startswith("blacklist off: by simple regret, worse on 1 (a: 2 without, 1")
    assert "**better** on 1 (b: 2 without, 3" in text
    assert "better without in 40, worse in 0 of 40 pairs" in text
    assert text.endswith("and no different, as far as can be shown, on 1 of 3 problems.")


def test_shares_are_percentages() -> None:
    text = against(pairwise.corrected([made("a", 1.0, metric="wasted")]))
    assert "By wasted share" in text
    assert " %" in text


def test_figures() -> None:
    assert [number(x) for x in (2.2951, 0.0, 1234.5, 0.00012, math.nan, -0.5)] == [
        "2.3",
        "0",
        "1234",
        "1.2e-04",
        "-",
        "-0.5",
    ]
    assert percent(0.345) == "34 %"
    assert p_value(0.0004) == "p < 0.001"
    assert p_value(0.0414) == "p = 0.041"
    assert with_interval(Interval(2.0, 1.5, 2.5, 9)) == "2 [1.5, 2.5]"
    assert with_interval(Interval(0.5, 0.25, 0.75, 9), shares=True) == "50 % [25, 75]"
    assert with_interval(Interval(math.nan, math.nan, math.nan, 0)) == "-"
    assert with_interval(Interval(1.0, math.nan, math.nan, 1)) == "1"


def test_what_is_not_reproduced_is_named() -> None:
    from lehr.bench.paper import Published, reproduction
    from lehr.bench.store import Cell

    cell = Cell("crashy_branin", "tba:paper", 25)
    values = np.random.default_rng(1).normal(-3.0, 0.5, 200)
    good = reproduction(Published("3", "TBA", cell, "best", -3.0, 10), values)
    bad = reproduction(Published("3", "TBA", cell, "best", -9.0, 10), values)
    text = reproduced("3", [good, bad])
    assert text.startswith(
        "Table 3: 1 of the paper's 2 figures lie where means of as few of our seeds do (95 %), 1 inside"
    )
    assert (
        "Not reproduced are 1: best feasible objective of TBA on crashy_branin at 25 trials (paper -9, ours -"
        in text
    )
    assert reproduced("8, 9", []) == "Tables 8, 9: not run."
