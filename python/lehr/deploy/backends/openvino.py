"""OpenVINO on the CPU: its precision always set, threads, hint and streams as an expert sets them."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

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
)
from lehr.deploy.quantize import AS_IS
from lehr.errors import MissingPackageError, RanElsewhereError

if TYPE_CHECKING:
    from lehr.conditions import Condition, Scalar
    from lehr.deploy.accuracy import Batches
    from lehr.variables import Variable

DEVICE = "CPU"
INT8 = "int8_nncf"
RECIPES = (AS_IS, INT8)
#: What the floating-point operators compute in. OpenVINO's own choice depends on the machine (bfloat16 where there is
#: AMX, for an int8 model too), so it is always set.
PRECISIONS = ("f32", "bf16", "f16")
HINTS = {"latency": "LATENCY", "throughput": "THROUGHPUT"}
#: A CPU's own word for what it computes in, by ours.
_CAPABILITIES = {"bf16": "BF16", "f16": "FP16"}
_CALIBRATION_ITEMS = 300
_CACHE = "compiled"


class OpenVino:
    """The backend ``openvino``."""

    name = "openvino"
    accepts = ("onnx",)
    preload = ("numpy", "lehr.deploy.backends._openvino")
    environment: Mapping[str, str] = MappingProxyType({})

    def available(self) -> Availability:
        """Whether openvino is there, loads, and offers the CPU."""
        try:
            from lehr.deploy.backends._openvino import openvino
        except ModuleNotFoundError as error:
            return Availability(False, f"{error.name} is not installed: pip install 'lehr[openvino]'")
        except Exception as error:
            return Availability(False, does_not_load("openvino", error))
        version = openvino.__version__.split("-")[0]
        versions = {"openvino": version}
        devices = openvino.Core().available_devices
        if DEVICE not in devices:
            return Availability(
                False, f"this OpenVINO offers no {DEVICE} (only {', '.join(devices)})", versions
            )
        return Availability(True, f"openvino {version} on the CPU", versions)

    def share(self, models: Mapping[str, Model], cores: int, max_batch: int) -> Share:
        """Recipe, precision, batch size, threads, and streams under the hint ``throughput``.

        ``num_threads`` are all threads of all streams. ``compiled_cache`` keeps the compiled model beside the file: the
        first start makes it, later ones load it.
        """
        from lehr.conditions import param
        from lehr.variables import Categorical, Ordinal

        variables: list[Variable] = [
            Categorical("quantization", list(RECIPES)),
            Categorical("inference_precision", list(PRECISIONS)),
        ]
        default: dict[str, Scalar] = {"quantization": AS_IS, "inference_precision": "f32"}
        forbid: list[Condition] = []
        if sizes := batch_sizes(models, max_batch):
            variables += sizes
            default["batch_size"] = 1
        if cores > 1:
            counts = thread_counts(cores)
            variables += [
                Ordinal("num_threads", [*counts, AUTO]),
                Categorical("performance_hint", list(HINTS)),
                Ordinal("num_streams", [*counts, AUTO], when=param("performance_hint") == "throughput"),
            ]
            forbid += [
                (param("num_threads") == count) & param("num_streams").isin(more)
                for count in counts
                if (more := [other for other in counts if other > count])
            ]
            default |= {"num_threads": AUTO, "performance_hint": "latency"}
        variables.append(Categorical("compiled_cache", [False, True]))
        default["compiled_cache"] = False
        return Share(tuple(variables), default, tuple(forbid))

    def unable(self, model: Model) -> dict[str, str]:
        """Precisions that this CPU does not compute in, for which OpenVINO would take the word and do something else;
        and the recipe of NNCF where that is not installed.
        """
        from lehr.deploy.backends._openvino import openvino

        offered = openvino.Core().get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
        found = {
            f"inference_precision={name}": f"OpenVINO does not compute in {name} on this CPU"
            for name, word in _CAPABILITIES.items()
            if word not in offered
        }
        if importlib.util.find_spec("nncf") is None:
            found[f"quantization={INT8}"] = "nncf is not installed: pip install 'lehr[openvino]'"
        return found

    def prepare_key(self, config: Config) -> str:
        """The recipe."""
        return choice_of(config, "quantization", AS_IS, RECIPES)

    def prepare(self, model: Model, config: Config, calibration: Batches, folder: Path) -> Path:
        """OpenVINO's own form of the model, weights in 32 bits as given, or quantised to 8 bits by NNCF.

        Raises:
            MissingPackageError: the recipe needs nncf, which is not installed.
            Exception: what OpenVINO or NNCF raised.
        """
        from lehr.deploy.backends._openvino import openvino

        made = openvino.convert_model(str(model.path))
        if self.prepare_key(config) == INT8:
            made = _quantized(made, calibration)
        target = folder / "model.xml"
        openvino.save_model(made, str(target), compress_to_fp16=False)
        return target

    def session_options(self, config: Config) -> dict[str, Any]:
        """The properties that the model is compiled with; ``CACHE_DIR`` is relative to the model.

        Raises:
            ConfigurationError: a value is unknown.
        """
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": choice_of(config, "inference_precision", "f32", PRECISIONS),
            "PERFORMANCE_HINT": HINTS[choice_of(config, "performance_hint", "latency", HINTS)],
        }
        for variable, key in (("num_threads", "INFERENCE_NUM_THREADS"), ("num_streams", "NUM_STREAMS")):
            value = config.get(variable, AUTO)
            if value != AUTO:
                options[key] = int(value)
        if config.get("compiled_cache", False):
            options["CACHE_DIR"] = _CACHE
        return options

    def open(self, artefact: Path, options: Mapping[str, Any]) -> OpenVinoSession:
        """Compile the file; device, precision, threads and streams must be those asked for."""
        from lehr.deploy.backends._openvino import openvino

        given = dict(options)
        if "CACHE_DIR" in given:
            given["CACHE_DIR"] = str(artefact.absolute().parent / given["CACHE_DIR"])
        compiled = openvino.Core().compile_model(str(artefact), DEVICE, given)
        devices = list(compiled.get_property("EXECUTION_DEVICES"))
        if devices != [DEVICE]:
            raise RanElsewhereError(f"asked for {DEVICE}, the model runs on {', '.join(devices)}")
        found = {
            "INFERENCE_PRECISION_HINT": compiled.get_property("INFERENCE_PRECISION_HINT").to_string(),
            "INFERENCE_NUM_THREADS": int(compiled.get_property("INFERENCE_NUM_THREADS")),
            "NUM_STREAMS": int(compiled.get_property("NUM_STREAMS")),
        }
        for key, value in found.items():
            if options.get(key, value) != value:
                what = key.lower().replace("_", " ")
                raise RanElsewhereError(
                    f"asked for {what} {options[key]}, the model was compiled with {value}"
                )
        ran_on = RanOn(
            "cpu", DEVICE, found["INFERENCE_PRECISION_HINT"], max(1, found["INFERENCE_NUM_THREADS"])
        )
        return OpenVinoSession(compiled, ran_on)

    def loader(self, artefact: str, options: Mapping[str, Any]) -> str:
        """A load.py of a few lines: openvino, the same properties."""
        return loader_text(_LOADER, artefact, options, runtime="OpenVINO", package="openvino")


BACKEND = OpenVino()


class OpenVinoSession:
    """One request of a compiled model, whose inputs are set ahead of the calls."""

    def __init__(self, compiled: Any, ran_on: RanOn) -> None:
        self.ran_on = ran_on
        self._compiled, self._request = compiled, compiled.create_infer_request()
        self.input_names = tuple(entry.get_any_name() for entry in compiled.inputs)
        self._held: dict[str, Any] = {}

    def bind(self, inputs: Feed) -> None:
        """Hold the arrays themselves, without a copy where they are in C order."""
        from lehr.deploy.backends._openvino import openvino

        self._held = contiguous(inputs)
        for name, array in self._held.items():
            self._request.set_tensor(name, openvino.Tensor(array, shared_memory=True))

    def run(self, inputs: Feed | None = None) -> Any:
        """See :class:`lehr.deploy.backend.Session`."""
        if inputs is None:
            self._request.infer(share_outputs=True)
            return None
        self.bind(inputs)
        self._request.infer(share_outputs=True)
        return [
            np.array(self._request.get_output_tensor(place).data)
            for place in range(len(self._compiled.outputs))
        ]

    def synchronize(self) -> None:
        """A call has ended when it returns."""

    def close(self) -> None:
        """Let OpenVINO free the model and its threads."""
        del self._request, self._compiled
        self._held = {}


def _quantized(model: Any, calibration: Batches) -> Any:
    """Post-training quantisation by NNCF on what recipes calibrate with."""
    import lehr.deploy.backends._openvino  # noqa: F401  (NNCF has telemetry too)

    try:
        import nncf
    except ModuleNotFoundError as error:
        raise MissingPackageError(f"{error.name} is not installed: pip install 'lehr[openvino]'") from error
    count = min(calibration.count, _CALIBRATION_ITEMS)
    items = [calibration.batch(place, 1) for place in range(count)]
    return nncf.quantize(model, nncf.Dataset(items), subset_size=count)


_LOADER = """\
from pathlib import Path

import numpy as np
import openvino as ov

MODEL = {artefact}
PROPERTIES = {options}


def load(folder=Path(__file__).resolve().parent):
    properties = dict(PROPERTIES)
    if "CACHE_DIR" in properties:
        properties["CACHE_DIR"] = str(Path(folder) / properties["CACHE_DIR"])
    compiled = ov.Core().compile_model(str(Path(folder) / MODEL), "CPU", properties)
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
    if precision != PROPERTIES["INFERENCE_PRECISION_HINT"]:
        raise RuntimeError(f"asked for {{PROPERTIES['INFERENCE_PRECISION_HINT']}}, got {{precision}}")
    request = compiled.create_infer_request()

    def run(inputs):
        for name, array in inputs.items():
            request.set_tensor(name, ov.Tensor(np.ascontiguousarray(array), shared_memory=True))
        request.infer(share_outputs=True)
        return [np.array(request.get_output_tensor(place).data) for place in range(len(compiled.outputs))]

    run.session = compiled
    return run


if __name__ == "__main__":
    compiled = load().session
    for kind, values in (("input", compiled.inputs), ("output", compiled.outputs)):
        for value in values:
            print(kind, value.get_any_name(), value.element_type.to_string(), value.partial_shape)
"""
