"""A deadline for trials when the user gave none: from what trials cost so far."""

from __future__ import annotations

from collections.abc import Iterable

from lehr.trial import Trial

#: Trials that must have run to their end before anything is concluded from them.
LEAST_TRIALS = 5
#: No deadline below this many seconds: a first use of a device or a cold file cache may cost so much by itself.
LEAST_SECONDS = 30.0
#: How many times the longest trial that ran to its end the next one may take.
FACTOR = 5.0


def adapted_deadline(trials: Iterable[Trial]) -> float | None:
    """Seconds that the next trial may take; None while too few have run to their end.

    Five times the longest of those that did, and 30 s at least: what hangs is ended, what is merely slow is not. A fold
    over the history, so that a resumed study has the deadlines of an unbroken one.
    """
    ran = [trial.seconds for trial in trials if trial.outcome == "ok" and trial.seconds is not None]
    if len(ran) < LEAST_TRIALS:
        return None
    return max(LEAST_SECONDS, FACTOR * max(ran))
