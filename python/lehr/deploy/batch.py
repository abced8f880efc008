"""Which axis of each input is the batch: guesses by what is declared, and the check that settles them.

An axis is a batch when the outputs follow it item by item: the model run on one and on several items, of different
contents, gives each item the same answer, wherever in the call it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.axis_names import is_batch, is_no_items
from lehr.deploy.made_up import made_up_batch
from lehr.deploy.shapes import Axes, is_one_item
from lehr.deploy.signature import Declared, Dim, InputSpec

Feed = dict[str, NDArray[Any]]
Call = Callable[[Feed], "list[Any] | Exception"]

ITEMS = 3
_SAME = 1e-2  # relative: the same items in another order, which is rounding
# Relative: the same item in other company. Kernels that quantise by the range of a whole call differ by a few per cent.
_ALIKE = 0.1

Followed = Literal["item by item", "not item by item", "not at all", "one item only"]
"""How the outputs follow an axis. 'one item only': the model refuses more than one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the check of one guess found; ``axes`` is each output's batch axis, ``answers`` those to the whole call."""

    followed: Followed
    axes: tuple[int | None, ...]
    answers: list[Any]


def guesses(
    inputs: Sequence[Declared], shapes: Mapping[str, tuple[int, ...]], stacked: set[str]
) -> list[Axes]:
    """Batch axes worth a try, the likeliest first. ``stacked`` inputs have samples with an item axis before all
    others, so that none of their own is the batch.

    First comes what is called a batch, or else an open axis in first place. Then the other axes that share a symbol,
    and the second axis of inputs [time, batch, features]. Time steps, tokens and pixels, as far as their names tell,
    are never guessed.
    """
    found: list[Axes] = []

    def add(axes: dict[str, int | None]) -> None:
        axes = {name: None if name in stacked else axis for name, axis in axes.items()}
        if axes not in found and any(axis is not None for axis in axes.values()):
            found.append(axes)

    add(_first_guess(inputs))
    symbols = dict.fromkeys(
        dim for _, _, dims in inputs for dim in dims or () if isinstance(dim, str) and not is_no_items(dim)
    )
    for symbol in symbols:
        add({name: _place(symbol, dims or ()) for name, _, dims in inputs})
    second = {name: _second(name, dtype, dims or ()) for name, dtype, dims in inputs}
    if any(len(dims or ()) > 1 and not isinstance((dims or ())[0], int) for _, _, dims in inputs):
        add(second)
    return found


def _first_guess(inputs: Sequence[Declared]) -> dict[str, int | None]:
    every = [dims or () for _, _, dims in inputs]
    named = next((dim for dims in every for dim in dims if is_batch(dim)), None)
    if not any(_open(dim) for dims in every for dim in dims):
        # Nothing is open: the first axis, in every input of two dimensions or more of the same first size.
        size = next((dims[0] for dims in every if len(dims) > 1), None)
        return {name: 0 if dims and len(dims) > 1 and dims[0] == size else None for name, _, dims in inputs}
    axes: dict[str, int | None] = {}
    for name, dtype, declared in inputs:
        dims = declared or ()
        place = None if named is None else _place(named, dims)
        if (
            place is None
            and dims
            and _open(dims[0])
            and not is_no_items(dims[0])
            and not is_one_item(name, dtype, dims)
        ):
            place = 0
        axes[name] = place
    first = {
        dims[0] for _, _, dims in inputs if dims and isinstance(dims[0], str) and not is_no_items(dims[0])
    }
    leading = any(axis is not None for axis in axes.values())
    for name, _, declared in inputs:  # such as a recurrent state [2, N, 128]
        dims = declared or ()
        if axes[name] is None and leading and dims and isinstance(dims[0], int):
            opened = [axis for axis, dim in enumerate(dims) if _open(dim)]
            same = [axis for axis in opened if dims[axis] in first]
            lone = len(opened) == 1 and dims[opened[0]] is None
            axes[name] = same[0] if same else opened[0] if lone else None
    return axes


def _open(dim: Dim) -> bool:
    return not isinstance(dim, int)


def _place(symbol: object, dims: tuple[Dim, ...]) -> int | None:
    return dims.index(symbol) if symbol in dims else None


def _second(name: str, dtype: str, dims: tuple[Dim, ...]) -> int | None:
    """The second axis of [time, batch, features] or [layers, batch, features], where it is open."""
    possible = len(dims) >= 3 and _open(dims[1]) and not is_no_items(dims[1])
    return 1 if possible and not is_one_item(name, dtype, dims) else None


def some_items(inputs: Sequence[InputSpec], arrays: Mapping[str, NDArray[Any]], items: int) -> Feed:
    """The inputs of one call with so many different items: samples where there are some, else made up.

    Where there are fewer samples, those are used again with their values moved on by one, and so on, which keeps
    every value legal.
    """
    feed = made_up_batch(inputs, items, np.random.default_rng(0))
    for spec in inputs:
        if spec.name not in arrays:
            continue
        given = arrays[spec.name]
        chosen = spec.some(given, items)
        if spec.batch_axis is not None:
            count = given.shape[spec.batch_axis]
            others = [axis for axis in range(chosen.ndim) if axis != spec.batch_axis]
            if count < items and others:
                longest = max(others, key=lambda axis: chosen.shape[axis])
                chosen = chosen.copy()
                moved = np.moveaxis(chosen, spec.batch_axis, 0)
                for item in range(count, items):
                    along = longest - (longest > spec.batch_axis)
                    moved[item] = np.roll(moved[item], item // count, axis=along)
        feed[spec.name] = chosen
    return feed


def rearranged(inputs: Sequence[InputSpec], feed: Feed, items: Sequence[int]) -> Feed:
    """The same call with these of its items, in this order."""
    return {
        spec.name: feed[spec.name]
        if spec.batch_axis is None
        else np.ascontiguousarray(np.take(feed[spec.name], items, axis=spec.batch_axis))
        for spec in inputs
    }


def check(inputs: Sequence[InputSpec], feed: Feed, alone: list[Any], call: Call) -> Finding:
    """Whether a free batch axis is one. ``feed`` holds :data:`ITEMS` items, ``alone`` are the answers to the first."""
    together = call(feed)
    if isinstance(together, Exception):
        return Finding("one item only", tuple(_lone_axis(one) for one in alone), alone)
    axes = tuple(_grown(one, many) for one, many in zip(alone, together, strict=True))
    if all(axis is None for axis in axes):
        return Finding("not at all", axes, together)
    order = [*range(1, ITEMS), 0]
    moved = call(rearranged(inputs, feed, order))
    last = call(rearranged(inputs, feed, [ITEMS - 1]))
    independent = (
        not isinstance(moved, Exception)
        and not isinstance(last, Exception)
        and all(
            _close(_items(together[i], axis)[order], _items(moved[i], axis), _SAME)
            and _close(_items(alone[i], axis), _items(together[i], axis)[:1], _ALIKE)
            and _close(_items(last[i], axis), _items(together[i], axis)[-1:], _ALIKE)
            for i, axis in enumerate(axes)
            if axis is not None
        )
    )
    return Finding("item by item" if independent else "not item by item", axes, together)


def check_fixed(
    inputs: Sequence[InputSpec], feed: Feed, answers: list[Any], items: int, call: Call
) -> Finding:
    """Whether a batch axis of fixed size is one; of size 1 it is what is declared.

    The items are put in another order, which must put the answers into the same; and one item is kept while the
    others become copies of it, which must leave its answer as it is.
    """
    if items == 1:
        return Finding("item by item", tuple(_lone_axis(one) for one in answers), answers)
    candidates = [_axes_of_size(one, items) for one in answers]
    if not any(candidates):
        return Finding("not at all", (None,) * len(answers), answers)
    order = [*range(1, items), 0]
    moved, copies = (call(rearranged(inputs, feed, which)) for which in (order, [0] * items))
    if isinstance(moved, Exception) or isinstance(copies, Exception):
        return Finding("not item by item", tuple(axes[0] if axes else None for axes in candidates), answers)
    axes, broken = [], False
    for i, possible in enumerate(candidates):
        follows = [
            axis
            for axis in possible
            if _close(_items(answers[i], axis)[order], _items(moved[i], axis), _SAME)
            and _close(_items(answers[i], axis)[:1], _items(copies[i], axis)[:1], _ALIKE)
        ]
        axes.append(follows[0] if follows else None)
        depends = not all(
            np.array_equal(answers[i], other, equal_nan=True) for other in (moved[i], copies[i])
        )
        broken |= bool(possible) and not follows and depends
    if all(axis is None for axis in axes) and not broken:
        return Finding("not at all", tuple(axes), answers)
    return Finding("not item by item" if broken else "item by item", tuple(axes), answers)


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "fiub"


def _lone_axis(value: Any) -> int | None:
    return 0 if _is_numeric(value) and value.ndim and value.shape[0] == 1 else None


def _axes_of_size(value: Any, items: int) -> list[int]:
    return [axis for axis, size in enumerate(value.shape) if size == items] if _is_numeric(value) else []


def _grown(one: Any, many: Any) -> int | None:
    """The one axis that has 1 in a call of one item, and as many as there are items in a call of several."""
    if not _is_numeric(one) or one.ndim != many.ndim:
        return None
    grown = [i for i, sizes in enumerate(zip(one.shape, many.shape, strict=True)) if sizes == (1, ITEMS)]
    return grown[0] if len(grown) == 1 else None


def _items(value: NDArray[Any], axis: int | None) -> NDArray[np.float64]:
    """An output as [items, numbers]."""
    moved = np.moveaxis(np.asarray(value), axis or 0, 0)
    return moved.reshape(len(moved), -1).astype(np.float64)


def _close(expected: NDArray[np.float64], found: NDArray[np.float64], tolerance: float) -> bool:
    """Whether no item is further off than ``tolerance`` of its size. NaN tells nothing here, and is like NaN."""
    if expected.shape != found.shape:
        return False
    if not np.array_equal(np.isnan(expected), np.isnan(found)):
        return False
    with np.errstate(invalid="ignore"):  # infinity less infinity
        error = np.linalg.norm(np.nan_to_num(found - expected), axis=1)
    size = np.linalg.norm(np.nan_to_num(expected, posinf=0, neginf=0), axis=1)
    size = np.maximum(size, np.sqrt(np.mean(size**2)))  # an answer near 0 is as exact as the others
    return bool((error <= tolerance * size + 1e-6).all())
