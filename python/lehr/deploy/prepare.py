"""What a trial needs before it loads a model: samples, the converted file, reference outputs."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lehr.deploy import stored
from lehr.deploy.metric import Metric
from lehr.deploy.models import OnnxModel, quiet_session
from lehr.deploy.scoring import Scorer
from lehr.deploy.sources import DataSource
from lehr.deploy.stage import run_stage, write_atomically


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files of one model and recipe."""

    model: Path
    data: Path

    def samples(self) -> stored.StoredSamples:
        """The evaluation samples, read from their files call by call."""
        return stored.load_samples(self.data)

    def scorer(self, metric: Metric | None = None) -> Scorer:
        """What scores answers to the samples."""
        return stored.load_scorer(self.data, metric)

    def size_mb(self, model: OnnxModel) -> float:
        """What is deployed, in MB (10^6 bytes), external weights included."""
        return model.size_mb if self.model == model.path else self.model.stat().st_size / 1e6


def prepare(
    model: OnnxModel, recipe: str, source: DataSource, workdir: Path, metric: Metric | None = None
) -> Prepared:
    """Make what is missing of a model's files in ``workdir``, in a stage of its own.

    Raises:
        Exception: whatever the quantiser raised.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    digest, key = model.sha256[:16], source.key()
    judged = "" if metric is None else f"-{hashlib.sha256(metric.key().encode()).hexdigest()[:8]}"
    converted = model.path if recipe == "fp32" else workdir / f"{digest}-{key}-{recipe}.onnx"
    prepared = Prepared(converted, workdir / f"{digest}-{key}{judged}-samples")
    if not (prepared.data.is_dir() and prepared.model.is_file()):
        run_stage(lambda: _make(model, recipe, source, prepared, metric))
    return prepared


def _make(
    model: OnnxModel, recipe: str, source: DataSource, prepared: Prepared, metric: Metric | None
) -> None:
    evaluation, calibration = source.load(model, any_labels=metric is not None)
    if not prepared.data.is_dir():
        session = quiet_session(model.path)
        _fill_folder(
            prepared.data,
            lambda part: stored.save(
                evaluation, model, lambda feed: session.run(None, feed), part, metric=metric
            ),
        )
    if not prepared.model.is_file():
        from lehr.deploy.quantize import quantize

        write_atomically(prepared.model, lambda path: quantize(recipe, model, calibration, path))


def _fill_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        fill(part)
        try:
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another worker was faster, with the same contents
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
