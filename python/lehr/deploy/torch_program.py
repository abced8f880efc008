"""An exported PyTorch program: what it takes, how it is called, the same one in another precision.

A trial imports this: torch, and of lehr the errors alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch.utils import _pytree as pytree  # what torch.export itself flattens calls with

from lehr.errors import ModelError


class Program:
    """An exported program that is called with its inputs in order, and answers with its tensors in order."""

    def __init__(self, exported: Any) -> None:
        self.exported = exported
        self.module = exported.module()
        self._spec = exported.call_spec.in_spec

    def __call__(self, inputs: list[Any]) -> list[Any]:
        arguments, named = pytree.tree_unflatten(inputs, self._spec)
        return tensors_of(self.module(*arguments, **named))


def load(path: Path) -> Any:
    """What ``torch.export.save`` wrote. It can execute code while it is loaded.

    Raises:
        ModelError: the file is missing, or not one that this torch reads.
    """
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    try:
        with path.open("rb") as stream:  # a path must end in .pt2, an open file need not
            return torch.export.load(stream)
    except Exception as error:  # zip, pickle and version errors have no common base
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{path.name} is no exported program that torch {torch.__version__} reads ({reason:.200}); make one with "
            "torch.export.save(torch.export.export(model, inputs), path)"
        ) from error


def input_names(exported: Any) -> tuple[str, ...]:
    """The inputs in the order of a call.

    Raises:
        ModelError: it takes something that is no tensor.
    """
    names = exported.graph_signature.user_inputs
    strange = [one for one in names if not isinstance(one, str)]
    if strange:
        raise ModelError(
            f"the program takes {strange[0]!r:.40}, which is no tensor; export it with tensors alone"
        )
    return tuple(names)


def inputs_of(exported: Any) -> list[tuple[str, Any]]:
    """The inputs by name, each with the tensor that stands for it: type and dimensions, no values."""
    values = {node.name: node.meta["val"] for node in exported.graph.nodes if node.op == "placeholder"}
    return [(name, values[name]) for name in input_names(exported)]


def output_names(exported: Any) -> tuple[str, ...]:
    """Names for the tensors that it answers with: ``output``, or ``output_0`` and on."""
    node = next(node for node in exported.graph.nodes if node.op == "output")
    given = {
        spec.arg.name for spec in exported.graph_signature.output_specs if spec.kind.name == "USER_OUTPUT"
    }
    count = sum(one.name in given for one in pytree.tree_leaves(node.args) if hasattr(one, "name"))
    return ("output",) if count == 1 else tuple(f"output_{place}" for place in range(count))


def tensors_of(answers: Any) -> list[Any]:
    """The tensors of a structure, in its order."""
    return [one for one in pytree.tree_leaves(answers) if isinstance(one, torch.Tensor)]


def as_tensor(array: NDArray[Any], device: str = "cpu") -> Any:
    """An array as a tensor, on a CPU without a copy where it is writable and in C order."""
    import numpy as np

    return torch.from_numpy(np.require(array, requirements=("C", "W"))).to(device)


def as_array(tensor: Any) -> NDArray[Any]:
    """A copy of a tensor's values; bfloat16, which numpy does not have, as float32."""
    values = tensor.detach().to("cpu", torch.float32 if tensor.dtype == torch.bfloat16 else tensor.dtype)
    array: NDArray[Any] = values.numpy().copy()
    return array


def digest(exported: Any) -> str:
    """SHA-256 of the program and its numbers: equal for equal programs, however their files were packed."""
    made = hashlib.sha256(exported.graph_module.code.encode())
    numbers: Mapping[str, Any] = {**exported.state_dict, **exported.constants}
    for name, value in sorted(numbers.items()):
        if isinstance(value, torch.Tensor):
            made.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            made.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return made.hexdigest()


def converted(exported: Any, dtype: Any) -> Any:
    """The same program with every 32-bit float in another type, weights too; inputs and outputs keep theirs.

    The weights of the one given are converted in place: it is used up.
    """
    module = exported.module(check_guards=False).to(dtype)
    graph = module.graph
    for node in list(graph.nodes):
        if node.op == "placeholder" and _is_float(node):
            with graph.inserting_after(node):
                cast = graph.call_function(torch.ops.aten.to.dtype, (node, dtype))
            node.replace_all_uses_with(cast, delete_user_cb=lambda user, cast=cast: user is not cast)
        elif node.op == "call_function":
            node.args, node.kwargs = pytree.tree_map_only(
                torch.dtype, lambda one: dtype if one == torch.float32 else one, (node.args, node.kwargs)
            )
        elif node.op == "output":
            with graph.inserting_before(node):
                _widen(node, graph)
    module.recompile()
    arguments, named = exported.example_inputs
    return torch.export.export(
        module, arguments, named, dynamic_shapes=_open_dims(exported, arguments, named)
    )


def _widen(output: Any, graph: Any) -> None:
    def widened(value: Any) -> Any:
        if _is_float(value):
            return graph.call_function(torch.ops.aten.to.dtype, (value, torch.float32))
        return value

    output.args = torch.fx.node.map_arg(output.args, widened)


def _is_float(node: Any) -> bool:
    value = node.meta.get("val")
    return isinstance(value, torch.Tensor) and value.dtype == torch.float32


def _open_dims(exported: Any, arguments: Any, named: Any) -> Any:
    """The same dimensions left open as before, from one item on: torch's own choice begins at two."""
    symbols: dict[str, Any] = {}

    def dim(size: Any) -> Any:
        name = str(size)
        if not name.isidentifier():  # such as 2*s0
            return torch.export.Dim.AUTO
        return symbols.setdefault(name, torch.export.Dim(f"_{name}", min=1))

    dims = [
        {axis: dim(size) for axis, size in enumerate(value.shape) if not isinstance(size, int)}
        for _, value in inputs_of(exported)
    ]
    return by_tensor(pytree.tree_leaves((arguments, named)), dims)


def by_tensor(tensors: Iterable[Any], dims: Iterable[Mapping[int, Any]]) -> Any:
    """What ``torch.export`` takes as dynamic shapes, from the open axes of each tensor of a call."""
    shapes = torch.export.ShapesCollection()
    for tensor, axes in zip(tensors, dims, strict=True):
        if axes:
            shapes[tensor] = dict(axes)
    return shapes
