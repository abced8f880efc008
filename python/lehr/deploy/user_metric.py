"""A metric of the user's: a Python function of the model's outputs and the labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from lehr.deploy.functions import is_function_name, load_function, one_line
from lehr.errors import ModelError

Outputs = NDArray[Any] | Sequence[NDArray[Any]]
"""One output of all items: [N, ...], or a list of N arrays where their shapes differ."""
Function = Callable[[Any, NDArray[Any]], float]


@dataclass(frozen=True, slots=True)
class UserMetric:
    """``function(outputs, labels)``, higher is better. A metric that was given by name travels as that name.

    ``outputs`` is the array [N, ...] of all N scored items for a model with one output, and a dict of such arrays by
    output name for a model with several; outputs that do not follow the batch are left out. Where items have outputs
    of different shapes, a list of N arrays stands for the array. ``labels`` holds the same N items.
    """

    name: str
    function: Function | None = None

    @classmethod
    def of(cls, metric: str | Function | UserMetric) -> UserMetric:
        """A metric from a function, or from a text ``package.module:function``.

        Raises:
            ModelError: it is neither; the function itself is looked for when it is first called.
        """
        if isinstance(metric, UserMetric):
            return metric
        if isinstance(metric, str):
            if not is_function_name(metric):
                raise ModelError(f"metric {metric!r} is not of the form package.module:function")
            return cls(metric)
        if not callable(metric):
            raise ModelError(
                f"a metric is a function (outputs, labels) -> float or a text package.module:function, "
                f"not {type(metric).__name__}"
            )
        return cls(getattr(metric, "__qualname__", type(metric).__name__), metric)

    @property
    def description(self) -> str:
        """What the score is, for people."""
        return f"metric {self.name}"

    def key(self) -> str:
        """A short text, different for different names and different code, as far as the code can be seen."""
        code = getattr(self.function, "__code__", None)
        content = b"" if code is None else code.co_code + repr(code.co_consts).encode()
        return f"{self.name} {hashlib.sha256(content).hexdigest()[:12]}" if content else self.name

    def __call__(self, outputs: Outputs | Mapping[str, Outputs], labels: NDArray[Any]) -> float:
        """The metric's value, a finite number.

        Raises:
            ModelError: the function raised, or gave no finite number; one sentence says which.
        """
        function = self.function or load_function(self.name, "metric")
        try:
            result = function(outputs, labels)
        except Exception as error:
            raise ModelError(f"metric {self.name}(outputs, labels) raised {one_line(error)}") from error
        try:
            value = float(result)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"metric {self.name} must return one number, and returned {type(result).__name__}"
            ) from error
        if not math.isfinite(value):
            raise ModelError(f"metric {self.name} must return a finite number, and returned {value}")
        return value
