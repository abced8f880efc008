from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lehr.cli import best_file
from lehr.cli.best_file import BestFile
from lehr.cli.exits import InputError
from lehr.cli.places import check_writable
from lehr.limits import Limit


def best() -> BestFile:
    return BestFile(
        config={"model": "resnet", "batch_size": 8, "fuse": True, "lr": 0.5, "extra": None},
        objective="throughput",
        metrics={"throughput_items_s": 1000.0, "latency_p95_ms": 8.5},
        limits=(Limit("latency_p95_ms", 20.0), Limit("accuracy", 0.9, side=">=")),
        model={"zoo": "resnet", "sha256": "ab" * 32},
        machine={"cpu": "a processor", "cores": 2},
        versions={"onnxruntime": "1.31.1"},
        seed=7,
        trial=12,
        study="zoo-1",
        created="2026-01-02T03:04:05+00:00",
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    best_file.write(path, best())
    assert best_file.read(path) == best()
    document = json.loads(path.read_text())
    assert (document["format"], document["version"]) == ("lehr.best", 1)
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    before = os.umask(0o027)
    try:
        best_file.write(path, best())
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "best.json"
    path.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(best_file.MachineError, match="No space left"):
        best_file.write(path, best())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def changed(**fields: Any) -> str:
    return json.dumps({**best().as_json(), **fields})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not written by lehr tune"),
        ('{"format": "other"}', "not written by lehr tune"),
        (changed(version=2), "upgrade lehr"),
        (changed(version="1"), "damaged: version"),
        (changed(version=True), "damaged: version"),
        (changed(config=[1]), "config is no object"),
        (changed(config={"a": {"b": 1}}), "config gives a a dict"),
        (changed(objective="beauty"), "objective is 'beauty'"),
        (changed(objective=["accuracy"]), "damaged"),
        (changed(metrics={"x": "1"}), "metric x is '1'"),
        (changed(metrics={"x": float("nan")}), "not a finite number"),
        (changed(limits=[{"metric": "x", "sign": "=", "value": 1}]), "a limit is not of the form"),
        (changed(limits=[{"metric": "x", "sign": "<=", "value": None}]), "a limit is not of the form"),
        (changed(limits=3), "damaged"),
        (changed(model={"path": "m.onnx"}), "sha256"),
        (changed(model={"sha256": "x"}), "neither a file nor"),
        (changed(data={"path": 3}), "data names no file"),
        (changed(seed="x"), "damaged"),
    ],
)
def test_a_bad_file_gets_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        best_file.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_not_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not JSON"):
        best_file.read(tmp_path / "binary")
    with pytest.raises(InputError, match="No such file"):
        best_file.read(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot read"):
        best_file.read(tmp_path)


def test_a_place_that_cannot_be_written_to_is_told_beforehand(tmp_path: Path) -> None:
    check_writable(tmp_path / "best.json")
    with pytest.raises(InputError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(InputError, match="create it first"):
        check_writable(tmp_path / "missing" / "best.json")
