"""What an evaluation may return."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest

from lehr.study import Limit
from lehr.study.results import json_safe, read_partial, read_result

LIMITS = (Limit("latency_ms", 20.0), Limit("accuracy", 0.9, side=">="))


def test_keeps_every_finite_number_and_the_facts():
    result = {
        "accuracy": np.float32(0.5),
        "latency_ms": 3,
        "rows": np.int64(7),
        "share": Fraction(1, 4),
        "facts": {"provider": "cpu", "opset": 17, "sizes": (1, 2)},
    }
    reading = read_result(result, "accuracy", LIMITS)
    assert not reading.problem
    assert reading.metrics == {"accuracy": 0.5, "latency_ms": 3.0, "rows": 7.0, "share": 0.25}
    assert all(type(value) is float for value in reading.metrics.values())
    assert reading.facts == {"provider": "cpu", "opset": 17, "sizes": [1, 2]}


def test_a_bare_number_is_the_objective():
    assert read_result(2, "score", ()).metrics == {"score": 2.0}
    assert "no 'latency_ms'" in read_result(2, "accuracy", LIMITS).problem


@pytest.mark.parametrize(
    ("result", "metric", "words"),
    [
        (None, "score", "returned None, not a dict of metrics with 'score', 'latency_ms'"),
        ("0.9", "score", "returned '0.9', not a dict"),
        ([0.9], "score", "not a dict"),
        (True, "score", "returned True, not a dict"),
        ({}, "score", "no 'score' (it returned nothing)"),
        ({"score": 1.0}, "latency_ms", "no 'latency_ms' (it returned 'score')"),
        ({"score": math.nan, "latency_ms": 1.0}, "score", "nan for 'score', not a finite number"),
        ({"score": 1.0, "latency_ms": math.inf}, "latency_ms", "inf for 'latency_ms'"),
        ({"score": 1.0, "latency_ms": "fast"}, "latency_ms", "'fast' for 'latency_ms'"),
        ({"score": True, "latency_ms": 1.0}, "score", "True for 'score'"),
        ({"score": 1.0, "latency_ms": None}, "latency_ms", "None for 'latency_ms'"),
        ({"score": 1 + 2j, "latency_ms": 1.0}, "score", "(1+2j) for 'score'"),
        ({"score": 10**400, "latency_ms": 1.0}, "score", "for 'score', not a finite number"),
    ],
)
def test_names_the_metric_that_cannot_be_used(result, metric, words):
    reading = read_result(result, "score", (Limit("latency_ms", 20.0),))
    assert reading.metric == metric
    assert words in reading.problem


def test_leaves_out_other_entries_that_are_no_numbers_and_says_so():
    reading = read_result({"score": 1.0, "label": "cat", "spread": math.nan, 3: 4.0}, "score", ())
    assert not reading.problem
    assert reading.metrics == {"score": 1.0}
    assert len(reading.ignored) == 3


def test_a_partial_result_is_what_there_is():
    assert read_partial(None).metrics == {}
    assert read_partial({"latency_ms": 99, "score": math.nan}).metrics == {"latency_ms": 99.0}


def test_json_safe_holds_anything():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    value = {"a": math.inf, 3: {np.int32(4)}, "text": "\ud800", "object": Broken(), "deep": [(1, b"x")]}
    text = json.dumps(json_safe(value), allow_nan=False)
    text.encode()
    assert json.loads(text)["a"] == "inf"
