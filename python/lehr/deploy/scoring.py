"""Scores of a configuration's answers, and what gives them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.intervals import Interval, of_mean, wilson

Outputs = Mapping[str, NDArray[Any]]
"""By output name, the answers to some items, [items, ...]."""


@dataclass(frozen=True, slots=True)
class Score:
    """``value``, higher is better, over ``items`` items. ``means`` says what it is.

    ``seen`` of ``total`` items were run, as far as the time went; those without a usable reference are not among
    ``items``.

    ``interval`` is its 95 % confidence interval and standard error over the choice of items; None where too few were
    scored. ``not_finite`` items had NaN or infinite answers and counted as wrong. ``notes`` are sentences that the user
    needs to read the value.
    """

    value: float
    items: int
    not_finite: int
    seen: int
    total: int
    means: str
    interval: Interval | None = None
    notes: tuple[str, ...] = ()

    @property
    def low(self) -> float | None:
        """The lower end of the interval."""
        return None if self.interval is None else self.interval.low

    @property
    def high(self) -> float | None:
        """The upper end of the interval."""
        return None if self.interval is None else self.interval.high

    @property
    def sem(self) -> float | None:
        """The standard error."""
        return None if self.interval is None else self.interval.sem


class Scorer(Protocol):
    """Is given the answers call by call, in the order of the items, and says how good they are."""

    @property
    def description(self) -> str:
        """What the score is, for people."""

    @property
    def count(self) -> int:
        """How many items it can score, from the first on; 0 where nothing can be told."""

    def add(self, start: int, outputs: Outputs) -> None:
        """Take the answers to the items from ``start`` on."""

    def score(self) -> Score:
        """The score of all that was added."""


class ItemScores(ABC):
    """A scorer that gives each item a score in 0..1, whose mean is the score.

    Where every item is right or wrong the interval is Wilson's, else Student's.
    """

    def __init__(self, description: str, count: int, notes: tuple[str, ...] = ()) -> None:
        self.description, self.count, self.notes = description, count, notes
        self._scores: list[NDArray[np.float64]] = []
        self._broken, self._seen = 0, 0

    @abstractmethod
    def judge(self, start: int, outputs: Outputs) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The items' scores, NaN for one that tells nothing; and which of them had answers that are not finite."""

    def add(self, start: int, outputs: Outputs) -> None:
        """Score one call's answers."""
        scores, broken = self.judge(start, outputs)
        self._seen += len(scores)
        self._scores.append(scores[~np.isnan(scores)])
        self._broken += int(broken.sum())

    def score(self) -> Score:
        """The mean; 0 where no item told anything."""
        scores = np.concatenate(self._scores) if self._scores else np.empty(0)
        value, interval = 0.0, None
        if len(scores):
            value = float(scores.mean())
            counted = bool(np.isin(scores, (0.0, 1.0)).all())
            interval = wilson(value, len(scores)) if counted else of_mean(scores)
        return Score(
            value, len(scores), self._broken, self._seen, self.count, self.description, interval, self.notes
        )


#: Answers that vary by less than this part of their size: any constant among them would agree to 99.9 %.
_VARIES = 1e-3


def varies(items: NDArray[Any]) -> bool:
    """Whether finite answers [n, ...] to several items differ by more than rounding."""
    if items.dtype.kind not in "fc":
        return not bool((items == items[:1]).all())
    rows = items.reshape(len(items), -1).astype(np.float64)
    size = np.sqrt(np.mean(np.sum(rows**2, axis=1)))
    away = np.sqrt(np.mean(np.sum((rows - rows.mean(axis=0)) ** 2, axis=1)))
    return bool(away > _VARIES * size)


def broken_items(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which of the items [n, ...] hold NaN or infinite values."""
    if values.dtype.kind not in "fc":
        return np.zeros(len(values), dtype=bool)
    broken: NDArray[np.bool_] = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    return broken
