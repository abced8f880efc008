"""The metrics that lehr measures: one row each. Names, units, which way is better, how they are shown and typed.

Whatever is measured can be limited and optimised. A metric that has no row here, a user's own, is known by its name
alone: its unit follows from the end of the name (``_ms``, ``_s``, ``_mb``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Direction = Literal["maximize", "minimize"]
Side = Literal["<=", ">="]
Kind = Literal["time", "memory", "share", "rate", "number"]

_UNIT_OF_SUFFIX = {"_ms": "ms", "_s": "s", "_mb": "MB"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: as evaluations return it and limits name it.
        title: in sentences.
        heading: of a column.
        unit: ``ms``, ``s``, ``MB``, ``/s``, ``J``; empty for a plain number.
        better: ``maximize`` or ``minimize``; None where lehr does not know.
        kind: what a person types for it: ``time`` (20ms), ``memory`` (512MB), ``share`` (0.95 or 95%), ``rate``
            (500/s) or a plain ``number``.
        option: the command's option for a limit on it, without dashes; empty where ``--limit`` alone sets one.
        goal: its short name as an objective; empty where it has none but its own.
        exact: whether it is the same in every process: no luck of timing is in it.
    """

    name: str
    title: str
    heading: str
    unit: str = ""
    better: Direction | None = None
    kind: Kind = "number"
    option: str = ""
    goal: str = ""
    exact: bool = False

    @property
    def side(self) -> Side:
        """The side of its usual limit: upper where less is better."""
        return ">=" if self.better == "maximize" else "<="


_ROWS = (
    Metric("accuracy", "accuracy", "acc", "", "maximize", "share", "min-accuracy", "accuracy", True),
    Metric("throughput_items_s", "throughput", "items/s", "/s", "maximize", "rate", "min-throughput", "throughput"),
    Metric("latency_p95_ms", "p95 latency", "p95 ms", "ms", "minimize", "time", "max-latency-p95", "latency"),
    Metric("memory_peak_mb", "peak memory", "MB", "MB", "minimize", "memory", "max-memory", "memory"),
    Metric("latency_p50_ms", "p50 latency", "p50 ms", "ms", "minimize", "time", "max-latency-p50"),
    Metric("latency_p99_ms", "p99 latency", "p99 ms", "ms", "minimize", "time", "max-latency-p99"),
    Metric("latency_mean_ms", "mean latency", "mean ms", "ms", "minimize", "time"),
    Metric("model_size_mb", "model size", "size", "MB", "minimize", "memory", "max-model-size", exact=True),
    Metric("load_s", "load time", "load s", "s", "minimize", "time"),
    Metric("energy_j_per_item", "energy an item", "J/item", "J", "minimize", "number"),
)  # fmt: skip

#: Every metric that lehr knows, by name.
METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ROWS}
#: Objectives by their short names.
GOALS: Mapping[str, Metric] = {metric.goal: metric for metric in _ROWS if metric.goal}


def metric(name: str) -> Metric:
    """The row of a metric; one made up from the name for what has none."""
    known = METRICS.get(name)
    if known is not None:
        return known
    unit = next((unit for suffix, unit in _UNIT_OF_SUFFIX.items() if name.endswith(suffix)), "")
    kind: Kind = "number" if not unit else "memory" if unit == "MB" else "time"
    return Metric(name, name, name, unit, None, kind)


def number(name: str, value: float | None) -> str:
    """A metric's value without its unit; a dash where it was not measured."""
    if value is None:
        return "-"
    if metric(name).kind == "share":
        return f"{value:.3f}"
    if metric(name).kind == "memory" and name == "memory_peak_mb":
        return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return significant(value)


def figure(name: str, value: float | None) -> str:
    """A metric's value with its unit: ``4.16 ms``, ``2,799/s``."""
    text, unit = number(name, value), metric(name).unit
    return text if text == "-" else f"{text}{_after(unit)}"


def bound(name: str, value: float) -> str:
    """A limit's bound as it was given, with the metric's unit: ``15 ms``, ``4,000/s``, ``0.99``."""
    return f"{value:,.6g}{_after(metric(name).unit)}"


def significant(value: float) -> str:
    """Three significant digits, thousands separated, no exponent from 1 to 10^9."""
    if value == 0 or abs(value) >= 1e9:
        return f"{value:.3g}"
    if abs(value) < 1:
        return f"{value:#.3g}"
    return f"{value:,.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"


def _after(unit: str) -> str:
    return unit if not unit or unit.startswith("/") else f" {unit}"
