"""best.json: the configuration to ship, with what it measured, on what, and within which limits.

A file from a stranger is only read: nothing in it is executed or unpickled, and every field is checked before use.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lehr._files import read_given, write_whole
from lehr._numbers import finite_json
from lehr.deploy.objective import Objective
from lehr.errors import DeploymentError, StorageError
from lehr.limits import Judgement, Limit

FORMAT = "lehr.best"
VERSION = 2
NAME = "best.json"
_LARGEST = 4 << 20  # bytes; ours are a few kilobytes
_VALUE = (str, int, float, bool, type(None))
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one configuration measured.

    Attributes:
        config: the configuration.
        outcome: how its trial ended.
        metrics: by name, each in its unit.
        sem: standard errors of metrics, where known.
    """

    config: dict[str, Any]
    outcome: str = "ok"
    metrics: Mapping[str, float] = field(default_factory=dict)
    sem: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "config": self.config,
            "outcome": self.outcome,
            "metrics": dict(self.metrics),
            "sem": dict(self.sem),
        }


@dataclass(frozen=True, slots=True)
class Artefact:
    """The file that is deployed, beside best.json: its name there, its digest, and the files with its weights."""

    file: str
    sha256: str
    weights: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {"file": self.file, "sha256": self.sha256, "weights": list(self.weights)}


@dataclass(frozen=True, slots=True)
class Best:
    """What best.json holds.

    Attributes:
        figures: configuration, metrics and standard errors of what ships.
        objective: what was optimised.
        limits: the limits and how each stands.
        model: the model as given: ``{"zoo": family, "sha256": ...}`` or ``{"path": ..., "sha256": ...}``, with what was
            fed to it.
        data: ``{"path": ..., "sha256": ...}`` of the samples, or None where inputs were made up; ``path`` is the
            function's name for samples that a function yields.
        metric: the user's own metric by which answers were judged: ``{"name": "module:function", "key": ...}``; None
            where there was none.
        baseline: the default configuration, measured beside it; None where it was not.
        backend: the runtime's name.
        options: every option of the runtime's session, exactly.
        artefact: the file that is deployed; None in a best.json that stands alone.
        machine, versions, measured: where, with what and when (ISO 8601, UTC) the figures were measured.
        disturbed: ``{"trials", "of", "by"}``: how much of the search others disturbed; None when it was quiet.
        notes: what else a reader should know, one sentence each.
        seed, trial, study: where the configuration comes from.
    """

    figures: Figures
    objective: Objective
    limits: tuple[Judgement, ...]
    model: dict[str, Any]
    data: dict[str, Any] | None = None
    metric: dict[str, str] | None = None
    baseline: Figures | None = None
    backend: str = "onnxruntime"
    options: dict[str, Any] = field(default_factory=dict)
    artefact: Artefact | None = None
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    measured: str = ""
    disturbed: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    seed: int = 0
    trial: int = 0
    study: str = ""

    @property
    def config(self) -> dict[str, Any]:
        """The configuration."""
        return self.figures.config

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form that is written."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "config": self.config,
            "backend": self.backend,
            "session_options": self.options,
            "objective": self.objective.as_json(),
            "metrics": dict(self.figures.metrics),
            "sem": dict(self.figures.sem),
            "limits": [one.as_json() for one in self.limits],
            "baseline": None if self.baseline is None else self.baseline.as_json(),
            "artefact": None if self.artefact is None else self.artefact.as_json(),
            "model": self.model,
            "data": self.data,
            "metric": self.metric,
            "machine": self.machine,
            "versions": self.versions,
            "measured": self.measured,
            "disturbed": self.disturbed,
            "notes": list(self.notes),
            "seed": self.seed,
            "trial": self.trial,
            "study": self.study,
        }


def write(path: Path, best: Best) -> None:
    """Write the file whole or not at all, durably.

    Raises:
        StorageError: the file system refused.
    """
    text = json.dumps(best.as_json(), indent=2, allow_nan=False) + "\n"
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}; the study keeps the result, so free the disk and run the same "
            "command again"
        ) from error


def read(path: Path) -> Best:
    """Read and check a file that may come from anyone; also one of lehr 0.1.

    Raises:
        DeploymentError: it cannot be read, is not ours, is damaged, or was written by a newer lehr.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise DeploymentError(
                f"{path} is too large for a best.json of lehr ({path.stat().st_size} bytes)"
            )
        document = finite_json(read_given(path).decode())
    except OSError as error:
        raise DeploymentError(f"cannot read {path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DeploymentError(f"{path} is not JSON: give the best.json that lehr tune wrote") from error
    except ValueError as error:
        raise DeploymentError(f"{path} is damaged: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DeploymentError(f"{path} was not written by lehr tune: it has no format '{FORMAT}'")
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DeploymentError(f"{path} is damaged: version is {version!r:.60}")
    if version > VERSION:
        raise DeploymentError(
            f"{path} has version {version!r:.60} of the format, and this lehr reads up to {VERSION}: upgrade lehr"
        )
    try:
        return _parsed(document)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise DeploymentError(f"{path} is damaged: {what}") from error


def _parsed(document: Mapping[str, Any]) -> Best:
    model = _mapping(document, "model")
    if not isinstance(model.get("zoo", model.get("path")), str) or not _is_digest(model.get("sha256")):
        raise ValueError("model names neither a file nor a member of the zoo with its sha256")
    data = document.get("data")
    if data is not None and not (
        isinstance(data, dict) and isinstance(data.get("path"), str) and _is_digest(data.get("sha256"))
    ):
        raise ValueError("data names no file with its sha256")
    metric = document.get("metric")
    if metric is not None and not (
        isinstance(metric, dict) and all(isinstance(metric.get(part), str) for part in ("name", "key"))
    ):
        raise ValueError("metric has no name and key")
    limits = document["limits"]
    if not isinstance(limits, list):
        raise ValueError("limits is no list")
    baseline = document.get("baseline")
    disturbed = document.get("disturbed")
    return Best(
        figures=_figures(document, "metrics"),
        objective=Objective.from_json(document["objective"]),
        limits=tuple(map(_judgement, limits)),
        model=_upgraded(model),
        data=data,
        metric=metric,
        baseline=_figures(baseline, "baseline") if isinstance(baseline, dict) else None,
        backend=str(document.get("backend", "onnxruntime")),
        options=_mapping(document, "session_options", {}),
        artefact=_artefact(document.get("artefact")),
        machine=_mapping(document, "machine", {}),
        versions={str(name): str(value) for name, value in _mapping(document, "versions", {}).items()},
        measured=str(document.get("measured", document.get("created", ""))),
        disturbed=disturbed if isinstance(disturbed, dict) else None,
        notes=tuple(map(str, document.get("notes", ()))),
        seed=int(document.get("seed", 0)),
        trial=int(document.get("trial", 0)),
        study=str(document.get("study", "")),
    )


def _figures(document: Mapping[str, Any], what: str) -> Figures:
    config = _mapping(document, "config")
    for name, value in config.items():
        if not isinstance(value, _VALUE):
            raise ValueError(f"config gives {name} a {type(value).__name__}")
    if config.get("quantization") == "fp32":  # what lehr 0.1 called the model as given
        config = {**config, "quantization": "as_is"}
    return Figures(
        config=config,
        outcome=str(document.get("outcome", "ok")),
        metrics=_numbers(document, "metrics", what),
        sem=_numbers(document, "sem", what, {}),
    )


def _upgraded(model: dict[str, Any]) -> dict[str, Any]:
    shapes = model.get("shapes", {})
    fine = isinstance(shapes, dict) and all(
        isinstance(dims, list) and dims and all(map(_is_whole, dims)) for dims in shapes.values()
    )
    if not fine:
        raise ValueError("the shapes of its model are not lists of whole numbers")
    axes = model.get("batch_axis_given", {})
    if not isinstance(axes, dict) or not all(axis is None or _is_whole(axis) for axis in axes.values()):
        raise ValueError("the batch axes of its model are not whole numbers")
    return model


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _artefact(stored: object) -> Artefact | None:
    if stored is None:
        return None
    if not isinstance(stored, dict):
        raise ValueError("artefact is no object")
    names = [stored.get("file"), *stored.get("weights", ())]
    if not all(isinstance(name, str) and _is_plain(name) for name in names):
        raise ValueError("artefact names a file that is not beside best.json")
    if not _is_digest(stored.get("sha256")):
        raise ValueError("artefact has no sha256")
    return Artefact(names[0], stored["sha256"], tuple(names[1:]))


def _is_plain(name: str) -> bool:
    """A name in this folder: nothing that leads out of it."""
    return name not in {"", ".", ".."} and not set(name) & {"/", "\\", "\0"}


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _judgement(stored: object) -> Judgement:
    limit = Limit.from_json(stored)
    assert isinstance(stored, Mapping)  # from_json reads nothing else
    answer = stored.get("answer", "met")  # lehr 0.1 shipped nothing else
    if answer not in ("met", "missed", "borderline", "unmeasured"):
        raise ValueError(f"a limit is {answer!r:.40}")
    value = stored.get("value") if "answer" in stored else None
    number = None if value is None else _finite(f"the value of {limit.metric}", value)
    return Judgement(limit, answer, answer == "met", number, number, str(stored.get("reason", "")))


def _mapping(document: Mapping[str, Any], name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = document[name] if default is None else document.get(name, default)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value


def _numbers(
    document: Mapping[str, Any], name: str, what: str, default: dict[str, Any] | None = None
) -> dict[str, float]:
    found = _mapping(document, name, default)
    return {key: _finite(f"metric {key} of {what}", value) for key, value in found.items()}


def _finite(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{what} is {value!r:.60}, not a finite number")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{what} is {value!r:.60}, not a finite number")
    return number
