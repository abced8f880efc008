"""What the labels of the samples are, and how right the model's answers are by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.intervals import of_resamples
from lehr.deploy.models import RunnableModel
from lehr.deploy.scoring import ItemScores, Outputs, Score, broken_items
from lehr.deploy.signature import OutputSpec, describe
from lehr.errors import ModelError

Kind = Literal["classes", "one-hot", "binary", "multi-label", "values", "regression"]
Read = Callable[[int, int], NDArray[Any]]
"""Labels of so many items from an item on."""

_RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Labels:
    """What labels were understood to be. ``output`` is the output they are compared with; answers above
    ``threshold`` mean yes.
    """

    kind: Kind
    output: str
    threshold: float = 0.5

    @property
    def description(self) -> str:
        """The kind, and how answers are scored by it, for people."""
        at = "0.5" if self.threshold == 0.5 else "probability 0.5, a logit of 0"
        return {
            "classes": "classes",
            "one-hot": "one-hot classes",
            "binary": f"yes or no (at {at})",
            "multi-label": f"multi-label (mean of per-label agreement at {at})",
            "values": "values (share of equal elements)",
            "regression": "regression (R2)",
        }[self.kind]

    def scorer(self, read: Read, classes: NDArray[Any] | None, count: int) -> ItemScores | RegressionScorer:
        """What scores the answers to ``count`` items whose labels ``read`` gives."""
        if self.kind == "regression":
            return RegressionScorer(self, read, count)
        return LabelScorer(self, read, classes, count)


def judged_outputs(model: RunnableModel) -> list[OutputSpec]:
    """Numeric outputs that can be told apart by item."""
    return [
        output
        for output in model.outputs
        if output.numeric and (output.batch_axis is not None or model.fixed_batch == 1)
    ]


def understand(model: RunnableModel, labels: NDArray[Any], classes: NDArray[Any] | None = None) -> Labels:
    """What ``labels`` [N, ...] are, by their type, shape and values, and by the model's outputs.

    One integer, boolean or string per item is a class, where the model gives scores [C] or integers; 0 and 1 are yes
    and no, and other numbers a regression's target, where it gives one float. Labels in the shape of a float output are
    one-hot classes where they hold a single 1 in each row, several labels where they hold 0 and 1 otherwise, else
    targets of a regression; those in the shape of an integer output are values.

    Raises:
        ModelError: they go with none of the model's outputs.
    """
    outputs = judged_outputs(model)
    if labels.size == len(labels):
        labels = labels.reshape(-1)
    found = _one_each(model, outputs, labels, classes) if labels.ndim == 1 else None
    found = found or _shaped(outputs, labels)
    if found is None:
        listed = ", ".join(f"'{one.name}' {one.kind} {describe(one.item_shape)}" for one in outputs)
        what = (
            f"one {_named(labels)}" if labels.ndim == 1 else f"{_named(labels)} {describe(labels.shape[1:])}"
        )
        raise ModelError(
            f"the labels in the data are {what} an item, and {model.path.name} gives no class scores [C] nor anything "
            f"else that goes with that, only {listed}; give a metric function (--metric package.module:function), or "
            "leave the labels out to compare with the model as given"
        )
    if classes is not None and found.kind != "classes":
        raise ModelError(
            f"'classes' in the data goes with one class an item, and the labels are {found.description}"
        )
    return found


def _named(labels: NDArray[Any]) -> str:
    return "string" if labels.dtype.kind == "U" else str(labels.dtype)


def _squeezed(output: OutputSpec) -> tuple[int, ...]:
    return tuple(size for size in output.item_shape if size != 1)


def _one_each(
    model: RunnableModel, outputs: list[OutputSpec], labels: NDArray[Any], classes: NDArray[Any] | None
) -> Labels | None:
    floats = [one for one in outputs if "int" not in one.kind and "bool" not in one.kind]
    scores = [one for one in floats if len(_squeezed(one)) == 1]
    lone = [one for one in floats if not _squeezed(one)]
    numbers = [one for one in outputs if one not in floats and not _squeezed(one)]
    if labels.dtype.kind in "iubU" and scores:
        chosen = next((one for one in scores if one.scores), scores[0])
        columns = _squeezed(chosen)[0]
        own = numbers and classes is None and labels.dtype.kind != "U"  # as classifiers of scikit-learn have
        if not (own and (labels.min() < 0 or labels.max() >= columns)):
            _check_classes(model, columns, labels, classes)
            return Labels("classes", chosen.name)
    if labels.dtype.kind in "iubU" and numbers:
        return Labels("classes", numbers[0].name)
    if labels.dtype.kind in "iub" and lone and np.isin(labels, (0, 1)).all():
        return Labels("binary", lone[0].name, _threshold(lone[0]))
    if labels.dtype.kind in "iuf" and lone:
        return _regression(lone[0], labels)
    return None


def _shaped(outputs: list[OutputSpec], labels: NDArray[Any]) -> Labels | None:
    """Labels in the shape of an output, axes of size 1 aside."""
    shape = tuple(size for size in labels.shape[1:] if size != 1)
    same = [one for one in outputs if _squeezed(one) == shape and shape]
    if not same or labels.dtype.kind not in "iubf":
        return None
    output = next((one for one in same if one.scores), same[0])
    if "int" in output.kind or "bool" in output.kind:
        return Labels("values", output.name)
    if not np.isin(labels, (0, 1)).all():
        return _regression(output, labels)
    if len(shape) == 1 and (labels.reshape(len(labels), -1).sum(axis=1) == 1).all():
        return Labels("one-hot", output.name)
    return Labels("multi-label", output.name, _threshold(output))


def _threshold(output: OutputSpec) -> float:
    return 0.5 if output.unit else 0.0


def _regression(output: OutputSpec, labels: NDArray[Any]) -> Labels:
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise ModelError("the labels in the data hold NaN or infinite values")
    if (labels == labels[:1]).all():
        raise ModelError(
            "the labels in the data are the same for all items, which tells nothing of a regression (R2)"
        )
    return Labels("regression", output.name)


def _check_classes(
    model: RunnableModel, columns: int, labels: NDArray[Any], classes: NDArray[Any] | None
) -> None:
    if classes is not None:
        if len(classes) != columns:
            raise ModelError(
                f"'classes' in the data lists {len(classes)} classes, but {model.path.name} has {columns} scores"
            )
        return
    if labels.dtype.kind == "U":
        raise ModelError(
            "the labels are strings; add an array 'classes' with the string of each output column"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= columns:
        raise ModelError(
            f"labels run from {low} to {high}, but {model.path.name} has {columns} scores; add an "
            "array 'classes' that says which label each output column stands for"
        )


class LabelScorer(ItemScores):
    """Right or wrong for each item; with several labels an item the share of right ones."""

    def __init__(self, labels: Labels, read: Read, classes: NDArray[Any] | None, count: int) -> None:
        super().__init__(labels.description, count)
        self._labels, self._read, self._classes = labels, read, classes

    def judge(self, start: int, outputs: Outputs) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Whether each item is right."""
        answers = np.asarray(outputs[self._labels.output])
        count = len(answers)
        rows = answers.reshape(count, -1)
        truth = self._read(start, count).reshape(count, -1)
        match self._labels.kind:
            case "classes" if rows.dtype.kind == "f":
                columns = rows.argmax(axis=1)
                predicted = columns if self._classes is None else self._classes[columns]
                right = (predicted == truth[:, 0])[:, None]
            case "classes" | "values":
                right = rows == truth
            case "one-hot":
                right = (rows.argmax(axis=1) == truth.argmax(axis=1))[:, None]
            case _:
                right = (rows > self._labels.threshold) == (truth > 0.5)
        broken = broken_items(rows)
        return np.where(broken, 0.0, right.mean(axis=1)), broken


class RegressionScorer:
    """R2, averaged over the targets: 1 less the mean squared error over the labels' variance; 1 is best, 0 is what the
    mean of the labels scores. An answer that is not finite counts as that mean.
    """

    def __init__(self, labels: Labels, read: Read, count: int) -> None:
        self.description, self.count = labels.description, count
        self._output, self._read = labels.output, read
        self._truth: list[NDArray[np.float64]] = []
        self._errors: list[NDArray[np.float64]] = []

    def add(self, start: int, outputs: Outputs) -> None:
        """Take one call's answers."""
        answers = np.asarray(outputs[self._output])
        count = len(answers)
        truth = self._read(start, count).reshape(count, -1).astype(np.float64)
        self._truth.append(truth)
        self._errors.append(answers.reshape(count, -1).astype(np.float64) - truth)

    def score(self) -> Score:
        """R2 over all items added; 0 where their labels do not vary."""
        truth, errors = np.concatenate(self._truth), np.concatenate(self._errors)
        broken = broken_items(errors)
        away = truth - truth.mean(axis=0)
        errors[broken] = away[broken]
        squares, spread = errors**2, away**2
        value = _r2(squares.sum(axis=0), spread.sum(axis=0))
        rng = np.random.default_rng(0)
        resamples = np.empty(_RESAMPLES)
        for number in range(_RESAMPLES):
            times = np.bincount(rng.integers(0, len(truth), len(truth)), minlength=len(truth)).astype(
                np.float64
            )
            centre = times @ away / len(truth)
            resamples[number] = _r2(times @ squares, times @ spread - len(truth) * centre**2)
        known = math.isfinite(value)
        return Score(
            value if known else 0.0,
            len(truth),
            int(broken.sum()),
            len(truth),
            self.count,
            self.description,
            of_resamples(value, resamples) if known else None,
            () if known else ("the labels that were scored are all the same, which tells nothing of R2",),
        )


def _r2(squares: NDArray[np.float64], spread: NDArray[np.float64]) -> float:
    """Averaged over the targets whose labels vary; NaN where none does."""
    varies = spread > 0
    return float(np.mean(1 - squares[varies] / spread[varies])) if varies.any() else math.nan
