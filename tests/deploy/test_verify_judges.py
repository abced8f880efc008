"""A deployment that the user's own metric judged, on what a function yields, is verified by the same, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import linear

import lehr
from lehr.errors import DeploymentError

pytest.importorskip("onnxruntime")

MODULE = """
import numpy as np

def batches():
    rng = np.random.default_rng(3)
    for _ in range(4):
        x = rng.standard_normal((10, 8)).astype(np.float32)
        yield {"x": x, "labels": (x.sum(axis=1) > 0).astype(np.int64)}

def others():
    for batch in batches():
        yield {**batch, "x": batch["x"] + 1}

def mark(outputs, labels):
    return float(np.mean(np.asarray(outputs).argmax(axis=1) == labels)) / 2 + 0.25

def other(outputs, labels):
    return 0.5
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    name = f"judge_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    return tmp_path


@pytest.fixture
def module(folder: Path) -> str:
    return next(folder.glob("judge_*.py")).stem


@pytest.fixture
def deployed(folder: Path, module: str) -> Path:
    found = lehr.tune(
        linear(folder / "two.onnx"), data=f"{module}:batches", metric=f"{module}:mark",
        limits=["latency_p95_ms <= 60s", "accuracy >= 0.2"], budget=2, storage=None, progress=False, final_s=0,
    )  # fmt: skip
    return found.save(folder / "deployed")


def test_best_json_names_the_judge_and_the_samples(deployed: Path, module: str) -> None:
    document = json.loads((deployed / "best.json").read_text())
    assert document["metric"]["name"] == f"{module}:mark"
    assert document["data"]["path"] == f"{module}:batches"


def test_the_same_judge_and_samples_verify_it(deployed: Path, module: str) -> None:
    report = lehr.verify(
        deployed, data=f"{module}:batches", metric=f"{module}:mark", repeats=1, tolerance=1e3
    )
    assert report.passed, report.as_json()
    assert report.metrics["accuracy"] == report.best.figures.metrics["accuracy"]
    assert 0.25 <= report.metrics["accuracy"] <= 0.75


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"judged by the metric \w+:mark; give it with --metric"),
        ({"metric": "{}:other"}, "judged by the metric .*:mark, and the one given is .*:other"),
        ({"metric": "{}:mark"}, "the data .*:batches is not there; give it"),
        ({"metric": "{}:mark", "data": "{}:others"}, "are not those that .* was made with"),
    ],
)
def test_others_do_not(deployed: Path, module: str, given: dict[str, str], said: str) -> None:
    arguments: dict[str, Any] = {name: text.format(module) for name, text in given.items()}
    with pytest.raises(DeploymentError, match=said):
        lehr.verify(deployed, repeats=1, **arguments)


def test_a_metric_where_none_judged_is_refused(folder: Path, module: str) -> None:
    x = np.random.default_rng(1).standard_normal((20, 8)).astype(np.float32)
    found = lehr.tune(
        linear(folder / "two.onnx"), data={"x": x}, budget=1, storage=None, progress=False, final_s=0,
        limits=["latency_p95_ms <= 60s"],
    )  # fmt: skip
    place = found.save(folder / "deployed")
    with pytest.raises(DeploymentError, match="without a metric of its own"):
        lehr.verify(place, data={"x": x}, metric=f"{module}:mark", repeats=1)
    assert lehr.verify(place, data={"x": x}, repeats=1, tolerance=1e3).passed
    with pytest.raises(DeploymentError, match="are not those"):
        lehr.verify(place, data={"x": x + 1}, repeats=1)
