"""best.json: written whole, read back as it was, and a stranger's file checked in every field."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lehr.deploy import best as best_file
from lehr.deploy.best import Artefact, Best, Figures
from lehr.deploy.objective import parse_objective
from lehr.errors import DeploymentError, StorageError
from lehr.limits import Limit, judge

DIGEST = "ab" * 32


def best() -> Best:
    metrics = {"throughput_items_s": 1000.0, "latency_p95_ms": 8.5, "accuracy": 0.95}
    limits = (Limit("latency_p95_ms", 20.0), Limit("accuracy", 0.9, side=">="))
    return Best(
        figures=Figures(
            {"model": "resnet", "batch_size": 8, "fuse": True, "lr": 0.5, "extra": None},
            "ok",
            metrics,
            {"throughput_items_s": 12.5},
        ),
        objective=parse_objective("throughput"),
        limits=judge(limits, metrics).judgements,
        model={"zoo": "resnet", "sha256": DIGEST},
        baseline=Figures({"model": "resnet", "batch_size": 1}, "ok", {"throughput_items_s": 500.0}),
        options={"intra_op_num_threads": 2, "config_entries": {"session.intra_op.allow_spinning": "0"}},
        artefact=Artefact("model.onnx", DIGEST, ("weights.bin",)),
        machine={"cpu": "a processor", "cores": 2},
        versions={"onnxruntime": "1.31.1"},
        measured="2026-01-02T03:04:05+00:00",
        disturbed={"trials": 7, "of": 25, "by": "other processes used 60% of the CPUs"},
        notes=("its batch size is fixed at 1",),
        seed=7,
        trial=12,
        study="zoo-1",
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    best_file.write(path, best())
    assert best_file.read(path) == best()
    document = json.loads(path.read_text())
    assert (document["format"], document["version"]) == ("lehr.best", 2)
    assert [one["answer"] for one in document["limits"]] == ["met", "met"]
    assert document["limits"][0]["unit"] == "ms"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_lehr_0_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "best.json"
    path.write_text(
        json.dumps(
            {
                "format": "lehr.best", "version": 1, "config": {"quantization": "fp32", "batch_size": 1},
                "objective": "throughput", "metrics": {"throughput_items_s": 5.0},
                "limits": [{"metric": "accuracy", "sign": ">=", "value": 0.99}], "baseline": None,
                "model": {"path": "m.onnx", "sha256": DIGEST}, "data": None, "machine": {"cpu": "x"},
                "versions": {"lehr": "0.1.0"}, "seed": 0, "trial": 3, "study": "m", "created": "2026-01-01",
            }
        )
    )  # fmt: skip
    old = best_file.read(path)
    assert old.config == {"quantization": "as_is", "batch_size": 1}
    assert [one.limit for one in old.limits] == [Limit("accuracy", 0.99, ">=")]
    assert old.objective == parse_objective("throughput")
    assert old.artefact is None
    assert old.measured == "2026-01-01"


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
    with pytest.raises(StorageError, match="No space left"):
        best_file.write(path, best())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def changed(**fields: Any) -> str:
    return json.dumps({**best().as_json(), **fields})


LIMIT = {"metric": "x", "side": "<=", "bound": 1.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not written by lehr tune"),
        ('{"format": "other"}', "not written by lehr tune"),
        (changed(version=3), "upgrade lehr"),
        (changed(version="1"), "damaged: version"),
        (changed(version=True), "damaged: version"),
        (changed(config=[1]), "config is no object"),
        (changed(config={"a": {"b": 1}}), "config gives a a dict"),
        (changed(objective="beauty"), "objective is 'beauty'"),
        (changed(objective=["accuracy"]), "objective is ['accuracy']"),
        (changed(objective={"metric": 3}), "objective is"),
        (changed(metrics={"x": "1"}), "metric x of metrics is '1'"),
        (changed(metrics={"x": float("nan")}), "damaged: NaN is not JSON"),
        (changed(config={"a": float("inf")}), "damaged: Infinity is not JSON"),
        (changed(machine={"cores": 7}).replace('"cores": 7', '"cores": 1e999'), "beyond what a float holds"),
        (changed(metrics={"x": 10**400}), "too large"),
        (changed(sem=[]), "sem is no object"),
        (changed(limits=[{"metric": "x", "side": "=", "bound": 1}]), "a limit is not of the form"),
        (changed(limits=[{"metric": "x", "side": "<=", "bound": None}]), "a limit is not of the form"),
        (changed(limits=[{**LIMIT, "answer": "perhaps"}]), "a limit is 'perhaps'"),
        (changed(limits=[{**LIMIT, "answer": "met", "value": "2"}]), "the value of x is '2'"),
        (changed(limits=3), "limits is no list"),
        (changed(model={"path": "m.onnx"}), "sha256"),
        (changed(model={"sha256": DIGEST}), "neither a file nor"),
        (changed(model={"path": "m.onnx", "sha256": "short"}), "sha256"),
        (
            changed(model={"path": "m", "sha256": DIGEST, "shapes": {"x": ["1"]}}),
            "not lists of whole numbers",
        ),
        (changed(data={"path": 3}), "data names no file"),
        (changed(seed="x"), "damaged"),
        (changed(artefact={"file": "../model.onnx", "sha256": DIGEST}), "not beside best.json"),
        (changed(artefact={"file": "/etc/passwd", "sha256": DIGEST}), "not beside best.json"),
        (changed(artefact={"file": "m", "weights": [".."], "sha256": DIGEST}), "not beside best.json"),
        (changed(artefact={"file": "m", "sha256": 7}), "artefact has no sha256"),
        (changed(artefact=[]), "artefact is no object"),
        (changed(seed=1).replace('"seed": 1', '"seed": 1e999'), "damaged"),
    ],
)
def test_a_bad_file_gets_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "best.json"
    path.write_text(text)
    with pytest.raises(DeploymentError) as caught:
        best_file.read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_not_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DeploymentError, match="not JSON"):
        best_file.read(tmp_path / "binary")
    with pytest.raises(DeploymentError, match="No such file"):
        best_file.read(tmp_path / "nowhere")
    with pytest.raises(DeploymentError, match="cannot read"):
        best_file.read(tmp_path)
