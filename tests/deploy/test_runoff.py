"""The final of a tuning run, on made-up measurements: who takes part, who wins, and what a killed run keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import lehr
from lehr.deploy.objective import parse_objective
from lehr.deploy.runoff import FinalEvent, choose, run_final
from lehr.limits import Limit, parse_limits
from lehr.study import Job

SPACE = lehr.Space([lehr.Int("x", 0, 9)])
DEFAULT = {"x": 0}
THROUGHPUT = parse_objective("throughput")
LIMITS = parse_limits("latency_p95_ms <= 20")
HERE = {"machine": {"cpu": "a"}, "versions": {"onnxruntime": "1"}, "measured": "2026-01-01T00:00:00+00:00"}

Law = Callable[[int, int], dict[str, Any]]
"""What a configuration's measurement of this number comes to."""


def figures(
    speed: float, *, sem: float = 0.0, latency: float = 10.0, answer: str = "", **facts: Any
) -> dict[str, Any]:
    verdicts = {"latency_p95_ms": {"answer": answer}} if answer else {}
    return {
        "throughput_items_s": speed, "latency_p95_ms": latency, "memory_peak_mb": 50.0, "verdicts": verdicts,
        "sem": {"throughput_items_s": sem} if sem else {}, "facts": facts,
    }  # fmt: skip


class Measured:
    """An executor that answers by a law; ``dies_at`` is the measurement in which the machine fails."""

    def __init__(self, law: Law, dies_at: float = math.inf) -> None:
        self.law, self.dies_at = law, dies_at
        self.finals: list[int] = []
        self._seen: dict[int, int] = {}

    def run(self, _evaluate: Any, job: Job) -> lehr.Ending:
        x = job.config["x"]
        number = self._seen[x] = self._seen.get(x, -1) + 1
        if job.context.confirming:
            if len(self.finals) >= self.dies_at:
                raise KeyboardInterrupt
            self.finals.append(x)
        result = self.law(x, number)
        if "outcome" in result:
            return lehr.Ending(result["outcome"], None, {"reason": "it broke"}, 0.1)
        return lehr.Ending("ok", result, {}, 0.1)

    def close(self) -> None:
        pass


def final(
    law: Law, *, storage: Any = None, dies_at: float = math.inf, seconds: float | None = None, **options: Any
) -> Any:
    """The final of a study of five configurations, 0 being the default one: its result and the executor."""
    measured = Measured(law, dies_at)
    found: list[Any] = []
    events: list[Any] = []

    def finish(finishing: Any) -> None:
        found.append(
            run_final(
                finishing, objective=options.get("objective", THROUGHPUT), limits=options.get("limits", LIMITS),
                baseline=DEFAULT, seconds=seconds, seed=0, surroundings=HERE, on_change=lambda _: None,
            )
        )  # fmt: skip

    study = lehr.run(
        lambda _: {}, SPACE, objective="throughput_items_s", constraints=options.get("limits", LIMITS), budget=5,
        storage=storage, initial=[{"x": x} for x in range(5)], executor=measured, finish=finish,
        on_event=events.append,
    )  # fmt: skip
    return found[0], measured, study, [one for one in events if isinstance(one, FinalEvent)]


def noise(x: int, number: int) -> float:
    """A share from about -1 to 1 %, the same for every run."""
    return 0.01 * math.sin(7.1 * x + 3.3 * number)


def test_what_is_better_in_truth_wins_and_carries_the_finals_figures() -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        lucky = 1.3 if (x, number) == (1, 0) else 1.0  # the search's best by luck alone
        return figures((100.0, 110.0, 130.0, 60.0, 50.0)[x] * lucky * (1 + noise(x, number)), sem=0.5)

    found, measured, study, events = final(law)
    assert study.best.config == {"x": 1}
    assert found.winner == 2
    assert found.complete
    won = found.figures(2)
    assert won.config == {"x": 2}
    assert won.metrics["throughput_items_s"] == pytest.approx(130.0, rel=0.02)
    assert won.sem["throughput_items_s"] > 0
    assert found.figures(0).metrics["throughput_items_s"] == pytest.approx(100.0, rel=0.02)
    assert [one.answer for one in found.judgements(2)] == ["met"]
    assert set(measured.finals) == {0, 1, 2}  # 3 and 4 are too far behind
    assert len(events) == len(measured.finals)
    assert "throughput" in events[0].message
    assert any("better than the default" in sentence for sentence in found.sentences)
    json.dumps(found.as_json())


def test_where_nothing_is_noticeably_better_the_default_ships() -> None:
    found, _, _, _ = final(lambda x, number: figures(100.0 * (1 + noise(x, number)), sem=0.5))
    assert found.winner == 0
    assert any("default configuration" in sentence for sentence in found.sentences)


def test_a_winner_that_misses_a_limit_again_gives_way() -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        answer = "infeasible" if x == 4 and number else "feasible"
        return figures(100.0 + 10 * x, answer=answer, latency=25.0 if answer == "infeasible" else 10.0)

    found, _, _, _ = final(law)
    assert found.winner == 3
    assert any("trial 4 dropped out" in sentence for sentence in found.sentences)


def test_the_next_best_are_measured_where_none_of_the_first_holds() -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        return figures(200.0 - x, answer="infeasible" if x < 4 and number else "feasible")

    found, measured, _, _ = final(law)
    assert found.winner == 4
    assert set(measured.finals) == {0, 1, 2, 3, 4}


def test_nothing_holds() -> None:
    found, _, study, _ = final(lambda x, n: figures(200.0 - x, answer="infeasible" if n else "feasible"))
    assert study.best is not None
    assert found.winner is None
    assert not found.disturbed


def test_an_open_limit_takes_part_where_it_may_be_worth_more_and_is_settled_there() -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        return figures(100.0 + 10 * x, answer="borderline" if x == 4 and not number else "feasible")

    found, _, study, _ = final(law)
    assert study.best.config == {"x": 3}
    assert found.winner == 4


def test_a_limit_on_a_varying_figure_must_hold_with_room_for_processes_to_come() -> None:
    limits = parse_limits("throughput_items_s >= 100")

    def law(x: int, number: int) -> dict[str, Any]:
        speed = 104.0 if number else 101.0 + x
        return figures(100.5 if x == 2 and number else speed, sem=0.05)

    found, _, _, _ = final(law, limits=limits)
    assert 2 not in {found.winner}
    assert (
        found.result.standings["trial 2"].state == "missed" if "trial 2" in found.result.standings else True
    )


def test_what_crashes_in_the_final_is_no_winner() -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        return {"outcome": "crashed"} if x == 4 and number else figures(100.0 + 10 * x, sem=0.1)

    found, _, _, _ = final(law)
    assert found.winner == 3
    assert found.figures(4) is None


def test_no_time_no_final_and_no_entrants_no_final() -> None:
    assert final(lambda x, n: figures(100.0), seconds=0.0)[0] is None
    found, measured, study, _ = final(lambda x, n: figures(100.0, answer="infeasible", latency=30.0))
    assert (found, study.best, measured.finals) == (None, None, [])


def test_a_final_that_was_killed_goes_on_to_the_same_end(tmp_path: Any) -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        return figures((100.0, 110.0, 112.0, 60.0, 50.0)[x] * (1 + noise(x, 0)), sem=0.5)

    unbroken, whole, _, _ = final(law)
    journal = tmp_path / "study.journal"
    with pytest.raises(KeyboardInterrupt):
        final(law, storage=journal, dies_at=3)
    resumed, rest, _, _ = final(law, storage=journal)
    assert resumed.winner == unbroken.winner
    assert len(rest.finals) == len(whole.finals) - 3
    assert {**resumed.as_json(), "seconds": 0} == {**unbroken.as_json(), "seconds": 0}
    again, nothing, _, _ = final(law, storage=journal)
    assert (again.winner, nothing.finals) == (unbroken.winner, [])
    assert again.surroundings == HERE


def test_the_default_takes_part_wherever_it_ran_and_repeats_none() -> None:
    def law(x: int, number: int) -> dict[str, Any]:
        slow = {"latency": 30.0, "answer": "infeasible"} if x == 0 else {}
        return figures(100.0 + x, **slow)

    found, measured, study, _ = final(law)
    assert [trial.number for trial in choose(study, THROUGHPUT, DEFAULT)] == [0, 4, 3, 2]
    assert measured.finals.count(0) == 1  # it misses the limit: one round settles that
    assert found.figures(0).metrics["throughput_items_s"] == 100.0
    assert [one.answer for one in found.judgements(0)] == ["missed"]


def test_accuracy_counts_in_thousandths() -> None:
    accuracy = parse_objective("accuracy")
    values: Mapping[int, float] = {0: 0.960, 1: 0.966, 2: 0.9605, 3: 0.5, 4: 0.5}

    def law(x: int, _: int) -> dict[str, Any]:
        return {**figures(100.0), "accuracy": values[x]}

    measured = Measured(law)
    found: list[Any] = []
    lehr.run(
        lambda _: {}, SPACE, objective="accuracy", constraints=LIMITS, budget=5, storage=None,
        initial=[{"x": x} for x in range(5)], executor=measured,
        finish=lambda finishing: found.append(
            run_final(finishing, objective=accuracy, limits=LIMITS, baseline=DEFAULT, seconds=None, seed=0,
                      surroundings=HERE, on_change=lambda _: None)
        ),
    )  # fmt: skip
    assert found[0].winner == 1


def test_a_note_that_was_edited_is_measured_anew(tmp_path: Any) -> None:
    law: Law = lambda x, number: figures(100.0 + 10 * x, sem=0.1)  # noqa: E731
    journal = tmp_path / "study.journal"
    first, _, study, _ = final(law, storage=journal)
    kept = study.optuna_study
    note = dict(kept.user_attrs["lehr.final.0"])
    kept.set_user_attr("lehr.final.0", {**note, "history": [{"candidate": "trial 9"}], "complete": False})
    again, measured, _, _ = final(law, storage=journal)
    assert again.winner == first.winner
    assert measured.finals


def test_limits_of_a_study_without_any_are_met() -> None:
    found, _, _, _ = final(lambda x, n: figures(100.0 + 10 * x, sem=0.1), limits=())
    assert found.winner == 4
    assert found.judgements(4) == ()


@pytest.mark.parametrize("limit", [Limit("latency_p95_ms", 20.0)])
def test_judgements_of_who_took_no_part_are_unmeasured(limit: Limit) -> None:
    found, _, _, _ = final(lambda x, n: figures(100.0 + 10 * x, sem=0.1), limits=(limit,))
    found.configs[99] = {"x": 9}
    assert [one.answer for one in found.judgements(99)] == ["unmeasured"]
