"""Figures, durations and configurations on a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lehr.metrics import figure, metric

#: Values that say what they are without the variable's name.
_SELF_EVIDENT = ("model", "backend", "quantization", "inference_precision")
#: Settings in a word; an empty one is what the runtime does anyway.
_WORDS = {
    ("memory_pattern", True): "", ("memory_pattern", False): "nopattern",
    ("spinning", True): "spin", ("spinning", False): "nospin",
    ("per_channel", True): "perchannel", ("per_channel", False): "",
    ("compiled_cache", True): "cache", ("compiled_cache", False): "",
    ("calibration", "minmax"): "", ("calibration", "percentile"): "percentile",
}  # fmt: skip
_SHORT = {
    "inter_op_threads": "i",
    "batch_size": "b",
    "num_threads": "t",
    "num_streams": "s",
    "performance_hint": "hint=",
    "graph_optimization": "opt=",
}


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
        if (name, value) in _WORDS:
            words.append(_WORDS[name, value])
        elif name in _SELF_EVIDENT:
            words.append(str(value))
        elif name == "execution_mode":
            words.append(str(value)[:3])
        elif name in _SHORT:
            words.append(f"{_SHORT[name]}{value}")
        else:
            words.append(f"{name}={value}")
    return " ".join(word for word in words if word)


def shown_metrics(metrics: Mapping[str, float], names: Iterable[str]) -> str:
    """``accuracy 0.966, p95 latency 1.20 ms``: the named metrics that were measured."""
    return ", ".join(
        f"{metric(name).title} {figure(name, metrics[name])}" for name in names if name in metrics
    )
