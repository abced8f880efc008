"""``lehr.tune``: from a model and limits to the configuration to deploy, measured and ready to ship."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr._printable import printable
from lehr.deploy import ship
from lehr.deploy.best import Best, Figures
from lehr.deploy.machine import RUNTIMES, describe_machine, environment
from lehr.deploy.objective import Objective
from lehr.deploy.plan import Plan
from lehr.deploy.prepare import Failure
from lehr.deploy.request import MetricFunction, Request, read_request
from lehr.deploy.run_trials import DeploymentExecutor
from lehr.deploy.runoff import Runoff, run_final
from lehr.deploy.settle import Settled, settle
from lehr.deploy.stage import Stage
from lehr.deploy.times import trial_timeout_s as trial_time
from lehr.deploy.workload import Workload, make_workdir, open_workload
from lehr.errors import DeploymentError, MissingPackageError, OptionError, StorageError
from lehr.limits import Answer, Constraints, Judged, Judgement, judge
from lehr.study import Event, Study, StudyOpened
from lehr.study import run as run_study
from lehr.supervise.supervisor import Supervisor

if TYPE_CHECKING:
    from lehr.deploy.evaluate import Evaluator
    from lehr.deploy.progress import Progress
    from lehr.report.display import Display
    from lehr.study.opening import StorageLike

#: Notes in a study: what fixes its trials, and with what and where they were measured.
_MARK, _SURROUNDINGS = "lehr.workload", "lehr.surroundings"


@dataclass(frozen=True)
class Tuned:
    """What a search found. Made by :func:`lehr.tune`.

    Attributes:
        config: the configuration to deploy; None where nothing met the limits.
        trial: the trial that it comes from; None likewise.
        metrics: what it measured in the final, by name, each in its unit; empty likewise.
        sem: standard errors of these metrics, where known.
        baseline: the default configuration, measured beside it; None where it is not in the space.
        limits: how each limit stands for the configuration, or for the nearest miss.
        objective: what was optimised.
        study: the search: all trials, resumable.
        final: the final between the best few and the default; None where nothing was feasible.
        unavailable: backends that cannot run here, and why.
        surroundings: machine, versions and moment of the measurement.
        notes: what the preparation found worth saying.
        baseline_answer: how the limits stand for the default configuration, the worst of them.
    """

    config: dict[str, Any] | None
    trial: int | None
    metrics: Mapping[str, float]
    sem: Mapping[str, float]
    baseline: Figures | None
    limits: tuple[Judgement, ...]
    objective: Objective
    study: Study
    final: Runoff | None
    unavailable: Mapping[str, str]
    surroundings: Mapping[str, Any]
    notes: tuple[str, ...]
    workload: Workload
    seed: int
    stage: Stage
    baseline_answer: Answer = "unmeasured"

    @property
    def confirmed(self) -> bool:
        """Whether the figures are those of a final that the configuration won."""
        return self.config is not None and self.final is not None and self.final.winner == self.trial

    @property
    def disturbed(self) -> dict[str, Any] | None:
        """``{"trials", "of", "by"}``: how much of the search other processes disturbed; None when it was quiet."""
        found = self.study.disturbed
        return None if found is None else {"trials": found.trials, "of": found.of, "by": found.by}

    def explain(self) -> str:
        """What was found, how it was settled, and what the search was doing, in words."""
        lines = list(self.final.sentences) if self.final is not None else []
        if self.disturbed is not None:
            lines.append(disturbance(self.disturbed))
        lines += [f"{name} cannot run here: {reason}" for name, reason in self.unavailable.items()]
        return printable("\n".join([*lines, self.study.explain()]), lines=True)

    def best(self) -> Best:
        """What best.json says, yet without the model file.

        Raises:
            DeploymentError: nothing met the limits.
        """
        if self.config is None or self.trial is None:
            raise DeploymentError("nothing met the limits, so there is nothing to ship")
        backend = self.workload.evaluator.backend_of(self.config)
        return Best(
            figures=Figures(self.config, "ok", self.metrics, self.sem),
            objective=self.objective,
            limits=self.limits,
            model=self.workload.model_record(self.config),
            data=self.workload.data,
            metric=self.workload.metric,
            baseline=self.baseline,
            backend=backend.name,
            options=backend.session_options(self.config),
            machine=dict(self.surroundings["machine"]),
            versions=dict(self.surroundings["versions"]),
            measured=str(self.surroundings["measured"]),
            disturbed=self.disturbed,
            notes=self.notes,
            seed=self.seed,
            trial=self.trial,
            study=self.study.name,
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the deployed folder: best.json, the model file as measured, load.py.

        Args:
            folder: a new or empty folder, or one that lehr wrote.

        Returns:
            The folder.

        Raises:
            DeploymentError: nothing met the limits, or the folder holds something else.
            StorageError: it cannot be written.
        """
        best = self.best()
        # A run that only read a finished study made no file of the winner's recipe, and its supervisor is closed.
        with Supervisor(environment=environment()) as supervisor:
            made = self.stage.served_by(supervisor).prepare(self.workload.opened, best.config)
        if isinstance(made, Failure):
            raise DeploymentError(f"{made.what} cannot be made again: {made.reason}")
        target = Path(folder)
        files = [made.artefact, *(one for one in made.files if one != made.artefact)]
        model = self.workload.model_of(best.config).path
        ours = model.is_relative_to(self.workload.opened.workdir.resolve())
        ship.write_folder(target, best, files, model if ours else None)
        return target

    def __repr__(self) -> str:
        if self.config is None:
            return f"<lehr.Tuned: nothing met the limits in {len(self.study)} trials>"
        value = self.metrics.get(self.objective.metric)
        settings = ", ".join(f"{name}={entry}" for name, entry in self.config.items())
        return printable(f"<lehr.Tuned: {settings}; {self.objective.metric} {value:g}>")


def disturbance(found: Mapping[str, Any]) -> str:
    """One sentence on how much of a run others disturbed."""
    return (
        f"Disturbed: {found['trials']} of {found['of']} trials ran beside other work ({found['by']}); figures may be "
        "worse than the machine can do."
    )


def tune(
    model: Any = None,
    *,
    example_inputs: Any = None,
    state_dict: str | os.PathLike[str] | None = None,
    data: Any = None,
    limits: Constraints = None,
    objective: str | None = None,
    budget: int | str = 25,
    seed: int = 0,
    backends: Sequence[str] | None = None,
    metric: MetricFunction | str | None = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    batch_axis: Mapping[str, int | None] | None = None,
    method: str | None = None,
    preset: str = "default",
    without: Sequence[str] = (),
    trial_timeout_s: float | None = None,
    memory_limit_mb: float | None = None,
    storage: StorageLike = "lehr.journal",
    name: str | None = None,
    fresh: bool = False,
    policies: Mapping[str, str] | None = None,
    early_end: bool = True,
    final_s: float | None = None,
    measure_s: float | None = None,
    prepare_timeout_s: float | None = None,
    progress: bool | Display | None = None,
    on_event: Callable[[Any], None] | None = None,
) -> Tuned:
    """Find the best configuration to deploy a model on this machine, under hard limits.

    Every configuration is measured in a process of its own: it may crash, hang or run out of memory, and the search
    learns from it. The default configuration, which is what the runtime does when one sets nothing, is measured first.
    When the search ends, the best few and the default are measured again in fresh processes, interleaved, until the
    winner is settled: what ships carries the figures of this final. The same call goes on with a study that was
    interrupted or killed.

    Args:
        model: an ONNX file; a ``torch.nn.Module``, ``"module:function"`` that returns one, or the file of an exported
            program (``.pt2``, which can execute code when it is loaded); several by name (which makes ``model`` a
            variable of the search); or None for the bundled zoo.
        example_inputs: what one call of a module takes: an array or tensor, several in the order of ``forward``'s
            arguments or by their names, or texts such as ``"1x3x224x224"``, ``"ids:1x16:int64"``.
        state_dict: a file of weights for a module that a function returns; loaded with ``weights_only``.
        data: samples: a ``.npz`` or ``.npy`` file, arrays by input name (and ``labels``), or ``"module:function"`` that
            yields batches; None for made-up inputs, with agreement with the model as given for accuracy.
        limits: texts such as ``"latency_p95_ms <= 20"``, :class:`lehr.Limit`, or upper limits by metric.
        objective: ``accuracy``, ``throughput``, ``latency``, ``memory``, or any metric that is measured. None:
            ``throughput``, and ``accuracy`` for the zoo.
        budget: a number of trials, or a time such as ``"60s"`` or ``"2min"``.
        seed: start of the random numbers, 0 to 2**64 - 1.
        backends: runtimes by name; None for all that can run here.
        metric: what accuracy is: a function of outputs and labels that returns a number, higher is better, or
            ``"module:function"``.
        shapes: full shapes of inputs whose dimensions the model leaves open, by name.
        batch_axis: which axis is the batch, by input; None for an input without one.
        method, preset: of the search, as for :func:`lehr.run`.
        without: choices to leave out, such as ``"quantization=bf16"``.
        trial_timeout_s: deadline of a trial in seconds; None: one minute, more for a slow model.
        memory_limit_mb: where a trial is killed, MB of 10^6 bytes; None for 80 % of the machine's memory.
        storage, name, fresh: where the trials are kept; ``fresh`` starts a new study. The name is made from everything
            that fixes the trials, so that different calls never mix.
        policies: what to do about failures, as for :func:`lehr.run`.
        early_end: whether to end when the search expects to gain nothing more.
        final_s: seconds for the final; None for half of the search's, between 5 s and 2 min. 0 for none.
        measure_s: seconds after which a latency that is still too near its limit to be settled is borderline; None:
            15, or what 25 calls of a slow model take. More settles more, and makes trials near the limit longer.
        prepare_timeout_s: deadline for opening model and data, and for each recipe, in processes of their own under the
            trials' memory limit; None: 600.
        progress: whether to show the run, or what shows it (:class:`lehr.report.display.Display`); None for in a
            terminal or notebook.
        on_event: called with each event (:mod:`lehr.study.events`, :mod:`lehr.deploy.runoff`).

    Raises:
        OptionError: an argument cannot be used, or the study of this name was made with another model, data or options.
        ModelError: model or data cannot be used; one sentence says why and what to do.
        MissingPackageError: no backend can run here.
        StorageError: the study cannot be stored, is in use, or was measured elsewhere or with other versions.
        KeyboardInterrupt: after Ctrl-C, with what was found so far as its attribute ``tuned``.
    """
    request = read_request(
        model, data=data, limits=limits, objective=objective, budget=budget, seed=seed, backends=backends,
        metric=metric, shapes=shapes, batch_axis=batch_axis, method=method, preset=preset, without=without,
        trial_timeout_s=trial_timeout_s, memory_limit_mb=memory_limit_mb, storage=storage, name=name, fresh=fresh,
        policies=policies, early_end=early_end, final_s=final_s, measure_s=measure_s,
        prepare_timeout_s=prepare_timeout_s, example_inputs=example_inputs,
        state_dict=None if state_dict is None else Path(state_dict),
    )  # fmt: skip
    from lehr.report.display import shown

    with shown(progress) as display:

        def told(event: Any) -> None:
            display.event(event)
            if on_event is not None:
                on_event(event)

        tuning = Tuning(request, on_plan=display.begin, on_progress=display.progress, on_event=told)
        return tuning.run()


class Tuning:
    """One run of :func:`lehr.tune`.

    Attributes:
        tuned: what was found so far; None before the first trial has ended.
        measured: whether this run measured anything.
    """

    def __init__(
        self,
        request: Request,
        *,
        on_plan: Callable[[Plan], None] = lambda _: None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_event: Callable[[Event], object] = lambda _: None,
    ) -> None:
        self.request = request
        self.measured = 0
        self._on_plan, self._on_progress, self._on_event = on_plan, on_progress, on_event
        self._study: Study | None = None
        self._final: Runoff | None = None
        self._workload: Workload | None = None
        self._settled: Settled | None = None
        self._stage: Stage | None = None
        self._unavailable: dict[str, str] = {}
        self._surroundings = surroundings()

    @property
    def plan(self) -> Plan:
        """What is searched. Only after the models were opened."""
        assert self._settled is not None
        return self._settled.plan

    @property
    def workload(self) -> Workload:
        """What is tuned. Only after the models were opened."""
        assert self._workload is not None
        return self._workload

    def run(self) -> Tuned:
        """Open, search, settle. See :func:`lehr.tune` for what it raises."""
        with ExitStack() as stack:
            supervisor = stack.enter_context(Supervisor(environment=environment()))
            backends = self._available(supervisor)
            self._stage = Stage(
                make_workdir(), supervisor, backends=backends, on_progress=self._on_progress,
                memory_limit_mb=self.request.memory_limit_mb, timeout_s=self.request.prepare_timeout_s,
            )  # fmt: skip
            self._workload = open_workload(
                self._stage,
                self.request,
                drops=[one for one in self.request.without if not one.startswith("backend=")],
            )
            self._settled = settle(self.request, self._workload)
            self._on_plan(self._settled.plan)
            try:
                self._study = self._search(supervisor)
            except KeyboardInterrupt as interrupt:
                interrupt.tuned = self.tuned  # type: ignore[attr-defined]
                raise
        found = self.tuned
        assert found is not None
        return found

    @property
    def tuned(self) -> Tuned | None:
        """What was found so far; None before there is a study."""
        study, settled = self._study, self._settled
        if study is None or settled is None or self._stage is None:
            return None
        final, best = self._final, study.best
        winner = final.winner if final is not None else None
        entry = final.figures(winner) if final is not None and winner is not None else None
        if entry is None and best is not None and (final is None or not final.complete or final.disturbed):
            winner, entry = best.number, Figures(best.config, "ok", best.metrics, best.metrics_sem)
        judged = self._judged(winner, entry)
        return Tuned(
            config=None if entry is None else dict(entry.config),
            trial=winner,
            metrics={} if entry is None else entry.metrics,
            sem={} if entry is None else entry.sem,
            baseline=self._baseline(study, final),
            limits=judged,
            objective=settled.objective,
            study=study,
            final=final,
            unavailable=self._unavailable,
            surroundings=final.surroundings
            if final is not None and final.surroundings
            else self._noted(study),
            notes=settled.plan.notes,
            workload=self.workload,
            seed=self.request.seed,
            stage=self._stage,
            baseline_answer=self._baseline_answer(study, final),
        )

    def _judged(self, winner: int | None, entry: Figures | None) -> tuple[Judgement, ...]:
        assert self._settled is not None
        assert self._study is not None
        if winner is not None and self._final is not None and self._final.figures(winner) is not None:
            return self._final.judgements(winner)
        known = {trial.number: trial for trial in self._study.trials}
        trial = known.get(winner) if winner is not None else self._study.nearest_miss
        if trial is not None:
            return trial.judged.judgements
        return judge(self._settled.limits, {}).judgements

    def _baseline(self, study: Study, final: Runoff | None) -> Figures | None:
        trial = next((one for one in study.trials if one.config == self.workload.baseline), None)
        if trial is None:
            return None
        again = final.figures(trial.number) if final is not None else None
        return again or Figures(trial.config, str(trial.outcome), trial.metrics, trial.metrics_sem)

    def _baseline_answer(self, study: Study, final: Runoff | None) -> Answer:
        """By the final where it took part, else by its trial: by verdicts, as for any other configuration."""
        trial = next((one for one in study.trials if one.config == self.workload.baseline), None)
        if trial is None:
            return "unmeasured"
        if final is not None and final.figures(trial.number) is not None:
            return Judged(final.judgements(trial.number)).answer
        return trial.judged.answer

    def _noted(self, study: Study) -> Mapping[str, Any]:
        kept = study.optuna_study.user_attrs.get(_SURROUNDINGS)
        return kept if isinstance(kept, dict) else self._surroundings

    def _available(self, supervisor: Supervisor) -> tuple[str, ...]:
        from lehr.deploy.backends import availability, backends_for
        from lehr.deploy.without import left_of

        asked = self.request.backends or backends_for(self.request.formats)
        answers = availability(supervisor, left_of(asked, self.request.without))
        self._unavailable = {name: one.reason for name, one in answers.items() if not one.available}
        usable = tuple(name for name, one in answers.items() if one.available)
        if not usable:
            raise MissingPackageError("; ".join(self._unavailable.values()))
        return usable

    def _search(self, supervisor: Supervisor) -> Study:
        request, workload, settled = self.request, self.workload, self._settled
        assert settled is not None
        assert self._stage is not None
        return run_study(
            self._evaluator(),
            workload.space,
            objective=settled.objective.metric,
            direction=settled.objective.direction,
            constraints=settled.limits,
            budget=request.budget.trials,
            budget_seconds=request.budget.seconds,
            method=request.method,
            preset=request.preset,
            seed=request.seed,
            trial_timeout_s=request.trial_timeout_s
            or trial_time(workload.opened.slowest_s, measure_s=request.measure_s),
            memory_limit_mb=request.memory_limit_mb,
            storage=request.storage,
            name=settled.name,
            policies=request.policies,
            initial=[workload.baseline] if workload.baseline in workload.space else [],
            early_end=request.early_end,
            repeat_disturbed=self._repeats(),
            executor=DeploymentExecutor(
                supervisor,
                self._stage,
                workload.opened,
                lambda: [] if self._study is None else self._study.trials,
            ),
            on_event=self._event,
            finish=self._finish,
            version=_MARK,  # what is evaluated is checked below, by the workload
            progress=False,  # the display's
        )

    # What a study of other rules replaces (bench/selection.py).

    def _evaluator(self) -> Evaluator:
        """What measures a configuration; latency by the published rule where that is asked for."""
        evaluator = self.workload.evaluator
        if self.request.preset == "paper":
            evaluator = replace(evaluator, plan=replace(evaluator.plan, rule="paper"))
        if self.request.measure_s is not None:
            evaluator = replace(evaluator, plan=evaluator.plan.lasting(self.request.measure_s))
        return evaluator

    def _repeats(self) -> int:
        """How many disturbed trials are measured again, at most."""
        return max(3, (self.request.budget.trials or 25) // 5)

    def _event(self, event: Event) -> None:
        from lehr.study import TrialStarted

        self._study = event.study
        if isinstance(event, StudyOpened):
            self._check_study(event.study)
        self.measured += isinstance(event, TrialStarted)
        self._on_event(event)

    def _finish(self, finishing: Any) -> None:
        assert self._settled is not None
        self._study = finishing.study

        def note(final: Runoff) -> None:
            self._final = final

        self._final = run_final(
            finishing,
            objective=self._settled.objective,
            limits=self._settled.limits,
            baseline=self.workload.baseline,
            seconds=self.request.final_s,
            seed=self.request.seed,
            surroundings=self._surroundings,
            on_change=note,
        )
        self.measured += self._final.measured_now if self._final is not None else 0

    def _check_study(self, study: Study) -> None:
        """A study must have been made with the same model, data and options; and goes on with the same versions."""
        settled = self._settled
        assert settled is not None
        kept = study.optuna_study
        mark = kept.user_attrs.get(_MARK)
        if mark is None and not study.trials:
            kept.set_user_attr(_MARK, settled.mark)
            kept.set_user_attr(_SURROUNDINGS, dict(self._surroundings))
            return
        if mark != settled.mark:
            raise OptionError(
                f"study {study.name!r} was made with another model, other data or other options; choose another name, "
                "or a fresh study"
            )
        trials = self.request.budget.trials
        if study.trials and (trials is None or len(study.trials) < trials) and study.ended_early is None:
            there = kept.user_attrs.get(_SURROUNDINGS)
            found = differences(there, self._surroundings) if isinstance(there, dict) else []
            if found:
                raise StorageError(
                    f"study {study.name!r} was measured elsewhere or with other versions ({'; '.join(found)}), and "
                    "figures of both would be mixed: start a fresh study (--fresh), or go on with what it was "
                    "measured with"
                )


def surroundings() -> dict[str, Any]:
    """Where and with what is measured, and when (UTC)."""
    machine = describe_machine()
    versions = {"python": machine.pop("python"), **machine.pop("packages")}
    return {
        "machine": machine,
        "versions": versions,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What differs between two surroundings that changes what is measured, one phrase each."""
    found = []
    for part, names in (("machine", ("cpu", "cores")), ("versions", RUNTIMES)):
        before, now = there.get(part) or {}, here.get(part) or {}
        found += [
            f"{name} {before[name]} then, {now.get(name, 'none')} now"
            for name in names
            if name in before and before[name] != now.get(name)
        ]
    return found
