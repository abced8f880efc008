"""Whether an output's numbers are one score for each class, so that the largest of them is the answer.

An item's output [C] of floats, C >= 2, is taken for class scores when one of these holds:

- when the model was tried, its values were not negative and added up to 1, or were logarithms of such;
- the graph makes them by a softmax, or reads them by a softmax, an argmax or a top-k;
- the output's name says so: logits, scores, probabilities, classes;
- C is the number of classes of ImageNet (1000, 1001, 21841, 21843).

Anything else, an embedding or the values of a regression, is compared by its error. So a classifier that gives no
sign is judged more strictly than it need be, never less.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NAMED = re.compile(r"logit|score|prob|softmax|class(?!_?embed)", re.IGNORECASE)
_IMAGENET = {1000, 1001, 21841, 21843}
_ROUNDING = 1e-2  # of a sum in half precision


def are_class_scores(name: str, items: NDArray[Any], from_graph: bool) -> bool:
    """Whether ``items`` [n, C], the answers to some items, are class scores. Further axes of size 1 do not matter."""
    items = items.reshape(len(items), *(size for size in items.shape[1:] if size != 1))
    if items.dtype.kind != "f" or items.ndim != 2 or items.shape[1] < 2:
        return False
    if from_graph or _NAMED.search(name) or items.shape[1] in _IMAGENET:
        return True
    values = items.astype(np.float64)
    if not np.isfinite(values).all():
        return False
    if (values >= 0).all():
        return _add_up_to_one(values)
    return bool((values <= 0).all()) and _add_up_to_one(np.exp(values))


def _add_up_to_one(values: NDArray[np.float64]) -> bool:
    return bool((np.abs(values.sum(axis=1) - 1) <= _ROUNDING).all())
