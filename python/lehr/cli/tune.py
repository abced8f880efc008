"""``lehr tune``: from options to a study, and from the study to best.json."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from lehr.cli import best_file, document, summary, units
from lehr.cli.display import Display, Plan, choose
from lehr.cli.exits import Exit, InputError, MachineError
from lehr.cli.limits import OBJECTIVES, Limit, LimitOptions, Objective, parse_objective, unknown
from lehr.cli.output import complain, emit, guarded_stdout, say
from lehr.cli.signals import Ending, ignore_interrupts, orderly_termination
from lehr.cli.study_name import choose as choose_name
from lehr.cli.study_name import default_name, digest

if TYPE_CHECKING:
    from lehr.cli.workload import Workload
    from lehr.optimizer import Method
    from lehr.study import Event, Study, StudyTrial

#: Limits of the zoo when none is given: on two ordinary cores they turn down about two thirds of the space, the default
#: configuration among it, and leave something feasible on machines several times slower.
ZOO_LIMITS = (
    Limit("latency_p95_ms", 10.0),
    Limit("memory_peak_mb", 96.0),
    Limit("throughput_items_s", 5000.0, upper=False),
)
#: Least agreement with fp32 where a model comes without labels.
FIDELITY = 0.99
_MARK = "lehr.workload"
_Word = TypeVar("_Word", bound=str)


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The options as typed."""

    model: Path | None
    data: Path | None
    shapes: tuple[str, ...]
    objective: str | None
    limits: LimitOptions
    budget: str
    method: str
    preset: str
    seed: int
    without: tuple[str, ...]
    trial_timeout: str
    memory_limit: str | None
    storage: str
    name: str | None
    fresh: bool
    out: Path
    explain: bool
    json: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The options as understood."""

    objective: Objective
    limits: tuple[Limit, ...]
    budget: units.Budget
    method: Method
    preset: Literal["default", "paper"]
    trial_timeout_s: float
    memory_limit_mb: float

    @property
    def trials(self) -> int:
        """The number of trials that the search plans for; under a time budget, more than are likely to fit."""
        if self.budget.trials is not None:
            return self.budget.trials
        return max(25, round(4 * (self.budget.seconds or 0)))


def tune(options: TuneOptions) -> Exit:
    """Run the search. Raises LehrError for what cannot be done; see :class:`Exit` for the rest."""
    with orderly_termination() as ending:
        return _tune(options, ending)


def _tune(options: TuneOptions, ending: Ending) -> Exit:
    settings = read(options)
    best_file.check_writable(options.out)
    display = choose(json=options.json)
    study: Study | None = None
    run: Run | None = None
    interrupted = False
    with guarded_stdout(active=options.json):
        try:
            run = prepare(options, settings)
            display.begin(run.plan)
            study = run.go(display)
        except KeyboardInterrupt:
            ignore_interrupts()
            interrupted = True
            study = run.study if run is not None else None
        finally:
            display.end()
    if run is None or study is None:
        raise KeyboardInterrupt
    return run.report(study, ending.exit_code if interrupted else None)


def read(options: TuneOptions) -> Settings:
    """Understand the options, before anything slow is done. Raises InputError."""
    from lehr.optimizer import METHODS

    if not 0 <= options.seed < 2**64:
        raise InputError(f"--seed: {options.seed} is outside 0 to 2**64 - 1")
    if options.model is None:
        for option, given in (("--data", options.data), ("--shape", options.shapes)):
            if given:
                raise InputError(f"{option} belongs to a model: lehr tune model.onnx {option} ...")
    objective = OBJECTIVES["accuracy" if options.model is None else "throughput"]
    if options.objective is not None:
        objective = parse_objective(options.objective)
    limits = options.limits.limits()
    memory_limit_mb = memory_limit(options.memory_limit, limits)
    if options.model is None and not limits:
        limits = ZOO_LIMITS
    return Settings(
        objective=objective,
        limits=limits,
        budget=units.budget(options.budget),
        method=_one_of("--method", options.method, METHODS),
        preset=_one_of("--preset", options.preset, ("default", "paper")),
        trial_timeout_s=units.duration_s(options.trial_timeout, "--trial-timeout"),
        memory_limit_mb=memory_limit_mb,
    )


def _one_of(option: str, text: str, known: tuple[_Word, ...]) -> _Word:
    for word in known:
        if word == text.strip().lower():
            return word
    raise unknown(option, text, known)


def memory_limit(text: str | None, limits: tuple[Limit, ...]) -> float:
    """The memory, in MB, at which a trial is killed. Raises InputError when it would kill what the limits allow."""
    from lehr.deploy.machine import memory_mb

    if text is None:
        return round(0.8 * memory_mb())
    value = units.memory_mb(text, "--memory-limit")
    for limit in limits:
        if limit.metric == "memory_peak_mb" and limit.value > value:
            raise InputError(
                f"--memory-limit {text} is below --max-memory {limit.value:g}MB: "
                "it would kill trials that the limit allows"
            )
    return value


def prepare(options: TuneOptions, settings: Settings) -> Run:
    """Open model and data, and settle what is searched and under which name."""
    from lehr.cli.space_edit import without
    from lehr.cli.workload import model_workload, zoo_workload

    workload = (
        zoo_workload()
        if options.model is None
        else model_workload(options.model, options.data, options.shapes)
    )
    notes = list(workload.notes)
    limits = settings.limits
    if options.model is None and not options.limits.limits():
        notes.append("(Default limits; your own: --max-latency-p95, --max-memory, --min-accuracy...)")
    asked = {limit.metric for limit in limits}
    if not workload.labelled:
        notes.append("Without labels, accuracy means agreement with the model's own fp32 answers.")
        if "accuracy" not in asked and settings.objective.metric != "accuracy":
            limits = (*limits, Limit("accuracy", FIDELITY, upper=False))
            notes.append(f"At least {FIDELITY:g} of it is asked for; change that with --min-accuracy.")
    elif "accuracy" not in asked and settings.objective.metric != "accuracy":
        notes.append("No --min-accuracy: a configuration of any accuracy may win.")
    space = without(workload.space, options.without)
    workload = replace(workload, space=space)
    settings = replace(settings, limits=limits)
    mark = digest(
        {
            "workload": workload.identity,
            "space": space.to_json(),
            "limits": [limit.constraint for limit in limits],
            "objective": settings.objective.name,
            "method": options.method,
            "preset": options.preset,
            "seed": options.seed,
            "trial_timeout_s": settings.trial_timeout_s,
            "memory_limit_mb": settings.memory_limit_mb if options.memory_limit is not None else None,
        }
    )
    plan = Plan(f"Tuning {workload.title}.", settings.objective, limits, settings.budget, tuple(notes))
    return Run(options, settings, workload, mark, plan)


class Run:
    """One run of the command on one study."""

    def __init__(
        self, options: TuneOptions, settings: Settings, workload: Workload, mark: str, plan: Plan
    ) -> None:
        self.options = options
        self.settings = settings
        self.workload = workload
        self.plan = plan
        self.study: Study | None = None
        self._mark = mark
        self._started = 0

    def go(self, display: Display) -> Study:
        """Search until the budget is spent."""
        import lehr.study
        from lehr.deploy.evaluate import PRELOAD
        from lehr.deploy.machine import environment

        def on_event(event: Event) -> None:
            self.study = event.study
            if isinstance(event, lehr.study.StudyOpened):
                self._check_mark(event.study)
            self._started += isinstance(event, lehr.study.TrialStarted)
            display.event(event)

        baseline = self.workload.baseline
        return lehr.study.run(
            self.workload.evaluator,
            self.workload.space,
            objective=self.settings.objective.metric,
            direction=self.settings.objective.direction,
            constraints=[limit.constraint for limit in self.settings.limits],
            budget=self.settings.trials,
            max_seconds=self.settings.budget.seconds,
            method=self.settings.method,
            preset=self.settings.preset,
            seed=self.options.seed,
            trial_timeout_s=self.settings.trial_timeout_s,
            memory_limit_mb=self.settings.memory_limit_mb,
            storage=self.options.storage,
            name=self._name(),
            preload=PRELOAD,
            environment=environment(),
            initial=[baseline] if baseline in self.workload.space else [],
            on_event=on_event,
        )

    def _name(self) -> str:
        """The study's name; with ``--fresh`` one that is not taken."""
        from lehr.study.storage import StudyStore

        def exists(name: str) -> bool:
            if "://" not in self.options.storage and not Path(self.options.storage).exists():
                return False
            return StudyStore(self.options.storage, name, writable=False).exists

        base = self.options.name or default_name(self.workload.subject, self._mark)
        return choose_name(base, exists, fresh=self.options.fresh)

    def _check_mark(self, study: Study) -> None:
        """A study under a name of the user's must have been made with the same model, data and options."""
        kept = study.optuna_study
        mark = kept.user_attrs.get(_MARK)
        if mark is None and not study.trials:
            kept.set_user_attr(_MARK, self._mark)
        elif mark != self._mark:
            raise InputError(
                f"study {study.name!r} in {self.options.storage} was made with another model, other data or "
                "other options; choose another --name, or --fresh for a new study"
            )

    def baseline(self, study: Study) -> StudyTrial | None:
        """The trial of the default configuration, if it was measured."""
        return next((trial for trial in study.trials if trial.config == self.workload.baseline), None)

    def report(self, study: Study, ended: Exit | None) -> Exit:
        """Write best.json and say what came of it. ``ended`` is the exit code of an interrupted run."""
        best, baseline, failure = study.best, self.baseline(study), None
        if best is not None:
            try:
                best_file.write(self.options.out, self.shipped(study, best, baseline))
            except MachineError as error:
                failure = error
        out = str(self.options.out) if best is not None and failure is None else None
        if self.options.json:
            emit(document.tune(self, study, baseline, interrupted=ended is not None, out=out))
        else:
            say(*self._words(study, best, baseline, ended, out))
        if failure is not None:
            complain(str(failure))
            return Exit.MACHINE
        if ended is not None:
            return ended
        return Exit.DONE if best is not None else Exit.NOTHING_FEASIBLE

    def _words(
        self,
        study: Study,
        best: StudyTrial | None,
        baseline: StudyTrial | None,
        ended: Exit | None,
        out: str | None,
    ) -> list[str]:
        lines: list[str] = []
        count = len(study)
        if ended is not None:
            again = shlex.join(
                [*invoked_as(), *(argument for argument in sys.argv[1:] if argument != "--fresh")]
            )
            lines += ["", f"Interrupted after {count} of {self.settings.budget}. To go on: {again}"]
        elif not self._started:
            lines += [
                f"This study was complete already ({count} trials); nothing was measured. --fresh starts anew."
            ]
        elif study.stopped == "exhausted":
            lines += ["", f"The space is exhausted: all its {count} configurations were measured."]
        if self.options.explain:
            lines += ["", study.explain()]
        if best is not None:
            again = shlex.join([*invoked_as(), "verify", str(self.options.out)])
            return lines + summary.best_lines(best, baseline, self.plan, out, again)
        if not count:
            return [*lines, "No trial has ended yet."]
        return lines + summary.nothing_lines(study, baseline, self.plan)

    def shipped(self, study: Study, best: StudyTrial, baseline: StudyTrial | None) -> best_file.BestFile:
        """What best.json says."""
        from lehr.deploy.machine import describe_machine

        machine = describe_machine()
        versions = {"python": machine.pop("python"), **machine.pop("packages")}
        before = None
        if baseline is not None:
            before = {"config": baseline.config, "outcome": baseline.outcome, "metrics": baseline.metrics}
        return best_file.BestFile(
            config=best.config,
            objective=self.settings.objective.name,
            metrics=dict(best.metrics),
            limits=self.settings.limits,
            model=self.workload.model_record(best.config),
            data=self.workload.data,
            machine=machine,
            versions=versions,
            seed=self.options.seed,
            trial=best.number,
            study=study.name,
            baseline=before,
        )


def invoked_as() -> tuple[str, ...]:
    """How this program was called, for commands to copy."""
    return ("python", "-m", "lehr") if Path(sys.argv[0]).name == "__main__.py" else ("lehr",)
