"""Metrics as people read them: name, unit, digits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """How one metric is shown: title in sentences, heading of a column, unit."""

    title: str
    heading: str
    unit: str = ""


class _Metrics(dict[str, Metric]):
    def __missing__(self, name: str) -> Metric:
        return Metric(name, name)


METRICS: Mapping[str, Metric] = _Metrics(
    accuracy=Metric("accuracy", "acc"),
    throughput_items_s=Metric("throughput", "items/s", "/s"),
    latency_p50_ms=Metric("p50 latency", "p50 ms", "ms"),
    latency_p95_ms=Metric("p95 latency", "p95 ms", "ms"),
    latency_p99_ms=Metric("p99 latency", "p99 ms", "ms"),
    memory_peak_mb=Metric("peak memory", "MB", "MB"),
    model_size_mb=Metric("model size", "size", "MB"),
)

#: Values that say what they are without the variable's name.
_SELF_EVIDENT = ("model", "quantization")
_SHORT = {
    "batch_size": "b",
    "num_threads": "t",
    "graph_optimization": "opt=",
}


def number(metric: str, value: float | None) -> str:
    """A metric's value without its unit; a dash where it was not measured."""
    if value is None:
        return "-"
    if metric == "accuracy":
        return f"{value:.3f}"
    if metric == "memory_peak_mb":
        return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return significant(value)


def figure(metric: str, value: float | None) -> str:
    """A metric's value with its unit."""
    text, unit = number(metric, value), METRICS[metric].unit
    if not unit or text == "-":
        return text
    return f"{text}{unit}" if unit.startswith("/") else f"{text} {unit}"


def bound(metric: str, value: float) -> str:
    """A limit as it was given, with the metric's unit: ``15 ms``, ``4,000/s``, ``0.99``."""
    unit = METRICS[metric].unit
    return f"{value:,.6g}{unit if not unit or unit.startswith('/') else f' {unit}'}"


def significant(value: float) -> str:
    """Three significant digits, thousands separated, no exponent from 1 to 10^9."""
    if value == 0 or abs(value) >= 1e9:
        return f"{value:.3g}"
    if abs(value) < 1:
        return f"{value:#.3g}"
    return f"{value:,.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"


def seconds(value: float) -> str:
    """A duration: 0.84 s, 12.3 s, 2:05 min, 1:02:03 h."""
    if value < 10:
        return f"{value:.2f} s"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def compact(config: Mapping[str, Any]) -> str:
    """A configuration on one short line: ``resnet int8_static b8 t2 opt=all par``."""
    words = []
    for name, value in config.items():
        if name in _SELF_EVIDENT:
            words.append(str(value))
        elif name == "execution_mode":
            words.append(str(value)[:3])
        elif name in _SHORT:
            words.append(f"{_SHORT[name]}{value}")
        else:
            words.append(f"{name}={value}")
    return " ".join(words)


def shown_metrics(metrics: Mapping[str, float], names: Iterable[str]) -> str:
    """``accuracy 0.966, p95 latency 1.20 ms``: the named metrics that were measured."""
    return ", ".join(
        f"{METRICS[name].title} {figure(name, metrics[name])}" for name in names if name in metrics
    )
