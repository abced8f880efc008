"""What is tuned: the bundled zoo or models of the user, opened in the stage, and the space of configurations."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr.deploy.backends import find_backend
from lehr.deploy.evaluate import Evaluator
from lehr.deploy.machine import available_cores
from lehr.deploy.models import RunnableModel
from lehr.deploy.space import baseline, deployment_space
from lehr.deploy.stage import Opened, Stage
from lehr.deploy.without import without, without_unable

if TYPE_CHECKING:
    from lehr.space import Space

_WORKDIR = "lehr-work-"


@dataclass(frozen=True)
class Workload:
    """Models, ready to be measured.

    Attributes:
        subject: one word for names of studies and folders.
        title: what it is, in words.
        opened: the models and their samples, as the stage found them.
        evaluator: what measures one configuration.
        space: all configurations.
        baseline: the default configuration, the runtime's own choices.
        identity: what fixes the measurements, byte for byte; JSON-safe.
        is_zoo: whether these are the bundled models.
        notes: what opening them found worth saying.
    """

    subject: str
    title: str
    opened: Opened
    evaluator: Evaluator
    space: Space
    baseline: dict[str, Any]
    identity: dict[str, Any]
    is_zoo: bool
    notes: tuple[str, ...] = ()

    @property
    def labelled(self) -> bool:
        """Whether the samples have labels; else accuracy means agreement with the model as given."""
        return self.opened.labelled

    @property
    def data(self) -> dict[str, Any] | None:
        """The samples' file, as best.json names it; None where inputs were made up or are the zoo's."""
        source = self.opened.source
        if source.path is None:
            return None
        where = source.name if source.path.is_relative_to(self.opened.workdir.resolve()) else str(source.path)
        return {"path": where, "sha256": source.sha256}

    @property
    def metric(self) -> dict[str, str] | None:
        """The user's own metric, as best.json names it."""
        judge = self.opened.metric
        return None if judge is None else {"name": str(self.identity["metric"]), "key": judge.key()}

    def model_of(self, config: Mapping[str, Any]) -> RunnableModel:
        """The model that a configuration names."""
        return self.evaluator.model_of(config)

    def model_record(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The model of a configuration, as best.json names it."""
        model = self.model_of(config)
        if self.is_zoo:
            family = str(config.get("model", next(iter(self.opened.models))))
            return {"zoo": family, "sha256": model.sha256}
        asked = {"shapes": self.identity.get("shapes"), "batch_axis_given": self.identity.get("batch_axis")}
        record: dict[str, Any] = {"path": str(model.path), "sha256": model.sha256}
        return {**record, **{name: value for name, value in asked.items() if value}, **_fed(model)}


def _fed(model: RunnableModel) -> dict[str, Any]:
    """The shapes of one call with one item, and where the batch lies: what was fed."""
    return {
        "inputs": {spec.name: list(spec.shape) for spec in model.inputs},
        "batch_axis": {spec.name: spec.batch_axis for spec in model.inputs},
    }


def open_workload(stage: Stage, request: Any, *, drops: Sequence[str] = ()) -> Workload:
    """Open what a request names.

    Raises:
        ModelError: model or data cannot be used; one sentence says why and what to do.
        OptionError: nothing sensible is left of the space.
    """
    models = request.model
    if models is None:
        opened, subject, what = stage.open_zoo(), "zoo", "the bundled zoo"
        title = f"{what} ({', '.join(opened.models)}) on held-out images of handwritten digits"
    else:
        opened = stage.open(
            models, request.data, request.shapes, batch_axis=request.batch_axis, metric=request.metric
        )
        if isinstance(models, dict):
            subject, what = "-".join(models), ", ".join(models)
        else:
            subject = models.stem if isinstance(models, Path) else models.name
            what = models.name
        title = f"{what}, {opened.described}"
    cores = available_cores()
    runtimes = [find_backend(name) for name in opened.backends]
    space = without(deployment_space(opened.models, cores, backends=runtimes), drops)
    space, left_out = without_unable(space, opened.unable)
    identity = {
        "models": {name: model.sha256 for name, model in opened.models.items()},
        "source": opened.source.key(),
        "shapes": {name: list(dims) for name, dims in (request.shapes or {}).items()},
        "batch_axis": dict(request.batch_axis or {}),
        "metric": request.metric_name,
        "backends": list(opened.backends),
    }
    return Workload(
        subject=subject,
        title=title,
        opened=opened,
        evaluator=opened.evaluator(),
        space=space,
        baseline=baseline(opened.models, cores, backends=runtimes),
        identity=identity,
        is_zoo=models is None,
        notes=(*opened.notes, *left_out),
    )


def make_workdir() -> Path:
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
