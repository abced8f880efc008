"""The recipes: from an ONNX file and calibration samples to the file that is deployed. Failures are
exceptions.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.data import Samples
from lehr.deploy.models import OnnxModel
from lehr.errors import OptionError

RECIPES = ("fp32", "fp16", "bf16", "int8_dynamic", "int8_static", "int4_static")
_BF16_OPSET = 22  # the first whose convolutions and poolings name bfloat16 among their types


def quantize(recipe: str, model: OnnxModel, calibration: Samples, target: Path) -> None:
    """Write the model, converted as ``recipe`` says, to ``target``. Inputs and outputs keep their types.

    ``fp32`` is the model as given and is written as it is, in one file. Temporary files live in ``target``'s
    folder.

    Raises:
        OptionError: there is no such recipe.
        Exception: what the quantiser raised, unchanged.
    """
    try:
        convert = _CONVERTERS[recipe]
    except KeyError:
        raise OptionError(
            f"there is no quantisation recipe '{recipe}'; there are {', '.join(RECIPES)}"
        ) from None
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="quantize-") as folder, _quietly(folder):
        convert(model, calibration, Path(folder), target)


@contextlib.contextmanager
def _quietly(folder: str) -> Iterator[None]:
    """Advice of the quantisers is no evidence: keep it off stderr; and keep their temporary files in our
    folder.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    before, place = logging.root.manager.disable, tempfile.tempdir
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
        tempfile.tempdir = place


def _fp32(model: OnnxModel, calibration: Samples, folder: Path, target: Path) -> None:
    import onnx

    onnx.save(onnx.load(str(model.path)), str(target))


def _fp16_proto(path: Path, opset: int | None = None) -> tuple[Any, Any]:
    import onnx
    from onnx import version_converter
    from onnxruntime.transformers.float16 import convert_float_to_float16

    proto = onnx.load(str(path))
    declared = max(
        (entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}), default=0
    )
    if opset is not None and declared < opset:
        proto = version_converter.convert_version(proto, opset)
    original = onnx.ModelProto()
    original.CopyFrom(proto)
    return original, convert_float_to_float16(proto, keep_io_types=True)


def _fp16(model: OnnxModel, calibration: Samples, folder: Path, target: Path) -> None:
    """Half-precision weights and operators; casts at the borders."""
    import onnx

    onnx.save(_fp16_proto(model.path)[1], str(target))


def _bf16(model: OnnxModel, calibration: Samples, folder: Path, target: Path) -> None:
    """bfloat16 weights and operators; casts at the borders.

    The half-precision converter decides what is converted and where casts go; then every half becomes a
    bfloat16, with weights rounded from their original values. No kernel is looked for: whether it runs is the
    runtime's answer.
    """
    import onnx

    original, proto = _fp16_proto(model.path, _BF16_OPSET)
    weights = {tensor.name: tensor for graph in _graphs(original.graph) for tensor in graph.initializer}
    for graph in _graphs(proto.graph):
        for tensor in graph.initializer:
            _to_bfloat16(tensor, weights.get(tensor.name))
        for value in graph.value_info:
            if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16:
                value.type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    _to_bfloat16(attribute.t, None)
                elif (
                    node.op_type == "Cast"
                    and attribute.name == "to"
                    and attribute.i == onnx.TensorProto.FLOAT16
                ):
                    attribute.i = onnx.TensorProto.BFLOAT16
    onnx.save(proto, str(target))


def _graphs(graph: Any) -> Iterator[Any]:
    """The graph and those inside its control flow."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _graphs(inner)


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


def _int8_dynamic(model: OnnxModel, calibration: Samples, folder: Path, target: Path) -> None:
    """Weights as 8-bit integers, activations quantised at run time by each call's own range."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(_prepared(model, folder), target, weight_type=QuantType.QInt8)


def _int8_static(model: OnnxModel, calibration: Samples, folder: Path, target: Path) -> None:
    """Weights and activations as 8-bit integers, ranges from the calibration samples."""
    from onnxruntime.quantization import QuantType

    _static(model, calibration, folder, target, QuantType.QInt8)


def _int4_static(model: OnnxModel, calibration: Samples, folder: Path, target: Path) -> None:
    """Weights as 4-bit, activations as 8-bit integers, ranges from the calibration samples."""
    from onnxruntime.quantization import QuantType

    _static(model, calibration, folder, target, QuantType.QInt4)


def _static(model: OnnxModel, calibration: Samples, folder: Path, target: Path, weights: Any) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    size = model.fixed_batch or 1

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.starts = iter(range(0, calibration.count, size))

        def get_next(self) -> dict[str, Any] | None:
            start = next(self.starts, None)
            return None if start is None else calibration.batch(start, size)

    quantize_static(
        _prepared(model, folder),
        target,
        Reader(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=weights,
    )


def _prepared(model: OnnxModel, folder: Path) -> Path:
    """Shapes inferred and operators fused, which the quantisers advise; the model as it is where that does
    not work.
    """
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = folder / "prepared.onnx"
    try:
        quant_pre_process(str(model.path), str(prepared), skip_symbolic_shape=True)
    except Exception:  # advice only: quantisation itself will say what is wrong
        return model.path
    return prepared


_CONVERTERS: dict[str, Callable[[OnnxModel, Samples, Path, Path], None]] = {
    "fp32": _fp32,
    "fp16": _fp16,
    "bf16": _bf16,
    "int8_dynamic": _int8_dynamic,
    "int8_static": _int8_static,
    "int4_static": _int4_static,
}
