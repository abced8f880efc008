"""A study's trials, folded into a native search. What comes out depends on the trials alone, not on when each was
seen: every process that looks at a storage gets the same search, however the trials overlapped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from lehr import _core
from lehr.integrations._judgement import PENDING, Judgement, judge
from lehr.integrations._parameters import NAN, Parameter, searchable

ANNOUNCEMENT = "lehr:proposal"
_CHUNK = 2045  # the longest value that Optuna's relational storages keep
_UNKNOWN = Judgement(PENDING, NAN, NAN)


class _Prefix:
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
        self._prefix = _Prefix()
        self._known: dict[str, BaseDistribution] = {}
        self._searchable: dict[str, BaseDistribution] = {}

    def after(self, trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
        """Those with more than one value, by name, given all trials in the order of their numbers."""
        if not self._prefix.extends(trials):
            self._prefix, self._known, self._searchable = _Prefix(), {}, {}
        news = [_learn(self._known, trial) for trial in self._prefix.take(trials)]
        if any(news):
            self._searchable = _searchable(self._known)
        rest = [trial for trial in trials[self._prefix.length :] if trial.state.is_finished()]
        if rest:
            known = dict(self._known)
            news = [_learn(known, trial) for trial in rest]
            if any(news):
                return _searchable(known)
        return dict(self._searchable)


def _learn(known: dict[str, BaseDistribution], trial: FrozenTrial) -> bool:
    """Whether the trial told anything new."""
    new = False
    for name, distribution in trial.distributions.items():
        before = known.get(name)
        if before is not distribution and before != distribution:
            known[name] = distribution
            new = True
    return new


def _searchable(known: Mapping[str, BaseDistribution]) -> dict[str, BaseDistribution]:
    return {name: known[name] for name in sorted(known) if searchable(known[name])}


class _Rows:
    """Columns of trials, growing."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._codes = np.empty((16, width))
        self._outcomes = np.empty(16, dtype=np.int32)
        self._results = np.empty((2, 16))
        self._settled = np.empty(16, dtype=np.bool_)

    def add(self, codes: Sequence[float], judgement: Judgement, settled: bool) -> None:
        row = self.count
        if row == len(self._outcomes):
            self._codes = np.concatenate([self._codes, np.empty_like(self._codes)])
            self._outcomes = np.concatenate([self._outcomes, np.empty_like(self._outcomes)])
            self._results = np.concatenate([self._results, np.empty_like(self._results)], axis=1)
            self._settled = np.concatenate([self._settled, np.empty_like(self._settled)])
        self._codes[row] = codes
        self._outcomes[row], self._results[0, row], self._results[1, row] = judgement
        self._settled[row] = settled
        self.count += 1

    def tell(self, search: _core.Optimizer, first: int = 0) -> None:
        """Tell a search the rows from `first` on."""
        rows = slice(first, self.count)
        search.recall(
            self._codes[rows],
            self._outcomes[rows],
            self._results[0, rows],
            self._results[1, rows],
            self._settled[rows],
        )


class Fold:
    """The native search over one relative search space of one study."""

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        start: Callable[[_core.Space], _core.Optimizer],
        *,
        maximize: bool,
        learn_from_failures: bool,
    ) -> None:
        self.search_space = dict(search_space)
        self._parameters = [
            Parameter(name, distribution) for name, distribution in _searchable(search_space).items()
        ]
        self._ambiguous = any(parameter.ambiguous for parameter in self._parameters)
        # Optuna takes any name, the native space does not: there they are numbers.
        self._space = _core.Space([p.variable(str(i)) for i, p in enumerate(self._parameters)], [])
        self._start = start
        self._maximize = maximize
        self._learn_from_failures = learn_from_failures
        self._forget()

    def _forget(self) -> None:
        self._prefix = _Prefix()
        self._branches: set[frozenset[str]] = set()
        self._rows = _Rows(len(self._parameters))
        self._base = self._start(self._space)

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
        taken = self._prefix.take(trials)
        if taken:
            first = self._rows.count
            for trial in taken:
                self._add(self._rows, trial, self._branches)
            if self._rows.count > first:
                self._rows.tell(self._base, first)
        others = [trial for trial in trials[self._prefix.length :] if trial.number != number]
        if not others:
            return self._base
        rest, branches = _Rows(len(self._parameters)), set(self._branches)
        for trial in others:
            self._add(rest, trial, branches)
        if rest.count == 0:
            return self._base
        # Trials overlap: what is unfinished may take its place among the finished ones later, so these are told to
        # a search of their own.
        search = self._start(self._space)
        self._rows.tell(search)
        rest.tell(search)
        return search

    def _add(self, rows: _Rows, trial: FrozenTrial, branches: set[frozenset[str]]) -> None:
        if trial.state.is_finished():
            if trial.state == TrialState.FAIL and not self._learn_from_failures:
                return
            codes, settled = self._finished(trial, branches)
            judgement = judge(trial, maximize=self._maximize)
        else:
            codes, settled = self._unfinished(trial)
            judgement = _UNKNOWN
        if not all(map(isnan, codes)):
            rows.add(codes, judgement, settled)

    def _finished(self, trial: FrozenTrial, branches: set[frozenset[str]]) -> tuple[list[float], bool]:
        """Its codes, and whether they settle what the same values lead to.

        They do when they are all the values that the trial took, and the trial took all that it would: a complete
        trial did, and one that failed or was pruned did when it took what some complete trial took. A trial cut
        short at its first parameter must not rule out every other trial with that value.
        """
        params = trial.params
        known = announcement(trial) if self._ambiguous else {}
        codes = [
            parameter.announced(params[parameter.name], known) if parameter.name in params else NAN
            for parameter in self._parameters
        ]
        told = len(codes) - sum(map(isnan, codes))
        if told != len(params) and told != sum(not d.single() for d in trial.distributions.values()):
            return codes, False
        names = frozenset(params)
        if trial.state == TrialState.COMPLETE:
            branches.add(names)
        return codes, told == len(codes) or names in branches

    def _unfinished(self, trial: FrozenTrial) -> tuple[list[float], bool]:
        """What it looked at so far, and what its sampler or whoever enqueued it means it to take."""
        known = announcement(trial)
        fixed = trial.system_attrs.get("fixed_params", {})
        params = trial.params
        codes = []
        for parameter in self._parameters:
            name = parameter.name
            if name in params:
                code = parameter.announced(params[name], known)
            elif name in fixed:
                code = parameter.encode(fixed[name])
            else:
                code = known.get(name, NAN)
                if not isnan(code) and not parameter.distribution._contains(code):
                    code = NAN
            codes.append(code)
        return codes, not any(map(isnan, codes))


def announce(codes: Mapping[str, float]) -> dict[str, str]:
    """System attributes that tell other processes what a trial is about to take."""
    text = json.dumps(codes)
    return {f"{ANNOUNCEMENT}:{i}": text[at : at + _CHUNK] for i, at in enumerate(range(0, len(text), _CHUNK))}


def announcement(trial: FrozenTrial) -> dict[str, float]:
    """The codes that `announce` told; empty where there are none, or not all of them yet."""
    attributes = trial.system_attrs
    chunks: list[str] = []
    while (chunk := attributes.get(f"{ANNOUNCEMENT}:{len(chunks)}")) is not None:
        chunks.append(chunk)
    try:
        codes = json.loads("".join(chunks)) if chunks else {}
    except (TypeError, ValueError):
        return {}
    return (
        codes if isinstance(codes, dict) and all(isinstance(c, (int, float)) for c in codes.values()) else {}
    )
