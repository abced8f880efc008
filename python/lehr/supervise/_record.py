"""What a trial's process wrote on its channel, read strictly.

Whatever that process has become, its bytes end up as one of these records, or as a sentence that says what is wrong
with them: nothing behind this module looks into JSON that a trial wrote.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from lehr.supervise import _wire
from lehr.supervise._json import NotJson, to_json

RecordKind = Literal["returned", "stopped", "raised", "refused"]
Phase = Literal["preload", "load", "run"]
"""What the process was about: importing the modules of ``preload``, loading the call, running it."""

MESSAGE_CHARS = 2000
TRACEBACK_CHARS = 8000
_MOST_BYTES = 2.0**63

_KINDS: dict[str, RecordKind] = {
    _wire.RECORD_KINDS[kind].decode(): kind for kind in ("returned", "stopped", "raised", "refused")
}
_TEXTS = {
    "type": MESSAGE_CHARS,
    "message": MESSAGE_CHARS,
    "frame": MESSAGE_CHARS,
    "traceback_tail": TRACEBACK_CHARS,
}


class Malformed(Exception):
    """The bytes are no record; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Said when the function is entered: modules that were imported for it, and RLIMIT_DATA in bytes."""

    modules: list[str]
    data_limit: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """The one thing that a trial says about its end.

    Attributes:
        kind: what it says.
        value: what was returned, or the partial metrics of one that stopped itself; plain JSON values.
        peak: the peak memory of the process in bytes, by its own reading; 0 where it has none.
        why: why it stopped itself, or why its result was refused.
        exception: what was raised: ``type`` and ``message``, perhaps ``frame`` and ``traceback_tail``.
        phase: when it was raised.
        memory: whether memory was the cause, by the exception's type.
        exit: whether it was ``sys.exit``.
    """

    kind: RecordKind
    value: Any = None
    peak: float = 0.0
    why: str = ""
    exception: dict[str, str] = field(default_factory=dict)
    phase: Phase = "run"
    memory: bool = False
    exit: bool = False


def read_begun(body: bytes) -> Begun:
    """Raises Malformed."""
    entries = _object(body)
    modules, limit = entries.get("modules"), entries.get("data_limit")
    if not isinstance(modules, list) or not all(isinstance(name, str) for name in modules):
        _refuse("modules", modules, "a list of names")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        _refuse("data_limit", limit, "a number of bytes, or null")
    return Begun(modules, limit)


def read_record(kind: str, body: bytes) -> Record:
    """``kind``: the byte of the frame, as text. Raises Malformed."""
    if kind not in _KINDS:
        raise Malformed(f"a record of the unknown kind {kind!r}")
    entries, name = _object(body), _KINDS[kind]
    peak = _peak(entries)
    if name == "refused":
        return Record(name, peak=peak, why=_text(entries, "why", MESSAGE_CHARS))
    if name == "raised":
        phase = entries.get("phase")
        if phase not in ("preload", "load", "run"):
            _refuse("phase", phase, "preload, load or run")
        memory, left = _flag(entries, "memory"), _flag(entries, "exit")
        return Record(name, None, peak, "", _exception(entries), phase, memory, left)
    if "value" not in entries:
        raise Malformed("there is no 'value'")
    try:
        value = to_json(entries["value"])  # as deep, and with numbers as large, as an evaluation may return
    except NotJson as error:
        raise Malformed(str(error)) from None
    why = ""
    if name == "stopped":
        why = _text(entries, "reason", MESSAGE_CHARS)
        if not isinstance(value, dict):
            _refuse("value", value, "an object of metrics")
    return Record(name, value, peak, why)


def _object(body: bytes) -> dict[str, Any]:
    try:
        message = json.loads(body)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"no JSON: {error}") from None
    if not isinstance(message, dict):
        raise Malformed("no JSON object")
    return message


def _peak(entries: dict[str, Any]) -> float:
    peak = entries.get("peak")
    if isinstance(peak, bool) or not isinstance(peak, int | float):
        _refuse("peak", peak, "a number of bytes")
    if not (math.isfinite(peak) if isinstance(peak, float) else True) or not 0 <= peak < _MOST_BYTES:
        _refuse("peak", peak, "a number of bytes")
    return float(peak)


def _exception(entries: dict[str, Any]) -> dict[str, str]:
    given = entries.get("exception")
    if not isinstance(given, dict):
        _refuse("exception", given, "an object")
    texts = {name: _text(given, name, most) for name, most in _TEXTS.items() if name in given}
    for needed in ("type", "message"):
        if needed not in texts:
            raise Malformed(f"the exception has no {needed!r}")
    return texts


def _text(entries: dict[str, Any], name: str, most: int) -> str:
    text = entries.get(name)
    if not isinstance(text, str):
        _refuse(name, text, "a text")
    return text[-most:] if name == "traceback_tail" else text[:most]


def _flag(entries: dict[str, Any], name: str) -> bool:
    value = entries.get(name)
    if not isinstance(value, bool):
        _refuse(name, value, "true or false")
    return value


def _refuse(name: str, value: object, wanted: str) -> NoReturn:
    what = "missing" if value is None else f"{value!r:.60}"
    raise Malformed(f"{name!r} is {what}, not {wanted}")
