"""best.json: the configuration to ship, with what it measured, on what, and within which limits.

A file from a stranger is only read: nothing in it is executed or unpickled, and every field is checked before use.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lehr._files import write_whole
from lehr.cli.exits import InputError, MachineError
from lehr.cli.limits import OBJECTIVES
from lehr.limits import Limit

FORMAT = "lehr.best"
VERSION = 1
_LARGEST = 4 << 20  # bytes; ours are a few kilobytes
_VALUE = (str, int, float, bool, type(None))


@dataclass(frozen=True, slots=True)
class BestFile:
    """What best.json holds.

    ``model`` is ``{"zoo": family, "sha256": ...}`` or ``{"path": ..., "sha256": ..., "shapes": {...}}``; ``data`` is
    ``{"path": ..., "sha256": ...}`` or None. ``trial`` and ``study`` say where the figures were measured.
    """

    config: dict[str, Any]
    objective: str
    metrics: dict[str, float]
    limits: tuple[Limit, ...]
    model: dict[str, Any]
    data: dict[str, Any] | None = None
    machine: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    trial: int = 0
    study: str = ""
    baseline: dict[str, Any] | None = None
    created: str = ""

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form that is written."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "config": self.config,
            "objective": self.objective,
            "metrics": self.metrics,
            "limits": [limit.as_json() for limit in self.limits],
            "baseline": self.baseline,
            "model": self.model,
            "data": self.data,
            "machine": self.machine,
            "versions": self.versions,
            "seed": self.seed,
            "trial": self.trial,
            "study": self.study,
            "created": self.created or datetime.now(UTC).isoformat(timespec="seconds"),
        }


def write(path: Path, best: BestFile) -> None:
    """Write the file whole or not at all, durably.

    Raises:
        MachineError: the file system refused.
    """
    text = json.dumps(best.as_json(), indent=2, allow_nan=False) + "\n"
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise MachineError(
            f"cannot write {path}: {error.strerror}; the study keeps the result, so free the disk and run the same "
            "command again"
        ) from error


def read(path: Path) -> BestFile:
    """Read and check a file that may come from anyone.

    Raises:
        InputError: it cannot be read, is not ours, is damaged, or was written by a newer lehr.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is too large for a best.json of lehr ({path.stat().st_size} bytes)")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: give the best.json that lehr tune wrote") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"{path} was not written by lehr tune: it has no format '{FORMAT}'")
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{path} is damaged: version is {version!r}")
    if version > VERSION:
        raise InputError(
            f"{path} has version {version} of the format, and this lehr reads up to {VERSION}: upgrade lehr"
        )
    try:
        return _parsed(document)
    except (KeyError, TypeError, ValueError) as error:
        what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path} is damaged: {what}") from error


def _parsed(document: Mapping[str, Any]) -> BestFile:
    config = _mapping(document, "config")
    for name, value in config.items():
        if not isinstance(value, _VALUE):
            raise ValueError(f"config gives {name} a {type(value).__name__}")
    objective = document["objective"]
    if objective not in OBJECTIVES:
        raise ValueError(f"objective is {objective!r}")
    model = _mapping(document, "model")
    if not isinstance(model.get("zoo", model.get("path")), str) or not isinstance(model.get("sha256"), str):
        raise ValueError("model names neither a file nor a member of the zoo with its sha256")
    data = document.get("data")
    if data is not None and not (
        isinstance(data, dict) and isinstance(data.get("path"), str) and isinstance(data.get("sha256"), str)
    ):
        raise ValueError("data names no file with its sha256")
    return BestFile(
        config=config,
        objective=objective,
        metrics={
            name: _finite(f"metric {name}", value) for name, value in _mapping(document, "metrics").items()
        },
        limits=tuple(map(Limit.from_json, document["limits"])),
        model=model,
        data=data,
        machine=_mapping(document, "machine", {}),
        versions=_mapping(document, "versions", {}),
        seed=int(document.get("seed", 0)),
        trial=int(document.get("trial", 0)),
        study=str(document.get("study", "")),
        baseline=document.get("baseline") if isinstance(document.get("baseline"), dict) else None,
        created=str(document.get("created", "")),
    )


def _mapping(document: Mapping[str, Any], name: str, default: dict[str, Any] | None = None) -> dict[str, Any]:
    value = document[name] if default is None else document.get(name, default)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object")
    return value


def _finite(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{what} is {value!r}, not a finite number")
    return float(value)
