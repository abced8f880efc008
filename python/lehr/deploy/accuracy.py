"""How good the answers are: the model run on the samples, in the configuration's own calls, and scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.models import RunnableModel
from lehr.deploy.scoring import Outputs, Score, Scorer

Run = Callable[[dict[str, NDArray[Any]]], Sequence[Any]]
"""Runs the model once: inputs by name to outputs in the model's order."""


class Batches(Protocol):
    """Items that are fed call by call, such as :class:`lehr.deploy.data.Samples`."""

    @property
    def count(self) -> int:
        """How many items there are."""

    def batch(self, start: int, size: int) -> dict[str, NDArray[Any]]:
        """The inputs of one call."""


def items_of(model: RunnableModel, outputs: Sequence[Any], count: int) -> dict[str, NDArray[Any]]:
    """One call's numeric outputs by name, each as its first ``count`` items [count, ...]. Outputs that follow no batch
    belong to a lone item only.
    """
    found = {}
    for output, value in zip(model.outputs, outputs, strict=True):
        if not output.numeric:
            continue
        array = np.asarray(value)
        if output.batch_axis is not None:
            found[output.name] = np.moveaxis(array, output.batch_axis, 0)[:count]
        elif model.fixed_batch == 1:
            found[output.name] = array[None]
    return found


def evaluate(
    run: Run, model: RunnableModel, samples: Batches, batch: int, *, score: Scorer, seconds: float
) -> Score:
    """Score the samples in calls of ``batch`` items; the last call is filled up with items that do not count.

    The calls are those of the configuration, so that judging takes no more memory than running does. When they take
    longer than ``seconds``, the items seen until then are the score (at least one call), and a note says what share of
    the samples they are. A scorer to which nothing can be told is not called: the score is 0.
    """
    total, seen = min(samples.count, score.count), 0
    start = time.monotonic()
    while seen < total:
        valid = min(batch, total - seen)
        score.add(seen, items_of(model, run(samples.batch(seen, batch)), valid))
        seen += valid
        if time.monotonic() - start > seconds:
            break
    return score.score()


def answers_of(run: Run, model: RunnableModel, samples: Batches, size: int) -> Callable[[int], Outputs]:
    """The model's answers to ``size`` items from an item on."""
    return lambda start: items_of(model, run(samples.batch(start, size)), size)
