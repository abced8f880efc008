"""What a search can learn from another: its finished trials as plain results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lehr._checks import real
from lehr.errors import ConfigurationError, OptionError, ResultError
from lehr.space import Space
from lehr.trial import OUTCOMES


def results_of(
    previous: Any, space: Space, metric_names: Sequence[str], direction: str
) -> list[tuple[dict[str, Any], str, float, list[float]]]:
    """Configuration, outcome, objective and metrics (NaN where not measured) of every finished trial that is legal in
    the space.

    Args:
        previous: something with ``trials``, or an iterable of trials with ``config``, ``outcome``, ``objective`` and
            ``metrics``.
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
    results: list[tuple[dict[str, Any], str, float, list[float]]] = []
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
            _finite(f"metric {name!r}", metrics[name]) if name in metrics else math.nan
            for name in metric_names
        ]
        results.append((config, outcome, score, values))
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


def _problem(space: Space, config: dict[str, Any]) -> str | None:
    """Why a configuration is not legal in the space."""
    try:
        space.validate(config)
    except ConfigurationError as error:
        return str(error)
    return None
