"""What a trial needs before it loads a model: samples, the converted file, reference outputs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lehr.deploy import accuracy
from lehr.deploy.data import (
    Samples,
    input_arrays,
    load_arrays,
    made_up_samples,
    mapped_samples,
    samples_for,
    save_samples,
    zoo_samples,
)
from lehr.deploy.models import Arrays, OnnxModel, quiet_session
from lehr.deploy.stage import run_stage, write_atomically
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


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files of one model and recipe."""

    model: Path
    data: Path
    reference: Path

    def samples(self, model: OnnxModel) -> Samples:
        """The evaluation samples, mapped from their files."""
        layout = json.loads((self.data / "layout.json").read_text(encoding="utf-8"))
        return mapped_samples(model, self.data, layout)

    def size_mb(self, model: OnnxModel) -> float:
        """What is deployed, in MB (10^6 bytes), external weights included."""
        return model.size_mb if self.model == model.path else self.model.stat().st_size / 1e6


def prepare(model: OnnxModel, recipe: str, source: DataSource, workdir: Path) -> Prepared:
    """Make what is missing of a model's files in ``workdir``, in a stage of its own.

    Raises:
        Exception: whatever the quantiser raised.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    digest, key = model.sha256[:16], source.key()
    converted = model.path if recipe == "fp32" else workdir / f"{digest}-{key}-{recipe}.onnx"
    prepared = Prepared(
        converted, workdir / f"{digest}-{key}-samples", workdir / f"{digest}-{key}-reference.npz"
    )
    if not (prepared.data.is_dir() and prepared.model.is_file()):
        run_stage(lambda: _make(model, recipe, source, prepared))
    return prepared


def _make(model: OnnxModel, recipe: str, source: DataSource, prepared: Prepared) -> None:
    evaluation, calibration = source.load(model)
    if not prepared.data.is_dir():
        if evaluation.labels is None:
            session = quiet_session(model.path)
            write_atomically(
                prepared.reference,
                lambda path: accuracy.save_reference(
                    lambda feed: session.run(None, feed), model, evaluation, path
                ),
            )
        _save_folder(evaluation, prepared.data)
    if not prepared.model.is_file():
        from lehr.deploy.quantize import quantize

        write_atomically(prepared.model, lambda path: quantize(recipe, model, calibration, path))


def _save_folder(samples: Samples, folder: Path) -> None:
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        save_samples(samples, part)
        try:
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another worker was faster, with the same contents
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
