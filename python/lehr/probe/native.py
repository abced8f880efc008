"""Callees that are called without the interpreter."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, cast

from lehr import _core
from lehr.errors import OptionError

#: The base of all function types of ctypes, which has no public name.
_FUNCTION: type = ctypes.CFUNCTYPE(None).__mro__[1]


@dataclass(frozen=True)
class NativeCallee:
    """``void function(void *context)``, and what must stay alive while it is called."""

    capsule: Any
    keep: tuple[Any, ...] = ()


def native(function: Any, context: Any = None) -> NativeCallee:
    """A callee for :func:`lehr.probe.measure` that is called natively, without the interpreter's lock.

    Args:
        function: a function ``void (*)(void *)``: a ctypes function (of a library, or made by
            ``CFUNCTYPE(None, c_void_p)``; a callback into Python is possible but not native), or its address.
        context: its argument: None, an address, or a ctypes object, which is passed by reference.

    It must not throw, and must not call into Python without taking the interpreter's lock.

    Raises:
        OptionError: this is no function or no context.
    """
    return NativeCallee(_core.probe_callee(_address(function), _context(context)), (function, context))


def _address(function: Any) -> int:
    if isinstance(function, int) and not isinstance(function, bool) and function > 0:
        return function
    if isinstance(function, _FUNCTION):
        return ctypes.cast(cast(Any, function), ctypes.c_void_p).value or 0
    raise OptionError(f"a native callee is a ctypes function or an address, not {function!r}")


def _context(context: Any) -> int:
    if context is None:
        return 0
    if isinstance(context, int) and not isinstance(context, bool) and context >= 0:
        return context
    try:
        return ctypes.addressof(context)
    except TypeError:
        raise OptionError(
            f"the context of a native callee is an address or a ctypes object, not {context!r}"
        ) from None
