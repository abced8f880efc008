"""What an ONNX file says about its inputs, and what must be known besides before it can be called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.errors import ModelError

# ONNX element types that numpy has and a session accepts, by their number in the ONNX standard.
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip

Dim = int | str | None
"""A known size, a symbol, or unknown."""
Declared = tuple[str, tuple[Dim, ...] | None, int | None]
"""Name, dimensions (None for an unknown rank) and batch axis of an input."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input. ``shape`` has the batch axis at its fixed size, or at 1 where the batch is free."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch_axis: int | None
    free_batch: bool

    def shape_at(self, batch: int) -> tuple[int, ...]:
        """The shape of a call with ``batch`` items (a fixed batch axis is set to it as well: the runtime will
        judge).
        """
        return tuple(batch if axis == self.batch_axis else size for axis, size in enumerate(self.shape))

    def without_batch(self) -> InputSpec:
        """The same input with no axis taken for the batch."""
        return replace(self, batch_axis=None, free_batch=False)

    def some(self, samples: NDArray[Any], batch: int) -> NDArray[Any]:
        """The first ``batch`` of the samples, repeated if there are fewer, as this input's type."""
        if self.batch_axis is None:
            stacked = samples.ndim == len(self.shape) + 1
            chosen = samples[0] if stacked else samples
        else:
            chosen = np.take(samples, np.arange(batch) % samples.shape[self.batch_axis], axis=self.batch_axis)
        return np.ascontiguousarray(chosen, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output: the runtime's type name, its shape in a trial call, the axis that follows the batch."""

    name: str
    kind: str
    shape: tuple[int, ...]
    batch_axis: int | None
    numeric: bool


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs as declared: name, dtype, dims (None for an unknown rank); and the files that hold external
    weights.
    """

    inputs: tuple[tuple[str, str, tuple[Dim, ...] | None], ...]
    external_files: tuple[Path, ...]


def first_sentence(error: BaseException) -> str:
    """The first line of a runtime's message, without its prefixes, nested node paths and machine paths."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : ", "", text)
    nodes = re.findall(r"while running (\w+) node", text)
    if nodes and "Status Message: " in text:
        text = f"{nodes[-1]} node: {text.rsplit('Status Message: ', 1)[1]}"
    text = re.sub(r"^\S+\.(?:h|cc):\d+ .*?\(.*?\) ", "", text)  # file, line and C++ signature
    text = re.sub(r"(?:/[\w.+-]+){2,}/([\w.+-]+)", r"\1", text)
    return text if len(text) <= 300 else text[:297] + "..."


def read_signature(path: Path) -> Signature:
    """Parse the file, without its external weights.

    Raises:
        ModelError: the file is missing, cut short, no ONNX model, without its weights, or takes no tensors.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if not path.exists():
        raise ModelError(f"there is no file {path}")
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give the .onnx file inside it")
    try:
        size = path.stat().st_size
        if size == 0:
            raise ModelError(f"{path.name} is empty")
        model = onnx.load(str(path), load_external_data=False)
    except DecodeError as error:
        raise ModelError(f"{path.name} is not an ONNX model, or is cut short ({size} bytes)") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if not model.HasField("graph") or not model.graph.node:
        raise ModelError(f"{path.name} is not an ONNX model: no graph was found in it")
    external = _external_files(model, path)
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(
        (value.name, _dtype(path.name, value), _dims(value))
        for value in model.graph.input
        if value.name not in weights
    )
    if not inputs:
        raise ModelError(f"{path.name} has no inputs; there is nothing to deploy")
    return Signature(inputs, external)


def _external_files(model: Any, path: Path) -> tuple[Path, ...]:
    files: dict[Path, None] = {}
    for tensor in model.graph.initializer:
        if tensor.data_location == 1:  # EXTERNAL
            location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
            files[path.parent / location] = None
    missing = sorted(file.name for file in files if not file.is_file())
    if missing:
        raise ModelError(f"{path.name} keeps weights in '{missing[0]}', which is not beside it; put it there")
    return tuple(files)


def _dtype(model: str, value: Any) -> str:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        what = (kind or "nothing known").removesuffix("_type").replace("_", " ")
        raise ModelError(f"input '{value.name}' of {model} takes a {what}; lehr can feed tensors only")
    number = value.type.tensor_type.elem_type
    if number not in _DTYPES:
        import onnx

        name = onnx.TensorProto.DataType.Name(number).lower()
        raise ModelError(
            f"input '{value.name}' of {model} takes {name} values; lehr can feed numbers and booleans, so "
            "export the model without the part before them"
        )
    return _DTYPES[number]


def _dims(value: Any) -> tuple[Dim, ...] | None:
    if not value.type.tensor_type.HasField("shape"):
        return None
    dims: list[Dim] = []
    for dim in value.type.tensor_type.shape.dim:
        which = dim.WhichOneof("value")
        size = dim.dim_value if which == "dim_value" else 0
        # Old exporters wrote 0 or -1, and Paddle's '?', for 'unknown'.
        symbol = dim.dim_param if which == "dim_param" and dim.dim_param not in {"", "?"} else None
        dims.append(size if size > 0 else symbol)
    return tuple(dims)


def batch_axes(inputs: tuple[tuple[str, str, tuple[Dim, ...] | None], ...]) -> dict[str, int | None]:
    """Which axis of each input is the batch, by what is declared.

    An open first axis is the batch. In an input whose first axis is not open (a recurrent state [2, N, 128])
    it is the axis that carries the same symbol, or else the only open one. When nothing at all is open, the
    first axis is, in every input of two dimensions or more whose first size is that of the first such input.
    """
    symbols = {dims[0] for _, _, dims in inputs if dims and isinstance(dims[0], str)}
    axes: dict[str, int | None] = {}
    anything_open = any(not isinstance(dim, int) for _, _, dims in inputs for dim in dims or ())
    static = next((dims[0] for _, _, dims in inputs if dims and len(dims) > 1), None)
    for name, _, dims in inputs:
        opened = [axis for axis, dim in enumerate(dims or ()) if not isinstance(dim, int)]
        if dims and not anything_open:
            axes[name] = 0 if len(dims) > 1 and dims[0] == static else None
        elif 0 in opened:
            axes[name] = 0
        else:
            same = [axis for axis in opened if dims and dims[axis] in symbols]
            axes[name] = same[0] if same else opened[0] if len(opened) == 1 and not symbols else None
    return axes


def resolve_inputs(
    model: str,
    signature: Signature,
    shapes: Mapping[str, tuple[int, ...]],
    arrays: Mapping[str, NDArray[Any]],
) -> tuple[InputSpec, ...]:
    """Settle every dimension from the file, the given shapes and the given samples, in this order.

    Raises:
        ModelError: a shape names no input or contradicts it, or a dimension stays open.
    """
    names = [name for name, _, _ in signature.inputs]
    for name in shapes:
        if name not in names:
            raise ModelError(
                f"{model} has no input '{name}'; its inputs are {', '.join(repr(n) for n in names)}"
            )
    axes = batch_axes(signature.inputs)
    specs: list[InputSpec] = []
    missing: list[Declared] = []
    for name, dtype, dims in signature.inputs:
        axis, known = axes[name], dims
        if dims is None:
            known, axis = _of_unknown_rank(name, shapes, arrays)
            if known is None:
                missing.append((name, None, None))
                continue
        assert known is not None
        given = shapes.get(name)
        if given is not None:
            _check_given(model, name, known, given)
            sizes: tuple[Dim, ...] = given
        else:
            sizes = _fill(known, axis, arrays.get(name))
        free = axis is not None and not isinstance(known[axis], int) and (given is None or given[axis] == 1)
        if free and axis is not None:
            sizes = (*sizes[:axis], 1, *sizes[axis + 1 :])
        if all(isinstance(size, int) for size in sizes):
            specs.append(InputSpec(name, dtype, tuple(int(size or 0) for size in sizes), axis, free))
        else:
            missing.append((name, known, axis))
    if missing:
        raise ModelError(_ask_for_shapes(model, missing))
    return tuple(specs)


def _of_unknown_rank(
    name: str, shapes: Mapping[str, tuple[int, ...]], arrays: Mapping[str, NDArray[Any]]
) -> tuple[tuple[Dim, ...] | None, int | None]:
    if name in shapes:
        rank = len(shapes[name])
    elif name in arrays:
        rank = arrays[name].ndim
    else:
        return None, None
    return (None,) * rank, 0 if rank else None


def _check_given(model: str, name: str, dims: tuple[Dim, ...], given: tuple[int, ...]) -> None:
    fits = len(dims) == len(given) and all(
        not isinstance(dim, int) or dim == size for dim, size in zip(dims, given, strict=False)
    )
    if not fits or any(size < 1 for size in given):
        raise ModelError(
            f"--shape {name}:{'x'.join(map(str, given))} does not fit {model}, "
            f"whose input '{name}' is {describe(dims)}"
        )


def _fill(dims: tuple[Dim, ...], axis: int | None, samples: NDArray[Any] | None) -> tuple[Dim, ...]:
    """Take open dimensions from the samples, which have the input's rank, or one more where there is no batch
    axis.
    """
    if samples is None:
        return dims
    shape = samples.shape[1:] if axis is None and samples.ndim == len(dims) + 1 else samples.shape
    if len(shape) != len(dims):
        return dims
    return tuple(dim if isinstance(dim, int) else size for dim, size in zip(dims, shape, strict=True))


def describe(dims: tuple[Dim, ...] | None) -> str:
    """A shape for people: ``[batch, 3, ?, ?]``."""
    if dims is None:
        return "of unknown rank"
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in dims) + "]"


def _ask_for_shapes(model: str, missing: list[Declared]) -> str:
    """One sentence with an option that can be copied: known sizes are filled in, likely ones proposed."""
    options, known = [], []
    for name, dims, axis in missing:
        known.append(f"'{name}' is {describe(dims)}")
        example = _example(dims, axis)
        options.append(f"--shape {name}:{'x'.join(map(str, example))}")
    return (
        f"{model} leaves dimensions open ({'; '.join(known)}): say which to use, "
        f"for example {' '.join(options)}, or give samples with --data"
    )


def _example(dims: tuple[Dim, ...] | None, axis: int | None) -> list[int]:
    if dims is None:
        return [1, 3, 224, 224]
    image = len(dims) == 4
    return [
        dim if isinstance(dim, int) else 1 if i == axis else 3 if image and i == 1 else 224 if image else 128
        for i, dim in enumerate(dims)
    ]
