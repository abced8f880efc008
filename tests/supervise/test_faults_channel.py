"""What a trial's process may write on its channel: whatever it is, the trial has crashed and the next one runs."""

from __future__ import annotations

import json
import math

import fault_bodies as faults
import pytest
import trial_bodies as bodies
from hypothesis import given, settings
from hypothesis import strategies as st

import lehr
from lehr.supervise._ending import Facts, end
from lehr.supervise._record import Malformed, read_begun, read_record

RAISED = {"phase": "run", "memory": False, "exit": False, "peak": 1}

MALFORMED = {
    "no value": (b"r", b'{"peak": 1}'),
    "no peak": (b"r", b'{"value": 1}'),
    "peak a text": (b"r", b'{"value": 1, "peak": "abc"}'),
    "peak true": (b"r", b'{"value": 1, "peak": true}'),
    "peak infinite": (b"r", b'{"value": 1, "peak": 1e999}'),
    "peak NaN": (b"r", b'{"value": 1, "peak": NaN}'),
    "peak negative": (b"r", b'{"value": 1, "peak": -1}'),
    "peak of 400 digits": (b"r", b'{"value": 1, "peak": 1' + b"0" * 400 + b"}"),
    "peak of 5000 digits": (b"r", b'{"value": 1, "peak": 1' + b"0" * 5000 + b"}"),
    "value of 4000 digits": (b"r", b'{"peak": 1, "value": 1' + b"0" * 4000 + b"}"),
    "lists too deep for a parser": (b"r", b'{"peak": 1, "value": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "lists too deep for us": (b"r", b'{"peak": 1, "value": ' + b"[" * 300 + b"]" * 300 + b"}"),
    "objects too deep": (b"r", b'{"peak": 1, "value": ' + b'{"a":' * 300 + b"1" + b"}" * 301),
    "15 MB of lists": (b"r", b"[]" * 7_500_000),
    "15 MB of open lists": (b"r", b"[" * 15_000_000),
    "no object": (b"r", b"[1]"),
    "no JSON": (b"r", b"\xff\xfe"),
    "nothing": (b"r", b""),
    "raised nothing": (b"x", b"{}"),
    "raised a text": (b"x", json.dumps({**RAISED, "exception": "E"}).encode()),
    "raised without a message": (b"x", json.dumps({**RAISED, "exception": {"type": "E"}}).encode()),
    "raised a number": (b"x", json.dumps({**RAISED, "exception": {"type": 1, "message": "m"}}).encode()),
    "raised in no phase": (
        b"x",
        json.dumps({**RAISED, "phase": "end", "exception": {"type": "E", "message": "m"}}).encode(),
    ),
    "stopped without a reason": (b"s", b'{"value": {}, "peak": 1}'),
    "stopped with a number": (b"s", b'{"value": 3, "peak": 1, "reason": "slow"}'),
    "refused without a reason": (b"f", b'{"peak": 1}'),
    "refused for a number": (b"f", b'{"peak": 1, "why": 3}'),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_whole_record_with_wrong_contents(supervisor, case):
    ending = supervisor.run(faults.send_record, *MALFORMED[case], timeout_s=60)
    assert (ending.outcome, ending.cause, ending.result) == ("crashed", "malformed", None)
    assert "malformed result" in ending.evidence["reason"]
    assert ending.evidence["signature"].startswith("malformed result")
    assert ending.entered
    assert len(ending.evidence["reason"]) < 400
    assert supervisor.run(bodies.double, 2).outcome == "ok"


def test_a_record_of_an_unknown_kind(supervisor):
    ending = supervisor.run(faults.send_record, b"q", b"{}", timeout_s=60)
    assert (ending.outcome, ending.cause) == ("crashed", "malformed")


@pytest.mark.parametrize(
    "body", [b"{}", b'{"modules": [1], "data_limit": 3}', b'{"modules": [], "data_limit": -1}']
)
def test_a_malformed_beginning(body):
    with pytest.raises(Malformed):
        read_begun(body)


def test_a_study_goes_on_after_malformed_results(tmp_path):
    kinds = [(kind.decode(), body.decode("latin-1")) for kind, body in MALFORMED.values() if len(body) < 9999]

    def evaluate(config):
        if config["x"] < len(kinds):
            kind, body = kinds[config["x"]]
            faults.send_record(kind.encode(), body.encode("latin-1"))
        return config["x"]

    import cloudpickle

    cloudpickle.register_pickle_by_value(faults)
    try:
        space = lehr.Space([lehr.Ordinal("x", list(range(len(kinds) + 2)))])
        study = lehr.run(
            evaluate,
            space,
            objective="y",
            method="grid",
            budget=len(kinds) + 2,
            storage=tmp_path / "s.journal",
        )
    finally:
        cloudpickle.unregister_pickle_by_value(faults)
    assert [trial.outcome for trial in study.trials] == ["crashed"] * len(kinds) + ["ok"] * 2
    assert {trial.evidence["cause"] for trial in study.trials[:-2]} == {"malformed"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
ENTRIES = st.dictionaries(
    st.sampled_from(["value", "peak", "reason", "why", "exception", "phase", "memory", "exit", "other"]),
    JSON
    | st.sampled_from(["run", "load"])
    | st.fixed_dictionaries({"type": JSON, "message": JSON}, optional={"frame": JSON}),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from("rsxfq"), ENTRIES.map(json.dumps).map(str.encode) | st.binary(max_size=60))
def test_any_bytes_are_a_record_or_malformed(kind, body):
    """Whatever is read as a record can be made an ending, and stored."""
    try:
        record = read_record(kind, body)
    except Malformed:
        return
    ending = end(Facts(record=record, begun=True, status=0))
    assert math.isfinite(record.peak)
    json.dumps(ending.evidence, allow_nan=False)
