"""What an ONNX file says about its inputs and outputs, read without running it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.graph import class_outputs, unit_outputs, vocabularies
from lehr.errors import ModelError

# ONNX element types that numpy has and a session accepts, by their number in the ONNX standard.
_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip

Dim = int | str | None
"""A known size, a symbol, or unknown."""
Declared = tuple[str, str, tuple[Dim, ...] | None]
"""Name, NumPy type and dimensions (None for an unknown rank) of an input."""

Content = Literal[
    "floats", "bytes", "ids", "mask", "zeros", "lengths", "positions", "rate", "flags", "small integers"
]
"""What the values of an input are, as far as its type and name tell."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input. ``shape`` has the batch axis at its fixed size, or at 1 where the batch is free.

    ``content`` says what values to make up where none are given. ``bound`` goes with it: ids are below it, lengths
    and sampling rates are equal to it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    batch_axis: int | None
    free_batch: bool
    content: Content = "floats"
    bound: int | None = None

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
            chosen = samples[0] if samples.ndim == len(self.shape) + 1 else samples
            if chosen.ndim == len(self.shape):  # items may stand along an axis of size 1
                chosen = chosen[tuple(slice(0, 1) if size == 1 else slice(None) for size in self.shape)]
        else:
            chosen = np.take(samples, np.arange(batch) % samples.shape[self.batch_axis], axis=self.batch_axis)
        return np.ascontiguousarray(chosen, dtype=self.dtype)


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """One output: the runtime's type name, its shape in a trial call, the axis that follows the batch.

    ``scores`` is whether an item's numbers look like one score for each class (see :mod:`lehr.deploy.class_scores`);
    ``unit`` is whether its values lie in 0..1: those of a softmax or a sigmoid, or all that were seen.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    batch_axis: int | None
    numeric: bool
    scores: bool = False
    unit: bool = False

    @property
    def item_shape(self) -> tuple[int, ...]:
        """The shape of one item's part, without the batch axis."""
        return tuple(size for axis, size in enumerate(self.shape) if axis != self.batch_axis)


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs as declared, the files that hold external weights, and what the graph tells of its values.

    ``vocabularies`` holds, by integer input, how many rows the smallest table has that it picks from;
    ``class_outputs`` the outputs that a softmax makes or an argmax reads, ``unit_outputs``
    those that a softmax or a sigmoid makes.
    """

    inputs: tuple[Declared, ...]
    external_files: tuple[Path, ...]
    vocabularies: Mapping[str, int] = field(default_factory=dict)
    class_outputs: frozenset[str] = frozenset()
    unit_outputs: frozenset[str] = frozenset()


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
    return Signature(
        inputs,
        external,
        vocabularies(model.graph, [name for name, _, _ in inputs]),
        class_outputs(model.graph),
        unit_outputs(model.graph),
    )


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


def describe(dims: tuple[Dim, ...] | None) -> str:
    """A shape for people: ``[batch, 3, ?, ?]``."""
    if dims is None:
        return "of unknown rank"
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in dims) + "]"
