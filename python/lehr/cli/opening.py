"""Open a model of the user's in a process of its own: a file that kills its runtime must not take the command along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr.errors import ModelError

if TYPE_CHECKING:
    from lehr.deploy.evaluate import Evaluator
    from lehr.deploy.models import OnnxModel

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that runs, and what its samples are: how many (made up ones included), with labels or without.

    ``judged`` says what accuracy is, ``notes`` what the user must know of model and samples.
    """

    evaluator: Evaluator
    samples: int
    labelled: bool
    judged: str
    notes: tuple[str, ...]

    @property
    def model(self) -> OnnxModel:
        """The one model."""
        return next(iter(self.evaluator.models.values()))


def open_model(path: Path, workdir: Path, data: Path | None, shapes: Shapes) -> Opened:
    """Read the model, try it, and hold the data against it.

    Raises:
        ModelError: model or data cannot be used; one sentence says why and what to do.
    """
    from lehr.deploy.evaluate import PRELOAD, Evaluator
    from lehr.deploy.machine import environment
    from lehr.deploy.sources import DataSource
    from lehr.supervise.supervisor import Supervisor

    source = DataSource("made-up") if data is None else DataSource.of_file(data)
    with Supervisor(environment=environment()) as supervisor:
        ending = supervisor.run(
            _describe, str(path), str(workdir), data and str(data), dict(shapes), preload=PRELOAD
        )
    if ending.outcome != "ok":
        exception = ending.evidence.get("exception", {})
        if exception.get("type") == f"{ModelError.__module__}.{ModelError.__qualname__}":
            raise ModelError(exception["message"])
        raise ModelError(f"{path.name} cannot be tried: {ending.evidence.get('reason', ending.outcome)}")
    told = ending.result
    models = {told["name"]: _model(path, told["model"])}
    evaluator = Evaluator(models, source, workdir)
    return Opened(evaluator, told["samples"], told["labelled"], told["judged"], tuple(told["notes"]))


def _describe(
    path: str, workdir: str, data: str | None, shapes: dict[str, tuple[int, ...]]
) -> dict[str, Any]:
    """Runs in the child: everything there is to know of the model, as plain values."""
    from lehr.deploy.evaluate import Evaluator
    from lehr.deploy.stored import how_to_judge

    evaluator = Evaluator.for_model(path, workdir, data, shapes)
    ((name, model),) = evaluator.models.items()
    samples = evaluator.source.load(model)[0]
    fields = {**asdict(model), "path": None}
    judge = how_to_judge(model, samples)
    return {
        "name": name,
        "model": fields,
        "samples": samples.count,
        "labelled": samples.labels is not None,
        "judged": "agreement with the model as given" if judge is None else judge.description,
        "notes": [*model.notes, *evaluator.source.notes, *samples.notes],
    }


def _model(path: Path, told: Mapping[str, Any]) -> OnnxModel:
    from lehr.deploy.models import OnnxModel
    from lehr.deploy.signature import InputSpec, OutputSpec

    return OnnxModel(
        path=path.resolve(),
        inputs=tuple(InputSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in told["inputs"]),
        outputs=tuple(OutputSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in told["outputs"]),
        fixed_batch=told["fixed_batch"],
        sha256=told["sha256"],
        size_mb=told["size_mb"],
        notes=tuple(told["notes"]),
    )
