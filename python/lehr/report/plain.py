"""Plain lines for pipes and files: one a trial, flushed as it ends."""

from __future__ import annotations

from typing import IO, Any

from lehr._printable import printable
from lehr.deploy.plan import Plan
from lehr.deploy.progress import Progress
from lehr.metrics import figure, metric
from lehr.report import figures, rows
from lehr.study import (
    PhaseChanged,
    Study,
    StudyOpened,
    StudyTrial,
    TrialFinished,
)

#: Seconds after which preparing is worth a line.
_SLOW_S = 10.0


class PlainLines:
    """Writes to a stream that nobody rewinds."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._columns: tuple[str, ...] = ()
        self._total = ""
        self._told = ""

    def begin(self, plan: Plan) -> None:
        """The run in words."""
        self._columns = rows.columns(plan.objective, plan.limits)
        self._total = f"/{plan.budget.trials}" if plan.budget.trials is not None else ""
        for line in plan.lines:
            self._line(line)

    def progress(self, progress: Progress) -> None:
        """A line for what begins and takes long enough to be wondered about."""
        if progress.seconds >= _SLOW_S and progress.what != self._told:
            self._told = progress.what
            self._line(f"{progress} ...")

    def event(self, event: Any) -> None:
        """One line for what is worth one."""
        if isinstance(event, StudyOpened):
            for line in opening(event):
                self._line(line)
        elif isinstance(event, TrialFinished):
            self._line(self._row(event.trial, event.study))
        elif isinstance(event, PhaseChanged):
            self._line(f"the search goes on from {event.before} to {event.after}")
        elif isinstance(message := getattr(event, "message", None), str) and message:
            self._line(message)

    def end(self) -> None:
        """Nothing is open."""

    def _row(self, trial: StudyTrial, study: Study) -> str:
        measured = "  ".join(
            f"{metric(name).title} {figure(name, trial.metrics[name])}"
            for name in self._columns
            if name in trial.metrics
        )
        best = study.best
        mark = "best so far" if best is not None and best.number == trial.number else rows.reason(trial)
        mark = "; ".join(part for part in (mark, rows.remarks(trial)) if part)
        parts = [
            f"{len(study):>{max(1, len(self._total) - 1)}}{self._total}  #{trial.number:<3}",
            f"{rows.SHOWN[rows.kind(trial)]:<10}",
            figures.compact(trial.config),
            measured,
            figures.seconds(rows.spent(trial)),
            f"({mark})" if mark else "",
        ]
        return "  ".join(part for part in parts if part)

    def _line(self, text: str) -> None:
        print(printable(text), file=self._stream, flush=True)


def opening(event: StudyOpened) -> list[str]:
    """What to say about a study that was there before."""
    study, lines = event.study, []
    if event.repaired is not None:
        lines.append(
            f"The study's file was damaged at its end; it was repaired, and a copy kept as {event.repaired}."
        )
    if done := len(study):
        lines.append(f"Study {study.name}: {done} trial{'s' if done != 1 else ''} done earlier.")
    return lines
