"""How good the answers are: accuracy against labels, else fidelity to the model as given."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.data import Samples
from lehr.deploy.models import OnnxModel
from lehr.errors import ModelError

FIDELITY_ITEMS = 256
_COMPARED_ITEMS = 16

Item = list[NDArray[Any]]
"""The numeric outputs of one item."""
Run = Callable[[dict[str, NDArray[Any]]], list[Any]]


@dataclass(frozen=True, slots=True)
class Score:
    """``value`` in 0..1 over ``items`` items, of which ``not_finite`` held NaN or infinite outputs and
    counted as wrong.
    """

    value: float
    items: int
    not_finite: int


def items_of(model: OnnxModel, outputs: Sequence[Any], count: int) -> list[Item]:
    """Cut one call's outputs into its first ``count`` items. Outputs that follow no batch belong to a lone
    item only.
    """
    kept = [
        (output.batch_axis, np.asarray(value))
        for output, value in zip(model.outputs, outputs, strict=True)
        if output.numeric and (output.batch_axis is not None or model.fixed_batch == 1)
    ]
    if model.fixed_batch == 1:
        return [[value if axis is None else np.take(value, 0, axis=axis) for axis, value in kept]]
    return [
        [np.take(value, item, axis=axis) for axis, value in kept if axis is not None] for item in range(count)
    ]


def class_output(model: OnnxModel, samples: Samples) -> int:
    """Which of an item's numeric outputs is the class: scores ``[C]`` with C >= 2, or else one integer.

    Raises:
        ModelError: there is none, or it does not go with the labels.
    """
    assert samples.labels is not None
    shapes = _item_shapes(model)
    scores = [
        i for i, (kind, shape) in enumerate(shapes) if "float" in kind and len(shape) == 1 and shape[0] >= 2
    ]
    values = [i for i, (kind, shape) in enumerate(shapes) if "int" in kind and shape in {(), (1,)}]
    if not scores and not values:
        listed = ", ".join(f"{kind} {list(shape)}" for kind, shape in shapes)
        raise ModelError(
            f"the data has labels, but {model.path.name} gives no class scores [C] per item, only {listed}; "
            "leave the labels out to compare with the fp32 model instead"
        )
    if scores:
        columns = shapes[scores[0]][1][0]
        if samples.classes is not None and len(samples.classes) != columns:
            raise ModelError(
                f"'classes' in the data lists {len(samples.classes)} classes, "
                f"but {model.path.name} has {columns} scores"
            )
        if samples.classes is None:
            if samples.labels.dtype.kind == "U":
                raise ModelError(
                    "the labels are strings; add an array 'classes' with the string of each output column"
                )
            low, high = int(samples.labels.min()), int(samples.labels.max())
            if low < 0 or high >= columns:
                raise ModelError(
                    f"labels run from {low} to {high}, but {model.path.name} has {columns} scores; add an "
                    "array 'classes' that says which label each output column stands for"
                )
    return (scores or values)[0]


def _item_shapes(model: OnnxModel) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (output.kind, tuple(size for axis, size in enumerate(output.shape) if axis != output.batch_axis))
        for output in model.outputs
        if output.numeric and (output.batch_axis is not None or model.fixed_batch == 1)
    ]


def label_scorer(model: OnnxModel, samples: Samples) -> Callable[[int, Item], float]:
    """1 where the predicted class, mapped through ``classes``, is the label; else 0."""
    which, labels, classes = class_output(model, samples), samples.labels, samples.classes
    assert labels is not None

    def score(number: int, item: Item) -> float:
        answer = item[which]
        if answer.dtype.kind == "f" and answer.ndim:
            column = int(np.argmax(answer))
            predicted = column if classes is None else classes[column]
        else:
            predicted = answer.reshape(-1)[0]
        return float(predicted == labels[number])

    return score


def fidelity(item: Item, reference: Item) -> float:
    """Agreement of one item with the reference, 0..1, averaged over its outputs.

    Scores ``[C]`` with C >= 2 agree when the largest is the same one. Anything else: 1 - |y - r| / |r| in
    Euclidean norm, not below 0; outputs of different shapes (detections of another number) do not agree at
    all.
    """
    shares = []
    for answer, truth in zip(item, reference, strict=True):
        if answer.shape != truth.shape:
            shares.append(0.0)
        elif answer.dtype.kind == "f" and answer.ndim == 1 and len(answer) >= 2:
            shares.append(float(np.argmax(answer) == np.argmax(truth)))
        else:
            error = float(np.linalg.norm((answer.astype(np.float64) - truth.astype(np.float64)).ravel()))
            scale = float(np.linalg.norm(truth.astype(np.float64).ravel()))
            shares.append(1.0 if error == 0 else 0.0 if scale == 0 else max(0.0, 1.0 - error / scale))
    return sum(shares) / len(shares)


def evaluate(
    run: Run,
    model: OnnxModel,
    samples: Samples,
    batch: int,
    *,
    score: Callable[[int, Item], float],
    seconds: float,
    larger: int = 0,
) -> Score:
    """Score all samples in calls of ``batch`` items; the last call is filled up with items that do not count.

    When that takes longer than ``seconds``, the items seen until then are the score (at least one call).
    ``larger`` is a number of items a call that is quicker. It is used where it makes no difference: where the first
    items, judged by calls of ``batch`` items, come out the same. Kernels that quantise by the range of a whole
    batch do not.
    """
    total, seen, broken = 0.0, 0, 0
    start = time.monotonic()
    first: list[Item] = []
    while seen < samples.count:
        if len(first) >= min(larger, _COMPARED_ITEMS) > 0:
            if _agrees(lambda: items_of(model, run(samples.batch(0, larger)), larger), first):  # noqa: B023
                batch = larger
            first, larger = [], 0
        valid = min(batch, samples.count - seen)
        found = items_of(model, run(samples.batch(seen, batch)), valid)
        if batch < larger < samples.count:
            first += [[value.copy() for value in item] for item in found]
            first = first[: min(larger, _COMPARED_ITEMS)]
        for number, item in enumerate(found, seen):
            if all(np.isfinite(value).all() for value in item):
                total += score(number, item)
            else:
                broken += 1
        seen += valid
        if time.monotonic() - start > seconds:
            break
    return Score(total / seen, seen, broken)


def _agrees(call: Callable[[], list[Item]], first: list[Item]) -> bool:
    """Whether a larger call runs, and answers for its first items as was answered before."""
    try:
        items = call()
    except Exception:  # what cannot run in larger batches is deployed in smaller ones
        return False
    return _same(items[: len(first)], first)


def _same(items: list[Item], others: list[Item]) -> bool:
    """Whether no output differs by more than a thousandth of its size, which is rounding in another order."""
    for item, other in zip(items, others, strict=True):
        for one, two in zip(item, other, strict=True):
            if one.shape != two.shape:
                return False
            if one.dtype.kind != "f":
                if not np.array_equal(one, two):
                    return False
                continue
            apart = np.linalg.norm((one.astype(np.float64) - two.astype(np.float64)).ravel())
            # Written so that NaN is not the same.
            if not apart <= 1e-3 * np.linalg.norm(two.astype(np.float64).ravel()) + 1e-9:
                return False
    return True


def save_reference(run: Run, model: OnnxModel, samples: Samples, path: Path) -> None:
    """Store the given model's outputs for the first items, in calls of one or of its fixed batch size."""
    size = model.fixed_batch or 1
    arrays: dict[str, NDArray[Any]] = {}
    for start in range(0, min(samples.count, FIDELITY_ITEMS), size):
        valid = min(size, samples.count - start)
        for number, item in enumerate(items_of(model, run(samples.batch(start, size)), valid), start):
            arrays |= {f"{number}/{output}": value for output, value in enumerate(item)}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]  # mypy takes them for allow_pickle


def fidelity_scorer(path: Path) -> Callable[[int, Item], float]:
    """Compare with what :func:`save_reference` stored."""
    with np.load(path, allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}

    def score(number: int, item: Item) -> float:
        return fidelity(item, [stored[f"{number}/{output}"] for output in range(len(item))])

    return score
