"""What a trial may know about itself, how it stops early, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lehr.limits import Limit, parse_limits
from lehr.trial import Cause, Outcome


@dataclass(frozen=True, slots=True)
class TrialContext:
    """What a running trial may know about itself and its study. JSON-safe."""

    number: int
    """The trial's number in its study, from 0."""
    feasible_found: bool = False
    """Whether the study has already found a configuration within every limit."""
    limits: tuple[Limit, ...] = ()
    """The limits that the study judges by."""
    timeout_s: float | None = None
    """Seconds the evaluation may take, or None."""
    confirming: bool = False
    """Whether this measures the best configuration again, in a fresh process: to be trusted, not to be quick."""
    memory_limit_mb: float | None = None
    """Megabytes (10^6 bytes) the trial's process tree may use, or None."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", parse_limits(self.limits))

    @property
    def constraints(self) -> dict[str, float]:
        """The upper limits, by metric."""
        return {limit.metric: limit.bound for limit in self.limits if limit.upper}

    def to_json(self) -> dict[str, Any]:
        """The context as plain JSON values, which :meth:`from_json` restores."""
        return {**asdict(self), "limits": [limit.as_json() for limit in self.limits]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TrialContext:
        """The context of its plain JSON values."""
        return cls(**{**stored, "limits": tuple(map(Limit.from_json, stored["limits"]))})


_current: TrialContext | None = None


def current_trial() -> TrialContext | None:
    """The context of the trial this process evaluates; None outside a trial or when none was given."""
    return _current


def _set_current_trial(context: TrialContext | None) -> None:
    """Called once, in a trial's own process, before its function runs."""
    global _current  # noqa: PLW0603 -- the one fact a trial's process knows about itself
    _current = context


class EarlyStop(Exception):
    """Raised by an evaluation that stops itself: the outcome becomes ``early_stopped``.

    ``metrics`` are what was measured up to then; they are reported, but make no finished result.
    """

    def __init__(self, reason: str, metrics: Mapping[str, float] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.metrics: dict[str, float] = dict(metrics or {})


@dataclass(frozen=True, slots=True)
class Ending:
    """How one trial ended, and how we know.

    ``evidence`` holds only the keys that apply:

    - ``cause``: a value of :class:`lehr.trial.Cause`, and ``reason``: one plain sentence
    - ``entered``: False where the function was not entered, and ``phase`` ('preload', 'load') where it is known what
    failed then
    - ``exit_code`` or ``signal`` (a name such as SIGSEGV), and ``sent_by`` for a signal
    - ``exception``: ``type``, ``message``, ``frame`` ('file.py:12 in f'), ``traceback_tail``
    - ``fault``: for a fault such as SIGSEGV: ``message``, ``frame``, ``traceback_tail`` (innermost frame
    first)
    - ``stderr_tail``, ``stdout_tail``: the last lines, at most 8 KiB each
    - ``peak_memory_mb``, and ``memory_mb``: at most 32 pairs of seconds and megabytes; ``memory_source``: how
    they were read; ``private_peak_mb`` and ``inherited_mb``: what a forked process holds alone, and what its helper's
    imports gave it; ``cgroup_peak_mb`` where a cgroup counted
    - ``shared_memory_removed``: how many files in /dev/shm and System V segments it left, which were removed
    - ``limits``: the limit that was hit and its value; ``memory_limit_by``: who keeps that of memory
    - ``kill_to_gone_ms``: from lehr's SIGKILL to the last process of the tree reaped
    - ``lost``: pids that survived SIGKILL for 10 s, which means that they hang in the kernel
    - ``kernel_log``: the kernel's own record of killing the process for memory
    - ``device_memory``: of a trial that was given a device, ``before_mb`` and ``after_mb``, what was in use there by
    whoever used it; or ``missing``, why that is not known (no driver, say)
    - ``quarantined``: the device that may not be used now, and ``why``
    - ``isolation``: 'fork' or 'spawn', and ``isolation_note`` where spawn had to stand in for fork
    - ``signature``: a short stable string, equal for trials that failed in the same way
    - ``notes``: anything else worth knowing, such as a crash after the result had arrived
    """

    outcome: Outcome
    result: Any
    """What the function returned (ok), the partial metrics (early_stopped), else None."""
    evidence: dict[str, Any]
    seconds: float
    """Wall seconds of the evaluation by the monotonic clock; start-up is not included."""

    @property
    def cause(self) -> Cause | None:
        """Why it ended so; None where whoever ran it does not say."""
        cause = self.evidence.get("cause")
        return None if cause is None else Cause(cause)

    @property
    def entered(self) -> bool:
        """Whether the function was entered. What fails before, says nothing about its arguments."""
        return bool(self.evidence.get("entered", True))
