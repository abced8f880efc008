"""How the rules work together in a running search."""

from __future__ import annotations

import math

import pytest

import lehr


def space():
    return lehr.Space(
        [
            lehr.Categorical("backend", ["eager", "compile", "onnx"]),
            lehr.Categorical("precision", ["fp32", "fp16"]),
            lehr.Int("batch", 1, 64, log=True),
        ]
    )


def search(method="tba-tpe", limit=20.0, **keywords):
    return lehr.Optimizer(space(), method=method, constraints={"latency": limit}, **keywords)


def tell(optimizer, trial, latency, objective=1.0):
    optimizer.tell(trial, objective=objective, metrics={"latency": latency})


def test_the_walk_starts_after_the_initial_trials():
    optimizer = search("tba")
    for _ in range(5):
        assert optimizer.stage == "initial"
        trial = optimizer.ask()
        assert trial.origin == "initial"
        tell(optimizer, trial, 50.0)
    assert optimizer.stage == "feasibility"
    assert optimizer.temperature == 1.0
    assert optimizer.ask().origin in {"structural", "numeric"}


def test_the_first_feasible_result_turns_the_search_to_optimisation():
    optimizer = search("tba")
    for latency in (50.0, 40.0, 45.0, 60.0, 41.0, 30.0):
        tell(optimizer, optimizer.ask(), latency)
    assert optimizer.stage == "feasibility"
    assert optimizer.temperature == pytest.approx(0.95)
    tell(optimizer, optimizer.ask(), 10.0)
    assert (optimizer.stage, optimizer.temperature) == ("optimisation", 0.7)


def test_feasible_among_the_initial_trials_starts_in_optimisation():
    optimizer = search("tba")
    for latency in (50.0, 10.0, 45.0, 60.0, 41.0):
        tell(optimizer, optimizer.ask(), latency)
    assert (optimizer.stage, optimizer.temperature) == ("optimisation", 0.7)


def test_a_crash_counts_as_no_improvement_and_is_never_the_current_state():
    optimizer = search("tba")
    for latency in (50.0, 40.0, 45.0, 60.0, 41.0):
        tell(optimizer, optimizer.ask(), latency)
    standing = optimizer.explain().split("stands at trial ")[1].split(".")[0]
    for _ in range(4):
        optimizer.tell(optimizer.ask(), outcome="crashed")
    assert optimizer.temperature == pytest.approx(0.8)
    assert f"stands at trial {standing}." in optimizer.explain()


def test_handoff_comes_when_due_and_says_what_it_waits_for():
    optimizer = search(seed=4)
    tell(optimizer, optimizer.ask(), 50.0)
    words = optimizer.explain()
    assert "handoff to TPE waits for 5 results (1 so far), 5 feasible results (0 so far)" in words
    assert "3 values of backend (0 so far)" in words
    while optimizer.phase == "tba":
        trial = optimizer.ask()
        tell(optimizer, trial, 50.0 if trial.config["precision"] == "fp16" else 10.0)
    told = optimizer.trials
    feasible = [trial for trial in told if trial.feasible]
    if len(told) < 15:
        assert len(feasible) >= 5
        assert len(told) - len(feasible) >= 3
        assert {trial.config["backend"] for trial in feasible} == {"eager", "compile", "onnx"}
    assert optimizer.ask().origin == "tpe"
    assert f"handed over after {len(told)} trials" in optimizer.explain()


def test_handoff_at_15_trials_even_if_nothing_was_feasible():
    optimizer = search()
    for _ in range(15):
        assert optimizer.phase == "tba"
        optimizer.tell(optimizer.ask(), outcome="crashed")
    assert optimizer.phase == "tpe"


def test_values_seen_feasible_only_count_in_the_default_preset():
    paper, default = search(preset="paper"), search()
    for optimizer in (paper, default):
        for backend in ("eager", "compile", "onnx"):
            optimizer.add({"backend": backend, "precision": "fp32", "batch": 1}, outcome="crashed")
        for batch in range(2, 8):
            optimizer.add(
                {"backend": "eager", "precision": "fp32", "batch": batch},
                objective=1.0,
                metrics={"latency": 1},
            )
    assert paper.phase == "tpe"
    assert default.phase == "tba"


def test_blacklist_is_explained_and_not_proposed():
    optimizer = search("tba", options={"initial_trials": 1})
    for batch in (1, 2, 3):
        optimizer.add({"backend": "compile", "precision": "fp32", "batch": batch}, outcome="crashed")
    words = optimizer.explain()
    assert "backend='compile' is blacklisted: 3 failures in a row" in words
    assert "backend='compile' with precision='fp32' is blacklisted" in words
    assert "once 11 trials have finished (8 more)" in words
    for _ in range(4):
        trial = optimizer.ask()
        assert trial.config["backend"] != "compile"
    optimizer.add(
        {"backend": "compile", "precision": "fp16", "batch": 9}, objective=1.0, metrics={"latency": 1.0}
    )
    assert "backend='compile' is blacklisted" not in optimizer.explain()


def test_blacklist_can_be_switched_off():
    optimizer = search("tba", options={"blacklist": False})
    for batch in range(1, 9):
        optimizer.add({"backend": "compile", "precision": "fp32", "batch": batch}, outcome="crashed")
    assert "Nothing is blacklisted" in optimizer.explain()


def test_while_everything_crashes_the_search_moves_away():
    for method in ("tba", "tpe", "tba-tpe"):
        optimizer = search(method, options={"blacklist": False, "startup_trials": 0, "initial_trials": 3})
        for batch in (1, 2, 4, 8, 16, 32):
            optimizer.add({"backend": "compile", "precision": "fp32", "batch": batch}, outcome="crashed")
        proposals = [optimizer.ask() for _ in range(12)]
        assert {trial.origin for trial in proposals} == {"away"}
        near = [
            trial
            for trial in proposals
            if (trial.config["backend"], trial.config["precision"]) == ("compile", "fp32")
        ]
        assert len(near) <= 1, method


def test_elite_restart_proposes_beside_the_second_or_third_best():
    optimizer = search("tba", seed=2)
    for number in range(12):
        trial = optimizer.ask()
        tell(optimizer, trial, 10.0, objective=float(number))
    assert optimizer.ask().origin == "elite"
    without = search("tba", seed=2, options={"elite_period": 0})
    for number in range(12):
        tell(without, without.ask(), 10.0, objective=float(number))
    assert without.ask().origin in {"structural", "numeric"}


class TestSplit:
    def test_feasible_by_objective_then_violation_and_crashes_never_below(self):
        optimizer = search("tpe", options={"below_share": 0.5})
        results = [
            {"outcome": "crashed"},
            {"objective": 1.0, "metrics": {"latency": 90.0}},
            {"objective": 1.0, "metrics": {"latency": 10.0}},
            {"objective": 9.0, "metrics": {"latency": 21.0}},
            {"objective": 2.0, "metrics": {"latency": 10.0}},
            {"outcome": "timeout"},
            {"outcome": "oom"},
        ]
        for batch, result in enumerate(results, start=1):
            optimizer.add({"backend": "eager", "precision": "fp32", "batch": batch}, **result)
        pending = optimizer.ask()
        assert optimizer.split() == ([1, 2, 3, 4], [0, 5, 6, pending.number])

    def test_below_may_be_empty_while_nothing_ran(self):
        optimizer = search("tpe")
        optimizer.add({"backend": "eager", "precision": "fp32", "batch": 1}, outcome="crashed")
        assert optimizer.split() == ([], [0])

    @pytest.mark.parametrize(("share", "below"), [(0.7, [0, 1, 2]), (0.6, [0, 2])])
    def test_paper_ranks_a_crash_as_a_violation_of_100(self, share, below):
        optimizer = search("tpe", preset="paper", options={"below_share": share})
        results = [
            {"outcome": "crashed"},
            {"objective": 1.0, "metrics": {"latency": 500.0}},
            {"objective": 1.0, "metrics": {"latency": 30.0}},
        ]
        for batch, result in enumerate(results, start=1):
            optimizer.add({"backend": "eager", "precision": "fp32", "batch": batch}, **result)
        assert [trial.violation for trial in optimizer.trials] == [100.0, 480.0, 10.0]
        assert optimizer.split()[0] == below

    def test_methods_without_densities_say_so(self):
        for method in ("random", "grid", "tba"):
            with pytest.raises(lehr.OptionError, match="has no densities"):
                search(method).split()


def test_a_crash_ranks_below_any_violation_by_default():
    optimizer = search()
    trial = optimizer.ask()
    optimizer.tell(trial, outcome="crashed")
    assert trial.violation == math.inf


def test_an_early_stop_ranks_by_its_partial_latency():
    optimizer = search()
    stopped, silent = optimizer.ask(), optimizer.ask()
    optimizer.tell(stopped, outcome="early_stopped", metrics={"latency": 120.0})
    optimizer.tell(silent, outcome="early_stopped")
    assert stopped.violation == pytest.approx(5.0)
    assert silent.violation == math.inf
    assert not stopped.feasible


def test_score_prefers_what_the_better_results_have():
    optimizer = search("tpe")
    for batch in range(1, 31):
        backend = "onnx" if batch <= 3 else "eager"
        optimizer.add(
            {"backend": backend, "precision": "fp32", "batch": batch},
            objective=10.0 if backend == "onnx" else 1.0,
            metrics={"latency": 1.0},
        )
    good, bad = optimizer.score(
        [
            {"backend": "onnx", "precision": "fp32", "batch": 40},
            {"backend": "eager", "precision": "fp32", "batch": 40},
        ]
    )
    assert good > bad


def test_correlations_across_branches_are_kept():
    """A child's good values go with its parent's choice, not with the child alone."""
    branched = lehr.Space(
        [
            lehr.Categorical("solver", ["a", "b"]),
            lehr.Categorical("mode", ["slow", "fast"]),
            lehr.Int("depth", 0, 100, when=lehr.param("solver") == "a"),
        ]
    )
    optimizer = lehr.Optimizer(branched, method="tpe", options={"below_share": 0.5})
    for depth in range(10):
        optimizer.add({"solver": "a", "mode": "fast", "depth": 90 + depth}, objective=2.0)
        optimizer.add({"solver": "a", "mode": "slow", "depth": depth}, objective=2.0)
        optimizer.add({"solver": "a", "mode": "fast", "depth": depth}, objective=0.0)
        optimizer.add({"solver": "b", "mode": "slow"}, objective=0.0)
    together, apart = optimizer.score(
        [{"solver": "a", "mode": "fast", "depth": 95}, {"solver": "a", "mode": "fast", "depth": 5}]
    )
    assert together > apart
