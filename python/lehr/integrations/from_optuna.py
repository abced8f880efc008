"""Spaces from Optuna's distributions."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from lehr.errors import SpaceError
from lehr.variables import Categorical, Float, Int, Variable


def variables_from_optuna(distributions: Mapping[str, BaseDistribution]) -> list[Variable]:
    """The variables of a space: see :meth:`lehr.Space.from_optuna`."""
    if not isinstance(distributions, Mapping):
        raise SpaceError(
            f"distributions is a {type(distributions).__name__}; give Optuna's distributions by name, such as "
            "trial.distributions or what infer_relative_search_space returns."
        )
    variables: list[Variable] = []
    mistakes: list[str] = []
    for name, distribution in distributions.items():
        variable = _variable(name, distribution)
        if variable is None:
            mistakes.append(
                f"{name} is a {type(distribution).__name__}, which has no counterpart here; use a FloatDistribution, "
                "an IntDistribution or a CategoricalDistribution."
            )
        else:
            variables.append(variable)
    if mistakes:
        mistakes += [f"{v.name}: {problem}" for v in variables for problem in v._domain_problems()]
        raise SpaceError("\n".join(mistakes), mistakes)
    return variables


def _variable(name: str, distribution: BaseDistribution) -> Variable | None:
    if isinstance(distribution, FloatDistribution):
        return Float(name, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    if isinstance(distribution, IntDistribution):
        return Int(name, distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(name, distribution.choices)
    return None
