"""Numbers of trials, studies and processes as people type them: 25, 10,25,50 or 10:50:5."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lehr.cli.exits import InputError

_MOST_TRIALS = 1_000_000
_MOST_BUDGETS = 10_000
MOST_PROCESSES = 1024
_RANGE = re.compile(r"(\d+):(\d+):(\d+)", re.ASCII)


def budgets(texts: Iterable[str], option: str = "--budget") -> list[int]:
    """Numbers of trials, ascending, each once. A range includes its end when its steps reach it. Raises InputError."""
    sizes: set[int] = set()
    for text in texts:
        for part in text.split(","):
            sizes.update(_part(part.strip(), option))
            if len(sizes) > _MOST_BUDGETS:
                raise InputError(f"{option}: these are more than {_MOST_BUDGETS} budgets; give a longer step")
    return sorted(sizes)


def check_count(option: str, count: int | None, *, most: int | None = None) -> None:
    """Refuse a number below 1 or above the most there may be; None is what was not given. Raises InputError."""
    if count is None or (count >= 1 and (most is None or count <= most)):
        return
    raise InputError(f"{option}: {count} is {'below 1' if most is None else f'outside 1 to {most}'}")


def _part(text: str, option: str) -> Iterable[int]:
    if match := _RANGE.fullmatch(text):
        first, last, step = (_number(number, option) for number in match.groups())
        if first > last:
            raise InputError(f"{option}: {text} is empty; its first number must not be above its second")
        return range(first, last + 1, step)
    if re.fullmatch(r"\d+", text, re.ASCII):
        return [_number(text, option)]
    raise InputError(f"{option}: {text!r} is neither a number of trials nor a range such as 10:50:5")


def _number(text: str, option: str) -> int:
    # The length first: int() refuses, with words of its own, to read thousands of digits.
    number = int(text) if len(text) <= 9 else _MOST_TRIALS + 1
    if not 1 <= number <= _MOST_TRIALS:
        raise InputError(f"{option}: {text[:20]} is outside 1 to {_MOST_TRIALS}")
    return number
