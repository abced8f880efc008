"""Scoring by the user's metric: outputs are collected, and the function is called once, on all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.intervals import Interval, of_resamples
from lehr.deploy.scoring import Outputs, Score, broken_items
from lehr.deploy.user_metric import UserMetric
from lehr.errors import ModelError

_RESAMPLES = 100
_RESAMPLING_S = 0.5


class UserMetricScorer:
    """Calls the metric on the outputs of all items at the end; its interval comes from calls on items drawn again, for
    half a second at most.
    """

    def __init__(
        self, metric: UserMetric, read: Callable[[int, int], NDArray[Any]], count: int, *, lone: bool
    ) -> None:
        """``read`` gives the labels of so many items from an item on; ``lone`` is whether the model has one output."""
        self.description, self.count = metric.description, count
        self._metric, self._read, self._lone = metric, read, lone
        self._kept: dict[str, NDArray[Any] | list[NDArray[Any]]] = {}
        self._seen = 0
        self._broken: list[NDArray[np.bool_]] = []

    def add(self, start: int, outputs: Outputs) -> None:
        """Keep one call's outputs."""
        broken = np.zeros(0, dtype=bool)
        for name, items in outputs.items():
            if name not in self._kept:
                self._kept[name] = np.empty((self.count, *items.shape[1:]), items.dtype)
            kept = self._kept[name]
            if isinstance(kept, np.ndarray) and kept.shape[1:] != items.shape[1:]:
                self._kept[name] = kept = [one.copy() for one in kept[: self._seen]]
            if isinstance(kept, list):
                kept += [one.copy() for one in items]
            else:
                kept[start : start + len(items)] = items  # pages that no item has filled take no memory
            broken = broken_items(items) if not len(broken) else broken | broken_items(items)
        self._seen += len(broken)
        self._broken.append(broken)

    def score(self) -> Score:
        """The metric's value.

        Raises:
            ModelError: the function raised, or gave no finite number.
        """
        labels = self._read(0, self._seen)
        value = self._metric(self._chosen(None), labels)
        broken = int(np.concatenate(self._broken).sum())
        interval = self._interval(value, labels)
        return Score(value, self._seen, broken, self._seen, self.count, self.description, interval)

    def _chosen(self, items: NDArray[np.intp] | None) -> Any:
        """The outputs of these items, or of all, as the metric takes them."""
        found: dict[str, Any] = {}
        for name, kept in self._kept.items():
            if items is None:
                found[name] = kept[: self._seen]
            else:
                found[name] = [kept[item] for item in items] if isinstance(kept, list) else kept[items]
        return next(iter(found.values())) if self._lone else found

    def _interval(self, value: float, labels: NDArray[Any]) -> Interval | None:
        rng, start = np.random.default_rng(0), time.monotonic()
        found: list[float] = []
        while len(found) < _RESAMPLES and time.monotonic() - start < _RESAMPLING_S:
            items = rng.integers(0, self._seen, self._seen)
            try:
                found.append(self._metric(self._chosen(items), labels[items]))
            except ModelError:  # items drawn again may hold one class only, of which some metrics say nothing
                found.append(float("nan"))
        return of_resamples(value, np.array(found))
