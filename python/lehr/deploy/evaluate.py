"""One configuration of one model, measured: quantise, load, time, judge the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lehr.deploy import accuracy, latency
from lehr.deploy.machine import peak_memory_mb, reset_peak_memory
from lehr.deploy.metric import Function, Metric
from lehr.deploy.models import OnnxModel, zoo_models
from lehr.deploy.prepare import prepare
from lehr.deploy.session import open_session
from lehr.deploy.shapes import Axes
from lehr.deploy.sources import Data, DataSource
from lehr.deploy.stored import how_to_judge
from lehr.deploy.zoo import Variant
from lehr.errors import ConfigurationError, DeviceError
from lehr.limits import Constraints, Limit, judge, parse_limits
from lehr.probe.report import LatencyReport
from lehr.supervise import EarlyStop, current_trial

PRELOAD = ("numpy", "onnxruntime", "lehr.deploy.evaluate")
"""What the process that forks the trials should import. No quantiser: a trial would be charged for it."""

ENERGY = "energy_j_per_item"
_ENERGY_S = 0.1  # a hundred steps of RAPL's counters


@dataclass(frozen=True)
class Evaluator:
    """Measures one configuration of the deployment space; call it in a fresh child.

    Picklable: it holds paths and shapes, no session and no data. ``workdir`` keeps prepared files (samples,
    converted models, reference outputs), which all trials of a run share; whoever made it removes it.
    ``limits`` are to be settled where no trial context gives them.
    ``accuracy_s`` bounds the time spent on accuracy; an eighth of it is enough for a configuration that
    already missed another limit.
    """

    models: Mapping[str, OnnxModel]
    source: DataSource
    workdir: Path
    limits: Constraints = ()
    plan: latency.LatencyPlan = field(default_factory=latency.LatencyPlan)
    accuracy_s: float = 4.0
    metric: Metric | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "limits", parse_limits(self.limits))

    @classmethod
    def for_zoo(cls, workdir: str | Path, variant: Variant = "noisy", **options: Any) -> Evaluator:
        """The bundled families on their held-out images."""
        return cls(zoo_models(), DataSource("zoo", variant=variant), Path(workdir), **options)

    @classmethod
    def for_model(
        cls,
        path: str | Path,
        workdir: str | Path,
        data: Data = None,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        batch_axis: Axes | None = None,
        metric: str | Function | None = None,
        **options: Any,
    ) -> Evaluator:
        """One model of the user's; without ``data``, inputs are made up and accuracy is agreement with the model as
        given.

        ``data`` is as :meth:`lehr.deploy.sources.DataSource.of` takes it, ``shapes`` and ``batch_axis`` as
        :meth:`lehr.deploy.models.OnnxModel.open`, ``metric`` as :meth:`lehr.deploy.metric.Metric.of`. Everything about
        model and data is checked here, before any trial.

        Raises:
            ModelError: model or data cannot be used; one sentence says why.
        """
        judge = None if metric is None else Metric.of(metric)
        source = DataSource.of(data, Path(workdir), batch_axis)
        model = OnnxModel.open(path, shapes, source.arrays_for(path), batch_axis)
        evaluation, _ = source.load(model, any_labels=judge is not None)
        how_to_judge(model, evaluation, judge)
        return cls({Path(path).stem: model}, source, Path(workdir), metric=judge, **options)

    def model_of(self, config: Mapping[str, Any]) -> OnnxModel:
        """The model that a configuration names, the only one where it names none.

        Raises:
            ConfigurationError: there is no such model.
        """
        name = config.get("model", next(iter(self.models)) if len(self.models) == 1 else None)
        if name not in self.models:
            raise ConfigurationError(f"there is no model {name!r}; there are {', '.join(self.models)}")
        return self.models[name]

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Measure ``config``.

        Returns a dictionary of numbers: ``accuracy`` (0..1) over ``accuracy_samples`` items;
        ``latency_mean_ms``, ``latency_p50_ms``, ``latency_p95_ms``, ``latency_p99_ms`` a call over
        ``latency_samples`` calls (percentiles that the count does not support are absent);
        ``throughput_items_s``; ``memory_peak_mb``, this process' peak from loading to the last timed call;
        ``model_size_mb``; ``load_s``; ``energy_j_per_item`` where the machine counts energy. Under ``facts``,
        strings: the provider that ran, what accuracy means here, what is odd, and as ``disturbed`` what other
        processes did to the latency. Under ``verdicts``, by limited percentile: whether the limit is met, and how
        sure that is (:class:`lehr.probe.Verdict`).

        Raises:
            EarlyStop: a latency limit is missed by so much that this was settled before its percentile could be
                told, or it cannot be measured in time.
            DeviceError: energy is limited, and this machine does not count it.
            Exception: whatever quantiser or runtime raised, unchanged.
        """
        model = self.model_of(config)
        batch = int(config.get("batch_size", model.fixed_batch or 1))
        prepared = prepare(
            model, str(config.get("quantization", "fp32")), self.source, self.workdir, self.metric
        )
        samples = prepared.samples()

        reset_peak_memory()
        start = time.perf_counter()
        session = open_session(prepared.model, config)
        load_s = time.perf_counter() - start
        feed = samples.batch(0, batch)
        report = self._time(lambda: session.run(None, feed), batch)
        memory = peak_memory_mb()

        timings, limits = report.metrics(), self._limits()
        known = timings | {"memory_peak_mb": memory, "model_size_mb": prepared.size_mb(model)}
        missed = judge(limits, known).answer == "missed"
        seconds = self.accuracy_s / 8 if missed else self.accuracy_s
        score = accuracy.evaluate(
            lambda inputs: session.run(None, inputs),
            model,
            samples,
            batch,
            score=prepared.scorer(self.metric),
            seconds=seconds,
        )
        metrics: dict[str, Any] = {"accuracy": score.value, "accuracy_samples": float(score.items)}
        metrics |= timings
        metrics |= {
            "memory_peak_mb": memory,
            "model_size_mb": prepared.size_mb(model),
            "load_s": load_s,
        }
        facts = {
            "provider": ", ".join(session.get_providers()),
            "accuracy_of": score.means,
        }
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
        # What measuring left open because another limit is missed anyway is held by its figure: that it is open says
        # nothing against it.
        moot = report.ended == "moot"
        verdicts = {
            f"latency_{one.limit.percentile}_ms": one.as_json()
            for one in report.verdicts
            if one.limit.rule == "sequential" and not (moot and one.answer == "borderline")
        }
        return {**metrics, "facts": facts, "verdicts": verdicts}

    def _limits(self) -> tuple[Limit, ...]:
        trial = current_trial()
        own = parse_limits(self.limits)
        return own if trial is None else (*own, *trial.limits)

    def _time(self, call: Callable[[], object], batch: int) -> LatencyReport:
        trial = current_trial()
        plan = self.plan.strict() if trial is not None and trial.confirming else self.plan
        plan = plan.within(None if trial is None else trial.timeout_s)
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
