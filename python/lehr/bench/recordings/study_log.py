"""The trial logs of `lehr.run`, `lehr tune` and `lehr sweep`: one JSON line a finished trial.

A log tells neither the direction nor the limits of its study, so they can be given; the study file beside it tells the
direction (`lehr.bench.recordings.journal`). Without limits, what the study
itself judged counts: a metric ``missed_limits`` is 0 for a feasible trial, else 1, and must be 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lehr._numbers import is_finite_number
from lehr.bench.recordings.spaces import RecordedSpace
from lehr.bench.recordings.table import RecordedResult, Table, Wanted
from lehr.errors import LehrError
from lehr.trial import OUTCOMES

MISSED = "missed_limits"
_KEYS = ("config", "outcome", "feasible", "objective", "seconds")


def is_log(first: Any) -> bool:
    """Whether a parsed line may be of a trial log."""
    return isinstance(first, dict) and "config" in first and "outcome" in first


def from_log(source: str, lines: list[Any], wanted: Wanted) -> Table:
    """A table of the trials of one study.

    Raises:
        LehrError: a line is no trial, there are several studies and none was chosen, or a number is missing.
    """
    study, objective = wanted.study, wanted.objective
    trials = [_checked(source, number, line) for number, line in enumerate(lines, 1)]
    names = list(dict.fromkeys(str(trial.get("study")) for trial in trials))
    numbered = all(
        isinstance(trial.get("study"), int) for trial in trials
    )  # a sweep: one problem, many seeds
    if study is None and len(names) > 1 and not numbered:
        raise LehrError(f"{source} holds the studies {', '.join(names)}; say which one to replay")
    if study is not None:
        if study not in names:
            raise LehrError(f"{source} holds no study {study}; it holds {', '.join(names)}")
        trials = [trial for trial in trials if str(trial.get("study")) == study]
    by = "a sweep" if numbered else f"the study {study or names[0]}"
    recorded = RecordedSpace(source, [trial["config"] for trial in trials])
    table = Table(
        Path(source).name,
        recorded.space,
        objective or "objective",
        wanted.direction or "maximize",
        {MISSED: 0.0} if wanted.constraints is None else dict(wanted.constraints),
        None,
        f"Recorded by {by}; only recorded configurations can be proposed.",
    )
    for trial, config in zip(trials, recorded.configs, strict=True):
        table.add(config, _recorded(source, table, trial, objective))
    return table


def _checked(source: str, number: int, line: Any) -> dict[str, Any]:
    def wrong(problem: str) -> LehrError:
        return LehrError(f"{source} is no trial log: line {number}: {problem}")

    if not isinstance(line, dict):
        raise wrong("it is not an object")
    missing = [key for key in _KEYS if key not in line]
    if missing:
        raise wrong(f"it lacks {', '.join(missing)}")
    if not isinstance(line["config"], dict) or not isinstance(line.get("metrics", {}), dict):
        raise wrong("config and metrics must be objects")
    if line["outcome"] not in OUTCOMES:
        raise wrong(f"unknown outcome {line['outcome']!r}")
    if not (is_finite_number(line["seconds"]) and line["seconds"] >= 0):
        raise wrong(f"seconds are {line['seconds']!r}, not a number of 0 or more")
    return line


def _recorded(source: str, table: Table, trial: dict[str, Any], objective: str | None) -> RecordedResult:
    metrics = {
        name: float(value) for name, value in trial.get("metrics", {}).items() if is_finite_number(value)
    }
    if trial["outcome"] == "ok":
        if objective is None:
            if not is_finite_number(trial["objective"]):
                raise LehrError(f"{source}: trial {trial.get('number')} ran, but has no objective")
            metrics[table.objective] = float(trial["objective"])
        if MISSED in table.constraints:
            metrics[MISSED] = 0.0 if trial["feasible"] is True else 1.0
        for name in (table.objective, *table.constraints):
            if name not in metrics:
                known = ", ".join(metrics) or "nothing"
                raise LehrError(
                    f"{source}: trial {trial.get('number')} did not measure {name}; it measured {known}"
                )
    return RecordedResult(trial["outcome"], metrics, float(trial["seconds"]), _error(trial))


def _error(trial: Mapping[str, Any]) -> str | None:
    evidence = trial.get("evidence")
    if trial["outcome"] == "ok" or not isinstance(evidence, dict):
        return None
    told = evidence.get("signature") or evidence.get("reason")
    return str(told) if told else None
