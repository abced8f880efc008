"""The live table: what ran, what came of it, which is best, and what runs now."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lehr._printable import printable
from lehr.deploy.plan import Plan
from lehr.deploy.progress import Progress
from lehr.deploy.runoff import FinalEvent
from lehr.metrics import metric, number
from lehr.report import figures, rows
from lehr.report.plain import opening
from lehr.study import (
    FaultFound,
    Study,
    StudyOpened,
    StudyTrial,
    TrialFinished,
    TrialStarted,
)

_STYLES = {"ok": "green", "borderline": "yellow", "infeasible": "yellow", "early_stopped": "yellow"}
_MOST_FAILURES = 8
_FRAME_LINES = (
    6  # header of the table, its rule, status line, what runs now and is prepared, one line to spare
)


@dataclass(frozen=True, slots=True)
class Running:
    """The trial under way; ``since`` by the monotonic clock."""

    number: int
    config: dict[str, object]
    since: float


class LiveTable:
    """Redraws in place while the run goes on; leaves the whole table behind at the end.

    It redraws once a second and when something happens: a display that works harder would disturb what is measured.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._console = Console(file=stream, highlight=False, emoji=False, markup=False)
        self._plan: Plan | None = None
        self._study: Study | None = None
        self._running: Running | None = None
        self._preparing: Progress | None = None
        self._final = ""
        self._began = time.monotonic()
        self._live = Live(
            _Frame(self), console=self._console, auto_refresh=True, refresh_per_second=1, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self._open = False

    def begin(self, plan: Plan) -> None:
        """The run in words, then the table."""
        self._plan = plan
        for line in plan.lines:
            self._say(line)
        self._live.start(refresh=False)
        self._open = True

    def progress(self, progress: Progress) -> None:
        """Show what is prepared."""
        if self._open:
            self._preparing = progress
            self._live.refresh()
        elif progress.done == 0:
            self._say(f"{progress} ...", style="dim")

    def event(self, event: Any) -> None:
        """Note it and redraw."""
        self._preparing = None
        self._study = event.study
        if isinstance(event, StudyOpened):
            for line in opening(event):
                self._say(line)
        elif isinstance(event, TrialStarted):
            self._running = Running(event.number, event.config, time.monotonic())
        elif isinstance(event, TrialFinished):
            self._running = None
        elif isinstance(event, FaultFound):
            self._say(event.message, style="red")
        elif isinstance(event, FinalEvent):
            self._final = printable(event.message)
        self._live.refresh()

    def end(self) -> None:
        """Replace the moving frame by the whole table."""
        if not self._open:
            return
        self._open = False
        self._running = None
        self._live.stop()
        if self._plan is not None and self._study is not None and self._study.trials:
            self._console.print(table(self._study.trials, self._study.best, self._plan, self._console.width))
            for line in rows.failures(self._study.trials)[:_MOST_FAILURES]:
                self._say(line, no_wrap=True, overflow="ellipsis", style="dim")
            if any(trial.disturbed for trial in self._study.trials):
                self._console.print("~ other processes disturbed this trial", style="dim")

    def _say(self, line: str, **how: Any) -> None:
        self._console.print(printable(line), **how)

    def frame(self, width: int, height: int) -> RenderableType:
        """What is to be seen now in a terminal of this size."""
        if self._plan is None or self._study is None:
            return Text("")
        trials, best = self._study.trials, self._study.best
        shown = visible(trials, best, max(1, height - _FRAME_LINES))
        parts: list[RenderableType] = [table(shown, best, self._plan, width)] if shown else []
        if self._running is not None:
            spent = figures.seconds(time.monotonic() - self._running.since)
            line = f"  {self._running.number:>4}  {figures.compact(self._running.config)}  running {spent}"
            parts.append(Text(printable(line), no_wrap=True, overflow="ellipsis", style="dim"))
        if self._preparing is not None:
            parts.append(
                Text(printable(f"        {self._preparing}"), no_wrap=True, overflow="ellipsis", style="dim")
            )
        if self._final:
            parts.append(Text(self._final, no_wrap=True, overflow="ellipsis"))
        parts.append(Text(self._status(trials), no_wrap=True, overflow="ellipsis"))
        return Group(*parts)

    def _status(self, trials: Sequence[StudyTrial]) -> str:
        assert self._plan is not None
        assert self._study is not None
        spent = math.fsum(rows.spent(trial) for trial in trials)
        if self._running is not None:
            spent += time.monotonic() - self._running.since
        budget = self._plan.budget
        feasible = sum(trial.feasible for trial in trials)
        if budget.trials is not None:
            left = f"{len(trials)}/{budget.trials} trials"
        else:
            assert budget.seconds is not None
            left = f"{len(trials)} trials, {figures.seconds(max(0.0, budget.seconds - spent))} left"
        return f"{left} | {feasible} feasible | {self._study.phase} | {figures.seconds(time.monotonic() - self._began)}"


class _Frame:
    """Lets rich ask for the frame anew at every refresh, at the terminal's size of that moment."""

    def __init__(self, owner: LiveTable) -> None:
        self._owner = owner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._owner.frame(options.max_width, console.height)


def visible(trials: Sequence[StudyTrial], best: StudyTrial | None, count: int) -> list[StudyTrial]:
    """The last ``count`` trials; the best takes the first place when it would have scrolled away."""
    shown = list(trials[-count:])
    if best is not None and shown and best.number < shown[0].number:
        shown[0] = best
    return shown


def table(trials: Sequence[StudyTrial], best: StudyTrial | None, plan: Plan, width: int) -> Table:
    """The trials as a table that fits ``width`` columns; the best row carries a ``*``, not only a colour."""
    metrics = rows.columns(plan.objective, plan.limits)
    grid = Table(
        box=None, pad_edge=False, padding=(0, 1, 0, 0), expand=False, header_style="bold", width=None
    )
    grid.add_column("", width=1)
    grid.add_column("#", justify="right")
    grid.add_column("configuration", no_wrap=True, overflow="ellipsis", ratio=None, min_width=12)
    grid.add_column("outcome", no_wrap=True)
    for name in metrics:
        grid.add_column(metric(name).heading, justify="right", no_wrap=True)
    grid.add_column("s", justify="right", no_wrap=True)
    room = _room(trials, metrics, width)
    for trial in trials:
        kind = rows.kind(trial)
        is_best = best is not None and best.number == trial.number
        grid.add_row(
            "*" if is_best else "",
            str(trial.number),
            _fit(printable(figures.compact(trial.config)), room),
            Text(rows.SHOWN[kind] + ("~" if trial.disturbed else ""), style=_STYLES.get(kind, "red")),
            *(number(name, trial.metrics.get(name)) for name in metrics),
            f"{rows.spent(trial):.1f}",
            style="bold" if is_best else "",
        )
    return grid


def _room(trials: Sequence[StudyTrial], metrics: Sequence[str], width: int) -> int:
    """Columns left for the configuration when every other column has what it needs."""
    others = 1 + 1 + max(len(str(trial.number)) for trial in trials) + 1
    others += (
        max(len("outcome"), *(len(rows.SHOWN[rows.kind(trial)]) + bool(trial.disturbed) for trial in trials))
        + 1
    )
    for name in metrics:
        cells = (len(number(name, trial.metrics.get(name))) for trial in trials)
        others += max(len(metric(name).heading), *cells) + 1
    others += max(len(f"{rows.spent(trial):.1f}") for trial in trials) + 1
    return max(12, width - others - 1)


def _fit(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 2].rstrip() + ".."
