"""The density engine of TPE on its own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lehr import _core
from lehr._checks import configurations, real, seed_number, whole
from lehr.errors import DeviceError, OptionError
from lehr.gpu import Device, gpu_for
from lehr.space import Config, Space
from lehr.variables import Categorical, Float, Int, Ordinal, Variable


class ParzenEstimator:
    """A Parzen estimator over configurations: the mixture of product kernels at the heart of TPE.

    One kernel per observation and one for the prior, each a product over the variables: truncated normals (on
    the logarithm where ``log``), their masses on the grid of a discrete variable, and smoothed choices of a
    categorical one. :class:`Ordinal` counts as the integer position of the value. Variables with a single
    value say nothing and are left out.

    The estimator is that of Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011), with the
    constants and the densities of Optuna 5's multivariate TPE: bandwidths reach to the farther neighbour and
    at least 1 / min(100, n + 2) of the domain ("magic clipping"), the last 25 observations weigh 1 and
    earlier ones less. Watanabe, "Tree-Structured Parzen Estimator" (arXiv 2304.11127, 2023), explains what
    each of these does.

    Args:
        space: the space that the configurations belong to. Its forbidden combinations do not cut the density.
        observations: legal configurations, oldest first, all with the same active variables; may be empty
            when every variable of the space is always active.
        prior_weight: weight of the prior's kernel, finite and >= 0; that of a recent observation is 1.

    Raises:
        ConfigurationError: when an observation is not a legal configuration of the space.
        OptionError: when observations differ in their active variables, or the prior's weight is out of
            range.
    """

    def __init__(
        self, space: Space, observations: Iterable[Mapping[str, Any]], *, prior_weight: float = 1.0
    ) -> None:
        if not isinstance(space, Space):
            raise OptionError(f"space is a {type(space).__name__}; give a lehr.Space")
        self._space = space
        codes = _codes(space, "observations", observations)
        if not len(codes) and any(_when(variable) is not None for variable in space):
            raise OptionError(
                "Without observations it is unknown which variables are active; give at least one, "
                "or a space without conditions."
            )
        self._active = ~np.isnan(codes[0]) if len(codes) else np.ones(len(space), dtype=np.bool_)
        self._check_active("observations", codes)
        self._used = [i for i, v in enumerate(space) if self._active[i] and _cardinality(v) != 1]
        self._core = _core.ParzenEstimator(
            [_dimension(space.variables[i]) for i in self._used],
            codes[:, self._used],
            real("prior_weight", prior_weight),
        )

    def log_pdf(
        self, configs: Iterable[Mapping[str, Any]], device: Device = "cpu"
    ) -> npt.NDArray[np.float64]:
        """Natural logarithms of the densities of n configurations with the same active variables as the observations.

        Discrete variables contribute probabilities, continuous ones densities in their own unit, those with
        ``log`` the density of the natural logarithm.

        Args:
            configs: legal configurations.
            device: ``"cpu"``, ``"cuda"``, or ``"auto"`` for the GPU where one can be used and the batch is large enough
                to pay. The results agree to about 1e-9 of their size.

        Returns:
            float64 of shape (n,).

        Raises:
            ConfigurationError: when a configuration is not legal.
            OptionError: when the active variables differ from those of the observations, or the device is unknown.
            DeviceError: when `device` is ``"cuda"`` and the GPU cannot be used; the message says why.
        """
        gpu = gpu_for(device)
        codes = _codes(self._space, "configs", configs)
        self._check_active("configs", codes)
        points = codes[:, self._used]
        if gpu is None or (device == "auto" and not self._core.worth_gpu(len(points), gpu)):
            return self._core.log_pdf(points)
        try:
            return self._core.log_pdf(points, gpu)
        except DeviceError:
            if device == "cuda":
                raise
            return self._core.log_pdf(points)

    def sample(self, n: int, seed: int) -> list[Config]:
        """Draw n configurations from the density; the same seed gives the same ones.

        Each has the active variables of the observations. Conditions and forbidden combinations do not
        restrict the draw: where they depend on the drawn values, check with ``config in space``.

        Args:
            n: at least 0.
            seed: an integer from 0 to 2**64 - 1.

        Raises:
            OptionError: `n` or `seed` is out of its range.
        """
        count = whole("n", n, 0)
        drawn = self._core.sample(count, seed_number(seed))
        codes = np.where(self._active, 0.0, math.nan) + np.zeros((count, 1))
        codes[:, self._used] = drawn
        for i, variable in enumerate(self._space):
            if self._active[i] and i not in self._used and isinstance(variable, (Int, Float)):
                codes[:, i] = variable.low
        return [self._space._core.decode(row) for row in codes.tolist()]

    def _check_active(self, what: str, codes: npt.NDArray[np.float64]) -> None:
        for row, active in enumerate(~np.isnan(codes)):
            if (active != self._active).any():
                name = self._space.names[int(np.argmax(active != self._active))]
                state = "active" if active[self._space.names.index(name)] else "not active"
                raise OptionError(
                    f"{what} must all have the same active variables, but {name} is {state} in "
                    f"number {row + 1} and {'not ' if state == 'active' else ''}active in the first "
                    "observation; split them into groups that agree."
                )


def _codes(space: Space, what: str, configs: Iterable[Mapping[str, Any]]) -> npt.NDArray[np.float64]:
    rows = [space._encode(config) for config in configurations(what, configs)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(space))


def _when(variable: Variable) -> object:
    return getattr(variable, "when", None)


def _cardinality(variable: Variable) -> int:
    """Number of values; 0 when continuous with more than one."""
    if isinstance(variable, Categorical):
        return len(variable.choices)
    if isinstance(variable, Ordinal):
        return len(variable.values)
    core = variable._core_variable(None)
    if not core.discrete:
        return int(core.low == core.high)
    return core.cardinality


def _dimension(variable: Variable) -> _core.Dimension:
    if isinstance(variable, Categorical):
        return _core.Dimension(choices=len(variable.choices))
    if isinstance(variable, Ordinal):
        return _core.Dimension(low=0.0, high=len(variable.values) - 1.0, step=1.0)
    core = variable._core_variable(None)
    return _core.Dimension(low=core.low, high=core.high, log=core.log, step=core.step)
