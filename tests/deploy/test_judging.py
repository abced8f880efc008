"""From a file and its samples to the accuracy of a configuration, for every kind of model and labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from benches import Bench
from onnx import helper

RECIPES = ("as_is", "fp16", "int8_dynamic", "int8_static", "int4_static")
X = files.weight(60, 8)
SCORES = X @ files.weight(8, 3)


Judge = Callable[..., dict[str, Any]]


@pytest.fixture
def judged(bench: Callable[..., Bench]) -> Judge:
    """``judged(model, config, data, **opening)``: the metrics, and what was said.

    That is under ``notes`` what was said of the model, and under ``told`` all of it.
    """

    def judge(model: Path, config: Any = None, data: Any = None, **opening: Any) -> dict[str, Any]:
        made = bench(model, data, opening)
        said = {"notes": made.opened.models["m"].notes, "told": made.opened.notes}
        return {**made(config or {}), **said}

    return judge


@pytest.mark.parametrize("recipe", ["as_is", "int8_dynamic", "int4_static"])
def test_nothing_wins_by_nan_that_agrees_with_nan(judged: Judge, tmp_path: Path, recipe: str) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["s"]),
            helper.make_node("Mul", ["s", "s"], ["square"]),
            helper.make_node("Neg", ["square"], ["minus"]),
            helper.make_node("Sqrt", ["minus"], ["y"]),
        ],
        [("x", files.FLOAT, ["batch", 8])],
        [("y", files.FLOAT, ["batch", 3])],
        {"w": files.weight(8, 3)},
    )
    metrics = judged(path, {"quantization": recipe, "batch_size": 4})
    assert metrics["accuracy"] == 0.0
    assert "64 of 64 reference answers of 'y' hold NaN" in metrics["facts"]["accuracy_notes"]
    assert "output 'y' held NaN" in metrics["notes"][0]


def test_nothing_wins_by_a_constant(judged: Judge, tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["s"]),
            helper.make_node("Mul", ["s", "tiny"], ["t"]),
            helper.make_node("Add", ["t", "large"], ["y"]),
        ],
        [("x", files.FLOAT, ["batch", 8])],
        [("y", files.FLOAT, ["batch", 3])],
        {"w": files.weight(8, 3), "tiny": np.float32([1e-4]), "large": np.float32([1.0])},
    )
    metrics = judged(path)
    assert metrics["accuracy"] == 0.0
    assert "same for all 64 items" in metrics["facts"]["accuracy_notes"]
    assert "the same for 3 different items" in metrics["notes"][0]


@pytest.mark.parametrize(
    ("labels", "means"),
    [
        (SCORES.argmax(axis=1), "classes"),
        (np.eye(3)[SCORES.argmax(axis=1)], "one-hot classes"),
        (
            (SCORES > 0).astype(int),
            "multi-label (mean of per-label agreement at probability 0.5, a logit of 0)",
        ),
        (SCORES, "regression (R2)"),
    ],
)
def test_labels(judged: Judge, tmp_path: Path, labels: Any, means: str) -> None:
    model = files.linear(tmp_path / "m.onnx")
    metrics = judged(model, {"batch_size": 5}, data={"x": X, "labels": labels})
    assert metrics["facts"]["accuracy_of"] == means
    assert f"accuracy is judged by labels, taken for {means}" in metrics["told"]
    assert metrics["accuracy"] == pytest.approx(1.0, abs=1e-6)
    assert metrics["accuracy_samples"] == 48
    if means != "regression (R2)":
        wrong = {"x": X, "labels": np.roll(labels, 1, axis=-1)}
        assert judged(model, {"batch_size": 5}, data=wrong)["accuracy"] < 0.7


def test_one_sequence_a_call(judged: Judge, tmp_path: Path) -> None:
    model = files.recurrent_over_time(tmp_path / "m.onnx", ("time", 1, 8))
    metrics = judged(model, shapes={"x": (50, 1, 8)})
    assert "m.onnx is fed x [50, 1, 8]" in metrics["told"]
    assert metrics["accuracy"] == 1.0
    assert metrics["throughput_items_s"] == pytest.approx(1e3 / metrics["latency_mean_ms"])
    data = {"x": files.weight(50, 20, 8)}
    assert judged(model, data=data)["accuracy_samples"] == 16  # 4 of 20 calibrate


def test_sequences_in_batches(judged: Judge, tmp_path: Path) -> None:
    model = files.recurrent_over_time(tmp_path / "m.onnx", (None, None, 8), (1, None, 4))
    metrics = judged(model, {"batch_size": 3}, shapes={"x": (50, 1, 8)})
    assert "m.onnx is fed x [50, N, 8], state [1, N, 4]" in metrics["told"]
    assert metrics["accuracy"] == pytest.approx(1.0, abs=1e-6)
    assert metrics["throughput_items_s"] == pytest.approx(3e3 / metrics["latency_mean_ms"])


@pytest.mark.parametrize("dims", [("batch", "sequence"), (1, None)])
def test_texts(judged: Judge, tmp_path: Path, dims: Any) -> None:
    metrics = judged(files.lookup(tmp_path / "m.onnx", dims))
    assert metrics["accuracy"] == 1.0
    assert "128" in metrics["notes"][0]


def test_images_of_open_size(judged: Judge, tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("GlobalAveragePool", ["y"], ["z"])],
        [("x", files.FLOAT, [1, 3, 32, None])],
        [("z", files.FLOAT, None)],
        {"w": files.weight(4, 3, 3, 3)},
    )
    metrics = judged(path)
    assert "[1, 3, 32, 224]" in metrics["notes"][0]
    assert metrics["accuracy"] == 1.0


@pytest.mark.parametrize("recipe", RECIPES)
def test_embeddings_are_judged_by_their_error(judged: Judge, tmp_path: Path, recipe: str) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("MatMul", ["x", "w"], ["h"]),
            helper.make_node("LpNormalization", ["h"], ["embedding"]),
        ],
        [("x", files.FLOAT, ["batch", 8])],
        [("embedding", files.FLOAT, ["batch", 32])],
        {"w": files.weight(8, 32)},
    )
    metrics = judged(path, {"quantization": recipe, "batch_size": 4})
    assert metrics["facts"]["accuracy_of"] == "agreement with the model as given (1 - relative error)"
    least = {"as_is": 1.0, "fp16": 0.998, "int8_dynamic": 0.97, "int8_static": 0.97, "int4_static": 0.5}[
        recipe
    ]
    assert least <= metrics["accuracy"] <= (1.0 if recipe in {"as_is", "fp16"} else 0.9999)
