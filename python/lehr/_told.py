"""A result as it is told, checked: what comes back is the form that the core takes."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from lehr._checks import listed, real
from lehr.errors import ResultError
from lehr.trial import OUTCOMES

#: Outcome, objective (NaN where there is none) and constrained metrics in their order (NaN where not measured).
Told = tuple[str, float, list[float]]


class ResultReader:
    """Reads the results of a search.

    Args:
        columns: the metric of each limit, in their order; twice for one that has two limits.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.metric_names = tuple(dict.fromkeys(columns))

    def read(self, objective: float | None, metrics: Mapping[str, float] | None, outcome: str) -> Told:
        """Raises ResultError, with one sentence, for what cannot be accepted."""
        if outcome == "ok" and type(objective) is float and isfinite(objective):
            plain = self._plain(metrics)
            if plain is not None:
                return outcome, objective, plain
        if outcome not in OUTCOMES:
            raise ResultError(f"unknown outcome {outcome!r}; use one of {', '.join(OUTCOMES)}")
        if outcome == "ok" and objective is None:
            raise ResultError("the objective is missing; tell a finite number, or an outcome other than 'ok'")
        value = math.nan if objective is None else real("the objective", objective, ResultError)
        if objective is not None and not isfinite(value):
            raise ResultError(f"the objective is {value}; tell a finite number, or outcome='crashed'")
        return outcome, value, self._checked(metrics, complete=outcome == "ok")

    def measured(self, values: Sequence[float]) -> dict[str, float]:
        """Metrics by name, without those that were not measured."""
        named = zip(self.columns, values, strict=True)
        return {name: value for name, value in named if not math.isnan(value)}

    def errors(
        self,
        objective_sem: float | None,
        metrics_sem: Mapping[str, float | None] | None,
        objective: float,
        metrics: Sequence[float],
    ) -> tuple[float, list[float]]:
        """Standard errors of an objective and of the constrained metrics in their order, NaN where not known; without
        `metrics_sem` none of the metrics.

        Raises:
            ResultError: one is no finite number of at least 0, or is not of anything that was measured.
        """
        objective_error = _error("objective_sem", objective_sem, objective, "objective")
        if metrics_sem is None:
            return objective_error, []
        if not isinstance(metrics_sem, Mapping):
            raise ResultError(
                f"metrics_sem is a {type(metrics_sem).__name__}; give standard errors by metric, such as "
                "{'latency_p95_ms': 0.2}"
            )
        if any(name not in self.metric_names for name in metrics_sem):
            self._reject_unknown(metrics_sem)
        return objective_error, [
            _error(f"metrics_sem of {name!r}", metrics_sem.get(name), measured, f"metric {name!r}")
            for name, measured in zip(self.columns, metrics, strict=True)
        ]

    def _plain(self, metrics: Mapping[str, float] | None) -> list[float] | None:
        """The metrics in their order when they are all there, as finite floats: the ordinary case, quickly."""
        if metrics is None:
            return None if self.metric_names else []
        if type(metrics) is not dict or len(metrics) != len(self.metric_names):
            return None
        values = []
        for name in self.columns:
            value = metrics.get(name)
            if type(value) is not float or not isfinite(value):
                return None
            values.append(value)
        return values

    def _checked(self, metrics: Mapping[str, float] | None, *, complete: bool) -> list[float]:
        if metrics is not None and not isinstance(metrics, Mapping):
            raise ResultError(
                f"metrics is a {type(metrics).__name__}; give a dict of numbers by name, such as "
                "{'latency_p95_ms': 12.5}"
            )
        values: dict[str, float] = {}
        for name in self.metric_names:
            if not metrics or name not in metrics:
                continue
            value = values[name] = real(f"metric {name!r}", metrics[name], ResultError)
            if not isfinite(value):
                raise ResultError(f"metric {name!r} is {value}; tell a finite number, or outcome='crashed'")
        if metrics and len(values) != len(metrics):
            self._reject_unknown(metrics)
        if complete and len(values) != len(self.metric_names):
            absent = [name for name in self.metric_names if not metrics or name not in metrics]
            raise ResultError(
                f"missing {listed('metric', absent)}: a result with outcome 'ok' needs every constrained metric"
            )
        return [values.get(name, math.nan) for name in self.columns]

    def _reject_unknown(self, metrics: Mapping[str, Any]) -> None:
        unknown = [str(name) for name in metrics if name not in self.metric_names]
        known = listed("metric", self.metric_names) if self.metric_names else "no metrics"
        close = difflib.get_close_matches(unknown[0], self.metric_names, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ResultError(f"unknown {listed('metric', unknown)}{hint}; this search has limits on {known}")


def _error(what: str, sem: float | None, value: float, of: str) -> float:
    """A standard error of a value; NaN where not told."""
    if sem is None:
        return math.nan
    error = real(what, sem, ResultError)
    if not (isfinite(error) and error >= 0):
        raise ResultError(
            f"{what} is {sem!r}; give a finite number of at least 0, or None where it is not known"
        )
    if math.isnan(value):
        raise ResultError(f"{what} is {sem!r}, but there is no {of}; tell that too, or leave its error out")
    return error


def cost(seconds: float | None) -> float:
    """What a trial cost, in seconds; NaN where not told. Raises ResultError when it is no such number."""
    if seconds is None:
        return math.nan
    value = real("seconds", seconds, ResultError)
    if not (isfinite(value) and value >= 0):
        raise ResultError(f"seconds is {seconds!r}; give a finite number of at least 0, or nothing")
    return value
