"""DeployBench's native problems, by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from lehr import _core
from lehr.space import Space
from lehr.trial import Outcome


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation gave.

    Attributes:
        outcome: how it ended.
        objective: in the problem's own direction; ``None`` unless it ran.
        metrics: by the names of the problem's constraints; empty unless measured.
        seconds: what the trial cost.
        cause: of a failure, in a few words; empty when it ran.
    """

    outcome: Outcome
    objective: float | None
    metrics: Mapping[str, float]
    seconds: float
    cause: str = ""

    def told(self) -> dict[str, Any]:
        """As arguments of `lehr.Optimizer.tell`."""
        return {"outcome": self.outcome, "objective": self.objective, "metrics": dict(self.metrics)}


@dataclass(frozen=True)
class Problem:
    """A problem of DeployBench: a space, upper limits on metrics, and what every configuration gives.

    Attributes:
        name: as given to `load`.
        space: the space to search.
        objective: name of what is optimised.
        direction: ``"maximize"`` or ``"minimize"``.
        constraints: upper limits by metric name.
        family: the variable whose best value counts as discovered (METHOD's discovery rate), when there is one.
    """

    name: str
    space: Space
    objective: str
    direction: Literal["maximize", "minimize"]
    constraints: Mapping[str, float]
    family: str | None
    _core: Any = field(repr=False)

    @classmethod
    def load(cls, name: str) -> Self:
        """A problem by name; see `problem_names`.

        Raises:
            OptionError: there is no such problem.
        """
        return cls._from_core(_core.make_problem(name))

    @classmethod
    def _from_core(cls, core: Any) -> Self:
        return cls(
            core.name,
            Space.from_json(core.space_form),
            core.objective,
            core.direction,
            dict(core.constraints),
            core.family,
            core,
        )

    def evaluate(self, config: Mapping[str, Any], seed: int = 0, repeat: int = 0) -> Evaluation:
        """One measurement with its noise, a function of its arguments alone.

        Args:
            config: a legal configuration.
            seed: of the study, 0 to 2**64 - 1; every method meets the same luck under the same seed.
            repeat: how often this study evaluated the configuration before.

        Raises:
            ConfigurationError: `config` is not legal in the space.
        """
        return self._evaluation(self._core.evaluate(dict(config), seed, repeat))

    def truth(self, config: Mapping[str, Any]) -> Evaluation:
        """What many measurements would agree on: no noise, no accident.

        Raises:
            ConfigurationError: `config` is not legal in the space.
        """
        return self._evaluation(self._core.truth(dict(config)))

    def feasible(self, evaluation: Evaluation) -> bool:
        """Whether it ran and met every limit."""
        return evaluation.outcome == "ok" and all(
            evaluation.metrics[metric] <= limit for metric, limit in self.constraints.items()
        )

    def optimum(self) -> tuple[dict[str, Any], float]:
        """The best configuration whose truth is feasible, and its objective."""
        config, objective, _, _ = self._core.optimum()
        return config, objective

    def describe(self) -> str:
        """The problem in a few sentences."""
        return str(self._core.describe())

    def _evaluation(self, parts: tuple[Outcome, float, list[float], float, str]) -> Evaluation:
        outcome, objective, metrics, seconds, cause = parts
        measured = {
            name: value
            for name, value in zip(self.constraints, metrics, strict=True)
            if not math.isnan(value)
        }
        return Evaluation(outcome, objective if outcome == "ok" else None, measured, seconds, cause)


def problem_names() -> list[str]:
    """Names of the native problems."""
    return list(_core.problem_names())
