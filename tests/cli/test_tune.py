"""``lehr tune`` as its users run it: few trials, real models, real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .conftest import Commands, environment

pytest.importorskip("onnxruntime")

# Loose limits: this machine may be busy with other tests.
LOOSE = ("--max-latency-p95", "60s", "--max-memory", "20GB")
FIELDS = {"number", "config", "outcome", "objective", "metrics", "evidence", "seconds"}


def test_json_is_one_object_with_everything_in_it(lehr: Commands) -> None:
    done = lehr.run("tune", *LOOSE, "--budget", 4, "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    document = done.json
    assert document["status"] == "ok"
    assert [trial["number"] for trial in document["trials"]] == [0, 1, 2, 3]
    assert all(trial.keys() >= FIELDS for trial in document["trials"])
    first = document["trials"][0]
    assert first["config"]["quantization"] == "as_is"
    assert first["config"]["batch_size"] == 1
    assert document["baseline"] == {
        "config": first["config"], "objective": first["objective"], "metrics": first["metrics"], "trial": 0,
        "outcome": "ok", "feasible": True,
    }  # fmt: skip
    best = document["best"]
    assert (
        best["objective"]
        == best["metrics"]["accuracy"]
        == max(trial["objective"] for trial in document["trials"] if trial["feasible"])
    )
    assert best["config"] == document["trials"][best["trial"]]["config"]
    assert document["seconds"] == pytest.approx(sum(trial["seconds"] for trial in document["trials"]))
    shipped = json.loads((lehr.folder / "best.json").read_text())
    assert shipped["config"] == best["config"]
    assert shipped["metrics"] == best["metrics"]
    assert shipped["model"]["zoo"] == best["config"]["model"]
    assert shipped["study"] == document["study"]
    assert {"onnxruntime", "python"} <= shipped["versions"].keys()


def test_a_foreign_model_is_tuned_and_verified_and_a_study_that_is_done_is_only_reported(
    lehr: Commands, linear_model: Path
) -> None:
    data = linear_model.parent / "samples.npz"
    command = (
        "tune",
        linear_model,
        "--data",
        data,
        *LOOSE,
        "--objective",
        "latency",
        "--min-accuracy",
        "0.5",
        "--budget",
        4,
    )
    done = lehr.run(*command)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert "two_layers.onnx on 48 labelled samples of samples.npz" in lines[0]
    assert "lowest latency" in lines[1]
    assert sum("#" in line for line in lines) == 4
    assert "ok" in lines[next(index for index, line in enumerate(lines) if "#0" in line)]
    assert lines[-1].startswith("Best: ")
    assert "default" in lines[-1]

    again = lehr.run(*command)
    assert again.code == 0
    assert "complete already (4 trials)" in again.out
    assert again.out.splitlines()[-1] == lines[-1]

    longer = lehr.run(*command[:-1], 5, "--json")
    assert [trial["number"] for trial in longer.json["trials"]] == [0, 1, 2, 3, 4]

    fresh = lehr.run(*command, "--fresh", "--json").json
    assert fresh["study"] == longer.json["study"] + "-2"

    passed = lehr.run("verify", "best.json", "--repeats", 1)
    assert passed.code == 0, passed.out + passed.err
    assert "Verified: every limit is met" in passed.out.splitlines()[-1]

    missed = lehr.run("verify", "best.json", "--repeats", 2, "--max-latency-p50", "1ns", "--json")
    assert missed.code == 1
    assert missed.json["status"] == "missed"
    assert [entry["metric"] for entry in missed.json["limits"] if not entry["met"]] == ["latency_p50_ms"]
    assert len(missed.json["repeats"]) == 2

    wrong = lehr.run("verify", "best.json", "--model", lehr.folder / "nowhere.onnx")
    assert wrong.code == 2
    assert "say where it is with --model" in wrong.err

    changed = lehr.folder / "changed.onnx"
    changed.write_bytes(
        linear_model.read_bytes() + b"\x92\x06\x01x"
    )  # an unknown field: the model itself still loads
    other = lehr.run("verify", "best.json", "--model", changed)
    assert other.code == 2
    assert "the model has changed" in other.err


def test_without_data_accuracy_is_fidelity_and_throughput_the_goal(
    lehr: Commands, linear_model: Path
) -> None:
    done = lehr.run("tune", linear_model, "--budget", 2)
    assert done.code == 0, done.err
    assert "agreement with the model's own fp32 answers" in done.out
    assert "highest throughput. Limits: accuracy >= 0.99" in done.out
    shipped = json.loads((lehr.folder / "best.json").read_text())
    assert shipped["objective"] == "throughput"
    assert shipped["data"] is None


def test_when_nothing_is_feasible_the_nearest_miss_is_told(lehr: Commands, linear_model: Path) -> None:
    command = ("tune", linear_model, "--max-latency-p95", "1ns", "--max-memory", "1MB", "--budget", 3)
    done = lehr.run(*command)
    assert done.code == 1
    assert done.err == ""
    assert not (lehr.folder / "best.json").exists()
    assert "Nothing met" in done.out
    assert "The budget went to:" in done.out
    last = done.out.splitlines()[-1]
    assert last.startswith("Nearest miss: trial")
    assert last.endswith("when it was stopped for being far too slow.")
    assert "is broken on this machine" not in done.out

    document = lehr.run(*command, "--json").json
    assert document["status"] == "nothing_feasible"
    assert document["best"] is None
    assert document["faults"] == []
    assert [miss["metric"] for miss in document["nearest_miss"]["misses"]] == ["latency_p95_ms"]
    assert sum(lost["trials"] for lost in document["budget_lost"].values()) == 3


def test_the_nearest_miss_says_by_how_much(lehr: Commands, linear_model: Path) -> None:
    done = lehr.run("tune", linear_model, "--max-memory", "2MB", "--budget", 2)
    assert done.code == 1
    last = done.out.splitlines()[-1]
    assert last.startswith("Nearest miss: trial")
    assert "peak memory" in last
    assert "above 2 MB" in last
    document = lehr.run("tune", linear_model, "--max-memory", "2MB", "--budget", 2, "--json").json
    (miss,) = document["nearest_miss"]["misses"]
    assert miss["metric"] == "memory_peak_mb"
    assert miss["excess"] == pytest.approx(miss["value"] - 2.0)


def wait_for_line(process: subprocess.Popen[str], part: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if part in line:
            return line
    raise AssertionError(f"no line with {part!r}; stderr: {process.stderr.read() if process.stderr else ''}")


def gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=120)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_killed_and_started_again_it_goes_on_to_the_same_end(
    lehr: Commands, linear_model: Path, tree: Callable[[int], list[psutil.Process]]
) -> None:
    command = ("tune", linear_model, "--max-latency-p95", "60s", "--method", "random", "--budget")
    process = lehr.start(*command, 500)
    wait_for_line(process, "#1")
    below = tree(process.pid)
    process.kill()
    process.wait()
    assert gone(below)
    # How many trials it had finished when the kill struck is up to the machine; three more are to come.
    last = len((lehr.folder / "lehr.jsonl").read_text().splitlines()) + 2
    command = (*command, last + 1)
    done = lehr.run(*command)
    assert done.code == 0, done.err
    assert "done earlier" in done.out
    numbers = [part for line in done.out.splitlines() for part in line.split() if part.startswith("#")]
    assert numbers[-1] == f"#{last}"
    assert "#0" not in numbers
    resumed = lehr.run(*command, "--json").json
    unbroken = lehr.run(*command, "--storage", "other.journal", "--out", "other.json", "--json").json
    assert [trial["config"] for trial in resumed["trials"]] == [
        trial["config"] for trial in unbroken["trials"]
    ]


@pytest.mark.parametrize(("kind", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_prints_the_best_so_far_and_how_to_go_on(
    lehr: Commands,
    linear_model: Path,
    tree: Callable[[int], list[psutil.Process]],
    kind: signal.Signals,
    code: int,
) -> None:
    process = lehr.start(
        "tune", linear_model, "--budget", 500, "--max-latency-p95", "60s", "--min-accuracy", "0"
    )
    wait_for_line(process, "#0")
    below = tree(process.pid)
    process.send_signal(kind)
    process.send_signal(kind)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    assert err == ""
    assert "Interrupted after" in out
    assert "To go on: python -m lehr tune" in out
    assert out.splitlines()[-1].startswith("Best: ")
    assert (lehr.folder / "best.json").exists()
    assert gone(below)


def test_a_background_job_that_ignores_ctrl_c_can_be_terminated(lehr: Commands, linear_model: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the command, as in a shell script
    try:
        process = lehr.start("tune", linear_model, "--budget", 500, "--json")
    finally:
        signal.signal(signal.SIGINT, before)
    journal = lehr.folder / "lehr.jsonl"
    deadline = time.monotonic() + 300
    while not (journal.exists() and journal.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 143, err
    document = json.loads(out)
    assert document["status"] == "interrupted"
    assert len(document["trials"]) >= 1


def test_a_reader_that_leaves_is_no_error(lehr: Commands, linear_model: Path) -> None:
    process = lehr.start("tune", linear_model, "--budget", 500)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Tuning two_layers.onnx")
    process.stdout.close()
    process.wait(timeout=300)
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.returncode == 141


def test_streams_that_are_closed_or_full(lehr: Commands, linear_model: Path) -> None:
    command = f"{sys.executable} -m lehr tune {linear_model} --budget 1"

    def shell(redirection: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f"{command} {redirection}"], cwd=lehr.folder, env=environment(), capture_output=True,
            text=True, timeout=600, check=False,
        )  # fmt: skip

    closed = shell(">&- 2>&- <&-")
    assert closed.returncode == 0
    assert (lehr.folder / "best.json").exists()
    full = shell(">/dev/full")
    assert full.returncode == 3
    assert full.stderr == "lehr: cannot read or write: No space left on device\n"


def test_another_storage_keeps_the_study_too(lehr: Commands, linear_model: Path) -> None:
    command = ("tune", linear_model, "--budget", 1, "--storage", "sqlite:///study.db")
    assert lehr.run(*command).code == 0
    assert "complete already (1 trial)" in lehr.run(*command).out


def test_a_name_cannot_mix_two_models(lehr: Commands, linear_model: Path) -> None:
    other = lehr.folder / "other.onnx"
    other.write_bytes(linear_model.read_bytes() + b"\x92\x06\x01x")
    assert lehr.run("tune", linear_model, "--budget", 1, "--name", "edge").code == 0
    done = lehr.run("tune", other, "--budget", 1, "--name", "edge")
    assert done.code == 2
    assert "made with another model" in done.err
    assert lehr.run("tune", other, "--budget", 1, "--name", "edge", "--fresh").code == 0


def test_a_storage_in_use_names_the_process(lehr: Commands, linear_model: Path) -> None:
    process = lehr.start("tune", linear_model, "--budget", 500)
    wait_for_line(process, "#0")
    done = lehr.run("tune", linear_model, "--budget", 500)
    assert done.code == 3
    assert f"process {process.pid}" in done.err


@pytest.mark.parametrize("width", [80, 120])
def test_the_live_table_in_a_terminal(lehr: Commands, linear_model: Path, width: int) -> None:
    screen = terminal(lehr, ["tune", str(linear_model), "--budget", "3", "--seed", str(width)], width)
    assert "\x1b[" in screen  # it moves the cursor
    assert "configuration" in screen
    assert "3/3 trials" in screen or "2/3 trials" in screen
    assert "Best: " in screen
    rows = [line for line in screen.replace("\r", "").splitlines() if "fp32 b1" in line and "ok" in line]
    assert rows


def test_no_colour_where_none_is_wanted(lehr: Commands, linear_model: Path) -> None:
    screen = terminal(lehr, ["tune", str(linear_model), "--budget", "2"], 80, NO_COLOR="1")
    assert "\x1b[32m" not in screen
    assert "\x1b[1;32m" not in screen
    assert "Best: " in screen


def terminal(lehr: Commands, arguments: list[str], width: int, **extra: str) -> str:
    """What a command writes to a terminal of this width."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "lehr", *arguments], cwd=lehr.folder, stdin=slave, stdout=slave, stderr=slave,
        env=environment(**{"TERM": "xterm-256color", **extra}), start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    written = bytearray()
    deadline = time.monotonic() + 600
    try:
        while time.monotonic() < deadline:
            try:
                block = os.read(master, 65536)
            except OSError:  # the last writer has closed the terminal
                break
            if not block:
                break
            written += block
        assert process.wait(timeout=120) == 0, written.decode(errors="replace")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(master)
    return written.decode()
