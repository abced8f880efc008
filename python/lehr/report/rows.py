"""One trial as one line: the words that the live table and the plain lines share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lehr.deploy.objective import Objective
from lehr.deploy.twins import SAME_AS
from lehr.limits import Limit, verdicts_of

if TYPE_CHECKING:
    from lehr.study import StudyTrial

#: Outcomes as they are shown; a trial that ran but missed a limit is ``over limit``.
SHOWN = {
    "ok": "ok",
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
    """The outcome, with ``infeasible`` for a trial that ran but missed a limit."""
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
    """Why a trial brought nothing: the limits it missed, or the first line of the error; empty when it is feasible."""
    if trial.feasible:
        return ""
    if trial.outcome == "ok":
        missed = [f"{miss.limit.shown()}{_open(trial, miss.limit.metric)}" for miss in trial.misses]
        return "missed " + ", ".join(missed)
    exception = trial.evidence.get("exception")
    if isinstance(exception, dict):
        text = str(exception.get("message") or "").strip() or str(exception.get("type", ""))
    else:
        text = str(trial.evidence.get("reason") or "").strip()
    return _RUNTIME_PREFIX.sub("", text.splitlines()[0]) if text else ""


def _open(trial: StudyTrial, metric: str) -> str:
    """How open a limit is that measuring could not settle."""
    verdict = verdicts_of(trial.facts).get(metric, {})
    if verdict.get("answer") != "borderline":
        return ""
    probability = verdict.get("probability")
    met = f", met with probability {probability:.2f}" if isinstance(probability, int | float) else ""
    return f" (borderline{met})"


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
