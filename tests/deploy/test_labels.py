"""Labels: what they were understood to be, and how answers are scored by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from onnx import helper

from lehr import ModelError
from lehr.deploy import RunnableModel
from lehr.deploy.labels import understand
from lehr.deploy.scoring import Score

LOGITS = files.weight(40, 3)
RIGHT = LOGITS.argmax(axis=1)


def model_of(
    tmp_path: Path,
    shape: Any = (3,),
    element: int = files.FLOAT,
    operator: str = "Identity",
    name: str = "y",
) -> RunnableModel:
    """x [batch, ...] -> ``name`` of the same shape, made by ``operator`` and cast to ``element``."""
    return RunnableModel.open(
        files.save(
            tmp_path / "m.onnx",
            [
                helper.make_node("Mul", ["x", "ten"], ["large"]),
                helper.make_node(operator, ["large"], ["made"]),
                helper.make_node("Cast", ["made"], [name], to=element),
            ],
            [("x", files.FLOAT, ["batch", *shape])],
            [(name, element, None)],
            {"ten": np.array(10, np.float32)},
        )
    )


def scored(model: RunnableModel, labels: Any, answers: Any, classes: Any = None, batch: int = 7) -> Score:
    labels, answers = np.asarray(labels), np.asarray(answers)
    judge = understand(model, labels, classes).scorer(
        lambda start, count: labels[start : start + count], classes, len(labels)
    )
    for start in range(0, len(labels), batch):
        judge.add(start, {model.outputs[0].name: answers[start : start + batch]})
    return judge.score()


def test_classes(tmp_path: Path) -> None:
    model = model_of(tmp_path)
    off = np.where(np.arange(40) < 10, (RIGHT + 1) % 3, RIGHT)
    for labels, classes in (
        (off, None),
        (off[:, None][:, 0].astype(np.uint8), None),
        (np.array([30, 10, 20])[off], np.array([30, 10, 20])),
        (np.array(["a", "b", "c"])[off], np.array(["a", "b", "c"])),
    ):
        score = scored(model, labels, LOGITS, classes)
        assert (score.value, score.items, score.means) == (0.75, 40, "classes")
        assert score.low == pytest.approx(0.598, abs=0.001)  # Wilson's interval of 30 in 40
        assert score.high == pytest.approx(0.858, abs=0.001)


def test_one_hot_classes(tmp_path: Path) -> None:
    for kind in (int, bool, np.float32):
        score = scored(model_of(tmp_path), np.eye(3, dtype=kind)[RIGHT], LOGITS)
        assert (score.value, score.means) == (1.0, "one-hot classes")


def test_several_labels(tmp_path: Path) -> None:
    model = model_of(tmp_path, operator="Sigmoid")
    chances = 1 / (1 + np.exp(-LOGITS))
    labels = (chances > 0.5).astype(int)
    assert not (labels.sum(axis=1) == 1).all()
    score = scored(model, labels, chances)
    assert score.means == "multi-label (mean of per-label agreement at 0.5)"
    assert score.value == 1.0
    labels[:, 0] = 1 - labels[:, 0]
    assert scored(model, labels, chances).value == pytest.approx(2 / 3)
    logits = scored(model_of(tmp_path), (LOGITS > 0).astype(bool), LOGITS)
    assert logits.value == 1.0
    assert "a logit of 0" in logits.means


def test_yes_or_no(tmp_path: Path) -> None:
    for shape in ((), (1,)):
        model = model_of(tmp_path, shape, operator="Sigmoid")
        chances = np.linspace(0.05, 0.95, 20, dtype=np.float32).reshape(20, *shape)
        score = scored(model, np.arange(20) >= 10, chances)
        assert (score.value, score.means) == (1.0, "yes or no (at 0.5)")
    assert scored(model_of(tmp_path, (1,)), [0, 1], [[-0.3], [0.3]]).value == 1.0


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2)])
def test_regression(tmp_path: Path, shape: Any) -> None:
    model = model_of(tmp_path, shape)
    truth = files.weight(200, *shape).astype(np.float64) * 5 + 100
    assert scored(model, truth, truth).value == 1.0
    score = scored(model, truth, truth + np.random.RandomState(1).standard_normal(truth.shape))
    assert score.means == "regression (R2)"
    assert score.value == pytest.approx(1 - 1 / 25, abs=0.015)
    assert score.low is not None
    assert score.high is not None
    assert score.sem is not None
    assert score.value - 0.05 < score.low < score.value < score.high < 1
    assert 0 < score.sem < 0.02
    assert scored(model, truth, np.full_like(truth, truth.mean())).value == pytest.approx(0, abs=0.02)


def test_targets_of_different_sizes_weigh_the_same(tmp_path: Path) -> None:
    truth = files.weight(50, 2) * [1, 1000]
    answers = truth.copy()
    answers[:, 0] = truth[:, 0].mean()
    assert scored(model_of(tmp_path, (2,)), truth, answers).value == pytest.approx(0.5)


def test_an_answer_that_is_not_finite_counts_as_the_mean(tmp_path: Path) -> None:
    truth = np.array([0.5, 2.5] * 20)
    answers = truth.copy()
    answers[:10] = np.nan
    score = scored(model_of(tmp_path, ()), truth, answers)
    assert (score.value, score.not_finite) == (pytest.approx(0.75), 10)


def test_counts_are_a_regression_where_the_output_is_one_float(tmp_path: Path) -> None:
    counts = np.arange(20)
    assert scored(model_of(tmp_path, (1,)), counts, counts[:, None].astype(float)).means == "regression (R2)"


def test_integers_of_the_model_s_own(tmp_path: Path) -> None:
    model = model_of(tmp_path, (), files.INT64)
    assert scored(model, [5, 6, 7, 8], [5, 6, 7, 0]).value == 0.75
    assert scored(model, [5, 6, 7, 8], [5, 6, 7, 0]).means == "classes"
    image = model_of(tmp_path, (2, 2), files.INT64)
    truth = np.arange(16).reshape(4, 2, 2)
    other = truth.copy()
    other[:, 0, 0] = -1
    assert scored(image, truth, other).value == 0.75
    assert scored(image, truth, other).means == "values (share of equal elements)"


def test_class_scores_are_preferred_to_other_vectors(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Neg", ["x"], ["embedding"]), helper.make_node("Softmax", ["x"], ["classes"])],
        [("x", files.FLOAT, ["batch", 3])],
        [("embedding", files.FLOAT, None), ("classes", files.FLOAT, None)],
    )
    assert understand(RunnableModel.open(path), RIGHT).output == "classes"


def test_the_model_s_own_integer_is_taken_where_labels_are_no_columns(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("ArgMax", ["x"], ["place"], axis=1, keepdims=0),
            helper.make_node("Mul", ["place", "hundred"], ["label"]),
            helper.make_node("Softmax", ["x"], ["probabilities"]),
        ],
        [("x", files.FLOAT, ["batch", 3])],
        [("label", files.INT64, None), ("probabilities", files.FLOAT, None)],
        {"hundred": np.array(100)},
    )
    model = RunnableModel.open(path)
    assert understand(model, RIGHT).output == "probabilities"
    assert understand(model, 100 * RIGHT).output == "label"


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (np.zeros((40, 5)), None, r"float64 \[5\] an item.*'y' tensor\(float\) \[3\].*--metric"),
        (np.full((40, 2, 2), 7), None, "--metric"),
        (np.linspace(0, 1, 40), None, "one float64 an item"),
        (np.full((40, 3), 0.5), None, "same for all items"),
        (np.array([[0.1, np.nan, 1]] * 40), None, "NaN"),
        (np.full(40, 3), None, "run from 3 to 3, .* 3 scores"),
        (np.full(40, "cat"), None, "strings"),
        (np.full(40, 1), np.arange(4), "4 classes"),
        (np.eye(3)[RIGHT], np.arange(3), "one-hot"),
    ],
)
def test_labels_that_do_not_fit_are_one_sentence(
    tmp_path: Path, labels: Any, classes: Any, words: str
) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        understand(model_of(tmp_path), labels, classes)
    assert "\n" not in str(caught.value)
