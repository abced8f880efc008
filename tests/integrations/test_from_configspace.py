from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import lehr

cs = pytest.importorskip("ConfigSpace")
from ConfigSpace.exceptions import (  # noqa: E402
    ActiveHyperparameterNotSetError,
    ForbiddenValueError,
    InactiveHyperparameterSetError,
)


def full() -> cs.ConfigurationSpace:
    """Every kind of variable, condition and forbidden clause that has a counterpart."""
    space = cs.ConfigurationSpace(seed=0)
    backend = cs.Categorical("backend", ["eager", "compile", "onnx"])
    threads = cs.Integer("threads", (1, 8))
    level = cs.OrdinalHyperparameter("level", ["low", "mid", "high"])
    rate = cs.Float("rate", (1e-4, 1.0), log=True)
    batch = cs.Integer("batch", (1, 64), log=True)
    fixed = cs.Constant("fixed", "yes")
    a, b, c, d, e = (cs.Float(name, (0.0, 1.0)) for name in "abcde")
    space.add(a, b, c, d, e, backend, threads, level, rate, batch, fixed)
    space.add(
        cs.InCondition(threads, backend, ["eager", "onnx"]),
        cs.EqualsCondition(batch, backend, "compile"),
        cs.NotEqualsCondition(a, threads, 3),  # holds as well when threads is inactive
        cs.LessThanCondition(b, level, "high"),
        cs.GreaterThanCondition(c, threads, 4),
        cs.AndConjunction(cs.EqualsCondition(d, level, "high"), cs.LessThanCondition(d, threads, 4)),
        cs.OrConjunction(cs.NotEqualsCondition(e, a, 0.5), cs.EqualsCondition(e, backend, "compile")),
    )
    space.add(
        cs.ForbiddenEqualsClause(threads, 7),
        cs.ForbiddenInClause(batch, [3, 5, 9]),
        cs.ForbiddenAndConjunction(
            cs.ForbiddenEqualsClause(backend, "eager"), cs.ForbiddenEqualsClause(level, "mid")
        ),
    )
    return space


def test_samples_of_one_side_are_legal_on_the_other():
    theirs = full()
    ours = lehr.Space.from_configspace(theirs)
    assert set(ours.names) == set(theirs)
    for configuration in theirs.sample_configuration(300):
        ours.validate(dict(configuration))
    for config in ours.sample(300, seed=1):
        cs.Configuration(theirs, values=config).check_valid_configuration()


def _legal_there(space: cs.ConfigurationSpace, config: dict[str, object]) -> bool:
    try:
        cs.Configuration(space, values=config).check_valid_configuration()
    except (ValueError, ForbiddenValueError):
        return False
    return True


def _active_there(space: cs.ConfigurationSpace, config: dict[str, object]) -> set[str]:
    """The variables whose conditions hold, judged one by one."""
    vector = [space[name].to_vector(config[name]) if name in config else np.nan for name in space]
    return space.get_active_hyperparameters(np.array(vector))


@pytest.mark.parametrize(
    ("clause", "value"),
    [
        ("LessThan", 2),
        ("LessThanEquals", 2),
        ("GreaterThan", 5),
        ("GreaterThanEquals", 5),
        ("Equals", 3),
        ("In", [1, 4]),
    ],
)
def test_forbidden_clauses_mean_the_same(clause, value):
    theirs = cs.ConfigurationSpace()
    n = cs.Integer("n", (0, 7), default=3 if clause != "Equals" else 4)
    kind = cs.Categorical("kind", ["x", "y"])
    theirs.add(n, kind)
    rule = getattr(cs, f"Forbidden{clause}Clause")(n, value)
    theirs.add(cs.ForbiddenAndConjunction(rule, cs.ForbiddenEqualsClause(kind, "x")))
    ours = lehr.Space.from_configspace(theirs)
    for number in range(8):
        for choice in ("x", "y"):
            config = {"n": number, "kind": choice}
            assert (config in ours) == _legal_there(theirs, config)
    assert ours.count() < 16


def test_ordinals_are_compared_by_position():
    theirs = cs.ConfigurationSpace()
    size = cs.OrdinalHyperparameter("size", ["s", "l", "m"])
    theirs.add(size)
    theirs.add(cs.ForbiddenGreaterThanClause(size, "l"))
    assert [config["size"] for config in lehr.Space.from_configspace(theirs).enumerate()] == ["s", "l"]


@st.composite
def spaces(draw: st.DrawFn) -> cs.ConfigurationSpace:
    """Small spaces whose conditions chain, so that activity itself is judged."""
    space = cs.ConfigurationSpace(seed=draw(st.integers(0, 9)))
    variables = []
    for i in range(draw(st.integers(2, 5))):
        kind = draw(st.sampled_from("cio"))
        name = f"v{i}"
        if kind == "c":
            variable = cs.Categorical(name, ["x", "y", "z"])
        elif kind == "i":
            variable = cs.Integer(name, (0, 2))
        else:
            variable = cs.OrdinalHyperparameter(name, ["s", "m", "l"])
        variables.append(variable)
        space.add(variable)

    def values(variable):
        return (
            [0, 1, 2]
            if hasattr(variable, "lower")
            else list(getattr(variable, "choices", None) or variable.sequence)
        )

    def condition(child, parent):
        ordered = not isinstance(parent, cs.CategoricalHyperparameter)
        kind = draw(st.sampled_from("=!<>i" if ordered else "=!i"))
        if kind == "=":
            return cs.EqualsCondition(child, parent, draw(st.sampled_from(values(parent))))
        if kind == "!":
            return cs.NotEqualsCondition(child, parent, draw(st.sampled_from(values(parent))))
        if kind == "<":
            return cs.LessThanCondition(child, parent, values(parent)[draw(st.integers(1, 2))])
        if kind == ">":
            return cs.GreaterThanCondition(child, parent, values(parent)[draw(st.integers(0, 1))])
        return cs.InCondition(child, parent, draw(st.sampled_from([values(parent)[:2], values(parent)[1:]])))

    for i, child in enumerate(variables[1:], 1):
        parents = draw(st.lists(st.sampled_from(variables[:i]), max_size=2, unique_by=lambda v: v.name))
        conditions = [condition(child, parent) for parent in parents]
        if len(conditions) == 2:
            conditions = [draw(st.sampled_from([cs.AndConjunction, cs.OrConjunction]))(*conditions)]
        try:
            space.add(*conditions)
        except (ActiveHyperparameterNotSetError, InactiveHyperparameterSetError):
            # ConfigSpace cannot find the default configuration of some spaces.
            reject()
    return space


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32))
def test_both_sides_agree_on_what_is_active(theirs, seed):
    try:
        ours = lehr.Space.from_configspace(theirs)
    except lehr.SpaceError as error:
        assert "never" in str(error)  # noqa: PT017 - a variable that no configuration activates is refused here
        return
    for configuration in theirs.sample_configuration(8):
        config = dict(configuration)
        # Where conditions chain or resemble each other, its sampler can contradict its own conditions.
        assert (config in ours) == (_active_there(theirs, config) == set(config))
    for config in ours.sample(8, seed=seed):
        assert _active_there(theirs, config) == set(config)


def test_the_variables_are_what_one_would_have_written():
    theirs = cs.ConfigurationSpace()
    theirs.add(
        cs.Float("lr", (1e-4, 1e-1), log=True),
        cs.Integer("n", (1, 64), log=True),
        cs.Categorical("act", ["relu", None, 3], weights=[1, 1, 1]),
        cs.OrdinalHyperparameter("size", ["s", "m"]),
        cs.Constant("k", 0.5),
    )
    assert {v.name: v for v in lehr.Space.from_configspace(theirs)} == {
        "lr": lehr.Float("lr", 1e-4, 1e-1, log=True),
        "n": lehr.Int("n", 1, 64, log=True),
        "act": lehr.Categorical("act", ["relu", None, 3]),
        "size": lehr.Ordinal("size", ["s", "m"]),
        "k": lehr.Categorical("k", [0.5]),
    }


def priors() -> cs.ConfigurationSpace:
    theirs = cs.ConfigurationSpace()
    theirs.add(
        cs.Float("n", (0.0, 1.0), distribution=cs.Normal(0.5, 0.1)),
        cs.Integer("b", (1, 9), distribution=cs.Beta(2, 3)),
        cs.Categorical("w", ["x", "y"], weights=[0.2, 0.8]),
    )
    return theirs


def test_priors_are_refused_or_dropped():
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space.from_configspace(priors())
    assert {mistake.split(" ")[0] for mistake in caught.value.mistakes} == {"n", "b", "w"}
    assert "n has a prior (NormalFloat)" in str(caught.value)
    assert "pass drop_priors=True" in str(caught.value)
    dropped = {v.name: v for v in lehr.Space.from_configspace(priors(), drop_priors=True)}
    assert dropped == {
        "n": lehr.Float("n", 0.0, 1.0),
        "b": lehr.Int("b", 1, 9),
        "w": lehr.Categorical("w", ["x", "y"]),
    }


def test_what_has_no_counterpart_is_named_all_at_once():
    theirs = priors()
    x, y = cs.Integer("x", (0, 9)), cs.Integer("y", (0, 9))
    theirs.add(x, y, cs.Categorical("odd", [(1, 2), (3, 4)]))
    theirs.add(cs.ForbiddenGreaterThanRelation(x, y))
    theirs.add(cs.ForbiddenAndConjunction(cs.ForbiddenEqualsClause(x, 1), cs.ForbiddenEqualsRelation(x, y)))
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space.from_configspace(theirs)
    assert sum("compares two variables" in mistake for mistake in caught.value.mistakes) == 2
    assert sum("odd: the value" in mistake for mistake in caught.value.mistakes) == 2
    assert len(caught.value.mistakes) == 7
    with pytest.raises(lehr.SpaceError, match=r"A dict was given; give a ConfigSpace\.ConfigurationSpace"):
        lehr.Space.from_configspace({})
