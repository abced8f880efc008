"""One trial as one line: the words that the live table and the plain lines share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lehr.deploy.objective import Objective
from lehr.deploy.twins import SAME_AS
from lehr.limits import Limit

if TYPE_CHECKING:
    from lehr.study import StudyTrial

#: Outcomes as they are shown; a trial that ran but missed a limit is ``over limit``, one whose limits measuring could
#: not settle ``borderline``.
SHOWN = {
    "ok": "ok",
    "borderline": "borderline",
    "infeasible": "over limit",
    "crashed": "crashed",
    "timeout": "timeout",
    "oom": "oom",
    "early_stopped": "too slow",
}
# What ONNX Runtime puts before its messages.
_RUNTIME_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : ")
_ALWAYS = ("latency_p95_ms", "memory_peak_mb")


def kind(trial: StudyTrial) -> str:
    """The outcome; of a trial that ran, ``infeasible`` where it missed a limit, ``borderline`` where that is open."""
    if trial.is_open:
        return "borderline"
    return "infeasible" if trial.outcome == "ok" and not trial.feasible else str(trial.outcome)


def spent(trial: StudyTrial) -> float:
    """What a trial cost in seconds."""
    return trial.seconds or 0.0


def columns(objective: Objective, limits: Iterable[Limit]) -> tuple[str, ...]:
    """The metrics to show: p95, memory, the limited ones and the objective, in this order, once each."""
    others = (limit.metric for limit in limits)
    return tuple(dict.fromkeys((*_ALWAYS, *others, objective.metric)))


def remarks(trial: StudyTrial) -> str:
    """What else a line should say: that it was disturbed, that it is another trial in other words."""
    same = trial.facts.get(SAME_AS)
    return "; ".join(
        part
        for part in (
            "" if same is None else f"the same as #{same}, not measured again",
            "disturbed" if trial.disturbed else "",
        )
        if part
    )


def reason(trial: StudyTrial) -> str:
    """Why a trial brought nothing: the limits it missed or left open, or the first line of the error; empty when it is
    feasible.
    """
    if trial.feasible:
        return ""
    if trial.outcome == "ok":
        missed = [one.limit.shown() for one in trial.misses if one.answer != "borderline"]
        left_open = [one.shown() for one in trial.misses if one.answer == "borderline"]
        parts = ["missed " + ", ".join(missed)] if missed else []
        return "; ".join(parts + (["open: " + ", ".join(left_open)] if left_open else []))
    exception = trial.evidence.get("exception")
    if isinstance(exception, dict):
        text = str(exception.get("message") or "").strip() or str(exception.get("type", ""))
    else:
        text = str(trial.evidence.get("reason") or "").strip()
    return _RUNTIME_PREFIX.sub("", text.splitlines()[0]) if text else ""


def failures(trials: Iterable[StudyTrial]) -> list[str]:
    """Why trials did not run: one line for each way of failing, the most frequent first."""
    found: dict[str, list[StudyTrial]] = {}
    for trial in trials:
        if trial.outcome != "ok":
            found.setdefault(f"{trial.outcome} {trial.evidence.get('signature')}", []).append(trial)
    ordered = sorted(found.values(), key=len, reverse=True)
    return [
        f"{SHOWN[kind(group[0])]} (#{', #'.join(str(trial.number) for trial in group)}): {reason(group[0])}"
        for group in ordered
    ]
