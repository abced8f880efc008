"""PyTorch as it is: the exported program, operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lehr.deploy.backend import Availability, Config, Model, RanOn, Share, loader_text
from lehr.deploy.backends._torch import (
    TorchSession,
    exported_as,
    options_of,
    precision_of,
    save_program,
    torch_share,
    torch_there,
    use_threads,
)
from lehr.errors import RanElsewhereError

if TYPE_CHECKING:
    from lehr.deploy.accuracy import Batches


class TorchEager:
    """The backend ``torch``."""

    name = "torch"
    accepts = ("pt2",)
    preload = ("numpy", "torch", "torch.export.pt2_archive")
    environment: Mapping[str, str] = MappingProxyType({})

    def available(self) -> Availability:
        """Whether torch is there and loads."""
        return torch_there("eager execution")

    def share(self, models: Mapping[str, Model], cores: int, max_batch: int) -> Share:
        """Precision, batch size, threads, and the layout of images."""
        from lehr.variables import Categorical

        return torch_share(models, cores, max_batch, [Categorical("channels_last", [False, True])])

    def prepare_key(self, config: Config) -> str:
        """The precision."""
        return precision_of(config)

    def prepare(self, model: Model, config: Config, calibration: Batches, folder: Path) -> Path:
        """The program as given, or converted.

        Raises:
            Exception: what torch raised.
        """
        if precision_of(config) == "f32":
            return model.path
        return save_program(exported_as(model, config), folder / "model.pt2")

    def session_options(self, config: Config) -> dict[str, Any]:
        """Device, threads (0: one for each core) and layout. Raises ConfigurationError for an unknown precision."""
        return {**options_of(config), "channels_last": bool(config.get("channels_last", False))}

    def open(self, artefact: Path, options: Mapping[str, Any]) -> TorchSession:
        """Load the file; its weights must be on the device asked for."""
        import torch

        from lehr.deploy.torch_program import Program, input_names, load

        threads = use_threads(options)
        program = Program(load(artefact))
        last = torch.channels_last if options["channels_last"] else None
        if last is not None:
            program.module.to(memory_format=last)
        weights = list(program.exported.state_dict.values())
        devices = {one.device.type for one in weights} or {options["device"]}
        if devices != {options["device"]}:
            raise RanElsewhereError(
                f"asked for {options['device']}, the weights are on {', '.join(sorted(devices))}"
            )
        floats = {one.dtype for one in weights if one.is_floating_point()} or {torch.float32}
        computed = _SHORT.get(str(next(iter(floats)))) if len(floats) == 1 else None

        def arranged(tensor: Any) -> Any:
            return tensor.contiguous(memory_format=last) if last is not None and tensor.ndim == 4 else tensor

        ran_on = RanOn(options["device"], "eager", computed, threads)
        return TorchSession(program, input_names(program.exported), ran_on, arranged)

    def loader(self, artefact: str, options: Mapping[str, Any]) -> str:
        """A load.py of a few lines: torch, the same options."""
        return loader_text(_LOADER, artefact, options, runtime="PyTorch", package="torch")


BACKEND = TorchEager()

_SHORT = {"torch.float32": "f32", "torch.bfloat16": "bf16", "torch.float16": "f16"}

_LOADER = """\
import os
from pathlib import Path

import numpy as np
import torch
from torch.utils import _pytree as pytree

MODEL = {artefact}
OPTIONS = {options}


def load(folder=Path(__file__).resolve().parent):
    torch.set_num_threads(OPTIONS["threads"] or len(os.sched_getaffinity(0)))  # of the whole process
    with open(Path(folder) / MODEL, "rb") as stream:
        exported = torch.export.load(stream)
    module, names = exported.module(), exported.graph_signature.user_inputs
    if OPTIONS["channels_last"]:
        module.to(memory_format=torch.channels_last)

    def tensor(array):
        made = torch.from_numpy(np.require(array, requirements=("C", "W")))
        if OPTIONS["channels_last"] and made.ndim == 4:
            made = made.contiguous(memory_format=torch.channels_last)
        return made

    def run(inputs):
        tensors = [tensor(inputs[name]) for name in names]
        arguments, named = pytree.tree_unflatten(tensors, exported.call_spec.in_spec)
        with torch.inference_mode():
            answers = pytree.tree_leaves(module(*arguments, **named))
        answers = [one for one in answers if isinstance(one, torch.Tensor)]
        answers = [one.float() if one.dtype == torch.bfloat16 else one for one in answers]
        return [one.numpy().copy() for one in answers]

    run.session = exported
    return run


if __name__ == "__main__":
    exported = load().session
    values = {{node.name: node.meta["val"] for node in exported.graph.nodes if node.op == "placeholder"}}
    for name in exported.graph_signature.user_inputs:
        print("input", name, values[name].dtype, tuple(values[name].shape))
"""
