"""Dimensions that a model leaves open get a usual size and a sentence: never a one-pixel image or a one-token text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from onnx import helper

from lehr import ModelError
from lehr.deploy import RunnableModel


@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        ((1, 3, None, None), (1, 3, 224, 224)),
        ((1, 3, 224, None), (1, 3, 224, 224)),
        ((1, 3, "height", "width"), (1, 3, 224, 224)),
        ((None, None, None, None), ("N", 3, 224, 224)),
        (("batch", None, None, 3), ("N", 224, 224, 3)),
        (("batch", "h", "w", 1), ("N", 224, 224, 1)),
        (("batch", 3, 16, None, None), ("N", 3, 16, 112, 112)),
        ((3, None, None), (3, 224, 224)),
    ],
)
def test_images(tmp_path: Path, dims: Any, shape: Any) -> None:
    model = RunnableModel.open(files.pointwise(tmp_path / "m.onnx", dims))
    assert model.shapes == {"x": shape}
    (note,) = model.notes
    assert "--shape x:" + "x".join("1" if size == "N" else str(size) for size in shape) in note


@pytest.mark.parametrize(
    ("name", "dims", "element", "shape"),
    [
        ("ids", ("batch", "sequence"), files.INT64, ("N", 128)),
        ("ids", (None, None), files.INT64, ("N", 128)),
        ("ids", (1, None), files.INT64, (1, 128)),
        ("features", ("batch", "frames", 80), files.FLOAT, ("N", 128, 80)),
        ("past", ("batch", 4, "past_sequence_length", 16), files.FLOAT, ("N", 4, 128, 16)),
        ("audio", ("batch", "samples"), files.FLOAT, ("N", 16_000)),
        ("waveform", (1, None), files.FLOAT, (1, 16_000)),
    ],
)
def test_texts_and_sounds(tmp_path: Path, name: str, dims: Any, element: int, shape: Any) -> None:
    model = RunnableModel.open(files.pointwise(tmp_path / "m.onnx", dims, element, name))
    assert model.shapes == {name: shape}
    assert len(model.notes) == 1


def test_another_usual_size_is_taken_where_the_first_does_not_run(tmp_path: Path) -> None:
    """A table of 64 positions takes no 128 tokens."""
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Gather", ["table", "ids"], ["vectors"]),
            helper.make_node("Shape", ["ids"], ["shape"]),
            helper.make_node("Gather", ["shape", "one"], ["length"]),
            helper.make_node("Range", ["zero", "length", "step"], ["positions"]),
            helper.make_node("Gather", ["places", "positions"], ["where"]),
            helper.make_node("Add", ["vectors", "where"], ["y"]),
        ],
        [("ids", files.INT64, ["batch", "sequence"])],
        [("y", files.FLOAT, None)],
        {
            "table": files.weight(30, 4), "places": files.weight(64, 4),
            "one": np.array(1), "zero": np.array(0), "step": np.array(1),
        },
    )  # fmt: skip
    model = RunnableModel.open(path)
    assert model.shapes == {"ids": ("N", 64)}
    assert "[N, 64]" in model.notes[0]
    with pytest.raises(ModelError, match=r"m\.onnx does not run .*'ids' \[1, 100\]"):
        RunnableModel.open(path, {"ids": (1, 100)})


@pytest.mark.parametrize("both", ["past_length + length", "total_length"])
def test_symbols_have_one_size_everywhere_and_sums_of_them_are_understood(tmp_path: Path, both: str) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Concat", ["past", "x"], ["all"], axis=1),
            helper.make_node("Mul", ["all", "mask"], ["y"]),
        ],
        [
            ("x", files.FLOAT, ["batch", "length"]),
            ("past", files.FLOAT, ["batch", "past_length"]),
            ("mask", files.FLOAT, ["batch", both]),
        ],
        [("y", files.FLOAT, None)],
    )
    model = RunnableModel.open(path, {"x": (1, 7), "past": (1, 5)})
    assert model.shapes == {"x": ("N", 7), "past": ("N", 5), "mask": ("N", 12)}
    assert model.notes == ()
    assert RunnableModel.open(path).shapes == {"x": ("N", 128), "past": ("N", 128), "mask": ("N", 256)}


def test_a_given_shape_settles_the_same_symbol_in_other_inputs(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Cast", ["mask"], ["m"], to=files.FLOAT),
            helper.make_node("Mul", ["x", "m"], ["y"]),
        ],
        [("x", files.FLOAT, ["batch", "length"]), ("mask", files.INT64, ["batch", "length"])],
        [("y", files.FLOAT, None)],
    )
    model = RunnableModel.open(path, {"x": (1, 9)})
    assert model.shapes == {"x": ("N", 9), "mask": ("N", 9)}
    assert model.notes == ()


def test_a_model_that_runs_at_no_usual_size_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", files.FLOAT, ["batch", None])],
        [("y", files.FLOAT, None)],
        {"w": files.weight(77, 3)},
    )
    with pytest.raises(ModelError) as caught:
        RunnableModel.open(path)
    assert re.search(r"'x' \[1, 128\].*--shape", str(caught.value))
    assert "\n" not in str(caught.value)
    assert RunnableModel.open(path, {"x": (1, 77)}).fixed_batch is None
    assert RunnableModel.open(path, arrays={"x": files.weight(5, 77)}).notes == ()
