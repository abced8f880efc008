"""Settling every dimension of a model's inputs: from the file, given shapes, samples, or else a usual size."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from lehr.deploy.axis_names import is_audio, is_batch, is_no_items, is_pixels, is_text
from lehr.deploy.made_up import content_of
from lehr.deploy.signature import Dim, InputSpec, Signature, describe
from lehr.errors import ModelError, OptionError

Axes = Mapping[str, int | None]
"""The batch axis of each input; None for an input that has none."""

_BATCH_AXIS = re.compile(r"(?P<name>.+):(?P<axis>\d+|none)")
_CHANNELS = (1, 3, 4)
# Usual sizes, tried in turn where the model leaves a dimension open: pixels a side, tokens or steps, audio samples.
_PIXELS = (224, 256, 128, 64, 32, 640)
_STEPS = (128, 64, 32, 16, 256, 8)
_AUDIO = (16_000, 8_000, 1_024, 512, 32_000, 256)
SIZES = len(_PIXELS)
"""How many sets of usual sizes there are to try."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Inputs with every dimension known; ``chosen`` says by input which were left open and got a usual size."""

    inputs: tuple[InputSpec, ...]
    chosen: Mapping[str, str]

    @property
    def fixed_batch(self) -> int | None:
        """The batch size that the inputs themselves fix, 1 without a batch axis; None where a batch axis is free."""
        axes = [spec for spec in self.inputs if spec.batch_axis is not None]
        if not axes:
            return 1
        if any(spec.free_batch for spec in axes):
            return None
        return max(spec.shape[spec.batch_axis] for spec in axes if spec.batch_axis is not None)

    def notes(self) -> list[str]:
        """One sentence for each input that was given a usual size."""
        return [
            f"input '{spec.name}' leaves {what} open and is fed {describe(fed(spec))}; --shape "
            f"{spec.name}:{'x'.join(map(str, spec.shape))} says otherwise"
            for spec in self.inputs
            if (what := self.chosen.get(spec.name))
        ]


def fed(spec: InputSpec) -> tuple[Dim, ...]:
    """The shape that an input is fed, with an N where any number of items may stand."""
    return tuple(
        "N" if spec.free_batch and i == spec.batch_axis else size for i, size in enumerate(spec.shape)
    )


def parse_batch_axes(texts: Sequence[str]) -> dict[str, int | None]:
    """``["x:1", "rate:none"]`` as ``{"x": 1, "rate": None}``.

    Raises:
        OptionError: a text is not of that form, or an input is named twice.
    """
    axes: dict[str, int | None] = {}
    for text in texts:
        match = _BATCH_AXIS.fullmatch(text.strip())
        if match is None:
            raise OptionError(f"--batch-axis: {text!r} is not of the form name:1, or name:none for no batch")
        if match["name"] in axes:
            raise OptionError(f"--batch-axis: input {match['name']!r} is given twice; keep one")
        axes[match["name"]] = None if match["axis"] == "none" else int(match["axis"])
    return axes


def check_given(
    model: str, signature: Signature, shapes: Mapping[str, tuple[int, ...]], batch_axis: Axes
) -> None:
    """Hold what the user says about inputs against the file.

    Raises:
        ModelError: a shape or a batch axis names no input or contradicts it.
    """
    inputs = {name: dims for name, _, dims in signature.inputs}
    for name in (*shapes, *batch_axis):
        if name not in inputs:
            listed = ", ".join(repr(one) for one in inputs)
            raise ModelError(f"{model} has no input '{name}'; its inputs are {listed}")
    for name, given in shapes.items():
        dims = inputs[name]
        fits = dims is None or (
            len(dims) == len(given)
            and all(not isinstance(dim, int) or dim == size for dim, size in zip(dims, given, strict=True))
        )
        if not fits or any(size < 1 for size in given):
            raise ModelError(
                f"--shape {name}:{'x'.join(map(str, given))} does not fit {model}, "
                f"whose input '{name}' is {describe(dims)}"
            )
    for name, axis in batch_axis.items():
        dims = inputs[name]
        rank = len(dims) if dims is not None else len(shapes[name]) if name in shapes else None
        if axis is not None and rank is not None and axis >= rank:
            raise ModelError(
                f"--batch-axis {name}:{axis} does not fit {model}, whose input '{name}' is {describe(dims)}; "
                "axes count from 0"
            )


def known_ranks(
    model: str,
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    arrays: Mapping[str, NDArray[Any]],
) -> Signature:
    """The signature with every rank known: that of the given shape or of the samples where the file has none.

    Raises:
        ModelError: a rank stays unknown.
    """
    inputs, unknown = [], []
    for name, dtype, dims in signature.inputs:
        if dims is None:
            rank = len(shapes[name]) if name in shapes else arrays[name].ndim if name in arrays else None
            if rank is None:
                unknown.append(name)
            dims = (None,) * (rank or 0)
        inputs.append((name, dtype, dims))
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown)
        options = " ".join(f"--shape {name}:1x3x224x224" for name in unknown)
        raise ModelError(
            f"{model} says nothing of the rank of {listed} (of unknown rank): say which shape to use, "
            f"for example {options}, or give samples with --data"
        )
    return replace(signature, inputs=tuple(inputs))


def settle(
    signature: Signature,
    axes: Axes,
    shapes: Mapping[str, tuple[int, ...]],
    arrays: Mapping[str, NDArray[Any]],
    attempt: int = 0,
) -> Settled:
    """Every dimension, with ``axes`` as the batch. ``attempt``, below :data:`SIZES`, picks the set of usual sizes."""
    symbols = _symbols(signature, axes, shapes, arrays)
    told = set(symbols)
    for name, dtype, declared in signature.inputs:  # so that a symbol has one size everywhere, in sums too
        for i, dim in enumerate(declared or ()):
            if isinstance(dim, str) and i != axes[name] and _sum(dim, symbols) is None and "+" not in dim:
                symbols[dim] = _usual(name, dtype, declared or (), i, attempt)
    specs, chosen = [], {}
    for name, dtype, declared in signature.inputs:
        dims: tuple[Dim, ...] = declared or ()
        axis, given = axes[name], shapes.get(name)
        known = given if given is not None else _from_samples(dims, axis, arrays.get(name))
        sizes, open_axes = [], []
        for i, dim in enumerate(known):
            free = i == axis and not isinstance(dims[i], int) and (given is None or given[i] == 1)
            if free or isinstance(dim, int):
                sizes.append(dim if isinstance(dim, int) and not free else 1)
                continue
            size = _sum(dim, symbols)
            sizes.append(_usual(name, dtype, dims, i, attempt) if size is None else size)
            if not is_batch(dim) and not _symbols_of(dim) <= told:
                open_axes.append(i)
        free_batch = (
            axis is not None and not isinstance(dims[axis], int) and (given is None or given[axis] == 1)
        )
        if open_axes:
            chosen[name] = " and ".join(_call(dims[i], i) for i in open_axes)
        specs.append(InputSpec(name, dtype, tuple(sizes), axis, free_batch))
    return Settled(_with_content(specs, signature), chosen)


def _with_content(specs: list[InputSpec], signature: Signature) -> tuple[InputSpec, ...]:
    return tuple(content_of(spec, specs, signature.vocabularies.get(spec.name)) for spec in specs)


def _symbols(
    signature: Signature,
    axes: Axes,
    shapes: Mapping[str, tuple[int, ...]],
    arrays: Mapping[str, NDArray[Any]],
) -> dict[str, int]:
    """Sizes of named dimensions, as far as given shapes and samples tell."""
    known: dict[str, int] = {}
    for name, _, declared in signature.inputs:
        dims: tuple[Dim, ...] = declared or ()
        filled = shapes.get(name) or _from_samples(dims, axes[name], arrays.get(name))
        for i, (dim, size) in enumerate(zip(dims, filled, strict=True)):
            if isinstance(dim, str) and isinstance(size, int) and i != axes[name]:
                known.setdefault(dim, size)
    return known


def _sum(dim: Dim, symbols: Mapping[str, int]) -> int | None:
    """The size of a symbol, or of a sum of symbols and numbers such as 'past + length'; None where unknown."""
    if not isinstance(dim, str):
        return None
    parts = [part.strip() for part in dim.split("+")]
    sizes = [int(part) if part.isdecimal() else symbols.get(part) for part in parts]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(parts) else None


def _symbols_of(dim: Dim) -> set[str]:
    """The symbols that a dimension is made of; '' stands for one without a name."""
    parts = {part.strip() for part in dim.split("+")} if isinstance(dim, str) else {""}
    return {part for part in parts if not part.isdecimal()}


def _from_samples(dims: tuple[Dim, ...], axis: int | None, samples: NDArray[Any] | None) -> tuple[Dim, ...]:
    """Open dimensions from the samples, which have the input's rank, or one more where there is no batch axis."""
    if samples is None:
        return dims
    shape = samples.shape[1:] if axis is None and samples.ndim == len(dims) + 1 else samples.shape
    if len(shape) != len(dims):
        return dims
    return tuple(
        dim if isinstance(dim, int) or i == axis else size
        for i, (dim, size) in enumerate(zip(dims, shape, strict=True))
    )


def _usual(name: str, dtype: str, dims: tuple[Dim, ...], axis: int, attempt: int) -> int:
    """A size that a dimension of this kind usually has."""
    dim, rank = dims[axis], len(dims)
    if is_batch(dim):
        return 1
    if is_no_items(dim) and not is_pixels(dim) and not is_audio(dim):
        return _STEPS[attempt]
    pixels = _pixel_axes(dtype, dims)
    if is_pixels(dim) or axis in pixels:
        return _PIXELS[attempt] // (1 if rank < 5 else 2)
    if pixels and axis > 0:
        return 3 if rank == 4 or axis == 1 else 16
    if is_audio(name, dim) and dtype.startswith("float") and rank <= 3 and axis == rank - 1:
        return _AUDIO[attempt]
    return 1 if axis == 0 and rank >= 4 else _STEPS[attempt]


def _pixel_axes(dtype: str, dims: tuple[Dim, ...]) -> tuple[int, ...]:
    """The axes of an image's (or a video's) height and width, by rank, position of the channels and type."""
    rank = len(dims)
    if rank in {4, 5} and dims[-1] in _CHANNELS and dims[1] not in _CHANNELS:
        return rank - 3, rank - 2
    if rank in {4, 5} and not any(is_no_items(dim) and not is_pixels(dim) for dim in dims[1:]):
        return rank - 2, rank - 1
    if rank == 3 and dtype == "uint8" and dims[2] in _CHANNELS:
        return 0, 1
    if rank == 3 and dims[0] in (3, 4) and not any(isinstance(dim, int) for dim in dims[1:]):
        return 1, 2
    return ()


def is_one_item(name: str, dtype: str, dims: tuple[Dim, ...]) -> bool:
    """Whether an input is a lone image, text or sound of open size: what stands along its axes are no items."""
    if len(dims) == 1:
        return is_audio(name) if dtype.startswith("float") else is_text(name)
    return len(dims) == 3 and (0 in _pixel_axes(dtype, dims) or is_pixels(dims[0]))


def _call(dim: Dim, axis: int) -> str:
    return f"dimension '{dim}'" if isinstance(dim, str) else f"axis {axis}"
