"""Trials of a deployment: what a configuration needs is prepared in the stage, then it is measured in a child."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lehr.deploy.evaluate import Evaluator, preload
from lehr.deploy.prepare import Failure
from lehr.deploy.stage import Opened, Stage
from lehr.deploy.twins import is_as_given, taken_over, twin_of
from lehr.study.executor import SETTLED_BY, Evaluate, Job
from lehr.supervise import Ending
from lehr.supervise.supervisor import Supervisor

if TYPE_CHECKING:
    from lehr.study import StudyTrial


class DeploymentExecutor:
    """An :class:`lehr.study.Executor` on this machine, with one supervisor for stage and trials.

    ``earlier`` gives the trials so far: what they measured, or failed to prepare, is not done again in other words.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        stage: Stage,
        opened: Opened,
        earlier: Callable[[], Sequence[StudyTrial]] = tuple,
    ) -> None:
        self._supervisor, self._stage, self._opened, self._earlier = supervisor, stage, opened, earlier

    def run(self, evaluate: Evaluate, job: Job) -> Ending:
        """Prepare, then evaluate. A recipe that cannot be made is the configuration's crash, with its reason; one that
        changes nothing in the model is its twin's measurement, once there is one.
        """
        assert isinstance(evaluate, Evaluator)
        made = self._stage.prepare(self._opened, job.config)
        if isinstance(made, Failure):
            return _failed(made, self._earlier())
        measured_anew = job.fresh or job.context.confirming
        if not measured_anew and (made.unchanged is not None or is_as_given(job.config, evaluate)):
            twin = twin_of(job.config, evaluate, self._earlier())
            if twin is not None:
                return taken_over(twin, made.unchanged)
        return self._supervisor.run(
            evaluate,
            dict(job.config),
            preload=preload(evaluate.backend_of(job.config)),
            timeout_s=job.context.timeout_s,
            memory_limit_mb=job.context.memory_limit_mb,
            fresh=job.fresh,
            context=job.context,
        )

    def close(self) -> None:
        """The supervisor is its owner's."""


def _failed(failure: Failure, earlier: Sequence[StudyTrial]) -> Ending:
    evidence: dict[str, Any] = {
        **failure.evidence,
        "reason": failure.reason,
        "prepared": False,
        SETTLED_BY: list(failure.settled_by),
    }
    evidence.pop("cost_seconds", None)
    evidence.setdefault("signature", f"preparation: {failure.what}")
    same = (
        one.number
        for one in earlier
        if one.evidence.get("prepared") is False and one.evidence.get("signature") == evidence["signature"]
    )
    if (first := next(same, None)) is not None:  # the stage keeps a failure, and tries it once
        evidence["tried_in_trial"] = first
    outcome: Any = failure.outcome if failure.outcome != "ok" else "crashed"
    return Ending(outcome, None, evidence, 0.0)
