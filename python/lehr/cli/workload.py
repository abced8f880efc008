"""What is tuned: the bundled zoo or a model of the user's, and what the study and the shipped file need of it."""

from __future__ import annotations

import atexit
import hashlib
import importlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr.cli.exits import InputError, MachineError
from lehr.cli.opening import open_model

if TYPE_CHECKING:
    from lehr.deploy.evaluate import Evaluator
    from lehr.space import Space

_SHAPE = re.compile(r"(?P<name>.+):(?P<dims>\d+(?:x\d+)*)")
_WORKDIR = "lehr-work-"
_RUNTIME = ("onnxruntime", "onnx")


@dataclass(frozen=True)
class Workload:
    """A model or a set of models, ready to be measured.

    ``identity`` fixes what is measured, byte for byte; ``labelled`` is False where accuracy means fidelity to fp32.
    """

    subject: str
    title: str
    evaluator: Evaluator
    space: Space
    baseline: dict[str, Any]
    labelled: bool
    identity: dict[str, Any]
    data: dict[str, Any] | None
    shapes: dict[str, list[int]]
    is_zoo: bool
    notes: tuple[str, ...] = ()

    def model_record(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The model of a configuration, as best.json names it."""
        model = self.evaluator.model_of(config)
        if self.is_zoo:
            return {
                "zoo": str(config.get("model", next(iter(self.evaluator.models)))),
                "sha256": model.sha256,
            }
        record: dict[str, Any] = {"path": str(model.path), "sha256": model.sha256}
        return {**record, "shapes": self.shapes} if self.shapes else record


def require_runtime() -> None:
    """Raises MachineError when the packages that run models are not installed or are broken."""
    missing = [name for name in _RUNTIME if importlib.util.find_spec(name) is None]
    if missing:
        verb = "are" if len(missing) > 1 else "is"
        raise MachineError(f"{' and '.join(missing)} {verb} not installed: pip install 'lehr[cpu]'")
    for name in _RUNTIME:
        try:
            importlib.import_module(name)
        except Exception as error:  # a broken shared library raises more than ImportError
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise MachineError(f"{name} is installed but does not load on this machine: {first}") from error


def zoo_workload() -> Workload:
    """The five bundled families on their noisy held-out images."""
    require_runtime()
    from lehr.deploy.evaluate import Evaluator

    evaluator = Evaluator.for_zoo(_workdir())
    digests = {name: model.sha256 for name, model in evaluator.models.items()}
    title = f"the bundled zoo ({', '.join(evaluator.models)}) on held-out images of handwritten digits"
    return _workload(
        "zoo", title, evaluator, True, {"zoo": digests, "variant": evaluator.source.variant}, is_zoo=True
    )


def model_workload(model: Path, data: Path | None, shapes: Sequence[str]) -> Workload:
    """A model of the user's.

    Raises:
        ModelError, InputError: model, data or shapes cannot be used.
    """
    require_runtime()
    given = parse_shapes(shapes)
    if data is not None and not data.is_file():
        raise InputError(f"there is no file {data}")
    opened = open_model(model, _workdir(), data, given)
    record = {"path": str(data.resolve()), "sha256": file_digest(data)} if data is not None else None
    title = f"{model.name}, inputs made up"
    if data is not None:
        title = (
            f"{model.name} on {opened.samples} {'labelled ' if opened.labelled else ''}samples of {data.name}"
        )
    listed = {name: list(dims) for name, dims in given.items()}
    identity = {"model": opened.model.sha256, "data": record["sha256"] if record else None, "shapes": listed}
    return _workload(
        model.stem,
        title,
        opened.evaluator,
        opened.labelled,
        identity,
        is_zoo=False,
        data=record,
        shapes=listed,
        notes=opened.notes,
    )


def parse_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """``["input:1x3x224x224"]`` as ``{"input": (1, 3, 224, 224)}``. Raises InputError."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts:
        match = _SHAPE.fullmatch(text.strip())
        if match is None:
            raise InputError(f"--shape: {text!r} is not of the form name:1x3x224x224")
        if match["name"] in shapes:
            raise InputError(f"--shape: input {match['name']!r} is given twice; keep one")
        shapes[match["name"]] = tuple(int(size) for size in match["dims"].split("x"))
    return shapes


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises InputError when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _workload(
    subject: str,
    title: str,
    evaluator: Evaluator,
    labelled: bool,
    identity: dict[str, Any],
    *,
    is_zoo: bool,
    data: dict[str, Any] | None = None,
    shapes: dict[str, list[int]] | None = None,
    notes: tuple[str, ...] = (),
) -> Workload:
    from lehr.deploy.machine import available_cores
    from lehr.deploy.space import baseline, deployment_space

    cores = available_cores()
    return Workload(
        subject=subject,
        title=title,
        evaluator=evaluator,
        space=deployment_space(evaluator.models, cores),
        baseline=baseline(evaluator.models, cores),
        labelled=labelled,
        identity=identity,
        data=data,
        shapes=shapes or {},
        is_zoo=is_zoo,
        notes=notes,
    )


def _workdir() -> Path:
    """A folder for prepared files, removed at exit; those that killed runs left behind are removed now."""
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_WORKDIR}*"):
        pid = left.name.removeprefix(_WORKDIR).partition("-")[0]
        if (
            pid.isdecimal()
            and not _alive(int(pid))
            and not left.is_symlink()
            and left.stat().st_uid == os.getuid()
        ):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f"{_WORKDIR}{os.getpid()}-"))
    atexit.register(_remove, made, os.getpid())
    return made


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
