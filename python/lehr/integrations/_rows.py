"""One Optuna trial as one row for the native search, and what trials tell each other before they finish."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isnan
from typing import NamedTuple

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from lehr import _core
from lehr.integrations._judgement import PENDING, Judgement, judge
from lehr.integrations._parameters import NAN, Parameter

ANNOUNCEMENT = "lehr:proposal"
_CHUNK = 2045  # the longest value that Optuna's relational storages keep
_UNKNOWN = Judgement(PENDING, NAN, NAN)


class Row(NamedTuple):
    """A trial over the parameters of one search space."""

    codes: tuple[float, ...]  # NaN where it did not look
    judgement: Judgement
    whole: bool  # the codes are all that it looked at
    names: frozenset[str]  # what it looked at; empty while unfinished
    complete: bool

    def settles(self, branches: set[frozenset[str]]) -> bool:
        """Whether what agrees with the row on the codes it has would run as it did.

        So it is when the trial took all the values it would: a complete trial did, and one that failed or was pruned
        did when it took every parameter there is or those that some complete trial took. A trial cut short at its
        first parameter must not rule out every other trial with that value. An unfinished trial that will take every
        parameter counts too.
        """
        if not self.whole:
            return False
        if self.complete:
            branches.add(self.names)
            return True
        return not any(map(isnan, self.codes)) or self.names in branches


class Reader:
    """Makes rows of trials."""

    def __init__(self, parameters: Sequence[Parameter], *, maximize: bool, learn_from_failures: bool) -> None:
        self._parameters = parameters
        self._ambiguous = any(parameter.ambiguous for parameter in parameters)
        self._maximize = maximize
        self._learn_from_failures = learn_from_failures

    def finished(self, trial: FrozenTrial) -> Row | None:
        """The row of a trial that will not change any more; None when it says nothing."""
        if trial.state == TrialState.FAIL and not self._learn_from_failures:
            return None
        params = trial.params
        known = announcement(trial) if self._ambiguous else {}
        codes = tuple(
            parameter.announced(params[parameter.name], known) if parameter.name in params else NAN
            for parameter in self._parameters
        )
        told = len(codes) - sum(map(isnan, codes))
        if told == 0:
            return None
        whole = told == len(params) or told == sum(not d.single() for d in trial.distributions.values())
        judgement = judge(trial, maximize=self._maximize)
        return Row(codes, judgement, whole, frozenset(params), trial.state == TrialState.COMPLETE)

    def unfinished(self, trial: FrozenTrial) -> Row | None:
        """What a trial looked at so far, and what its sampler, or whoever enqueued it, means it to take."""
        known = announcement(trial)
        fixed = trial.system_attrs.get("fixed_params", {})
        params = trial.params
        codes = tuple(self._expected(parameter, params, fixed, known) for parameter in self._parameters)
        missing = sum(map(isnan, codes))
        if missing == len(codes):
            return None
        return Row(codes, _UNKNOWN, missing == 0, frozenset(), complete=False)

    @staticmethod
    def _expected(
        parameter: Parameter,
        params: Mapping[str, object],
        fixed: Mapping[str, object],
        known: Mapping[str, float],
    ) -> float:
        name = parameter.name
        if name in params:
            return parameter.announced(params[name], known)
        if name in fixed:
            return parameter.encode(fixed[name])
        code = known.get(name, NAN)
        return code if not isnan(code) and parameter.distribution._contains(code) else NAN


class Columns:
    """Rows that will be told more than once."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._codes = np.empty((16, width))
        self._outcomes = np.empty(16, dtype=np.int32)
        self._results = np.empty((2, 16))
        self._settled = np.empty(16, dtype=np.bool_)

    def add(self, row: Row, settled: bool) -> None:
        """Add a row at the end."""
        at = self.count
        if at == len(self._outcomes):
            self._codes = np.concatenate([self._codes, np.empty_like(self._codes)])
            self._outcomes = np.concatenate([self._outcomes, np.empty_like(self._outcomes)])
            self._results = np.concatenate([self._results, np.empty_like(self._results)], axis=1)
            self._settled = np.concatenate([self._settled, np.empty_like(self._settled)])
        self._codes[at] = row.codes
        self._outcomes[at], self._results[0, at], self._results[1, at] = row.judgement
        self._settled[at] = settled
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
    sound = isinstance(codes, dict) and all(isinstance(code, (int, float)) for code in codes.values())
    return codes if sound else {}
