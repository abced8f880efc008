"""A hierarchical mixed search space: variables, conditions on them, and forbidden combinations."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from lehr import _core
from lehr._checks import configuration, real, seed_number, whole
from lehr._space_json import space_from_json, space_to_json
from lehr.conditions import Condition, Scalar, scalar_problem
from lehr.errors import ConfigurationError, OptionError
from lehr.variables import Variable

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from optuna.distributions import BaseDistribution

Config = dict[str, Scalar]


class Space:
    """A search space; immutable.

    Args:
        variables: :class:`Categorical`, :class:`Ordinal`, :class:`Int` and :class:`Float` variables. A
            variable with ``when=condition`` is active only when the condition holds; conditions look at
            earlier variables only.
        forbid: conditions that no configuration may meet.

    Raises:
        SpaceError: with every mistake at once: wrong types and ranges, unknown or later variables in
            conditions, cycles, variables that can never be active, no legal configuration at all, and more.
            Whether anything is legal is decided exactly, save in spaces whose conditions and forbidden
            combinations are extremely entangled: there one legal configuration must be found within a million
            attempts.
    """

    __slots__ = ("_core", "_forbid", "_variables")

    def __init__(self, variables: Iterable[Variable], forbid: Iterable[Condition] = ()) -> None:
        mistakes: list[str] = []
        self._variables = _members(
            variables, Variable, "variables", "a Categorical, Ordinal, Int or Float", mistakes
        )
        self._forbid = _members(forbid, Condition, "forbid", "a condition", mistakes)
        core_variables = []
        unusable = []
        for position, variable in enumerate(self._variables):
            core_variable, usable = _core_variable(variable, position, mistakes)
            core_variables.append(core_variable)
            unusable.append(not usable)
        core_forbid = []
        for condition in self._forbid:
            problems = _value_problems(condition, f"The forbidden combination ({condition!r})")
            mistakes += problems
            if not problems:
                core_forbid.append(condition._parts())
        if mistakes:
            _core.check_space(core_variables, core_forbid, mistakes, unusable)  # raises
        self._core = _core.Space(core_variables, core_forbid)

    # As a collection of variables.

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables, in order."""
        return self._variables

    @property
    def forbid(self) -> tuple[Condition, ...]:
        """The forbidden combinations."""
        return self._forbid

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables, in order."""
        return tuple(variable.name for variable in self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __iter__(self) -> Iterator[Variable]:
        return iter(self._variables)

    def __getitem__(self, name: str) -> Variable:
        variable: Variable
        for variable in self._variables:
            if variable.name == name:
                return variable
        raise KeyError(f"{name!r} is not a variable of this space; its variables are {', '.join(self.names)}")

    # Configurations: dicts of the active variables.

    @overload
    def sample(self, n: None = None, *, seed: int | None = None) -> Config: ...
    @overload
    def sample(self, n: int, *, seed: int | None = None) -> list[Config]: ...
    def sample(self, n: int | None = None, *, seed: int | None = None) -> Config | list[Config]:
        """Draw legal configurations: a dict, or with ``n`` a list of n dicts.

        Variables are drawn in order, each active one uniformly in its own scale, conditioned on the whole
        being legal; spaces that are extremely entangled (see :class:`Space`) are only searched for a legal one
        where ordinary draws keep missing. The same seed gives the same configurations; without one they differ
        from call to call.

        Args:
            n: how many, at least 0; without it one configuration, not in a list.
            seed: an integer from 0 to 2**64 - 1.

        Raises:
            OptionError: `n` or `seed` is out of its range.
        """
        rng = _rng(seed)
        if n is None:
            return self._core.sample(rng)
        return [self._core.sample(rng) for _ in range(whole("n", n, 0))]

    def validate(self, config: Mapping[str, Any]) -> None:
        """Check a configuration from elsewhere.

        Raises:
            ConfigurationError: with every problem at once: unknown variables, missing active ones, inactive
                ones given, values that are not allowed, forbidden combinations.
        """
        self._encode(config)

    def __contains__(self, config: object) -> bool:
        if not isinstance(config, Mapping):
            return False
        try:
            self._encode(config)
        except ConfigurationError:
            return False
        return True

    def neighbour(
        self,
        config: Mapping[str, Any],
        *,
        seed: int | None = None,
        kind: Literal["structural", "numeric"] | None = None,
        scale: float = 0.3,
    ) -> Config | None:
        """A random legal configuration one step away, different from ``config``; None when there is none.

        A structural step changes one active categorical variable; a numeric step moves one other active
        variable by N(0, scale) of its range, in its own scale (the moves of arXiv 2604.25073). Children that become
        active are drawn, inactive ones are removed.

        Args:
            config: a legal configuration.
            seed: an integer from 0 to 2**64 - 1; without one the step differs from call to call.
            kind: which of the two; without it one is drawn, and the other tried when it has no legal step.
            scale: standard deviation of a numeric step in units of the variable's range, above 0 and finite.

        Raises:
            ConfigurationError: `config` is not legal.
            OptionError: `kind` is unknown, or `scale` or `seed` is out of its range.
        """
        if kind not in (None, "structural", "numeric"):
            raise OptionError(f"kind must be 'structural', 'numeric' or None, not {kind!r}.")
        if isinstance(scale, bool) or not 0.0 < real("scale", scale) < math.inf:
            raise OptionError(f"scale must be a positive finite number, not {scale!r}.")
        codes = self._encode(config)
        rng = _rng(seed)
        moves: dict[str, Callable[[], list[float] | None]] = {
            "structural": lambda: _core.structural_move(self._core, codes, None, rng),
            "numeric": lambda: _core.numeric_move(self._core, codes, scale, True, None, rng),
        }
        order = [kind] if kind else ["structural", "numeric"][:: 1 if rng.below(2) else -1]
        for chosen in order:
            found = moves[chosen]()
            if found is not None:
                return self._core.decode(found)
        return None

    def neighbours(self, config: Mapping[str, Any], *, seed: int | None = None) -> list[Config]:
        """Every legal configuration one step away.

        These are: each active categorical variable at each of its other values, each other active discrete
        variable at its next lower and next higher value. Continuous variables stay. Children that become
        active are drawn, from `seed` as in :meth:`sample`.

        Raises:
            ConfigurationError: `config` is not legal.
            OptionError: `seed` is out of its range.
        """
        codes = self._encode(config)
        return [self._core.decode(found) for found in _core.all_neighbours(self._core, codes, _rng(seed))]

    def count(self) -> int | None:
        """The exact number of legal configurations; None when a continuous variable can be active.

        Raises:
            LehrError: when conditions and forbidden combinations are too entangled to count.
        """
        digits = self._core.count()
        if digits is None:
            return None
        total = 0
        for start in range(0, len(digits), 4000):  # Python refuses to convert more than 4,300 digits at once
            chunk = digits[start : start + 4000]
            total = total * 10 ** len(chunk) + int(chunk)
        return total

    def enumerate(self, resolution: int | None = None) -> Iterator[Config]:
        """Every legal configuration, in order.

        Args:
            resolution: thins continuous variables, and numbers with more values than this, to so many points,
                equally spaced in their own scale with both ends included; at least 1.

        Raises:
            OptionError: a continuous variable can be active and no resolution is given, or it is below 1.
        """
        return self._core.enumerate(0 if resolution is None else whole("resolution", resolution, 1))

    def _encode(self, config: Mapping[str, Any]) -> list[float]:
        return self._core.encode(configuration(config))

    # As a value.

    def to_json(self) -> str:
        """The space as JSON text; see :meth:`from_json`."""
        return space_to_json(self._variables, self._forbid)

    @classmethod
    def from_json(cls, text: str | bytes | Mapping[str, Any]) -> Space:
        """The space that :meth:`to_json` wrote, from the text or from what a JSON parser made of it.

        Raises:
            SpaceError: when the text is not such a document, or is of a version that is not known, or
                describes a space with mistakes. Text from strangers is safe to read.
        """
        return cls(*space_from_json(text))

    # From other tools.

    @classmethod
    def from_optuna(cls, distributions: Mapping[str, BaseDistribution]) -> Space:
        """The space of Optuna's distributions by name; Optuna has no conditions to carry over.

        Raises:
            SpaceError: with every mistake at once: distributions of other kinds, choices or bounds that a
                space does not take.
        """
        from lehr.integrations.from_optuna import variables_from_optuna

        return cls(variables_from_optuna(distributions))

    @classmethod
    def from_configspace(cls, space: ConfigurationSpace, *, drop_priors: bool = False) -> Space:
        """The space of a ``ConfigSpace.ConfigurationSpace``, with its conditions and forbidden clauses.

        A configuration is legal here exactly when each condition and clause there, judged by itself, says so.
        Constants become categoricals with one choice.
        Default values and meta data have no place in a space; enqueue ``space.get_default_configuration()``
        to try the defaults first.

        Args:
            drop_priors: keep the range of a variable with a normal or beta prior, and the choices of one with
                weights, instead of refusing them.

        Raises:
            SpaceError: with everything that has no counterpart: priors and weights, forbidden clauses that
                compare two variables, values other than None, bool, int, float and str.
        """
        from lehr.integrations.from_configspace import parts_from_configspace

        return cls(*parts_from_configspace(space, drop_priors=drop_priors))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        forbid = f", forbid={list(self._forbid)!r}" if self._forbid else ""
        return f"Space({list(self._variables)!r}{forbid})"

    def __reduce__(self) -> tuple[Callable[..., Space], tuple[Any, ...]]:
        return Space.from_json, (self.to_json(),)


def _members(
    given: object, kind: type[Any], argument: str, wanted: str, mistakes: list[str]
) -> tuple[Any, ...]:
    """The elements of the given list that are of the wanted kind; the others are mistakes."""
    if isinstance(given, kind):
        mistakes.append(f"{argument} must be a list; put the one you have in [ ].")
        return (given,)
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        mistakes.append(f"{argument} must be a list, each element {wanted}, not {type(given).__name__}.")
        return ()
    members = []
    for position, element in enumerate(given, 1):
        if isinstance(element, kind):
            members.append(element)
        else:
            mistakes.append(f"Element {position} of {argument} must be {wanted}, not {element!r}.")
    return tuple(members)


def _core_variable(variable: Variable, position: int, mistakes: list[str]) -> tuple[_core.Variable, bool]:
    """The core's form of a variable, and whether it is whole; a broken one is known by its name only."""
    name = variable.name
    problems = []
    if not isinstance(name, str):
        problems.append(f"Variable {position + 1}: its name must be a str, not {name!r}.")
        name = f"variable {position + 1}"
    elif (problem := scalar_problem(name)) is not None:
        problems.append(f"Variable {position + 1}: its name {problem}.")
        name = f"variable {position + 1}"
    problems += [f"{name}: {problem}" for problem in variable._domain_problems()]
    when = variable.when  # type: ignore[attr-defined]
    parts = None
    if when is not None and not isinstance(when, Condition):
        problems.append(f"{name}: when must be a condition such as param('x') == 1, not {when!r}.")
    elif when is not None:
        found = _value_problems(when, f"{name}: its condition")
        problems += found
        parts = None if found else when._parts()
    mistakes += problems
    if problems:
        return _core.Variable.listed("categorical", name, [], parts), False
    return variable._core_variable(parts), True


def _value_problems(condition: Condition, place: str) -> list[str]:
    """What is wrong with the types of values and names in a condition."""
    problems = []
    for comparison in condition._comparisons():
        for value in (comparison.variable, comparison.value):
            problem = scalar_problem(value)
            if not problem:
                continue
            sentence = f"{place} compares {comparison.variable!r} with a value of the wrong kind: {problem}."
            if sentence not in problems:
                problems.append(sentence)
    return problems


def _rng(seed: int | None) -> _core.Rng:
    if seed is None:
        return _core.Rng(secrets.randbits(64))
    return _core.Rng(seed_number(seed))
