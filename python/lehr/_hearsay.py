"""What a search can learn from another: its finished trials as plain results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lehr._checks import real
from lehr.errors import ConfigurationError, ResultError
from lehr.space import Space
from lehr.trial import OUTCOMES


def results_of(
    previous: Any, space: Space, metric_names: Sequence[str]
) -> list[tuple[dict[str, Any], str, float, list[float]]]:
    """Configuration, outcome, objective and metrics (NaN where not measured) of every finished trial that is legal in
    the space.

    Args:
        previous: something with ``trials``, or an iterable of trials with ``config``, ``outcome``, ``objective`` and
            ``metrics``.

    Raises:
        ResultError: a trial is not one, or a result is not a finite number.
    """
    results: list[tuple[dict[str, Any], str, float, list[float]]] = []
    try:
        trials = list(getattr(previous, "trials", previous))
    except TypeError:
        raise ResultError(
            f"learn takes an Optimizer, a study or a list of trials; this is a {type(previous).__name__}"
        ) from None
    for trial in trials:
        try:
            config, outcome = dict(trial.config), trial.outcome
            objective, metrics = trial.objective, dict(trial.metrics or {})
        except (AttributeError, TypeError, ValueError) as error:
            raise ResultError(
                "learn takes trials with config, outcome, objective and metrics; this is a "
                f"{type(trial).__name__}"
            ) from error
        if outcome not in OUTCOMES or not _legal(space, config):
            continue
        score = math.nan
        if outcome == "ok":
            score = _finite("the objective", objective)
        values = [
            _finite(f"metric {name!r}", metrics[name]) if name in metrics else math.nan
            for name in metric_names
        ]
        results.append((config, outcome, score, values))
    return results


def _finite(what: str, value: Any) -> float:
    number = real(what, value, ResultError)
    if not math.isfinite(number):
        raise ResultError(f"{what} of a trial to learn from is {number}; it must be a finite number")
    return number


def _legal(space: Space, config: dict[str, Any]) -> bool:
    try:
        space.validate(config)
    except ConfigurationError:
        return False
    return True
