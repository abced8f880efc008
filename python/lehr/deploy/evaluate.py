"""One configuration of one model, measured: load, time, judge the answers. What it needs was made in the stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lehr.deploy import accuracy, latency
from lehr.deploy.backend import Backend
from lehr.deploy.backends import DEFAULT, find_backend
from lehr.deploy.machine import peak_memory_mb, reset_peak_memory
from lehr.deploy.models import RunnableModel
from lehr.deploy.prepare import Failure, ModelFolder, Prepared, named
from lehr.deploy.sources import DataSource
from lehr.deploy.times import ACCURACY_S, accuracy_time_s, paced
from lehr.deploy.user_metric import UserMetric
from lehr.errors import DeviceError, PreparationError
from lehr.limits import Constraints, Limit, judge, parse_limits
from lehr.probe.report import LatencyReport
from lehr.supervise import EarlyStop, current_trial
from lehr.trial import DISTURBED_SHARE

PRELOAD = ("numpy", "onnxruntime", "lehr.deploy.evaluate")
"""What the process that forks the trials should import: :func:`preload` of the backend ``onnxruntime``."""

ENERGY = "energy_j_per_item"
_LARGEST_BATCH, _CALL_MS = 64, 20.0
#: By what share other processes disturb what is timed beside them at least. Chosen by hand, not sensitive.
LEAST_DISTURBED = 0.05
_ENERGY_S = 0.1  # a hundred steps of RAPL's counters


def preload(runtime: Backend) -> tuple[str, ...]:
    """What the process that forks a backend's trials should import. No converter: a trial would be charged for it."""
    return (*runtime.preload, "lehr.deploy.evaluate")


@dataclass(frozen=True)
class Evaluator:
    """Measures one configuration of the deployment space; call it in a fresh child.

    Picklable: it holds paths and shapes, no session and no data. :meth:`lehr.deploy.stage.Opened.evaluator` makes it;
    ``workdir`` is the stage's, and holds what :meth:`lehr.deploy.stage.Stage.prepare` made for the configuration.
    ``limits`` are to be settled beside those of the trial. ``call_s`` is, by model,
    the seconds a call takes in the default configuration: slow models are given more time. ``accuracy_s`` is the least
    that bounds the time spent on accuracy; an eighth is enough for a configuration that already missed another limit.
    ``metric`` is the user's own. ``artefact``, with ``weights`` beside it, is a deployed file to measure in place of
    what the stage made.
    """

    models: Mapping[str, RunnableModel]
    source: DataSource
    workdir: Path
    limits: Constraints = ()
    plan: latency.LatencyPlan = field(default_factory=latency.LatencyPlan)
    accuracy_s: float = ACCURACY_S
    backends: tuple[str, ...] = (DEFAULT,)
    call_s: Mapping[str, float] = field(default_factory=dict)
    metric: UserMetric | None = None
    artefact: Path | None = None
    weights: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", parse_limits(self.limits))

    def model_of(self, config: Mapping[str, Any]) -> RunnableModel:
        """The model that a configuration names, the only one where it names none.

        Raises:
            ConfigurationError: there is no such model.
        """
        return named("model", self.models, config)

    def backend_of(self, config: Mapping[str, Any]) -> Backend:
        """The backend that a configuration names, the only one where it names none.

        Raises:
            ConfigurationError: there is no such backend.
        """
        return find_backend(named("backend", {name: name for name in self.backends}, config))

    def prepared(self, config: Mapping[str, Any]) -> Prepared:
        """What the stage made for a configuration.

        Raises:
            PreparationError: it could not be made, or was not asked for.
        """
        model, runtime = self.model_of(config), self.backend_of(config)
        folder = ModelFolder.of(self.workdir, model, self.source, self.metric)
        if self.artefact is not None:
            files = (self.artefact, *self.weights)
            return Prepared(folder, self.artefact, files, sum(one.stat().st_size for one in files) / 1e6)
        found = folder.find(model, runtime, config)
        if found is None:
            key = runtime.prepare_key(config)
            raise PreparationError(f"{key} by {runtime.name} was not prepared; Stage.prepare does that")
        if isinstance(found, Failure):
            raise PreparationError(f"{found.what} could not be prepared: {found.reason}")
        return found

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Measure ``config``.

        Returns a dictionary of numbers: ``accuracy`` (0..1) over ``accuracy_samples`` items;
        ``latency_mean_ms``, ``latency_p50_ms``, ``latency_p95_ms``, ``latency_p99_ms`` a call over
        ``latency_samples`` calls (percentiles that the count does not support are absent);
        ``throughput_items_s``; ``memory_peak_mb``, which is None, for the supervisor to fill in;
        ``model_size_mb``; ``load_s``; ``energy_j_per_item`` where the machine counts energy. Under ``facts``:
        ``ran_on`` (:class:`lehr.deploy.backend.RanOn`), what accuracy means here, ``unchanged`` where the recipe
        changes nothing in this model, what is odd, and as ``disturbed`` what other processes did to the latency.
        Under ``sem``, standard errors of metrics by name. Under ``verdicts``, by limited percentile: whether the
        limit is met, and how sure that is (:class:`lehr.probe.Verdict`).

        Raises:
            EarlyStop: a latency limit is missed by so much that this was settled before its percentile could be
                told, or it cannot be measured in time.
            PreparationError: the stage could not make what the configuration needs.
            RanElsewhereError: the runtime ran it on something else than asked.
            DeviceError: energy is limited, and this machine does not count it.
            Exception: whatever the runtime raised, unchanged.
        """
        model, runtime, prepared = self.model_of(config), self.backend_of(config), self.prepared(config)
        batch = int(config.get("batch_size", model.fixed_batch or 1))
        samples = prepared.samples()
        call_s = self.call_s.get(next(name for name, one in self.models.items() if one is model), 0.0)

        reset_peak_memory()
        start = time.perf_counter()
        session = runtime.open(prepared.artefact, runtime.session_options(config))
        load_s = time.perf_counter() - start
        session.bind(samples.batch(0, batch))

        def call() -> None:
            session.run()
            session.synchronize()

        report = self._time(call, batch, call_s)
        memory = peak_memory_mb()

        timings, limits = report.metrics(), self._limits()
        known = timings | {"memory_peak_mb": memory, "model_size_mb": prepared.size_mb}
        missed = judge(limits, known).answer == "missed"
        seconds = accuracy_time_s(call_s, self.accuracy_s)
        seconds = seconds / 8 if missed else seconds
        score = accuracy.evaluate(
            session.run, model, samples, batch, score=prepared.scorer(self.metric), seconds=seconds
        )
        session.close()
        metrics: dict[str, Any] = {"accuracy": score.value, "accuracy_samples": float(score.items)}
        metrics |= timings
        # The peak of the whole tree is the supervisor's to tell.
        metrics |= {"memory_peak_mb": None, "model_size_mb": prepared.size_mb, "load_s": load_s}
        facts: dict[str, Any] = {"ran_on": session.ran_on.as_json(), "accuracy_of": score.means}
        if prepared.unchanged:
            facts["unchanged"] = prepared.unchanged
        if score.not_finite:
            facts["not_finite"] = (
                f"{score.not_finite} of {score.items} outputs hold NaN or infinity and count as wrong"
            )
        if score.seen < score.total:
            facts["accuracy_partial"] = (
                f"{score.seen} of {score.total} samples, the rest would take over {seconds:g} s"
            )
        if score.notes:
            facts["accuracy_notes"] = "; ".join(score.notes)
        if report.notes:
            facts["measurement"] = "; ".join(report.notes)
        if report.conditions.contended:
            facts["disturbed"] = report.conditions.contended
            facts[DISTURBED_SHARE] = disturbed_share(report)
        # What measuring left open because another limit is missed anyway is held by its figure: that it is open says
        # nothing against it.
        moot = report.ended == "moot"
        verdicts = {
            f"latency_{one.limit.percentile}_ms": one.as_json()
            for one in report.verdicts
            if one.limit.rule == "sequential" and not (moot and one.answer == "borderline")
        }
        if score.interval is not None:
            # Over the choice of samples. It is no standard error: the same samples give the same accuracy again.
            facts["accuracy_interval"] = [score.interval.low, score.interval.high]
        return {**metrics, "sem": report.sem(), "facts": facts, "verdicts": verdicts}

    def _limits(self) -> tuple[Limit, ...]:
        trial = current_trial()
        own = parse_limits(self.limits)
        return own if trial is None else (*own, *trial.limits)

    def _time(self, call: Callable[[], object], batch: int, call_s: float) -> LatencyReport:
        trial = current_trial()
        plan = self.plan.final() if trial is not None and trial.confirming else self.plan
        plan = paced(plan, call_s).within(None if trial is None else trial.timeout_s)
        found = trial is not None and trial.feasible_found
        asked = self._limits()
        energy = any(limit.metric == ENERGY for limit in asked)
        limits = latency.latency_limits(asked, plan, feasible_found=found)
        report = latency.time_call(
            call,
            limits,
            plan,
            batch_size=batch,
            moot_ms=moot_ms(asked, batch, peak_memory_mb()),
            min_seconds=_ENERGY_S if energy else 0.0,
        )
        if energy and report.energy.joules is None:
            raise DeviceError(f"{ENERGY} is limited, and cannot be measured: {report.energy.source}")
        timings = report.metrics()
        unsupported = [name for name in limits if name not in timings]
        if unsupported:
            # The mean stands in for the limited metrics: good enough to rank failures by.
            partial = dict.fromkeys(unsupported, report.mean_ms) | timings
            verdict = report.verdict
            if verdict is not None and verdict.answer == "infeasible":
                raise EarlyStop(verdict.reason, partial)
            disturbed = f" ({report.conditions.contended})" if report.conditions.contended else ""
            raise EarlyStop(
                f"{len(report.samples_ms)} calls took {plan.max_s:g} s, too few to support "
                f"{', '.join(unsupported)}{disturbed}",
                partial,
            )
        return report


def disturbed_share(report: LatencyReport) -> float | None:
    """By what share others may have slowed what was timed; None where they did not disturb it.

    Threads of our own wait for one another, too: no more was stolen than others used.
    """
    seen = report.conditions
    if not seen.contended:
        return None
    return max(min(seen.stolen_share or 0.0, seen.foreign_cpu or 0.0, 1.0), LEAST_DISTURBED)


def moot_ms(limits: Iterable[Limit], batch: int, memory_mb: float) -> float | None:
    """The mean latency above which a limit of another kind is missed, so that those of latency need no settling.

    0 where one is missed already; None where there is no such limit.
    """
    slowest: float | None = None
    for limit in limits:
        if limit.metric == "memory_peak_mb" and not limit.met(memory_mb):
            return 0.0
        if limit.metric == "throughput_items_s" and not limit.upper and limit.bound > 0:
            slowest = 1e3 * batch / limit.bound
    return slowest
