"""ONNX Runtime on the CPU: its knobs as an expert sets them, and by default what it does when one sets nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lehr.deploy.backend import (
    AUTO,
    Availability,
    Config,
    Feed,
    Model,
    RanOn,
    Share,
    batch_sizes,
    choice_of,
    contiguous,
    does_not_load,
    loader_text,
    thread_counts,
    thread_ids,
    working_threads,
)
from lehr.deploy.native_path import native_path
from lehr.deploy.quantize import AS_IS, CALIBRATIONS, RECIPES, quantize, recipe_key
from lehr.errors import RanElsewhereError

if TYPE_CHECKING:
    from lehr.conditions import Condition, Scalar
    from lehr.deploy.accuracy import Batches
    from lehr.variables import Variable

GRAPH_LEVELS = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}
EXECUTION_MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
PROVIDER = "CPUExecutionProvider"
_NO_SPINNING = {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}


class OnnxRuntime:
    """The backend ``onnxruntime``."""

    name = "onnxruntime"
    accepts = ("onnx",)
    preload = ("numpy", "onnxruntime")
    # It has thread pools of its own: what tells OpenMP to sleep or to spin does not reach them.
    environment: Mapping[str, str] = MappingProxyType({"ORT_DISABLE_TELEMETRY": "1"})

    def available(self) -> Availability:
        """Whether onnxruntime and onnx are there, load, and offer the CPU."""
        versions = {}
        for package in ("onnxruntime", "onnx"):
            try:
                module = __import__(package)
                versions[package] = str(module.__version__)
            except ModuleNotFoundError as error:
                return Availability(
                    False, f"{error.name} is not installed: pip install 'lehr[cpu]'", versions
                )
            except Exception as error:
                return Availability(False, does_not_load(package, error), versions)
        import onnxruntime

        if PROVIDER not in onnxruntime.get_available_providers():
            return Availability(False, f"this build of onnxruntime has no {PROVIDER}", versions)
        return Availability(True, f"onnxruntime {versions['onnxruntime']} on the CPU", versions)

    def share(self, models: Mapping[str, Model], cores: int, max_batch: int) -> Share:
        """Recipes, batch size and the session's knobs; conditions leave out what cannot make a difference.

        ``num_threads`` are the threads inside an operator, ``inter_op_threads`` those that run operators side by
        side, together no more than the cores. One thread alone has nobody to wait for, hence no ``spinning``; the
        runtime ignores ``memory_pattern`` in parallel execution.
        """
        from lehr.conditions import param
        from lehr.variables import Categorical, Ordinal

        static = param("quantization") == "int8_static"
        variables: list[Variable] = [
            Categorical("quantization", list(RECIPES)),
            Categorical("per_channel", [False, True], when=static),
            Categorical("calibration", list(CALIBRATIONS), when=static),
        ]
        default: dict[str, Scalar] = {"quantization": AS_IS}
        forbid: list[Condition] = []
        if sizes := batch_sizes(models, max_batch):
            variables += sizes
            default["batch_size"] = 1
        sequential: Condition | None = None
        if cores > 1:
            counts = thread_counts(cores)
            variables.append(Ordinal("num_threads", [*counts, AUTO]))
            narrow = param("num_threads").isin([count for count in counts if 2 * count <= cores])
            mode = param("execution_mode")
            variables.append(Categorical("execution_mode", list(EXECUTION_MODES), when=narrow))
            sequential = ~narrow | (mode == "sequential")
            beside = [count for count in counts if count > 1]
            if len(beside) > 1:
                variables.append(Ordinal("inter_op_threads", beside, when=mode == "parallel"))
                forbid += [
                    (param("num_threads") == count) & param("inter_op_threads").isin(too_many)
                    for count in counts
                    if 2 * count <= cores
                    and (too_many := [other for other in beside if other * count > cores])
                ]
            alone = param("num_threads") == 1
            variables.append(Categorical("spinning", [True, False], when=~alone | (mode == "parallel")))
            default |= {"num_threads": AUTO, "spinning": True}
        variables.append(Categorical("memory_pattern", [True, False], when=sequential))
        variables.append(Ordinal("graph_optimization", list(GRAPH_LEVELS)))
        default |= {"memory_pattern": True, "graph_optimization": "all"}
        return Share(tuple(variables), default, tuple(forbid))

    def unable(self, model: Model) -> dict[str, str]:
        """bfloat16, where an operator of the model has no kernel for it."""
        from lehr.deploy.backends._ort_kernels import without_bfloat16

        lacking = without_bfloat16(model.path)
        if not lacking:
            return {}
        return {"quantization=bf16": f"this runtime has no bfloat16 kernel for {_listed(lacking)}"}

    def prepare_key(self, config: Config) -> str:
        """The recipe, with its own options."""
        return recipe_key(config)

    def prepare(self, model: Model, config: Config, calibration: Batches, folder: Path) -> Path:
        """Convert as the recipe says; the path of the model itself where that changes nothing in it."""
        target = folder / "model.onnx"
        return target if quantize(config, model, calibration, target) else model.path

    def session_options(self, config: Config) -> dict[str, Any]:
        """Providers, the attributes of ``SessionOptions`` and its ``config_entries``; 0 threads let the runtime choose.

        Raises:
            ConfigurationError: a value is unknown.
        """
        parallel = choice_of(config, "execution_mode", "sequential", EXECUTION_MODES) == "parallel"
        threads = config.get("num_threads", AUTO)
        return {
            "providers": [PROVIDER],
            "intra_op_num_threads": 0 if threads == AUTO else int(threads),
            "inter_op_num_threads": int(config.get("inter_op_threads", 2)) if parallel else 0,
            "execution_mode": "ORT_PARALLEL" if parallel else "ORT_SEQUENTIAL",
            "graph_optimization_level": GRAPH_LEVELS[
                choice_of(config, "graph_optimization", "all", GRAPH_LEVELS)
            ],
            "enable_mem_pattern": not parallel and bool(config.get("memory_pattern", True)),
            "enable_mem_reuse": True,
            "enable_cpu_mem_arena": True,
            "config_entries": {} if config.get("spinning", True) else dict(_NO_SPINNING),
        }

    def open(self, artefact: Path, options: Mapping[str, Any]) -> OrtSession:
        """Load the file; its providers and its threads must be those asked for."""
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)  # what goes wrong is in the exceptions
        made = _session_options(options)
        made.log_severity_level = 4
        before = thread_ids()
        session = onnxruntime.InferenceSession(native_path(artefact), made, providers=options["providers"])
        threads = working_threads(before, thread_ids())
        providers = session.get_providers()
        if providers != options["providers"]:
            raise RanElsewhereError(
                f"asked for {', '.join(options['providers'])}, the session runs on {', '.join(providers)}"
            )
        wanted = _wanted_threads(options)
        if threads is not None and wanted is not None and threads != wanted:
            raise RanElsewhereError(f"asked for {wanted} threads in all, the session has {threads}")
        return OrtSession(session, RanOn("cpu", providers[0], threads=threads))

    def loader(self, artefact: str, options: Mapping[str, Any]) -> str:
        """A load.py of a few lines: onnxruntime, IO binding, the same options."""
        return loader_text(_LOADER, artefact, options, runtime="ONNX Runtime", package="onnxruntime")


BACKEND = OnnxRuntime()


class OrtSession:
    """A session whose inputs and outputs are bound ahead of the calls."""

    def __init__(self, session: Any, ran_on: RanOn) -> None:
        self.ran_on = ran_on
        self._session = session
        self._binding = session.io_binding()
        self.input_names = tuple(entry.name for entry in session.get_inputs())
        self._outputs = [output.name for output in session.get_outputs()]

    def bind(self, inputs: Feed) -> None:
        """Hold the arrays themselves, without a copy where they are in C order."""
        self._binding.clear_binding_inputs()
        self._binding.clear_binding_outputs()  # those of the last call have its shapes
        for name, array in contiguous(inputs).items():
            self._binding.bind_cpu_input(name, array)
        for name in self._outputs:
            self._binding.bind_output(name)

    def run(self, inputs: Feed | None = None) -> Any:
        """See :class:`lehr.deploy.backend.Session`."""
        if inputs is None:
            self._session.run_with_iobinding(self._binding)
            return None
        self.bind(inputs)
        self._session.run_with_iobinding(self._binding)
        return self._binding.copy_outputs_to_cpu()

    def synchronize(self) -> None:
        """A call on the CPU has ended when it returns."""

    def close(self) -> None:
        """Let the runtime free model, arena and threads."""
        del self._binding, self._session


def _listed(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _session_options(options: Mapping[str, Any]) -> Any:
    import onnxruntime

    made = onnxruntime.SessionOptions()
    for name, value in options.items():
        if name == "execution_mode":
            made.execution_mode = getattr(onnxruntime.ExecutionMode, value)
        elif name == "graph_optimization_level":
            made.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, value)
        elif name == "config_entries":
            for key, text in value.items():
                made.add_session_config_entry(key, text)
        elif name != "providers":
            setattr(made, name, value)
    return made


def _wanted_threads(options: Mapping[str, Any]) -> int | None:
    """All threads of a session with these options, the caller's included; None where the runtime chooses."""
    intra, inter = options["intra_op_num_threads"], options["inter_op_num_threads"]
    if options["execution_mode"] == "ORT_SEQUENTIAL":
        inter = 1
    return intra + inter - 1 if intra and inter else None


_LOADER = """\
from pathlib import Path

import numpy as np
import onnxruntime as ort

MODEL = {artefact}
OPTIONS = {options}


def session_options():
    made = ort.SessionOptions()
    made.execution_mode = getattr(ort.ExecutionMode, OPTIONS["execution_mode"])
    made.graph_optimization_level = getattr(ort.GraphOptimizationLevel, OPTIONS["graph_optimization_level"])
    for key, value in OPTIONS["config_entries"].items():
        made.add_session_config_entry(key, value)
    for name, value in OPTIONS.items():
        if name not in {{"providers", "execution_mode", "graph_optimization_level", "config_entries"}}:
            setattr(made, name, value)
    return made


def load(folder=Path(__file__).resolve().parent):
    session = ort.InferenceSession(str(Path(folder) / MODEL), session_options(), providers=OPTIONS["providers"])
    if session.get_providers() != OPTIONS["providers"]:
        raise RuntimeError(f"asked for {{OPTIONS['providers']}}, got {{session.get_providers()}}")

    def run(inputs):
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for output in session.get_outputs():
            binding.bind_output(output.name)
        session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()

    run.session = session
    return run


if __name__ == "__main__":
    session = load().session
    for kind, values in (("input", session.get_inputs()), ("output", session.get_outputs())):
        for value in values:
            print(kind, value.name, value.type, value.shape)
"""
