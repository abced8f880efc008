"""What a trial needs to judge answers, in a folder: samples, labels or reference answers, and how to score by them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.accuracy import Run, answers_of
from lehr.deploy.agreement import load_reference, save_reference
from lehr.deploy.data import Samples
from lehr.deploy.labels import Labels, understand
from lehr.deploy.models import RunnableModel
from lehr.deploy.rows import Rows
from lehr.deploy.scoring import Scorer
from lehr.deploy.user_metric import UserMetric
from lehr.deploy.user_metric_scorer import UserMetricScorer
from lehr.errors import ModelError


@dataclass(frozen=True, slots=True)
class StoredInput:
    """One input in a file. ``axis`` is where the items of a call stand; None where it is the same for all, or where
    ``stacked`` items are a call each.
    """

    name: str
    rows: Rows
    axis: int | None
    stacked: bool


@dataclass(frozen=True, slots=True)
class StoredSamples:
    """Samples that are read from their files call by call."""

    inputs: tuple[StoredInput, ...]
    count: int

    def batch(self, start: int, size: int) -> dict[str, NDArray[Any]]:
        """Items ``start`` to ``start + size``; past the end the samples begin again, so that every call is full. In a
        model without a batch axis a call takes one item.
        """
        feed = {}
        for one in self.inputs:
            if one.stacked:
                feed[one.name] = one.rows.read_one(start % self.count)
            elif one.axis is None:
                feed[one.name] = one.rows.read_one(0)
            else:
                items = one.rows.read_around(start, size, self.count)
                feed[one.name] = np.ascontiguousarray(np.moveaxis(items, 0, one.axis))
        return feed


def save(
    samples: Samples,
    model: RunnableModel,
    run: Run,
    folder: Path,
    *,
    metric: UserMetric | None = None,
    seconds: float = float("inf"),
) -> None:
    """Write the samples and, where there are no labels, the answers of the model as given, for ``seconds`` at most.

    ``run`` runs the model as given.

    Raises:
        ModelError: the labels go with none of the model's outputs.
    """
    inputs = _save_inputs(samples, folder)
    judge = how_to_judge(model, samples, metric)
    for what, values in (("labels", samples.labels), ("classes", samples.classes)):
        if values is not None:
            Rows.write(folder / f"{what}.npy", values)
    layout = {
        "inputs": inputs,
        "count": samples.count,
        "labels": asdict(judge) if isinstance(judge, Labels) else None,
        "outputs": len(model.outputs),
    }
    if judge is None:
        size = model.fixed_batch or 1
        answer = answers_of(run, model, samples, size)
        save_reference(answer, model, samples.count, folder, size=size, seconds=seconds)
    (folder / "layout.json").write_text(json.dumps(layout), encoding="utf-8")


def save_inputs(samples: Samples, folder: Path) -> None:
    """Write the inputs alone, for :func:`load_samples`."""
    layout = {"inputs": _save_inputs(samples, folder), "count": samples.count}
    (folder / "layout.json").write_text(json.dumps(layout), encoding="utf-8")


def _save_inputs(samples: Samples, folder: Path) -> list[dict[str, Any]]:
    inputs: list[dict[str, Any]] = []
    for number, (name, array) in enumerate(samples.inputs.items()):
        axis, stacked = samples.axes[name], name in samples.stacked
        alone = axis is None and not stacked
        Rows.write(
            folder / f"input{number}.npy",
            array[None] if alone else array if stacked or axis is None else np.moveaxis(array, axis, 0),
        )
        inputs.append({"name": name, "axis": axis, "stacked": stacked})
    return inputs


def how_to_judge(
    model: RunnableModel, samples: Samples, metric: UserMetric | None = None
) -> Labels | UserMetric | None:
    """By the user's metric, by the labels, or, None, by agreement with the model as given.

    Raises:
        ModelError: the labels go with none of the model's outputs, or there is a metric and no labels.
    """
    if metric is not None:
        if samples.labels is None:
            raise ModelError(
                f"metric {metric.name} compares with labels, and the data holds none; add 'labels'"
            )
        return metric
    return None if samples.labels is None else understand(model, samples.labels, samples.classes)


def load_samples(folder: Path) -> StoredSamples:
    """The samples that :func:`save` or :func:`save_inputs` wrote."""
    layout = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
    inputs = tuple(
        StoredInput(one["name"], Rows.open(folder / f"input{number}.npy"), one["axis"], one["stacked"])
        for number, one in enumerate(layout["inputs"])
    )
    return StoredSamples(inputs, layout["count"])


def load_scorer(folder: Path, metric: UserMetric | None = None) -> Scorer:
    """A new scorer of answers to the samples that :func:`save` wrote."""
    layout = json.loads((folder / "layout.json").read_text(encoding="utf-8"))
    count = layout["count"]
    if metric is None and layout["labels"] is None:
        return load_reference(folder)
    labels = Rows.open(folder / "labels.npy")
    if metric is not None:
        return UserMetricScorer(metric, labels.read, count, lone=layout["outputs"] == 1)
    kept = folder / "classes.npy"
    classes = Rows.open(kept) if kept.exists() else None
    return Labels(**layout["labels"]).scorer(
        labels.read, None if classes is None else classes.read(0, len(classes)), count
    )
