"""Judging answers in larger batches than are deployed: only where that makes no difference."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lehr.deploy import accuracy

COUNT = 50


class Batches:
    """Samples whose only input is the item's number; notes how many items each call had."""

    count = COUNT

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def batch(self, start: int, size: int) -> dict[str, Any]:
        return {"x": np.arange(start, start + size) % COUNT}


MODEL: Any = SimpleNamespace(fixed_batch=None, outputs=[SimpleNamespace(numeric=True, batch_axis=0)])


def judged(run: Any, *, batch: int = 1, larger: int = 16) -> tuple[accuracy.Score, list[int]]:
    samples: Any = Batches()

    def noted(feed: dict[str, Any]) -> list[Any]:
        samples.sizes.append(len(feed["x"]))
        return [run(feed["x"])]

    def right(number: int, item: Any) -> float:
        return float(item[0][0] == number)

    score = accuracy.evaluate(noted, MODEL, samples, batch, score=right, seconds=100, larger=larger)
    return score, samples.sizes


def scores(items: Any) -> Any:
    return np.stack([items, items + 1], axis=1).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_every_item_counts_once_and_most_calls_are_large(batch: int) -> None:
    score, sizes = judged(scores, batch=batch)
    assert (score.value, score.items) == (1.0, COUNT)
    assert sizes[-1] == 16
    assert sizes.count(batch) == -(-16 // batch)


@pytest.mark.parametrize(("batch", "larger"), [(2, 11), (3, 4), (10, 20), (7, 49)])
def test_any_sizes(batch: int, larger: int) -> None:
    score, sizes = judged(scores, batch=batch, larger=larger)
    assert (score.value, score.items) == (1.0, COUNT)
    assert sizes[-1] == larger


def test_a_larger_batch_that_does_not_run_is_left_alone() -> None:
    def run(items: Any) -> Any:
        if len(items) > 2:
            raise RuntimeError("no")
        return scores(items)

    assert judged(run, batch=2)[0].value == 1.0


def test_a_model_whose_answers_depend_on_the_batch_is_judged_as_deployed() -> None:
    score, sizes = judged(lambda items: scores(items) * (1.01 if len(items) > 1 else 1.0))
    assert score.value == 1.0
    assert sizes.count(16) == 1
    assert sizes.count(1) == COUNT


def test_not_finite_is_not_the_same() -> None:
    score, sizes = judged(lambda items: np.where(items[:, None] == 3, np.nan, scores(items)))
    assert (score.not_finite, score.items) == (1, COUNT)
    assert sizes.count(1) == COUNT


@pytest.mark.parametrize("larger", [0, 1, COUNT, 1000])
def test_nothing_to_gain(larger: int) -> None:
    assert judged(scores, larger=larger)[1] == [1] * COUNT
