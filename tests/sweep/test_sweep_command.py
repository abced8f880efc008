"""``lehr sweep`` as users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lehr
from lehr.bench import Cell, Store, sweep
from lehr.bench.statistics import Interval
from lehr.bench.summary import CellSummary
from lehr.bench.sweep import Progress
from lehr.cli.budgets import budgets
from lehr.cli.exits import InputError
from lehr.cli.main import main
from lehr.cli.spread import spread
from lehr.cli.sweep_display import Bar, Lines, duration, left, table_lines

SOURCE = Path(lehr.__file__).resolve().parents[1]
LISTS = ("--problem", "--method", "--budget")

# A shell starts background jobs with SIGINT ignored, and children inherit that; a handler of ours is gone after exec.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "lehr", "sweep", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(SOURCE), "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err


def command(folder, *arguments):
    return finish(start(folder, *arguments))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("--method a b --json", "--method a --method b --json"),
        (
            "--problem p q --method a --budget 1 2 3",
            "--problem p --problem q --method a --budget 1 --budget 2 --budget 3",
        ),
        ("--method=a b", "--method=a --method b"),
        ("--seeds 5 --method a --out x --method b c", "--seeds 5 --method a --out x --method b --method c"),
        ("--method", "--method"),
        ("--method a -- b", "--method a -- b"),
        ("sweep --out x", "sweep --out x"),
    ],
)
def test_values_after_one_flag(given, expected):
    assert spread(given.split(), LISTS) == expected.split()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["25"], [25]),
        (["10:50:5"], [10, 15, 20, 25, 30, 35, 40, 45, 50]),
        (["10:24:5"], [10, 15, 20]),
        (["7:7:1"], [7]),
        (["50", "10,25", "10"], [10, 25, 50]),
        (["1:3:1", "2:6:2"], [1, 2, 3, 4, 6]),
    ],
)
def test_budgets_as_typed(texts, expected):
    assert budgets(texts) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ten",
        "10:50",
        "10:50:0",
        "50:10:5",
        "0",
        "-5",
        "2.5",
        "10:50:5:1",
        "1000001",
        "9" * 5000,
        "²",
        "1:1000000:1",
    ],
)
def test_budgets_that_cannot_be_read(text):
    with pytest.raises(InputError, match="--budget"):
        budgets([text])


def test_the_example_runs_and_resumes(tmp_path):
    words = "--problem crashy_branin --method tba-tpe tpe random --budget 10:20:5 --seeds 30 --out results/"
    code, out, err = command(tmp_path, *words.split())
    assert (code, err) == (0, "")
    assert "Ran 270 studies of 9 cells" in out
    assert len([line for line in out.splitlines() if line.startswith("crashy_branin  ")]) == 9
    known = json.loads(next((tmp_path / "results").rglob("provenance-*")).read_text())
    assert known["command"][-len(words.split()) :] == words.split()
    code, out, _ = command(tmp_path, *words.split(), "--json")
    document = json.loads(out)
    assert (code, document["status"], document["ran"], document["found"]) == (0, "ok", 0, 270)
    cell = document["cells"][0]
    assert (cell["problem"], cell["method"], cell["budget"], cell["studies"]) == (
        "crashy_branin",
        "tba-tpe",
        10,
        30,
    )
    assert cell["wasted"]["low"] <= cell["wasted"]["value"] <= cell["wasted"]["high"]


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        (["--method", "nope"], 2, "unknown method 'nope'"),
        (["--problem", "nope", "--method", "tpe"], 2, "unknown problem 'nope'"),
        (["--method", "tpe", "optuna-tpe"], 2, "use lehr bench run"),
        (["--method", "tpe", "--budget", "5:1"], 2, "--budget"),
        (["--method", "tpe", "--seeds", "0"], 2, "--seeds"),
        (["--method", "tpe", "--threads", "0"], 2, "--threads"),
        (["--method", "tpe", "--format", "xls"], 2, "unknown format 'xls'"),
        (["--method", "tpe", "--out", "taken"], 2, "holds other files"),
        ([], 2, "'--method'"),
    ],
)
def test_bad_input_is_one_sentence(in_folder, capfd, extra, code, words):
    tmp_path = in_folder
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(SystemExit) as ended:
        main(["sweep", "--problem", "crashy_branin", "--out", "new", *extra])
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (code, "")
    assert words in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_a_folder_in_use_is_the_machines_fault(tmp_path):
    with Store(tmp_path / "results"):
        code, _, err = command(
            tmp_path, *["--problem", "crashy_branin", "--method", "random", "--out", "results"]
        )
    assert code == 3
    assert "in use" in err


LONG = [
    "--problem",
    "crashy_branin",
    "--method",
    "tpe",
    "--budget",
    "40:60:2",
    "--threads",
    "1",
    "--out",
    "results",
]


def wait_for_a_cell(process, folder):
    deadline = time.monotonic() + 60
    while not list(folder.rglob("studies-*")):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "provenance" not in path.name
    }


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path):
    process = start(tmp_path, *LONG, "--seeds", 100)
    results = tmp_path / "results"
    try:
        wait_for_a_cell(process, results)
    finally:
        process.kill()
        finish(process)
    kept = {path: path.stat().st_mtime_ns for path in results.rglob("studies-*")}
    cells = Store(results).cells()
    for cell in cells:
        assert Store(results).studies(cell)["study"].tolist() == list(range(100))
    code, out, _ = command(tmp_path, *LONG, "--seeds", 100, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["found"] == 100 * len(cells) > 0
    assert document["ran"] + document["found"] == 1100
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())
    whole = sweep(["crashy_branin"], ["tpe"], range(40, 61, 2), 100, tmp_path / "whole")
    assert contents(results) == contents(whole.store.folder)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_sweep_ends_at_once_and_says_how_to_go_on(tmp_path, number, code):
    process = start(tmp_path, *LONG, "--seeds", 2000)
    try:
        wait_for_a_cell(process, tmp_path / "results")
        process.send_signal(number)
    finally:
        ended, out, err = finish(process)
    assert ended == code
    assert all(
        " studies, " in line for line in out.splitlines()
    )  # how far it is, told where a cell takes long
    assert "To go on:" in err
    assert "Traceback" not in err
    with Store(tmp_path / "results") as store:
        assert store.cells()[0] == Cell("crashy_branin", "tpe", 40)


def progress(**changes):
    values = {
        "studies_done": 10, "studies": 20, "cells_done": 1, "cells": 2, "seconds": 12.0,
        "seconds_left": 90.0, "share": 0.25,
    }  # fmt: skip
    return Progress(**(values | changes))


def test_lines_come_now_and_then(capsys):
    lines = Lines(sys.stdout)
    for seconds in (1.0, 9.0, 11.0, 12.0, 20.0, 22.0):
        lines.show(progress(seconds=seconds))
    lines.end()
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(", ")[2] for line in shown] == ["11 s spent", "22 s spent"]
    assert shown[0].startswith("10 of 20 studies, 1 of 2 cells")


def test_a_bar_leaves_nothing_behind(capsys):
    bar = Bar(sys.stdout)
    bar.end()
    bar.show(progress(seconds_left=None, share=None))
    bar.show(progress())
    bar.end()
    bar.end()
    capsys.readouterr()


def test_time_left_in_words():
    assert left(progress()) == "about 90 s left"
    assert left(progress(seconds_left=None)) == "time left not known yet"
    assert left(progress(studies_done=20, seconds_left=0.0)) == "storing"
    assert left(progress(studies_done=20, cells_done=2, seconds_left=0.0)) == "working out intervals"
    assert [duration(s) for s in (0.2, 99.5, 119.0, 5400.0, 9000.0)] == [
        "1 s",
        "100 s",
        "2 min",
        "90 min",
        "2.5 h",
    ]


def summary(**means):
    nothing = Interval(float("nan"), float("nan"), float("nan"), 0)
    names = ("best", "regret", "wasted")
    return CellSummary(
        Cell("p", "m", 5),
        10,
        found=Interval(0.9, 0.6, 0.98, 10),
        false_winners=means.pop("false_winners", Interval(0.0, 0.0, 0.3, 10)),
        means={name: means.get(name, nothing) for name in names},
        shares={"discovered": nothing, "near_optimum": Interval(0.5, 0.2, 0.8, 10)},
    )


def test_the_table_shows_as_many_digits_as_mean_something():
    lines = table_lines(
        [
            summary(best=Interval(-2.28941, -2.4012, -2.1833, 9), regret=Interval(1e9, 9e8, 1.1e9, 9)),
            summary(best=Interval(0.76612, 0.76598, 0.76621, 9)),
            summary(best=Interval(3.0, float("nan"), float("nan"), 1)),
        ]
    )
    assert "-2.29 [-2.40, -2.18]" in lines[2]
    assert "1e+09 [9e+08, 1.1e+09]" in lines[2]
    assert "0.76612 [0.76598, 0.76621]" in lines[3]
    assert " 3  " in lines[4]
    assert table_lines([]) == []


def test_winners_by_luck_are_told():
    lines = table_lines([summary(), summary(false_winners=Interval(0.2, 0.06, 0.5, 10))])
    assert lines[-1].startswith("In 1 of 2 cells some winners met the limits by luck, at most 20 % of")
    assert "(p m B=5)" in lines[-1]
