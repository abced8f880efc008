"""What :func:`lehr.run` is given, checked before anything is written or started."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from optuna.storages import BaseStorage

from lehr.errors import OptionError
from lehr.space import Space
from lehr.study.results import canonical
from lehr.supervise import _options
from lehr.supervise._device import is_cuda
from lehr.supervise._pickling import pickle_call

#: Trials that a study may have: more than anyone will ever run.
MOST_TRIALS = 10**9


def check_budget(budget: object, budget_seconds: object) -> tuple[int | None, float | None]:
    """Trials and seconds; None where none was given."""
    if budget is not None and (
        isinstance(budget, bool) or not isinstance(budget, int) or not 1 <= budget <= MOST_TRIALS
    ):
        raise OptionError(
            f"budget must be a whole number of trials from 1 to {MOST_TRIALS}, not {_options.shown(budget)}"
        )
    return budget, _options.optional_seconds("budget_seconds", budget_seconds)


def check_evaluation(evaluate: Any) -> None:
    """A function of a configuration that can be sent to a child. Raises OptionError, UnpicklableError."""
    _options.function("evaluate", evaluate, ({},))
    pickle_call(evaluate, ({},))


def check_names(objective: object, name: object) -> None:
    """The objective's and the study's."""
    _options.text("objective", objective)
    _options.text("name", name)


def check_place(storage: object) -> None:
    """Whether it is of a kind that can hold a study."""
    kinds = "give a journal file, an Optuna storage URL or storage, or None to keep the study in memory"
    if storage is not None and not isinstance(storage, str | Path | BaseStorage):
        raise OptionError(f"storage is {_options.shown(storage)}; {kinds}")
    if isinstance(storage, str) and not storage.strip():
        raise OptionError(f"storage is an empty string; {kinds}")


def check_surroundings(
    *, preload: object, device: object, devices: object, cpus: object, threads: object
) -> None:
    """What trials are given, as far as it is the same for all of them; functions are checked as they answer."""
    if not callable(preload):
        _options.modules(preload)
    known = _options.devices(devices)
    if not callable(device):
        asked = _options.device(device)
        if asked is not None and asked not in known and not is_cuda(asked):
            raise OptionError(f"device is {asked!r}, and devices has {', '.join(known) or 'none'}")
    _options.processors(cpus)
    if not callable(threads):
        _options.threads(threads)


def check_callback(name: str, value: object) -> None:
    """Something to be called with one argument, or None."""
    if value is not None and not callable(value):
        raise OptionError(f"{name} is {_options.shown(value)}; give a function of one argument, or None")


def distinct(space: Space, initial: object) -> tuple[dict[str, Any], ...]:
    """Initial configurations, checked; one that comes twice is evaluated once."""
    if isinstance(initial, Mapping | str | bytes) or not isinstance(initial, Iterable):
        raise OptionError(f"initial is {_options.shown(initial)}; give a list of configurations, each a dict")
    seen: dict[str, dict[str, Any]] = {}
    for config in initial:
        if not isinstance(config, Mapping):
            raise OptionError(f"initial has {_options.shown(config)}; give configurations, each a dict")
        space.validate(dict(config))
        seen.setdefault(canonical(dict(config)), dict(config))
    return tuple(seen.values())


def chosen_for(what: Any, config: Mapping[str, Any], read: Callable[..., Any], name: str) -> Any:
    """What an option that may be a function of the configuration comes to for this one."""
    return read(what(dict(config)), f"{name}(config)") if callable(what) else read(what, name)
