"""One study in columns, and what it is worth."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from lehr import _core
from lehr._checks import seed_number, whole
from lehr.bench.problems import Evaluation, Problem
from lehr.errors import OptionError
from lehr.trial import OUTCOMES, Outcome

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

MOST_TRIALS = 1_000_000


@dataclass(frozen=True)
class Reference:
    """What studies on a problem are measured against: its optimum, found once.

    Attributes:
        objective: of the optimum; NaN when nothing is feasible.
        families: values of the family variable that reach it.
    """

    objective: float
    families: tuple[Any, ...]
    _core: Any = field(repr=False, compare=False)

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """The reference of a problem. Finding the optimum may take a while; it is remembered."""
        return cls(*_reference(problem._core))


@functools.lru_cache(maxsize=256)
def _reference(core: Any) -> tuple[float, tuple[Any, ...], Any]:
    native = _core.Reference(core)
    return native.objective, tuple(core.family_value(code) for code in native.families), native


@dataclass(frozen=True)
class StudyMetrics:
    """What a study achieved. Missing values are NaN: a study that found nothing feasible has no best.

    Attributes:
        trials: finished trials; fewer than the budget when the space was exhausted.
        feasible: of them, as measured.
        best: the best feasible objective as measured, the first found among equals.
        best_true: what its configuration is worth without noise; NaN when it does not run.
        regret: simple regret (Eq. 5 of arXiv 2604.25073), from the optimum to `best_true`, at least 0; NaN without a
            winner or for a false one.
        false_winner: the winner met the limits by luck, its truth does not.
        wasted: share of trials that were not feasible, 0 to 1 (Eq. 6 there).
        wasted_seconds: spent on them.
        seconds: spent in all.
        first_feasible_trial: counted from 1.
        first_feasible_seconds: spent until the first feasible trial had ended.
        discovered: 1 when the winner's family is one of the optimum's, else 0; NaN for a problem without families.
        near_optimum: 1 when the regret is at most 0.5 % of the optimum's absolute value, else 0.
        family: the winner's family, None without a winner or families.
    """

    trials: int
    feasible: int
    best: float
    best_true: float
    regret: float
    false_winner: bool
    wasted: float
    wasted_seconds: float
    seconds: float
    first_feasible_trial: float
    first_feasible_seconds: float
    discovered: float
    near_optimum: float
    family: Any


@dataclass(frozen=True)
class Trace:
    """The trials of one study, in the order they were asked.

    Columns have one entry a trial. `truth_states` tells what is known of a trial's truth: 0 not asked, 1 feasible, 2
    infeasible; it must be known of every trial that was the best so far.

    Attributes:
        problem: what was searched.
        method: in words.
        seed: of the study and of the problem's noise.
        outcomes: how trials ended.
        feasible: as measured.
        objectives: as measured; NaN unless the outcome was ``ok``.
        truths: the objective without noise; NaN where it was not asked or does not run.
        truth_states: see above.
        seconds: what trials cost.
        families: codes of the problem's family variable (`Problem.family`); NaN without one.
        origins: what proposed each trial: a rule of ours, or whatever another method calls its own.
        phases: the phase each trial was asked in; empty strings for other methods.
        configs: the configurations.
        exhausted: nothing was left to propose before the budget was spent.
    """

    problem: Problem
    method: str
    seed: int
    outcomes: tuple[Outcome, ...]
    feasible: Flags
    objectives: Floats
    truths: Floats
    truth_states: npt.NDArray[np.uint8]
    seconds: Floats
    families: Floats
    origins: tuple[str, ...]
    phases: tuple[str, ...]
    configs: tuple[Mapping[str, Any], ...]
    exhausted: bool = False

    def __len__(self) -> int:
        return len(self.outcomes)

    def metrics(self, count: int | None = None) -> StudyMetrics:
        """What the first `count` trials achieved; all of them by default."""
        columns, _ = self._measured(len(self) if count is None else whole("count", count, 0, MOST_TRIALS))
        row = {name: column[0].item() for name, column in columns.items()}
        row["false_winner"] = bool(row["false_winner"])
        row["family"] = family_value(self.problem, row["family"])
        return StudyMetrics(**row)

    def records(self) -> Iterator[dict[str, Any]]:
        """One JSON-safe record for each trial; what is missing is None."""
        for i in range(len(self)):
            state = int(self.truth_states[i])
            yield {
                "config": dict(self.configs[i]),
                "outcome": self.outcomes[i],
                "feasible": bool(self.feasible[i]),
                "objective": _known(self.objectives[i]),
                "truth": _known(self.truths[i]),
                "truth_feasible": None if state == 0 else state == 1,
                "seconds": float(self.seconds[i]),
                "origin": self.origins[i],
                "phase": self.phases[i],
            }

    def _measured(self, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Metrics as columns of one row, and the steps of the best (see `lehr.bench.curves`)."""
        native = _core.StudyTrace(
            self.feasible, self.objectives, self.truths, self.truth_states, self.seconds, self.families
        )
        return _core.measure(Reference.of(self.problem)._core, native, count)

    @classmethod
    def _from_core(cls, problem: Problem, method: str, seed: int, native: Any) -> Self:
        phases: list[str] = []
        ends = [first for first, _ in native.phases[1:]] + [len(native)]
        for (first, phase), end in zip(native.phases, ends, strict=True):
            phases += [phase] * (end - first)
        return cls(
            problem,
            method,
            seed,
            tuple(OUTCOMES[code] for code in native.outcomes),
            native.feasible.astype(bool),
            native.objectives,
            native.truths,
            native.truth_states,
            native.seconds,
            native.families,
            tuple(native.origins),
            tuple(phases),
            tuple(native.configurations(problem._core)),
            native.exhausted,
        )


class TraceBuilder:
    """Records a study that another optimiser runs, trial by trial, as `run_study` records ours.

    Args:
        problem: what is searched.
        method: its name in results.
        seed: of the study.
    """

    def __init__(self, problem: Problem, method: str, seed: int) -> None:
        self._problem, self._method, self._seed = problem, method, seed
        self._repeats: dict[tuple[tuple[str, Any], ...], int] = {}
        self._rows: list[tuple[Mapping[str, Any], Evaluation, str]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def evaluate(self, config: Mapping[str, Any], origin: str = "") -> Evaluation:
        """Evaluate under the study's seed, with the luck of a repeat when it is one, and record the trial.

        Raises:
            ConfigurationError: `config` is not legal in the space.
        """
        key = tuple(sorted((name, repr(value)) for name, value in config.items()))
        repeat = self._repeats.get(key, 0)
        evaluation = self._problem.evaluate(config, self._seed, repeat)
        self._repeats[key] = repeat + 1
        self._rows.append((dict(config), evaluation, origin))
        return evaluation

    def trace(self, *, exhausted: bool = False) -> Trace:
        """The study so far."""
        problem = self._problem
        truths = [problem.truth(config) for config, _, _ in self._rows]
        ran = [evaluation for _, evaluation, _ in self._rows]
        return Trace(
            problem,
            self._method,
            self._seed,
            tuple(evaluation.outcome for evaluation in ran),
            np.array([problem.feasible(evaluation) for evaluation in ran], dtype=bool),
            _objectives(ran),
            _objectives(truths),
            np.array([1 if problem.feasible(truth) else 2 for truth in truths], dtype=np.uint8),
            np.array([evaluation.seconds for evaluation in ran], dtype=np.float64),
            np.array([self._family(config) for config, _, _ in self._rows], dtype=np.float64),
            tuple(origin for _, _, origin in self._rows),
            ("",) * len(self._rows),
            tuple(config for config, _, _ in self._rows),
            exhausted,
        )

    def _family(self, config: Mapping[str, Any]) -> float:
        family = self._problem.family
        if family is None or family not in config:
            return math.nan
        return float(self._problem._core.family_code(config[family]))


def run_study(problem: Problem, method: str, budget: int, seed: int) -> Trace:
    """Run one study natively: as `lehr.Optimizer` would, with ask, `Problem.evaluate` and tell in turn.

    Args:
        problem: what to search.
        method: ``method[:preset][/option=value ...]``, such as ``"tba-tpe:paper/snap_back=0"``.
        budget: number of trials, 1 to a million. An exhausted space ends the study early.
        seed: of the search and of the problem's noise, 0 to 2**64 - 1.

    Raises:
        OptionError: an argument is unknown or out of its range.
    """
    if not isinstance(problem, Problem):
        raise OptionError(
            f"problem is a {type(problem).__name__}; give what lehr.bench.Problem.load returned"
        )
    spec = method_spec(method)
    native = _core.run_study(
        problem._core,
        spec,
        whole("budget", budget, 1, MOST_TRIALS),
        seed_number(seed),
    )
    return Trace._from_core(problem, str(spec), seed, native)


def method_spec(method: str) -> _core.MethodSpec:
    """A method of ours from its words. Raises OptionError."""
    if not isinstance(method, str):
        raise OptionError(
            f"a method is {method!r}, a {type(method).__name__}; give its name, such as 'tba-tpe'"
        )
    return _core.MethodSpec(method)


def hashed_seed(index: int) -> int:
    """The seed of study `index`, 0 to 2**64 - 1: low seeds are unrepresentative, so studies run under a hash."""
    return int(_core.hashed_seed(whole("index", index, 0, 2**64 - 1)))


def family_value(problem: Problem, code: float) -> Any:
    """What a code of the family variable stands for; None for NaN."""
    return None if math.isnan(code) else problem._core.family_value(code)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _objectives(evaluations: list[Evaluation]) -> Floats:
    values = [math.nan if e.objective is None else e.objective for e in evaluations]
    return np.array(values, dtype=np.float64)


__all__ = ["Reference", "StudyMetrics", "Trace", "TraceBuilder", "family_value", "hashed_seed", "run_study"]
