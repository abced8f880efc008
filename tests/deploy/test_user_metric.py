"""A metric of the user's: how it is named, called and held to its word."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from benches import Bench
from onnx import helper

from lehr import ModelError
from lehr.deploy import RunnableModel, Stage
from lehr.deploy.user_metric import UserMetric
from lehr.deploy.user_metric_scorer import UserMetricScorer


def share_right(outputs: Any, labels: Any) -> float:
    return float(np.mean(outputs.argmax(axis=1) == labels))


def test_a_function_and_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_metrics.py").write_text(
        "class Group:\n    @staticmethod\n    def f(outputs, labels):\n        return outputs.sum() - labels.sum()\n"
    )
    monkeypatch.chdir(tmp_path)
    named = UserMetric.of("my_metrics:Group.f")
    assert pickle.loads(pickle.dumps(named))(np.ones(5), np.ones(2)) == 3.0
    assert named.name == named.key() == "my_metrics:Group.f"
    given = UserMetric.of(share_right)
    assert given.name == "share_right"
    assert (
        given.key()
        != UserMetric.of(lambda outputs, labels: 1.0).key()
        != UserMetric.of(lambda outputs, labels: 2.0).key()
    )
    assert UserMetric.of(given) is given


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("nothing", "not of the form package.module:function"),
        ("a b:c", "not of the form"),
        (3, "not int"),
    ],
)
def test_what_is_no_metric(metric: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        UserMetric.of(metric)


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("no.such.module:f", "module no.such.module cannot be imported: ModuleNotFoundError"),
        ("math:no_such", "module math has no function 'no_such'"),
        (lambda outputs, labels: 1 / 0, r"raised ZeroDivisionError: division by zero"),
        (lambda outputs: 1.0, "raised TypeError"),
        (lambda outputs, labels: None, "must return one number, and returned NoneType"),
        (lambda outputs, labels: np.ones(3), "must return one number, and returned ndarray"),
        (lambda outputs, labels: float("nan"), "must return a finite number, and returned nan"),
        (lambda outputs, labels: -np.inf, "finite"),
    ],
)
def test_its_mistakes_are_one_sentence(metric: Any, words: str) -> None:
    with pytest.raises(ModelError, match=re.compile(words)) as caught:
        UserMetric.of(metric)(np.ones(2), np.ones(2))
    assert "\n" not in str(caught.value)


def added(metric: Any, batches: list[dict[str, Any]], labels: Any, lone: bool = True) -> Any:
    labels = np.asarray(labels)
    judge = UserMetricScorer(
        UserMetric.of(metric), lambda start, count: labels[start : start + count], len(labels), lone=lone
    )
    seen = 0
    for batch in batches:
        judge.add(seen, batch)
        seen += len(next(iter(batch.values())))
    return judge.score()


def test_it_is_given_all_items_at_once_and_its_interval_is_drawn() -> None:
    scores, labels = files.weight(100, 3), files.weight(100, 3).argmax(axis=1)
    labels[:20] = (labels[:20] + 1) % 3
    calls: list[tuple[int, ...]] = []

    def noted(outputs: Any, truth: Any) -> float:
        calls.append((*outputs.shape, len(truth)))
        return share_right(outputs, truth)

    score = added(noted, [{"y": scores[start : start + 30]} for start in range(0, 100, 30)], labels)
    assert calls[0] == (100, 3, 100)
    assert (score.value, score.items, score.total) == (0.8, 100, 100)
    assert score.low == pytest.approx(0.72, abs=0.04)
    assert score.high == pytest.approx(0.88, abs=0.04)
    assert score.sem == pytest.approx(0.04, abs=0.015)


def test_part_of_the_items_is_what_it_is_given_when_time_is_up() -> None:
    score = added(
        lambda outputs, labels: float(len(outputs) == len(labels) == 4), [{"y": np.ones((4, 2))}], np.ones(9)
    )
    assert (score.value, score.items, score.total) == (1.0, 4, 9)


def test_several_outputs_come_by_name_and_different_shapes_as_a_list() -> None:
    def total(outputs: Any, labels: Any) -> float:
        return float(outputs["a"].sum() + outputs["b"].sum())

    assert added(total, [{"a": np.ones((2, 1)), "b": np.ones((2, 3))}], [0, 0], lone=False).value == 8.0
    batches = [{"y": np.ones((1, rows, 2))} for rows in (1, 1, 3, 2)]
    assert added(lambda outputs, labels: sum(len(one) for one in outputs), batches, np.zeros(4)).value == 7.0


def test_a_metric_that_fails_on_items_drawn_again_has_no_interval() -> None:
    def once(outputs: Any, labels: Any) -> float:
        if len(np.unique(outputs[:, 0])) < len(outputs):
            raise ValueError("only one class")
        return 0.5

    score = added(once, [{"y": np.arange(9.0)[:, None]}], np.zeros(9))
    assert (score.value, score.low, score.high, score.sem) == (0.5, None, None, None)


def test_a_metric_decides_and_labels_may_have_any_shape(bench: Callable[..., Bench], tmp_path: Path) -> None:
    model = files.linear(tmp_path / "m.onnx")
    x = files.weight(40, 8)
    labels = np.stack([x @ files.weight(8, 3)] * 2, axis=1)  # [40, 2, 3], like none of the outputs

    def closeness(outputs: Any, truth: Any) -> float:
        assert truth.shape == (len(outputs), 2, 3)
        return 1.0 - float(np.abs(outputs - truth[:, 1]).max())

    np.savez(tmp_path / "data.npz", x=x, labels=labels)
    metrics = bench(model, tmp_path / "data.npz", {"metric": closeness})({"batch_size": 7})
    assert metrics["accuracy"] == pytest.approx(1.0, abs=1e-4)
    assert metrics["accuracy_samples"] == 32
    assert metrics["facts"]["accuracy_of"].startswith("metric ")


def test_a_metric_without_labels(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="add 'labels'"):
        stage.open(files.linear(tmp_path / "m.onnx"), metric="math:hypot")


def test_a_metric_s_one_output_and_several(bench: Callable[..., Bench], tmp_path: Path) -> None:
    """How many outputs the model has decides, also where only one of them follows the batch."""
    path = files.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("Identity", ["x"], ["y"]),
            helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0),
        ],
        [("x", files.FLOAT, ["batch", 3])],
        [("y", files.FLOAT, None), ("top", files.FLOAT, None)],
    )
    assert RunnableModel.open(path).fixed_batch is None

    def named(outputs: Any, labels: Any) -> float:
        assert list(outputs) == ["y"]
        return 1.0

    np.savez(tmp_path / "data.npz", x=files.weight(20, 3), labels=np.zeros(20))
    assert bench(path, tmp_path / "data.npz", {"metric": named})({})["accuracy"] == 1.0
