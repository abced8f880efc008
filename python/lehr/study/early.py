"""Ending a study before its budget is spent, because the search expects to gain nothing more.

The rule is a fold over the history, as the search is: it looks at nothing but what the optimiser said after the last
few trials. So a run that was killed ends where an unbroken one would, a larger budget does not change where, and
every process that shares a history comes to the same answer. `bench/early_end.py` measures what it costs and saves.
"""

from __future__ import annotations

from lehr.optimizer import Optimizer

#: No study ends before it has so many trials.
LEAST_TRIALS = 12
#: After how many trials in a row the search must have said that nothing is left to gain. Trials that it expects nothing
#: of are its safest ones, and now and then one of them changes its mind.
IN_A_ROW = 5


class EarlyEnd:
    """Watches a search; `look` after every trial that was told.

    Attributes:
        reason: why the study may end now, in words; None while it should go on.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._row = 0
        self.reason: str | None = None

    def look(self, told: int) -> None:
        """Ask the search what is left to gain, which costs as much as asking it for a trial.

        Args:
            told: the number of trials that have ended.
        """
        said = self._optimizer.finished if told > LEAST_TRIALS - IN_A_ROW else None
        self._row = self._row + 1 if said is not None else 0
        self.reason = said if self._row >= IN_A_ROW and told >= LEAST_TRIALS else None
