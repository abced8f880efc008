"""Recordings that cannot be read get one sentence."""

from __future__ import annotations

import gzip

import pytest

from lehr.bench import Problem
from lehr.errors import LehrError
from recorded_files import CACHE, LOG, T1, T4, changed, log, trial, write


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("not json", "not a recorded problem: line 1"),
        ("[1, 2]", "is not a recorded problem"),
        ("3", "is not a recorded problem"),
        ({"hello": 1}, "neither a trial log of lehr"),
        ("[" * 100_000, "is not a recorded problem"),
        (T1, r"describes a space \(T1\) and holds no measurements"),
        (changed(CACHE, "tune_params_keys", value="abc"), "tune_params_keys must list names"),
        (changed(CACHE, "cache", value=[]), "cache must be an object"),
        (changed(CACHE, "cache", value={}), "records no configuration"),
        (changed(CACHE, "cache", "32,row", value=3), "entry '32,row' is not an object"),
        (changed(CACHE, "cache", "32,row", value={"layout": "row"}), "entry '32,row' lacks block_size_x"),
        (changed(CACHE, "cache", "32,row", "time", value="fast"), "no number for the objective time"),
        (changed(CACHE, "cache", "32,row", "compile_time", value="x"), "compile_time is 'x'"),
        (changed(CACHE, "cache", "32,row", "compile_time", value=-1), "compile_time is -1"),
        (changed(CACHE, "cache", "32,row", "layout", value=[1]), "a value of layout is a list"),
        (changed(T4, "results", 0, "configuration", value=3), "result 1 has no configuration"),
        (changed(T4, "results", 0, "invalidity", value="odd"), "result 1 has the invalidity 'odd'"),
        (changed(T4, "results", 0, "invalidity", value=[]), "result 1 has the invalidity"),
        (changed(T4, "results", 0, "measurements", value={}), "result 1: measurements must be a list"),
        (changed(T4, "results", 0, "measurements", value=[{}]), "a measurement has no name"),
        (changed(T4, "results", 0, "times", value=[]), "times must be an object"),
        (changed(T4, "results", value=[]), "records no configuration"),
        (T4 | {"metadata": {"timeunit": "days"}}, "time unit 'days'"),
        (log(LOG[0], 3), "line 2: it is not an object"),
        (log({k: v for k, v in LOG[0].items() if k != "seconds"}), "line 1: it lacks seconds"),
        (log(LOG[0] | {"outcome": "melted"}), "unknown outcome 'melted'"),
        (log(LOG[0] | {"seconds": "long"}), "seconds are 'long'"),
        (log(LOG[0] | {"objective": None}), "trial 0 ran, but has no objective"),
        (log(LOG[0] | {"config": {"a": {}}}), "a value of a is a dict"),
        (log(LOG[0] | {"config": []}), "config and metrics must be objects"),
        (log(LOG[0]) + log(LOG[1])[:40], "line 2"),
        (log(trial(0, {"a": 1}, 1.0), trial(1, {"a": 1, "b": 2}, 2.0)), "with and without b"),
        (
            '{"config": {"a": NaN}, "outcome": "ok", "feasible": true, "objective": 1, "seconds": 1}',
            "not finite",
        ),
    ],
)
def test_a_damaged_recording_gets_one_sentence(tmp_path, document, message):
    path = write(tmp_path / "bad.json", document)
    with pytest.raises(LehrError, match=message) as caught:
        Problem.replay(path)
    assert "\n" not in str(caught.value)
    assert "bad.json" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(LehrError, match=r"cannot read .*missing\.json: No such file"):
        Problem.replay(tmp_path / "missing.json")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    with pytest.raises(LehrError, match="is not a recorded problem"):
        Problem.replay(cut)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LehrError, match="is not a recorded problem"):
        Problem.replay(binary)
    with pytest.raises(LehrError, match="direction is 'up'"):
        Problem.replay(write(tmp_path / "c.json", CACHE), direction="up")


def test_a_packaged_file_replays_as_itself(tmp_path):
    from importlib import resources

    data = resources.files("lehr.bench").joinpath("data", "digits_edge.jsonl.gz")
    path = tmp_path / "copy.jsonl.gz"
    path.write_bytes(data.read_bytes())
    assert Problem.replay(path).optimum() == Problem.load("digits_edge").optimum()
    with pytest.raises(LehrError, match="names its own objective"):
        Problem.replay(path, objective="accuracy")
