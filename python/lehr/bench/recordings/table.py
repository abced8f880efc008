"""What was recorded of a finite space: rows of measurements, on the way from a file to the native problem."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from lehr import _core
from lehr.space import Space
from lehr.trial import Outcome


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """One measurement of one configuration.

    Attributes:
        outcome: how it ended.
        metrics: everything that was measured, by name; of an outcome ``ok``, the objective and every limited metric.
        seconds: what it cost.
        error: of a failure, in a few words.
    """

    outcome: Outcome
    metrics: Mapping[str, float]
    seconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a recording becomes a problem; what is None is for the recording to say.

    Attributes:
        study: which of several.
        objective: name of the metric to optimise.
        direction: ``"maximize"`` or ``"minimize"``.
        constraints: upper limits by metric name.
    """

    study: str | None = None
    objective: str | None = None
    direction: Literal["maximize", "minimize"] | None = None
    constraints: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Table:
    """Every configuration of a finite space with its measurements.

    Attributes:
        name: the problem's name.
        space: exactly the recorded configurations.
        objective: name of the metric to optimise.
        direction: ``"maximize"`` or ``"minimize"``.
        constraints: upper limits by metric name.
        family: the variable whose values are the families, when there is one.
        description: where the measurements come from, in a sentence.
        provenance: machine, versions, command, date; whatever the file tells.
    """

    name: str
    space: Space
    objective: str
    direction: Literal["maximize", "minimize"]
    constraints: Mapping[str, float]
    family: str | None = None
    description: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    _rows: dict[str, tuple[dict[str, Any], list[RecordedResult]]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """Number of configurations."""
        return len(self._rows)

    def add(self, config: Mapping[str, Any], recorded: RecordedResult) -> None:
        """One more measurement; several of one configuration are its repeats, in this order."""
        self._rows.setdefault(_key(config), (dict(config), []))[1].append(recorded)

    def recordings(self, config: Mapping[str, Any]) -> Sequence[RecordedResult]:
        """What was recorded of a configuration; empty when nothing was."""
        return self._rows.get(_key(config), ({}, []))[1]

    def core(self, constraints: Mapping[str, float] | None = None) -> Any:
        """The native problem, under other limits when given.

        Raises:
            OptionError: the rows are not exactly the space's configurations, or a measurement lacks a number.
        """
        limits = dict(self.constraints if constraints is None else constraints)
        return _core.TableProblem(
            self.name,
            self.space._core,
            self.objective,
            self.direction,
            list(limits.items()),
            self.family,
            self._describe(limits),
            [
                (config, [self._parts(recorded, limits) for recorded in recordings])
                for config, recordings in self._rows.values()
            ],
        )

    def _parts(self, recorded: RecordedResult, limits: Mapping[str, float]) -> tuple[Any, ...]:
        objective = recorded.metrics.get(self.objective) if recorded.outcome == "ok" else None
        metrics = [recorded.metrics.get(name) for name in limits]
        cause = "" if recorded.outcome == "ok" else recorded.error or recorded.outcome
        return recorded.outcome, objective, metrics, recorded.seconds, cause

    def _describe(self, limits: Mapping[str, float]) -> str:
        under = " under " + ", ".join(f"{name} <= {limit:g}" for name, limit in limits.items())
        recordings = [recorded for _, row in self._rows.values() for recorded in row]
        outcomes: dict[str, int] = {}
        for recorded in recordings:
            outcomes[recorded.outcome] = outcomes.get(recorded.outcome, 0) + 1
        counts = ", ".join(f"{count} {name}" for name, count in outcomes.items())
        times = "" if len(recordings) == len(self) else f", measured {len(recordings)} times"
        return (
            f"{self.name}: {len(self)} recorded configurations{times} ({counts}), {self.direction} "
            f"{self.objective}{under if limits else ''}. {self.description}".rstrip()
        )


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(dict(config), sort_keys=True)
