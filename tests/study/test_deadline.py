"""The deadline that a study finds for itself."""

from __future__ import annotations

from typing import Any

import pytest

import lehr
from lehr.study.deadline import adapted_deadline
from lehr.trial import Trial


def trials(*seconds: float, outcome: Any = "ok") -> list[Trial]:
    return [Trial(i, {}, outcome=outcome, seconds=cost) for i, cost in enumerate(seconds)]


def test_nothing_is_concluded_from_few_trials() -> None:
    assert adapted_deadline([]) is None
    assert adapted_deadline(trials(1, 1, 1, 1)) is None
    assert adapted_deadline(trials(9, 9, 9, 9, 9, outcome="timeout")) is None


def test_it_follows_the_longest_that_ended() -> None:
    assert adapted_deadline(trials(1, 1, 1, 1, 1)) == 30.0
    assert adapted_deadline(trials(1, 1, 20, 1, 1)) == 100.0
    assert adapted_deadline([*trials(1, 1, 20, 1, 1), *trials(500, outcome="crashed")]) == 100.0


@pytest.mark.parametrize(("given", "later"), [(None, 30.0), (7.0, 7.0)])
def test_trials_get_it_unless_one_was_given(
    given: float | None, later: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stand_in import InProcess

    made: list[Any] = []

    def make(**options: Any) -> Any:
        made.append(InProcess(**options))
        return made[-1]

    monkeypatch.setattr("lehr.study.executor.Supervisor", make)
    space = lehr.Space([lehr.Int("x", 0, 9)])
    lehr.run(lambda config: 1.0, space, budget=7, method="random", storage=None, trial_timeout_s=given)
    timeouts = [options["timeout_s"] for _, options in made[0].calls]
    assert timeouts == [given] * 5 + [later] * 2
    assert [context.timeout_s for context, _ in made[0].calls] == timeouts
