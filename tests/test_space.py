"""Spaces and their configurations, by example."""

from __future__ import annotations

import enum
import json
from typing import Any

import numpy as np
import pytest

import lehr
from lehr import Categorical, Float, Int, Ordinal, param
from testing_core import lehr_testing


@pytest.fixture
def space() -> lehr.Space:
    return lehr.Space(
        [
            Categorical("backend", ["eager", "compile", "onnxruntime"]),
            Categorical("quantization", ["fp32", "fp16", "int8"]),
            Int("batch_size", 1, 64, log=True),
            Ordinal("tile", [16, 32, 64]),
            Float("rate", 0.0, 1.0),
            Int("threads", 1, 8, when=param("backend").isin(["eager", "onnxruntime"])),
            Float("dropout", 0.0, 0.5, step=0.1, when=param("threads") >= 4),
        ],
        forbid=[(param("backend") == "compile") & (param("quantization") == "int8")],
    )


GOOD = {"backend": "compile", "quantization": "fp16", "batch_size": 8, "tile": 32, "rate": 0.25}


def test_a_space_is_a_collection_of_variables(space: lehr.Space) -> None:
    assert len(space) == 7
    assert space.names[:2] == ("backend", "quantization")
    assert [variable.name for variable in space] == list(space.names)
    assert space["tile"] == Ordinal("tile", (16, 32, 64))
    assert space.variables[3] is space["tile"]
    assert len(space.forbid) == 1
    with pytest.raises(KeyError, match="tiles"):
        space["tiles"]
    with pytest.raises(AttributeError):
        space["tile"].name = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        space.variables = ()  # type: ignore[misc]


def test_a_legal_configuration_passes(space: lehr.Space) -> None:
    space.validate(GOOD)
    assert GOOD in space
    assert {**GOOD, "backend": "eager", "threads": 4, "dropout": 0.3} in space
    assert {**GOOD, "rate": 1, "batch_size": 8.0} in space  # an int for a float, an integral float for an int
    assert {**GOOD, "rate": np.float32(0.5), "batch_size": np.int64(3), "tile": np.int32(16)} in space
    assert "backend" not in space
    assert None not in space


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"backends": 1},
         "'backends' is not a variable of this space; did you mean 'backend'?"),
        ({"colour": 1},
         "'colour' is not a variable of this space; its variables are backend, quantization, "
         "batch_size, tile, rate, "
         "threads, dropout."),
        ({"batch_size": 65}, "batch_size = 65 is not allowed; it must be an int from 1 to 64."),
        ({"batch_size": 1.5}, "batch_size = 1.5 is not allowed; it must be an int from 1 to 64."),
        ({"batch_size": True}, "batch_size = True is not allowed; it must be an int from 1 to 64."),
        ({"batch_size": "8"}, "batch_size = '8' is not allowed; it must be an int from 1 to 64."),
        ({"batch_size": 10**30}, "batch_size: the value is an int beyond 64 bits."),
        ({"tile": 48}, "tile = 48 is not allowed; it must be one of [16, 32, 64]."),
        ({"tile": 16.0}, "tile = 16.0 is not allowed; it must be one of [16, 32, 64]."),
        ({"rate": float("nan")}, "rate = nan is not allowed; it must be a float from 0.0 to 1.0."),
        ({"rate": None}, "rate = None is not allowed; it must be a float from 0.0 to 1.0."),
        ({"rate": [0.5]}, "rate: a value must be None, bool, int, float or str, not list."),
        ({"backend": "tvm"},
         "backend = 'tvm' is not allowed; it must be one of ['eager', 'compile', 'onnxruntime']."),
        ({"threads": 2},
         "threads is given but inactive: it is active only when backend in ['eager', "
         "'onnxruntime'], and here "
         "backend = 'compile'; leave it out."),
        ({"dropout": 0.1},
         "dropout is given but inactive: it is active only when threads >= 4, and here threads is "
         "inactive; leave it "
         "out."),
        ({"backend": "eager"},
         "threads is missing; it is active because backend in ['eager', 'onnxruntime'] and must be "
         "an int from 1 to "
         "8."),
        ({"backend": "eager", "threads": 4, "dropout": 0.25},
         "dropout = 0.25 is not allowed; it must be a float from 0.0 to 0.5 in steps of 0.1."),
        ({"quantization": "int8"},
         "This combination is forbidden: backend == 'compile' and quantization == 'int8' (here "
         "backend = 'compile', "
         "quantization = 'int8')."),
    ],
)  # fmt: skip
def test_a_problem_is_named(space: lehr.Space, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(lehr.ConfigurationError) as caught:
        space.validate({**GOOD, **change})
    assert caught.value.problems == [problem]
    assert str(caught.value) == problem


def test_all_problems_come_at_once(space: lehr.Space) -> None:
    bad = {
        "backend": "compile",
        "quantization": "int8",
        "batch_size": 0,
        "tile": {},
        "threads": 1,
        "x": 1,
        7: 8,
    }
    with pytest.raises(lehr.ConfigurationError) as caught:
        space.validate(bad)  # type: ignore[arg-type]
    for part in (
        "batch_size = 0",
        "tile: a value",
        "rate is missing",
        "threads is given",
        "'x'",
        "7",
        "forbidden",
    ):
        assert sum(part in problem for problem in caught.value.problems) == 1, part
    assert len(caught.value.problems) == 7
    assert str(caught.value).startswith("7 problems with this configuration:\n- ")


@pytest.mark.parametrize("config", [None, [("backend", "eager")], "backend", 3])
def test_something_that_is_no_dict_is_refused(space: lehr.Space, config: Any) -> None:
    with pytest.raises(lehr.ConfigurationError, match="A configuration is a dict"):
        space.validate(config)


def test_choices_keep_their_type() -> None:
    space = lehr.Space([Categorical("x", [1, 1.0, True, "1", None, 0, False])])
    found = [config["x"] for config in space.enumerate()]
    assert [(type(value), value) for value in found] == [
        (int, 1), (float, 1.0), (bool, True), (str, "1"), (type(None), None), (int, 0), (bool, False),
    ]  # fmt: skip
    for value in found:
        assert type(space._core.decode(space._core.encode({"x": value}))["x"]) is type(value)


def test_numpy_and_subclasses_become_plain_values() -> None:
    class Colour(str, enum.Enum):  # noqa: UP042 - a str subclass whose str() differs is the point
        RED = "red"

    class Level(enum.IntEnum):
        LOW = 1

    space = lehr.Space(
        [
            Categorical("x", [Colour.RED, Level.LOW, np.float64(0.5), np.bool_(True), np.str_("s")]),
            Ordinal("o", np.array([16, 32])),  # type: ignore[arg-type]
            Int("n", np.int8(1), np.int64(4), when=param("x") == np.float64(0.5)),
            Float("f", np.float32(0.5), 1, when=param("o") < np.int16(32)),
        ]
    )
    assert repr(space["x"]) == "Categorical('x', ['red', 1, 0.5, True, 's'])"
    assert repr(space["o"]) == "Ordinal('o', [16, 32])"
    assert repr(space["n"]) == "Int('n', 1, 4, when=param('x') == 0.5)"
    assert repr(space["f"]) == "Float('f', 0.5, 1.0, when=param('o') < 16)".replace("16", "32")
    assert lehr.Space.from_json(space.to_json()) == space


def test_equality_tells_types_apart() -> None:
    assert Categorical("x", [1]) == Categorical("x", (1,))
    assert Categorical("x", [1]) != Categorical("x", [True])
    assert Categorical("x", [1]) != Ordinal("x", [1])
    assert Int("x", 1, 2) != Int("x", 1, 2, log=True)
    assert Int("x", 1, 2) == Int("x", 1.0, 2.0)  # type: ignore[arg-type]
    assert lehr.Space([Int("x", 1, 2)]) != lehr.Space([Int("x", 1, 2)], [param("x") == 1])
    assert len({lehr.Space([Int("x", 1, 2)]), lehr.Space([Int("x", 1, 2)])}) == 1


def test_steps_are_decimals_as_written() -> None:
    space = lehr.Space([Float("x", -0.3, 0.3, step=0.1), Categorical("c", [1], when=param("x") <= 0.1)])
    assert [config["x"] for config in space.enumerate()] == [-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3]
    assert {"x": 0.1, "c": 1} in space
    assert {"x": 0.1 * 3} in space  # 0.30000000000000004
    assert {"x": 0.2000001} not in space


def test_the_upper_bound_is_what_the_step_reaches() -> None:
    space = lehr.Space([Int("n", 1, 10, step=4), Float("f", 0, 1, step=0.3)])
    assert [lehr_testing.variable(space._core, i).high for i in range(2)] == [9.0, pytest.approx(0.9)]
    assert space.count() == 3 * 4
    assert {"n": 10, "f": 0.0} not in space


def test_a_negated_condition_on_an_inactive_parent_does_not_hold() -> None:
    space = lehr.Space(
        [
            Categorical("a", ["x", "y"]),
            Int("n", 1, 2, when=param("a") == "x"),
            Int("m", 1, 1, when=~(param("n") == 1)),
            Int("k", 1, 1, when=(param("n") == 1) | (param("a") == "y")),
        ]
    )
    assert list(space.enumerate()) == [
        {"a": "x", "n": 1, "k": 1},
        {"a": "x", "n": 2, "m": 1},
        {"a": "y", "k": 1},
    ]


def test_counting_needs_no_listing(space: lehr.Space) -> None:
    assert space.count() is None  # rate is continuous
    big = lehr.Space([Int("n", 1, 10**12), Int("m", 1, 10**12, when=param("n") > 10**6)], [param("m") == 5])
    assert big.count() == 10**6 + (10**12 - 10**6) * (10**12 - 1)
    assert lehr.Space([Float("x", 2, 2), Int("n", 0, 1)]).count() == 2
    # A continuous variable that only ever has one legal value is still continuous.
    assert lehr.Space([Float("x", 0, 1)], [param("x") != 0.5]).count() is None


def test_enumeration_is_lazy_and_ordered() -> None:
    space = lehr.Space([Int("n", 0, 2**53 - 1), Float("x", 1, 100, log=True)])
    found = space.enumerate(resolution=3)
    assert next(found) == {"n": 0, "x": 1.0}
    assert next(found)["x"] == pytest.approx(10.0)
    assert next(found) == {"n": 0, "x": 100.0}
    assert next(found)["n"] == pytest.approx(2**52, rel=1e-9)
    assert len(list(found)) == 5
    assert next(lehr.Space([Int("n", 0, 2**53 - 1)]).enumerate()) == {"n": 0}


def test_neighbours_of_a_small_space() -> None:
    space = lehr.Space(
        [
            Categorical("a", ["x", "y", "z"]),
            Int("n", 1, 5, when=param("a") != "z"),
            Ordinal("o", ["lo", "hi"]),
        ],
        forbid=[(param("a") == "y") & (param("n") != 5), (param("n") == 2) & (param("o") == "lo")],
    )
    assert space.neighbours({"a": "x", "n": 1, "o": "lo"}, seed=0) == [
        {"a": "z", "o": "lo"},  # y would need n = 5, but n stays as it is
        {"a": "x", "n": 1, "o": "hi"},  # n = 2 is forbidden with o = lo
    ]
    assert space.neighbours({"a": "z", "o": "hi"}, seed=0)[1] == {
        "a": "y",
        "n": 5,
        "o": "hi",
    }  # the only legal child
    assert space.neighbour({"a": "z", "o": "lo"}, seed=0, kind="numeric") == {"a": "z", "o": "hi"}
    with pytest.raises(lehr.ConfigurationError):
        space.neighbours({"a": "z"})
    lonely = lehr.Space([Categorical("a", ["x"])])
    assert lonely.neighbour({"a": "x"}) is None
    assert lonely.neighbours({"a": "x"}) == []


def document(**changes: Any) -> dict[str, Any]:
    base = {"format": "lehr.space", "version": 1, "variables": [], "forbid": []}
    return {**base, **changes}


INT = {"kind": "int", "name": "n", "low": 1, "high": 4, "log": False, "step": 1, "when": None}


def test_the_json_form_is_plain_and_versioned() -> None:
    space = lehr.Space(
        [Int("n", 1, 4), Categorical("c", [None, "é"], when=~(param("n") < 3))], [param("n") == 4]
    )
    assert json.loads(space.to_json()) == document(
        variables=[
            INT,
            {"kind": "categorical", "name": "c", "choices": [None, "é"],
             "when": {"op": "not", "operand": {"op": "<", "variable": "n", "value": 3}}},
        ],
        forbid=[{"op": "==", "variable": "n", "value": 4}],
    )  # fmt: skip
    assert lehr.Space.from_json(json.loads(space.to_json())) == space
    assert lehr.Space.from_json(space.to_json().encode()) == space


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read: Expecting property name"),
        ("", "cannot be read"),
        (b"\xff", "cannot be read"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": NaN}', "NaN is not JSON"),
        ("1" * 5000, "cannot be read"),
        (7, "must be a str, not int"),
        ("[]", "must be an object with"),
        ("{}", "must be an object with"),
        (document(version=2), "version 2 of the format, and this lehr reads version 1"),
        (document(version=True), "version True"),
        (document(version=None), "version None"),
        ({"format": "lehr.space", "version": 1, "variables": []}, "the space lacks 'forbid'"),
        (document(extra=1), "the space has unknown keys: 'extra'"),
        (document(variables={}), "must have a list of variables, not dict"),
        (document(variables=[3]), "variable 1 must be an object, not int"),
        (document(variables=[{**INT, "kind": "real"}]), "variable 1 must have a kind among"),
        (document(variables=[{**INT, "kind": []}]), "variable 1 must have a kind among"),
        (document(variables=[{**INT, "__class__": "x"}]), "variable 1 has unknown keys: '__class__'"),
        (
            document(variables=[{"kind": "int", "name": "n"}]),
            "variable 1 lacks 'high', 'log', 'low', 'step', 'when'",
        ),
        (
            document(variables=[{**INT, "when": "x"}]),
            "the condition of variable 1 must be an object, not str",
        ),
        (document(variables=[INT], forbid=[{"op": "and", "operands": []}]), "at least two conditions"),
        (document(variables=[INT], forbid=[{"op": "and", "operands": 3}]), "must have a list of operands"),
        (
            document(variables=[INT], forbid=[{"op": "xor", "variable": "n", "value": 1}]),
            "'xor' is not a comparison",
        ),
        (document(variables=[INT], forbid=[{"op": "==", "variable": 3, "value": 1}]), "must name a variable"),
        (
            document(variables=[INT], forbid=[{"op": "in", "variable": "n", "values": "ab"}]),
            "takes a list of values",
        ),
        (document(variables=[INT], forbid=[{"op": "not"}]), "forbidden combination 1 lacks 'operand'"),
        (
            document(variables=[INT], forbid=[{"op": ["=="], "variable": "n", "value": 1}]),
            "is not a comparison",
        ),
        (document(variables=[{**INT, "high": 0}]), "n: its range is empty"),
        (document(variables=[{**INT, "high": "4"}]), "n: high must be a number"),
        (document(variables=[{**INT, "name": 4}]), "its name must be a str"),
    ],
)
def test_malformed_json_gives_one_clear_sentence(text: Any, sentence: str) -> None:
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space.from_json(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_deep_json_conditions_are_refused() -> None:
    condition: dict[str, Any] = {"op": "==", "variable": "n", "value": 1}
    for _ in range(250):
        condition = {"op": "not", "operand": condition}
    with pytest.raises(lehr.SpaceError, match="nested deeper than 200"):
        lehr.Space.from_json(document(variables=[INT], forbid=[condition]))
