"""What a study's finished trials say of its parameters, kept up to date as the study grows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from lehr.integrations._parameters import searchable


class Prefix:
    """The trials from the first one up to the first that is not finished: they will not change any more."""

    def __init__(self) -> None:
        self.length = 0
        self._last = -1

    def extends(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether `trials` begins with the trials taken so far."""
        if self.length == 0:
            return True
        return len(trials) >= self.length and trials[self.length - 1].number == self._last

    def take(self, trials: Sequence[FrozenTrial]) -> Sequence[FrozenTrial]:
        """The finished trials that follow those taken so far."""
        end = self.length
        while end < len(trials) and trials[end].state.is_finished():
            end += 1
        taken = trials[self.length : end]
        if taken:
            self.length, self._last = end, taken[-1].number
        return taken


class KnownParameters:
    """Every parameter that a finished trial of the study looked at, with the distribution it had last."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self._prefix = Prefix()
        self._later: set[int] = set()  # finished trials beyond the prefix that were looked at
        self._known: dict[
            str, tuple[int, BaseDistribution]
        ] = {}  # with the number of the trial that had it last
        self._searchable: dict[str, BaseDistribution] = {}

    def after(self, trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
        """Those with more than one value, by name, given all trials in the order of their numbers."""
        if not self._prefix.extends(trials):
            self._forget()
        later = self._later
        taken = [trial for trial in self._prefix.take(trials) if trial.number not in later]
        beyond = [t for t in trials[self._prefix.length :] if t.number not in later and t.state.is_finished()]
        later.update(trial.number for trial in beyond)
        news = [self._learn(trial) for trial in (*taken, *beyond)]
        if any(news):
            self._searchable = searchable_of({name: last for name, (_, last) in self._known.items()})
        return dict(self._searchable)

    def _learn(self, trial: FrozenTrial) -> bool:
        """Whether the trial told anything new."""
        new = False
        number = trial.number
        for name, distribution in trial.distributions.items():
            before = self._known.get(name)
            if before is not None and number < before[0]:
                continue
            if before is not None and (before[1] is distribution or before[1] == distribution):
                self._known[name] = number, before[1]
            else:
                self._known[name] = number, distribution
                new = True
        return new


def searchable_of(distributions: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    """Those that a search has a variable for, by name: storages do not all keep the order of parameters."""
    return {name: distributions[name] for name in sorted(distributions) if searchable(distributions[name])}
