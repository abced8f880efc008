"""Recorded measurements as a problem: every configuration of a grid was measured once, and is looked up ever after.

File format, JSON lines: a header ``{"format": "lehr.replay", "version": 1, "name", "space", "objective", "direction",
"constraints", "recorded", ...}``, then one line a configuration: ``{"config", "outcome", "metrics", "seconds"}``.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from lehr.errors import ConfigurationError, LehrError
from lehr.space import Space
from lehr.trial import OUTCOMES, Outcome

_FORMAT = "lehr.replay"
_VERSION = 1
_SUFFIX = ".jsonl.gz"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one configuration measured: its outcome, every metric, and what it cost in seconds."""

    outcome: Outcome
    metrics: Mapping[str, float]
    seconds: float
    error: str | None = None


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
    _table: Mapping[str, Recorded] = field(repr=False)

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """A problem that ships with lehr, by name (see `replay_names`), or any file of the format.

        Raises:
            LehrError: there is no such problem, or the file is not of the format.
        """
        if isinstance(name, str) and name in replay_names():
            data = resources.files("lehr.bench").joinpath("data", name + _SUFFIX).read_bytes()
        else:
            try:
                data = Path(name).read_bytes()
            except OSError as error:
                known = ", ".join(replay_names())
                raise LehrError(
                    f"cannot read {name}: {error.strerror}; problems that ship with lehr: {known}"
                ) from None
        try:
            text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
            lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (OSError, EOFError, ValueError) as error:
            raise LehrError(f"{name} is not a recorded problem: {error}") from None
        return cls._from_lines(str(name), lines)

    @classmethod
    def _from_lines(cls, source: str, lines: list[Any]) -> Self:
        if not lines or not isinstance(lines[0], dict) or lines[0].get("format") != _FORMAT:
            raise LehrError(
                f"{source} is not a recorded problem: its first line is no header of format '{_FORMAT}'"
            )
        header = lines[0]
        if header.get("version") != _VERSION:
            raise LehrError(
                f"{source} is of format version {header.get('version')!r}; this lehr reads version {_VERSION}"
            )
        try:
            space = Space.from_json(json.dumps(header["space"]))
            table = {}
            for line in lines[1:]:
                space.validate(line["config"])
                if line["outcome"] not in OUTCOMES:
                    raise ValueError(f"unknown outcome {line['outcome']!r}")
                table[_key(line["config"])] = Recorded(
                    line["outcome"], dict(line["metrics"]), float(line["seconds"]), line.get("error")
                )
            problem = cls(
                header["name"],
                space,
                header["objective"],
                header["direction"],
                dict(header["constraints"]),
                header["recorded"],
                table,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise LehrError(f"{source} is damaged: {error}") from None
        if space.count() != len(table):
            raise LehrError(
                f"{source} records {len(table)} of the {space.count()} configurations of its space"
            )
        return problem

    def __len__(self) -> int:
        return len(self._table)

    def lookup(self, config: Mapping[str, Any]) -> Recorded:
        """What was recorded for a configuration.

        Raises:
            ConfigurationError: the configuration is not one of the space.
        """
        try:
            return self._table[_key(config)]
        except KeyError:
            self.space.validate(dict(config))
            raise ConfigurationError(f"{dict(config)} was not recorded") from None

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
        sign = 1.0 if self.direction == "maximize" else -1.0
        best: tuple[dict[str, Any], float] | None = None
        for config in self.space.enumerate():
            if not self.feasible(config, constraints):
                continue
            value = self.lookup(config).metrics[self.objective]
            if best is None or sign * value > sign * best[1]:
                best = config, value
        return best

    def describe(self) -> str:
        """The problem in a few sentences."""
        limits = ", ".join(f"{name} <= {limit:g}" for name, limit in self.constraints.items())
        outcomes = {name: sum(r.outcome == name for r in self._table.values()) for name in OUTCOMES}
        counts = ", ".join(f"{count} {name}" for name, count in outcomes.items() if count)
        best = self.optimum()
        found = "nothing is feasible" if best is None else f"best feasible {self.objective} {best[1]:.4g}"
        return (
            f"{self.name}: {len(self)} recorded configurations ({counts}), {self.direction} {self.objective} under "
            f"{limits}; {100 * self.invalid_share():.0f} % are invalid, {found}. "
            f"Recorded on {self.recorded['machine']}."
        )


def replay_names() -> list[str]:
    """Names of the recorded problems that ship with lehr."""
    folder = resources.files("lehr.bench").joinpath("data")
    return sorted(item.name.removesuffix(_SUFFIX) for item in folder.iterdir() if item.name.endswith(_SUFFIX))


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(dict(config), sort_keys=True)
