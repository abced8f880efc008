"""Where trials run is an executor's business: anything with two methods will do."""

from __future__ import annotations

from typing import Any

import lehr
from lehr.study import Job

SPACE = lehr.Space([lehr.Int("x", 0, 9)])


class Elsewhere:
    """Answers by itself, as a cluster would."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.closed = False

    def run(self, evaluate: Any, job: Job) -> lehr.Ending:
        self.jobs.append(job)
        return lehr.Ending("ok", evaluate(job.config), {"peak_memory_mb": 12.5}, 0.25)

    def close(self) -> None:
        self.closed = True


def test_jobs_go_to_the_executor_and_the_caller_keeps_it() -> None:
    there = Elsewhere()
    study = lehr.run(
        lambda config: {"score": config["x"]}, SPACE, objective="score", constraints=["memory_peak_mb <= 20"],
        budget=4, storage=None, trial_timeout_s=7.0, executor=there,
    )  # fmt: skip
    assert [job.config for job in there.jobs] == [trial.config for trial in study.trials]
    assert [job.context.number for job in there.jobs] == [0, 1, 2, 3]
    assert {job.context.timeout_s for job in there.jobs} == {7.0}
    assert study.trials[0].seconds == 0.25
    assert not there.closed


def test_the_peak_of_the_whole_tree_is_one_figure_for_metric_limit_and_evidence() -> None:
    study = lehr.run(
        lambda config: {"score": config["x"]}, SPACE, objective="score", constraints=["memory_peak_mb <= 10"],
        budget=2, storage=None, executor=Elsewhere(),
    )  # fmt: skip
    for trial in study.trials:
        assert trial.metrics["memory_peak_mb"] == trial.evidence["peak_memory_mb"] == 12.5
        assert not trial.feasible


def test_an_evaluation_may_tell_its_own_peak_or_leave_it_open() -> None:
    def peak(value: Any) -> Any:
        result = {"score": 1.0} | ({} if value == "absent" else {"memory_peak_mb": value})
        study = lehr.run(
            lambda _: result, SPACE, objective="score", budget=1, storage=None, executor=Elsewhere()
        )
        return study.trials[0].metrics.get("memory_peak_mb")

    assert (peak(3.0), peak(None), peak("absent")) == (3.0, 12.5, None)
