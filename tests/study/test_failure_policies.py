"""What a study does about failures, by class, and what they cost it."""

from __future__ import annotations

import os
import signal
import time

import pytest

import lehr
from lehr.study.policies import DEFAULTS, failure_class
from lehr.supervise import Ending

SPACE = lehr.Space([lehr.Ordinal("x", list(range(8)))])
OPTIONS = {"objective": "score", "method": "grid", "budget": 8}
ENDS = {
    "crashed": Ending("crashed", None, {"reason": "it raised", "signature": "E"}, 0.01),
    "timeout": Ending("timeout", None, {"reason": "too long", "signature": "timeout"}, 0.01),
    "oom": Ending("oom", None, {"reason": "too much", "signature": "oom"}, 0.01),
    "killed": Ending(
        "crashed",
        None,
        {"reason": "died", "signature": "SIGKILL", "cause": "killed"},
        0.01,
    ),
    "lost": Ending("timeout", None, {"reason": "too long", "signature": "timeout", "lost": [17]}, 0.01),
    "quarantined": Ending("crashed", None, {"reason": "no", "signature": "q", "cause": "quarantined"}, 0.0),
}


class Ends:
    """Evaluates in this process; the third configuration fails, as often as it is told to."""

    def __init__(self, kind, times):
        self.kind, self.times, self.calls = kind, times, 0

    def __call__(self, config):
        self.calls += 1
        if config["x"] == 2 and self.times:
            self.times -= 1
            end = ENDS[self.kind]
            return Ending(end.outcome, None, dict(end.evidence), end.seconds)
        return {"score": float(config["x"])}


@pytest.mark.parametrize(("kind", "end"), ENDS.items())
def test_a_failure_has_a_class(kind, end):
    assert failure_class(end) == kind


def test_what_is_no_failure_has_none():
    assert failure_class(Ending("ok", 1, {}, 0.1)) is None
    assert failure_class(Ending("early_stopped", {}, {"reason": "slow"}, 0.1)) is None


def test_a_fault_signal_is_the_evaluations_own():
    evidence = {"signal": "SIGSEGV", "cause": "fault"}
    assert failure_class(Ending("crashed", None, evidence, 0.1)) == "crashed"


@pytest.mark.parametrize("kind", ENDS)
def test_count_takes_it_as_it_is(in_process, kind):
    evaluate = Ends(kind, 5)
    study = lehr.run(evaluate, SPACE, storage=None, policies={kind: "count"}, **OPTIONS)
    assert (study.stopped, len(study), evaluate.calls) == ("budget", 8, 8)
    assert study.trials[2].outcome == ENDS[kind].outcome


@pytest.mark.parametrize("kind", ENDS)
def test_retry_takes_what_comes_second(in_process, kind):
    evaluate = Ends(kind, 1)
    study = lehr.run(evaluate, SPACE, storage=None, policies={kind: "retry"}, **OPTIONS)
    assert (study.stopped, len(study), evaluate.calls) == ("budget", 8, 9)
    trial = study.trials[2]
    assert trial.outcome == "ok"
    (attempt,) = trial.evidence["earlier_attempts"]
    assert (attempt["class"], attempt["outcome"]) == (kind, ENDS[kind].outcome)
    assert attempt["reason"] == ENDS[kind].evidence["reason"]


@pytest.mark.parametrize("kind", ENDS)
def test_retry_happens_once(in_process, kind):
    evaluate = Ends(kind, 5)
    study = lehr.run(evaluate, SPACE, storage=None, policies={kind: "retry"}, **OPTIONS)
    assert (len(study), evaluate.calls) == (8, 9)
    assert study.trials[2].outcome == ENDS[kind].outcome


@pytest.mark.parametrize("kind", ENDS)
def test_stop_ends_the_run_and_keeps_the_trial(in_process, journal, kind):
    study = lehr.run(Ends(kind, 1), SPACE, storage=journal, policies={kind: "stop"}, **OPTIONS)
    assert (study.stopped, study.stopped_by, len(study)) == ("policy", kind, 3)
    assert study.trials[2].outcome == ENDS[kind].outcome
    assert lehr.load_study(journal).stopped_by == kind
    # Going on is the user's decision: the trial is not run again.
    study = lehr.run(Ends(kind, 0), SPACE, storage=journal, version="mended", **OPTIONS)
    assert (study.stopped, len(study)) == ("budget", 8)
    assert study.trials[2].outcome == ENDS[kind].outcome


def test_only_kills_from_outside_are_retried_unless_told_otherwise():
    assert {kind for kind, action in DEFAULTS.items() if action == "retry"} == {"killed"}
    assert "stop" not in DEFAULTS.values()


def test_a_resumed_study_keeps_its_policies(in_process, journal):
    lehr.run(Ends("oom", 1), SPACE, storage=journal, policies={"oom": "retry"}, **{**OPTIONS, "budget": 2})
    evaluate = Ends("oom", 1)
    study = lehr.run(evaluate, SPACE, storage=journal, **OPTIONS)
    assert evaluate.calls == 7  # six trials were left, one of them ran twice
    assert study.trials[2].outcome == "ok"


def test_a_kill_from_outside_is_repeated_in_a_real_child(journal, tmp_path):
    """The first time, somebody kills the process; the second time nobody does, in another helper."""
    mark = tmp_path / "killed"

    def evaluate(config):
        if config["x"] == 2 and not mark.exists():
            mark.write_text(str(os.getppid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return {"score": float(config["x"]), "facts": {"helper": os.getppid()}}

    study = lehr.run(evaluate, SPACE, storage=journal, **{**OPTIONS, "budget": 3})
    trial = study.trials[2]
    assert trial.outcome == "ok"
    assert trial.evidence["earlier_attempts"][0]["class"] == "killed"
    assert trial.facts["helper"] != int(mark.read_text())


class TestBudgetInSeconds:
    def test_a_failure_costs_what_it_cost(self, in_process):
        def evaluate(config):
            return Ending("timeout", None, {"reason": "r", "signature": "timeout"}, 30.0)

        study = lehr.run(evaluate, SPACE, objective="score", budget_seconds=100.0, storage=None)
        assert (study.stopped, study.cost_seconds) == ("time", 120.0)
        assert {trial.outcome for trial in study.trials} == {"timeout"}

    def test_both_attempts_are_paid_for(self, in_process, journal):
        end = Ending("oom", None, {"reason": "r", "signature": "oom"}, 30.0)

        def evaluate(config):
            return Ending(end.outcome, None, dict(end.evidence), end.seconds)

        study = lehr.run(
            evaluate, SPACE, storage=journal, policies={"oom": "retry"}, **{**OPTIONS, "budget": 1}
        )
        assert study.cost_seconds == 60.0
        again = lehr.run(
            evaluate, SPACE, storage=journal, budget_seconds=59.0, objective="score", method="grid"
        )
        assert (again.stopped, len(again)) == ("time", 1)
        again = lehr.run(
            evaluate, SPACE, storage=journal, budget_seconds=60.5, objective="score", method="grid", budget=2
        )
        assert (again.stopped, len(again)) == ("budget", 2)

    def test_it_ends_the_run_without_cutting_a_trial_short(self, in_process):
        def evaluate(config):
            time.sleep(0.2)
            return {"score": 1.0}

        space = lehr.Space([lehr.Int("x", 0, 10**6)])
        study = lehr.run(evaluate, space, objective="score", budget_seconds=1.0, storage=None)
        assert study.stopped == "time"
        assert 1 <= len(study) <= 6
        assert {trial.outcome for trial in study.trials} == {"ok"}
        assert study.cost_seconds >= 0.9

    def test_it_lifts_the_default_number_of_trials(self, in_process):
        space = lehr.Space([lehr.Int("x", 0, 10**6)])

        def evaluate(config):
            return Ending("ok", {"objective": 1.0}, {}, 10.0)

        study = lehr.run(evaluate, space, budget_seconds=400.0, storage=None, method="random")
        assert (study.stopped, len(study)) == ("time", 40)
