"""DeployBench's problems, by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from lehr import _core
from lehr._checks import configuration, seed_number, whole
from lehr.bench.recordings.detect import read_table
from lehr.bench.recordings.files import decoded, parsed_lines
from lehr.bench.recordings.packaged import from_lines, packaged_bytes, packaged_names
from lehr.bench.recordings.table import Table
from lehr.errors import LehrError, OptionError
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


@dataclass(frozen=True, slots=True)
class InvalidShare:
    """Share of the draws of random search that are infeasible, by the truth.

    Attributes:
        share: 0 to 1.
        low: lower end of its 95 % interval (Wilson); equal to `share` when exact.
        high: upper end.
        exact: whether every configuration was looked at, weighted by the chance that a draw gives it.
        looked_at: how many configurations or draws were.
    """

    share: float
    low: float
    high: float
    exact: bool
    looked_at: int


@dataclass(frozen=True, slots=True)
class FamilyBest:
    """One value of a problem's family variable.

    Attributes:
        family: the value.
        configurations: how many configurations have it.
        feasible: how many of them are feasible.
        objective: of the best feasible one; ``None`` without one.
    """

    family: Any
    configurations: int
    feasible: int
    objective: float | None


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
        """A problem by name; see `problem_names`. Random problems are named ``deploy_space#SEED``,
        ``tuning_space#SEED``, ``smooth_space#SEED`` and ``rugged_space#SEED`` (seeds below 2**31; even ones are for
        tuning methods, odd ones for reporting).

        Raises:
            OptionError: there is no such problem.
        """
        if not isinstance(name, str):
            raise OptionError(
                f"a problem is loaded by its name, and this is a {type(name).__name__}; give a str"
            )
        if name in packaged_names():
            lines = parsed_lines(name, decoded(name, packaged_bytes(name)))
            return cls._from_table(from_lines(name, lines))
        try:
            return cls._from_core(_core.make_problem(name))
        except OptionError as error:
            if not str(error).startswith("unknown problem"):
                raise
            raise OptionError(f"{error}, {', '.join(packaged_names())}") from None

    @classmethod
    def replay(
        cls,
        path: str | Path,
        *,
        objective: str | None = None,
        direction: Literal["maximize", "minimize"] | None = None,
        constraints: Mapping[str, float] | None = None,
        study: str | None = None,
        t1: str | Path | None = None,
    ) -> Self:
        """A problem from recorded measurements; the format is told from the content, gzipped or not.

        Read are trial logs of `lehr.run` and `lehr tune`, ``lehr.replay`` files, and Kernel Tuner's cache files and T4
        results. The space holds exactly the recorded configurations: others have no result and are not legal. A
        configuration with several measurements repeats them in turn. Nothing in the file is evaluated as code.

        Args:
            path: the file.
            objective: the metric to optimise; else the file's own, ``time``, or a log's objective.
            direction: else ``"minimize"`` for Kernel Tuner's times, ``"maximize"`` for rates (``.../s``) and for logs.
            constraints: upper limits by metric name; else none, and for logs what the study judged.
            study: which study of a log that holds several.
            t1: the T1 description of T4 results, which they must fit.

        Raises:
            LehrError: the file cannot be read or is damaged; one sentence says what and where.
        """
        if not isinstance(path, str | Path):
            raise LehrError(f"a recording is named by its path, and this is a {type(path).__name__}")
        return cls._from_table(
            read_table(
                Path(path),
                objective=objective,
                direction=direction,
                constraints=constraints,
                study=study,
                t1=None if t1 is None else Path(t1),
            )
        )

    @classmethod
    def _from_table(cls, table: Table, constraints: Mapping[str, float] | None = None) -> Self:
        return cls._from_core(table.core(constraints), table.space)

    @classmethod
    def _from_core(cls, core: Any, space: Space | None = None) -> Self:
        return cls(
            core.name,
            space or Space.from_json(core.space_form),
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
            repeat: how often this study evaluated the configuration before, 0 to 2**64 - 1.

        Raises:
            ConfigurationError: `config` is not legal in the space.
            OptionError: `seed` or `repeat` is out of its range.
        """
        checked = seed_number(seed), whole("repeat", repeat, 0, 2**64 - 1)
        return self._evaluation(self._core.evaluate(configuration(config), *checked))

    def truth(self, config: Mapping[str, Any]) -> Evaluation:
        """What many measurements would agree on: no noise, no accident.

        Raises:
            ConfigurationError: `config` is not legal in the space.
        """
        return self._evaluation(self._core.truth(configuration(config)))

    def feasible(self, evaluation: Evaluation) -> bool:
        """Whether it ran and met every limit."""
        return evaluation.outcome == "ok" and all(
            evaluation.metrics[metric] <= limit for metric, limit in self.constraints.items()
        )

    def optimum(self) -> tuple[dict[str, Any], float]:
        """The best configuration whose truth is feasible, and its objective; ``({}, nan)`` when none is."""
        config, objective, _, _ = self._core.optimum()
        return config, objective

    def certificate(self) -> str:
        """How the optimum is known: enumeration, or the bound that was proven."""
        return str(self._core.optimum()[3])

    def best_families(self) -> list[Any]:
        """Values of the family variable that reach the optimum; empty without such a variable."""
        return list(self._core.optimum()[2])

    def invalid_share(self, n: int = 100_000, seed: int = 0) -> InvalidShare:
        """Share of random search's draws that are infeasible: exact in finite spaces, else from `n` draws.

        Raises:
            OptionError: `n` is 0 and the space cannot be listed, or `n` or `seed` is out of its range.
        """
        return InvalidShare(*_core.invalid_share(self._core, whole("n", n, 0, 2**53), seed_number(seed)))

    def best_of_family(self) -> list[FamilyBest]:
        """Every family with its best, by enumeration; empty without a family or in a space too large to list."""
        return [FamilyBest(*row) for row in _core.best_of_family(self._core)]

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
    """Names of the problems that ship with lehr."""
    return [*_core.problem_names(), *packaged_names()]
