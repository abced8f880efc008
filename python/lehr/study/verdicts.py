"""Limits on quantities that vary: what an evaluation's verdict on a limit means to the study.

An evaluation may return, beside its metrics, ``verdicts``: by limited metric, a mapping with ``answer``
(``feasible``, ``infeasible`` or ``borderline``) and perhaps ``reason`` and ``probability``, as
:meth:`lehr.probe.Verdict.as_json` gives it. They are kept among the trial's facts, so that they survive with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lehr.study.limits import Limit

VERDICTS = "verdicts"
#: The share of a limit by which a trial misses it, as the search is told, when the verdict turns it down and the figure
#: does not: small, since its neighbours may well pass.
SMALL_EXCESS = 1e-3


def verdicts_of(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The verdicts among a trial's facts, by metric; what is none is left out."""
    found = facts.get(VERDICTS)
    if not isinstance(found, Mapping):
        return {}
    return {
        str(metric): verdict
        for metric, verdict in found.items()
        if isinstance(verdict, Mapping) and verdict.get("answer") in ("feasible", "infeasible", "borderline")
    }


def held_figures(
    metrics: Mapping[str, float],
    facts: Mapping[str, Any],
    limits: Sequence[Limit],
    *,
    accept_borderline: bool,
) -> tuple[dict[str, float], dict[str, str]]:
    """The limited metrics as they are held against their limits, and by limit why a verdict turned a trial down.

    A settled verdict outweighs the figure, which is an estimate: a feasible limit is missed by nothing, an infeasible
    one by :data:`SMALL_EXCESS` at least. A borderline limit counts as missed unless ``accept_borderline``.
    """
    verdicts = verdicts_of(facts)
    held = {limit.metric: metrics[limit.metric] for limit in limits if limit.metric in metrics}
    reasons: dict[str, str] = {}
    for limit in limits:
        verdict = verdicts.get(limit.metric)
        if verdict is None or limit.metric not in held:
            continue
        answer, over = verdict["answer"], limit.excess(held) > 0
        if answer == "feasible" or (answer == "borderline" and accept_borderline):
            if over:
                held[limit.metric] = limit.value
        else:
            if answer == "borderline" or not over:
                reasons[limit.key] = _reason(limit, verdict)
            least = limit.bound + SMALL_EXCESS * (abs(limit.bound) or 1.0)
            told = max(limit.measured(held), least)
            held[limit.metric] = told if limit.upper else -told
    return held, reasons


def _reason(limit: Limit, verdict: Mapping[str, Any]) -> str:
    said = str(verdict.get("reason") or f"{limit} is {verdict['answer']}")
    return f"borderline: {said}" if verdict["answer"] == "borderline" else said
