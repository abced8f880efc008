"""Answers scored in the configuration's own calls, from samples that are read call by call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest

from lehr.deploy import RunnableModel, Samples, accuracy, stored
from lehr.deploy.intervals import of_mean, of_resamples, shown, wilson
from lehr.deploy.machine import peak_memory_mb, reset_peak_memory
from lehr.deploy.models import quiet_session
from lehr.deploy.scoring import ItemScores, Outputs

COUNT = 50


class Right(ItemScores):
    """An item is right where its answer is its own number."""

    def __init__(self, count: int = COUNT) -> None:
        super().__init__("right", count)
        self.sizes: list[int] = []

    def judge(self, start: int, outputs: Outputs) -> Any:
        numbers = outputs["y"][:, 0]
        self.sizes.append(len(numbers))
        return (numbers == np.arange(start, start + len(numbers))).astype(float), np.isnan(numbers)


@pytest.fixture
def model(tmp_path: Path) -> RunnableModel:
    return RunnableModel.open(files.pointwise(tmp_path / "m.onnx", ("batch", 2)))


@pytest.fixture
def numbers() -> Samples:
    x = np.arange(2 * COUNT, dtype=np.float32).reshape(COUNT, 2) // 2
    return Samples({"x": x}, {"x": 0}, frozenset(), COUNT)


@pytest.mark.parametrize("batch", [1, 3, 7, COUNT, 64])
def test_every_item_counts_once_and_calls_are_those_of_the_configuration(
    model: RunnableModel, numbers: Samples, batch: int
) -> None:
    calls: list[int] = []

    def run(feed: dict[str, Any]) -> list[Any]:
        calls.append(len(feed["x"]))
        return [feed["x"]]

    judge = Right()
    score = accuracy.evaluate(run, model, numbers, batch, score=judge, seconds=100)
    assert (score.value, score.items, score.seen, score.total) == (1.0, COUNT, COUNT, COUNT)
    assert set(calls) == {batch}
    assert sum(judge.sizes) == COUNT


def test_when_time_is_up_what_was_seen_is_the_score(model: RunnableModel, numbers: Samples) -> None:
    score = accuracy.evaluate(lambda feed: [feed["x"]], model, numbers, 8, score=Right(), seconds=0)
    assert (score.value, score.items, score.seen, score.total) == (1.0, 8, 8, COUNT)


def test_outputs_are_cut_along_their_own_axes(tmp_path: Path) -> None:
    recurrent = RunnableModel.open(files.recurrent_over_time(tmp_path / "r.onnx"), {"x": (5, 1, 8)})
    y, state = np.zeros((5, 1, 4, 4)), np.zeros((1, 4, 4))
    found = accuracy.items_of(recurrent, [y, state], 3)
    assert {name: value.shape for name, value in found.items()} == {
        "y": (3, 5, 1, 4),
        "state_out": (3, 1, 4),
    }


def test_stored_samples_are_those_that_were_given(tmp_path: Path) -> None:
    path = files.recurrent(tmp_path / "m.onnx")
    model = RunnableModel.open(path)
    arrays = {"x": files.weight(5, 4), "state": files.weight(2, 5, 3), "rate": np.array(3, np.int64)}
    samples = Samples(arrays, {"x": 0, "state": 1, "rate": None}, frozenset(), 5)
    session = quiet_session(path)
    stored.save(samples, model, lambda feed: session.run(None, feed), tmp_path)
    kept = stored.load_samples(tmp_path)
    for start, size in ((0, 1), (3, 4), (2, 12)):
        for name, array in samples.batch(start, size).items():
            assert np.array_equal(kept.batch(start, size)[name], array)
            assert kept.batch(start, size)[name].dtype == array.dtype
    score = accuracy.evaluate(
        lambda feed: session.run(None, feed), model, kept, 2, score=stored.load_scorer(tmp_path), seconds=9
    )
    assert (score.value, score.items) == (pytest.approx(1.0), 5)


def test_stacked_items_are_a_call_each(tmp_path: Path) -> None:
    path = files.recurrent_over_time(tmp_path / "m.onnx", ("time", 1, 8))
    model = RunnableModel.open(path, {"x": (6, 1, 8)})
    samples = Samples({"x": files.weight(4, 6, 1, 8)}, {"x": None}, frozenset({"x"}), 4)
    session = quiet_session(path)
    stored.save(samples, model, lambda feed: session.run(None, feed), tmp_path)
    kept = stored.load_samples(tmp_path)
    assert np.array_equal(kept.batch(2, 1)["x"], samples.inputs["x"][2])
    score = accuracy.evaluate(
        lambda feed: session.run(None, feed), model, kept, 1, score=stored.load_scorer(tmp_path), seconds=9
    )
    assert (score.value, score.items) == (1.0, 4)


def test_scoring_takes_the_memory_of_a_few_calls(tmp_path: Path) -> None:
    """Neither samples nor labels nor reference answers are charged to the trial: 80 MB each of samples and answers."""
    path = files.pointwise(tmp_path / "m.onnx", ("batch", 100_000))
    model = RunnableModel.open(path)
    x = np.random.default_rng(0).standard_normal((200, 100_000), np.float32)
    stored.save(
        Samples({"x": x}, {"x": 0}, frozenset(), 200),
        model,
        lambda feed: [np.maximum(feed["x"], 0)],
        tmp_path,
    )
    del x
    kept, judge = stored.load_samples(tmp_path), stored.load_scorer(tmp_path)
    reset_peak_memory()
    before = peak_memory_mb()
    score = accuracy.evaluate(
        lambda feed: [np.maximum(feed["x"], 0)], model, kept, 2, score=judge, seconds=60
    )
    assert (score.value, score.items) == (1.0, 200)
    assert peak_memory_mb() - before < 40


def test_intervals() -> None:
    assert wilson(1.0, 64).high == 1.0
    assert wilson(1.0, 64).low == pytest.approx(64 / (64 + 1.959964**2))
    assert wilson(0.0, 64).low == 0.0
    assert wilson(1.0, 64).sem > 0
    scores = np.random.default_rng(0).uniform(0.8, 0.9, 10_000)
    interval = of_mean(scores)
    assert interval is not None
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 0.1 / 12**0.5 / 100, rel=0.03)
    three = of_mean(np.array([0.4, 0.5, 0.6]))
    assert three is not None
    assert three.high - 0.5 == pytest.approx(4.302653 * 0.1 / 3**0.5)
    five = of_mean(np.array([0.4, 0.45, 0.5, 0.55, 0.6]))
    assert five is not None
    assert (five.high - 0.5) / five.sem == pytest.approx(2.7764, abs=0.02)
    assert of_mean(np.array([0.5])) is None
    assert of_resamples(0.5, np.array([0.5] * 10 + [np.nan] * 90)) is None


def test_an_interval_is_shown_where_it_says_something() -> None:
    assert shown("0.960", [0.9312, 0.9803], 128) == "0.960 (0.93 to 0.98, 128 items)"
    assert shown("1.000", [0.2065, 1.0], 1) == "1.000 (0.21 to 1.00, 1 item)"
    assert shown("0.999", [0.9935, 0.9998], 999) == "0.999 (0.994 to 1.000, 999 items)"
    assert shown("0.960", [0.95, 0.97], 1000) == "0.960"
    assert shown("0.960", None, 10) == shown("0.960", [0.9, 1.0], None) == "0.960"
