"""What must hold in every space, held against the slow oracle of space_oracle.py."""

from __future__ import annotations

import copy
import math
import pickle
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import lehr
import space_oracle as oracle
from lehr import _core
from testing_core import lehr_testing

pytestmark = pytest.mark.slow

often = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
seeds = st.integers(0, 2**64 - 1)


@often
@given(oracle.parts(continuous=False))
def test_a_space_is_accepted_exactly_when_every_variable_can_be_active_in_a_legal_configuration(
    parts: Any,
) -> None:
    variables, forbid = parts
    legal = list(oracle.configurations(variables, forbid))
    possible = legal or list(oracle.configurations(variables, []))
    never = {v.name for v in variables} - {name for config in possible for name in config}
    if legal and not never:
        lehr.Space(variables, forbid)
        return
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space(variables, forbid)
    reported = {m.split(":")[0] for m in caught.value.mistakes if "can never be active" in m}
    empty = [m for m in caught.value.mistakes if "no legal configuration" in m]
    assert reported == never
    assert bool(empty) == (not legal)
    assert len(caught.value.mistakes) == len(reported) + len(empty)


@often
@given(oracle.spaces(continuous=False))
def test_enumeration_and_count_agree_with_brute_force(space: lehr.Space) -> None:
    expected = [oracle.key(config) for config in oracle.configurations(list(space), list(space.forbid))]
    found = [oracle.key(config) for config in space.enumerate()]
    assert found == expected
    assert len(set(found)) == len(found)
    assert space.count() == len(found)


@often
@given(oracle.spaces(), st.integers(1, 4))
def test_thinned_enumeration_is_legal_and_without_repeats(space: lehr.Space, resolution: int) -> None:
    found = list(space.enumerate(resolution))
    assert all(oracle.legal(config, list(space), list(space.forbid)) for config in found)
    assert len({oracle.key(config) for config in found}) == len(found)
    for variable in space:
        seen = {repr(config[variable.name]) for config in found if variable.name in config}
        if isinstance(variable, (lehr.Int, lehr.Float)):
            assert len(seen) <= resolution


@often
@given(oracle.spaces(), seeds)
def test_every_draw_is_legal_and_survives_coding_with_its_types(space: lehr.Space, seed: int) -> None:
    for config in space.sample(20, seed=seed):
        assert oracle.legal(config, list(space), list(space.forbid))
        space.validate(config)
        codes = space._core.encode(config)
        assert lehr_testing.legal(space._core, codes)
        assert oracle.key(space._core.decode(codes)) == oracle.key(config)
        assert [math.isnan(code) for code in codes] == [name not in config for name in space.names]


@often
@given(oracle.spaces(), seeds, st.data())
def test_validation_agrees_with_the_oracle_on_configurations_from_elsewhere(
    space: lehr.Space, seed: int, data: st.DataObject
) -> None:
    config = space.sample(seed=seed)
    for name in data.draw(st.lists(st.sampled_from([*space.names, "v9"]), max_size=3)):
        if data.draw(st.booleans()):
            config.pop(name, None)
        else:
            config[name] = data.draw(
                st.sampled_from([*oracle.SCALARS, 2, 0.1, -0.2, 3.0, 1e300, float("nan")])
            )
    expected = oracle.legal(config, list(space), list(space.forbid))
    assert (config in space) == expected
    if not expected:
        with pytest.raises(lehr.ConfigurationError) as caught:
            space.validate(config)
        assert caught.value.problems


@often
@given(oracle.spaces(), seeds)
def test_the_json_form_keeps_everything(space: lehr.Space, seed: int) -> None:
    for other in (
        lehr.Space.from_json(space.to_json()),
        pickle.loads(pickle.dumps(space)),
        copy.deepcopy(space),
    ):
        assert other == space
        assert hash(other) == hash(space)
        assert repr(other) == repr(space)
        assert list(map(oracle.key, other.sample(5, seed=seed))) == list(
            map(oracle.key, space.sample(5, seed=seed))
        )


@often
@given(oracle.spaces())
def test_repr_is_the_program_that_makes_the_space(space: lehr.Space) -> None:
    names = {
        name: getattr(lehr, name) for name in ("Space", "Categorical", "Ordinal", "Int", "Float", "param")
    }
    assert eval(repr(space), names) == space


def one_step(space: lehr.Space, before: dict[str, Any], after: dict[str, Any]) -> str:
    """The one variable that changed its value; every other that is active before and after keeps its own."""
    changed = [n for n in before if n in after and oracle.typed(before[n]) != oracle.typed(after[n])]
    assert len(changed) == 1
    return changed[0]


@often
@given(oracle.spaces(), seeds)
def test_a_neighbour_is_legal_and_one_step_away(space: lehr.Space, seed: int) -> None:
    config = space.sample(seed=seed)
    for kind in ("structural", "numeric", None):
        other = space.neighbour(config, seed=seed, kind=kind)
        if other is None:
            continue
        assert oracle.legal(other, list(space), list(space.forbid))
        structural = isinstance(space[one_step(space, config, other)], lehr.Categorical)
        assert kind is None or structural == (kind == "structural")


def reachable(space: lehr.Space, config: dict[str, Any], categorical: bool) -> set[tuple[str, str]]:
    """By brute force: the (variable, value) changes that some legal configuration one step away makes."""
    result = set()
    for other in oracle.configurations(list(space), list(space.forbid)):
        changed = [n for n in config if n in other and oracle.typed(config[n]) != oracle.typed(other[n])]
        if len(changed) == 1 and isinstance(space[changed[0]], lehr.Categorical) == categorical:
            result.add((changed[0], repr(other[changed[0]])))
    return result


@often
@given(oracle.spaces(continuous=False, most=4), seeds)
def test_neighbours_are_found_whenever_there_are_any(space: lehr.Space, seed: int) -> None:
    config = space.sample(seed=seed)
    structural = reachable(space, config, categorical=True)
    numeric = reachable(space, config, categorical=False)
    assert (space.neighbour(config, seed=seed, kind="structural") is not None) == bool(structural)
    assert (space.neighbour(config, seed=seed, kind="numeric") is not None) == bool(numeric)

    found = space.neighbours(config, seed=seed)
    assert all(oracle.legal(other, list(space), list(space.forbid)) for other in found)
    changes = [(name, repr(other[name])) for other in found for name in [one_step(space, config, other)]]
    assert len(set(changes)) == len(changes)
    adjacent = set()
    for name, value in numeric:
        order = [repr(v) for v in oracle.values(space[name])]
        if abs(order.index(value) - order.index(repr(config[name]))) == 1:
            adjacent.add((name, value))
    assert set(changes) == structural | adjacent


@often
@given(oracle.spaces(), seeds, st.integers(0, 6))
def test_moves_enter_no_masked_value(space: lehr.Space, seed: int, salt: int) -> None:
    def mask(variable: int, code: float) -> bool:
        return (hash((variable, code)) + salt) % 3 == 0

    before = space._core.encode(space.sample(seed=seed))
    rng = _core.Rng(seed)
    for after in (
        _core.structural_move(space._core, before, mask, rng),
        _core.numeric_move(space._core, before, 0.3, True, mask, rng),
        _core.numeric_move(space._core, before, 0.3, False, mask, rng),
    ):
        if after is None:
            continue
        assert lehr_testing.legal(space._core, after)
        for i, (old, new) in enumerate(zip(before, after, strict=True)):
            if not math.isnan(new) and new != old and lehr_testing.variable(space._core, i).discrete:
                assert not mask(i, new)


@often
@given(oracle.spaces(most=1), st.floats(0.0, 1.0))
def test_unit_positions_are_monotone_and_invert_codes(space: lehr.Space, position: float) -> None:
    variable = lehr_testing.variable(space._core, 0)
    assume(not isinstance(space.variables[0], lehr.Categorical))
    to_unit, from_unit = partial(lehr_testing.to_unit, variable), partial(lehr_testing.from_unit, variable)
    low, high, code = from_unit(0.0), from_unit(1.0), from_unit(position)
    assert low <= code <= high
    assert lehr_testing.legal_code(variable, code)
    assert to_unit(low) == 0.0
    assert to_unit(high) == (1.0 if high > low else 0.0)
    assert math.isclose(from_unit(to_unit(code)), code, rel_tol=1e-9, abs_tol=1e-12)
    if variable.discrete:
        codes = [lehr_testing.code_of(variable, k) for k in range(variable.cardinality)]
        assert all(lehr_testing.legal_code(variable, one) for one in codes)
        assert from_unit(to_unit(code)) == code
