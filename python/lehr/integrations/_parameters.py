"""Optuna's distributions as variables of the native space: between parameter values and codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lehr import _core

NAN = math.nan
_LARGEST_INTEGER = 2**53


def searchable(distribution: BaseDistribution) -> bool:
    """Whether the native search has a variable for it: more than one value, and bounds a double can tell apart."""
    if distribution.single():
        return False
    if isinstance(distribution, CategoricalDistribution):
        return True
    if isinstance(distribution, IntDistribution):
        return max(abs(distribution.low), abs(distribution.high)) <= _LARGEST_INTEGER
    return isinstance(distribution, FloatDistribution) and math.isfinite(distribution.high - distribution.low)


class Parameter:
    """One parameter of a study. Its code is the number itself, or the position of the choice."""

    def __init__(self, name: str, distribution: BaseDistribution) -> None:
        self.name = name
        self.distribution: Any = distribution
        self._categorical = isinstance(distribution, CategoricalDistribution)
        self._whole = isinstance(distribution, IntDistribution)
        self._digits: int | None = None
        # Between these bounds every float, or every integer, is a value.
        self._dense = not self._categorical and getattr(distribution, "step", 0) == (
            1 if self._whole else None
        )
        if isinstance(distribution, FloatDistribution) and distribution.step is not None:
            self._digits = max(_decimals(distribution.low), _decimals(distribution.step))

    def variable(self, name: str) -> _core.Variable:
        """The variable of the native space. Choices are known there by their positions only."""
        d = self.distribution
        if self._categorical:
            return _core.Variable.listed("categorical", name, range(len(d.choices)), None)
        kind = "int" if self._whole else "float"
        return _core.Variable.ranged(kind, name, d.low, d.high, d.log, d.step or 0.0, None)

    def encode(self, value: Any) -> float:
        """The code of a recorded value; NaN when this distribution does not contain it."""
        distribution = self.distribution
        if self._dense and type(value) is (int if self._whole else float):
            return float(value) if distribution.low <= value <= distribution.high else NAN
        try:
            code = float(distribution.to_internal_repr(value))
        except (TypeError, ValueError, OverflowError):  # a choice that is gone, a number of another kind
            return NAN
        return code if math.isfinite(code) and distribution._contains(code) else NAN

    def decode(self, code: float) -> Any:
        """The value of a legal code, of the type that Optuna expects."""
        distribution = self.distribution
        if self._categorical:
            return distribution.choices[int(code)]
        if self._whole:
            return int(code)
        if self._digits is None:
            return float(code)
        # 0.3, not 0.30000000000000004.
        return min(max(round(code, self._digits), distribution.low), distribution.high)

    def announced(self, value: Any, codes: Mapping[str, float]) -> float:
        """The code of a recorded value, when the codes that its sampler proposed are known.

        Optuna keeps the position of the first choice that equals the value, and 1, 1.0 and True are equal: the
        position proposed tells them apart.
        """
        if not self._categorical:
            return self.encode(value)
        position = codes.get(self.name)
        choices = self.distribution.choices
        if position is not None and 0 <= position < len(choices) and choices[int(position)] == value:
            return float(position)
        return self.encode(value)

    @property
    def ambiguous(self) -> bool:
        """Whether some of its choices are equal to each other."""
        return self._categorical and len(set(self.distribution.choices)) < len(self.distribution.choices)


def _decimals(number: float) -> int:
    """Digits after the decimal point of the shortest decimal that reads back as the number."""
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
