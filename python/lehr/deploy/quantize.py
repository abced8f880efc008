"""The recipes: from an ONNX file and calibration samples to the file that is deployed. Failures are
exceptions.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.native_path import native_path
from lehr.errors import OptionError

if TYPE_CHECKING:
    from lehr.deploy.accuracy import Batches
    from lehr.deploy.backend import Model

AS_IS = "as_is"
RECIPES = (AS_IS, "fp16", "bf16", "int8_dynamic", "int8_static", "int4_static", "int4_weights")
#: How ranges are read off the calibration samples: all that was seen, or all but the rarest values (99.999 %).
CALIBRATIONS = ("minmax", "percentile")
_BF16_OPSET = 22  # the first whose convolutions and poolings name bfloat16 among their types
#: Attributes that name a type, by operator: those that the half-precision converter changes.
_TYPES = {"Cast": ("to",)} | dict.fromkeys(
    ("EyeLike", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
     "SequenceEmpty", "Bernoulli"), ("dtype",)
)  # fmt: skip
_BLOCK = 32  # weights that share one scale in weight-only quantisation


def recipe_key(config: Mapping[str, Any]) -> str:
    """What a configuration says of the file, as a short text that is safe in file names."""
    words = [str(config.get("quantization", AS_IS))]
    words += ["per_channel"] if config.get("per_channel") else []
    words += (
        [str(config["calibration"])] if config.get("calibration", CALIBRATIONS[0]) != CALIBRATIONS[0] else []
    )
    return "-".join(words)


def quantize(config: Mapping[str, Any], model: Model, calibration: Batches, target: Path) -> bool:
    """Write the model, converted as ``quantization`` (and ``per_channel``, ``calibration``) say, to ``target``.

    Inputs and outputs keep their types. Temporary files live in ``target``'s folder. False, and no file, where the
    recipe changes nothing in this model: ``as_is`` always, half precision where nothing computes in floats, 8 bits
    where no operator can be quantised.

    Raises:
        OptionError: there is no such recipe.
        Exception: what the quantiser raised, unchanged.
    """
    recipe = str(config.get("quantization", AS_IS))
    if recipe == AS_IS:
        return False
    try:
        convert = _CONVERTERS[recipe]
    except KeyError:
        renamed = "; 'fp32' is called 'as_is' now" if recipe == "fp32" else ""
        raise OptionError(
            f"there is no quantisation recipe '{recipe}'; there are {', '.join(RECIPES)}{renamed}"
        ) from None
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="quantize-") as folder, _quietly(folder):
        made = Path(folder) / "made.onnx"
        changed = convert(_Task(model, config, calibration, Path(folder)), made)
        if changed:
            made.replace(target)
    return changed


@dataclass(frozen=True, slots=True)
class _Task:
    """What a converter works on; ``folder`` takes its temporary files."""

    model: Model
    config: Mapping[str, Any]
    calibration: Batches
    folder: Path


@contextlib.contextmanager
def _quietly(folder: str) -> Iterator[None]:
    """Advice of the quantisers is no evidence: keep it off stderr; and keep their temporary files in our
    folder.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    before, place, handlers = logging.root.manager.disable, tempfile.tempdir, list(logging.root.handlers)
    tempfile.tempdir = folder
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            open("/dev/null", "w", encoding="utf-8") as null,
            contextlib.redirect_stdout(null),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        logging.root.handlers[:] = handlers  # a quantiser sets up logging for everybody when it is imported
        tempfile.tempdir = place


def _fp16_proto(path: Path, opset: int | None = None) -> tuple[Any, Any]:
    import onnx
    from onnx import version_converter
    from onnxruntime.transformers.float16 import convert_float_to_float16

    proto = onnx.load(native_path(path))
    declared = max(
        (entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}), default=0
    )
    if opset is not None and declared < opset:
        proto = version_converter.convert_version(proto, opset)
    original = onnx.ModelProto()
    original.CopyFrom(proto)
    return original, convert_float_to_float16(proto, keep_io_types=True)


def _fp16(task: _Task, target: Path) -> bool:
    """Half-precision weights and operators; casts at the borders."""
    import onnx

    original, proto = _fp16_proto(task.model.path)
    onnx.save(proto, str(target))
    return _half_work(proto) != _half_work(original)


def _bf16(task: _Task, target: Path) -> bool:
    """bfloat16 weights and operators; casts at the borders.

    The half-precision converter decides what is converted and where casts go; then every half becomes a
    bfloat16, with weights rounded from their original values. No kernel is looked for: whether it runs is the
    runtime's answer.
    """
    import onnx

    original, proto = _fp16_proto(task.model.path, _BF16_OPSET)
    changed = _half_work(proto) != _half_work(original)
    weights = {tensor.name: tensor for graph in _graphs(original.graph) for tensor in graph.initializer}
    half = onnx.TensorProto.FLOAT16
    for number, graph in enumerate(_graphs(proto.graph)):
        for tensor in graph.initializer:
            _to_bfloat16(tensor, weights.get(tensor.name))
        # What goes in and out of the model keeps its type; what goes in and out of a branch or a loop's body does not.
        inner = () if number == 0 else (*graph.input, *graph.output)
        for value in (*graph.value_info, *inner):
            _type_to_bfloat16(value.type)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    _to_bfloat16(attribute.t, None)
                elif attribute.name in _TYPES.get(node.op_type, ()) and attribute.i == half:
                    attribute.i = onnx.TensorProto.BFLOAT16
    onnx.save(proto, str(target))
    return changed


def _half_work(proto: Any) -> int:
    """How many weights are in half precision, and operators that take what was cast to it. A cast to half and
    back, as around a tree ensemble, is no work.
    """
    import onnx

    half, work = onnx.TensorProto.FLOAT16, 0
    for graph in _graphs(proto.graph):
        work += sum(tensor.data_type == half for tensor in graph.initializer)
        cast = {
            node.output[0]
            for node in graph.node
            if node.op_type == "Cast" and any(a.name == "to" and a.i == half for a in node.attribute)
        }
        work += sum(node.op_type != "Cast" and not cast.isdisjoint(node.input) for node in graph.node)
    return work


def _graphs(graph: Any) -> Iterator[Any]:
    """The graph and those inside its control flow."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _graphs(inner)


def _type_to_bfloat16(kind: Any) -> None:
    """The type of a value: of a tensor, or of the tensors in a sequence or an optional."""
    import onnx

    if kind.HasField("tensor_type"):
        if kind.tensor_type.elem_type == onnx.TensorProto.FLOAT16:
            kind.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    elif kind.HasField("sequence_type"):
        _type_to_bfloat16(kind.sequence_type.elem_type)
    elif kind.HasField("optional_type"):
        _type_to_bfloat16(kind.optional_type.elem_type)


def _to_bfloat16(tensor: Any, original: Any | None) -> None:
    import onnx
    from onnx import numpy_helper

    if tensor.data_type != onnx.TensorProto.FLOAT16:
        return
    source = original if original is not None and original.data_type == onnx.TensorProto.FLOAT else tensor
    values = np.ascontiguousarray(numpy_helper.to_array(source), dtype=np.float32)
    rounded = bfloat16_bits(values).tobytes()
    tensor.CopyFrom(
        onnx.helper.make_tensor(tensor.name, onnx.TensorProto.BFLOAT16, values.shape, rounded, raw=True)
    )


def bfloat16_bits(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper half of each float32, rounded to nearest, ties to even; NaN stays NaN."""
    bits = values.view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def _int8_dynamic(task: _Task, target: Path) -> bool:
    """Weights as 8-bit integers, activations quantised at run time by each call's own range."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source = _prepared(task)
    quantize_dynamic(source, target, weight_type=QuantType.QInt8)
    return _operators(target) != _operators(source)


def _int8_static(task: _Task, target: Path) -> bool:
    """Weights and activations as 8-bit integers, ranges from the calibration samples."""
    from onnxruntime.quantization import QuantType

    return _static(task, target, QuantType.QInt8)


def _int4_static(task: _Task, target: Path) -> bool:
    """Weights as 4-bit, activations as 8-bit integers, ranges from the calibration samples."""
    from onnxruntime.quantization import QuantType

    return _static(task, target, QuantType.QInt4)


def _static(task: _Task, target: Path, weights: Any) -> bool:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    size, calibration = task.model.fixed_batch or 1, task.calibration

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.starts = iter(range(0, calibration.count, size))

        def get_next(self) -> dict[str, Any] | None:
            start = next(self.starts, None)
            return None if start is None else calibration.batch(start, size)

    source = _prepared(task)
    percentile = task.config.get("calibration") == "percentile"
    quantize_static(
        source,
        target,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=weights,
        per_channel=bool(task.config.get("per_channel", False)),
        calibrate_method=CalibrationMethod.Percentile if percentile else CalibrationMethod.MinMax,
    )
    return _operators(target) != _operators(source)


def _int4_weights(task: _Task, target: Path) -> bool:
    """Weights of matrix products as 4-bit integers with a scale for each block of 32; activations stay as they are."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.onnx_model import ONNXModel

    model = ONNXModel(onnx.load(native_path(task.model.path)))
    before = _operators(model.model)["MatMulNBits"]
    model.replace_gemm_with_matmul()
    quantizer = MatMulNBitsQuantizer(model.model, bits=4, block_size=_BLOCK, is_symmetric=True)
    quantizer.process()
    quantizer.model.save_model_to_file(str(target))
    return _operators(quantizer.model.model)["MatMulNBits"] > before


def _operators(model: Any) -> Counter[str]:
    """How often each operator occurs in a file or proto."""
    import onnx

    proto = onnx.load(str(model), load_external_data=False) if isinstance(model, Path) else model
    return Counter(node.op_type for graph in _graphs(proto.graph) for node in graph.node)


def _prepared(task: _Task) -> Path:
    """Shapes inferred and operators fused, which the quantisers advise; the model as it is where that does
    not work.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = task.folder / "prepared.onnx"
    try:
        quant_pre_process(native_path(task.model.path), native_path(prepared), skip_symbolic_shape=True)
    except Exception:  # advice only: quantisation itself will say what is wrong
        return Path(native_path(task.model.path))
    return prepared


_CONVERTERS: dict[str, Callable[[_Task, Path], bool]] = {
    "fp16": _fp16,
    "bf16": _bf16,
    "int8_dynamic": _int8_dynamic,
    "int8_static": _int8_static,
    "int4_static": _int4_static,
    "int4_weights": _int4_weights,
}
