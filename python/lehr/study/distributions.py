"""A space in Optuna's words, so that Optuna's plots, importances and dashboard understand a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lehr.space import Categorical, Float, Int, Ordinal, Space


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """One Optuna distribution per variable, conditional ones included.

    Optuna has no ordinals (they become categoricals with their values in order) and no step on a logarithmic scale (it is
    left out).
    """
    return {variable.name: _distribution(variable) for variable in space.variables}


def parameters(config: dict[str, Any], table: dict[str, BaseDistribution]) -> dict[str, Any]:
    """A configuration as Optuna's parameters: the same values, but for choices that Optuna cannot tell apart."""
    return {
        name: _label(value) if isinstance(table[name], _Labelled) else value for name, value in config.items()
    }


class _Labelled(CategoricalDistribution):
    """Choices such as True, 1 and 1.0, which Optuna takes for one, under their Python text."""

    def __init__(self, choices: Sequence[Any]) -> None:
        super().__init__([_label(choice) for choice in choices])


def _label(value: object) -> str:
    return repr(value)


def _distribution(variable: Categorical | Ordinal | Int | Float) -> BaseDistribution:
    if isinstance(variable, Categorical | Ordinal):
        choices = list(variable.choices)
        return CategoricalDistribution(choices) if len(set(choices)) == len(choices) else _Labelled(choices)
    low, high, step = variable.low, variable.high, variable.step
    if isinstance(variable, Int):
        width = 1 if variable.log else int(step or 1)
        # The last value on the grid: Optuna warns when it has to find it itself.
        last = int(low) + (int(high) - int(low)) // width * width
        return IntDistribution(int(low), last, log=variable.log, step=width)
    if variable.log or not step:
        return FloatDistribution(low, high, log=variable.log)
    count = math.floor((high - low) / step * (1 + 1e-12))
    return FloatDistribution(low, low + count * step, step=step)
