"""A line for each trial while a search goes on, for whoever waits for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from lehr._printable import printable
from lehr.errors import OptionError
from lehr.metrics import figure
from lehr.study.events import Event, FaultFound, StudyOpened, TrialFinished, WinnerMeasured
from lehr.study.study import Study
from lehr.study.trial import StudyTrial

OnEvent = Callable[[Event], None]


def lines(progress: object, objective: str) -> OnEvent | None:
    """What prints them, or None where nothing is to be shown.

    Args:
        progress: True, False, or None: on stderr where that is a terminal, on stdout in a notebook.
        objective: name of the metric that is optimised.

    Raises:
        OptionError: `progress` is something else.
    """
    if progress is not None and not isinstance(progress, bool):
        raise OptionError(f"progress is {progress!r:.60}; give True, False or None")
    notebook = "ipykernel" in sys.modules
    stream = sys.stdout if notebook else sys.stderr
    if (
        progress is False
        or stream is None
        or (progress is None and not notebook and not _is_terminal(stream))
    ):
        return None
    return _Lines(stream, objective)


def both(first: OnEvent, second: OnEvent | None) -> OnEvent:
    """Both, one after the other."""

    def told(event: Event) -> None:
        first(event)
        if second is not None:
            second(event)

    return told


class _Lines:
    def __init__(self, stream: IO[str], objective: str) -> None:
        self._stream, self._objective = stream, objective

    def __call__(self, event: Event) -> None:
        if isinstance(event, StudyOpened):
            if done := len(event.study):
                self._say(f"study {event.study.name}: {done} trial{'s' if done > 1 else ''} done earlier")
        elif isinstance(event, TrialFinished):
            self._say(trial_line(event.trial, event.study))
        elif isinstance(event, FaultFound | WinnerMeasured):
            self._say(event.message)

    def _say(self, text: str) -> None:
        with suppress(OSError, ValueError):  # a terminal that is gone must not cost the study
            print(f"lehr: {printable(text)}", file=self._stream, flush=True)


def trial_line(trial: StudyTrial, study: Study) -> str:
    """``trial 3 (4 of 25): ok, accuracy 0.950, batch=8: best so far``"""
    value = (
        None if trial.objective is None else f"{study.objective} {figure(study.objective, trial.objective)}"
    )
    outcome = (
        "borderline"
        if trial.is_open
        else "over limit"
        if trial.outcome == "ok" and not trial.feasible
        else None
    )
    said = [
        outcome or str(trial.outcome),
        value or "",
        ", ".join(f"{key}={one}" for key, one in trial.config.items()),
    ]
    best = study.best
    if best is not None and best.number == trial.number:
        note = ": best so far"
    elif trial.misses:
        note = f": {'; '.join(map(str, trial.misses))}"
    else:
        why = str(trial.evidence.get("reason") or "").strip().splitlines()
        note = f": {why[0]}" if why and trial.outcome != "ok" else ""
    return f"trial {trial.number} ({len(study)} of {study.budget}): {', '.join(part for part in said if part)}{note}"


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM", "") != "dumb"
    except ValueError:  # closed
        return False
