"""Recorded measurements with all their metrics: other limits than the problem's own can be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from lehr.bench.problems import Problem
from lehr.bench.recordings.files import decoded, parsed_lines
from lehr.bench.recordings.packaged import from_lines, packaged_bytes, packaged_names
from lehr.bench.recordings.table import RecordedResult, Table
from lehr.errors import ConfigurationError, LehrError
from lehr.space import Space


@dataclass(frozen=True)
class ReplayProblem:
    """A finite space whose every configuration has a recorded result.

    Attributes:
        name: the problem's name.
        space: the space that was recorded, finite.
        objective: name of the metric to optimise.
        direction: ``"maximize"`` or ``"minimize"``.
        constraints: upper limits by metric name, the problem's own; others may be passed where results are judged.
        recorded: provenance: machine, versions, command, date.
    """

    name: str
    space: Space
    objective: str
    direction: Literal["maximize", "minimize"]
    constraints: Mapping[str, float]
    recorded: Mapping[str, Any]
    _table: Table = field(repr=False)

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """A problem that ships with lehr, by name (see `replay_names`), or any file of the format.

        Raises:
            LehrError: there is no such problem, or the file is not of the format.
        """
        if isinstance(name, str) and name in replay_names():
            data = packaged_bytes(name)
        else:
            try:
                data = Path(name).read_bytes()
            except OSError as error:
                known = ", ".join(replay_names())
                raise LehrError(
                    f"cannot read {name}: {error.strerror}; problems that ship with lehr: {known}"
                ) from None
        table = from_lines(str(name), parsed_lines(str(name), decoded(str(name), data)))
        table.core()  # refuses what is incomplete
        return cls(
            table.name,
            table.space,
            table.objective,
            table.direction,
            table.constraints,
            table.provenance,
            table,
        )

    def __len__(self) -> int:
        return len(self._table)

    def problem(self, constraints: Mapping[str, float] | None = None) -> Problem:
        """The native problem, under other upper limits by metric name when given."""
        return Problem._from_table(self._table, constraints)

    def lookup(self, config: Mapping[str, Any]) -> RecordedResult:
        """What was recorded for a configuration, the first time when it was measured several times.

        Raises:
            ConfigurationError: the configuration is not one of the space.
        """
        recordings = self._table.recordings(config)
        if not recordings:
            self.space.validate(dict(config))
            raise ConfigurationError(f"{dict(config)} was not recorded")
        return recordings[0]

    def result(
        self, config: Mapping[str, Any], constraints: Mapping[str, float] | None = None
    ) -> dict[str, Any]:
        """The recorded result as arguments of `lehr.Optimizer.tell`: outcome, objective, metrics under limits.

        Args:
            config: a configuration of the space.
            constraints: upper limits by metric name instead of the problem's own.
        """
        recorded = self.lookup(config)
        limits = self.constraints if constraints is None else constraints
        if recorded.outcome == "ok":
            metrics = {name: recorded.metrics[name] for name in limits}
            return {"outcome": "ok", "objective": recorded.metrics[self.objective], "metrics": metrics}
        metrics = {name: recorded.metrics[name] for name in limits if name in recorded.metrics}
        return {"outcome": recorded.outcome, "metrics": metrics}

    def feasible(self, config: Mapping[str, Any], constraints: Mapping[str, float] | None = None) -> bool:
        """Whether the configuration ran and met every limit."""
        result = self.result(config, constraints)
        limits = self.constraints if constraints is None else constraints
        return result["outcome"] == "ok" and all(result["metrics"][name] <= limits[name] for name in limits)

    def invalid_share(self, constraints: Mapping[str, float] | None = None) -> float:
        """Share of the space's configurations that are not feasible, 0 to 1."""
        configs = list(self.space.enumerate())
        return sum(not self.feasible(config, constraints) for config in configs) / len(configs)

    def optimum(self, constraints: Mapping[str, float] | None = None) -> tuple[dict[str, Any], float] | None:
        """The best feasible configuration and its objective, by enumeration; None when nothing is feasible."""
        config, objective = self.problem(constraints).optimum()
        return (config, objective) if config else None

    def describe(self) -> str:
        """The problem in a few sentences."""
        best = self.optimum()
        found = "nothing is feasible" if best is None else f"best feasible {self.objective} {best[1]:.4g}"
        share = f"{100 * self.invalid_share():.0f} % of the configurations are invalid"
        return f"{self.problem().describe()} {share}; {found}."


def replay_names() -> list[str]:
    """Names of the recorded problems that ship with lehr."""
    return packaged_names()
