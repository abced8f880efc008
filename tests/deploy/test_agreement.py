"""Agreement with the model as given: what tells nothing is said and never counted as right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from onnx import helper

from lehr.deploy import RunnableModel, accuracy
from lehr.deploy.agreement import REFERENCE_ITEMS, AgreementScorer, load_reference, save_reference
from lehr.deploy.class_scores import are_class_scores
from lehr.deploy.scoring import Score

NAN, INF = np.nan, np.inf


def one_output(
    tmp_path: Path, name: str = "y", element: int = files.FLOAT, shape: Any = (3,)
) -> RunnableModel:
    """A model with an output [N, ...] of that name, type and item shape."""
    model = RunnableModel.open(
        files.save(
            tmp_path / "model.onnx",
            [helper.make_node("Cast", ["x"], [name], to=element)],
            [("x", files.FLOAT, ["batch", *shape])],
            [(name, element, None)],
        )
    )
    assert model.fixed_batch is None
    return model


def scorer(folder: Path, model: RunnableModel, reference: Any, **options: Any) -> AgreementScorer:
    """What compares with these reference answers to the first output."""
    name = model.outputs[0].name
    save_reference(
        lambda start: {name: np.asarray(reference)[start : start + 1]},
        model,
        len(reference),
        folder,
        **options,
    )
    return load_reference(folder)


def compared(folder: Path, model: RunnableModel, reference: Any, answers: Any, batch: int = 3) -> Score:
    """The score of these answers, given in calls of ``batch`` items."""
    judge = scorer(folder, model, reference)
    name = model.outputs[0].name
    for start in range(0, judge.count, batch):
        stop = min(start + batch, judge.count)
        judge.add(start, {name: np.asarray(answers)[start:stop]})
    return judge.score()


VECTORS = files.weight(20, 3)


def test_nan_that_agrees_with_nan_is_no_agreement(tmp_path: Path) -> None:
    nothing = np.full((20, 3), NAN, np.float32)
    score = compared(tmp_path, one_output(tmp_path), nothing, nothing)
    assert (score.value, score.items) == (0.0, 0)
    assert "20 of 20 reference answers of 'y' hold NaN" in score.notes[0]
    assert "tells nothing" in score.notes[0]


def test_items_without_a_finite_reference_are_left_out(tmp_path: Path) -> None:
    reference = VECTORS.copy()
    reference[::4, 1] = NAN
    reference[1, 2] = INF
    score = compared(tmp_path, one_output(tmp_path), reference, reference)
    assert (score.value, score.items, score.seen, score.not_finite) == (1.0, 14, 20, 0)
    assert "6 of 20 reference answers" in score.notes[0]


def test_answers_that_are_not_finite_are_wrong_where_the_reference_is_finite(tmp_path: Path) -> None:
    answers = VECTORS.copy()
    answers[:5, 0] = NAN
    score = compared(tmp_path, one_output(tmp_path), VECTORS, answers)
    assert (score.value, score.items, score.not_finite) == (0.75, 20, 5)


@pytest.mark.parametrize(
    "constant",
    [
        np.tile(VECTORS[:1], (20, 1)),
        np.zeros((20, 3), np.float32),
        1000 + 1e-4 * VECTORS,
    ],
)
def test_a_constant_reference_tells_nothing(tmp_path: Path, constant: Any) -> None:
    score = compared(tmp_path, one_output(tmp_path), constant, constant)
    assert (score.value, score.items) == (0.0, 0)
    assert "same for all 20 items" in score.notes[0]


def test_constant_integers_tell_nothing_and_others_agree_by_their_share(tmp_path: Path) -> None:
    model = one_output(tmp_path, element=files.INT64, shape=(4,))
    ones = np.ones((20, 4), np.int64)
    assert compared(tmp_path, model, ones, ones).items == 0
    values = np.arange(80).reshape(20, 4)
    other = values.copy()
    other[:, 0] = -1
    assert compared(tmp_path, model, values, other).value == 0.75


def test_embeddings_agree_by_their_relative_error_and_not_by_their_largest_element(tmp_path: Path) -> None:
    model = one_output(tmp_path, "embedding")
    assert compared(tmp_path, model, VECTORS, VECTORS).value == 1.0
    assert "1 - relative error" in compared(tmp_path, model, VECTORS, VECTORS).means
    lengths = np.linalg.norm(VECTORS, axis=1, keepdims=True)
    unit = VECTORS / lengths
    assert compared(tmp_path, model, unit, 0.9 * unit).value == pytest.approx(0.9, abs=1e-6)
    assert compared(tmp_path, model, unit, -unit).value == 0.0
    largest = np.eye(3, dtype=np.float32)[unit.argmax(axis=1)] * 100
    assert compared(tmp_path, model, unit, largest).value == 0.0


def test_a_regression_near_zero_is_held_against_the_usual_size(tmp_path: Path) -> None:
    model = one_output(tmp_path, "price", shape=(1,))
    prices = np.array([[0.0], [3.0], [4.0], [0.0]], np.float32)  # a root mean square of 2.5
    score = compared(tmp_path, model, prices, prices + 0.25)
    assert score.value == pytest.approx(np.mean([1 - 0.1, 1 - 0.25 / 3, 1 - 0.25 / 4, 1 - 0.1]))


@pytest.mark.parametrize("how", ["name", "softmax", "logarithms"])
def test_class_scores_agree_where_the_largest_is_the_same(tmp_path: Path, how: str) -> None:
    logits = files.weight(20, 3) * 3
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    name, scores = {
        "name": ("logits", logits),
        "softmax": ("y", chances),
        "logarithms": ("y", np.log(chances)),
    }[how]
    path = files.save(
        tmp_path / "m.onnx",
        {
            "name": [helper.make_node("Identity", ["x"], ["logits"])],
            "softmax": [helper.make_node("Softmax", ["x"], ["y"])],
            "logarithms": [helper.make_node("LogSoftmax", ["x"], ["y"])],
        }[how],
        [("x", files.FLOAT, ["batch", 3])],
        [(name, files.FLOAT, None)],
    )
    model = RunnableModel.open(path)
    assert model.outputs[0].scores
    other = scores.copy()
    other[:5] = other[:5, [1, 2, 0]]
    score = compared(tmp_path, model, scores, other + 100)
    assert "same class" in score.means
    assert score.value == 0.75
    assert score.low == pytest.approx(0.531, abs=0.001)  # Wilson's interval of 15 in 20
    assert score.high == pytest.approx(0.888, abs=0.001)


def test_what_looks_like_class_scores() -> None:
    chances = np.array([[0.2, 0.8], [0.6, 0.4]], np.float32)
    assert are_class_scores("y", chances, False)
    assert are_class_scores("y", chances[:, :, None, None], False)
    assert are_class_scores("y", np.log(chances), False)
    assert are_class_scores("my_logits", -5 * chances, False)
    assert are_class_scores("y", -5 * chances, True)
    assert are_class_scores("y", files.weight(2, 1000), False)
    assert not are_class_scores("y", 2 * chances, False)
    assert not are_class_scores("y", files.weight(2, 768), False)
    assert not are_class_scores("class_embedding", files.weight(2, 64), False)
    assert not are_class_scores("logits", np.ones((2, 1), np.float32), False)
    assert not are_class_scores("probabilities", np.ones((2, 3), np.int64), True)
    assert not are_class_scores("y", np.full((2, 3), NAN), False)
    assert not are_class_scores("probabilities", np.ones((2, 7, 3), np.float32), False)


def test_a_reference_that_has_one_class_only_is_compared_by_its_values(tmp_path: Path) -> None:
    model = one_output(tmp_path, "probabilities")
    scores = np.abs(files.weight(40, 3)).astype(np.float32)
    scores[:, 2] += 10
    score = compared(tmp_path, model, scores, np.tile([0, 0, 99.0], (40, 1)))
    assert "40 of 40 items the same class" in score.notes[0]
    assert score.value == 0.0
    assert compared(tmp_path, model, scores, scores).value == 1.0


def test_outputs_are_averaged_and_those_that_tell_nothing_left_out(tmp_path: Path) -> None:
    model = RunnableModel.open(
        files.save(
            tmp_path / "m.onnx",
            [
                helper.make_node("Identity", ["x"], ["good"]),
                helper.make_node("Sub", ["x", "x"], ["zero"]),
                helper.make_node("Identity", ["x"], ["bad"]),
            ],
            [("x", files.FLOAT, ["batch", 3])],
            [(name, files.FLOAT, None) for name in ("good", "zero", "bad")],
        )
    )
    answers = {"good": VECTORS, "zero": 0 * VECTORS, "bad": VECTORS}
    save_reference(
        lambda start: {name: value[start : start + 1] for name, value in answers.items()}, model, 20, tmp_path
    )
    judge = load_reference(tmp_path)
    judge.add(0, {**answers, "bad": -1000 * VECTORS})
    score = judge.score()
    assert score.value == 0.5
    assert len(score.notes) == 1
    assert "'zero'" in score.notes[0]


def test_answers_of_another_shape_do_not_agree(tmp_path: Path) -> None:
    assert compared(tmp_path, one_output(tmp_path), VECTORS, np.ones((20, 4))).value == 0.0


def test_detections_of_any_number(tmp_path: Path) -> None:
    """One call is one item, and each has as many rows as there happen to be."""
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("NonZero", ["x"], ["where"]),
            helper.make_node("Transpose", ["where"], ["rows"]),
            helper.make_node("GatherND", ["x", "rows"], ["found"]),
        ],
        [("x", files.FLOAT, [1, 6])],
        [("where", files.INT64, None), ("found", files.FLOAT, None)],
    )
    model = RunnableModel.open(path)
    assert model.fixed_batch == 1
    x = files.weight(20, 6) * (files.weight(20, 6) > np.linspace(-1, 1, 20)[:, None])

    def answer(start: int) -> dict[str, Any]:
        where = np.array(np.nonzero(x[start : start + 1]))
        return {"where": where[None], "found": x[start][x[start] != 0][None]}

    save_reference(answer, model, 20, tmp_path)
    judge, off = load_reference(tmp_path), load_reference(tmp_path)
    for item in range(20):
        judge.add(item, answer(item))
        missed = answer(item)
        off.add(item, {"where": missed["where"][:, :, 1:], "found": missed["found"] * 0.9})
    assert judge.score().value == 1.0
    assert 0.4 < off.score().value < 0.5


def test_the_reference_is_bounded_in_items_and_in_time(tmp_path: Path) -> None:
    many = files.weight(REFERENCE_ITEMS + 50, 3)
    assert scorer(tmp_path, one_output(tmp_path), many).count == REFERENCE_ITEMS
    assert scorer(tmp_path, one_output(tmp_path), many, seconds=0.0).count == 1


def test_a_model_whose_answers_tell_nothing_is_not_run_at_all(tmp_path: Path) -> None:
    model = one_output(tmp_path)
    judge = scorer(tmp_path, model, np.zeros((20, 3), np.float32))
    samples: Any = type("Twenty", (), {"count": 20})()
    score = accuracy.evaluate(pytest.fail, model, samples, 4, score=judge, seconds=1)
    assert (score.value, score.seen) == (0.0, 0)
    assert score.notes
