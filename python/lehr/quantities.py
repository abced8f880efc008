"""Quantities as people type them: 20ms, 512MB, 60s, 95%. A unit is never guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from lehr._units import BYTES, NANOSECONDS
from lehr.errors import OptionError

_QUANTITY = re.compile(r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>[A-Za-zµμ%]*)")
_MOST_TRIALS = 1_000_000


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may spend: a number of trials or seconds, never both."""

    trials: int | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        if self.trials is not None:
            return f"{self.trials} trial{'s' if self.trials != 1 else ''}"
        return f"{self.seconds:g} s"


def latency_ms(text: str, option: str) -> float:
    """A duration in milliseconds; ``option`` names it in errors. Raises OptionError."""
    return _measure(text, option, NANOSECONDS, "20ms") / 10**6


def duration_s(text: str, option: str) -> float:
    """A duration in seconds. Raises OptionError."""
    return _measure(text, option, NANOSECONDS, "60s") / 10**9


def memory_mb(text: str, option: str) -> float:
    """An amount of memory in MB of 10^6 bytes (1 MiB is 1.048576 MB). Raises OptionError."""
    return _measure(text, option, BYTES, "512MB") / 10**6


def share(text: str, option: str) -> float:
    """A share from 0 to 1, typed as 0.95 or 95%. Raises OptionError."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match["unit"] not in {"", "%"}:
        raise OptionError(f"{option}: {text!r} is not a share; write it as 0.95 or 95%")
    value = float(match["number"]) / (100 if match["unit"] else 1)
    if 0 <= value <= 1:
        return value
    remedy = f"; for percent write {match['number']}%" if not match["unit"] and 1 < value <= 100 else ""
    raise OptionError(f"{option}: {text} is outside 0 to 1{remedy}")


def rate(text: str, option: str) -> float:
    """A number a second above 0, typed as 500 or 500/s. Raises OptionError."""
    return _positive(
        text.strip().removesuffix("/s"), option, f"{text!r} is not a number a second above 0, such as 500/s"
    )


def plain(text: str, option: str) -> float:
    """A number above 0 without a unit. Raises OptionError."""
    return _positive(text, option, f"{text!r} is not a number above 0")


def _positive(text: str, option: str, wrong: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise OptionError(f"{option}: {wrong}")
    return value


def budget(text: str, option: str = "--budget") -> Budget:
    """A number of trials (25) or a time (60s, 2min). Raises OptionError."""
    if text.strip().isdecimal():
        trials = int(text)
        if not 1 <= trials <= _MOST_TRIALS:
            raise OptionError(f"{option}: {text} is outside 1 to {_MOST_TRIALS} trials")
        return Budget(trials=trials)
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise OptionError(f"{option}: {text!r} is neither a number of trials nor a time such as 60s")
    if not match["unit"]:
        raise OptionError(
            f"{option}: {text!r} is not a whole number of trials from 1; for a time say the unit: 60s"
        )
    return Budget(seconds=duration_s(text, option))


def budget_of(value: int | str | Budget) -> Budget:
    """A number of trials, or a text as :func:`budget` reads it. Raises OptionError."""
    if isinstance(value, Budget):
        return value
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise OptionError(f"budget is {value!r:.60}; give a number of trials, or a time such as '60s'")
    return budget(str(value), "budget")


def _measure(text: str, option: str, units: Mapping[str, int], example: str) -> float:
    """The quantity in the units' base unit."""
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise OptionError(f"{option}: {text!r} is not a number with a unit, such as {example}")
    unit = match["unit"].replace("μ", "µ")
    if not unit:
        usual = example.lstrip("0123456789")
        raise OptionError(f"{option}: {text!r} has no unit; say the unit: {match['number']}{usual}")
    scale = units.get(unit.lower())
    if scale is None:
        known = ", ".join(_spelling(name) for name in units if name != "µs")
        raise OptionError(f"{option}: {text!r} has the unit {unit!r}; use one of {known}, such as {example}")
    value = float(match["number"]) * scale
    if not (value > 0 and math.isfinite(value)):
        raise OptionError(f"{option}: {text!r} is not above 0 and finite; give something like {example}")
    return value


def _spelling(unit: str) -> str:
    """How a unit is written: KB, KiB, MB, B; times in lower case."""
    return unit[:-1].upper().replace("I", "i") + "B" if unit in BYTES else unit
