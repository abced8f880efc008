"""lehr bench: what people type."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import lehr as package
from lehr.bench import Cell, Store
from lehr.cli import main

SOURCE = Path(package.__file__).resolve().parents[1]

# A shell starts background jobs with SIGINT ignored, and children inherit that; a handler of ours is gone after exec.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def lehr(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


def run_tiny(folder: Path, *more: str) -> int:
    return lehr(
        "bench", "run", "--problem", "crashy_branin", "--method", "tba-tpe", "optuna-random",
        "--budget", "4:6:2", "--seeds", "3", "--processes", "1", "--out", str(folder), *more,
    )  # fmt: skip


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1  # one JSON object and nothing else
    found: dict[str, Any] = json.loads(out)
    return found


def test_run_then_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "results"
    assert run_tiny(folder, "--json") == 0
    found = document(capsys)
    assert found["status"] == "ok"
    cells = {(cell["method"], cell["budget"], cell["studies"]) for cell in found["cells"]}
    assert cells == {("tba-tpe", 4, 3), ("tba-tpe", 6, 3), ("optuna-random", 4, 3), ("optuna-random", 6, 3)}
    assert run_tiny(folder) == 0
    table = capsys.readouterr().out
    assert "optuna-random" in table
    assert "wasted" in table
    assert lehr("bench", "report", str(folder), "--title", "Tiny") == 0
    assert capsys.readouterr().out == f"Wrote {folder / 'report.html'}\n"
    assert "<title>Tiny</title>" in (folder / "report.html").read_text()
    other = tmp_path / "page.html"
    assert lehr("bench", "report", str(folder), "--out", str(other), "--json") == 0
    assert document(capsys)["report"] == str(other)
    assert Store(folder).cells()  # the page in it does not make the folder another's
    assert run_tiny(folder) == 0


def test_time_is_up_before_peers_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tiny(tmp_path / "results", "--time-limit", "0.000001s", "--json") == 0
    found = document(capsys)
    assert found["status"] == "unfinished"
    assert {cell["method"] for cell in found["unfinished"]} == {"optuna-random"}
    assert {cell["method"] for cell in found["cells"]} == {"tba-tpe"}


def kernel_cache(path: Path) -> Path:
    entries = {
        f"{x},{u}": {
            "block": x,
            "unroll": u,
            "time": 10.0 / u + abs(x - 64) / 16 if x < 256 else "RuntimeFailedConfig",
        }
        for x in (32, 64, 128, 256)
        for u in (1, 2, 4)
    }
    header = {
        "device_name": "made up", "kernel_name": "axpy", "problem_size": "1024",
        "tune_params_keys": ["block", "unroll"],
        "tune_params": {"block": [32, 64, 128, 256], "unroll": [1, 2, 4]}, "objective": "time", "cache": entries,
    }  # fmt: skip
    path.write_text(json.dumps(header))
    return path


def test_a_recording_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = kernel_cache(tmp_path / "cache.json")
    code = lehr(
        "bench", "--replay", str(file), "--method", "random", "optuna-random", "--budget", "8", "--seeds", "3",
        "--processes", "1", "--json",
    )  # fmt: skip
    assert code == 0
    found = document(capsys)
    assert [cell["method"] for cell in found["cells"]] == ["random", "optuna-random"]
    assert {cell["studies"] for cell in found["cells"]} == {3}
    for cell in found["cells"]:
        assert cell["best"]["value"] >= 2.5  # milliseconds of the best there is
    assert lehr("bench", "--replay", str(file), "--method", "random", "--seeds", "2", "--budget", "4") == 0
    printed = capsys.readouterr().out
    assert "random" in printed
    assert lehr("bench", "--replay", str(tmp_path / "none.json")) == 2
    assert "there is no file" in capsys.readouterr().err


def test_list_and_describe(capsys: pytest.CaptureFixture[str]) -> None:
    assert lehr("bench", "list") == 0
    listed = capsys.readouterr().out
    for name in ("crashy_branin", "edge_tight@t4", "tba-tpe", "optuna-gp", "hyperopt"):
        assert name in listed
    assert lehr("bench", "list", "--json") == 0
    assert "crashy_branin" in document(capsys)["problems"]
    assert lehr("bench", "describe", "digits_edge") == 0
    words = capsys.readouterr().out
    assert "Invalid under random search" in words
    assert "Optimum: " in words
    assert lehr("bench", "describe", "crashy_branin", "--json") == 0
    facts = document(capsys)
    assert facts["family"] == "mode"
    assert 0.6 < facts["invalid_share"] < 0.7


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bench", "describe", "nope"], "digits_edge"),
        (["bench", "--method", "tpe"], "give a command or --replay FILE"),
        (["bench", "--replay", "x", "list"], "--replay goes without a command"),
        (["bench", "report", "no-such-folder"], "there is no folder no-such-folder"),
        (["bench", "report", "."], ". is not a results folder"),
        (
            ["bench", "run", "--problem", "crashy_branin", "--method", "nope", "--out", "x"],
            "or one of the peers optuna-random",
        ),
        (["bench", "run", "--problem", "crashy_branin", "--method", "tpe"], "--out"),
        (["bench", "run", "--problem", "nope", "--method", "tpe", "--out", "x"], "unknown problem"),
        (["bench", "run", "--problem", "crashy_branin", "--method", "bohb", "--out", "x"], "bohb"),
        (
            [
                "bench",
                "run",
                "--problem",
                "crashy_branin",
                "--method",
                "tpe",
                "--budget",
                "ten",
                "--out",
                "x",
            ],
            "--budget",
        ),
        (
            ["bench", "run", "--problem", "crashy_branin", "--method", "tpe", "--seeds", "0", "--out", "x"],
            "--seeds",
        ),
        (
            [
                "bench",
                "run",
                "--problem",
                "crashy_branin",
                "--method",
                "tpe",
                "--time-limit",
                "9",
                "--out",
                "x",
            ],
            "--time-limit",
        ),
        (["bench", "paper", "--seeds", "0"], "--seeds"),
        (
            ["bench", "results", "--store", "x", "--out", "no/such/RESULTS.md"],
            "--out: the folder no/such does not exist",
        ),
    ],
)
def test_mistakes_get_one_sentence(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lehr(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("lehr: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert list(tmp_path.iterdir()) == []  # nothing was begun
    assert lehr(*arguments, "--json") == 2
    assert document(capsys)["exit_code"] == 2


def test_missing_packages_are_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "smac", None)
    monkeypatch.delitem(sys.modules, "lehr.bench.peers.with_smac", raising=False)
    arguments = ["--problem", "crashy_branin", "--seeds", "1", "--out", str(tmp_path / "x")]
    assert lehr("bench", "run", "--method", "smac3", *arguments) == 3
    assert "pip install 'lehr[peers]'" in capsys.readouterr().err
    assert run_tiny(tmp_path / "results") == 0
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert lehr("bench", "report", str(tmp_path / "results")) == 3
    assert "plots need matplotlib; install it with: pip install 'lehr[bench]'" in capsys.readouterr().err


def test_paper_prints_ours_beside_the_papers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lehr.bench import paper

    some = [one for one in paper.published() if one.cell.budget in (10, 30) and one.table in ("3", "4")]
    monkeypatch.setattr(paper, "published", lambda: some)
    assert lehr("bench", "paper", "--seeds", "20", "--processes", "1", "--json") == 0
    found = document(capsys)["figures"]
    assert len(found) == len(some)
    assert {figure["seeds"] <= 20 for figure in found} == {True}
    assert all(figure["interval_95"][0] <= figure["ours"] <= figure["interval_95"][1] for figure in found)
    folder = tmp_path / "paper"
    assert lehr("bench", "paper", "--seeds", "20", "--processes", "1", "--out", str(folder)) == 0
    printed = capsys.readouterr().out
    assert "Table 3" in printed
    assert "of the paper's 16 figures are inside our 95 % interval" in printed
    assert Store(folder).cells()


def test_results_come_from_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [
        "bench", "results", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "RESULTS.md"),
        "--table", str(tmp_path / "table.csv"), "--seeds", "2", "--without-peers", "--problem", "digits_edge",
        "--processes", "1",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["lehr", *typed])
    assert lehr(*typed) == 0
    assert "Wrote" in capsys.readouterr().out
    text = (tmp_path / "RESULTS.md").read_text()
    assert f"Made by `lehr bench results --store {tmp_path / 'store'} " in text
    assert "(table.csv)" in text
    assert (tmp_path / "table.csv").read_text().startswith("# lehr bench results ")


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "-m", "lehr", "bench", "run", "--problem", "crashy_branin", "--method", "optuna-tpe",
            "--budget", "30", "--seeds", "4000", "--processes", "1", "--out", "results",
        ],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "dumb"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def group(number: int) -> list[psutil.Process]:
    """Who lives in a process group."""
    members = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == number and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def test_an_interrupted_run_keeps_what_is_finished(tmp_path: Path) -> None:
    process = start(tmp_path)
    try:
        deadline = time.monotonic() + 120
        tables = tmp_path / "results" / "cells"
        while not list(tables.rglob("studies-*.csv")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to the workers too
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "interrupted; what is finished is kept. To go on: python -m lehr bench run" in err
    assert "Traceback" not in err + out
    deadline = time.monotonic() + 20  # multiprocessing's own tracker leaves a moment later
    while group(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert group(process.pid) == []
    assert len(Store(tmp_path / "results").studies(Cell("crashy_branin", "optuna-tpe", 30))["study"]) >= 1
