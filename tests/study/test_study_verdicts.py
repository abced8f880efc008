"""Limits on what varies: borderline counts as told, and a winner that flips is no winner."""

from __future__ import annotations

import math
from typing import Any

import pytest

import lehr
from lehr import OptionError, StorageError
from lehr.study import WinnerMeasured, load_study

SPACE = lehr.Space([lehr.Int("x", 0, 4)])


def answered(answers: dict[int, str], again: dict[int, str] | None = None) -> Any:
    """Objective x; the verdict by x, another one when the winner is measured again."""
    seen: set[int] = set()

    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        x = config["x"]
        answer = (again or answers)[x] if x in seen else answers[x]
        seen.add(x)
        verdict = {"answer": answer, "probability": 0.6, "reason": f"x={x} is {answer}"}
        return {"score": float(x), "latency_ms": 10.0, "verdicts": {"latency_ms": verdict}}

    return evaluate


def run(evaluate: Any, storage: Any = None, **options: Any) -> lehr.Study:
    settings = {"method": "grid", "budget": 5} | options
    return lehr.run(
        evaluate, SPACE, objective="score", constraints=["latency_ms <= 20"], storage=storage, **settings
    )


ALL = dict.fromkeys(range(5), "feasible")


def test_a_borderline_trial_is_not_feasible_and_says_why(in_process: None) -> None:
    study = run(answered({**ALL, 4: "borderline"}))
    trial = next(one for one in study.trials if one.config["x"] == 4)
    assert not trial.feasible
    assert trial.violation == pytest.approx(1e-3)
    assert str(trial.misses[0]) == "borderline: x=4 is borderline"
    assert trial.metrics["latency_ms"] == 10.0
    assert study.best is not None
    assert study.best.config["x"] == 3


def test_what_is_open_is_nearer_than_what_is_missed_and_is_lost_as_such(in_process: None) -> None:
    """Missed by a hair: as a figure that is nearer to the limit than what the search is told of an open one."""

    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        if config["x"] == 2:
            verdict = {"answer": "borderline", "probability": 0.6, "reason": "60 calls are too few"}
            return {"score": 1.0, "latency_ms": 13.0, "verdicts": {"latency_ms": verdict}}
        return {"score": 1.0, "latency_ms": 20.0001}

    study = run(evaluate)
    near = study.nearest_miss
    assert near is not None
    assert near.config["x"] == 2
    assert near.is_open
    assert {kind: loss.trials for kind, loss in study.budget_lost.items()} == {
        "infeasible": 4,
        "borderline": 1,
    }
    assert "borderline: 60 calls are too few" in study.explain()


def test_borderline_may_be_accepted(in_process: None) -> None:
    study = run(answered({**ALL, 4: "borderline"}), accept_borderline=True)
    assert study.best is not None
    assert study.best.config["x"] == 4


def test_the_winner_is_measured_again(in_process: None) -> None:
    events: list[Any] = []
    study = run(answered(ALL), on_event=events.append)
    assert [(one.trial, one.held) for one in study.confirmations.values()] == [(study.best.number, True)]
    assert sum(isinstance(event, WinnerMeasured) for event in events) == 1
    assert "it met every limit" in study.explain()


def test_a_winner_that_flips_is_no_winner(in_process: None) -> None:
    study = run(answered(ALL, {**ALL, 4: "infeasible", 3: "borderline"}))
    assert study.best is not None
    assert study.best.config["x"] == 2
    assert [one.held for one in study.confirmations.values()] == [False, False, True]
    assert "is no winner" in study.explain()
    assert len(study) == 5  # measuring again is no trial


def disturbed_again(again: dict[int, str]) -> Any:
    """As ``answered``, on a machine that others use when a winner is measured again."""
    first, seen = answered(ALL, again), set()

    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = first(config)
        if config["x"] in seen:
            result["facts"] = {"disturbed": "other processes used 60% of the CPUs"}
        seen.add(config["x"])
        return result

    return evaluate


def test_on_a_disturbed_machine_the_next_that_holds_wins(in_process: None) -> None:
    study = run(disturbed_again({**ALL, 4: "infeasible"}))
    assert study.best is not None
    assert study.best.config["x"] == 3
    assert [(one.held, one.refuted) for one in study.confirmations.values()] == [
        (False, False),
        (True, False),
    ]


def test_on_a_disturbed_machine_what_is_not_confirmed_stays_and_says_so(
    in_process: None, tmp_path: Any
) -> None:
    journal = tmp_path / "study.journal"
    study = run(disturbed_again(dict.fromkeys(range(5), "infeasible")), storage=journal, confirm=5)
    assert len(study.confirmations) == 5
    for one in (study, load_study(journal)):
        assert one.best is not None
        assert one.best.config["x"] == 4
        assert "Not confirmed: measured again, it did not meet the limits" in one.explain()
        assert "other processes used 60% of the CPUs" in one.explain()
        assert f"Trial {one.best.number} is no winner" not in one.explain()


def test_measuring_again_is_bounded(in_process: None) -> None:
    evaluate = answered(ALL, dict.fromkeys(range(5), "infeasible"))
    study = run(evaluate, confirm=2)
    assert len(study.confirmations) == 2
    assert study.best is not None
    assert study.best.config["x"] == 2
    assert not run(answered(ALL), confirm=0).confirmations


def test_figures_without_verdicts_are_not_measured_again(in_process: None) -> None:
    study = run(lambda config: {"score": float(config["x"]), "latency_ms": 10.0})
    assert study.confirmations == {}


def test_a_winner_that_crashes_is_no_winner(in_process: None) -> None:
    inner, calls = answered(ALL), []

    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        calls.append(config["x"])
        if config["x"] == 4 and calls.count(4) == 2:
            raise RuntimeError("out of luck")
        return dict(inner(config))

    study = run(evaluate)
    assert study.best is not None
    assert study.best.config["x"] == 3
    assert "RuntimeError" in next(iter(study.confirmations.values())).reason


def test_it_all_survives_the_journal(in_process: None, journal: Any) -> None:
    again = {**ALL, 4: "infeasible"}
    study = run(answered({**ALL, 1: "borderline"}, again), journal)
    loaded = load_study(journal)
    assert loaded.confirmations == study.confirmations
    assert loaded.best is not None
    assert loaded.best.config["x"] == 3
    assert [one.judged for one in loaded.trials] == [one.judged for one in study.trials]
    resumed = run(answered(ALL), journal, version="1")  # nothing left to do: nobody is measured twice
    assert resumed.confirmations == study.confirmations
    with pytest.raises(StorageError, match="accept_borderline is False there and True here"):
        run(answered(ALL), journal, accept_borderline=True)


def test_the_search_is_told_a_small_violation(in_process: None, journal: Any) -> None:
    study = run(answered(dict.fromkeys(range(5), "borderline")), journal)
    stored = study.optuna_study.trials[0]
    assert math.isclose(stored.system_attrs["constraints:latency_ms"], 0.02)


@pytest.mark.parametrize("confirm", [-1, True, 1.5])
def test_confirm_is_a_count(confirm: Any) -> None:
    with pytest.raises(OptionError, match="confirm"):
        run(answered(ALL), confirm=confirm)
