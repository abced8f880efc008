"""PyTorch compiled ahead of time by AOTInductor: a package of machine code, made in the stage, without Python in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
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
from lehr.deploy.native_path import native_path
from lehr.errors import RanElsewhereError

if TYPE_CHECKING:
    from lehr.deploy.accuracy import Batches

#: Without it, a package takes any shape and answers with what happens to lie in memory.
_CHECK = "AOTI_RUNTIME_CHECK_INPUTS"


class AotInductor:
    """The backend ``torch_aoti``."""

    name = "torch_aoti"
    accepts = ("pt2",)
    preload = ("numpy", "torch")
    environment: Mapping[str, str] = MappingProxyType({})

    def available(self) -> Availability:
        """Whether torch and a C++ compiler are there. What ships needs the compiler no more."""
        found = torch_there("AOTInductor")
        compiler = os.environ.get("CXX", "g++")
        if found.available and shutil.which(compiler) is None:
            return replace(
                found, available=False, reason=f"AOTInductor needs a C++ compiler, and there is no {compiler}"
            )
        return found

    def share(self, models: Mapping[str, Model], cores: int, max_batch: int) -> Share:
        """Precision, batch size and threads."""
        return torch_share(models, cores, max_batch)

    def prepare_key(self, config: Config) -> str:
        """The precision."""
        return precision_of(config)

    def prepare(self, model: Model, config: Config, calibration: Batches, folder: Path) -> Path:
        """Compile a package: half a minute of a core and more, once for each precision.

        Raises:
            Exception: what torch or the compiler raised.
        """
        from torch._inductor import aoti_compile_and_package

        from lehr.deploy.torch_program import input_names, load

        target = folder / "model.pt2"
        between = save_program(exported_as(model, config), folder / "program.pt2")
        exported = load(between)  # a file knows that a batch begins at 1; what was just exported says 2
        between.unlink()
        settings = {
            "cpp.dynamic_threads": True,  # chosen when it runs, not when it is compiled
            "compile_threads": 1,  # no pool of compilers that outlives us
            # The compiler takes some batches for 2 and more, and its code is right for 1 too.
            "aot_inductor.check_lowerbound": False,
            "aot_inductor.metadata": {_NAMES: json.dumps(list(input_names(exported)))},
        }
        aoti_compile_and_package(exported, package_path=str(target), inductor_configs=settings)
        return target

    def session_options(self, config: Config) -> dict[str, Any]:
        """Device and threads (0: one for each core). Raises ConfigurationError for an unknown precision."""
        return {**options_of(config), "precision": precision_of(config)}

    def open(self, artefact: Path, options: Mapping[str, Any]) -> TorchSession:
        """Load the package, which must be made for the device asked for; its inputs are checked at every call."""
        import torch

        os.environ[_CHECK] = "1"
        threads = use_threads(options)
        loader = torch._C._aoti.AOTIModelPackageLoader(native_path(artefact), "model", False, 1, -1)
        told = loader.get_metadata()
        if told["AOTI_DEVICE_KEY"] != options["device"]:
            raise RanElsewhereError(
                f"asked for {options['device']}, the package is for {told['AOTI_DEVICE_KEY']}"
            )
        ran_on = RanOn(options["device"], "AOTInductor", options["precision"], threads)
        return TorchSession(loader.run, json.loads(told[_NAMES]), ran_on)

    def loader(self, artefact: str, options: Mapping[str, Any]) -> str:
        """A load.py of a few lines: torch, the same options."""
        return loader_text(_LOADER, artefact, options, runtime="PyTorch", package="torch")


BACKEND = AotInductor()

_NAMES = "lehr_inputs"

_LOADER = """\
import json
import os
from pathlib import Path

import numpy as np
import torch

MODEL = {artefact}
OPTIONS = {options}


def load(folder=Path(__file__).resolve().parent):
    os.environ["AOTI_RUNTIME_CHECK_INPUTS"] = "1"  # else a wrong shape gives a wrong answer
    torch.set_num_threads(OPTIONS["threads"] or len(os.sched_getaffinity(0)))  # of the whole process
    loader = torch._C._aoti.AOTIModelPackageLoader(str(Path(folder) / MODEL), "model", False, 1, -1)
    names = json.loads(loader.get_metadata()["lehr_inputs"])

    def run(inputs):
        tensors = [torch.from_numpy(np.require(inputs[name], requirements=("C", "W"))) for name in names]
        with torch.inference_mode():
            answers = loader.run(tensors)
        answers = [one.float() if one.dtype == torch.bfloat16 else one for one in answers]
        return [one.numpy().copy() for one in answers]

    run.session = names
    return run


if __name__ == "__main__":
    for name in load().session:
        print("input", name)
"""
