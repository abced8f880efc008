"""Every mistake of a space is named, with variable, value and remedy, and all of them at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lehr
from lehr import Categorical, Float, Int, Ordinal, param
from lehr.conditions import Comparison


def mistakes(variables: Any, forbid: Any = ()) -> list[str]:
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space(variables, forbid)
    assert all(mistake in str(caught.value) for mistake in caught.value.mistakes)
    return list(caught.value.mistakes)


AB = Categorical("x", ["a", "b"])

CASES: list[tuple[str, Any, Any, str]] = [
    ("no variables", [], [], "This space has no variables; give at least one."),
    ("empty range", [Int("n", 8, 4)], [],
     "n: its range is empty, since low = 8 is above high = 4; swap or correct them."),
    ("empty float range", [Float("f", 0.5, 0.25)], [],
     "f: its range is empty, since low = 0.5 is above high = 0.25; swap or correct them."),
    ("log at zero", [Float("f", 0, 1, log=True)], [],
     "f: log=True needs low above 0, but low = 0.0; raise low or drop log=True."),
    ("log of ints at zero", [Int("n", 0, 8, log=True)], [],
     "n: log=True needs low above 0, but low = 0; raise low or drop log=True."),
    ("log with step", [Int("n", 1, 9, log=True, step=2)], [],
     "n: log=True and step = 2 exclude each other; drop one of them."),
    ("log with float step", [Float("f", 1, 9, log=True, step=0.5)], [],
     "f: log=True and step = 0.5 exclude each other; drop one of them."),
    ("zero step", [Int("n", 1, 9, step=0)], [], "n: its step must be a finite number above 0, but it is 0."),
    ("zero float step", [Float("f", 1, 9, step=0)], [],
     "f: step must be above 0; leave it out for a continuous variable."),
    ("negative step", [Float("f", 1, 9, step=-0.5)], [],
     "f: its step must be a finite number above 0, but it is -0.5."),
    ("fractional step", [Int("n", 1, 9, step=1.5)], [],  # type: ignore[arg-type]
     "n: its step must be a whole number up to 2**53, but it is 1.5; use a Float for fractions."),
    ("step too fine", [Float("f", 0, 1e17, step=1.0)], [],
     "f: its step = 1.0 is too fine for floating-point numbers as large as 1e+17; use at least 64.0."),
    ("fractional bounds", [Int("n", 1.5, 9)], [],  # type: ignore[arg-type]
     "n: its bounds must be whole numbers, but they are 1.5 and 9; use a Float for fractions."),
    ("nan bound", [Float("f", float("nan"), 1)], [],
     "f: its bounds must be finite numbers, but they are nan and 1.0."),
    ("infinite bound", [Float("f", 0, float("inf"))], [],
     "f: its bounds must be finite numbers, but they are 0.0 and inf."),
    ("overflowing range", [Float("f", -1e308, 1e308)], [],
     "f: its range from -1e+308 to 1e+308 is too wide for floating point; narrow it or use log=True."),
    ("beyond 2**53", [Int("n", 0, 2**53 + 1000)], [],
     "n: its bounds must lie within -2**53 and 2**53, but they are 0 and 9007199254741992.0."),
    ("far beyond", [Int("n", 0, 10**400)], [], "n: high must lie within -2**53 and 2**53."),
    ("no choices", [Categorical("x", [])], [], "x: it has no choices; give at least one."),
    ("no values", [Ordinal("o", [])], [], "o: it has no values; give at least one."),
    ("duplicate choice", [Categorical("x", ["a", "b", "a", "a"])], [],
     "x: choice 'a' is listed twice; list it once."),
    ("duplicate numpy values", [Ordinal("o", np.array([1, 2, 2]))], [],  # type: ignore[arg-type]
     "o: value 2 is listed twice; list it once."),
    ("signed zeros", [Categorical("x", [0.0, -0.0])], [], "x: choice 0.0 is listed twice; list it once."),
    ("nan choice", [Categorical("x", [1.0, float("nan")])], [],
     "x: choice nan is not a finite number; use a finite one, a str or None instead."),
    ("huge choice", [Categorical("x", [2**63])], [],
     "x: choice 9223372036854775808 is beyond 64 bits; use a float or a str."),
    ("choice of a foreign type", [Categorical("x", ["a", (1, 2)])], [],  # type: ignore[list-item]
     "x: choice (1, 2) is of type tuple; use None, bool, int, float or str."),
    ("surrogate choice", [Categorical("x", ["\ud800"])], [],
     "x: choice '\\ud800' is not valid Unicode; remove its surrogates."),
    ("choices as str", [Categorical("x", "abc")], [],
     "x: choices must be a list, not 'abc'; write ['abc'] for a single one."),
    ("choices as set", [Categorical("x", {"a", "b"})], [],
     "x: choices must be a list, since a set has no order of its own; write them in order."),
    ("choices as number",
     [Ordinal("o", 3)], [], "o: values must be a list, not int."),  # type: ignore[arg-type]
    ("choices as dict", [Categorical("x", {"a": 1})], [], "x: choices must be a list, not dict."),
    ("low as str", [Int("n", "1", 2)], [], "n: low must be a number, not '1'."),  # type: ignore[arg-type]
    ("low as bool", [Int("n", False, 2)], [], "n: low must be a number, not False."),
    ("log as int", [Float("f", 1, 2, log=1)], [],  # type: ignore[arg-type]
     "f: log must be True or False, not 1."),
    ("duplicate name", [AB, Int("x", 1, 2)], [],
     "The name 'x' is given to more than one variable; give each a name of its own."),
    ("empty name", [Int("", 1, 2)], [], "Variable 1 has an empty name; name it."),
    ("name as int",
     [AB, Int(7, 1, 2)], [], "Variable 2: its name must be a str, not 7."),  # type: ignore[arg-type]
    ("not a variable", [AB, "y"], [],
     "Element 2 of variables must be a Categorical, Ordinal, Int or Float, not 'y'."),
    ("variables as one variable", AB, [], "variables must be a list; put the one you have in [ ]."),
    ("forbid as one condition",
     [AB], param("x") == "a", "forbid must be a list; put the one you have in [ ]."),
    ("forbid as something else", [AB], [True], "Element 1 of forbid must be a condition, not True."),
    ("when as bool", [AB, Int("n", 1, 2, when=True)], [],  # type: ignore[arg-type]
     "n: when must be a condition such as param('x') == 1, not True."),
    ("unknown parent", [Categorical("backend", ["a", "b"]), Int("n", 1, 2, when=param("bakend") == "a")], [],
     "n: its condition mentions 'bakend', which is not a variable of this space; did you mean 'backend'?"),
    ("unknown parent, nothing near", [AB, Int("n", 1, 2, when=param("colour") == "a")], [],
     "n: its condition mentions 'colour', which is not a variable of this space; declare it, or "
     "correct the name."),
    ("unknown name in forbid", [AB], [param("y") == 1],
     "The forbidden combination (y == 1) mentions 'y', which is not a variable of this space; declare it, or "
     "correct the name."),
    ("later parent", [Int("n", 1, 2, when=param("x") == "a"), AB], [],
     "n: its condition mentions 'x', which comes later; declare x before n."),
    ("cycle", [Int("a", 1, 2, when=param("b") == 1), Int("b", 1, 2, when=param("a") == 1)], [],
     "The conditions form a cycle: a -> b -> a (each is conditioned on the next); drop one of these "
     "conditions."),
    ("cycle of one", [Int("a", 1, 2, when=param("a") == 1)], [],
     "The conditions form a cycle: a -> a (each is conditioned on the next); drop one of these conditions."),
    ("value not a choice", [AB, Int("n", 1, 2, when=param("x") == "c")], [],
     "n: its condition compares x with 'c', which is not a value of x (one of ['a', 'b']); use one "
     "of its values."),
    ("value nearly a choice", [Categorical("q", ["int8", "fp16"])], [param("q").isin(["int8", "fp61"])],
     "The forbidden combination (q in ['int8', 'fp61']) compares q with 'fp61', which is not a "
     "value of q (one of "
     "['int8', 'fp16']); did you mean 'fp16'?"),
    ("value of another type", [Categorical("x", [1, 2])], [param("x") == 1.0],
     "The forbidden combination (x == 1.0) compares x with 1.0, which is not a value of x (one of "
     "[1, 2]); use one "
     "of its values."),
    ("value off the grid", [Int("n", 0, 10, step=5)], [param("n") == 3],
     "The forbidden combination (n == 3) compares n with 3, which is not a value of n (an int from "
     "0 to 10 in steps "
     "of 5); use one of its values."),
    ("order of a categorical", [AB], [param("x") < "b"],
     "The forbidden combination (x < 'b') orders the values of x (x < 'b'), which is Categorical "
     "and has no order; "
     "use == or isin, or make it an Ordinal."),
    ("ordinal against a stranger", [Ordinal("o", [1, 2])], [param("o") < 3],
     "The forbidden combination (o < 3) compares o with 3, which is not a value of o (one of [1, "
     "2]); use one of its "
     "values."),
    ("number against str", [Int("n", 1, 2)], [param("n") < "2"],
     "The forbidden combination (n < '2') compares n with '2', but n is an int from 1 to 2; compare "
     "it with a "
     "number."),
    ("number against bool", [Int("n", 0, 2)], [param("n") < True],
     "The forbidden combination (n < True) compares n with True, but n is an int from 0 to 2; "
     "compare it with a "
     "number."),
    ("number against nan", [Float("f", 0, 1)], [Comparison("<", float("nan"), "f")],
     "The forbidden combination (f < nan) compares f with nan; compare it with a finite number."),
    ("empty isin", [AB, Int("n", 1, 2, when=param("x").isin([]))], [],
     "n: its condition asks whether x is in an empty list, which never holds; give at least one value."),
    ("value of a foreign type", [AB, Int("n", 1, 2, when=param("x") == ["a"])], [],
     "n: its condition compares 'x' with a value of the wrong kind: ['a'] is of type list; use "
     "None, bool, int, "
     "float or str."),
    ("never active by itself", [AB, Int("n", 1, 2, when=(param("x") == "a") & (param("x") == "b"))], [],
     "n: it can never be active, since its condition (x == 'a' and x == 'b') never holds; correct "
     "the condition or "
     "drop the variable."),
    ("never active by a bound", [Int("k", 1, 4), Int("n", 1, 2, when=param("k") > 4)], [],
     "n: it can never be active, since its condition (k > 4) never holds; correct the condition or drop the "
     "variable."),
    ("never active by forbid", [AB, Int("n", 1, 2, when=param("x") == "a")], [param("x") == "a"],
     "n: it can never be active, since forbidden combinations rule out every configuration in which "
     "its condition "
     "(x == 'a') holds; narrow them or drop the variable."),
    ("nothing legal, one culprit", [AB, Int("n", 1, 4)], [param("n") < 2, param("n") >= 1],
     "This space has no legal configuration: the forbidden combination (n >= 1) always holds; "
     "remove or narrow it."),
    ("nothing legal, two culprits",
     [AB, Int("n", 1, 4)], [param("n") == 2, param("x") == "a", param("x") == "b"],
     "This space has no legal configuration: the forbidden combinations (x == 'a'), (x == 'b') "
     "together rule out "
     "every one; remove or narrow one of them."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "forbid", "sentence"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_single_mistake_gives_one_clear_sentence(variables: Any, forbid: Any, sentence: str) -> None:
    assert mistakes(variables, forbid) == [sentence]


def test_all_mistakes_come_at_once() -> None:
    found = mistakes(
        [
            Int("a", 3, 1),
            Float("b", 0, 1, log=True),
            Categorical("c", ["x", "x"], when=param("nowhere") == 1),
            Categorical("d", ["x"], when=param("e") == "x"),
            Categorical("e", ["x"], when=param("d") == "x"),
            Int("f", 1, 2, when=param("g") == "x"),
            Categorical("g", ["x", "y"]),
            Categorical("g2", ["x", "y"]),
            Int("h", 1, 2, when=(param("g") == "x") & (param("g") == "y")),
            Int("i", "1", 2),  # type: ignore[arg-type]
        ],
        [(param("g2") == "x") | (param("g2") == "y"), param("g") == "z"],
    )
    wanted = [
        "a: its range is empty",
        "b: log=True needs low above 0",
        "c: choice 'x' is listed twice",
        "c: its condition mentions 'nowhere'",
        "form a cycle: d -> e -> d",
        "declare g before f",
        "h: it can never be active",
        "i: low must be a number",
        "compares g with 'z'",
        "no legal configuration",
    ]
    assert len(found) == len(wanted)
    for sentence in wanted:
        assert sum(sentence in mistake for mistake in found) == 1, sentence


def test_a_broken_parent_does_not_blame_its_children() -> None:
    broken = Int("n", 5, 1)
    child = Int("m", 1, 2, when=param("n") == 3)
    assert len(mistakes([broken, child], [param("m") == 7])) == 2  # the range, and 7


@pytest.mark.parametrize(
    "misread",
    [
        lambda: bool(param("a") == 1),
        lambda: (param("a") == 1) and (param("b") == 2),
        lambda: (param("a") == 1) or (param("b") == 2),
        lambda: not (param("a") == 1),  # noqa: SIM201
        lambda: 1 < param("a") < 3,
        lambda: param("a") in [1, 2],
        lambda: param("a") == 1 & param("b") == 2,
        lambda: (param("a") == 1) & param("b"),
        lambda: (param("a") == 1) | True,
        lambda: True | (param("a") == 1),
        lambda: param("a") == param("b"),
        lambda: ~param("a"),
        lambda: bool(param("a")),
        lambda: param("a").isin("abc"),
        lambda: param("a").isin(3),  # type: ignore[arg-type]
        lambda: param(3),  # type: ignore[arg-type]
    ],
)
def test_conditions_that_python_would_misread_are_refused(misread: Any) -> None:
    with pytest.raises(TypeError) as caught:
        misread()
    assert isinstance(caught.value, lehr.LehrError)


def test_conditions_nest_deeply_and_chain_without_limit() -> None:
    x = param("x")
    chain = x == 0
    for k in range(1, 3000):
        chain = chain | (x == k)
    assert lehr.Space([Int("x", 0, 3000)], [chain]).count() == 1
    deep = x == 0
    for k in range(1, 90):
        deep = ~(deep & (x != k)) if k % 2 else ~(deep | (x == k))
    space = lehr.Space([Int("x", 0, 100)], [deep])
    assert lehr.Space.from_json(space.to_json()) == space

    def nested(condition: lehr.Condition, times: int) -> lehr.Condition:
        for _ in range(times):
            condition = ~(condition & (x != 7))
        return condition

    assert repr(nested(x == 0, 99)).count("~") == 99
    with pytest.raises(lehr.LehrError, match="nested deeper than 200"):
        nested(x == 0, 101)


def test_conditions_are_data() -> None:
    condition = ~((param("a") == 1) & param("b").isin(["x", None]) | (param("c") > 0.5))
    assert repr(condition) == "~(((param('a') == 1) & (param('b').isin(['x', None]))) | (param('c') > 0.5))"
    assert eval(repr(condition), {"param": param}).equals(condition)
    assert repr(~condition) == repr(condition)[2:-1]
    assert not (param("a") == 1).equals(param("a") == 1.0)
    assert not (param("a") == 1).equals(param("a") == True)  # noqa: E712
    assert len({param("a") == 1, param("a") == 1, param("a") == 2}) == 2
    with pytest.raises(AttributeError):
        condition.operand = param("a") == 1  # type: ignore[attr-defined]
