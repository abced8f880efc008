"""bench/guided.py and bench/peer_studies.py: which problems, what figures say, and that peers' studies run once."""

from __future__ import annotations

import json
import math

import pytest
from bench_scripts import loaded

from lehr.bench import Problem, hashed_seed
from lehr.bench.peers.studies import run_peer_study

pytest.importorskip("scipy")
pytest.importorskip("optuna")


peer_studies = loaded("peer_studies")
loaded("tuning_seeds")
guided = loaded("guided")


def test_halves_of_a_family_are_even_and_odd_seeds():
    assert guided.problems_of("tuning", 3) == ["tuning_space#0", "tuning_space#2", "tuning_space#4"]
    assert guided.problems_of("tuning-held-out", 2) == ["tuning_space#1", "tuning_space#3"]
    assert guided.problems_of("deploy-held-out", 2) == ["deploy_space#1", "deploy_space#3"]
    for name in (*guided.problems_of("dead", 2), *guided.problems_of("dead-held-out", 2)):
        problem = Problem.load(name)
        truths = [problem.truth(config) for config in problem.space.sample(2000, seed=1)]
        assert 0.92 <= sum(truth.outcome != "ok" for truth in truths) / 2000 <= 0.99
    assert guided.problems_of("rugged", 1) == ["rugged_space#0"]
    assert set(guided.problems_of("synthetic", 2)) >= {"crashy_branin", "random_fail"}


def test_a_study_without_a_winner_counts_as_far_from_the_optimum():
    column = peer_studies.Column([0.0, 0.05, 0.06, 7.0, math.nan], [0.5] * 5, [math.nan] * 5)
    figures = guided.figures(column)
    assert figures["within"].tolist() == [1, 1, 0, 0, 0]
    assert figures["near_optimum"].tolist() == [1, 0, 0, 0, 0]
    assert figures["regret"].tolist() == [0.0, 0.05, 0.06, 1.0, 1.0]
    assert figures["found"].tolist() == [1, 1, 1, 1, 0]


def test_differences_are_over_studies_of_one_number_and_then_over_problems():
    def column(regret):
        return peer_studies.Column(regret, [0.0] * len(regret), [math.nan] * len(regret))

    columns = {
        ("p", "guided", 25): column([0.0, 0.0, 0.9, 0.9]),
        ("q", "guided", 25): column([0.2, 0.2]),
        ("p", "tpe", 25): column([0.5, 0.1]),  # fewer studies: the first two are compared
        ("q", "tpe", 25): column([0.1, 0.1]),
        ("q", "lone", 25): column([0.0]),
    }
    rows = {(row["second"], row["figure"]): row for row in guided.differences(columns, "made-up", "guided")}
    regret = rows["tpe", "regret"]
    assert (regret["difference"], regret["pairs"]) == (pytest.approx((-0.3 + 0.1) / 2), 4)
    assert (regret["wins"], regret["losses"]) == (1, 1)
    assert rows["tpe", "within"]["difference"] == pytest.approx(0.5)
    assert rows["lone", "regret"]["pairs"] == 1
    means = {row["method"]: row for row in guided.means(columns, "made-up")}
    assert means["guided"]["regret"] == pytest.approx((0.45 + 0.2) / 2)
    assert means["guided"]["discovered"] is None
    assert "guided - tpe" in guided.line(regret)


def test_cells_have_intervals_and_duels_are_corrected():
    def column(regret):
        return peer_studies.Column(regret, [0.25] * len(regret), [1.0] * len(regret))

    columns = {
        ("p", "guided", 25): column([0.01 * i for i in range(20)]),
        ("p", "tpe", 25): column([0.01 * i + 0.5 + 0.001 * i for i in range(19)] + [math.nan]),
        ("p", "random", 25): column([0.01 * i for i in range(20)]),
    }
    rows = {row["method"]: row for row in guided.cells(columns, "made-up")}
    assert rows["guided"]["within"][0] == pytest.approx(0.3)
    assert rows["guided"]["within"][1] < 0.3 < rows["guided"]["within"][2]
    assert rows["tpe"]["found"][0] == pytest.approx(0.95)
    assert rows["tpe"]["wasted"] == [0.25, 0.25, 0.25]
    assert "tpe" in guided.line(rows["tpe"])
    verdicts = {row["second"]: row for row in guided.duels(columns, "guided")}
    assert (verdicts["tpe"]["verdict"], verdicts["tpe"]["wins"]) == ("wins", 20)
    assert verdicts["tpe"]["p_holm"] == pytest.approx(2 * verdicts["tpe"]["p"])
    assert verdicts["random"]["verdict"] == "no difference shown"
    assert "guided wins - tpe" in guided.line(verdicts["tpe"])


def test_studies_of_peers_are_kept_and_run_once(tmp_path):
    path, name = tmp_path / "peers.jsonl", "tuning_space#1"
    told = []

    def run(seeds):
        ledger = peer_studies.Ledger(path)
        peer_studies.ensure(
            ledger, [name], "optuna-random", [5, 12], seeds, told=lambda job, _: told.append(job)
        )
        return ledger

    first = run(2).column(name, "optuna-random", 12, 2)
    assert [(job.first, job.count, job.cell.budget) for job in told] == [(0, 2, 12)]
    told.clear()
    ledger = run(3)
    assert [(job.first, job.count) for job in told] == [(2, 1)]
    told.clear()
    run(3)
    assert told == []
    # The larger budget's studies tell the smaller one's.
    problem = Problem.load(name)
    for budget in (5, 12):
        column = ledger.column(name, "optuna-random", budget, 10)
        assert len(column.regret) == 3
        metrics = run_peer_study(problem, "optuna-random", budget, hashed_seed(2)).metrics()
        expected = metrics.regret / problem.optimum()[1]
        assert column.regret[2] == pytest.approx(expected, rel=0.01, nan_ok=True)
        assert column.wasted[2] == pytest.approx(metrics.wasted, rel=0.01)
    assert ledger.column(name, "optuna-random", 12, 2).wasted == first.wasted
    # A line of a problem that has changed does not count.
    lines = [json.loads(line) | {"mark": "of another law"} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert peer_studies.Ledger(path).missing(name, "optuna-random", 12, 3) == [0, 1, 2]
