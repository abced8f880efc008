"""One run's work on a study: ask, evaluate in a child, store, tell, until the budget is spent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from lehr.errors import ExhaustedError, LoadError, StorageError
from lehr.optimizer import Optimizer
from lehr.study.confirming import NOTE, Confirmation, confirm_best, confirmation, read
from lehr.study.definition import Definition
from lehr.study.early import EarlyEnd
from lehr.study.events import (
    Event,
    FaultFound,
    PhaseChanged,
    StudyOpened,
    TrialFinished,
    TrialStarted,
    WinnerMeasured,
)
from lehr.study.faults import EnvironmentFault
from lehr.study.finishing import Finishing
from lehr.study.history import replay, tell
from lehr.study.lock import deferred_interrupt
from lehr.study.log import TrialLog, log_path
from lehr.study.policies import Action, FailureClass, failure_class
from lehr.study.quiet import Quiet, disturbed, less_disturbed
from lehr.study.results import Reading, json_safe, read_partial, read_result
from lehr.study.stopping import Stop, StopReason
from lehr.study.storage import StudyStore
from lehr.study.study import Study
from lehr.study.trial import StudyTrial, judged
from lehr.supervise import Ending
from lehr.trial import Cause, Outcome, Trial

#: Runs one configuration in a child: number, configuration, whether in fresh processes, whether to confirm a winner.
Evaluated = Callable[..., Ending]
PEAK, PEAK_EVIDENCE = "memory_peak_mb", "peak_memory_mb"
"""Peak memory of a trial's process tree as a metric, and as an executor's evidence names it."""


class Session:
    """One run's work on a study."""

    def __init__(
        self,
        store: StudyStore,
        definition: Definition,
        optimizer: Optimizer,
        budget: int,
        on_event: Callable[[Event], None] | None,
        *,
        policies: Mapping[FailureClass, Action],
        most: float,
        early_end: bool,
        repeats: int = 0,
        finish: Callable[[Finishing], None] | None = None,
    ) -> None:
        self._at_the_end = finish
        self._policies = policies
        self._most = most  # trials; infinite under a budget in seconds alone
        self._store = store
        self._definition = definition
        self._optimizer = optimizer
        self._on_event = on_event
        stored = store.trials(definition)
        self._early = EarlyEnd(optimizer) if early_end else None
        self._waiting = replay(optimizer, stored, definition, self._early)
        self._next = len(stored)
        self.study = Study(store, definition, budget, lambda: optimizer)
        for record in stored:
            if record.trial is not None:
                self.study._add(record.trial)
        for one in read(store.noted(NOTE)).values():
            self.study._confirmed(one)
        self._log = TrialLog(log_path(store.path), store.name) if store.path is not None else None
        if self._log is not None:
            self._log.catch_up(self.study.trials)
        self._told: list[EnvironmentFault] = self.study.faults
        self._quiet = Quiet(repeats, self.study.trials)
        self._phase = str(optimizer.phase)
        store.note("budget", budget)

    def drive(self, evaluated: Evaluated, budget_seconds: float, confirm: int) -> Study:
        """Run trials until the study is done."""
        earlier, started = self.study.cost_seconds, time.monotonic()
        self._emit(StudyOpened(self.study, self._store.repaired))
        try:
            while True:
                why = None
                if not self._waiting and self._next >= self._most:
                    why = Stop(StopReason.BUDGET)
                elif self._spent(earlier, started) >= budget_seconds:
                    why = Stop(StopReason.TIME)
                elif not self._waiting and self._early is not None and self._early.reason is not None:
                    why = Stop(StopReason.EARLY, self._early.reason)
                else:
                    try:
                        asked, again = self._start()
                    except ExhaustedError:
                        why = Stop(StopReason.EXHAUSTED)
                if why is not None:
                    if self._at_the_end is not None:
                        self._at_the_end(self._finishing(evaluated))
                    else:
                        self._confirm(evaluated, confirm)
                    return self._end(why)
                self._changed_phase()
                self._emit(TrialStarted(asked.number, asked.config, self.study, again))
                ending, stop = self._evaluate(asked, evaluated)
                self._finish(asked, ending)
                if stop is not None:
                    return self._end(Stop(StopReason.POLICY, stop))
        except LoadError:
            self._end(Stop(StopReason.UNLOADED))
            raise
        except KeyboardInterrupt as interrupt:
            with suppress(StorageError):  # the interrupt matters more than the note about it
                self._end(Stop(StopReason.INTERRUPTED))
            interrupt.study = self.study  # type: ignore[attr-defined]
            raise

    def _spent(self, earlier: float, started: float) -> float:
        return max(earlier + time.monotonic() - started, self.study.cost_seconds)

    def _finishing(self, evaluated: Evaluated) -> Finishing:
        def measure(number: int, config: Mapping[str, Any]) -> StudyTrial:
            asked = Trial(number, dict(config), "added")
            return read_ending(asked, evaluated(number, dict(config), True, True), self._definition)

        return Finishing(self.study, measure, self._store.note, self._store.noted, self._emit)

    def _confirm(self, evaluated: Evaluated, at_most: int) -> None:
        def measure(trial: StudyTrial) -> Confirmation:
            asked = Trial(trial.number, dict(trial.config), trial.origin)
            ending = evaluated(trial.number, dict(trial.config), True, True)
            _require_entered(asked, ending)
            again = read_ending(asked, ending, self._definition)
            found = confirmation(trial, again)
            with deferred_interrupt():
                self.study._confirmed(found)
                self._store.note(NOTE, [one.as_json() for one in self.study.confirmations.values()])
            self._emit(WinnerMeasured(found, trial, self.study))
            return found

        confirm_best(lambda: self.study.best, list(self.study.confirmations), measure, at_most)

    def _start(self) -> tuple[Trial, bool]:
        """The next trial, already recorded: one that an earlier session died in, else a new one."""
        if self._waiting:
            return self._waiting.pop(min(self._waiting)), True
        asked = self._optimizer.ask()
        self._store.start(self._next, asked.config, asked.origin, self._definition)
        self._next += 1
        return asked, False

    def _evaluate(self, asked: Trial, evaluated: Evaluated) -> tuple[Ending, FailureClass | None]:
        """The ending that counts, with what all attempts cost, and the failure that ends the run, if any."""
        begun = time.monotonic()
        ending = evaluated(asked.number, asked.config, False)
        attempts: list[dict[str, Any]] = []
        kind = failure_class(ending)
        if kind is not None and self._policies[kind] == "retry":
            reason = ending.evidence.get("reason")
            attempts.append(
                {"outcome": ending.outcome, "class": kind, "reason": reason, "seconds": ending.seconds}
            )
            ending = evaluated(asked.number, asked.config, True)
            kind = failure_class(ending)
        _require_entered(asked, ending)
        if kind is None and self._quiet.wants(ending):
            self._quiet.wait()
            ending, other = less_disturbed(ending, evaluated(asked.number, asked.config, False))
            attempts.append(
                {
                    "outcome": other.outcome,
                    "class": "disturbed",
                    "reason": disturbed(other),
                    "seconds": other.seconds,
                }
            )
            self._quiet.saw(ending)
        evaluating = ending.seconds + sum(attempt["seconds"] for attempt in attempts)
        ending.evidence["cost_seconds"] = round(max(time.monotonic() - begun, evaluating), 4)
        if attempts:
            ending.evidence["earlier_attempts"] = attempts
        return ending, kind if kind is not None and self._policies[kind] == "stop" else None

    def _finish(self, asked: Trial, ending: Ending) -> None:
        trial = read_ending(asked, ending, self._definition)
        with deferred_interrupt():
            self._store.finish(trial, self._definition)
            self.study._add(trial)
            if self._log is not None:
                self._log.append(trial)
            tell(self._optimizer, asked, trial)
            if self._early is not None:
                self._early.look(len(self.study))
        self._emit(TrialFinished(trial, self.study))
        for fault in self.study.faults:
            if not any(fault.same_as(told) for told in self._told):
                self._told.append(fault)
                self._emit(FaultFound(fault, self.study))

    def _end(self, why: Stop) -> Study:
        self.study._ended(why)
        self._store.note("stopped", why.as_json(self._next))
        return self.study

    def _changed_phase(self) -> None:
        before, self._phase = self._phase, str(self._optimizer.phase)
        if before != self._phase:
            self._emit(PhaseChanged(before, self._phase, self.study))

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            self._on_event(event)


def _require_entered(asked: Trial, ending: Ending) -> None:
    """What fails before the evaluation is entered is no result of the trial, which stays to be run."""
    if ending.entered:
        return
    reason = str(ending.evidence.get("reason") or "The evaluation was not entered.")
    raise LoadError(
        f"{reason} It was not entered, so this is no result of trial {asked.number}: mend it and run the same again, "
        "and the study goes on with that trial.",
        ending.evidence,
    )


def _with_peak(ending: Ending, definition: Definition) -> object:
    """The result with the peak memory of the whole process tree, as the executor saw it, where the study asks for it or
    the evaluation left it open (None): one figure for metric, limit and evidence.
    """
    result, peak = ending.result, ending.evidence.get(PEAK_EVIDENCE)
    if not isinstance(result, Mapping) or peak is None or result.get(PEAK) is not None:
        return result
    asked = definition.objective == PEAK or any(limit.metric == PEAK for limit in definition.limits)
    return {**result, PEAK: peak} if asked or PEAK in result else result


def read_ending(asked: Trial, ending: Ending, definition: Definition) -> StudyTrial:
    """Judge how an evaluation ended. An unusable result is a crash, whose evidence names the metric."""
    outcome: Outcome = ending.outcome
    evidence = json_safe(ending.evidence)
    reading: Reading
    if outcome == "ok":
        reading = read_result(_with_peak(ending, definition), definition.objective, definition.limits)
        if reading.problem:
            outcome = "crashed"
            evidence = {
                **evidence,
                "reason": reading.problem,
                "metric": reading.metric,
                "signature": f"bad result: {reading.metric}",
                "cause": str(Cause.REFUSED),
            }
    else:
        reading = read_partial(_with_peak(ending, definition))
    if reading.ignored:
        evidence["ignored"] = list(reading.ignored)
    return judged(
        number=asked.number,
        config=asked.config,
        origin=asked.origin,
        outcome=outcome,
        objective=reading.metrics[definition.objective] if outcome == "ok" else None,
        metrics=reading.metrics,
        evidence=evidence,
        seconds=float(ending.seconds),
        facts=reading.facts,
        sem=reading.sem,
        objective_sem=reading.sem.get(definition.objective) if outcome == "ok" else None,
        limits=definition.limits,
        accept_borderline=definition.accept_borderline,
    )
