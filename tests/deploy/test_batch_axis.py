"""An axis is a batch when the outputs follow it item by item; time steps, tokens and pixels are no items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from onnx import helper

from lehr import ModelError
from lehr.deploy import RunnableModel, samples_for
from lehr.deploy.shapes import parse_batch_axes
from lehr.errors import OptionError


def said(model: RunnableModel) -> str:
    return "; ".join(model.notes)


def over_rows(path: Path, operator: str, dims: Any) -> Path:
    """x [rows, 8] -> a running sum over the rows, or their mean."""
    if operator == "CumSum":
        node, weights = helper.make_node("CumSum", ["x", "axis"], ["y"]), {"axis": np.array(0, np.int64)}
    else:
        node, weights = helper.make_node("ReduceMean", ["x"], ["y"], axes=[0], keepdims=0), {}
    return files.save(path, [node], [("x", files.FLOAT, dims)], [("y", files.FLOAT, None)], weights)


def attention(path: Path, dims: Any) -> Path:
    """Every row of x [rows, 8] looks at all of them, in no order: the same rows anywhere give the same answers."""
    return files.save(
        path,
        [
            helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
            helper.make_node("MatMul", ["x", "t"], ["scores"]),
            helper.make_node("Mul", ["scores", "cool"], ["soft"]),
            helper.make_node("Softmax", ["soft"], ["p"], axis=-1),
            helper.make_node("MatMul", ["p", "x"], ["y"]),
        ],
        [("x", files.FLOAT, dims)],
        [("y", files.FLOAT, None)],
        {"cool": np.array(0.01, np.float32)},
    )


@pytest.mark.parametrize("dims", [("time", "batch", 8), (None, None, 8), ("s0", "s1", 8)])
@pytest.mark.parametrize("state", [None, "named", "open"])
def test_a_recurrent_model_s_second_axis_is_its_batch(tmp_path: Path, dims: Any, state: str | None) -> None:
    of_state = {None: None, "named": (1, dims[1], 4), "open": (1, None, 4)}[state]
    model = RunnableModel.open(
        files.recurrent_over_time(tmp_path / "m.onnx", dims, of_state), {"x": (50, 1, 8)}
    )
    assert model.fixed_batch is None
    assert all(spec.batch_axis == 1 for spec in model.inputs)
    assert model.shapes["x"] == (50, "N", 8)
    assert model.inputs[0].shape_at(3) == (50, 3, 8)
    assert [output.batch_axis for output in model.outputs] == [2, 1]


@pytest.mark.parametrize("dims", [("time", 1, 8), (None, 1, 8), (50, 1, 8)])
def test_a_recurrent_model_of_one_sequence_runs_one_item_a_call(tmp_path: Path, dims: Any) -> None:
    model = RunnableModel.open(files.recurrent_over_time(tmp_path / "m.onnx", dims), {"x": (50, 1, 8)})
    assert model.fixed_batch == 1
    assert model.shapes == {"x": (50, 1, 8)}
    # Sequences come stacked, or along the axis of size 1.
    stacked, along = files.weight(20, 50, 1, 8), files.weight(50, 20, 8)
    for given, first in ((stacked, stacked[0]), (along, along[:, :1])):
        samples = samples_for(RunnableModel.open(model.path, arrays={"x": given}), {"x": given})
        assert samples.count == 20
        assert np.array_equal(samples.batch(0, 1)["x"], first)


def test_sequences_in_a_batch_of_fixed_size_are_one_item(tmp_path: Path) -> None:
    model = RunnableModel.open(files.recurrent_over_time(tmp_path / "m.onnx", (50, 4, 8)))
    assert model.fixed_batch == 1
    assert "axis 0 of 'x' is no batch" in said(model)
    told = RunnableModel.open(model.path, batch_axis={"x": 1})
    assert told.fixed_batch == 4
    assert [output.batch_axis for output in told.outputs] == [2, 1]


@pytest.mark.parametrize("rows", [None, 6])
@pytest.mark.parametrize("build", ["CumSum", "ReduceMean", "attention"])
def test_rows_that_make_up_one_answer_are_no_items(tmp_path: Path, build: str, rows: int | None) -> None:
    path = tmp_path / "m.onnx"
    if build == "attention":
        attention(path, (rows, 8))
    else:
        over_rows(path, build, (rows, 8))
    model = RunnableModel.open(path)
    assert model.fixed_batch == 1
    assert model.shapes == {"x": (rows or 128, 8)}
    assert "axis 0 of 'x' is no batch" in said(model)


def test_what_is_called_a_batch_is_one_of_a_single_item_where_items_change_one_another(
    tmp_path: Path,
) -> None:
    for operator, words in (("CumSum", "change one another"), ("ReduceMean", "do not follow the batch")):
        model = RunnableModel.open(over_rows(tmp_path / "m.onnx", operator, ("batch", 8)))
        assert model.fixed_batch == 1
        assert model.shapes == {"x": (1, 8)}
        assert words in said(model)


def test_three_items_are_tried_and_not_two_only(tmp_path: Path) -> None:
    """A third item gets another item's answer added: with one or two items nothing is wrong."""
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Slice", ["x", "two", "end", "axis"], ["later"]),
            helper.make_node("ReduceSum", ["later", "axis"], ["sum"], keepdims=1),
            helper.make_node("Add", ["x", "sum"], ["y"]),
        ],
        [("x", files.FLOAT, [None, 8])],
        [("y", files.FLOAT, None)],
        {"two": np.array([2]), "end": np.array([10**6]), "axis": np.array([0])},
    )
    assert RunnableModel.open(path).fixed_batch == 1


@pytest.mark.parametrize(
    ("dims", "element", "shape"),
    [
        (("length", 8), files.FLOAT, (128, 8)),
        (("sequence_length", 8), files.FLOAT, (128, 8)),
        (("height", "width", 3), files.FLOAT, (224, 224, 3)),
        ((None, None, 3), files.UINT8, (224, 224, 3)),
    ],
)
def test_time_steps_and_pixels_are_no_items_even_where_each_is_answered_alone(
    tmp_path: Path, dims: Any, element: int, shape: tuple[int, ...]
) -> None:
    model = RunnableModel.open(files.pointwise(tmp_path / "m.onnx", dims, element))
    assert (model.fixed_batch, model.shapes) == (1, {"x": shape})
    assert "--shape x:" + "x".join(map(str, shape)) in said(model)


@pytest.mark.parametrize("dims", [(1, None), (1, "sequence"), ("tokens",)])
def test_tokens_are_no_items(tmp_path: Path, dims: Any) -> None:
    model = RunnableModel.open(files.lookup(tmp_path / "m.onnx", dims))
    assert model.fixed_batch == 1
    assert model.inputs[0].batch_axis is None
    assert model.inputs[0].shape[-1] == 128


def test_the_user_settles_it(tmp_path: Path) -> None:
    path = files.recurrent_over_time(tmp_path / "m.onnx", (None, None, 8), (1, None, 4))
    told = RunnableModel.open(path, batch_axis={"x": 1})
    assert [spec.batch_axis for spec in told.inputs] == [1, 1]
    lookup = files.lookup(tmp_path / "t.onnx", (1, None))
    assert RunnableModel.open(lookup, batch_axis={"ids": 1}).fixed_batch is None
    wrong = RunnableModel.open(over_rows(tmp_path / "c.onnx", "CumSum", (None, 8)), batch_axis={"x": 0})
    assert wrong.fixed_batch is None
    assert "taken for the batch as told" in said(wrong)
    none = RunnableModel.open(
        files.linear(tmp_path / "l.onnx", (None, 8)), {"x": (5, 8)}, batch_axis={"x": None}
    )
    assert (none.fixed_batch, none.shapes) == (1, {"x": (5, 8)})


def test_a_batch_axis_that_is_none(tmp_path: Path) -> None:
    path = files.linear(tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="no input 'y'"):
        RunnableModel.open(path, batch_axis={"y": 0})
    with pytest.raises(ModelError, match=r"x:2 does not fit .*\[batch, 8\]"):
        RunnableModel.open(path, batch_axis={"x": 2})
    assert parse_batch_axes(["x:1", "a:b:0", "rate:none"]) == {"x": 1, "a:b": 0, "rate": None}
    for wrong in (["x"], ["x:-1"], ["x:one"], ["x:1", "x:0"]):
        with pytest.raises(OptionError, match="--batch-axis"):
            parse_batch_axes(wrong)


def test_kernels_that_quantise_by_the_whole_call_still_follow_the_batch(tmp_path: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(files.linear(tmp_path / "m.onnx"), tmp_path / "q.onnx", weight_type=QuantType.QInt8)
    assert RunnableModel.open(tmp_path / "q.onnx").fixed_batch is None


def test_few_samples_are_told_apart_all_the_same(tmp_path: Path) -> None:
    """The same sample in every place tells less than different ones."""
    x = files.weight(1, 8)
    model = RunnableModel.open(over_rows(tmp_path / "m.onnx", "CumSum", ("batch", 8)), arrays={"x": x})
    assert model.fixed_batch == 1
    assert RunnableModel.open(files.linear(tmp_path / "l.onnx"), arrays={"x": x}).fixed_batch is None
