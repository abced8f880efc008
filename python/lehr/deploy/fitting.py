"""How the samples of an input fit its shape and its type."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.signature import Dim, InputSpec, describe
from lehr.errors import ModelError


def item_axis(
    spec: InputSpec, shape: tuple[int, ...], one_item: bool, file: str
) -> int | Literal["stacked"] | None:
    """Where the items of an array of this shape stand: along an axis, stacked before the first, or nowhere, as it is
    the same for all. ``one_item`` is whether a call takes one item only.

    Raises:
        ModelError: the shape does not fit the input; the sentence names ``file``.
    """
    rank, axis = len(spec.shape), spec.batch_axis
    differing = [i for i, sizes in enumerate(zip(shape, spec.shape, strict=False)) if sizes[0] != sizes[1]]
    if len(shape) == rank and axis is not None and set(differing) <= {axis}:
        return axis
    if one_item:
        if len(shape) == rank + 1 and shape[1:] == spec.shape:
            return "stacked"
        # A lone axis of size 1 may hold the items of calls of one item: [time, N, features] for [time, 1, features].
        if len(shape) == rank and len(differing) == 1 and spec.shape[differing[0]] == 1:
            return differing[0]
    if len(shape) == rank and axis is None and not differing:
        return None
    if len(shape) == rank + 1 and axis is None and shape[1:] == spec.shape:
        raise ModelError(
            f"input '{spec.name}' has no batch axis, so {file} must give it once, with shape "
            f"{describe(spec.shape)}, not {describe(shape)}"
        )
    wanted = tuple("N" if i == axis else size for i, size in enumerate(spec.shape))
    stacked: tuple[Dim, ...] = ("N", *spec.shape)
    alternative = f" or, stacked, {describe(stacked)}" if axis is None and one_item else ""
    raise ModelError(
        f"input '{spec.name}' takes {describe(wanted)}{alternative}, but {file} holds {describe(shape)} for it"
    )


def cast(name: str, dtype: str, array: NDArray[Any], file: str) -> NDArray[Any]:
    """An input's samples in its type, where nothing but rounding is lost.

    Raises:
        ModelError: they are no finite numbers, or do not fit into the type.
    """
    target = np.dtype(dtype)
    if array.dtype.kind not in "fiub":
        raise ModelError(f"input '{name}' takes {target}, but {file} holds {array.dtype} for it")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ModelError(f"input '{name}' in {file} holds NaN or infinite values")
    with np.errstate(over="ignore", invalid="ignore"):
        converted = array.astype(target, copy=False)
    if target.kind == "f":
        lossless = bool(np.isfinite(converted).all())
    else:
        lossless = array.dtype.kind != "f" and bool((converted == array).all())
    if not lossless:
        raise ModelError(
            f"input '{name}' takes {target}, and the {array.dtype} values in {file} do not fit into that"
        )
    return converted
