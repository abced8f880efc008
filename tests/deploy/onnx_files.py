"""Small ONNX files of every shape of trouble, built for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, DOUBLE, HALF = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16
INT64, INT32, BOOL, STRING = TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL, TensorProto.STRING
UINT8 = TensorProto.UINT8

Value = tuple[str, int, Sequence[Any] | None]


def save(
    path: Path,
    nodes: list[Any],
    inputs: list[Value],
    outputs: list[Value],
    weights: dict[str, np.ndarray] | None = None,
    *,
    opset: int = 17,
    ir_version: int = 8,
) -> Path:
    """Write a model; inputs and outputs are (name, element type, dims or None for an unknown rank)."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*value) for value in outputs],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)
    onnx.save(model, str(path))
    return path


def weight(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    """Fixed pseudo-random weights."""
    return np.random.RandomState(0).standard_normal(shape).astype(dtype)


def recurrent_over_time(
    path: Path, dims: Sequence[Any] = ("time", "batch", 8), state: Sequence[Any] | None = None
) -> Path:
    """x [time, batch, 8], and a state [1, batch, 4] if one is declared -> y [time, 1, batch, 4], state_out."""
    inputs = [("x", FLOAT, dims)] + ([] if state is None else [("state", FLOAT, state)])
    names = ["x", "W", "R", "", ""] + ([] if state is None else ["state"])
    return save(
        path,
        [helper.make_node("RNN", names, ["y", "state_out"], hidden_size=4)],
        inputs,
        [("y", FLOAT, None), ("state_out", FLOAT, None)],
        {"W": weight(1, 4, 8), "R": weight(1, 4, 4)},
    )


def pointwise(path: Path, dims: Sequence[Any], element: int = FLOAT, name: str = "x") -> Path:
    """An input of any shape and type -> its positive values, in the same shape."""
    return save(
        path,
        [helper.make_node("Cast", [name], ["f"], to=FLOAT), helper.make_node("Relu", ["f"], ["y"])],
        [(name, element, dims)],
        [("y", FLOAT, None)],
    )


def lookup(path: Path, dims: Sequence[Any] = ("batch", 4), rows: int = 30, name: str = "ids") -> Path:
    """Ids of any shape below ``rows`` -> their vectors [..., 4]."""
    return save(
        path,
        [helper.make_node("Gather", ["table", name], ["vectors"])],
        [(name, INT64, dims)],
        [("vectors", FLOAT, None)],
        {"table": weight(rows, 4)},
    )


def linear(path: Path, dims: Sequence[Any] = ("batch", 8), classes: int = 3, **options: Any) -> Path:
    """x [batch, 8] -> scores [batch, classes]."""
    return save(
        path,
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        [("x", FLOAT, dims)],
        [("scores", FLOAT, [dims[0], classes])],
        {"w": weight(8, classes)},
        **options,
    )


def typed(path: Path, element: int) -> Path:
    """x [batch, 8] of any type -> scores [batch, 3]."""
    return save(
        path,
        [
            helper.make_node("Cast", ["x"], ["f"], to=FLOAT),
            helper.make_node("MatMul", ["f", "w"], ["scores"]),
        ],
        [("x", element, ["batch", 8])],
        [("scores", FLOAT, ["batch", 3])],
        {"w": weight(8, 3)},
    )


def embedding(path: Path, lowest: int = 0) -> Path:
    """ids [batch, 4] int64 -> scores [batch, 3]; ids run from ``lowest`` to ``lowest + 9`` only."""
    return save(
        path,
        [
            helper.make_node("Sub", ["ids", "lowest"], ["row"]),
            helper.make_node("Gather", ["table", "row"], ["vectors"], axis=0),
            helper.make_node("ReduceMean", ["vectors"], ["scores"], axes=[1], keepdims=0),
        ],
        [("ids", INT64, ["batch", 4])],
        [("scores", FLOAT, ["batch", 3])],
        {"table": weight(10, 3), "lowest": np.array(lowest, np.int64)},
    )


def recurrent(path: Path, batch: Any = "batch") -> Path:
    """x [batch, 4], state [2, batch, 3] and a scalar rate -> y [batch, 3], state_out [2, batch, 3]."""
    return save(
        path,
        [
            helper.make_node("MatMul", ["x", "w"], ["seen"]),
            helper.make_node("Cast", ["rate"], ["speed"], to=FLOAT),
            helper.make_node("Mul", ["seen", "speed"], ["change"]),
            helper.make_node("Add", ["state", "change"], ["state_out"]),
            helper.make_node("ReduceMean", ["state_out"], ["y"], axes=[0], keepdims=0),
        ],
        [("x", FLOAT, [batch, 4]), ("state", FLOAT, [2, batch, 3]), ("rate", INT64, [])],
        [("y", FLOAT, [batch, 3]), ("state_out", FLOAT, [2, batch, 3])],
        {"w": weight(4, 3)},
    )


def two_inputs(path: Path) -> Path:
    """left [batch, 8] float and right [batch, 8] int32 -> scores [batch, 3]."""
    return save(
        path,
        [
            helper.make_node("Cast", ["right"], ["r"], to=FLOAT),
            helper.make_node("Add", ["left", "r"], ["sum"]),
            helper.make_node("MatMul", ["sum", "w"], ["scores"]),
        ],
        [("left", FLOAT, ["batch", 8]), ("right", INT32, ["batch", 8])],
        [("scores", FLOAT, ["batch", 3])],
        {"w": weight(8, 3)},
    )


def reshaping(path: Path) -> Path:
    """Declares a free batch but was exported at batch 1: its Reshape has the 1 inside."""
    return save(
        path,
        [
            helper.make_node("Reshape", ["x", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["scores"]),
        ],
        [("x", FLOAT, ["batch", 2, 4])],
        [("scores", FLOAT, ["batch", 3])],
        {"shape": np.array([1, 8], np.int64), "w": weight(8, 3)},
    )


def branching(path: Path) -> Path:
    """x [batch, 8] -> scores [batch, 3]: through a branch, a loop and a scan, each with products of its own."""
    batch = ["batch", 8]

    def value(name: str, dims: Sequence[Any] | None, element: int = FLOAT) -> Any:
        return helper.make_tensor_value_info(name, element, dims)

    branches = {
        f"{side}_branch": helper.make_graph(
            [helper.make_node("MatMul", ["x", matrix], [f"{side}_out"])],
            side,
            [],
            [value(f"{side}_out", batch)],
        )
        for side, matrix in (("then", "square"), ("else", "other"))
    }
    loop = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "square"], ["product"]),
            helper.make_node("Tanh", ["product"], ["next"]),
            helper.make_node("Identity", ["going"], ["still"]),
        ],
        "loop",
        [value("turn", [], INT64), value("going", [], BOOL), value("state", batch)],
        [value("still", [], BOOL), value("next", batch)],
    )
    scan = helper.make_graph(
        [
            helper.make_node("Add", ["sum_in", "column"], ["sum_out"]),
            helper.make_node("Identity", ["sum_out"], ["column_out"]),
        ],
        "scan",
        [value("sum_in", ["batch"]), value("column", ["batch"])],
        [value("sum_out", ["batch"]), value("column_out", ["batch"])],
    )
    return save(
        path,
        [
            helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
            helper.make_node("Less", ["total", "zero"], ["negative"]),
            helper.make_node("If", ["negative"], ["chosen"], **branches),
            helper.make_node("Loop", ["turns", "yes", "chosen"], ["turned"], body=loop),
            helper.make_node("ReduceMean", ["turned"], ["start"], axes=[1], keepdims=0),
            helper.make_node("Scan", ["start", "turned"], ["end", "sums"], body=scan, num_scan_inputs=1,
                             scan_input_axes=[1], scan_output_axes=[1]),
            helper.make_node("MatMul", ["sums", "out"], ["scores"]),
        ],
        [("x", FLOAT, batch)],
        [("scores", FLOAT, ["batch", 3])],
        {
            "square": weight(8, 8) / 3, "other": weight(8, 8) / 5, "out": weight(8, 3), "zero": np.float32(0),
            "turns": np.array(3, np.int64), "yes": np.array(True),
        },
    )  # fmt: skip
