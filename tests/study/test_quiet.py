"""Trials that other processes disturbed: measured once more, within bounds; and what the study says of them."""

from __future__ import annotations

from typing import Any

import pytest

import lehr
from lehr.study import quiet

SPACE = lehr.Space([lehr.Int("x", 0, 9)])
BUSY = {"disturbed": "other processes used 60% of the CPUs"}


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet.psutil, "cpu_percent", lambda interval: 0.0)


def disturbed_in(calls: set[int]) -> Any:
    """An evaluation whose calls of these numbers are disturbed, and slow."""
    seen: list[int] = []

    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        number = len(seen)
        seen.append(config["x"])
        score = config["x"] * (0.5 if number in calls else 1.0)
        return {"score": score, **({"facts": BUSY} if number in calls else {})}

    evaluate.seen = seen  # type: ignore[attr-defined]
    return evaluate


def run(evaluate: Any, storage: Any = None, **options: Any) -> lehr.Study:
    return lehr.run(
        evaluate, SPACE, objective="score", method="grid", storage=storage, **({"budget": 5} | options)
    )


def test_a_disturbed_trial_is_measured_again_and_the_quiet_result_counts(in_process: None) -> None:
    evaluate = disturbed_in({1})
    study = run(evaluate, repeat_disturbed=3)
    assert evaluate.seen[1] == evaluate.seen[2]
    assert len(study) == 5
    trial = study.trials[1]
    assert trial.objective == trial.config["x"]
    (attempt,) = trial.evidence["earlier_attempts"]
    assert (attempt["class"], attempt["reason"]) == ("disturbed", BUSY["disturbed"])
    assert study.disturbed is None


def test_without_leave_it_stays_as_it_was_measured_and_the_study_says_so(in_process: None) -> None:
    study = run(disturbed_in({1, 3}))
    assert study.disturbed == lehr.study.Disturbed(2, 5, BUSY["disturbed"])
    assert [trial.disturbed for trial in study.trials] == ["", BUSY["disturbed"], "", BUSY["disturbed"], ""]


def test_the_repetitions_are_bounded(in_process: None) -> None:
    evaluate = disturbed_in({0, 2, 4})  # each is quiet when it is measured again
    run(evaluate, repeat_disturbed=2)
    assert len(evaluate.seen) == 5 + 2


def test_a_machine_that_stays_busy_is_left_alone(in_process: None) -> None:
    evaluate = disturbed_in(set(range(99)))
    study = run(evaluate, repeat_disturbed=5)
    assert len(evaluate.seen) == 5 + quiet.IN_VAIN
    assert study.disturbed is not None
    assert study.disturbed.trials == 5


def test_a_resumed_run_has_no_more_repetitions_than_an_unbroken_one(in_process: None, journal: Any) -> None:
    run(disturbed_in({0, 2}), journal, budget=2, repeat_disturbed=2)
    evaluate = disturbed_in({0, 2, 4})
    run(evaluate, journal, repeat_disturbed=2)
    assert len(evaluate.seen) == 3


def test_a_repetition_that_crashes_leaves_the_first_result(in_process: None) -> None:
    calls: list[int] = []

    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        calls.append(config["x"])
        if len(calls) == 2:
            raise RuntimeError("gone")
        return {"score": 1.0, "facts": BUSY if len(calls) == 1 else {}}

    study = run(evaluate, repeat_disturbed=1)
    assert study.trials[0].outcome == "ok"
    assert study.trials[0].disturbed


@pytest.mark.parametrize("repeats", [-1, 1.5, "2", True])
def test_a_number_of_repetitions_is_a_count(in_process: None, repeats: Any) -> None:
    with pytest.raises(lehr.OptionError, match="repeat_disturbed"):
        run(disturbed_in(set()), repeat_disturbed=repeats)


def test_the_search_is_told_what_others_took_and_limits_are_judged_without(in_process: None) -> None:
    def evaluate(config: dict[str, Any]) -> dict[str, Any]:
        facts = {**BUSY, "disturbed_share": 0.4} if config["x"] else {}
        return {"score": 100.0, "size": 5.0, "sem": {"score": 3.0}, "facts": facts}

    study = lehr.run(
        evaluate, SPACE, objective="score", constraints=["score >= 90"], method="grid", budget=2, storage=None
    )
    quiet, busy = study.trials
    assert quiet.told_errors == (3.0, {"score": 3.0})
    assert busy.told_errors == (pytest.approx((9 + 1600) ** 0.5), {"score": pytest.approx((9 + 1600) ** 0.5)})
    assert busy.feasible
    assert [trial.objective_sem for trial in study._optimizer().trials] == [
        quiet.told_errors[0], pytest.approx(busy.told_errors[0]),
    ]  # fmt: skip
