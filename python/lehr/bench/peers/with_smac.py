"""SMAC3: Bayesian optimisation with a random forest over a ConfigSpace, conditions and forbidden clauses included.

SMAC has no limits: every result is one cost. A result above a limit, and a crash (told with the status CRASHED,
TIMEOUT or MEMORYOUT that its forest learns from), costs more than the worst feasible result so far: by a share
v/(1 + v) of the spread of feasible costs for a violation v, and by the whole spread for a crash. When the worst
feasible result changes, earlier failures are told again with their new cost. The order is thus always feasible by
objective, then infeasible by violation, then crashed, and the scale is that of the feasible results, which a fixed
`crash_cost` could only guess.

The surrogate is retrained after every trial, not after every eighth as is SMAC's default: budgets are small here.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lehr.bench.peers.axes import Axis, active, axes_of, condition_of, holds, parents_of
from lehr.bench.peers.peer import Peer, Searchable, Told, seed_of
from lehr.conditions import All, Any_, Comparison, Condition, Membership, Not
from lehr.errors import ExhaustedError, LehrError, MissingPackageError

try:
    import ConfigSpace
    import joblib
    from smac import HyperparameterOptimizationFacade, Scenario
    from smac.main.exceptions import ConfigurationSpaceExhaustedException
    from smac.runhistory.dataclasses import TrialInfo, TrialValue
    from smac.runhistory.enumerations import StatusType
except ImportError as error:
    raise MissingPackageError(
        f"smac3 is not installed ({error.name} is missing); pip install 'lehr[peers]'"
    ) from None

_LISTED = 10_000  # values that are written out in a condition
_STATUS = {"timeout": StatusType.TIMEOUT, "early_stopped": StatusType.TIMEOUT, "oom": StatusType.MEMORYOUT}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


class SmacPeer(Peer):
    """One run of the facade, a proposal at a time."""

    def __init__(self, problem: Searchable, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        logging.getLogger("smac").setLevel(logging.ERROR)
        self._axes = {axis.name: axis for axis in axes_of(problem.space)}
        self._space = configuration_space(problem, seed_of(seed, 1))
        self._folder = Path(tempfile.mkdtemp(prefix="lehr-smac-"))
        scenario = Scenario(
            self._space,
            deterministic=True,
            n_trials=budget,
            seed=seed_of(seed),
            output_directory=self._folder,
        )
        facade = HyperparameterOptimizationFacade
        self._smac = facade(
            scenario,
            lambda config, seed=0: 0.0,  # never called: we ask and tell
            intensifier=facade.get_intensifier(scenario, max_config_calls=1),
            config_selector=facade.get_config_selector(scenario, retrain_after=1),
            overwrite=True,
            logging_level=logging.ERROR,
        )
        self._feasible: list[float] = []
        self._failures: list[tuple[TrialInfo, Told]] = []

    def propose(self) -> tuple[Any, dict[str, Any]]:
        """Ask the facade."""
        try:
            # Its forest would start threads for ten small trees; other studies run beside this one.
            with joblib.parallel_config(backend="sequential"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it takes means of nothing while it has few trials
                info = self._smac.ask()
        except (StopIteration, ConfigurationSpaceExhaustedException):
            raise ExhaustedError("SMAC found no configuration that it has not proposed yet") from None
        drawn = dict(info.config)
        config: dict[str, Any] = {}
        for axis in self._axes.values():
            if active(axis, config, self._axes):
                config[axis.name] = axis.value(float(drawn[axis.name]))
        return info, config

    def learn(self, token: Any, told: Told) -> None:
        """Tell a result, and earlier failures again if it changed what failing costs."""
        if told.feasible and told.cost is not None:
            before = self._scale()
            self._feasible.append(told.cost)
            self._report(token, told.cost, StatusType.SUCCESS, told.seconds)
            if self._scale() != before:
                for info, failure in self._failures:
                    self._report_failure(info, failure)
        else:
            self._failures.append((token, told))
            self._report_failure(token, told)

    def close(self) -> None:
        """Remove what SMAC wrote."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _scale(self) -> tuple[float, float]:
        """The worst feasible cost and the spread of feasible costs."""
        if not self._feasible:
            return 0.0, 1.0
        worst = max(self._feasible)
        return worst, (worst - min(self._feasible)) or abs(worst) or 1.0

    def _report_failure(self, info: TrialInfo, told: Told) -> None:
        worst, spread = self._scale()
        share = told.violation / (1.0 + told.violation) if told.ran else 1.0
        status = StatusType.SUCCESS if told.ran else _STATUS.get(told.outcome, StatusType.CRASHED)
        self._report(info, worst + spread * share, status, told.seconds)

    def _report(self, info: TrialInfo, cost: float, status: StatusType, seconds: float) -> None:
        self._smac.tell(info, TrialValue(cost=cost, time=seconds, status=status), save=False)


def configuration_space(problem: Searchable, seed: int) -> Any:
    """A space in ConfigSpace's terms, with its conditions and forbidden combinations.

    Raises:
        LehrError: a forbidden combination compares a number that has too many values to list.
    """
    axes = axes_of(problem.space)
    by_name = {axis.name: axis for axis in axes}
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    space.add([_hyperparameter(axis) for axis in axes])
    for axis in axes:
        condition = condition_of(axis)
        if condition is not None:
            space.add(_condition(space, space[axis.name], condition, by_name))
    for forbidden in problem.space.forbid:
        for clause in _clauses(forbidden):
            space.add(_forbidden(space, clause, by_name))
    return space


def _hyperparameter(axis: Axis) -> Any:
    low, high = axis.low, axis.high
    if axis.single:
        return ConfigSpace.Constant(axis.name, str(int(low)) if axis.kind == "choice" else low)
    if axis.kind == "choice":
        return ConfigSpace.CategoricalHyperparameter(axis.name, [str(code) for code in axis.codes()])
    if axis.kind == "integer":
        return ConfigSpace.UniformIntegerHyperparameter(axis.name, int(low), int(high), log=axis.log)
    return ConfigSpace.UniformFloatHyperparameter(axis.name, low, high, log=axis.log)


def _condition(space: Any, child: Any, condition: Condition, axes: dict[str, Axis]) -> Any:
    """A condition in ConfigSpace's terms: negations are pushed down to the comparisons."""
    if isinstance(condition, Not):
        return _condition(space, child, _negation(condition.operand), axes)
    if isinstance(condition, All | Any_):
        parts = [_condition(space, child, operand, axes) for operand in condition.operands]
        kind: Any = ConfigSpace.AndConjunction if isinstance(condition, All) else ConfigSpace.OrConjunction
        return kind(*parts)
    axis = axes[_only_variable(condition)]
    parent: Any = space[axis.name]
    if axis.kind != "real" and axis.high - axis.low < _LISTED:
        values = _allowed(condition, axis, axes)
        if not values:
            raise LehrError(f"{child.name} can never be active: {condition}")
        return ConfigSpace.InCondition(child, parent, values)
    assert isinstance(condition, Comparison)
    if condition.operator in ("<", "<="):
        return ConfigSpace.LessThanCondition(child, parent, condition.value)
    if condition.operator in (">", ">="):
        return ConfigSpace.GreaterThanCondition(child, parent, condition.value)
    if condition.operator == "==":
        return ConfigSpace.EqualsCondition(child, parent, condition.value)
    return ConfigSpace.NotEqualsCondition(child, parent, condition.value)


def _negation(condition: Condition) -> Condition:
    if isinstance(condition, Not):
        return condition.operand
    if isinstance(condition, All):
        return Any_([_negation(operand) for operand in condition.operands])
    if isinstance(condition, Any_):
        return All([_negation(operand) for operand in condition.operands])
    if isinstance(condition, Membership):
        differences: list[Condition] = [
            Comparison("!=", value, condition.variable) for value in condition.values
        ]
        return differences[0] if len(differences) == 1 else All(differences)
    assert isinstance(condition, Comparison)
    return Comparison(_NEGATED[condition.operator], condition.value, condition.variable)


def _only_variable(condition: Condition) -> str:
    (name,) = parents_of(condition)
    return name


def _allowed(condition: Condition, axis: Axis, axes: dict[str, Axis]) -> list[Any]:
    """The codes for which a condition on one variable holds, as ConfigSpace has them."""
    codes = [code for code in axis.codes() if holds(condition, {axis.name: axis.value(code)}, axes)]
    return [str(code) for code in codes] if axis.kind == "choice" else codes


def _clauses(condition: Condition) -> Iterator[list[Condition]]:
    """The condition as alternatives of comparisons that hold together."""
    if isinstance(condition, Not) and not isinstance(condition.operand, Comparison | Membership):
        yield from _clauses(_negation(condition.operand))
    elif isinstance(condition, Any_):
        for operand in condition.operands:
            yield from _clauses(operand)
    elif isinstance(condition, All):
        for parts in itertools.product(*(list(_clauses(operand)) for operand in condition.operands)):
            yield [comparison for part in parts for comparison in part]
    else:
        yield [condition]


def _forbidden(space: Any, clause: list[Condition], axes: dict[str, Axis]) -> Any:
    parts = []
    for name in dict.fromkeys(_only_variable(comparison) for comparison in clause):
        axis = axes[name]
        if axis.kind == "real" or axis.high - axis.low >= _LISTED:
            raise LehrError(f"smac3 cannot forbid a range of {name}; leave this peer out")
        mine = [comparison for comparison in clause if _only_variable(comparison) == name]
        values = set(axis.codes())
        for comparison in mine:
            values &= {code for code in values if holds(comparison, {name: axis.value(code)}, axes)}
        listed = [str(code) for code in sorted(values)] if axis.kind == "choice" else sorted(values)
        parts.append(ConfigSpace.ForbiddenInClause(space[name], listed))
    return parts[0] if len(parts) == 1 else ConfigSpace.ForbiddenAndConjunction(*parts)


def smac(problem: Searchable, seed: int, budget: int) -> Peer:
    """The facade that SMAC recommends for mixed spaces, with its Sobol start of at most a quarter of the budget."""
    return SmacPeer(problem, seed, budget)
