"""What a trial needs before it loads a model: samples, the converted file, reference outputs."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from lehr.deploy import accuracy
from lehr.deploy.data import Samples, mapped_samples, save_samples
from lehr.deploy.models import OnnxModel, quiet_session
from lehr.deploy.sources import DataSource
from lehr.deploy.stage import run_stage, write_atomically


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
