"""A space in Optuna's words, so that Optuna's plots, importances and dashboard understand a study."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lehr.space import Space
from lehr.variables import Categorical, Float, Int, Ordinal, Variable


@dataclass(frozen=True)
class Translation:
    """Optuna's distribution of every variable, conditional ones included.

    Optuna has no ordinals: they become categoricals with their values in order. It takes True, 1 and 1.0 for
    one choice: a variable that has such choices shows their Python text instead.
    """

    distributions: dict[str, BaseDistribution]
    labelled: frozenset[str]

    @classmethod
    def of(cls, space: Space) -> Translation:
        """Translate a space."""
        labelled = frozenset(
            variable.name
            for variable in space.variables
            if (choices := _choices(variable)) is not None and len(set(choices)) < len(choices)
        )
        table = {
            variable.name: _distribution(variable, labelled=variable.name in labelled)
            for variable in space.variables
        }
        return cls(table, labelled)

    def parameters(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration as Optuna's parameters."""
        return {name: repr(value) if name in self.labelled else value for name, value in config.items()}


def _choices(variable: Variable) -> tuple[Any, ...] | None:
    if isinstance(variable, Categorical):
        return variable.choices
    return variable.values if isinstance(variable, Ordinal) else None


def _distribution(variable: Variable, *, labelled: bool) -> BaseDistribution:
    choices = _choices(variable)
    if choices is not None:
        return CategoricalDistribution([repr(choice) if labelled else choice for choice in choices])
    if isinstance(variable, Int):
        # The last value on the grid: Optuna warns when it has to find it itself.
        last = variable.low + (variable.high - variable.low) // variable.step * variable.step
        return IntDistribution(variable.low, last, log=variable.log, step=variable.step)
    assert isinstance(variable, Float)
    return _float_distribution(variable)


def _float_distribution(variable: Float) -> FloatDistribution:
    low, high, step = variable.low, variable.high, variable.step
    if step is None:
        return FloatDistribution(low, high, log=variable.log)
    # As the core counts: the quotient is off by a few units in the last place of its terms.
    tolerance = 8 * sys.float_info.epsilon * (1 + max(abs(low), abs(high), step) / step)
    count = math.floor((high - low) / step + tolerance)
    first, width = (Decimal(str(float(value))).normalize() for value in (low, step))
    # As the core writes it: the binary sum with the decimals of its terms, which is not always the sum of decimals.
    digits = max(0, *(-int(term.as_tuple().exponent) for term in (first, width)))
    last = float(f"{low + count * step:.{digits}f}")
    # Optuna counts steps in decimals and drops a last value that does not fit them: it gets the bare range then.
    if (Decimal(str(last)) - first) % width == 0 and count < 10**6:
        return FloatDistribution(low, last, step=step)
    return FloatDistribution(low, max(high, last, low + count * step))
