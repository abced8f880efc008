"""What would go wrong later is said first, in one sentence; and long last words in a narrow terminal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lehr.cli import main
from lehr.deploy.objective import parse_objective
from lehr.limits import Limit, judge
from lehr.report import summary

from .conftest import Commands
from .test_tune import terminal


def typed(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def bad_data(name: str, folder: Path) -> Path:
    path = folder / name
    if name == "rows.csv":
        path.write_text("a,b\n1,2\n")
    elif name == "folder":
        path.mkdir()
    elif name == "empty.npz":
        np.savez(path, x=np.zeros((0, 4), np.float32))
    elif name == "wide.npz":
        np.savez(path, x=np.zeros((5, 7), np.float32))
    elif name == "labels.npz":
        np.savez(path, x=np.zeros((5, 4), np.float32), labels=np.zeros(3, np.int64))
    elif name == "objects.npz":
        np.savez(path, x=np.array([{}, {}], dtype=object))
    elif name == "short.npz":
        path.write_bytes(b"PK\x03\x04 cut off")
    return path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rows.csv", "is a text file, and lehr reads NumPy's .npz and .npy"),
        ("folder", "is a folder; give one .npz or .npy file"),
        ("empty.npz", "holds no samples"),
        ("wide.npz", "[5, 7]"),
        ("labels.npz", "one row for each of the 5 samples"),
        ("objects.npz", "holds Python objects"),
        ("short.npz", "is damaged or no NumPy file"),
        ("missing.npz", "there is no file"),
    ],
)
def test_data_that_cannot_be_used(
    name: str, said: str, linear_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert typed("tune", linear_model, "--data", bad_data(name, tmp_path), "--budget", 1) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("option", ["--out", "--storage"])
def test_a_folder_that_cannot_be_written_to_is_found_before_anything_is_said(
    option: str, linear_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "closed").mkdir()
    allowed = os.access

    def access(path: Any, mode: int, **options: Any) -> bool:  # root may write anywhere
        return allowed(path, mode, **options) and not (Path(path).name == "closed" and mode & os.W_OK)

    monkeypatch.setattr(os, "access", access)
    monkeypatch.chdir(tmp_path)
    assert typed("tune", linear_model, "--budget", 1, option, tmp_path / "closed" / "there") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "cannot be written to; choose another" in err
    assert len(err.splitlines()) == 1


def test_last_words_break_between_words_in_a_terminal_and_not_in_a_pipe(
    lehr: Commands, linear_model: Path
) -> None:
    shutil.copy(linear_model, lehr.folder / "model.onnx")
    command = ["tune", "model.onnx", "--budget", "1", "--final", "1s"]
    screen = terminal(lehr, command, 60)
    last = screen.replace("\r", "").rpartition("Best of the search")[2].splitlines()
    assert max(map(len, last)) <= 60
    piped = lehr.run(*command)
    assert piped.code == 0, piped.err
    whole = piped.out.splitlines()
    assert any(len(line) > 60 for line in whole)
    words = " ".join(line.strip() for line in last)
    assert whole[-1] in words  # each of its words whole


def test_accuracies_of_few_items_carry_their_interval() -> None:
    metrics = {"accuracy": 0.96, "accuracy_samples": 128.0, "latency_p95_ms": 5.0}
    many = {**metrics, "accuracy_samples": 5000.0}
    limits = judge([Limit("accuracy", 0.9, ">=")], metrics).judgements
    baseline = {"model": "m"}
    trials = [
        SimpleNamespace(number=0, config=baseline, facts={"accuracy_interval": [0.5, 0.6]}),
        SimpleNamespace(number=3, config={}, facts={"accuracy_interval": [0.9312, 0.9803]}),
    ]
    tuned: Any = SimpleNamespace(
        study=SimpleNamespace(trials=trials), trial=3, workload=SimpleNamespace(baseline=baseline),
        objective=parse_objective("latency"),
    )  # fmt: skip
    shown = summary.comparison(
        ["accuracy"], {"best": metrics, "default": many}, limits, {}, intervals=summary._intervals(tuned)
    )
    assert "0.960 (0.93 to 0.98, 128 items)" in shown[1]
    assert "0.960 (0.50" not in shown[1]  # of 5,000 items it would say nothing
