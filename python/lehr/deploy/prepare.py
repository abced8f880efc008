"""What a trial needs before it loads a model, in files: what is deployed, samples, and how to score by them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lehr.deploy import stored
from lehr.deploy.models import RunnableModel
from lehr.deploy.scoring import Scorer
from lehr.deploy.sources import DataSource
from lehr.deploy.user_metric import UserMetric
from lehr.errors import ConfigurationError

if TYPE_CHECKING:
    from lehr.deploy.backend import Backend


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a trial of one configuration needs, in files.

    ``artefact`` is what is deployed, a file or a folder, of ``size_mb`` MB (10^6 bytes), external weights included;
    ``files`` are all that it consists of. ``unchanged`` says in a sentence, where that is so, that the recipe changes
    nothing in this model: the configuration is the same as without it. ``seconds`` is what making it took.
    """

    folder: ModelFolder
    artefact: Path
    files: tuple[Path, ...]
    size_mb: float
    unchanged: str | None = None
    seconds: float = 0.0

    def samples(self) -> stored.StoredSamples:
        """The evaluation samples, read from their files call by call."""
        return stored.load_samples(self.folder.samples)

    def scorer(self, metric: UserMetric | None = None) -> Scorer:
        """A new scorer of answers to them."""
        return stored.load_scorer(self.folder.samples, metric)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why ``what`` (a recipe of a backend) could not be made; ``evidence`` as in :class:`lehr.supervise.Ending`.

    ``settled_by`` names the variables that decided it: whatever agrees on them cannot be made either.
    """

    what: str
    outcome: str
    reason: str
    evidence: dict[str, Any]
    settled_by: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """The files of one model, called in one way, on one source of samples: a folder in the work folder."""

    path: Path

    @classmethod
    def of(
        cls, workdir: Path, model: RunnableModel, source: DataSource, metric: UserMetric | None = None
    ) -> ModelFolder:
        """Equal for equal contents: model, signature, source, and the metric that judges."""
        calling = repr((model.inputs, model.outputs, model.fixed_batch))
        judged = "" if metric is None else metric.key()
        text = f"{model.sha256} {source.key()} {calling} {judged}"
        return cls(workdir / f"{model.sha256[:8]}-{hashlib.sha256(text.encode()).hexdigest()[:12]}")

    @property
    def samples(self) -> Path:
        """What trials are measured on, with labels or reference answers (:mod:`lehr.deploy.stored`)."""
        return self.path / "samples"

    @property
    def calibration(self) -> Path:
        """What recipes calibrate with: inputs alone."""
        return self.path / "calibration"

    def made(self, backend: str, key: str) -> Path:
        """Where a backend's file for this key lies, or the record of its failure."""
        return (
            self.path
            / f"{backend}-{key if _PLAIN.fullmatch(key) else hashlib.sha256(key.encode()).hexdigest()}"
        )

    def find(
        self, model: RunnableModel, backend: Backend, config: Mapping[str, Any]
    ) -> Prepared | Failure | None:
        """What was made for a configuration; None where nothing was tried yet."""
        place = self.made(backend.name, backend.prepare_key(config))
        try:
            record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if "failure" in record:
            return Failure(**record["failure"])
        form = model.as_accepted(backend.accepts) if record["artefact"] is None else None
        artefact = place / record["artefact"] if form is None else form.path
        files = tuple(artefact.parent / name for name in record["files"])
        return Prepared(self, artefact, files, record["size_mb"], record["unchanged"], record["seconds"])


RECORD = "made.json"
_PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def save_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let ``fill`` write into a new folder, then give it its name: a reader sees the whole folder or none."""
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        fill(part)
        try:
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another worker was faster, with the same contents
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


_T = TypeVar("_T")


def named(kind: str, there: Mapping[str, _T], config: Mapping[str, Any]) -> _T:
    """The model or backend that a configuration names, the only one where it names none.

    Raises:
        ConfigurationError: there is no such one.
    """
    name = config.get(kind, next(iter(there)) if len(there) == 1 else None)
    if name not in there:
        raise ConfigurationError(f"there is no {kind} {name!r}; there are {', '.join(there)}")
    return there[name]
