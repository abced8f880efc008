"""The saved form of a search: its options, and the record of its asks and tells, which replayed rebuild it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from lehr import _core
from lehr._numbers import is_finite_number
from lehr._record import known
from lehr._transfer import PriorObservation
from lehr.errors import LehrError
from lehr.limits import Limit
from lehr.metrics import Side
from lehr.space import Space

FORMAT = "lehr.optimizer"
VERSION = 1


def state_of(core: _core.Optimizer, space: Space, options: Mapping[str, float]) -> dict[str, Any]:
    """The saved form of a search over this space that was given these options."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "space": json.loads(space.to_json()),
        "direction": core.direction,
        "constraints": [
            Limit(metric, bound, cast(Side, side)).as_json() for metric, bound, side in core.limits
        ],
        "budget": core.budget,
        "method": core.method,
        "preset": core.preset,
        "seed": core.seed,
        "allow_repeats": core.allow_repeats,
        "acquisition": core.acquisition,
        "options": options,
        **({"learned": taught} if (taught := learned(core)) else {}),
        "events": events(core),
        **({"ruled_out": rules} if (rules := [list(rule) for rule in core.rules()]) else {}),
        "queue": core.queue(),
    }


def events(core: _core.Optimizer) -> list[list[Any]]:
    """Asks as ``["ask", config, origin]`` and tells as ``["tell", number, outcome, objective, metrics]``, in order.
    Where told, a tell goes on with its seconds, and then with the standard errors of the objective and of the metrics.

    What was not measured or not told is null: JSON has no NaN.
    """
    recorded: list[list[Any]] = []
    for number, told in core.events():
        _, config, origin, outcome, objective, metrics, _, _ = core.record(number)
        if told:
            event = ["tell", number, outcome, objective if outcome == "ok" else None, _row(metrics)]
            seconds, sems = known(core.seconds(number)), core.sems(number)
            if sems is not None and (objective_sem := _errors(*sems)):
                event += [seconds, *objective_sem]
            elif seconds is not None:
                event.append(seconds)
            recorded.append(event)
        else:
            recorded.append(["ask", config, origin])
    return recorded


def replay(core: _core.Optimizer, recorded: Sequence[Sequence[Any]]) -> None:
    """Repeat recorded asks and tells on a fresh search."""
    width = len(core.limits)
    for event in recorded:
        if event[0] == "ask":
            _, config, origin = event
            core.replay_ask(dict(config), origin)
            continue
        _, number, outcome, objective, measured, *more = event
        if len(measured) != width:
            raise ValueError(f"trial {number} has {len(measured)} metrics instead of {width}")
        if len(more) not in (0, 1, 3):
            raise ValueError(f"the result of trial {number} has {len(event)} entries")
        seconds, objective_sem, metrics_sem = [*more, None, None, None][:3]
        errors = None if len(more) < 2 else (_number(objective_sem), _numbers(metrics_sem or ()))
        core.tell(number, outcome, _number(objective), _numbers(measured), _number(seconds), errors)


def rule_out(core: _core.Optimizer, rules: Sequence[Sequence[Any]]) -> None:
    """Repeat what was ruled out, as ``[trial, names of variables]``, on a search that was told these trials."""
    for number, names in rules:
        core.rule_out(number, names)


def learned(core: _core.Optimizer) -> list[list[Any]]:
    """What the search learned from another, as ``[config, outcome, objective, metrics]``, where told with the standard
    errors of the objective and of the metrics; null as in `events`.
    """
    recorded: list[list[Any]] = []
    for config, outcome, objective, metrics, sems in core.learned():
        entry = [config, outcome, objective if outcome == "ok" else None, _row(metrics)]
        recorded.append(entry + _errors(*sems))
    return recorded


def teach(core: _core.Optimizer, recorded: Sequence[Sequence[Any]]) -> None:
    """Repeat on a fresh search what it learned from another."""
    width = len(core.limits)
    results: list[PriorObservation] = []
    for config, outcome, objective, measured, *sems in recorded:
        if len(measured) != width:
            raise ValueError(f"a learned result has {len(measured)} metrics instead of {width}")
        objective_sem, metrics_sem = [*sems, None, None][:2]
        errors = _number(objective_sem), _numbers(metrics_sem or ())
        results.append((dict(config), outcome, _number(objective), _numbers(measured), errors))
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
    """Keyword arguments of the Optimizer that was saved; older saves know no acquisition, and upper limits only, each
    as ``[metric, bound]``.
    """
    names = ("direction", "budget", "method", "preset", "seed", "allow_repeats", "options")
    limits = [
        Limit.from_json(limit) if isinstance(limit, Mapping) else _limit(*limit)
        for limit in state["constraints"]
    ]
    return {
        **{name: state[name] for name in names},
        "constraints": limits,
        "acquisition": state.get("acquisition", "ratio"),
    }


def _limit(metric: str, bound: float, side: Side = "<=") -> Limit:
    return Limit(str(metric), float(bound), side)


def _row(values: Sequence[float]) -> list[float | None]:
    return [known(value) for value in values]


def _errors(objective: float, metrics: Sequence[float]) -> list[Any]:
    """Standard errors, as a record ends with them; nothing where none is known."""
    if all(math.isnan(sem) for sem in (objective, *metrics)):
        return []
    return [known(objective), _row(metrics)]


def _number(value: float | None) -> float:
    """NaN for null; what a search was told is finite, so anything else is damage."""
    if value is None:
        return math.nan
    if not is_finite_number(value):
        raise ValueError(f"{value!r:.40} is no finite number")
    return float(value)


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [_number(value) for value in values]
