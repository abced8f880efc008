"""What makes a study the study it is, stored with it and compared on every resume."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from lehr.errors import SpaceError, StorageError
from lehr.limits import Limit
from lehr.methods import Acquisition, Method
from lehr.metrics import Direction
from lehr.space import Space
from lehr.study.results import canonical

#: Version of what lehr stores in a study. Raised when an older lehr could misread a newer study.
FORMAT = 1
_MOST_DIFFERENCES = 8

Preset = Literal["default", "paper"]


def default_method(preset: str, acquisition: str = "ratio") -> Method:
    """The method of a study whose user named none: ``guided``, unless what was named belongs to another."""
    return "tba-tpe" if preset == "paper" or acquisition == "c-tpe" else "guided"


@dataclass(frozen=True)
class Definition:
    """Everything that fixes a study's sequence, except its evaluation: the budget is not part of it.

    Attributes:
        space: the space.
        objective: name of the metric that is optimised.
        direction: ``maximize`` or ``minimize``.
        limits: limits on metrics.
        method, preset, seed, acquisition, options: as :class:`lehr.Optimizer` takes them.
        initial: configurations to evaluate first.
        accept_borderline: whether a limit that measuring could not settle counts as met.
    """

    space: Space
    objective: str
    direction: Direction
    limits: tuple[Limit, ...]
    method: Method
    preset: Preset
    seed: int
    initial: tuple[dict[str, Any], ...] = ()
    acquisition: Acquisition = "ratio"
    options: Mapping[str, float] = field(default_factory=dict)
    accept_borderline: bool = False

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form that is stored."""
        from lehr import __version__

        return {
            "format": FORMAT,
            "lehr": __version__,
            "space": _space_json(self.space),
            "objective": self.objective,
            "direction": self.direction,
            "limits": [limit.as_json() for limit in self.limits],
            "method": self.method,
            "preset": self.preset,
            "seed": self.seed,
            "initial": list(self.initial),
            "acquisition": self.acquisition,
            "options": dict(self.options),
            "accept_borderline": self.accept_borderline,
        }

    @classmethod
    def from_json(cls, stored: object, where: str) -> Definition:
        """Read the stored form.

        Raises:
            StorageError: it was written by a newer lehr, or is damaged.
        """
        from lehr import __version__

        if not isinstance(stored, Mapping) or not isinstance(stored.get("format"), int):
            raise StorageError(
                f"{where}: its definition is damaged; restore the storage or start under another name"
            )
        if stored["format"] > FORMAT:
            raise StorageError(
                f"{where} was written by lehr {stored.get('lehr')} in format {stored['format']}, "
                f"but lehr {__version__} reads formats up to {FORMAT}: upgrade lehr"
            )
        try:
            return cls(
                space=Space.from_json(json.dumps(stored["space"])),
                objective=str(stored["objective"]),
                direction=cast(Direction, str(stored["direction"])),
                limits=tuple(Limit.from_json(limit) for limit in stored["limits"]),
                method=cast(Method, str(stored["method"])),
                preset=cast(Preset, str(stored["preset"])),
                seed=int(stored["seed"]),
                initial=tuple(dict(config) for config in stored["initial"]),
                # Studies stored before there was a choice have neither.
                acquisition=cast(Acquisition, str(stored.get("acquisition", "ratio"))),
                options={str(name): float(value) for name, value in stored.get("options", {}).items()},
                accept_borderline=stored.get("accept_borderline", False) is True,  # older ones know none
            )
        except SpaceError as error:
            raise StorageError(f"{where}: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StorageError(
                f"{where}: its definition is damaged ({error}); start under another name"
            ) from error

    def differences(self, stored: Definition) -> list[str]:
        """What differs from a stored definition, one phrase each; empty when they are the same."""
        there, here = stored.as_json(), self.as_json()
        found = [
            f"{name} is {there[name]!r} there and {here[name]!r} here"
            for name in (
                "objective",
                "direction",
                "method",
                "preset",
                "seed",
                "acquisition",
                "accept_borderline",
            )
            if there[name] != here[name]
        ]
        found += [
            f"option {name!r} is {stored.options.get(name, 'not set')} there "
            f"and {self.options.get(name, 'not set')} here"
            for name in sorted({*stored.options, *self.options})
            if stored.options.get(name) != self.options.get(name)
        ]
        found += _named(
            "limit",
            {limit.slot: str(limit) for limit in stored.limits},
            {limit.slot: str(limit) for limit in self.limits},
        )
        if canonical(there["space"]) != canonical(here["space"]):
            found += _space_differences(there["space"], here["space"])
        if canonical(there["initial"]) != canonical(here["initial"]):
            found.append(
                f"the initial configurations differ ({len(stored.initial)} there, {len(self.initial)} here)"
            )
        return found

    def require_same(self, stored: Definition, where: str) -> None:
        """Raises StorageError, saying what differs, unless both definitions are the same."""
        found = self.differences(stored)
        if not found:
            return
        if len(found) > _MOST_DIFFERENCES:
            found = [*found[:_MOST_DIFFERENCES], f"and {len(found) - _MOST_DIFFERENCES} more"]
        raise StorageError(
            f"{where} was made with other options: {'; '.join(found)}. Give this run another name, "
            "or the options of the study it should go on with"
        )


def _space_json(space: Space) -> Any:
    form = space.to_json()
    return json.loads(form) if isinstance(form, str) else form


def _named(what: str, there: Mapping[Any, str], here: Mapping[Any, str]) -> list[str]:
    found = [f"{what} {there[name]} is only there" for name in there if name not in here]
    found += [f"{what} {here[name]} is only here" for name in here if name not in there]
    found += [
        f"{what} {there[name]} there is {here[name]} here"
        for name in there
        if name in here and there[name] != here[name]
    ]
    return found


def _space_differences(there: Any, here: Any) -> list[str]:
    def variables(form: Any) -> dict[str, Any]:
        return {str(entry["name"]): entry for entry in form["variables"]}

    before, after = variables(there), variables(here)
    found = [f"variable {name!r} is only there" for name in before if name not in after]
    found += [f"variable {name!r} is only here" for name in after if name not in before]
    for name in before:
        if name in after and canonical(before[name]) != canonical(after[name]):
            found.append(f"variable {name!r}: {_entry_differences(before[name], after[name])}")
    if not found and list(before) != list(after):
        found.append("the variables are in another order")
    return found or ["the forbidden combinations of the space differ"]


def _entry_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    keys: Sequence[str] = list(dict.fromkeys([*there, *here]))
    return ", ".join(
        f"{key} {there.get(key)!r} there, {here.get(key)!r} here"
        for key in keys
        if canonical(there.get(key)) != canonical(here.get(key))
    )
