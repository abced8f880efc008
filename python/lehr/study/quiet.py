"""Trials that other processes disturbed: measured once more when the machine is quieter, within bounds."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

import psutil

from lehr.supervise import Ending
from lehr.trial import Trial

#: Share of all processors in use by anybody, above which it does not pay to measure again. Chosen by hand.
BUSY_SHARE = 0.2
#: How long to wait for a quiet moment, in seconds, and how long to look at a time.
LONGEST_WAIT_S, LOOK_S = 3.0, 0.25
#: Repetitions in vain, in a row, after which the machine counts as busy for good.
IN_VAIN = 2


def disturbed(ending: Ending) -> str:
    """What other processes did to a measurement, as the evaluation's fact ``disturbed`` says; empty for nothing."""
    facts = ending.result.get("facts") if isinstance(ending.result, Mapping) else None
    return str(facts.get("disturbed") or "") if isinstance(facts, Mapping) else ""


def less_disturbed(first: Ending, second: Ending) -> tuple[Ending, Ending]:
    """The result that counts and the other one: a quiet one before a disturbed one, one that ran before one that did
    not, else the first.
    """
    if second.outcome == "ok" and (first.outcome != "ok" or (disturbed(first) and not disturbed(second))):
        return second, first
    return first, second


class Quiet:
    """Decides whether a disturbed trial is measured again."""

    def __init__(self, repeats: int, trials: Iterable[Trial]) -> None:
        """``repeats``: how many may be; ``trials``: those of earlier sessions, whose repetitions count."""
        self._vain = 0
        self._left = repeats - sum(_was_repeated(trial) for trial in trials)

    def wants(self, ending: Ending) -> bool:
        """Whether to measure this once more."""
        return self._left > 0 and self._vain < IN_VAIN and ending.outcome == "ok" and bool(disturbed(ending))

    def wait(self) -> None:
        """Until the machine is quiet, or for as long as it pays."""
        give_up = time.monotonic() + LONGEST_WAIT_S
        while time.monotonic() < give_up:
            if psutil.cpu_percent(interval=LOOK_S) / 100 <= BUSY_SHARE:
                return

    def saw(self, ending: Ending) -> None:
        """What came of measuring again."""
        self._left -= 1
        self._vain = self._vain + 1 if disturbed(ending) else 0


def _was_repeated(trial: Trial) -> bool:
    attempts = trial.evidence.get("earlier_attempts")
    return isinstance(attempts, list) and any(
        isinstance(attempt, Mapping) and attempt.get("class") == "disturbed" for attempt in attempts
    )
