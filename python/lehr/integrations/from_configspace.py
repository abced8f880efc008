"""Spaces from ConfigSpace (the space language of SMAC and of AutoML benchmarks), version 1 or later.

ConfigSpace judges a condition by values alone: 'a is not 3' holds when a is inactive. Here a comparison with an
inactive variable is neither true nor false. The translation keeps ConfigSpace's meaning, so that both sides take the
same configurations: 'a != 3' becomes 'a != 3, or the condition of a does not hold'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ConfigSpace
from ConfigSpace import conditions as of_conditions
from ConfigSpace import forbidden as of_forbidden
from ConfigSpace import hyperparameters as of_kind

from lehr.conditions import All, Any_, Condition, param, plain, scalar_problem
from lehr.errors import SpaceError
from lehr.variables import Categorical, Float, Int, Ordinal, Variable

_PRIORS = (
    of_kind.NormalFloatHyperparameter,
    of_kind.NormalIntegerHyperparameter,
    of_kind.BetaFloatHyperparameter,
    of_kind.BetaIntegerHyperparameter,
)
_Compare = Callable[[Any, Any], Condition]
# How a clause compares, and the opposite of it.
_CONDITIONS: dict[type, tuple[_Compare, _Compare]] = {
    of_conditions.EqualsCondition: (lambda p, v: p == v, lambda p, v: p != v),
    of_conditions.NotEqualsCondition: (lambda p, v: p != v, lambda p, v: p == v),
    of_conditions.LessThanCondition: (lambda p, v: p < v, lambda p, v: p >= v),
    of_conditions.GreaterThanCondition: (lambda p, v: p > v, lambda p, v: p <= v),
    of_conditions.InCondition: (lambda p, v: p.isin(v), lambda p, v: ~p.isin(v)),
}
_FORBIDDEN: dict[type, _Compare] = {
    getattr(of_forbidden, f"Forbidden{name}Clause"): compare
    for name, compare in {
        "Equals": lambda p, v: p == v,
        "In": lambda p, v: p.isin(v),
        "LessThan": lambda p, v: p < v,
        "LessThanEquals": lambda p, v: p <= v,
        "GreaterThan": lambda p, v: p > v,
        "GreaterThanEquals": lambda p, v: p >= v,
    }.items()
    if hasattr(of_forbidden, f"Forbidden{name}Clause")  # ConfigSpace before 1.2 has the first two
}


def parts_from_configspace(
    given: ConfigSpace.ConfigurationSpace, *, drop_priors: bool = False
) -> tuple[list[Variable], list[Condition]]:
    """Variables and forbidden combinations of a space: see :meth:`lehr.Space.from_configspace`."""
    if not isinstance(given, ConfigSpace.ConfigurationSpace):
        raise SpaceError(f"A {type(given).__name__} was given; give a ConfigSpace.ConfigurationSpace.")
    translation = _Translation(given, drop_priors)
    variables = [translation.variable(name) for name in _parents_first(given)]
    forbid = [translation.forbidden(clause) for clause in given.forbidden_clauses]
    if translation.mistakes:
        raise SpaceError("\n".join(translation.mistakes), translation.mistakes)
    return [v for v in variables if v is not None], [f for f in forbid if f is not None]


def _parents_first(given: ConfigSpace.ConfigurationSpace) -> list[str]:
    """The names in the order of the space, save that a variable follows those that its condition looks at."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        for parent in given.parents_of[name]:
            visit(parent.name)
        order[name] = None

    for name in given:
        visit(name)
    return list(order)


class _Translation:
    def __init__(self, given: ConfigSpace.ConfigurationSpace, drop_priors: bool) -> None:
        self._given = given
        self._drop_priors = drop_priors
        self.mistakes: list[str] = []

    def variable(self, name: str) -> Variable | None:
        h = self._given[name]
        if isinstance(h, _PRIORS) and not self._drop_priors:
            self.mistakes.append(
                f"{name} has a prior ({type(h).__name__.removesuffix('Hyperparameter')}), and a space has none here; "
                "pass drop_priors=True to keep its range alone."
            )
        when = self._when(name)
        if isinstance(h, of_kind.CategoricalHyperparameter):
            if h.weights is not None and len(set(h.weights)) > 1 and not self._drop_priors:
                self.mistakes.append(
                    f"{name} has weights, and choices weigh the same here; pass drop_priors=True to drop them (a "
                    "choice of weight 0 is then drawn too, so better remove it)."
                )
            return Categorical(name, self._values(name, h.choices), when=when)
        if isinstance(h, of_kind.OrdinalHyperparameter):
            return Ordinal(name, self._values(name, h.sequence), when=when)
        if isinstance(h, of_kind.Constant):
            return Categorical(name, self._values(name, [h.value]), when=when)
        if isinstance(h, of_kind.FloatHyperparameter):
            return Float(name, h.lower, h.upper, log=bool(h.log), when=when)
        if isinstance(h, of_kind.IntegerHyperparameter):
            return Int(name, h.lower, h.upper, log=bool(h.log), when=when)
        self.mistakes.append(f"{name} is a {type(h).__name__}, which has no counterpart here.")
        return None

    def _values(self, name: str, values: Iterable[Any]) -> list[Any]:
        found = [plain(value) for value in values]
        self.mistakes += [f"{name}: the value {why}." for value in found if (why := scalar_problem(value))]
        return found

    # -- conditions --------------------------------------------------------------------------------------------------

    def _when(self, name: str) -> Condition | None:
        conditions = self._given.parent_conditions_of[name]
        return self._holds(conditions[0]) if conditions else None  # ConfigSpace allows one

    def _holds(self, condition: Any) -> Condition | None:
        """Holds exactly when ConfigSpace calls the condition satisfied."""
        if isinstance(condition, of_conditions.Conjunction):
            every = isinstance(condition, of_conditions.AndConjunction)
            return _combined(All if every else Any_, map(self._holds, condition.components))
        return self._compared(condition, 0)

    def _fails(self, condition: Any) -> Condition | None:
        """Holds exactly when ConfigSpace calls the condition not satisfied."""
        if isinstance(condition, of_conditions.Conjunction):
            every = isinstance(condition, of_conditions.AndConjunction)
            return _combined(Any_ if every else All, map(self._fails, condition.components))
        return self._compared(condition, 1)

    def _compared(self, condition: Any, opposite: int) -> Condition | None:
        compare = _CONDITIONS.get(type(condition))
        if compare is None:
            self._refuse(f"{condition.child.name}: its condition ({condition})", type(condition).__name__)
            return None
        parent = condition.parent.name
        several = isinstance(condition, of_conditions.InCondition)
        value = list(map(plain, condition.values)) if several else plain(condition.value)
        found = compare[opposite](param(parent), value)
        # Comparisons with an inactive variable fail, save 'is not'.
        holds_when_inactive = isinstance(condition, of_conditions.NotEqualsCondition) != bool(opposite)
        grandparents = self._given.parent_conditions_of[parent]
        if holds_when_inactive and grandparents:
            inactive = self._fails(grandparents[0])
            if inactive is not None:
                return found | inactive
        return found

    def forbidden(self, clause: Any) -> Condition | None:
        """A forbidden clause; None, and a mistake, when it has no counterpart."""
        if isinstance(clause, of_forbidden.ForbiddenConjunction):
            every = isinstance(clause, of_forbidden.ForbiddenAndConjunction)
            return _combined(All if every else Any_, map(self.forbidden, clause.components))
        if isinstance(clause, of_forbidden.ForbiddenRelation):
            self.mistakes.append(
                f"The clause ({clause}) compares two variables, and here a variable is compared with values only; "
                "forbid the pairs of values one by one, or let the evaluation fail on them."
            )
            return None
        compare = _FORBIDDEN.get(type(clause))
        if compare is None:
            self._refuse(f"The clause ({clause})", type(clause).__name__)
            return None
        several = isinstance(clause, of_forbidden.ForbiddenInClause)
        value = list(map(plain, clause.values)) if several else plain(clause.value)
        return compare(param(clause.hyperparameter.name), value)

    def _refuse(self, what: str, kind: str) -> None:
        sentence = f"{what} is a {kind}, which has no counterpart here."
        if sentence not in self.mistakes:
            self.mistakes.append(sentence)


def _combined(combination: type[All | Any_], parts: Iterable[Condition | None]) -> Condition | None:
    known = [part for part in parts if part is not None]
    return combination(known) if len(known) > 1 else known[0] if known else None
