"""Trials of a deployment: what a configuration needs is prepared in the stage, then it is measured in a child."""

from __future__ import annotations

from typing import Any

from lehr.deploy.evaluate import Evaluator, preload
from lehr.deploy.prepare import Failure
from lehr.deploy.stage import Opened, Stage
from lehr.study.executor import Evaluate, Job
from lehr.supervise import Ending
from lehr.supervise.supervisor import Supervisor


class DeploymentExecutor:
    """An :class:`lehr.study.Executor` on this machine, with one supervisor for stage and trials."""

    def __init__(self, supervisor: Supervisor, stage: Stage, opened: Opened) -> None:
        self._supervisor, self._stage, self._opened = supervisor, stage, opened

    def run(self, evaluate: Evaluate, job: Job) -> Ending:
        """Prepare, then evaluate. A recipe that cannot be made is the configuration's crash, with its reason."""
        assert isinstance(evaluate, Evaluator)
        made = self._stage.prepare(self._opened, job.config)
        if isinstance(made, Failure):
            return _failed(made)
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


def _failed(failure: Failure) -> Ending:
    evidence: dict[str, Any] = {**failure.evidence, "reason": failure.reason, "prepared": False}
    evidence.pop("cost_seconds", None)
    evidence.setdefault("signature", f"preparation: {failure.what}")
    outcome: Any = failure.outcome if failure.outcome != "ok" else "crashed"
    return Ending(outcome, None, evidence, 0.0)
