"""Samples given as arrays in memory, or by a function that yields them batch by batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.functions import load_function, one_line
from lehr.errors import ModelError

MOST_ITEMS = 4096
_MOST_BYTES = 1e9


@dataclass(frozen=True, slots=True)
class Given:
    """Arrays by name, what to call them, and what the user must know of how they were taken."""

    arrays: dict[str, NDArray[Any]]
    name: str
    notes: tuple[str, ...] = ()

    def sha256(self) -> str:
        """A digest of names, types, shapes and values."""
        digest = hashlib.sha256()
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            digest.update(array.tobytes())
        return digest.hexdigest()


def given_arrays(arrays: Mapping[str, Any], name: str = "the data") -> Given:
    """Samples from a dictionary of what NumPy takes for arrays.

    Raises:
        ModelError: a name is no text, or a value is no array of numbers or strings.
    """
    found = {}
    for key, value in arrays.items():
        if not isinstance(key, str):
            raise ModelError(f"{name} must have the names of inputs as keys, not {key!r}")
        try:
            array = np.asarray(value)
        except Exception as error:  # ragged lists, and whatever an object's own conversion raises
            raise ModelError(f"'{key}' in {name} is no array: {one_line(error)}") from error
        if array.dtype.kind not in "fiubU":
            raise ModelError(f"'{key}' in {name} holds {_kind(array)}, which no model takes; give numbers")
        found[key] = array
    if not found:
        raise ModelError(f"{name} holds no arrays")
    return Given(found, name)


def _kind(array: NDArray[Any]) -> str:
    return "Python objects" if array.dtype.hasobject else str(array.dtype)


def given_batches(
    function: str | Callable[[], Any],
    axes: Mapping[str, int | None] | None = None,
    most_items: int = MOST_ITEMS,
) -> Given:
    """Samples from a function that yields batches: dictionaries of arrays by input name, with labels if there are any.

    The batches are joined along the first axis, or along ``axes`` by input; what is a single number, and the same in
    all batches, is kept once. No more than ``most_items`` items, nor 1 GB, are taken, which a note tells.

    Raises:
        ModelError: there is no such function, it raised, or what it yields is of another form.
    """
    if isinstance(function, str):
        name, call = function, load_function(function, "data")
    else:
        name, call = getattr(function, "__qualname__", type(function).__name__), function
    batches, items, size, more = list[dict[str, NDArray[Any]]](), 0, 0, False
    try:
        yielded = call()
        for batch in _each(yielded, name):
            if items >= most_items or size >= _MOST_BYTES:
                more = True
                break
            if not isinstance(batch, Mapping):
                raise ModelError(
                    f"data {name} must yield dictionaries of arrays by input name, not {type(batch).__name__}"
                )
            arrays = given_arrays(batch, f"batch {len(batches)} of {name}").arrays
            if batches and set(arrays) != set(batches[0]):
                raise ModelError(
                    f"batch {len(batches)} of {name} has other arrays than the first: {_listed(arrays)}"
                )
            batches.append(arrays)
            items += _items(arrays, axes or {})
            size += sum(array.nbytes for array in arrays.values())
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"data {name}() raised {one_line(error)}") from error
    if not batches:
        raise ModelError(f"data {name}() yields nothing")
    notes = (f"the first {items} items of {name} were taken, which gives more",) if more else ()
    joined = {
        key: _join(key, [batch[key] for batch in batches], (axes or {}).get(key, 0), name)
        for key in batches[0]
    }
    return Given(joined, name, notes)


def _each(yielded: Any, name: str) -> Iterable[Any]:
    if isinstance(yielded, Mapping):
        return [yielded]
    if not isinstance(yielded, Iterable):
        raise ModelError(
            f"data {name}() must yield dictionaries of arrays, and returned {type(yielded).__name__}"
        )
    return yielded


def _items(arrays: Mapping[str, NDArray[Any]], axes: Mapping[str, int | None]) -> int:
    return max(
        (
            array.shape[axes.get(name) or 0]
            for name, array in arrays.items()
            if array.ndim > (axes.get(name) or 0)
        ),
        default=1,
    )


def _join(key: str, parts: list[NDArray[Any]], axis: int | None, name: str) -> NDArray[Any]:
    if axis is None or parts[0].ndim == 0:
        if all(np.array_equal(part, parts[0]) for part in parts):
            return parts[0]
        raise ModelError(f"'{key}' of {name} differs between batches and has no batch axis")
    try:
        return np.concatenate(parts, axis=axis)
    except ValueError as error:
        shapes = ", ".join(dict.fromkeys(str(list(part.shape)) for part in parts))
        raise ModelError(
            f"the batches of {name} do not go together: '{key}' has the shapes {shapes}"
        ) from error


def _listed(arrays: Mapping[str, Any]) -> str:
    return ", ".join(repr(name) for name in arrays)
