"""One trial: prepares what its process gets, waits for its end, turns what was seen into an Ending."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Any, Literal, cast

from lehr import _core
from lehr.errors import IsolationError
from lehr.supervise import _wire
from lehr.supervise._child import write_payload
from lehr.supervise._ending import FAULT_BYTES, TAIL_LINES, Facts, KillCause, end
from lehr.supervise._limits import TrialLimits
from lehr.supervise._memory import MB
from lehr.supervise._process import HelperGone, HelperProcess, describe_death, wait_for
from lehr.supervise._record import Malformed, read_begun, read_record
from lehr.supervise.trial import Ending


class TrialRun:
    """One trial on one helper. ``run`` returns its ending; ``modules`` is then what it had to import."""

    def __init__(
        self,
        supervisor: _core.NativeSupervisor,
        helper: HelperProcess,
        isolation: Literal["fork", "spawn"],
        limits: TrialLimits,
    ) -> None:
        self._supervisor = supervisor
        self._helper = helper
        self._isolation = isolation
        self._limits = limits
        self.modules: list[str] = []
        self.helper_is_good = False
        """Whether the helper may serve another trial."""

    def run(self, spec: dict[str, Any], pickled: bytes) -> Ending:
        """Start, wait, classify. Raises HelperGone when the helper died before the evaluation began."""
        limits = self._limits
        with contextlib.ExitStack() as stack:
            try:
                payload, here, fault = self._descriptors(stack, spec, pickled)
            except OSError as error:
                raise IsolationError(f"cannot prepare the trial's payload: {error.strerror}") from error
            answer, in_cgroup, no_cgroup = self._supervisor.run(
                self._helper.native,
                json.dumps({"do": "run", "exec": self._isolation == "spawn", "abandon_s": limits.abandon_s}),
                payload,
                here,
                fault,
                timeout_s=limits.timeout_s,
                memory_bytes=None if limits.memory_limit_mb is None else limits.memory_limit_mb * MB,
                start_limit_s=limits.start_limit_s,
                grace_s=limits.grace_s,
                abandon_s=limits.abandon_s,
                result_bytes=_wire.RESULT_LIMIT_BYTES,
            )
            wait_for(answer)
            seen = answer.value()
            fault_text = os.pread(fault, FAULT_BYTES, 0).decode("utf-8", "replace")
        if seen.failed:
            raise IsolationError(f"no process for the trial: {seen.failed.decode('utf-8', 'replace')}")
        facts = self._facts(seen, fault_text)
        # Not begun: the caller can try another helper. Closed: there is nothing to say about the evaluation.
        closed = seen.helper_death.how == "closed" or facts.killed == "closed"
        if facts.record is None and (closed or (facts.helper_died is not None and not facts.begun)):
            raise HelperGone(facts.helper_died or "closed")
        if in_cgroup:
            facts.evidence["memory_limit_by"] = "cgroup memory.max, and polls"
        elif limits.memory_limit_mb is not None:
            facts.evidence["memory_limit_by"] = f"polls; {no_cgroup}" if no_cgroup else "polls"
        self.helper_is_good = facts.helper_died is None and not facts.left
        return end(facts)

    def _descriptors(
        self, stack: contextlib.ExitStack, spec: dict[str, Any], pickled: bytes
    ) -> tuple[int, int, int]:
        payload = _anonymous_file()
        stack.callback(os.close, payload)
        write_payload(payload, spec, pickled)
        here = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))
        stack.callback(os.close, here)
        fault = _anonymous_file()
        stack.callback(os.close, fault)
        return payload, here, fault

    def _facts(self, seen: _core.Observed, fault: str) -> Facts:
        facts = Facts(
            begun=seen.begun,
            malformed=seen.bad_channel or None,
            status=seen.status,
            killed=cast("KillCause", seen.killed) if seen.killed else None,
            terminated=seen.terminated,
            record_late=seen.record_late,
            left=list(seen.left),
            others_killed=seen.others,
            kernel_oom_kills=seen.kernel_oom_kills,
            cgroup_oom_kills=seen.cgroup_oom_kills,
            kernel_log=seen.kernel_log.decode("utf-8", "replace"),
            data=seen.data,
            fault=fault,
            seconds=seen.seconds,
            limits=self._limits,
            memory_at_kill_mb=seen.memory_over / MB,
        )
        if seen.helper_death.how:
            facts.helper_died = describe_death(seen.helper_death)
        try:
            if seen.begun:
                begun = read_begun(seen.begun_body)
                facts.data_limit, self.modules = begun.data_limit, begun.modules
            if seen.record_kind:
                facts.record = read_record(seen.record_kind, seen.record_body)
        except Malformed as error:
            facts.malformed = str(error)
        facts.evidence = self._evidence(seen, facts)
        return facts

    def _evidence(self, seen: _core.Observed, facts: Facts) -> dict[str, Any]:
        evidence: dict[str, Any] = {"isolation": self._isolation}
        for key, tail, total in (
            ("stderr_tail", seen.err, seen.err_total),
            ("stdout_tail", seen.out, seen.out_total),
        ):
            if total:
                text = tail.decode("utf-8", "replace")
                evidence[key] = "\n".join(text.rstrip("\n").split("\n")[-TAIL_LINES:])
        evidence |= _memory(seen, facts.record.peak if facts.record else 0.0)
        if seen.kill_to_gone_s is not None:
            evidence["kill_to_gone_ms"] = round(seen.kill_to_gone_s * 1e3, 1)
        return evidence


_SOURCE = "VmHWM of the trial's process, RssAnon + RssShmem of its tree and files it holds in memory by polls"


def _memory(seen: _core.Observed, said_by_the_trial: float) -> dict[str, Any]:
    """Peak and curve, in MB, and where they come from."""
    evidence: dict[str, Any] = {}
    watched = max(seen.memory_peak, said_by_the_trial)
    if seen.memory_mb:
        evidence["memory_mb"] = [[round(at, 4), round(value, 2)] for at, value in seen.memory_mb]
    if watched:
        evidence["peak_memory_mb"] = round(watched / MB, 2)
        evidence["memory_source"] = _SOURCE
    if seen.memory_private:
        evidence["private_peak_mb"] = round(seen.memory_private / MB, 2)
    if seen.memory_inherited and seen.memory_private:
        evidence["inherited_mb"] = round(seen.memory_inherited / MB, 2)
    if seen.shared_removed:
        evidence["shared_memory_removed"] = seen.shared_removed
    if seen.cgroup_peak is not None:
        evidence["cgroup_peak_mb"] = round(seen.cgroup_peak / MB, 2)
    return evidence


def _anonymous_file() -> int:
    """A file without a name that lives as long as somebody holds it: in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("lehr-trial")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
