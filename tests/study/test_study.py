"""What a study says about itself, and how a run ends."""

from __future__ import annotations

import sys
import time

import evaluations
import pandas as pd
import pytest
from stand_in import InProcess

import lehr
from lehr.limits import parse_limits
from lehr.study import FaultFound, PhaseChanged, StudyOpened, TrialFinished, TrialStarted
from lehr.supervise import Ending


def scripted(*rows):
    """An evaluation that ends as the rows say, in order, and a space that has a configuration for each."""
    space = lehr.Space([lehr.Int("step", 0, len(rows) - 1), lehr.Categorical("kind", ["a", "b"])])

    def evaluate(config):
        outcome, metrics, seconds = rows[config["step"]]
        return Ending(outcome, metrics, {"reason": outcome}, seconds)

    initial = [{"step": step, "kind": "a"} for step in range(len(rows))]
    options = {"objective": "score", "budget": len(rows), "storage": None, "initial": initial}
    return evaluate, space, options


@pytest.fixture
def mixed(in_process):
    evaluate, space, options = scripted(
        ("ok", {"score": 9.0, "latency_ms": 30.0, "memory_mb": 600.0}, 1.0),
        ("crashed", None, 0.5),
        ("ok", {"score": 2.0, "latency_ms": 20.0, "memory_mb": 10.0}, 1.0),
        ("timeout", None, 30.0),
        ("ok", {"score": 3.0, "latency_ms": 22.0, "memory_mb": 10.0}, 1.0),
        ("oom", None, 2.0),
        ("ok", {"score": 2.0, "latency_ms": 5.0, "memory_mb": 10.0}, 1.0),
        ("early_stopped", {"latency_ms": 99.0}, 0.25),
        ("crashed", None, 0.5),
    )
    return lehr.run(evaluate, space, constraints=["latency_ms <= 20", "memory_mb <= 512"], **options)


def test_the_best_is_feasible_and_the_earliest_among_equals(mixed):
    assert mixed.best.number == 2
    assert mixed.best.feasible
    assert mixed.best.violation == 0.0


def test_the_nearest_miss_ran_and_says_by_how_much(mixed):
    assert mixed.nearest_miss.number == 4
    (miss,) = mixed.nearest_miss.misses
    assert str(miss) == "latency_ms 22 is 2 (10%) above 20"
    assert mixed.trials[0].violation == pytest.approx(10 / 20 + 88 / 512)


def test_a_lower_limit_is_told_in_the_users_words(in_process):
    evaluate, space, options = scripted(("ok", {"score": 1.0, "accuracy": 0.6}, 1.0))
    study = lehr.run(evaluate, space, constraints=["accuracy >= 0.8"], **options)
    assert study.best is None
    assert str(study.nearest_miss.misses[0]) == "accuracy 0.6 is 0.2 (25%) below 0.8"
    assert study.optuna_study.trials[0].constraints["accuracy >="] == pytest.approx(0.2)
    assert (
        "Nothing feasible yet. Nearest miss: trial 0, accuracy 0.6 is 0.2 (25%) below 0.8." in study.explain()
    )


def test_says_what_the_budget_was_lost_to_costliest_first(mixed):
    lost = mixed.budget_lost
    assert {kind: (loss.trials, loss.seconds) for kind, loss in lost.items()} == {
        "timeout": (1, 30.0),
        "infeasible": (2, 2.0),
        "oom": (1, 2.0),
        "crashed": (2, 1.0),
        "early_stopped": (1, 0.25),
    }
    assert next(iter(lost)) == "timeout"
    assert list(lost)[-1] == "early_stopped"
    assert mixed.seconds == 37.25


def test_explains_itself_in_words(mixed):
    text = mixed.explain()
    assert text.startswith("9 of 9 trials, 37.2 s.")
    assert "Best: trial 2, score 2, step=2, kind=a." in text
    assert "Lost: timeout 1 (30.0 s), infeasible 2 (2.0 s)" in text
    assert repr(mixed) == "<lehr.Study 'study': 9 of 9 trials, best 2>"


def test_the_least_is_the_best_when_minimising(in_process):
    evaluate, space, options = scripted(
        ("ok", {"score": 2.0}, 1.0), ("ok", {"score": -1.0}, 1.0), ("crashed", None, 1.0)
    )
    study = lehr.run(evaluate, space, direction="minimize", **options)
    assert study.best.number == 1


def test_a_study_without_results_says_so(in_process):
    evaluate, space, options = scripted(("crashed", None, 1.0))
    study = lehr.run(evaluate, space, **options)
    assert study.best is None
    assert study.nearest_miss is None
    assert "Nothing has run to its end yet." in study.explain()
    assert "nothing feasible" in repr(study)


def test_to_dataframe_has_a_row_per_trial_and_typed_columns(mixed):
    frame = mixed.to_dataframe()
    assert list(frame.columns) == [
        *("number", "outcome", "feasible", "objective", "violation", "seconds"),
        *("config.step", "config.kind", "metrics.score", "metrics.latency_ms", "metrics.memory_mb"),
    ]
    assert frame["number"].tolist() == list(range(9))
    assert frame["feasible"].sum() == 2
    assert frame["metrics.latency_ms"].iloc[7] == 99.0
    assert pd.isna(frame["objective"].iloc[1])


def test_to_dataframe_without_pandas_says_what_to_do(mixed, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(lehr.LehrError, match="needs pandas: pip install pandas"):
        mixed.to_dataframe()


def test_a_finite_space_ends_the_run_when_it_is_used_up(in_process, journal):
    space = lehr.Space([lehr.Int("x", 0, 4)])
    study = lehr.run(lambda config: config["x"], space, budget=25, storage=journal)
    assert study.stopped == "exhausted"
    assert sorted(trial.config["x"] for trial in study.trials) == [0, 1, 2, 3, 4]
    assert lehr.load_study(journal).stopped == "exhausted"


def test_time_is_counted_across_sessions_and_no_trial_is_cut_short(in_process, journal):
    space = lehr.Space([lehr.Int("x", 0, 10_000)])

    def evaluate(config):
        return Ending("ok", {"objective": 1.0}, {}, 40.0)

    first = lehr.run(evaluate, space, budget=2, storage=journal, budget_seconds=100.0)
    assert (first.stopped, len(first)) == ("budget", 2)
    second = lehr.run(evaluate, space, budget=50, storage=journal, budget_seconds=79.0)
    assert (second.stopped, len(second)) == ("time", 2)

    def slow(config):
        time.sleep(1.2)
        return 1.0

    third = lehr.run(slow, space, budget=50, storage=journal, budget_seconds=81.0, version="1")
    assert (third.stopped, len(third)) == ("time", 3)
    assert third.trials[-1].outcome == "ok"


def test_events_tell_the_course_of_a_run(space, journal, in_process):
    events = []
    options = {
        "objective": "score",
        "constraints": ["latency_ms <= 20"],
        "storage": journal,
        "method": "tba-tpe",
    }
    study = lehr.run(evaluations.modelled, space, budget=25, on_event=events.append, **options)
    assert isinstance(events[0], StudyOpened)
    told = [event for event in events if isinstance(event, TrialStarted | TrialFinished)]
    for number, (started, finished) in enumerate(zip(told[::2], told[1::2], strict=True)):
        assert (started.number, started.again) == (number, False)
        assert finished.trial is study.trials[number]
        assert finished.trial.config == started.config
    changes = [(event.before, event.after) for event in events if isinstance(event, PhaseChanged)]
    assert ("tba", "tpe") in changes
    assert study.phase == "tpe"


def test_a_finished_trial_is_on_the_disk_before_it_is_announced(space, journal, in_process):
    def check(event):
        if isinstance(event, TrialFinished):
            assert lehr.load_study(journal).trials[-1] == event.trial
            assert len(journal.with_suffix(".jsonl").read_text().splitlines()) == event.trial.number + 1

    lehr.run(evaluations.modelled, space, objective="score", budget=4, storage=journal, on_event=check)


def test_an_error_in_the_callback_ends_the_run_but_not_the_study(space, journal, in_process):
    def broken(event):
        if isinstance(event, TrialFinished) and event.trial.number == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lehr.run(evaluations.modelled, space, objective="score", budget=4, storage=journal, on_event=broken)
    assert len(lehr.run(evaluations.modelled, space, objective="score", budget=4, storage=journal)) == 4


def test_a_broken_value_is_told_once_even_across_sessions(journal, in_process):
    space = lehr.Space([lehr.Categorical("backend", ["eager", "onnxruntime"]), lehr.Int("batch", 1, 1000)])

    def evaluate(config):
        if config["backend"] == "onnxruntime":
            raise ImportError("libonnx.so not found")
        return float(config["batch"])

    told = []

    def listen(event):
        if isinstance(event, FaultFound):
            told.append(event.message)

    initial = [
        {"backend": backend, "batch": batch} for batch in (1, 2, 3, 4) for backend in ("eager", "onnxruntime")
    ]
    options = {"storage": journal, "on_event": listen, "initial": initial}
    lehr.run(evaluate, space, budget=6, **options)
    study = lehr.run(evaluate, space, budget=8, **options)
    start, end = (
        "onnxruntime is broken on this machine: ImportError: libonnx.so not found",
        "--without backend=onnxruntime.",
    )
    assert told == [f"{start} (3 of 3 trials). Fix it, or drop it with {end}"]
    assert [fault.message for fault in study.faults] == [
        f"{start} (4 of 4 trials). Fix it, or drop it with {end}"
    ]
    assert study.faults[0].message in study.explain()
    assert lehr.load_study(journal).faults == study.faults


def test_the_supervisor_is_given_what_the_trial_needs(space, monkeypatch):
    made = []

    class Watched(InProcess):
        def __init__(self, **options):
            super().__init__(**options)
            made.append((self, options))

    monkeypatch.setattr("lehr.study.executor.Supervisor", Watched)
    lehr.run(
        evaluations.modelled,
        space,
        objective="score",
        constraints=["latency_ms <= 20", "score >= 0"],
        budget=12,
        trial_timeout_s=5.0,
        memory_limit_mb=100.0,
        storage=None,
        isolation="spawn",
        environment={"OMP_WAIT_POLICY": "PASSIVE"},
        preload=lambda config: ["json"] if config["backend"] == "eager" else [],
    )
    ((supervisor, options),) = made
    assert options == {
        "isolation": "spawn",
        "environment": {"OMP_WAIT_POLICY": "PASSIVE"},
        "devices": None,
        "namespace": False,
    }
    contexts = [context for context, _ in supervisor.calls]
    assert [context.number for context in contexts] == list(range(12))
    assert contexts[0].limits == parse_limits(["latency_ms <= 20", "score >= 0"])
    assert contexts[0].constraints == {"latency_ms": 20.0}
    assert (contexts[0].timeout_s, contexts[0].memory_limit_mb) == (5.0, 100.0)
    found = [context.feasible_found for context in contexts]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (False, True)
    assert {options["preload"] for _, options in supervisor.calls} == {("json",), ()}
