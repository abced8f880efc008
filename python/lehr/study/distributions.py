"""A space in Optuna's words, so that Optuna's plots, importances and dashboard understand a study."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lehr.space import Categorical, Float, Int, Ordinal, Space


@dataclass(frozen=True)
class Translation:
    """Optuna's distribution of every variable, conditional ones included.

    Optuna has no ordinals (they become categoricals with their values in order) and no step on a logarithmic
    scale (it is left out). It takes True, 1 and 1.0 for one choice; a variable that has such choices shows
    their Python text instead.
    """

    distributions: dict[str, BaseDistribution]
    labelled: frozenset[str]

    @classmethod
    def of(cls, space: Space) -> Translation:
        """Translate a space."""
        labelled = frozenset(
            variable.name
            for variable in space.variables
            if isinstance(variable, Categorical | Ordinal)
            and len(set(variable.choices)) < len(variable.choices)
        )
        table = {
            variable.name: _distribution(variable, labelled=variable.name in labelled)
            for variable in space.variables
        }
        return cls(table, labelled)

    def parameters(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration as Optuna's parameters."""
        return {name: repr(value) if name in self.labelled else value for name, value in config.items()}


def _distribution(variable: Categorical | Ordinal | Int | Float, *, labelled: bool) -> BaseDistribution:
    if isinstance(variable, Categorical | Ordinal):
        return CategoricalDistribution([repr(choice) if labelled else choice for choice in variable.choices])
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
