"""Where the samples of a run come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lehr.deploy.data import Samples, input_arrays, load_arrays, made_up_samples, samples_for, zoo_samples
from lehr.deploy.models import Arrays, OnnxModel
from lehr.deploy.zoo import Variant
from lehr.errors import ModelError


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where samples come from: the zoo's images, a file, or nowhere (made up from the model's signature)."""

    kind: Literal["zoo", "file", "made-up"]
    path: Path | None = None
    variant: Variant = "noisy"
    seed: int = 0
    sha256: str = ""

    @classmethod
    def of_file(cls, path: str | Path) -> DataSource:
        """A ``.npz`` or ``.npy`` file.

        Raises:
            ModelError: there is no such file.
        """
        path = Path(path).resolve()
        if not path.is_file():
            raise ModelError(f"there is no file {path}")
        with path.open("rb") as stream:
            return cls("file", path, sha256=hashlib.file_digest(stream, "sha256").hexdigest())

    def arrays_for(self, model: str | Path) -> Arrays | None:
        """The file's arrays by input name, for a model that is yet to be opened; None without a file."""
        if self.path is None:
            return None
        from lehr.deploy.signature import read_signature

        names = [name for name, _, _ in read_signature(Path(model)).inputs]
        return input_arrays(load_arrays(self.path), names, self.path.name)[0]

    def load(self, model: OnnxModel) -> tuple[Samples, Samples]:
        """Samples to evaluate on and samples to calibrate with; disjoint but for fewer than ten items.

        Raises:
            ModelError: the file does not fit the model.
        """
        if self.kind == "zoo":
            return zoo_samples(self.variant)
        if self.path is not None:
            evaluation, calibration = samples_for(model, load_arrays(self.path), self.path.name).split()
            # Files are often sorted by class, and a slow configuration sees only the first items.
            order = np.random.RandomState(self.seed).permutation(evaluation.count)
            return evaluation.take(order), calibration
        return made_up_samples(model, self.seed), made_up_samples(model, self.seed + 1)

    def key(self) -> str:
        """A short name of this source, safe in a file name, different for different contents."""
        text = f"{self.kind} {self.variant} {self.seed} {self.sha256}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]
