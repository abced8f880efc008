"""The stage: what trials need is made here, once, in supervised processes of its own and outside of any trial.

Opening and trying the model, samples, reference answers, speed; then, lazily, what each recipe makes of the model. All
of it lies in a work folder. A trial's time and memory are not charged for it, and a model file that kills or hangs its
runtime takes nothing else along.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy import stored
from lehr.deploy.accuracy import Run, evaluate
from lehr.deploy.agreement import REFERENCE_ITEMS
from lehr.deploy.backend import Backend, Foresighted, Session
from lehr.deploy.backends import AS_GIVEN, DEFAULT, find_backend
from lehr.deploy.data import Samples
from lehr.deploy.functions import one_line
from lehr.deploy.intervals import FEW, shown
from lehr.deploy.model_files import digest_of, format_of, need_torch
from lehr.deploy.models import Form, RunnableModel, zoo_models
from lehr.deploy.prepare import RECORD, Failure, ModelFolder, Prepared, named, save_folder
from lehr.deploy.progress import Progress, Teller, Watch
from lehr.deploy.rebuilding import as_plain, rebuilt
from lehr.deploy.recipe_failures import shaping, with_other_options
from lehr.deploy.scoring import ItemScores, Score, Scorer
from lehr.deploy.shapes import Axes
from lehr.deploy.signature import describe
from lehr.deploy.sources import Data, DataSource
from lehr.deploy.times import PREPARE_S, accuracy_time_s
from lehr.deploy.torch_source import ModelSource, TorchCode
from lehr.deploy.user_metric import Function, UserMetric
from lehr.deploy.zoo import Variant
from lehr.errors import ModelError, PreparationError
from lehr.trial import Cause

if TYPE_CHECKING:
    from lehr.deploy.evaluate import Evaluator
    from lehr.supervise import Ending
    from lehr.supervise.supervisor import Supervisor

#: Seconds for the reference answers; a slow model gives fewer of them, and that is said.
REFERENCE_S = 60.0
PRELOAD = ("numpy", "lehr.deploy.stage")
_SPEED_CALLS, _SPEED_S = 7, 0.25
_LARGEST_BATCH, _BATCH_S = 32, 0.05


@dataclass(frozen=True)
class Opened:
    """Models that run here, and what they are measured on.

    ``samples`` counts the items a configuration is judged by (made-up ones included), ``labelled`` says whether truth
    is known; ``metric`` is the user's own. By model, of the default configuration: ``call_s``, seconds a call with one
    item or the fixed batch, and ``accuracy`` on labelled samples (empty without labels). ``unable`` holds, by model and
    backend, the choices that cannot run and why (:class:`lehr.deploy.backend.Foresighted`). ``notes`` are sentences for
    the user.
    """

    models: Mapping[str, RunnableModel]
    source: DataSource
    workdir: Path
    backends: tuple[str, ...]
    samples: int
    labelled: bool
    call_s: Mapping[str, float]
    accuracy: Mapping[str, float]
    notes: tuple[str, ...] = ()
    metric: UserMetric | None = None
    unable: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    @property
    def described(self) -> str:
        """The samples in words: ``on 48 labelled samples of samples.npz``, or ``inputs made up``."""
        if self.source.kind == "made-up":
            return "inputs made up"
        of = f" of {self.source.name}" if self.source.name else ""
        return f"on {self.samples} {'labelled ' if self.labelled else ''}samples{of}"

    @property
    def slowest_s(self) -> float:
        """Seconds a call of the slowest model, for :func:`lehr.deploy.times.trial_timeout_s`."""
        return max(self.call_s.values())

    def evaluator(self, **options: Any) -> Evaluator:
        """What measures configurations of these models, after the stage has prepared them."""
        from lehr.deploy.evaluate import Evaluator

        return Evaluator(
            self.models,
            self.source,
            self.workdir,
            backends=self.backends,
            call_s=self.call_s,
            metric=self.metric,
            **options,
        )


def _word(given: str | ModelSource) -> str:
    return given.name if isinstance(given, TorchCode) else Path(given).stem


class Stage:
    """Prepares models in ``workdir`` by processes of ``supervisor``.

    ``backends`` are names, the default one first. ``timeout_s`` and ``memory_limit_mb`` bound each step: opening, and
    each recipe. ``reference_s`` bounds the time for reference answers. ``on_progress`` is called from a thread of its
    own.
    """

    def __init__(
        self,
        workdir: str | Path,
        supervisor: Supervisor,
        *,
        backends: Sequence[str] = (DEFAULT,),
        timeout_s: float = PREPARE_S,
        memory_limit_mb: float | None = None,
        reference_s: float = REFERENCE_S,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.workdir = Path(workdir)
        self.backends = tuple(backends)
        self._supervisor = supervisor
        self._timeout_s = timeout_s
        self._memory_limit_mb = memory_limit_mb
        self._reference_s = reference_s
        self._on_progress = on_progress

    def served_by(self, supervisor: Supervisor) -> Stage:
        """The same stage, whose processes another supervisor starts: its own may be closed by now."""
        other = copy(self)
        other._supervisor = supervisor
        return other

    def open(
        self,
        models: str | ModelSource | Mapping[str, str | ModelSource],
        data: Data = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        *,
        batch_axis: Axes | None = None,
        metric: str | Function | UserMetric | None = None,
    ) -> Opened:
        """Read a model of the user's (or several, by name), try it, hold the data against it. One that is PyTorch code
        is exported first.

        ``data`` is as :meth:`lehr.deploy.sources.DataSource.of` takes it, ``shapes`` and ``batch_axis`` as
        :meth:`lehr.deploy.models.RunnableModel.open`, ``metric`` as
        :meth:`lehr.deploy.user_metric.UserMetric.of`. Without data, inputs are made up and accuracy is
        agreement with the model as given.

        Raises:
            ModelError: model or data cannot be used; one sentence says why and what to do.
        """
        given = models if isinstance(models, Mapping) else {_word(models): models}
        judge = None if metric is None else UserMetric.of(metric)
        asked = {
            "given": {name: one if isinstance(one, TorchCode) else str(one) for name, one in given.items()},
            "shapes": dict(shapes or {}),
            "batch_axis": dict(batch_axis or {}),
        }
        what = ", ".join(one.name if isinstance(one, TorchCode) else Path(one).name for one in given.values())
        return self._open(what, data, asked, judge)

    def open_zoo(self, variant: Variant = "noisy") -> Opened:
        """The bundled families on their held-out images. Raises ModelError when they do not run here."""
        return self._open("the bundled zoo", None, {"zoo": variant}, None)

    def prepare(self, opened: Opened, config: Mapping[str, Any]) -> Prepared | Failure:
        """What a configuration needs, made now where it is not there; a failure of its own is kept and not tried again.

        Call it before the configuration's trial starts.
        """
        model = named("model", opened.models, config)
        runtime = find_backend(named("backend", {name: name for name in opened.backends}, config))
        folder = ModelFolder.of(self.workdir, model, opened.source, opened.metric)
        if (found := folder.find(model, runtime, config)) is not None:
            return found
        failure = _lacking(model, runtime) or self._make(folder, model, runtime, config)
        if failure is not None and failure.evidence.get("cause") in (Cause.KILLED, Cause.HELPER):
            return failure  # from outside, which says nothing about the recipe
        if failure is not None:
            settled_by = failure.settled_by or self._settled_by(failure, folder, model, runtime, config)
            _keep_failure(
                folder.made(runtime.name, runtime.prepare_key(config)),
                replace(failure, settled_by=settled_by),
            )
        made = folder.find(model, runtime, config)
        assert made is not None
        return made

    def _make(
        self, folder: ModelFolder, model: RunnableModel, runtime: Backend, config: Mapping[str, Any]
    ) -> Failure | None:
        request = {
            "model": as_plain(model),
            "backend": runtime.name,
            "config": dict(config),
            "folder": str(folder.path),
        }
        ending = self._run(_make, request)
        if ending.outcome == "ok":
            return None
        what = f"{runtime.prepare_key(config)} by {runtime.name}"
        return Failure(what, ending.outcome, self._why(ending), ending.evidence)

    def _settled_by(
        self,
        failure: Failure,
        folder: ModelFolder,
        model: RunnableModel,
        runtime: Backend,
        config: Mapping[str, Any],
    ) -> tuple[str, ...]:
        """What the failure depends on. Where the recipe has options of its own, it is tried with others: one that fails
        in the same way whatever these are is not worth a trial for each.
        """
        shape = shaping(runtime, config)
        other, options = with_other_options(runtime, model, config)
        if failure.outcome != "crashed" or not options or folder.find(model, runtime, other) is not None:
            return shape
        again = self._make(folder, model, runtime, other)
        same = again is not None and _kind(again) == _kind(failure)
        return tuple(name for name in shape if not same or name not in options)

    def _open(self, name: str, data: Data, asked: dict[str, Any], metric: UserMetric | None) -> Opened:
        request = {
            **asked,
            "data": data,  # a function of the user's is called in the stage, like all that is his
            "metric": metric,
            "backends": self.backends,
            "workdir": str(self.workdir),
            "reference_s": self._reference_s,
        }
        ending = self._run(_open, request)
        if ending.outcome != "ok":
            raise ModelError(f"{name} cannot be tried: {self._why(ending)}")
        told = ending.result
        if "refused" in told:
            raise ModelError(told["refused"])
        return Opened(
            models={name: rebuilt(RunnableModel, one) for name, one in told["models"].items()},
            source=DataSource.from_json(told["source"]),
            workdir=self.workdir,
            backends=tuple(told["backends"]),
            samples=told["samples"],
            labelled=told["labelled"],
            call_s=told["call_s"],
            accuracy=told["accuracy"],
            notes=tuple(told["notes"]),
            metric=metric,
            unable=told["unable"],
        )

    def _why(self, ending: Ending) -> str:
        if ending.outcome == "timeout":
            return f"preparing it was not done after {self._timeout_s:g} s; --prepare-timeout gives it more"
        return str(ending.evidence.get("reason", ending.outcome))

    def _run(self, work: Callable[[dict[str, Any]], Any], request: dict[str, Any]) -> Ending:
        self.workdir.mkdir(parents=True, exist_ok=True)

        def run(progress: Path | None) -> Ending:
            return self._supervisor.run(
                work,
                {**request, "progress": progress and str(progress)},
                preload=PRELOAD,
                timeout_s=self._timeout_s,
                memory_limit_mb=self._memory_limit_mb,
            )

        if self._on_progress is None:
            return run(None)
        progress = Path(tempfile.mkstemp(prefix="progress-", dir=self.workdir)[1])
        with Watch(progress, self._on_progress):
            return run(progress)


# What follows runs in the stage's own process.


def _open(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return _opened(request, Teller(request["progress"]))
    except ModelError as error:
        return {"refused": str(error)}


def _opened(request: dict[str, Any], teller: Teller) -> dict[str, Any]:
    teller.tell("opening the model")
    workdir, metric = Path(request["workdir"]), request["metric"]
    asked = [find_backend(name) for name in request["backends"]]
    formats = {name for one in asked for name in one.accepts}
    if "zoo" in request:
        source, models = DataSource("zoo", variant=request["zoo"]), zoo_models()
    else:
        shapes, batch_axis = request["shapes"], request["batch_axis"]
        source = DataSource.of(request["data"], workdir, batch_axis)
        models = {
            name: _read(given, source, workdir, shapes, batch_axis, formats, teller)
            for name, given in request["given"].items()
        }
    runtimes = _fitting(asked, models)
    told: dict[str, Any] = {
        "backends": [one.name for one in runtimes],
        "models": {},
        "call_s": {},
        "accuracy": {},
        "unable": {},
        "source": source.as_json(),
        "samples": 0,
    }
    notes = list(source.notes)
    for name, model in models.items():
        evaluation, calibration = source.load(model, any_labels=metric is not None)
        judge = stored.how_to_judge(model, evaluation, metric)
        if judge is not None and source.kind != "zoo":
            notes.append(
                f"accuracy is judged by labels, taken for {judge.description}"
                if metric is None
                else f"accuracy is the {judge.description}"
            )
        folder = ModelFolder.of(workdir, model, source, metric)
        if not folder.calibration.is_dir():
            save_folder(folder.calibration, partial(stored.save_inputs, calibration))
        runtime = find_backend(AS_GIVEN.get(model.format, runtimes[0].name))
        teller.tell("measuring its speed")
        session = _default_session(runtime, model, folder)
        call_s = _call_s(session, evaluation.batch(0, model.fixed_batch or 1))
        if not folder.samples.is_dir():
            run = _counted(session, model, evaluation, teller)
            save_folder(
                folder.samples,
                partial(_save_samples, evaluation, model, run, metric, request["reference_s"]),
            )
        scorer = stored.load_scorer(folder.samples, metric)
        if evaluation.labels is not None:
            teller.tell("accuracy of the default configuration")
            score = _accuracy(session, model, evaluation, scorer, call_s)
            told["accuracy"][name] = score.value
            if score.interval is not None and score.items < FEW and source.kind != "zoo":
                said = shown(f"{score.value:.3f}", (score.interval.low, score.interval.high), score.items)
                notes.append(f"the accuracy of {model.path.name} is {said}: few items tell no more")
        session.close()
        if source.kind != "zoo":
            fed = ", ".join(f"{one} {describe(shape)}" for one, shape in model.shapes.items())
            notes.append(f"{model.path.name} is fed {fed}")
        notes += [*model.notes, *evaluation.notes, *(scorer.notes if isinstance(scorer, ItemScores) else ())]
        wanted = min(evaluation.count, REFERENCE_ITEMS)
        if evaluation.labels is None and 0 < scorer.count < wanted:
            notes.append(
                f"a call of {model.path.name} takes {call_s:.2g} s, so answers are compared on {scorer.count} of "
                f"{wanted} samples"
            )
        told["models"][name] = as_plain(model)
        told["call_s"][name] = call_s
        told["unable"][name] = {
            one.name: _unable(one, model) for one in runtimes if isinstance(one, Foresighted)
        }
        told["samples"] = max(told["samples"], min(evaluation.count, scorer.count))
        told["labelled"] = evaluation.labels is not None
    return {**told, "notes": list(dict.fromkeys(notes))}


def _read(
    given: str | ModelSource,
    source: DataSource,
    workdir: Path,
    shapes: Mapping[str, tuple[int, ...]],
    batch_axis: Axes,
    formats: set[str],
    teller: Teller,
) -> RunnableModel:
    """A model of the user's, exported where it is code; one of PyTorch's with its ONNX form besides where a backend
    takes one.
    """
    notes: tuple[str, ...] = ()
    if isinstance(given, TorchCode):
        need_torch(given.name)
        from lehr.deploy.torch_export import export_program

        teller.tell(f"exporting {given.name}")
        given, notes = export_program(given, workdir, batch_axis)
    path = Path(given)
    if format_of(path) != "onnx":
        need_torch(path.name)
    forms = [_onnx_form(path, workdir, teller)] if format_of(path) != "onnx" and "onnx" in formats else []
    model = RunnableModel.open(path, shapes, source.arrays_for(path), batch_axis, forms)
    if forms and not forms[0].path:
        notes = (*notes, f"{path.name} has no ONNX form: {forms[0].reason}")
    return replace(model, notes=(*notes, *model.notes))


def _onnx_form(path: Path, workdir: Path, teller: Teller) -> Form:
    """The ONNX form of an exported program: made once, or the reason why it cannot be."""
    teller.tell(f"exporting {path.name} to ONNX")
    folder = workdir / f"onnx-{digest_of([path])[:16]}"
    target = folder / f"{path.stem}.onnx"
    if not target.is_file():
        from lehr.deploy.torch_export import export_onnx

        folder.mkdir(parents=True, exist_ok=True)
        try:
            export_onnx(path, target)
        except Exception as error:  # the exporter's exceptions have no common base
            return Form("onnx", None, f"torch.onnx.export: {one_line(error)}")
    return Form("onnx", str(target))


def _fitting(runtimes: Sequence[Backend], models: Mapping[str, RunnableModel]) -> list[Backend]:
    """Those that take every model in one of its formats; first those that take the models as given.

    Raises:
        ModelError: there is none.
    """
    fitting = [
        one for one in runtimes if all(set(one.accepts) & set(model.formats) for model in models.values())
    ]
    if not fitting:
        names, given = ", ".join(one.name for one in runtimes), ", ".join(models)
        raise ModelError(f"{names} cannot run {given}: not in a format that it takes; see lehr backends")
    return sorted(fitting, key=lambda one: any(model.format not in one.accepts for model in models.values()))


def _unable(runtime: Any, model: RunnableModel) -> dict[str, str]:
    try:
        return dict(runtime.unable(model.as_accepted(runtime.accepts)))
    except PreparationError:
        return {}  # every trial will tell


def _default_session(runtime: Backend, model: RunnableModel, folder: ModelFolder) -> Session:
    """The model in the runtime's default configuration, which is made on the way."""
    _make_folder(runtime, model, {}, folder)
    prepared = folder.find(model, runtime, {})
    assert isinstance(prepared, Prepared)
    return runtime.open(prepared.artefact, runtime.session_options({}))


def _call_s(session: Session, feed: Mapping[str, NDArray[Any]]) -> float:
    """Median seconds a call, over a quarter of a second; of a model that takes longer, the first call."""
    session.bind(feed)
    seconds: list[float] = []
    while len(seconds) < _SPEED_CALLS and sum(seconds) < _SPEED_S:
        start = time.perf_counter()
        session.run()
        session.synchronize()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def _accuracy(
    session: Session, model: RunnableModel, samples: Samples, scorer: Scorer, call_s: float
) -> Score:
    """What the model reaches, in batches that are quick; a slow model on as many samples as a trial sees."""
    quick = max(1, min(_LARGEST_BATCH, int(_BATCH_S / max(call_s, 1e-9))))
    size = model.fixed_batch or quick
    seconds = accuracy_time_s(call_s)
    return evaluate(session.run, model, samples, size, score=scorer, seconds=seconds)


def _save_samples(
    samples: Samples, model: RunnableModel, run: Run, metric: UserMetric | None, seconds: float, folder: Path
) -> None:
    stored.save(samples, model, run, folder, metric=metric, seconds=seconds)


def _counted(session: Session, model: RunnableModel, samples: Samples, teller: Teller) -> Run:
    """Runs the model for its reference answers, and tells how far that is."""
    done, of = 0, min(samples.count, REFERENCE_ITEMS)

    def run(feed: dict[str, NDArray[Any]]) -> list[Any]:
        nonlocal done
        answers = session.run(feed)
        done += model.fixed_batch or 1
        teller.tell("reference answers", min(done, of), of)
        return answers

    return run


def _make(request: dict[str, Any]) -> None:
    model = rebuilt(RunnableModel, request["model"])
    runtime = find_backend(request["backend"])
    Teller(request["progress"]).tell(f"preparing {runtime.prepare_key(request['config'])}")
    _make_folder(runtime, model, request["config"], ModelFolder(Path(request["folder"])))


def _make_folder(
    runtime: Backend, model: RunnableModel, config: Mapping[str, Any], folder: ModelFolder
) -> None:
    place = folder.made(runtime.name, runtime.prepare_key(config))
    if place.is_dir():
        return

    def fill(part: Path) -> None:
        start = time.perf_counter()
        form = model.as_accepted(runtime.accepts)
        artefact = runtime.prepare(form, config, stored.load_samples(folder.calibration), part)
        same = artefact == form.path
        files = form.files if same else tuple(sorted(one for one in part.rglob("*") if one.is_file()))
        key = runtime.prepare_key(config)
        record = {
            "artefact": None if same else str(artefact.relative_to(part)),
            "files": [str(one.relative_to(artefact.parent)) for one in files],
            "size_mb": form.size_mb if same else sum(one.stat().st_size for one in files) / 1e6,
            "unchanged": f"{key} changes nothing in {form.path.name}, it is the same file"
            if same and key != runtime.prepare_key({})
            else None,
            "seconds": time.perf_counter() - start,
        }
        _write_json(part / RECORD, record)

    save_folder(place, fill)


def _lacking(model: RunnableModel, runtime: Backend) -> Failure | None:
    """Why a backend has no file of this model to begin with; None where it has."""
    try:
        model.as_accepted(runtime.accepts)
    except PreparationError as error:
        evidence = {"signature": f"no {'/'.join(runtime.accepts)} form"}
        return Failure(
            f"{model.path.name} for {runtime.name}", "crashed", str(error), evidence, ("model", "backend")
        )
    return None


def _kind(failure: Failure) -> object:
    return failure.outcome, failure.evidence.get("signature", failure.reason)


def _keep_failure(place: Path, failure: Failure) -> None:
    save_folder(place, lambda part: _write_json(part / RECORD, {"failure": asdict(failure)}))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
