"""Journals that are valid JSON and wrong in kind: a StorageError that names the trial, and nothing else."""

from __future__ import annotations

import contextlib
import json
import math

import evaluations
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lehr

OPTIONS = {"objective": "score", "constraints": ["latency_ms <= 30", "memory_mb <= 300"], "seed": 3}
TRIALS = 4


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """The records of a study of four trials."""
    from sessions import SPACE
    from stand_in import InProcess

    journal = tmp_path_factory.mktemp("study") / "study.journal"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lehr.study.executor.Supervisor", InProcess)
        lehr.run(evaluations.modelled, SPACE, storage=journal, budget=TRIALS, **OPTIONS)
    return [json.loads(line) for line in journal.read_text().splitlines()]


def write(lines, journal):
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return journal


def changed(lines, trial, key, value):
    """The records with another value of one of a trial's attributes, wherever it is written."""
    lines = json.loads(json.dumps(lines))
    found = 0
    created = [line for line in lines if line["op_code"] == 4]
    for line in lines:
        if line is created[trial] and key in line["user_attrs"]:
            line["user_attrs"][key] = value
            found += 1
        if line.get("trial_id") == trial and key in line.get("user_attr", {}):
            line["user_attr"][key] = value
            found += 1
        if line.get("trial_id") == trial and key in line:
            line[key] = value
            found += 1
    assert found
    return lines


def nested(levels):
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


WRONG = [
    ("facts", ["a", "list"]),
    ("facts", None),
    ("facts", {"x": math.nan}),
    ("evidence", 3),
    ("evidence", {"cost_seconds": "long"}),
    ("evidence", {"cost_seconds": 10**400}),
    ("evidence", {"x": nested(900)}),
    ("metrics", "none"),
    ("metrics", {"score": "fast"}),
    ("metrics", {"score": 1.0}),
    ("metrics", {"score": 1.0, "latency_ms": math.nan, "memory_mb": 1.0}),
    ("metrics", {"score": 1.0, "latency_ms": 10**400, "memory_mb": 1.0}),
    ("seconds", "soon"),
    ("seconds", -1.0),
    ("seconds", math.inf),
    ("outcome", "fine"),
    ("outcome", ["ok"]),
    ("config", [1]),
    ("config", {"backend": 10**400}),
    ("config", {"backend": {"a": 1}}),
    ("config", {}),
    ("origin", 3),
    ("origin", "nowhere"),
    ("values", [math.nan]),
    ("values", [1.0, 2.0]),
    ("values", []),
    ("values", None),
    ("values", ["a"]),
    ("state", 3),
]


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda part: repr(part)[:30])
def test_a_trial_of_the_wrong_kind_is_named(space, lines, tmp_path, key, value):
    journal = write(changed(lines, 2, key, value), tmp_path / "study.journal")
    for act in (
        lambda: lehr.load_study(journal),
        lambda: lehr.run(evaluations.modelled, space, storage=journal, budget=6, **OPTIONS),
    ):
        with pytest.raises(lehr.StorageError) as caught:
            act()
        assert "study.journal" in str(caught.value)
        assert "trial 2" in str(caught.value) or key in ("values", "state")  # which Optuna itself reads
        assert len(str(caught.value)) < 700


@pytest.mark.usefixtures("in_process")
def test_two_directions(space, lines, tmp_path):
    lines = json.loads(json.dumps(lines))
    (study,) = [line for line in lines if line["op_code"] == 0]
    study["directions"] = [2, 2]
    journal = write(lines, tmp_path / "study.journal")
    with pytest.raises(lehr.StorageError):
        lehr.load_study(journal)
    with pytest.raises(lehr.StorageError):
        lehr.run(evaluations.modelled, space, storage=journal, budget=6, **OPTIONS)


def places(value, path=()):
    """Every place inside a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from places(entry, (*path, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from places(entry, (*path, index))


def put(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


STRANGE = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        3,
        2**70,
        10**400,
        1e308,
        math.nan,
        math.inf,
        "",
        "x",
        "\ud800",
        [],
        [1],
        {},
        {"a": 1},
    ]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
@pytest.mark.usefixtures("in_process")
def test_any_value_in_any_place(space, lines, tmp_path, data):
    """Opened and gone on with, or refused with a StorageError: never anything else."""
    at = data.draw(st.integers(0, len(lines) - 1))
    place = data.draw(st.sampled_from(list(places(lines[at]))))
    mutated = [*lines[:at], put(lines[at], place, data.draw(STRANGE)), *lines[at + 1 :]]
    journal = tmp_path / "study.journal"
    for file in tmp_path.iterdir():
        file.unlink()
    write(mutated, journal)
    with contextlib.suppress(lehr.StorageError):
        lehr.load_study(journal).explain()
        lehr.load_study(journal).to_dataframe()
    with contextlib.suppress(lehr.StorageError):
        lehr.run(evaluations.modelled, space, storage=journal, budget=TRIALS + 2, **OPTIONS)
        lehr.load_study(journal).explain()
