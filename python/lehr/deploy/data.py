"""Samples to run a model on: from a file, from the zoo, or made up; checked against the model."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy import zoo
from lehr.deploy.fitting import cast, item_axis
from lehr.deploy.made_up import describe_made_up, made_up
from lehr.deploy.models import Arrays, RunnableModel
from lehr.deploy.signature import describe
from lehr.errors import ModelError

LABELS = ("labels", "y")
CLASSES = "classes"
CALIBRATION = 64
_MADE_UP_BYTES, _MADE_UP_COUNT = 32e6, 64


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs of ``count`` items by input name, in the model's types; labels where they are known.

    ``axes`` holds each input's item axis; None for an input that is the same for every item. ``labels`` is
    [count, ...], and ``classes[i]`` the label that output column ``i`` stands for. ``notes`` say what the user must
    know of the samples: that they were made up, for instance.
    """

    inputs: dict[str, NDArray[Any]]
    axes: dict[str, int | None]
    stacked: frozenset[str]
    count: int
    labels: NDArray[Any] | None = None
    classes: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()

    def feed(self, items: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
        """The inputs of one call with these items. In a model without a batch axis a call takes one item."""
        feed = {}
        for name, array in self.inputs.items():
            axis = self.axes[name]
            if name in self.stacked:
                feed[name] = np.ascontiguousarray(array[items[0]])
            elif axis is None:
                feed[name] = array
            else:
                feed[name] = np.ascontiguousarray(np.take(array, items, axis=axis))
        return feed

    def batch(self, start: int, size: int) -> dict[str, NDArray[Any]]:
        """Items ``start`` to ``start + size``; past the end the samples begin again, so that every call is
        full.
        """
        return self.feed(np.arange(start, start + size) % self.count)

    def take(self, items: NDArray[np.intp]) -> Samples:
        """Only these items."""
        inputs = dict(self.inputs)
        for name, array in self.inputs.items():
            axis = 0 if name in self.stacked else self.axes[name]
            if axis is not None:
                inputs[name] = np.take(array, items, axis=axis)
        labels = None if self.labels is None else self.labels[items]
        return replace(self, inputs=inputs, count=len(items), labels=labels)

    def split(self) -> tuple[Samples, Samples]:
        """Evaluation and calibration items, disjoint: every fifth item calibrates, at most 64 of them.

        With fewer than 10 items, or made-up ones, both are the whole.
        """
        if self.count < 10:
            return self, self
        calibration = np.arange(0, self.count, 5)[:CALIBRATION]
        return self.take(np.setdiff1d(np.arange(self.count), calibration)), self.take(calibration)


def input_arrays(
    arrays: Arrays, names: list[str], file: str
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """Separate the arrays of a file into inputs by name and the rest (labels, classes).

    A model with one input takes the only other array, whatever its name.

    Raises:
        ModelError: an input has no array, or an array no input.
    """
    reserved = {name for name in (*LABELS, CLASSES) if name not in names}
    rest = {name: array for name, array in arrays.items() if name in reserved}
    inputs = {name: array for name, array in arrays.items() if name not in reserved}
    empty = next((name for name in inputs if not inputs[name].size), None)
    if empty is not None:
        raise ModelError(f"{file} holds no samples: the array {empty!r} is {describe(inputs[empty].shape)}")
    if len(names) == 1 and len(inputs) == 1:
        return {names[0]: next(iter(inputs.values()))}, rest
    missing = [name for name in names if name not in inputs]
    unknown = [name for name in inputs if name not in names]
    if missing:
        close = difflib.get_close_matches(missing[0], unknown, 1, 0.4)
        have = (
            f"it has {', '.join(repr(name) for name in arrays if name)}"
            if any(arrays)
            else "it has one unnamed array"
        )
        hint = f"; rename '{close[0]}' to '{missing[0]}'" if close else ""
        raise ModelError(f"{file} has no array for input '{missing[0]}' ({have}){hint}")
    if unknown:
        raise ModelError(
            f"{file} has an array '{unknown[0]}', which is no input of the model "
            f"({', '.join(repr(n) for n in names)}) nor one of {', '.join(repr(n) for n in sorted(reserved))}"
        )
    return inputs, rest


def samples_for(
    model: RunnableModel, arrays: Arrays, file: str = "the data", *, any_labels: bool = False
) -> Samples:
    """Check ``arrays`` (as :func:`lehr.deploy.files.load_arrays` gives them) against the model and bring them to its
    types. With ``any_labels``, for a metric function, labels may be of any type and shape with one row an item.

    Raises:
        ModelError: names, shapes, types, values or labels do not fit; one sentence says which and how.
    """
    given, rest = input_arrays(arrays, [spec.name for spec in model.inputs], file)
    inputs, axes, stacked, counts = {}, {}, set(), {}
    for spec in model.inputs:
        array = given[spec.name]
        place = item_axis(spec, array.shape, model.fixed_batch == 1, file)
        axes[spec.name] = spec.batch_axis if place == "stacked" else place
        if place == "stacked":
            stacked.add(spec.name)
            counts[spec.name] = len(array)
        elif place is not None:
            counts[spec.name] = array.shape[place]
        inputs[spec.name] = cast(spec.name, spec.dtype, array, file)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"'{name}' {count}" for name, count in counts.items())
        raise ModelError(f"the inputs in {file} do not have the same number of samples: {listed}")
    count = next(iter(counts.values()), 1)
    if count == 0:
        raise ModelError(f"{file} holds no samples")
    labels, classes = _labels(rest, count, file, any_labels)
    return Samples(inputs, axes, frozenset(stacked), count, labels, classes)


def _labels(
    rest: Arrays, count: int, file: str, any_labels: bool
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    given = [name for name in LABELS if name in rest]
    if len(given) > 1:
        raise ModelError(f"{file} holds both 'labels' and 'y'; keep one")
    if not given:
        return None, None
    labels = rest[given[0]]
    if labels.shape == (count, 1) and not any_labels:
        labels = labels[:, 0]
    if labels.ndim == 0 or len(labels) != count:
        raise ModelError(
            f"'{given[0]}' in {file} must have one row for each of the {count} samples, not the shape "
            f"{describe(labels.shape)}"
        )
    if labels.dtype.kind not in "iubfU":
        raise ModelError(f"'{given[0]}' in {file} must be numbers or strings, not {labels.dtype}")
    classes = rest.get(CLASSES)
    if classes is None or any_labels:
        return labels, classes
    if classes.ndim != 1 or len(set(classes.tolist())) != len(classes):
        raise ModelError(
            f"'classes' in {file} must list each class once, in the order of the model's outputs"
        )
    if labels.ndim == 1 and (strange := set(labels.tolist()) - set(classes.tolist())):
        raise ModelError(
            f"'{given[0]}' in {file} holds {sorted(strange, key=str)[0]!r}, which is not in 'classes'"
        )
    return labels, classes


def made_up_samples(model: RunnableModel, seed: int = 0) -> Samples:
    """Unlabelled items made up by the types and names of the model's inputs; a note says what was made up."""
    rng = np.random.default_rng(seed)
    size = sum(int(np.prod(spec.shape)) * np.dtype(spec.dtype).itemsize for spec in model.inputs)
    count = int(np.clip(_MADE_UP_BYTES // max(size, 1), 4, _MADE_UP_COUNT))
    batched = any(spec.batch_axis is not None for spec in model.inputs)
    inputs = {}
    for spec in model.inputs:
        if batched:
            inputs[spec.name] = made_up(spec, count, rng)
        else:
            inputs[spec.name] = np.stack([made_up(spec, 1, rng) for _ in range(count)])
    stacked = frozenset() if batched else frozenset(inputs)
    axes = {spec.name: spec.batch_axis for spec in model.inputs}
    return Samples(inputs, axes, stacked, count, notes=(describe_made_up(model.inputs),))


def zoo_samples(variant: zoo.Variant = "noisy") -> tuple[Samples, Samples]:
    """Held-out images of the zoo with their labels, and calibration images, which come from the training
    part.
    """
    with np.load(zoo.data_path(), allow_pickle=False) as file:
        held_out = (
            zoo.noisy_to_input(file["noisy"]) if variant == "noisy" else zoo.pixels_to_input(file["clean"])
        )
        calibration, labels, classes = (
            zoo.pixels_to_input(file["calibration"]),
            file["labels"],
            file["classes"],
        )

    def samples(images: NDArray[Any], truth: NDArray[Any] | None) -> Samples:
        return Samples({"input": images}, {"input": 0}, frozenset(), len(images), truth, classes)

    return samples(held_out, labels), samples(calibration, None)
