"""``lehr tune``: from options to a study, and from the study to best.json."""

from __future__ import annotations

import contextlib
import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from lehr.cli import document
from lehr.report import summary
from lehr.report.display import Display, choose
from lehr.cli.exits import Exit, InputError, MachineError
from lehr.cli.invocation import invoked_as
from lehr.cli.output import complain, emit, guarded_stdout, say
from lehr.cli.places import check_storage, check_writable
from lehr.cli.prepare import Prepared, prepare
from lehr.cli.settings import TuneOptions, read
from lehr.cli.signals import Ending, ignore_interrupts, orderly_termination

if TYPE_CHECKING:
    from lehr.deploy.evaluate import Evaluator
    from lehr.study import Event, Study, StudyTrial

_MARK = "lehr.workload"


def tune(options: TuneOptions) -> Exit:
    """Run the search. Raises LehrError for what cannot be done; see :class:`Exit` for the rest."""
    with orderly_termination() as ending:
        return _tune(options, ending)


def _tune(options: TuneOptions, ending: Ending) -> Exit:
    settings = read(options)
    check_writable(options.out)
    check_storage(options.storage)
    display = choose(json=options.json)
    study: Study | None = None
    run: Run | None = None
    interrupted = False
    with guarded_stdout(active=options.json):
        try:
            run = Run(options, prepare(options, settings))
            display.begin(run.plan)
            study = run.go(display)
        except KeyboardInterrupt:
            ignore_interrupts()
            interrupted = True
            study = run.study if run is not None else None
        finally:
            with contextlib.suppress(OSError):  # a terminal that is gone must not cost best.json
                display.end()
    if run is None or study is None:
        if options.json:
            emit({"status": "interrupted", "best": None, "baseline": None, "trials": [], "seconds": 0.0})
        complain("interrupted before the first trial")
        return ending.exit_code
    return run.report(study, ending.exit_code if interrupted else None)


class Run:
    """One run of the command on one study."""

    def __init__(self, options: TuneOptions, prepared: Prepared) -> None:
        self.options = options
        self.settings = prepared.settings
        self.workload = prepared.workload
        self.plan = prepared.plan
        self.study: Study | None = None
        self._name = prepared.name
        self._mark = prepared.mark
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
            self._evaluator(),
            self.workload.space,
            objective=self.settings.objective.metric,
            direction=self.settings.objective.direction,
            constraints=list(self.settings.limits),
            budget=self.settings.trials,
            budget_seconds=self.settings.budget.seconds,
            method=self.settings.method,
            preset=self.settings.preset,
            seed=self.options.seed,
            trial_timeout_s=self.settings.trial_timeout_s,
            memory_limit_mb=self.settings.memory_limit_mb,
            storage=self.options.storage,
            name=self._name,
            preload=PRELOAD,
            environment=environment(),
            policies=self.settings.policies,
            initial=[baseline] if baseline in self.workload.space else [],
            early_end=self.options.early_end,
            on_event=on_event,
        )

    def _evaluator(self) -> Evaluator:
        """The evaluator, judging latency by the published rule where that is asked for."""
        evaluator = self.workload.evaluator
        if self.settings.preset == "paper":
            return replace(evaluator, plan=replace(evaluator.plan, rule="paper"))
        return evaluator

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
        trials = f"{count} trial{'' if count == 1 else 's'}"
        if ended is not None:
            again = shlex.join(
                [*invoked_as(), *(argument for argument in sys.argv[1:] if argument != "--fresh")]
            )
            lines += ["", f"Interrupted after {count} of {self.settings.budget}. To go on: {again}"]
        elif study.ended_early is not None:
            before = self.settings.budget.trials
            done = trials if before is None else f"{count} of {before} trials"
            said = "Ended early" if self._started else "This study has ended early"
            more = "" if self._started else " Nothing was measured now; --fresh starts anew."
            lines += ["", f"{said} after {done}: {study.ended_early}. --no-early-end goes on.{more}"]
        elif not self._started:
            lines += [
                f"This study was complete already ({trials}); nothing was measured. --fresh starts anew."
            ]
        elif (kind := study.stopped_by) is not None:
            reason = study.trials[-1].evidence.get("reason", "")
            lines += ["", f"Stopped by --on-failure {kind}=stop at trial {study.trials[-1].number}: {reason}"]
        elif study.stopped == "exhausted":
            lines += ["", f"The space is exhausted: all its {count} configurations were measured."]
        if self.options.explain:
            lines += ["", study.explain()]
        if best is not None:
            again = shlex.join([*invoked_as(), "verify", str(self.options.out)])
            words = summary.best_lines(best, baseline, self.plan, out, again)
            return [*lines, *words[:-1], *summary.confirmation_lines(study), words[-1]]
        if not count:
            return [*lines, "No trial has ended yet."]
        return lines + summary.confirmation_lines(study) + summary.nothing_lines(study, baseline, self.plan)

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
