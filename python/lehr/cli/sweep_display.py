"""How a sweep looks: a bar in a terminal, a line now and then in a pipe, a table at the end."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Protocol

from lehr.report.columns import aligned
from lehr.report.display import is_terminal

if TYPE_CHECKING:
    from lehr.bench import CellSummary, Progress
    from lehr.bench.statistics import Interval

_QUIET_S = 10.0  # between lines in a pipe


class Display(Protocol):
    """Shows progress."""

    def show(self, progress: Progress) -> None:
        """Called often."""

    def end(self) -> None:
        """Leaves the stream ready for ordinary lines. Calling it again is harmless."""


class Silent:
    """Shows nothing."""

    def show(self, progress: Progress) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Lines:
    """A line every ten seconds."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._next = _QUIET_S

    def show(self, progress: Progress) -> None:
        """A line when it is time for one."""
        if progress.seconds < self._next:
            return
        self._next = progress.seconds + _QUIET_S
        print(
            f"{progress.studies_done:,} of {progress.studies:,} studies, "
            f"{progress.cells_done} of {progress.cells} cells, "
            f"{duration(progress.seconds)} spent, {left(progress)}",
            file=self._stream,
            flush=True,
        )

    def end(self) -> None:
        """Nothing is open."""


class Bar:
    """A bar that moves with the work that is done: seconds of it, not studies."""

    def __init__(self, stream: IO[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(
            BarColumn(bar_width=30),
            TextColumn("{task.fields[words]}"),
            console=Console(file=stream),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, words="")

    def show(self, progress: Progress) -> None:
        """Move the bar."""
        self._bar.start()
        words = (
            f"{progress.studies_done:,}/{progress.studies:,} studies  "
            f"{progress.cells_done}/{progress.cells} cells  {left(progress)}"
        )
        total = None if progress.share is None else 1.0
        self._bar.update(self._task, total=total, completed=progress.share or 0.0, words=words)

    def end(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def choose(*, json: bool) -> Display:
    """A bar in a terminal, lines in a pipe; under ``--json`` only stderr's terminal gets anything."""
    stream = sys.stderr if json else sys.stdout
    if is_terminal(stream):
        return Bar(stream)
    return Silent() if json else Lines(stream)


def left(progress: Progress) -> str:
    """How long it will still take, in words."""
    if progress.seconds_left is None:
        return "time left not known yet"
    if progress.studies_done == progress.studies:
        # The table's intervals take a while as well: a second for a cell of thousands of studies.
        return "storing" if progress.cells_done < progress.cells else "working out intervals"
    return f"about {duration(progress.seconds_left)} left"


def duration(seconds: float) -> str:
    """Seconds as people say them: 8 s, 3 min, 2.5 h."""
    if seconds < 100:
        return f"{max(1, math.ceil(seconds))} s"
    if seconds < 6000:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


_HEADS = (
    "problem",
    "method",
    "budget",
    "studies",
    "found",
    "best",
    "regret",
    "wasted",
    "discovered",
    "near opt.",
)


def table_lines(cells: Sequence[CellSummary]) -> list[str]:
    """The cells in a table with 95 % intervals, for any stream."""
    if not cells:
        return []
    lines = aligned([_HEADS, *map(_row, cells)], left=2)
    lines.insert(1, "-" * max(map(len, lines)))
    lines += [
        "",
        "Means over the studies that found something feasible, with 95 % bootstrap intervals; shares of all studies",
        "with Wilson intervals. found: something met the limits; near opt.: within 0.5 % of the optimum.",
    ]
    false = [cell for cell in cells if cell.false_winners.value > 0]
    if false:
        worst = max(false, key=lambda cell: cell.false_winners.value)
        share = f"{100 * worst.false_winners.value:.2g} %"  # 0.2 % is not 0 %
        lines.append(
            f"In {len(false)} of {len(cells)} cells some winners met the limits by luck, at most "
            f"{share} of the studies ({worst.cell}): these have no regret and are not near opt."
        )
    return lines


def _row(cell: CellSummary) -> tuple[str, ...]:
    from lehr.bench.sentences import with_interval

    return (
        cell.cell.problem,
        cell.cell.method,
        str(cell.cell.budget),
        f"{cell.studies:,}",
        with_interval(cell.found, shares=True),
        _figure(cell.means["best"]),
        _figure(cell.means["regret"]),
        with_interval(cell.means["wasted"], shares=True),
        with_interval(cell.shares["discovered"], shares=True),
        with_interval(cell.shares["near_optimum"], shares=True),
    )


def _figure(interval: Interval) -> str:
    if math.isnan(interval.value):
        return "-"
    if math.isnan(interval.low):
        return f"{interval.value:.4g}"
    # As many digits as the interval makes worth reading, so that its ends differ.
    width = interval.high - interval.low
    size = max(abs(interval.low), abs(interval.high), abs(interval.value))
    places = 3 if width == 0 else min(8, max(0, 1 - math.floor(math.log10(width))))
    if size >= 1e7 or places == 8:
        return f"{interval.value:.4g} [{interval.low:.4g}, {interval.high:.4g}]"
    return f"{interval.value:.{places}f} [{interval.low:.{places}f}, {interval.high:.{places}f}]"
