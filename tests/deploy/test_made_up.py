"""Made-up inputs follow each input's type and name, and it is said what was made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from onnx import helper

from lehr.deploy import RunnableModel
from lehr.deploy.data import made_up_samples
from lehr.deploy.made_up import describe_made_up


def fed(path: Path, *inputs: files.Value, **weights: np.ndarray) -> dict[str, np.ndarray]:
    """What is made up for inputs that are all cast to float and averaged."""
    nodes, means = [], []
    for name, _, _ in inputs:
        nodes += [
            helper.make_node("Cast", [name], [f"{name}_f"], to=files.FLOAT),
            helper.make_node("Flatten", [f"{name}_f"], [f"{name}_2"]),
            helper.make_node("ReduceMean", [f"{name}_2"], [f"{name}_mean"], axes=[1], keepdims=0),
        ]
        means.append(f"{name}_mean")
    nodes.append(helper.make_node("Sum", means, ["y"]))
    model = RunnableModel.open(files.save(path, nodes, list(inputs), [("y", files.FLOAT, None)], weights))
    samples = made_up_samples(model)
    assert samples.notes == (describe_made_up(model.inputs),)
    return samples.inputs


def test_bytes_noise_and_small_integers(tmp_path: Path) -> None:
    made = fed(
        tmp_path / "m.onnx",
        ("image", files.UINT8, ["batch", 64]),
        ("x", files.FLOAT, ["batch", 64]),
        ("flag", files.BOOL, ["batch", 8]),
        ("number", files.INT64, ["batch", 8]),
    )
    assert (made["image"].min(), made["image"].max()) == (0, 255)
    assert abs(float(made["x"].mean())) < 0.1
    assert float(made["x"].std()) == pytest.approx(1, abs=0.1)
    assert set(np.unique(made["number"])) == {0, 1}
    assert set(np.unique(made["flag"])) == {False, True}


def test_what_a_text_model_takes(tmp_path: Path) -> None:
    made = fed(
        tmp_path / "m.onnx",
        ("input_ids", files.INT64, ["batch", 12]),
        ("attention_mask", files.INT64, ["batch", 12]),
        ("token_type_ids", files.INT64, ["batch", 12]),
        ("position_ids", files.INT64, ["batch", 12]),
        ("padding_mask", files.BOOL, ["batch", 12]),
    )
    assert 1 < len(np.unique(made["input_ids"])) <= 8
    assert (made["attention_mask"] == 1).all()
    assert made["padding_mask"].all()
    assert (made["token_type_ids"] == 0).all()
    assert (made["position_ids"] == np.arange(12)).all()


def test_lengths_are_those_of_what_they_measure(tmp_path: Path) -> None:
    made = fed(
        tmp_path / "m.onnx",
        ("other", files.FLOAT, ["batch", 30, 2]),
        ("speech", files.FLOAT, ["batch", 20, 4]),
        ("speech_lengths", files.INT64, ["batch"]),
        ("sr", files.INT64, ["batch"]),
    )
    assert (made["speech_lengths"] == 20).all()
    assert (made["sr"] == 16_000).all()


@pytest.mark.parametrize("through", ["nothing", "Cast", "Unsqueeze", "int8 table"])
def test_token_ids_stay_below_the_table_that_they_pick_from(tmp_path: Path, through: str) -> None:
    nodes = {
        "Cast": [helper.make_node("Cast", ["words"], ["picks"], to=files.INT32)],
        "Unsqueeze": [helper.make_node("Unsqueeze", ["words", "last"], ["picks"])],
    }.get(through, [helper.make_node("Identity", ["words"], ["picks"])])
    weights: dict[str, Any] = {"table": files.weight(500, 4), "last": np.array([2])}
    table = "table"
    if through == "int8 table":
        weights = {
            "small": np.zeros((500, 4), np.int8),
            "scale": np.array(0.1, np.float32),
            "last": np.array([2]),
        }
        nodes.append(helper.make_node("DequantizeLinear", ["small", "scale"], ["table"]))
    path = files.save(
        tmp_path / "m.onnx",
        [*nodes, helper.make_node("Gather", [table, "picks"], ["y"])],
        [("words", files.INT64, ["batch", 16])],
        [("y", files.FLOAT, None)],
        weights,
    )
    model = RunnableModel.open(path)
    assert (model.inputs[0].content, model.inputs[0].bound) == ("ids", 500)
    made = made_up_samples(model)
    assert 400 < made.inputs["words"].max() < 500
    assert made.notes == ("inputs made up: words (token ids below 500)",)


def test_the_smallest_table_bounds_ids(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Gather", ["large", "ids"], ["a"]),
            helper.make_node("Gather", ["small", "ids"], ["b"]),
            helper.make_node("Add", ["a", "b"], ["y"]),
        ],
        [("ids", files.INT64, ["batch", 4])],
        [("y", files.FLOAT, None)],
        {"large": files.weight(500, 4), "small": files.weight(20, 4)},
    )
    assert RunnableModel.open(path).inputs[0].bound == 20


def test_one_hot_depth_bounds_ids(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Cast", ["bytes"], ["picks"], to=files.INT64),
            helper.make_node("OneHot", ["picks", "depth", "values"], ["y"]),
        ],
        [("bytes", files.INT32, ["batch", 64])],
        [("y", files.FLOAT, None)],
        {"depth": np.array(257), "values": np.array([0, 1], np.float32)},
    )
    made = made_up_samples(RunnableModel.open(path)).inputs["bytes"]
    assert 200 < made.max() <= 256
    assert made.dtype == np.int32


def test_a_gather_along_another_axis_is_read_right(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Gather", ["table", "ids"], ["y"], axis=1)],
        [("ids", files.INT64, [6])],
        [("y", files.FLOAT, None)],
        {"table": files.weight(3, 40)},
    )
    assert RunnableModel.open(path).inputs[0].bound == 40
