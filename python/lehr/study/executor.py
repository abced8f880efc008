"""Where trials run: an executor takes a job and answers how it ended. The local one runs it in a child process.

An executor for another place (a cluster, a queue) is one class with two methods; nothing else in a study knows where
its trials run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lehr.study.arguments import chosen_for
from lehr.supervise import Ending, TrialContext, _options
from lehr.supervise._device import MemoryReader
from lehr.supervise.supervisor import Supervisor

#: What an evaluation may return: metrics by name, or the objective alone.
Evaluate = Callable[[dict[str, Any]], Mapping[str, Any] | float]
#: Modules that a trial's helper imports before it forks, perhaps chosen by configuration.
Preload = Sequence[str] | Callable[[dict[str, Any]], Sequence[str]]
#: The device that a trial uses, perhaps chosen by configuration.
Device = str | Callable[[dict[str, Any]], str | None] | None
#: The evidence that names the variables which settled a failure (:meth:`Executor.run`).
SETTLED_BY = "settled_by"
#: Threads for numeric libraries, perhaps chosen by configuration.
Threads = int | Callable[[dict[str, Any]], int | None] | None


@dataclass(frozen=True, slots=True)
class Job:
    """One evaluation to run.

    Attributes:
        config: the configuration, active variables by name.
        context: what the evaluation may know of its trial: number, limits, deadline and memory limit among it, which
            the executor enforces.
        fresh: whether nothing of earlier trials may be used, such as a process that forks them.
    """

    config: dict[str, Any]
    context: TrialContext
    fresh: bool = False


class Executor(Protocol):
    """Runs jobs. ``run`` may be called from several threads at once where the executor says that it can."""

    def run(self, evaluate: Evaluate, job: Job) -> Ending:
        """Evaluate, enforce the job's deadline and memory limit, and say how it ended.

        A failed evaluation is an :class:`lehr.Ending`, never an exception. Its evidence holds ``peak_memory_mb``
        where the executor knows the peak of the whole process tree, ``cause`` (:class:`lehr.trial.Cause`) where it
        knows that, and ``entered: False`` where what failed was not the evaluation but what comes before it. A failure
        that is the same whatever else is chosen may name as ``settled_by`` the variables that it depends on: the search
        then proposes nothing more that agrees with the trial on these (:meth:`lehr.Optimizer.rule_out`).

        Raises:
            IsolationError: nothing can be run here.
        """
        ...

    def close(self) -> None:
        """End what is still running. May be called twice."""
        ...


class LocalExecutor:
    """Runs each job in a child process of this machine; the arguments are those of :func:`lehr.run`."""

    def __init__(
        self,
        *,
        isolation: Literal["auto", "fork", "spawn"] = "auto",
        preload: Preload = (),
        environment: Mapping[str, str] | None = None,
        device: Device = None,
        devices: Mapping[str, MemoryReader] | None = None,
        cpus: Sequence[int] | None = None,
        threads: Threads = None,
        namespace: bool = False,
    ) -> None:
        self._preload, self._device, self._cpus, self._threads = preload, device, cpus, threads
        self._supervisor = Supervisor(
            isolation=isolation, environment=environment, devices=devices, namespace=namespace
        )

    def run(self, evaluate: Evaluate, job: Job) -> Ending:
        """As :class:`Executor` says."""
        config = dict(job.config)
        ending = self._supervisor.run(
            evaluate,
            config,
            preload=chosen_for(self._preload, config, _options.modules, "preload"),
            timeout_s=job.context.timeout_s,
            memory_limit_mb=job.context.memory_limit_mb,
            device=chosen_for(self._device, config, _options.device, "device"),
            fresh=job.fresh,
            cpus=self._cpus,
            threads=chosen_for(self._threads, config, _options.threads, "threads"),
            context=job.context,
        )
        # Where the configuration chooses what is imported, it is the configuration that cannot be imported.
        if callable(self._preload) and ending.evidence.get("phase") != "load":
            ending.evidence.pop("entered", None)
        return ending

    def close(self) -> None:
        """End the helper processes, and with them what still runs."""
        self._supervisor.close()
