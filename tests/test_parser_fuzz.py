"""Texts of others, with any value in any place: read, or refused with an error of ours."""

from __future__ import annotations

import contextlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lehr
from lehr._numbers import is_finite_number
from lehr.bench import Problem
from lehr.deploy import best as best_file
from lehr.deploy.best import Artefact, Best, Figures
from lehr.deploy.objective import parse_objective
from lehr.deploy.ship import session_options
from lehr.limits import Limit, judge, parse_limits
from recorded_files import CACHE, T4, write

NUMBERS = [-1, 0, 3, 2**64, 10**400, 1e308, 0.5, math.nan, math.inf]
TEXTS = ["", "x", "ok", "\ud800", "\0"]
NESTED = [[], [1], ["a", "b"], {}, {"a": 1}, [[[]]], ["not", ["==", "a", 1]]]
STRANGE = st.sampled_from([None, True, False, *NUMBERS, *TEXTS, *NESTED])


def places(value, path=()):
    yield path
    for key, entry in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from places(entry, (*path, key))


def put(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


def mutated(document):
    """The document with one or two values replaced."""

    @st.composite
    def draw(pick):
        changed = document
        for _ in range(pick(st.integers(1, 2))):
            changed = put(changed, pick(st.sampled_from(list(places(changed)))), pick(STRANGE))
        return changed

    return draw()


SPACE = lehr.Space(
    [
        lehr.Categorical("a", ["p", "q", "r"]),
        lehr.Int("b", 1, 64, log=True, when=lehr.param("a").isin(["p", "q"])),
        lehr.Ordinal("c", [1, 2.5, 8]),
        lehr.Float("d", 1e-4, 1.0, log=True),
    ],
    forbid=[(lehr.param("a") == "p") & (lehr.param("c") > 2.5)],
)


def searched():
    optimizer = lehr.Optimizer(SPACE, constraints={"latency_ms": 20.0}, budget=10, method="guided", seed=1)
    for number in range(6):
        trial = optimizer.ask()
        if number % 3 == 2:
            optimizer.tell(trial, outcome="crashed")
            optimizer.rule_out(trial, ["a", "b"])
        else:
            optimizer.tell(trial, objective=float(number), metrics={"latency_ms": 15.0 + number})
    optimizer.enqueue(SPACE.sample(seed=3))
    return json.loads(optimizer.to_json())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(mutated(json.loads(SPACE.to_json())))
def test_any_space(document):
    with contextlib.suppress(lehr.LehrError):
        space = lehr.Space.from_json(json.dumps(document))
        assert lehr.Space.from_json(space.to_json()).sample(seed=1) in space


@settings(max_examples=150, deadline=None, derandomize=True)
@given(mutated(searched()))
def test_any_saved_search(document):
    """What is accepted can be saved again, and goes on."""
    with contextlib.suppress(lehr.LehrError):
        optimizer = lehr.Optimizer.from_json(json.dumps(document))
        lehr.Optimizer.from_json(optimizer.to_json()).ask()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(mutated(searched()))
def test_any_saved_state(document):
    """The same given as a dict, where nothing has looked for NaN."""
    with contextlib.suppress(lehr.LehrError):
        lehr.Optimizer.from_state(document).to_json()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sampled_from([CACHE, T4]).flatmap(mutated), st.sampled_from([None, 40, -1, -3]))
def test_any_recording(tmp_path_factory, document, cut):
    path = write(tmp_path_factory.mktemp("r") / "file.json", json.dumps(document, indent=1)[:cut])
    with contextlib.suppress(lehr.LehrError):
        Problem.replay(path, direction="minimize").describe()


def deployed(path):
    metrics = {"throughput_items_s": 900.0, "latency_p95_ms": 8.5, "accuracy": 0.95}
    limits = judge([Limit("latency_p95_ms", 20.0), Limit("accuracy", 0.9, ">=")], metrics).judgements
    config = {"quantization": "as_is", "batch_size": 8, "num_threads": 2}
    best = Best(
        figures=Figures(config, "ok", metrics, {"throughput_items_s": 12.5}),
        objective=parse_objective("throughput"),
        limits=limits,
        model={"path": "m.onnx", "sha256": "ab" * 32, "shapes": {"x": [1, 8]}, "batch_axis_given": {"x": 0}},
        baseline=Figures({"quantization": "as_is"}, "ok", metrics),
        options={"intra_op_num_threads": 2},
        artefact=Artefact("model.onnx", "ab" * 32, ("weights.bin",)),
        machine={"cpu": "a processor", "cores": 2},
        versions={"onnxruntime": "1.31.1"},
        disturbed={"trials": 7, "of": 25, "by": "others"},
        notes=("a note",),
    )
    best_file.write(path, best)
    return json.loads(path.read_text())


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_any_best_file(tmp_path_factory, data):
    """What is read can be written and read again, and its session is one of ours or an error of ours."""
    path = tmp_path_factory.mktemp("d") / "best.json"
    path.write_text(json.dumps(data.draw(mutated(deployed(path)))))
    with contextlib.suppress(lehr.LehrError):
        best = best_file.read(path)
        best_file.write(path, best)
        assert best_file.read(path) == best
        session_options(path, best)


WORDS = [
    "p95",
    "accuracy",
    "latency_p95_ms",
    "memory",
    "<=",
    ">=",
    "=",
    "20",
    "1e999",
    "-3",
    "nan",
    "20ms",
    "5%",
    "9" * 400,
]
WORDS += ["512MB", "ms", "0x1f", "1_000", "\0", "\ud800", "٣", " ", ""]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=5).map(" ".join) | st.text(max_size=20)
)
def test_any_limit(text):
    """What is taken for a limit is written as one that reads the same."""
    with contextlib.suppress(lehr.OptionError):
        (limit,) = parse_limits(text)
        assert math.isfinite(limit.bound)
        assert parse_limits(limit.text) == (limit,)
        assert Limit.from_json(json.loads(json.dumps(limit.as_json()))) == limit


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.one_of(
        STRANGE, st.lists(STRANGE, max_size=3), st.dictionaries(st.sampled_from(TEXTS), STRANGE, max_size=2)
    )
)
def test_limits_of_any_kind(given_):
    with contextlib.suppress(lehr.OptionError):
        parse_limits(given_)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(mutated(Limit("accuracy", 0.9, ">=").as_json()))
def test_any_saved_limit(document):
    with contextlib.suppress(lehr.LehrError, ValueError):  # which readers of files turn into errors of theirs
        assert math.isfinite(Limit.from_json(document).bound)


@pytest.mark.parametrize("number", [10**400, math.inf, math.nan, True, "1"])
def test_what_is_no_finite_number_in_a_saved_search(number):
    document = searched()
    told = next(event for event in document["events"] if event[0] == "tell")
    told[3] = number
    with pytest.raises(lehr.LehrError, match="damaged"):
        lehr.Optimizer.from_state(document)


def test_an_integer_beyond_any_float_is_no_finite_number():
    assert not is_finite_number(10**400)
    assert not is_finite_number(float("nan"))
    assert not is_finite_number(True)
    assert is_finite_number(10**300)
    with pytest.raises(lehr.LehrError, match="must be finite"):
        lehr.Optimizer(SPACE, constraints={"latency_ms": 10**400})
