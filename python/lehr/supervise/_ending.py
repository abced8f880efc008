"""From what was observed of a trial to how it ended. Pure: facts in, an Ending out."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from lehr.supervise._limits import TrialLimits
from lehr.supervise._record import Record
from lehr.supervise.trial import Ending
from lehr.trial import Cause, Outcome

KillCause = Literal["timeout", "start", "memory", "lingered", "channel", "closed"]
"""What lehr killed a trial for, in the core's words (``KillCause`` there)."""

FAULT_BYTES = 8 * 1024
TAIL_LINES = 20

_FAULTS = {
    "SIGSEGV": "an invalid memory access",
    "SIGBUS": "an invalid memory access",
    "SIGABRT": "an abort, by a failed check inside a library or an uncaught C++ exception",
    "SIGFPE": "an arithmetic fault",
    "SIGILL": "an instruction that this processor does not have",
}
_AT_LIMIT = 0.95
_UNKNOWN = "unknown (not lehr)"
_FROM_OUTSIDE = {"SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT"}
"""Signals that somebody else sends; the others a process brings on itself."""


@dataclass(slots=True)
class Facts:
    """What the parent has seen of one trial."""

    record: Record | None = None
    """The trial's one record, None when no complete one arrived."""
    malformed: str | None = None
    """What is wrong with what arrived, where it is no record of ours."""
    begun: bool = False
    status: int | None = None
    """The wait status of the main process, None when nobody could reap it."""
    killed: KillCause | None = None
    helper_died: str | None = None
    """How the helper died, when it died during the trial."""
    terminated: bool = False
    """Whether SIGTERM came first, and had its grace."""
    record_late: bool = False
    """Whether a record was written after the deadline, which does not count."""
    left: list[int] = field(default_factory=list)
    others_killed: int = 0
    kernel_oom_kills: int = 0
    cgroup_oom_kills: int = 0
    """How many processes the kernel killed at the limit of the trial's own cgroup."""
    kernel_log: str = ""
    """The kernel's own record of killing this trial's process for memory."""
    data: int = 0
    data_limit: int | None = None
    fault: str = ""
    """What faulthandler wrote when the process died of a fault."""
    seconds: float = 0.0
    limits: TrialLimits = field(default_factory=TrialLimits)
    memory_at_kill_mb: float = 0.0
    evidence: dict[str, Any] = field(default_factory=dict)
    """What needs no judgement: tails, memory, isolation."""


def signature_of(kind: str, text: str) -> str:
    """A short stable name of an error: kind and first line, without what changes from run to run."""
    line = text.strip().splitlines()[0] if text.strip() else ""
    line = re.sub(r"0x[0-9a-fA-F]+", "ADDRESS", line)
    line = re.sub(r"(?<![\w.])(?:~|\.{1,2})?(?:/[\w.@+-]+){2,}/?", "PATH", line)
    line = re.sub(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])", "N", line)
    return f"{kind}: {line}"[:200].rstrip(": ")


_OURS = re.compile(r'^  File ".*[/\\]lehr[/\\]supervise[/\\]_\w+\.py", line ')
_FRAME = re.compile(r'^  File "(.*)", line (\d+) in (.*)$')


_OUT_OF_MEMORY = {"St9bad_alloc": "std::bad_alloc", "St20bad_array_new_length": "std::bad_array_new_length"}
_LAST_WORDS = re.compile(r"C\+\+ exception: (\S+)\n")


def read_last_words(text: str) -> tuple[str | None, str]:
    """The mangled type of a C++ exception that nobody caught, and the rest of what was written."""
    match = _LAST_WORDS.match(text)
    return (match.group(1), text[match.end() :]) if match else (None, text)


def read_fault(text: str) -> dict[str, str] | None:
    """What faulthandler wrote: ``message``, ``frame`` of the thread at fault, ``traceback_tail`` (innermost
    first)."""
    if not text.startswith("Fatal Python error: "):
        return None
    lines = [line for line in text.splitlines() if not _OURS.match(line)]
    result = {
        "message": lines[0].removeprefix("Fatal Python error: "),
        "traceback_tail": "\n".join(lines[1:]).strip(),
    }
    current = next(
        (index for index, line in enumerate(lines) if line.startswith("Current thread ")), len(lines)
    )
    if match := _FRAME.match("".join(lines[current + 1 : current + 2])):
        path, number, function = match.groups()
        result["frame"] = f"{os.path.basename(path)}:{number} in {function}"
    return result


def end(facts: Facts) -> Ending:
    """Classify. A complete result record is success, whatever came after it; nothing else is."""
    evidence = dict(facts.evidence)
    notes: list[str] = []
    signal_name, exit_code = _decode(facts.status)
    if facts.others_killed:
        evidence["processes_killed"] = facts.others_killed
    if facts.left:
        pids = ", ".join(map(str, facts.left))
        evidence["lost"] = list(facts.left)
        notes.append(f"these processes survived SIGKILL, which means that they hang in the kernel: {pids}")
    if facts.kernel_log:
        evidence["kernel_log"] = facts.kernel_log
    if facts.record_late:
        notes.append("a result was written after the deadline, and does not count")
    if facts.kernel_oom_kills:
        notes.append(
            f"the kernel killed {facts.kernel_oom_kills} process(es) on this machine for memory meanwhile"
        )

    record = facts.record
    if record is not None and record.kind in ("returned", "stopped"):
        notes.extend(_after_the_record(facts, signal_name, exit_code))
        end = _End("ok", Cause.RETURNED)
        if record.kind == "stopped":
            reason = record.why or "The evaluation stopped itself."
            end = _End("early_stopped", Cause.STOPPED, reason, signature_of("early_stopped", reason))
    else:
        if signal_name is not None:
            evidence["signal"] = signal_name
            evidence["sent_by"] = _UNKNOWN if facts.killed is None else "lehr: lingering after its end"
            thrown, rest = read_last_words(facts.fault)
            if fault := read_fault(rest):
                evidence["fault"] = fault
            if thrown is not None:
                evidence["cxx_exception"] = _OUT_OF_MEMORY.get(thrown, thrown)
        elif exit_code is not None:
            evidence["exit_code"] = exit_code
        end = _failure(facts, evidence, signal_name, exit_code)
        if not facts.begun:
            evidence["entered"] = False
    evidence["cause"] = str(end.cause)
    if end.reason:
        evidence |= {"reason": end.reason, "signature": end.signature}
    if notes:
        evidence["notes"] = notes
    return Ending(end.outcome, record.value if record else None, evidence, facts.seconds)


class _End(NamedTuple):
    outcome: Outcome
    cause: Cause
    reason: str = ""
    signature: str = ""


def _decode(status: int | None) -> tuple[str | None, int | None]:
    if status is None:
        return None, None
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return None, code
    try:
        return signal.Signals(-code).name, None
    except ValueError:  # a real-time signal
        return f"signal {-code}", None


def _after_the_record(facts: Facts, signal_name: str | None, exit_code: int | None) -> list[str]:
    if facts.helper_died is not None:
        return [f"lehr's helper process died ({facts.helper_died}) after the result had arrived"]
    if facts.killed is not None:
        return ["the process was still busy some time after its result had arrived, and was killed"]
    if signal_name is not None:
        return [f"the process died of {signal_name} after its result had arrived"]
    if exit_code:
        return [f"the process ended with exit code {exit_code} after its result had arrived"]
    return []


def _failure(facts: Facts, evidence: dict[str, Any], signal_name: str | None, exit_code: int | None) -> _End:
    record = facts.record
    if record is not None and record.kind == "raised":
        return _raised(facts, evidence, record)
    if record is not None:  # refused
        reason = f"The evaluation's result was refused: {record.why}."
        return _End("crashed", Cause.REFUSED, reason, signature_of("refused", record.why))
    if facts.malformed is not None and facts.killed in (None, "channel", "lingered"):
        if facts.killed == "channel":
            evidence["sent_by"] = "lehr: malformed result"
        reason = f"The evaluation sent a malformed result: {facts.malformed}."
        return _End("crashed", Cause.MALFORMED, reason, signature_of("malformed result", facts.malformed))
    if facts.killed is not None:
        return _killed(facts, evidence, facts.killed)
    if facts.helper_died is not None:
        evidence["sent_by"] = _UNKNOWN
        reason = f"lehr's helper process died during the trial ({facts.helper_died}), and the trial with it."
        return _End("crashed", Cause.HELPER, reason, signature_of("helper died", facts.helper_died))
    when = "" if facts.begun else " while it was being loaded"
    if signal_name is None:
        signature = signature_of(f"exit code {exit_code}{when}", "ended without a result")
        reason = f"The evaluation ended without a result{when} (exit code {exit_code})."
        return _End("crashed", Cause.EXITED, reason, signature)
    return _signalled(facts, evidence, signal_name, when)


def _raised(facts: Facts, evidence: dict[str, Any], record: Record) -> _End:
    exception = evidence["exception"] = record.exception
    lines = exception["message"].strip().splitlines()
    headline = f"{exception['type']}: {lines[0]}" if lines else exception["type"]
    where = f" ({exception['frame']})" if "frame" in exception else ""
    signature = signature_of(exception["type"], exception["message"])
    limit = facts.limits.memory_limit_mb
    if record.phase != "run":
        evidence["phase"] = record.phase
    if record.memory:
        if limit is not None:
            evidence["limits"] = {"memory_limit_mb": limit}
        under = "" if limit is None else f" under its limit of {limit:g} MB"
        reason = f"The evaluation ran out of memory{under}: {headline}{where}."
        return _End("oom", Cause.ALLOCATION, reason, signature)
    if record.exit:
        code = evidence.get("exit_code")
        reason = f"The evaluation called sys.exit and ended without a result (exit code {code}){where}."
        return _End(
            "crashed", Cause.EXITED, reason, signature_of(f"exit code {code}", "ended without a result")
        )
    how = f"raised {headline}" if record.phase == "run" else f"could not be loaded: {headline}"
    return _End("crashed", Cause.RAISED, f"The evaluation {how}{where}.", signature)


def _killed(facts: Facts, evidence: dict[str, Any], cause: KillCause) -> _End:
    limits = facts.limits
    if cause == "timeout":
        evidence["sent_by"] = "lehr: deadline, after SIGTERM" if facts.terminated else "lehr: deadline"
        evidence["limits"] = {"timeout_s": limits.timeout_s}
        reason = f"The evaluation was still running after {limits.timeout_s:g} s."
        return _End("timeout", Cause.DEADLINE, reason, "timeout")
    if cause == "memory":
        evidence["sent_by"] = "lehr: memory limit"
        evidence["limits"] = {"memory_limit_mb": limits.memory_limit_mb}
        used, limit = facts.memory_at_kill_mb, limits.memory_limit_mb
        reason = f"The evaluation used {used:.0f} MB; its limit is {limit:g} MB."
        return _End("oom", Cause.MEMORY_LIMIT, reason, "oom: memory limit")
    evidence["sent_by"] = "lehr: start-up limit"
    evidence["limits"] = {"start_limit_s": limits.start_limit_s}
    reason = (
        f"The evaluation was not loaded within {limits.start_limit_s:g} s: its imports hang or are very slow."
    )
    return _End("timeout", Cause.START_LIMIT, reason, "timeout: start-up")


def _signalled(facts: Facts, evidence: dict[str, Any], signal_name: str, when: str) -> _End:
    limit = facts.limits.memory_limit_mb
    if signal_name == "SIGKILL" and facts.cgroup_oom_kills:
        evidence["sent_by"] = "kernel: the trial's cgroup was out of memory"
        evidence["limits"] = {"memory_limit_mb": limit}
        reason = f"The evaluation went over its limit of {limit:g} MB."
        return _End("oom", Cause.MEMORY_LIMIT, reason, "oom: memory limit")
    if signal_name == "SIGKILL" and (facts.kernel_oom_kills or facts.kernel_log):
        evidence["sent_by"] = "kernel: out of memory"
        reason = "The machine or its container ran out of memory, and the kernel killed the evaluation."
        return _End("oom", Cause.MACHINE_MEMORY, reason, "oom: kernel")
    at_limit = facts.data_limit is not None and facts.data >= _AT_LIMIT * facts.data_limit
    if signal_name == "SIGABRT" and at_limit:
        evidence["limits"] = {"memory_limit_mb": limit}
        reason = "The evaluation aborted while it was at its memory limit."
        return _End("oom", Cause.ALLOCATION, reason, "oom: SIGABRT at the limit")
    thrown = evidence.get("cxx_exception")
    if signal_name == "SIGABRT" and thrown in _OUT_OF_MEMORY.values():
        if limit is not None:
            evidence["limits"] = {"memory_limit_mb": limit}
        reason = f"The evaluation ran out of memory: nobody caught {thrown}."
        return _End("oom", Cause.ALLOCATION, reason, f"oom: {thrown}")
    what = f": {_FAULTS[signal_name]}" if signal_name in _FAULTS else ""
    frame = evidence.get("fault", {}).get("frame")
    where = f" ({frame})" if frame else ""
    function = re.sub(r":\d+ in ", " in ", f" in {frame}") if frame else ""
    cause = Cause.KILLED if signal_name in _FROM_OUTSIDE else Cause.FAULT
    reason = f"The evaluation died of {signal_name}{when}{what}{where}."
    return _End("crashed", cause, reason, f"{signal_name}{when}{function}")
