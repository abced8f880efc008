"""Agreement with the answers of the model as given, where there are no labels.

Three rules, one for each kind of output, fixed when the reference is made:

- class scores (:mod:`lehr.deploy.class_scores`) agree where the largest is the same one;
- integers and booleans agree by the share of equal elements;
- other floats, embeddings and regressions among them, by their relative error: 1 - |y - r| / |r| in Euclidean norm, not
  below 0, where an |r| below the root mean square over all items is taken as that.

Reference answers that are not finite, or the same for every item, tell nothing: agreement with them is never counted.
Where nearly every item has the same largest class score, the scores are compared by their relative error.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.labels import judged_outputs
from lehr.deploy.models import RunnableModel
from lehr.deploy.rows import Rows
from lehr.deploy.scoring import ItemScores, Outputs, broken_items, varies

REFERENCE_ITEMS = 256
_MOST_BYTES = 256e6
#: From this share of one class on, always giving that class would be taken for agreement.
_ONE_CLASS = 0.95

Rule = Literal["largest", "equal", "error"]
_WORDS = {"largest": "same class", "equal": "share of equal values", "error": "1 - relative error"}


@dataclass(frozen=True, slots=True)
class Reference:
    """Stored answers of one output. ``usable`` items are finite; ``scale`` is the least size an error is held against.

    ``starts`` holds, where items have answers of different shapes, where each begins in the flat file, and ``shapes``
    what it looks like; both are empty where all have the same.
    """

    output: str
    rule: Rule
    scale: float
    usable: NDArray[np.bool_]
    rows: Rows
    starts: tuple[int, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()

    def answers(self, start: int, count: int) -> list[NDArray[Any]] | NDArray[Any]:
        """The answers to so many items: one array where their shapes are the same."""
        if not self.shapes:
            return self.rows.read(start, count)
        found = []
        for item in range(start, start + count):
            size = int(np.prod(self.shapes[item], dtype=np.int64))
            found.append(self.rows.read(self.starts[item], size).reshape(self.shapes[item]))
        return found


def save_reference(
    answer: Callable[[int], Outputs],
    model: RunnableModel,
    count: int,
    folder: Path,
    *,
    size: int = 1,
    seconds: float = float("inf"),
) -> None:
    """Store the model's answers to the first items, and how to compare with them, in ``folder``.

    ``answer(start)`` gives those of ``size`` items from an item on. No more than 256 items are asked for, nor more than
    fit into 256 MB, nor after ``seconds``; at least one call is made.
    """
    names = [output.name for output in judged_outputs(model)]
    found: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    begin, seen, held = time.monotonic(), 0, 0
    wanted = min(count, REFERENCE_ITEMS)
    while seen < wanted and (seen == 0 or (time.monotonic() - begin < seconds and held < _MOST_BYTES)):
        valid = min(size, wanted - seen)
        for name, items in answer(seen).items():
            kept = items[:valid].copy()
            found[name] += list(kept)
            held += kept.nbytes
        seen += valid
    outputs, notes = [], []
    for number, output in enumerate(judged_outputs(model)):
        record, note = _record(output.name, output.scores, found[output.name], folder, number)
        outputs.append(record)
        notes += note
    told = {"items": seen, "outputs": outputs, "notes": notes}
    (folder / "reference.json").write_text(json.dumps(told), encoding="utf-8")


def _record(
    name: str, scores: bool, items: Sequence[NDArray[Any]], folder: Path, number: int
) -> tuple[dict[str, Any], list[str]]:
    """Write one output's answers and say what to make of them."""
    usable = np.array([item.dtype.kind not in "fc" or bool(np.isfinite(item).all()) for item in items])
    same_shape = len({item.shape for item in items}) == 1
    file = folder / f"reference{number}.npy"
    record: dict[str, Any] = {"name": name, "file": file.name, "starts": [], "shapes": []}
    if same_shape:
        Rows.write(file, np.stack(items))
    else:
        record["shapes"] = [item.shape for item in items]
        record["starts"] = np.cumsum([0, *(item.size for item in items)])[:-1].tolist()
        Rows.write(file, np.concatenate([item.reshape(-1) for item in items]))
    known = [item for item, good in zip(items, usable, strict=True) if good]
    rule, scale, note = _rule(name, scores, known, same_shape)
    notes = [] if note is None else [note]
    if not usable.all():
        bad = int((~usable).sum())
        left_out = "" if known else ", so agreement with them tells nothing"
        notes.insert(
            0, f"{bad} of {len(items)} reference answers of '{name}' hold NaN or infinite values{left_out}"
        )
    record |= {"rule": rule, "scale": scale, "usable": usable.tolist()}
    return record, notes


def _rule(
    name: str, scores: bool, known: Sequence[NDArray[Any]], same_shape: bool
) -> tuple[Rule | None, float, str | None]:
    """How to compare with these finite answers; None where they tell nothing; and what is odd about them."""
    if not known:
        return None, 0.0, None
    constant = (
        f"the reference answers of '{name}' are the same for all {len(known)} items, so agreement with them tells "
        "nothing"
    )
    several = len(known) > 1
    if several and same_shape and not varies(np.stack(known)):
        return None, 0.0, constant
    if known[0].dtype.kind != "f":
        return "equal", 0.0, None
    sizes = np.array([np.linalg.norm(item.astype(np.float64).ravel()) for item in known])
    scale = float(np.sqrt(np.mean(sizes**2)))
    if not same_shape:
        return "error", scale, None
    if scale == 0:
        return None, 0.0, constant
    if not scores:
        return "error", scale, None
    rows = np.stack([item.reshape(-1) for item in known])
    most = int(np.bincount(rows.argmax(axis=1)).max())
    if several and most >= _ONE_CLASS * len(known):
        note = f"the reference gives {most} of {len(known)} items the same class, so '{name}' is compared by its values"
        return "error", scale, note
    return "largest", scale, None


def load_reference(folder: Path) -> AgreementScorer:
    """What compares answers with those that :func:`save_reference` stored."""
    told = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
    references = [
        Reference(
            one["name"],
            one["rule"],
            one["scale"],
            np.array(one["usable"], dtype=bool),
            Rows.open(folder / one["file"]),
            tuple(one["starts"]),
            tuple(tuple(shape) for shape in one["shapes"]),
        )
        for one in told["outputs"]
        if one["rule"] is not None
    ]
    return AgreementScorer(references, told["items"], tuple(told["notes"]))


class AgreementScorer(ItemScores):
    """Each item's agreement with the reference, averaged over the outputs that tell something."""

    def __init__(self, references: Sequence[Reference], items: int, notes: tuple[str, ...]) -> None:
        rules = dict.fromkeys(_WORDS[one.rule] for one in references)
        how = f" ({', '.join(rules)})" if rules else ""
        super().__init__(f"agreement with the model as given{how}", items if references else 0, notes)
        self._references = references

    def judge(self, start: int, outputs: Outputs) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The items' agreement; NaN for an item without a finite reference."""
        count = len(next(iter(outputs.values())))
        total, times = np.zeros(count), np.zeros(count)
        broken = np.zeros(count, dtype=bool)
        for reference in self._references:
            usable = reference.usable[start : start + count]
            answers = np.asarray(outputs[reference.output])
            broken |= broken_items(answers) & usable
            total += np.where(usable, agreement(reference, answers, reference.answers(start, count)), 0.0)
            times += usable
        with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN that is wanted
            return total / times, broken


def agreement(
    reference: Reference, answers: NDArray[Any], truth: Sequence[NDArray[Any]] | NDArray[Any]
) -> NDArray[np.float64]:
    """Each item's agreement, 0..1, of ``answers`` [items, ...]; 0 for one that is not finite or has another shape."""
    if not isinstance(truth, np.ndarray):
        return np.array(
            [
                agreement(reference, answer[None], one[None])[0] if answer.shape == one.shape else 0.0
                for answer, one in zip(answers, truth, strict=True)
            ]
        )
    count = len(answers)
    if answers.shape != truth.shape:
        return np.zeros(count)
    found, wanted = answers.reshape(count, -1), truth.reshape(count, -1)
    if reference.rule == "equal":
        return (found == wanted).mean(axis=1) if found.shape[1] else np.ones(count)
    broken = broken_items(found)
    if reference.rule == "largest":
        agrees = (found.argmax(axis=1) == wanted.argmax(axis=1)).astype(np.float64)
    else:
        exact = wanted.astype(np.float64)
        with np.errstate(invalid="ignore"):
            error = np.linalg.norm(found.astype(np.float64) - exact, axis=1)
        size = np.maximum(np.linalg.norm(exact, axis=1), reference.scale)
        relative = np.divide(error, size, out=np.where(error == 0, 0.0, 1.0), where=size > 0)
        agrees = np.clip(1 - relative, 0.0, 1.0)
    return np.where(broken, 0.0, agrees)
