"""What `lehr.run` is given, checked before anything starts or is written."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage

from lehr._checks import configurations, real, whole
from lehr.errors import OptionError, StorageError
from lehr.space import Space
from lehr.study.results import canonical


def check_kinds(
    *,
    evaluate: object,
    space: object,
    objective: object,
    name: object,
    storage: object,
    preload: object,
    environment: object,
    device: object,
    cpus: object,
    on_event: object,
) -> None:
    """Raises OptionError for what is of another kind than it must be, StorageError for such a storage."""
    if not callable(evaluate):
        raise OptionError(f"evaluate is a {type(evaluate).__name__}; give a function of a configuration")
    if not isinstance(space, Space):
        raise OptionError(f"space is a {type(space).__name__}; give a lehr.Space")
    if on_event is not None and not callable(on_event):
        raise OptionError(f"on_event is a {type(on_event).__name__}; give a function of an event, or None")
    for what, text in (("objective", objective), ("name", name)):
        if not isinstance(text, str) or not text:
            raise OptionError(f"{what} is {text!r}; give a name, as text")
    if not isinstance(storage, str | Path | BaseStorage | None):
        raise StorageError(
            f"storage is a {type(storage).__name__}; give a file, an Optuna storage or its URL, or None"
        )
    if not callable(preload) and (isinstance(preload, str) or not isinstance(preload, Sequence)):
        raise OptionError(f"preload is {preload!r}; give a list of module names")
    if environment is not None and not isinstance(environment, Mapping):
        raise OptionError(f"environment is a {type(environment).__name__}; give a dict of texts by name")
    if not (device is None or isinstance(device, str) or callable(device)):
        raise OptionError(f"device is a {type(device).__name__}; give a name, a function, or None")
    if cpus is not None and not isinstance(cpus, Iterable):
        raise OptionError(f"cpus is {cpus!r}; give a list of processors, or None")


def check_numbers(budget: int, confirm: int, **limits: float | None) -> None:
    """Raises OptionError for a number out of range; the limits are above 0, or None."""
    whole("budget", budget, 1)
    whole("confirm", confirm, 0)
    for name, value in limits.items():
        if value is not None and not (real(name, value) > 0 and math.isfinite(value)):
            raise OptionError(f"{name} must be a finite number above 0, or None, not {value!r}")


def planned(budget_seconds: float) -> int:
    """The number of trials that the search plans for under a budget in seconds; asking for more is allowed."""
    seconds = real("budget_seconds", budget_seconds)
    return max(25, round(4 * seconds)) if 0 < seconds < 1e12 else 25


def distinct(space: Space, initial: Iterable[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Initial configurations, checked; one that comes twice is evaluated once. Raises ConfigurationError."""
    seen: dict[str, dict[str, Any]] = {}
    for config in configurations("initial", initial):
        space.validate(config)
        seen.setdefault(canonical(config), config)
    return tuple(seen.values())
