"""A model given as PyTorch code, and what to call it with. Imports no torch: that is for the stage's own process."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.functions import is_function_name
from lehr.errors import OptionError

#: An exported program (``torch.export.save``), by the end of its name.
PROGRAM = ".pt2"
Inputs = tuple[Any, ...] | dict[str, Any] | None
"""Arrays or tensors in the order of ``forward``'s arguments, or by their names; None where the factory gives them."""

_INPUT = re.compile(r"(?:(?P<name>[A-Za-z_]\w*):)?(?P<dims>\d+(?:x\d+)*)(?::(?P<dtype>[a-z]+\d*))?")
_DTYPES = ("float32", "float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")


@dataclass(frozen=True)
class TorchCode:
    """A module that is exported in the stage.

    Attributes:
        name: one word, for people and for files.
        make: ``package.module:function`` that returns a ``torch.nn.Module`` (or such a module with its example inputs),
            or a module.
        inputs: what one call takes.
        state_dict: a file with the module's weights.
    """

    name: str
    make: Any
    inputs: Inputs = None
    state_dict: Path | None = None

    @property
    def factory(self) -> str | None:
        """The factory's name; None of a module that was given itself."""
        return self.make if isinstance(self.make, str) else None


ModelSource = Path | TorchCode
"""A file (ONNX or an exported program), or code."""


def is_module(value: object) -> bool:
    """Whether a value is a ``torch.nn.Module``."""
    torch = sys.modules.get("torch")  # who has a module has imported it
    return torch is not None and isinstance(value, torch.nn.Module)


def subject_of(model: str) -> str:
    """One word for a model: the factory's own name, or that of a file without its ending."""
    factory = is_function_name(model) and not Path(model).exists()
    return model.rpartition(":")[2].rpartition(".")[2] if factory else Path(model).stem


def torch_code(model: object, inputs: Inputs, state_dict: Path | None) -> TorchCode | None:
    """A module, or a factory's name, with what belongs to it; None where ``model`` is neither.

    Raises:
        OptionError: a module comes without example inputs, or with a file of weights.
    """
    if is_module(model):
        name = type(model).__name__
        if inputs is None:
            raise OptionError(f"model is a {name} without example_inputs; give what one call of it takes")
        if state_dict is not None:
            raise OptionError(
                "state_dict belongs beside a factory; load it into the module that you give: "
                "model.load_state_dict(...)"
            )
        return TorchCode(name, model, inputs)
    if isinstance(model, str) and is_function_name(model) and not Path(model).exists():
        return TorchCode(subject_of(model), model, inputs, state_dict)
    return None


def example_inputs(given: Any) -> Inputs:
    """What a user gives as example inputs: an array or tensor, several in order or by name, or texts such as
    ``1x3x224x224``, ``ids:1x16:int64``, of which arrays are made up.

    Raises:
        OptionError: it is none of these.
    """
    if given is None or (isinstance(given, list | tuple) and not given):
        return None
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Mapping):
        return {str(name): _tensor(f"'{name}'", value) for name, value in given.items()}
    if not isinstance(given, list | tuple):
        return (_tensor("it", given),)
    if not any(isinstance(one, str) for one in given):
        return tuple(_tensor(f"number {place}", value) for place, value in enumerate(given))
    made = [_made_up(str(one)) for one in given]
    names = [name for name, _ in made]
    if not any(names):
        return tuple(array for _, array in made)
    if not all(names):
        raise OptionError("example_inputs: give all of them a name, or none")
    if len(set(names)) < len(names):
        raise OptionError(f"example_inputs: {max(names, key=names.count)!r} is given twice; keep one")
    return {str(name): array for name, array in made}


def _made_up(text: str) -> tuple[str | None, NDArray[Any]]:
    match = _INPUT.fullmatch(text.strip())
    dtype = "float32" if match is None else match["dtype"] or "float32"
    if match is None or dtype not in _DTYPES:
        raise OptionError(
            f"example_inputs: {text!r} is not of the form 1x3x224x224 or name:1x16:int64 (types: "
            f"{', '.join(_DTYPES)})"
        )
    dims = tuple(int(size) for size in match["dims"].split("x"))
    values = np.random.default_rng(0).standard_normal(dims) if dtype.startswith("float") else np.zeros(dims)
    return match["name"], values.astype(dtype)


def _tensor(what: str, value: Any) -> Any:
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        raise OptionError(
            f"example_inputs: {what} is a {type(value).__name__}; give arrays or tensors, as forward takes them"
        )
    return value
