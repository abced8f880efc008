"""Escape sequences in names and files of others: they are shown, and the terminal obeys none of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lehr.cli import main

from .conftest import Commands

EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eexe"
SHOWN = "\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202eexe"
CACHE = {
    "device_name": EVIL, "kernel_name": f"kernel {EVIL}", "problem_size": 1, "tune_params_keys": [f"size {EVIL}"],
    "tune_params": {f"size {EVIL}": [1, 2]}, "objective": "time",
    "cache": {"1": {f"size {EVIL}": 1, "time": 4.0}, "2": {f"size {EVIL}": 2, "time": "InvalidConfig"}},
}  # fmt: skip


def typed(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def is_clean(text: str) -> bool:
    return all(one == "\n" or one.isprintable() for one in text)


def test_in_the_names_of_a_model_and_in_a_command_that_is_repeated(
    lehr: Commands, linear_model: Path
) -> None:
    model = lehr.folder / f"net {EVIL}.onnx"
    shutil.copy(linear_model, model)
    done = lehr.run("tune", model, "--budget", 1, "--final", "1s", "--out", f"out {EVIL}")
    assert done.code == 0, done.err
    assert is_clean(done.out)
    assert is_clean(done.err)
    assert f"net {SHOWN}.onnx" in done.out
    assert f"Written to out {SHOWN}" in done.out
    assert (lehr.folder / f"out {EVIL}" / "best.json").exists()  # the file's own name stays what it is


def test_in_a_deployment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "best.json"
    document = {
        "format": "lehr.best", "version": 2, "config": {"model": EVIL, f"batch {EVIL}": 1}, "objective": "latency",
        "metrics": {"latency_p95_ms": 1.0}, "limits": [], "model": {"path": f"/nowhere/{EVIL}", "sha256": "ab" * 32},
        "artefact": None,
    }  # fmt: skip
    path.write_text(json.dumps(document))
    assert typed("verify", path) == 2
    out, err = capsys.readouterr()
    assert is_clean(out)
    assert is_clean(err)
    assert f"Measuring {SHOWN} batch {SHOWN}=1" in out
    assert f"the model /nowhere/{SHOWN} is not there" in err


def test_in_a_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cache.json"
    path.write_text(json.dumps(CACHE))
    command = ("bench", "--replay", path, "--method", "random", "--budget", 2, "--seeds", 2)
    assert typed(*command) == 0
    out, err = capsys.readouterr()
    assert is_clean(out)
    assert is_clean(err)
    assert f"kernel {SHOWN}" in out
    path.write_text(json.dumps({**CACHE, "objective": EVIL}))
    assert typed(*command) == 2
    assert SHOWN in capsys.readouterr().err


def test_on_a_page_of_results(tmp_path: Path) -> None:
    path = tmp_path / "cache.json"
    path.write_text(json.dumps(CACHE))
    results = tmp_path / "results"
    replay = ("bench", "--replay", path, "--method", "random", "--budget", 2, "--seeds", 2, "--out", results)
    assert typed(*replay) == 0
    assert typed("bench", "report", results, "--title", f"Page {EVIL}") == 0
    page = (results / "report.html").read_text()
    assert is_clean(page.replace("\n", ""))
    assert f"<h1>Page {SHOWN}</h1>" in page
