"""Trying a model out: which shapes it runs with, and which axis is its batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from lehr.deploy.axis_names import is_batch
from lehr.deploy.batch import (
    ITEMS,
    Call,
    Feed,
    Finding,
    Followed,
    check,
    check_fixed,
    guesses,
    rearranged,
    some_items,
)
from lehr.deploy.fitting import item_axis
from lehr.deploy.shapes import SIZES, Axes, Settled, settle
from lehr.deploy.signature import InputSpec, Signature, describe, first_sentence
from lehr.errors import ModelError

Arrays = Mapping[str, NDArray[Any]]
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Tried:
    """A calling convention that works, and what the model answered: to one item (or to a batch of its fixed size), and
    to several.
    """

    inputs: tuple[InputSpec, ...]
    fixed_batch: int | None
    output_axes: tuple[int | None, ...]
    alone: list[Any]
    together: list[Any]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One guess that ran, and what became of it."""

    axes: Axes
    settled: Settled
    alone: list[Any]
    finding: Finding


def try_out(
    model: str, signature: Signature, call: Call, shapes: Shapes, arrays: Arrays, batch_axis: Axes
) -> Tried:
    """Find shapes with which the model runs, and the batch axis that its outputs follow item by item.

    Raises:
        ModelError: it runs with none; one sentence gives the runtime's reason and says what to do.
    """
    without = dict.fromkeys((name for name, _, _ in signature.inputs), None)
    ranks = {name: len(dims or ()) for name, _, dims in signature.inputs}
    for name, _, dims in signature.inputs:
        array = arrays.get(name)
        if array is not None and array.ndim - ranks[name] not in {0, 1}:
            raise ModelError(
                f"input '{name}' of {model} is {describe(dims)}, but the data holds {describe(array.shape)} for it"
            )
    stacked = {name for name, array in arrays.items() if array.ndim == ranks.get(name, -2) + 1}
    proposed = [
        {**axes, **_follow(signature, batch_axis)} for axes in guesses(signature.inputs, shapes, stacked)
    ]
    if batch_axis:
        proposed = (proposed or [{**without, **batch_axis}])[:1]
    attempts: list[_Attempt] = []
    failure: tuple[Settled, Exception] | None = None
    for axes in proposed or [without]:
        attempt = _attempt(signature, axes, shapes, arrays, call)
        if isinstance(attempt, _Attempt):
            attempts.append(attempt)
            if attempt.finding.followed == "item by item":
                break
        else:
            failure = failure or attempt
    chosen = next((one for one in attempts if one.finding.followed == "item by item"), None)
    if chosen is not None:
        return _tried(chosen, _about_other_axis(chosen, attempts))
    first = attempts[0] if attempts else None
    if first is not None and (batch_axis or _is_batch_all_the_same(first, signature, shapes)):
        return _as_told(first) if batch_axis else _one_at_a_time(first)
    attempt = _attempt(signature, without, shapes, arrays, call)
    if isinstance(attempt, _Attempt):
        return _tried(attempt, [] if first is None else [_no_batch(first)])
    if first is not None:
        return _one_at_a_time(first)
    settled, error = failure or attempt
    for spec in settled.inputs:
        if spec.name in arrays:
            item_axis(spec, arrays[spec.name].shape, settled.fixed_batch == 1, "the data")
    raise ModelError(_cannot_run(model, settled, error, bool(arrays))) from error


def _follow(signature: Signature, batch_axis: Axes) -> dict[str, int | None]:
    """What the user says, and the axes of other inputs that carry the same symbol."""
    told = dict(batch_axis)
    dims = {name: declared or () for name, _, declared in signature.inputs}
    symbols = {dims[name][axis] for name, axis in batch_axis.items() if axis is not None}
    for name, declared in dims.items():
        same = [axis for axis, dim in enumerate(declared) if isinstance(dim, str) and dim in symbols]
        if name not in told and same:
            told[name] = same[0]
    return told


def _attempt(
    signature: Signature, axes: Axes, shapes: Shapes, arrays: Arrays, call: Call
) -> _Attempt | tuple[Settled, Exception]:
    """Run one guess, with other usual sizes where those first chosen do not run."""
    failure: tuple[Settled, Exception] | None = None
    for number in range(SIZES):
        settled = settle(signature, axes, shapes, arrays, number)
        fixed = settled.fixed_batch
        feed = some_items(settled.inputs, arrays, fixed or ITEMS)
        alone = call(feed if fixed else rearranged(settled.inputs, feed, [0]))
        if not isinstance(alone, Exception):
            return _Attempt(axes, settled, alone, _check(settled, feed, alone, call))
        failure = failure or (settled, alone)
        if not settled.chosen:
            break
    assert failure is not None
    return failure


def _check(settled: Settled, feed: Feed, alone: list[Any], call: Call) -> Finding:
    fixed = settled.fixed_batch
    if all(spec.batch_axis is None for spec in settled.inputs):
        return Finding("item by item", (None,) * len(alone), alone)
    if fixed is None:
        return check(settled.inputs, feed, alone, call)
    return check_fixed(settled.inputs, feed, alone, fixed, call)


def _tried(attempt: _Attempt, notes: Sequence[str]) -> Tried:
    settled, finding = attempt.settled, attempt.finding
    return Tried(
        settled.inputs,
        settled.fixed_batch,
        finding.axes,
        attempt.alone,
        finding.answers,
        (*notes, *settled.notes()),
    )


def _is_batch_all_the_same(attempt: _Attempt, signature: Signature, shapes: Shapes) -> bool:
    """Whether an axis that the outputs do not follow item by item still is the batch: that of an image, one called so
    or given as 1; or one of which the model takes one item only, as a file that was exported so does.
    """
    if attempt.finding.followed == "one item only":
        return True
    for name, _, dims in signature.inputs:
        axis = attempt.axes[name]
        if dims and axis is not None and attempt.settled.fixed_batch in {None, 1}:
            given = name in shapes and shapes[name][axis] == 1
            if given or is_batch(dims[axis]) or (axis == 0 and len(dims) >= 4):
                return True
    return False


_REASONS: dict[Followed, str] = {
    "one item only": "its batch size is fixed at 1, although the file declares a variable one",
    "not item by item": "items of a batch change one another's results, so it is measured at batch size 1",
    "not at all": "its outputs do not follow the batch, so it is measured at batch size 1",
}


def _one_at_a_time(attempt: _Attempt) -> Tried:
    """The axis is the batch, but only a batch of one can be judged item by item."""
    tried = _tried(replace(attempt, finding=replace(attempt.finding, answers=attempt.alone)), [])
    followed = attempt.finding.followed
    fixed = attempt.settled.fixed_batch
    notes = [_REASONS[followed]] if fixed is None else []
    axes = tuple(
        axis if axis is not None and one.shape[axis] == 1 else None
        for axis, one in zip(tried.output_axes, attempt.alone, strict=True)
    )
    inputs = tuple(replace(spec, free_batch=False) for spec in tried.inputs)
    return replace(tried, inputs=inputs, fixed_batch=1, output_axes=axes, notes=(*notes, *tried.notes))


def _as_told(attempt: _Attempt) -> Tried:
    """The axis is the batch because the user says so."""
    if attempt.finding.followed != "not item by item" or not any(
        axis is not None for axis in attempt.finding.axes
    ):
        return _one_at_a_time(attempt)
    note = f"{_name_axes(attempt)} is taken for the batch as told, although its items change one another's results"
    return _tried(attempt, [note])


def _about_other_axis(chosen: _Attempt, attempts: Sequence[_Attempt]) -> list[str]:
    if chosen is attempts[0]:
        return []
    return [
        f"{_name_axes(chosen)} is the batch, not {_name_axes(attempts[0])}: the outputs follow it item by item"
    ]


def _no_batch(attempt: _Attempt) -> str:
    what = (
        "the outputs do not follow it"
        if attempt.finding.followed == "not at all"
        else "what stands along it changes one another's results"
    )
    return (
        f"{_name_axes(attempt)} is no batch ({what}), so one call is one item; "
        f"--batch-axis {_option(attempt)} says otherwise"
    )


def _option(attempt: _Attempt) -> str:
    return next(f"{name}:{axis}" for name, axis in attempt.axes.items() if axis is not None)


def _name_axes(attempt: _Attempt) -> str:
    listed = [f"axis {axis} of '{name}'" for name, axis in attempt.axes.items() if axis is not None]
    return " with ".join(listed)


def _cannot_run(model: str, settled: Settled, error: Exception, given: bool) -> str:
    reason = first_sentence(error)
    if given:
        return f"{model} does not run on the first sample of the data: {reason}"
    integers = [f"'{spec.name}'" for spec in settled.inputs if spec.dtype not in _REAL]
    doubt = f" (it may not like what was made up for {', '.join(integers)})" if integers else ""
    tried = ", ".join(f"'{spec.name}' {describe(spec.shape)}" for spec in settled.inputs)
    return (
        f"{model} does not run on made-up inputs {tried}{doubt}: {reason}; give real ones with "
        "--data samples.npz, or other sizes with --shape"
    )


_REAL = ("float16", "float32", "float64")
