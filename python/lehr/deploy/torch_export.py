"""PyTorch code as files: the exported program, and the same model as ONNX for runtimes that take that. In the stage."""

from __future__ import annotations

import inspect
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from lehr.deploy.functions import load_function, one_line
from lehr.deploy.torch_program import as_tensor, by_tensor, digest, input_names, load, output_names
from lehr.deploy.torch_source import PROGRAM, TorchCode, is_module
from lehr.errors import ModelError

_ITEMS = 2  # a size of 1 is taken for a constant
_LARGEST_ONNX = 1_900_000_000  # bytes; protobuf holds 2 GB


def export_program(
    code: TorchCode, workdir: Path, batch_axis: Mapping[str, int | None]
) -> tuple[Path, tuple[str, ...]]:
    """Export a module with its batch left open, or as it is called where that does not work, which a note says.

    Returns:
        The file, and sentences for the user.

    Raises:
        ModelError: the module cannot be made, called or exported; one sentence says why.
    """
    module, arguments, named = _made(code)
    opened = _with_items(module, arguments, named, batch_axis)
    notes: tuple[str, ...] = ()
    try:
        with torch.no_grad():
            module(*arguments, **named)
    except Exception as error:  # the user's code may raise anything
        raise ModelError(
            f"{code.name} cannot be called with its example inputs: {one_line(error)}"
        ) from error
    try:
        if opened is None:
            raise ValueError("no input has an axis that could be the batch")
        items, named_items, shapes = opened
        exported = torch.export.export(module, items, named_items, dynamic_shapes=shapes)
    except Exception as first:
        try:
            exported = torch.export.export(module, arguments, named)
        except Exception as error:
            raise ModelError(f"torch.export cannot export {code.name}: {one_line(error)}") from error
        notes = (f"{code.name} is exported for calls as in the example: {one_line(first)[:200]}",)
    part = workdir / f"{code.name}.part{PROGRAM}"
    workdir.mkdir(parents=True, exist_ok=True)
    torch.export.save(exported, str(part))
    folder = workdir / f"torch-{digest(load(part))[:16]}"
    folder.mkdir(exist_ok=True)
    return Path(shutil.move(part, folder / f"{code.name}{PROGRAM}")), notes


def export_onnx(program: Path, target: Path) -> None:
    """Write an exported program as ONNX, inputs named alike and the outputs ``output``, or ``output_0`` and on.

    Raises:
        Exception: what the exporter raised.
    """
    exported = load(program)
    size = sum(one.numel() * one.element_size() for one in exported.state_dict.values())
    part = target.with_name(f"part-{target.name}")
    torch.onnx.export(
        exported, (), str(part), dynamo=True, verbose=False, external_data=size > _LARGEST_ONNX,
        input_names=list(input_names(exported)), output_names=output_names(exported),
    )  # fmt: skip
    part.rename(target)


def _made(code: TorchCode) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    """The module, ready to infer, and the arguments of one call."""
    torch.manual_seed(0)  # a factory that fills in random weights gives the same ones in every run
    made, inputs = code.make, code.inputs
    if isinstance(made, str):
        try:
            made = load_function(made, "model")()
        except ModelError:
            raise
        except Exception as error:  # the user's code may raise anything
            raise ModelError(f"model {code.factory} raised {one_line(error)}") from error
        if isinstance(made, tuple) and len(made) == 2:
            made, inputs = made[0], inputs if inputs is not None else made[1]
    if not is_module(made):
        raise ModelError(f"model {code.factory} gave a {type(made).__name__}, not a torch.nn.Module")
    if inputs is None:
        raise ModelError(
            f"model {code.factory} says not what it takes: give --input 1x3x224x224, or return the module with its "
            "example inputs"
        )
    if code.state_dict is not None:
        _load_weights(made, code.state_dict)
    if isinstance(inputs, Mapping):
        arguments, named = (), {str(name): _tensor(value) for name, value in inputs.items()}
    else:
        inputs = inputs if isinstance(inputs, tuple | list) else (inputs,)
        arguments, named = tuple(_tensor(value) for value in inputs), {}
    return made.to("cpu").eval(), arguments, named


def _tensor(value: Any) -> Any:
    return value.detach().to("cpu") if isinstance(value, torch.Tensor) else as_tensor(value)


def _load_weights(module: Any, path: Path) -> None:
    try:
        module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # pickle, zip and shape errors have no common base
        raise ModelError(f"{path.name} does not fit the model: {one_line(error)}") from error


def _with_items(
    module: Any, arguments: tuple[Any, ...], named: dict[str, Any], batch_axis: Mapping[str, int | None]
) -> tuple[tuple[Any, ...], dict[str, Any], Any] | None:
    """The same call with several items, and which axes they lie along: those told, else the first axis of every input
    where it is as long as that of the first one. None where there is none.
    """
    names = [*_argument_names(module, len(arguments)), *named]
    tensors = [*arguments, *named.values()]
    axes: list[int | None]
    if batch_axis:
        axes = [batch_axis.get(name) for name in names]
    else:
        size = next((one.shape[0] for one in tensors if one.ndim), None)
        axes = [0 if one.ndim and one.shape[0] == size else None for one in tensors]
    if all(axis is None for axis in axes):
        return None
    more = [
        one if axis is None or one.shape[axis] > 1 else torch.cat([one] * _ITEMS, dim=axis)
        for one, axis in zip(tensors, axes, strict=True)
    ]
    batch = torch.export.Dim("batch", min=1)
    dims = [{} if axis is None else {axis: batch} for axis in axes]
    count = len(arguments)
    items, named_items = tuple(more[:count]), dict(zip(named, more[count:], strict=True))
    return items, named_items, by_tensor(more, dims)


def _argument_names(module: Any, count: int) -> list[str]:
    parameters = list(inspect.signature(module.forward).parameters)
    return [*parameters, *(f"args_{place}" for place in range(count))][:count]
