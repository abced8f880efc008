"""Options that are texts with a form of their own: shapes, batch axes, policies."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lehr.cli.exits import InputError

_SHAPE = re.compile(r"(?P<name>.+):(?P<dims>\d+(?:x\d+)*)")
_AXIS = re.compile(r"(?P<name>.+):(?P<axis>\d+|none)")


def shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """``["input:1x3x224x224"]`` as ``{"input": (1, 3, 224, 224)}``. Raises InputError."""
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        match = _SHAPE.fullmatch(text.strip())
        if match is None:
            raise InputError(f"--shape: {text!r} is not of the form name:1x3x224x224")
        if match["name"] in found:
            raise InputError(f"--shape: input {match['name']!r} is given twice; keep one")
        found[match["name"]] = tuple(int(size) for size in match["dims"].split("x"))
    return found


def batch_axes(texts: Sequence[str]) -> dict[str, int | None]:
    """``["x:1", "state:none"]`` as ``{"x": 1, "state": None}``. Raises InputError."""
    found: dict[str, int | None] = {}
    for text in texts:
        match = _AXIS.fullmatch(text.strip())
        if match is None:
            raise InputError(
                f"--batch-axis: {text!r} is not of the form name:0, or name:none for an input without one"
            )
        if match["name"] in found:
            raise InputError(f"--batch-axis: input {match['name']!r} is given twice; keep one")
        found[match["name"]] = None if match["axis"] == "none" else int(match["axis"])
    return found


def policies(texts: Sequence[str]) -> dict[str, str] | None:
    """What to do about failures, from CLASS=ACTION. Raises InputError; None when nothing was said."""
    from lehr.errors import OptionError
    from lehr.study.policies import read_policies

    if not texts:
        return None
    chosen: dict[str, str] = {}
    for text in texts:
        kind, equals, action = text.partition("=")
        if not equals:
            raise InputError(f"--on-failure: cannot read {text!r}; write CLASS=ACTION, as in crashed=stop")
        chosen[kind.strip()] = action.strip()
    try:
        read_policies(chosen)
    except OptionError as error:
        raise InputError(f"--on-failure: {error}") from error
    return chosen
