"""A study's trials, folded into a native search. What comes out depends on the trials alone, not on when each was
seen: every process that looks at a storage gets the same search, however the trials overlapped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from lehr import _core
from lehr.integrations._known import Prefix, searchable_of
from lehr.integrations._parameters import Parameter
from lehr.integrations._rows import Columns, Reader, Row


class Fold:
    """The native search over one relative search space of one study.

    Trials are told in the order of their numbers. Those before the first unfinished one are told for good, to `base`.
    The others go to a search of their own, the `tip`: what is unfinished there may yet take its place among them. A
    tip lives on while all that happens is that more trials follow.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        start: Callable[[_core.Space], _core.Optimizer],
        *,
        maximize: bool,
        learn_from_failures: bool,
    ) -> None:
        self.search_space = dict(search_space)
        distributions = searchable_of(search_space)
        self._parameters = [Parameter(name, distribution) for name, distribution in distributions.items()]
        # Optuna takes any name, the native space does not: there they are numbers.
        self._space = _core.Space([p.variable(str(i)) for i, p in enumerate(self._parameters)], [])
        self._start = start
        self._reader = Reader(self._parameters, maximize=maximize, learn_from_failures=learn_from_failures)
        self._forget()

    def _forget(self) -> None:
        self._prefix = Prefix()
        self._branches: set[frozenset[str]] = set()
        self._columns = Columns(len(self._parameters))
        self._base = self._start(self._space)
        self._later: dict[int, Row | None] = {}  # finished trials beyond the prefix
        self._forget_tip()

    def _forget_tip(self) -> None:
        self._tip: _core.Optimizer | None = None
        self._tip_rows: list[tuple[Row, bool]] = []

    def propose(self, trials: Sequence[FrozenTrial], number: int, seed: int) -> dict[str, float]:
        """Codes for trial `number`, given all trials of the study in the order of their numbers."""
        codes, _ = self._search(trials, number).propose(seed, number)
        return {p.name: code for p, code in zip(self._parameters, codes, strict=True)}

    def decode(self, codes: Mapping[str, float]) -> dict[str, Any]:
        """The parameters' values."""
        return {parameter.name: parameter.decode(codes[parameter.name]) for parameter in self._parameters}

    def _search(self, trials: Sequence[FrozenTrial], number: int) -> _core.Optimizer:
        if not self._prefix.extends(trials):
            self._forget()
        self._take(self._prefix.take(trials))
        rows = self._rows_beyond(trials[self._prefix.length :], number)
        if not rows:
            return self._base
        told = len(self._tip_rows)
        if self._tip is None or rows[:told] != self._tip_rows:
            told = 0
            self._tip = self._start(self._space)
            self._columns.tell(self._tip)
        new = Columns(len(self._parameters))
        for row, settled in rows[told:]:
            new.add(row, settled)
        new.tell(self._tip)
        self._tip_rows = rows
        return self._tip

    def _take(self, trials: Sequence[FrozenTrial]) -> None:
        if not trials:
            return
        self._forget_tip()
        first = self._columns.count
        for trial in trials:
            number = trial.number
            row = self._later.pop(number) if number in self._later else self._reader.finished(trial)
            if row is not None:
                self._columns.add(row, row.settles(self._branches))
        if self._columns.count > first:
            self._columns.tell(self._base, first)

    def _rows_beyond(self, trials: Sequence[FrozenTrial], number: int) -> list[tuple[Row, bool]]:
        """The rows of the trials that follow the prefix, save that of trial `number`, and whether each is settled."""
        rows = []
        branches = set(self._branches)
        later = self._later
        for trial in trials:
            if trial.number == number:
                continue
            if trial.number in later:
                row = later[trial.number]
            elif trial.state.is_finished():
                row = later[trial.number] = self._reader.finished(trial)
            else:
                row = self._reader.unfinished(trial)
            if row is not None:
                rows.append((row, row.settles(branches)))
        return rows
