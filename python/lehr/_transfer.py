"""Transfer: what a search can learn from another, its finished trials as plain results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from lehr._checks import real
from lehr.errors import ConfigurationError, OptionError, ResultError
from lehr.space import Space
from lehr.trial import OUTCOMES

#: Configuration, outcome, objective, metrics, and the standard errors of the objective and of the metrics; NaN where
#: not measured or not known.
PriorObservation = tuple[dict[str, Any], str, float, list[float], tuple[float, list[float]]]


class Searched(Protocol):
    """What has a history to learn from, such as an Optimizer or a study."""

    @property
    def trials(self) -> Iterable[Any]:
        """Trials with ``config``, ``outcome``, ``objective`` and ``metrics``."""


def results_of(previous: Any, space: Space, columns: Sequence[str], direction: str) -> list[PriorObservation]:
    """The results of every finished trial that is legal in the space.

    Args:
        previous: something with ``trials``, or an iterable of trials with ``config``, ``outcome``, ``objective`` and
            ``metrics``, and perhaps ``objective_sem`` and ``metrics_sem``.
        space: of the search that learns.
        columns: the metric of each of its limits.
        direction: of the search that learns.

    Raises:
        ConfigurationError: there are finished trials, and none of them is legal in the space.
        OptionError: `previous` optimises in the other direction.
        ResultError: a trial is not one, or a result is not a finite number.
    """
    other = getattr(previous, "direction", direction)
    if isinstance(other, str) and other != direction:
        raise OptionError(
            f"the search to learn from is to {other} its objective, this one to {direction} it: what was best there is "
            "worst here; give learn its trials with the sign of their objectives changed"
        )
    results: list[PriorObservation] = []
    try:
        trials = list(getattr(previous, "trials", previous))
    except TypeError:
        raise ResultError(
            f"learn takes an Optimizer, a study or a list of trials; this is a {type(previous).__name__}"
        ) from None
    finished, problems = 0, list[str]()
    for trial in trials:
        try:
            config, outcome = dict(trial.config), trial.outcome
            objective, metrics = trial.objective, dict(trial.metrics or {})
        except (AttributeError, TypeError, ValueError) as error:
            raise ResultError(
                "learn takes trials with config, outcome, objective and metrics; this is a "
                f"{type(trial).__name__}"
            ) from error
        if outcome not in OUTCOMES:
            continue
        finished += 1
        if problem := _problem(space, config):
            problems.append(problem)
            continue
        score = math.nan
        if outcome == "ok":
            score = _finite("the objective", objective)
        values = [
            _finite(f"metric {name!r}", metrics[name]) if name in metrics else math.nan for name in columns
        ]
        results.append((config, outcome, score, values, _errors(trial, columns, score, values)))
    if problems and not results:
        raise ConfigurationError(
            f"none of the {finished} finished trials to learn from is legal in this space; learn from a search of the "
            f"same one. The first: {problems[0].replace(chr(10) + '- ', ' ')}"
        )
    return results


def _finite(what: str, value: Any) -> float:
    number = real(what, value, ResultError)
    if not math.isfinite(number):
        raise ResultError(f"{what} of a trial to learn from is {number}; it must be a finite number")
    return number


def _errors(
    trial: Any, columns: Sequence[str], objective: float, metrics: Sequence[float]
) -> tuple[float, list[float]]:
    """Standard errors of what a trial measured, where it has them."""
    known = getattr(trial, "metrics_sem", None)
    sems = known if isinstance(known, Mapping) else {}
    return _error("the objective", getattr(trial, "objective_sem", None), objective), [
        _error(f"metric {name!r}", sems.get(name), value)
        for name, value in zip(columns, metrics, strict=True)
    ]


def _error(what: str, sem: Any, value: float) -> float:
    if sem is None or math.isnan(value):
        return math.nan
    error = _finite(f"the standard error of {what}", sem)
    if error < 0:
        raise ResultError(
            f"the standard error of {what} of a trial to learn from is {error}; it must be at least 0"
        )
    return error


def _problem(space: Space, config: dict[str, Any]) -> str | None:
    """Why a configuration is not legal in the space."""
    try:
        space.validate(config)
    except ConfigurationError as error:
        return str(error)
    return None
