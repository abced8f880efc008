"""The bundled zoo: five small families trained on handwritten digits, with held-out data to measure them on.

The images are the UCI Optical Recognition of Handwritten Digits (E. Alpaydin and C. Kaynak, DOI
10.24432/C50P49, CC BY 4.0). ``scripts/train_zoo.py`` made the files; ``zoo.json`` beside them says how, and
what was measured when they were trained.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr.errors import ModelError

FAMILIES = ("mlp", "lenet", "resnet", "mobilenet", "vit")
SIZE = 32  # pixels a side of a model's input
_SOURCE = 8  # pixels a side of an image of the data set, whose grey levels are 0..16
_FOLDER = Path(__file__).resolve().parents[1] / "zoo"

Variant = Literal["clean", "noisy"]


@dataclass(frozen=True, slots=True)
class Family:
    """One bundled model: its file and the accuracies recorded when it was trained (shares, 0..1)."""

    name: str
    path: Path
    parameters: int
    accuracy_clean: float
    accuracy_noisy: float
    sha256: str


@cache
def card() -> dict[str, Any]:
    """Provenance of the zoo: data, licences, split, versions and recorded accuracies. Treat as read-only."""
    try:
        loaded: dict[str, Any] = json.loads((_FOLDER / "zoo.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"the bundled zoo is not where it was installed ({error}); install lehr again"
        ) from error
    return loaded


def zoo() -> dict[str, Family]:
    """The bundled families by name, in the order of :data:`FAMILIES`."""
    recorded = card()["families"]
    return {name: Family(name=name, path=_FOLDER / f"{name}.onnx", **recorded[name]) for name in FAMILIES}


def data_path() -> Path:
    """The file that holds the zoo's held-out and calibration images."""
    return _FOLDER / "digits.npz"


def upscale(images: NDArray[Any]) -> NDArray[np.float64]:
    """Bilinear upscaling of ``[N, 8, 8]`` to ``[N, 32, 32]``, pixel centres aligned, edges repeated."""
    centres = np.clip((np.arange(SIZE) + 0.5) * _SOURCE / SIZE - 0.5, 0, _SOURCE - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(centres[:, None] - np.arange(_SOURCE)))
    scaled: NDArray[np.float64] = weights @ images @ weights.T
    return scaled


def pixels_to_input(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Grey levels 0..16 of shape ``[N, 8, 8]`` as model input ``[N, 1, 32, 32]`` in 0..1."""
    return np.ascontiguousarray(upscale(pixels / 16.0)[:, None], dtype=np.float32)


def store_noisy(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Values in -1..2 as one byte each; what noise pushed further is clipped."""
    return np.clip(np.rint((values + 1.0) * 85.0), 0, 255).astype(np.uint8)


def noisy_to_input(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The inverse of :func:`store_noisy`, to within 1/170."""
    return (stored / 85.0 - 1.0).astype(np.float32)
