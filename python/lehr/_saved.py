"""The saved form of a search: its options, and the record of its asks and tells, which replayed rebuild it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lehr import _core
from lehr.errors import LehrError

if TYPE_CHECKING:
    from lehr.optimizer import Optimizer

FORMAT = "lehr.optimizer"
VERSION = 1


def state_of(search: Optimizer, options: Mapping[str, float]) -> dict[str, Any]:
    """The saved form of a search that was given these options."""
    core = search._core
    return {
        "format": FORMAT,
        "version": VERSION,
        "space": json.loads(search.space.to_json()),
        "direction": search.direction,
        "constraints": [[name, limit] for name, limit in search.constraints.items()],
        "budget": search.budget,
        "method": search.method,
        "preset": search.preset,
        "seed": search.seed,
        "allow_repeats": search.allow_repeats,
        "acquisition": search.acquisition,
        "options": options,
        **({"learned": known} if (known := learned(core)) else {}),
        "events": events(core),
        "queue": core.queue(),
    }


def events(core: _core.Optimizer) -> list[list[Any]]:
    """Asks as ``["ask", config, origin]`` and tells as ``["tell", number, outcome, objective, metrics]``, in order;
    a sixth entry of a tell is its seconds, where told.

    What was not measured is null: JSON has no NaN.
    """
    recorded: list[list[Any]] = []
    for number, told in core.events():
        _, config, origin, outcome, objective, metrics, _, _ = core.record(number)
        if told:
            value = objective if outcome == "ok" else None
            measured = [None if math.isnan(metric) else metric for metric in metrics]
            event = ["tell", number, outcome, value, measured]
            seconds = core.seconds(number)
            recorded.append(event if math.isnan(seconds) else [*event, seconds])
        else:
            recorded.append(["ask", config, origin])
    return recorded


def replay(core: _core.Optimizer, recorded: Sequence[Sequence[Any]], metrics: int) -> None:
    """Repeat recorded asks and tells on a fresh search that has so many constrained metrics."""
    for event in recorded:
        if event[0] == "ask":
            _, config, origin = event
            core.replay_ask(dict(config), origin)
            continue
        _, number, outcome, objective, measured, *seconds = event
        values = [math.nan if value is None else value for value in measured]
        if len(values) != metrics:
            raise ValueError(f"trial {number} has {len(values)} metrics instead of {metrics}")
        core.tell(number, outcome, math.nan if objective is None else objective, values, *seconds)


def learned(core: _core.Optimizer) -> list[list[Any]]:
    """What the search learned from another, as ``[config, outcome, objective, metrics]``; null as in `events`."""
    recorded: list[list[Any]] = []
    for config, outcome, objective, metrics in core.learned():
        measured = [None if math.isnan(metric) else metric for metric in metrics]
        recorded.append([config, outcome, objective if outcome == "ok" else None, measured])
    return recorded


def teach(core: _core.Optimizer, recorded: Sequence[Sequence[Any]], metrics: int) -> None:
    """Repeat on a fresh search, which has so many constrained metrics, what it learned from another."""
    results: list[tuple[dict[str, Any], str, float, list[float]]] = []
    for config, outcome, objective, measured in recorded:
        values = [math.nan if value is None else float(value) for value in measured]
        if len(values) != metrics:
            raise ValueError(f"a learned result has {len(values)} metrics instead of {metrics}")
        results.append((dict(config), outcome, math.nan if objective is None else float(objective), values))
    if results:
        core.learn(results)


def check_format(state: Any) -> None:
    """Raises LehrError unless this is a saved search of a version that we read."""
    if not isinstance(state, Mapping) or state.get("format") != FORMAT:
        raise LehrError(f"this is not a saved lehr search: it has no format '{FORMAT}'")
    if state.get("version") != VERSION:
        raise LehrError(
            f"this search was saved in format version {state.get('version')!r}; this lehr reads version {VERSION}"
        )


def arguments(state: Mapping[str, Any]) -> dict[str, Any]:
    """Keyword arguments of the Optimizer that was saved; older saves know no acquisition."""
    names = ("direction", "budget", "method", "preset", "seed", "allow_repeats", "options")
    return {
        **{name: state[name] for name in names},
        "constraints": dict(state["constraints"]),
        "acquisition": state.get("acquisition", "ratio"),
    }
