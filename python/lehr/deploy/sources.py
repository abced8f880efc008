"""Where the samples of a run come from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lehr.deploy.data import Samples, input_arrays, made_up_samples, samples_for, zoo_samples
from lehr.deploy.files import load_arrays
from lehr.deploy.fitting import cast
from lehr.deploy.functions import is_function_name
from lehr.deploy.given import Given, given_arrays, given_batches
from lehr.deploy.models import Arrays, RunnableModel
from lehr.deploy.shapes import Axes
from lehr.deploy.zoo import Variant
from lehr.errors import ModelError

Data = str | Path | Mapping[str, Any] | Callable[[], Any] | None
"""What a user may give as samples; see :meth:`DataSource.of`."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """Where samples come from: the zoo's images, a file, or nowhere (made up from the model's signature).

    Arrays in memory and what a function yields are written to a file first. ``name`` is what to call the samples,
    ``notes`` say what the user must know of how they were taken.
    """

    kind: Literal["zoo", "file", "made-up"]
    path: Path | None = None
    variant: Variant = "noisy"
    seed: int = 0
    sha256: str = ""
    name: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        data: Data,
        workdir: Path,
        batch_axis: Axes | None = None,
    ) -> DataSource:
        """From whatever a user gives: a ``.npz`` or ``.npy`` file, arrays by input name, a function that yields such
        batches or its name ``package.module:function``; made up where nothing is given.

        ``workdir`` keeps what does not come in a file; ``batch_axis`` says along which axis a function's batches are
        joined, where that is not the first.

        Raises:
            ModelError: it is none of these, or cannot be read.
        """
        if data is None:
            return cls("made-up")
        if isinstance(data, Mapping):
            return cls._kept(given_arrays(data), workdir)
        if callable(data) or (isinstance(data, str) and is_function_name(data) and not Path(data).exists()):
            return cls._kept(given_batches(data, batch_axis), workdir)
        if not isinstance(data, str | Path):
            raise ModelError(
                "data is a .npz or .npy file, a dictionary of arrays, or a function that yields such batches "
                f"(or its name, package.module:function), not {type(data).__name__}"
            )
        return cls.of_file(data)

    @classmethod
    def of_file(cls, path: str | Path) -> DataSource:
        """A ``.npz`` or ``.npy`` file.

        Raises:
            ModelError: there is no such file.
        """
        path = Path(path).resolve()
        if path.is_dir():
            load_arrays(path)  # says what to give instead
        if not path.is_file():
            raise ModelError(f"there is no file {path}")
        with path.open("rb") as stream:
            return cls("file", path, sha256=hashlib.file_digest(stream, "sha256").hexdigest(), name=path.name)

    @classmethod
    def _kept(cls, given: Given, workdir: Path) -> DataSource:
        workdir.mkdir(parents=True, exist_ok=True)
        digest = given.sha256()
        path = workdir.resolve() / f"given-{digest[:16]}.npz"
        with path.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **given.arrays)
        return cls("file", path, sha256=digest, name=given.name, notes=given.notes)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> DataSource:
        """From what :meth:`as_json` gave."""
        return cls(**{**told, "path": told["path"] and Path(told["path"]), "notes": tuple(told["notes"])})

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "path": self.path and str(self.path)}

    def arrays_for(self, model: str | Path) -> Arrays | None:
        """The file's arrays by input name, for a model that is yet to be opened; None without a file."""
        if self.path is None:
            return None
        from lehr.deploy.model_files import read_model_signature

        types = {name: dtype for name, dtype, _ in read_model_signature(Path(model)).inputs}
        arrays, _ = input_arrays(load_arrays(self.path), list(types), self.name)
        return {name: cast(name, types[name], array, self.name) for name, array in arrays.items()}

    def load(self, model: RunnableModel, *, any_labels: bool = False) -> tuple[Samples, Samples]:
        """Samples to evaluate on and samples to calibrate with; disjoint but for fewer than ten items. ``any_labels``
        is for a metric function (:func:`lehr.deploy.data.samples_for`).

        Raises:
            ModelError: the file does not fit the model.
        """
        if self.kind == "zoo":
            return zoo_samples(self.variant)
        if self.path is not None:
            samples = samples_for(model, load_arrays(self.path), self.name, any_labels=any_labels)
            evaluation, calibration = samples.split()
            # Files are often sorted by class, and a slow configuration sees only the first items.
            order = np.random.RandomState(self.seed).permutation(evaluation.count)
            return evaluation.take(order), calibration
        return made_up_samples(model, self.seed), made_up_samples(model, self.seed + 1)

    def key(self) -> str:
        """A short name of this source, safe in a file name, different for different contents."""
        text = f"{self.kind} {self.variant} {self.seed} {self.sha256}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]
