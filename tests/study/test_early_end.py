"""Ending before the budget is spent: when, why, and the same however often the study was resumed."""

from __future__ import annotations

import pytest
from stand_in import InProcess

import lehr
from lehr.study.early import IN_A_ROW, LEAST_TRIALS, EarlyEnd

OPTIONS = {"constraints": ["latency <= 8"], "method": "guided", "seed": 7}
SPACE = lehr.Space(
    [
        lehr.Categorical("model", ["small", "medium", "large"]),
        lehr.Categorical("backend", ["eager", "compile", "onnx"]),
        lehr.Int("batch", 1, 256, log=True),
    ]
)


def evaluate(config):
    """Accuracy by model alone, so that there is soon nothing left to gain; compile crashes."""
    if config["backend"] == "compile":
        raise RuntimeError("no compiler")
    model = SPACE.variables[0].choices.index(config["model"])
    latency = 2.0**model * config["batch"] ** 0.8 * (0.6 if config["backend"] == "onnx" else 1.0)
    return {"objective": 0.7 + 0.1 * model, "latency": latency}


def sequence(study):
    return [(trial.number, trial.config, trial.origin, trial.outcome) for trial in study.trials]


def unstored(**options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lehr.study.executor.Supervisor", InProcess)
        return lehr.run(evaluate, SPACE, budget=40, storage=None, **OPTIONS, **options)


@pytest.fixture(scope="module")
def whole():
    """The study that never ends early."""
    return unstored()


@pytest.fixture(scope="module")
def ended():
    return unstored(early_end=True)


class Scripted:
    """A search that says what it is told to."""

    def __init__(self, *said):
        self._said = iter(said)

    @property
    def finished(self):
        return "nothing left" if next(self._said) else None


class TestTheRule:
    def ends(self, *said):
        early = EarlyEnd(Scripted(*said))
        for told in range(1, 40):
            try:
                early.look(told)
            except StopIteration:
                return None
            if early.reason is not None:
                return told
        raise AssertionError

    def test_what_was_said_once_may_be_taken_back(self):
        first = LEAST_TRIALS - IN_A_ROW + 1
        assert self.ends(*[True] * IN_A_ROW) == first + IN_A_ROW - 1 == LEAST_TRIALS
        taken_back = [*[True] * (IN_A_ROW - 1), False]
        assert self.ends(*taken_back * 4) is None
        assert self.ends(*taken_back * 4, *[True] * IN_A_ROW) == first + 5 * IN_A_ROW - 1

    def test_the_search_is_not_asked_before_it_matters(self):
        early = EarlyEnd(Scripted())
        for told in range(1, LEAST_TRIALS - IN_A_ROW + 1):
            early.look(told)
        assert early.reason is None

    def test_a_reason_is_withdrawn_when_the_search_changes_its_mind(self):
        early = EarlyEnd(Scripted(*[True] * IN_A_ROW, False))
        for told in range(LEAST_TRIALS, LEAST_TRIALS + IN_A_ROW):
            early.look(told)
        assert early.reason == "nothing left"
        early.look(LEAST_TRIALS + IN_A_ROW)
        assert early.reason is None


def test_a_study_ends_early_where_asked_and_says_why(ended, whole):
    assert LEAST_TRIALS <= len(ended) < 40
    assert (ended.stopped, whole.stopped) == ("early", "budget")
    assert f"trial {ended.best.number}" in ended.ended_early
    assert whole.ended_early is None
    assert f"Ended early: {ended.ended_early}." in ended.explain()
    assert "Ended early" not in whole.explain()
    assert sequence(ended) == sequence(whole)[: len(ended)]
    assert ended.best.objective == whole.best.objective


def test_a_smaller_budget_comes_first(ended, in_process):
    study = lehr.run(evaluate, SPACE, budget=len(ended) - 1, storage=None, early_end=True, **OPTIONS)
    assert (study.stopped, study.ended_early) == ("budget", None)
    exactly = lehr.run(evaluate, SPACE, budget=len(ended), storage=None, early_end=True, **OPTIONS)
    assert exactly.stopped == "budget"


@pytest.mark.parametrize("budgets", [(5, 40), (1, 12, 13, 14, 40), "one by one"])
def test_it_ends_at_the_same_trial_however_often_it_is_resumed(ended, in_process, journal, budgets):
    if budgets == "one by one":
        budgets = range(LEAST_TRIALS - 3, len(ended) + 2)
    for budget in budgets:
        study = lehr.run(evaluate, SPACE, budget=budget, storage=journal, early_end=True, **OPTIONS)
    assert sequence(study) == sequence(ended)
    assert (study.stopped, study.ended_early) == ("early", ended.ended_early)


@pytest.mark.parametrize("back", [1, 2, 3])
def test_it_ends_at_the_same_trial_after_a_run_that_died(ended, in_process, journal, back):
    class Died(BaseException):
        pass

    last = len(ended) - back + 1

    def dies(config, seen=[]):  # noqa: B006
        seen.append(config)
        if len(seen) == last:
            raise Died
        return evaluate(config)

    with pytest.raises(Died):
        lehr.run(dies, SPACE, budget=40, storage=journal, early_end=True, **OPTIONS)
    study = lehr.run(evaluate, SPACE, budget=40, storage=journal, early_end=True, version="1", **OPTIONS)
    assert sequence(study) == sequence(ended)
    assert study.stopped == "early"


def test_a_study_that_ended_early_goes_on_only_when_asked_to(ended, whole, in_process, journal):
    lehr.run(evaluate, SPACE, budget=40, storage=journal, early_end=True, **OPTIONS)
    loaded = lehr.load_study(journal)
    assert (loaded.stopped, loaded.ended_early) == ("early", ended.ended_early)

    def must_not_run(config):
        raise AssertionError("a finished study evaluates nothing")

    again = lehr.run(must_not_run, SPACE, budget=500, storage=journal, early_end=True, version="1", **OPTIONS)
    assert (len(again), again.stopped, again.ended_early) == (len(ended), "early", ended.ended_early)

    on = lehr.run(evaluate, SPACE, budget=40, storage=journal, version="1", **OPTIONS)
    assert (on.stopped, on.ended_early) == ("budget", None)
    assert sequence(on) == sequence(whole)
    assert lehr.load_study(journal).ended_early is None


def test_initial_configurations_are_evaluated_before_anything_ends(in_process, journal):
    known = {"model": "large", "backend": "eager"}
    initial = [{**known, "batch": batch} for batch in range(1, 31)]
    options = {**OPTIONS, "initial": initial, "early_end": True, "budget": 50}
    unbroken = lehr.run(evaluate, SPACE, storage=None, **options)
    assert 30 < len(unbroken) < 50
    for budget in (29, 30, 31, 50):
        study = lehr.run(evaluate, SPACE, storage=journal, **{**options, "budget": budget})
    assert sequence(study) == sequence(unbroken)


def test_other_methods_spend_the_budget(in_process):
    study = lehr.run(
        evaluate, SPACE, budget=30, storage=None, early_end=True, **{**OPTIONS, "method": "tba-tpe"}
    )
    assert (study.stopped, len(study)) == ("budget", 30)


def test_a_space_that_is_used_up_is_exhausted_not_ended_early(in_process):
    space = lehr.Space([lehr.Int("x", 0, LEAST_TRIALS - 1)])
    study = lehr.run(
        lambda config: config["x"], space, budget=50, storage=None, method="guided", early_end=True
    )
    assert (study.stopped, study.ended_early) == ("exhausted", None)


def test_nothing_ends_while_nothing_is_feasible(in_process):
    study = lehr.run(
        evaluate,
        SPACE,
        budget=40,
        storage=None,
        early_end=True,
        **{**OPTIONS, "constraints": ["latency <= 0.1"]},
    )
    assert (study.stopped, study.best) == ("budget", None)
