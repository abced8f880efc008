"""Numbers that came from outside: does a float hold them?"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn, TypeGuard


def is_finite_number(value: object) -> TypeGuard[int | float]:
    """False for a bool, for NaN and infinity, and for an integer beyond what a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def finite_json(text: str | bytes) -> Any:
    """JSON as it was meant: ``NaN``, ``Infinity`` and what rounds to infinity (``1e999``) are refused.

    Raises:
        ValueError: of the parser too. RecursionError: nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.40} is beyond what a float holds")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
