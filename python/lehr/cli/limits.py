"""The limit options, and how limits and objectives are written."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lehr import quantities as units
from lehr.cli.exits import InputError
from lehr.limits import Limit


@dataclass(frozen=True, slots=True)
class Objective:
    """What is optimised, as typed; the metric it means; and which way is better."""

    name: str
    metric: str
    direction: Literal["maximize", "minimize"]


OBJECTIVES = {
    "accuracy": Objective("accuracy", "accuracy", "maximize"),
    "throughput": Objective("throughput", "throughput_items_s", "maximize"),
    "latency": Objective("latency", "latency_p95_ms", "minimize"),
    "memory": Objective("memory", "memory_peak_mb", "minimize"),
}


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """The limit options as typed; None where an option was not given."""

    max_latency_p50: str | None = None
    max_latency_p95: str | None = None
    max_latency_p99: str | None = None
    max_memory: str | None = None
    max_model_size: str | None = None
    min_accuracy: str | None = None
    min_throughput: str | None = None

    def limits(self) -> tuple[Limit, ...]:
        """The limits. Raises InputError when an option cannot be read."""
        found = []
        for percentile in ("p50", "p95", "p99"):
            text = getattr(self, f"max_latency_{percentile}")
            if text is not None:
                value = units.latency_ms(text, f"--max-latency-{percentile}")
                found.append(Limit(f"latency_{percentile}_ms", value))
        if self.max_memory is not None:
            found.append(Limit("memory_peak_mb", units.memory_mb(self.max_memory, "--max-memory")))
        if self.max_model_size is not None:
            found.append(Limit("model_size_mb", units.memory_mb(self.max_model_size, "--max-model-size")))
        if self.min_accuracy is not None:
            found.append(Limit("accuracy", units.share(self.min_accuracy, "--min-accuracy"), side=">="))
        if self.min_throughput is not None:
            found.append(Limit("throughput_items_s", _rate(self.min_throughput), side=">="))
        return tuple(found)


def parse_objective(text: str) -> Objective:
    """The objective of a name. Raises InputError, with a suggestion, for an unknown one."""
    objective = OBJECTIVES.get(text.strip().lower())
    if objective is None:
        raise unknown("--objective", text, list(OBJECTIVES))
    return objective


def unknown(option: str, text: str, known: Sequence[str]) -> InputError:
    """The error for a word that is none of the known ones, with the nearest of them."""
    close = difflib.get_close_matches(text.lower(), known, n=1)
    hint = f"did you mean {close[0]}? Use" if close else "use"
    return InputError(f"{option}: unknown {text!r}; {hint} one of {', '.join(known)}")


def _rate(text: str) -> float:
    number = text.strip().removesuffix("/s").strip()
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(
            f"--min-throughput: {text!r} is not a number of samples a second above 0, such as 500/s"
        )
    return value
