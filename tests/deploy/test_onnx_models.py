"""Any ONNX file works, or one sentence says why not."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import onnx
import onnx_files as files
import pytest
from onnx import helper

from lehr import ModelError
from lehr.deploy import RunnableModel


def refusal(path: Path, shapes: dict[str, tuple[int, ...]] | None = None) -> str:
    """The one sentence."""
    with pytest.raises(ModelError) as caught:
        RunnableModel.open(path, shapes)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


def test_a_free_batch_is_found_by_running_it(tmp_path: Path) -> None:
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx"))
    assert model.fixed_batch is None
    assert model.inputs[0].shape_at(5) == (5, 8)
    assert model.outputs[0].batch_axis == 0
    assert pickle.loads(pickle.dumps(model)) == model


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch_is_the_only_batch(tmp_path: Path, batch: int) -> None:
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx", (batch, 8)))
    assert model.fixed_batch == batch
    assert model.inputs[0].batch_axis == 0


def test_a_batch_of_one_exported_under_a_free_label_is_seen_through(tmp_path: Path) -> None:
    model = RunnableModel.open(files.reshaping(tmp_path / "m.onnx"))
    assert model.fixed_batch == 1
    assert any("fixed at 1" in note for note in model.notes)


def test_a_recurrent_state_may_carry_the_batch_elsewhere_and_a_scalar_carries_none(tmp_path: Path) -> None:
    for batch in ("batch", None):
        model = RunnableModel.open(files.recurrent(tmp_path / "m.onnx", batch))
        assert model.fixed_batch is None
        assert [spec.batch_axis for spec in model.inputs] == [0, 1, None]
        assert [output.batch_axis for output in model.outputs] == [0, 1]
    assert RunnableModel.open(files.recurrent(tmp_path / "m.onnx", 1)).fixed_batch == 1


@pytest.mark.parametrize(
    "element", [files.FLOAT, files.DOUBLE, files.HALF, files.INT64, files.INT32, files.BOOL]
)
def test_every_numeric_type_is_fed(tmp_path: Path, element: int) -> None:
    assert RunnableModel.open(files.typed(tmp_path / "m.onnx", element)).fixed_batch is None


def test_several_inputs_share_the_batch(tmp_path: Path) -> None:
    model = RunnableModel.open(files.two_inputs(tmp_path / "m.onnx"))
    assert [(spec.name, spec.dtype, spec.batch_axis) for spec in model.inputs] == [
        ("left", "float32", 0),
        ("right", "int32", 0),
    ]


def test_no_batch_at_all_makes_a_call_one_item(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", files.FLOAT, [8])],
        [("y", files.FLOAT, [3])],
        {"w": files.weight(8, 3)},
    )
    model = RunnableModel.open(path)
    assert (model.fixed_batch, model.inputs[0].batch_axis) == (1, None)


def test_outputs_that_do_not_follow_the_batch_hold_it_at_one(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("NonZero", ["x"], ["where"])],  # like detections: as many as there happen to be
        [("x", files.FLOAT, ["batch", 8])],
        [("where", files.INT64, [2, None])],
    )
    model = RunnableModel.open(path)
    assert model.fixed_batch == 1
    assert model.outputs[0].batch_axis is None
    assert any("do not follow the batch" in note for note in model.notes)


def test_open_dimensions_get_usual_sizes_and_a_sentence_with_an_option_that_works(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "conv.onnx",
        [helper.make_node("Conv", ["image:0", "w"], ["y"])],
        [("image:0", files.FLOAT, ["batch", 3, "height", "width"])],
        [("y", files.FLOAT, None)],
        {"w": files.weight(4, 3, 3, 3)},
    )
    (note,) = RunnableModel.open(path).notes
    assert "[N, 3, 224, 224]" in note
    option = re.search(r"--shape (\S+):([0-9x]+)", note)
    assert option is not None
    assert option[1] == "image:0"
    assert option[2] == "1x3x224x224"
    model = RunnableModel.open(path, {"image:0": (1, 3, 16, 16)})
    assert model.fixed_batch is None
    assert model.notes == ()
    assert model.inputs[0].shape_at(2) == (2, 3, 16, 16)
    assert RunnableModel.open(path, {"image:0": (4, 3, 16, 16)}).fixed_batch == 4


def test_samples_settle_open_dimensions(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        [("x", files.FLOAT, ["batch", "length"])],
        [("y", files.FLOAT, ["batch", "length"])],
    )
    model = RunnableModel.open(path, arrays={"x": np.zeros((5, 7), np.float32)})
    assert model.inputs[0].shape == (1, 7)


def test_an_unknown_rank_is_no_scalar(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        [("x", files.FLOAT, None)],
        [("y", files.FLOAT, None)],
    )
    assert "unknown rank" in refusal(path)
    assert RunnableModel.open(path, {"x": (1, 5)}).inputs[0].shape == (1, 5)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"y": (1, 8)}, "no input 'y'"),
        ({"x": (1, 9)}, "does not fit"),
        ({"x": (1, 8, 1)}, "does not fit"),
        ({"x": (0, 8)}, "does not fit"),
    ],
)
def test_a_shape_that_contradicts_the_model(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], words: str
) -> None:
    text = refusal(files.linear(tmp_path / "m.onnx"), shapes)
    assert words in text
    assert "'x'" in text


def test_strings_and_sequences_are_refused(tmp_path: Path) -> None:
    text = refusal(files.typed(tmp_path / "m.onnx", files.STRING))
    assert "'x'" in text
    assert "string" in text
    sequence = helper.make_tensor_sequence_value_info("x", files.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node("SequenceLength", ["x"], ["n"])],
        "g",
        [sequence],
        [helper.make_tensor_value_info("n", files.INT64, [])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "s.onnx",
    )
    assert "sequence" in refusal(tmp_path / "s.onnx")


def test_made_up_integers_that_the_model_cannot_take(tmp_path: Path) -> None:
    text = refusal(files.embedding(tmp_path / "m.onnx", lowest=1000))
    assert "'ids'" in text
    assert "--data" in text
    given = {"ids": np.full((3, 4), 1004)}
    assert RunnableModel.open(tmp_path / "m.onnx", arrays=given).fixed_batch is None


def test_files_that_are_no_models(tmp_path: Path) -> None:
    assert "there is no file" in refusal(tmp_path / "none.onnx")
    assert "folder" in refusal(tmp_path)
    (tmp_path / "empty.onnx").touch()
    assert "empty" in refusal(tmp_path / "empty.onnx")
    (tmp_path / "text.onnx").write_text("hello, this is no model")
    assert "not an ONNX model" in refusal(tmp_path / "text.onnx")
    (tmp_path / "noise.onnx").write_bytes(np.random.RandomState(0).bytes(5000))
    assert "not an ONNX model" in refusal(tmp_path / "noise.onnx")


def test_a_file_cut_short_anywhere(tmp_path: Path) -> None:
    whole = files.linear(tmp_path / "m.onnx").read_bytes()
    for size in range(1, len(whole), 7):
        (tmp_path / "cut.onnx").write_bytes(whole[:size])
        refusal(tmp_path / "cut.onnx")


def test_weights_beside_the_file(tmp_path: Path) -> None:
    proto = onnx.load(str(files.linear(tmp_path / "m.onnx")))
    onnx.save(
        proto,
        str(tmp_path / "big.onnx"),
        save_as_external_data=True,
        location="big.weights",
        size_threshold=0,
    )
    inside = RunnableModel.open(tmp_path / "m.onnx")
    beside = RunnableModel.open(tmp_path / "big.onnx")
    assert beside.size_mb > (tmp_path / "big.onnx").stat().st_size / 1e6
    assert beside.sha256 != inside.sha256
    (tmp_path / "big.weights").unlink()
    assert "big.weights" in refusal(tmp_path / "big.onnx")


def test_models_from_the_future(tmp_path: Path) -> None:
    for options in ({"opset": 99}, {"ir_version": 99}):
        text = refusal(files.linear(tmp_path / "m.onnx", **options))
        assert "onnxruntime" in text
        assert "m.onnx" in text


def test_an_operator_nobody_knows(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Frobnicate", ["x"], ["y"])],
        [("x", files.FLOAT, ["n", 8])],
        [("y", files.FLOAT, ["n", 8])],
    )
    assert "Frobnicate" in refusal(path)


def test_a_model_without_inputs(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Relu", ["w"], ["y"])],
        [],
        [("y", files.FLOAT, [3])],
        {"w": files.weight(3)},
    )
    assert "no inputs" in refusal(path)


def test_messages_carry_no_machine_paths(tmp_path: Path) -> None:
    assert str(tmp_path) not in refusal(files.linear(tmp_path / "m.onnx", opset=99))
