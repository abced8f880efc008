"""The stage: beside the process where that is safe, in it where it is not; failures look the same in both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from lehr.deploy.stage import run_stage, write_atomically

# A process of its own: pytest and numpy have threads, and a fork is not safe beside them.
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from lehr.deploy import stage
from lehr.errors import ModelError

folder, answers = Path(sys.argv[1]), {}
assert stage._only_thread()

class Odd(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")

def leave_a_file():
    (folder / "made").write_text(str(os.getpid()))

def fail():
    raise ModelError("no such thing")

def fail_oddly():
    raise Odd("this", "that")

def die():
    os.kill(os.getpid(), signal.SIGSEGV)

def leave():
    os._exit(3)

stage.run_stage(leave_a_file)
answers["beside"] = int((folder / "made").read_text()) != os.getpid()
for work in (fail, fail_oddly, die, leave, sys.exit):
    try:
        stage.run_stage(work)
    except BaseException as error:
        answers[work.__name__] = [type(error).__name__, str(error), "".join(getattr(error, "__notes__", []))]
try:
    os.waitpid(-1, os.WNOHANG)
    answers["left"] = True
except ChildProcessError:
    answers["left"] = False
print(json.dumps(answers))
"""


def test_beside_a_process_without_threads(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": ":".join(sys.path), "OPENBLAS_NUM_THREADS": "1", "PYTHONFAULTHANDLER": ""}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    assert answers["beside"]
    assert answers["fail"][:2] == ["ModelError", "no such thing"]
    assert "in fail" in answers["fail"][2]
    assert answers["fail_oddly"][0] == "RuntimeError"
    assert answers["fail_oddly"][1] == "Odd: this and that"
    assert "SIGSEGV" in answers["die"][1]
    assert "status 3" in answers["leave"][1]
    assert answers["exit"][0] == "SystemExit"
    assert not answers["left"]


def test_in_a_process_with_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lehr.deploy.stage._only_thread", lambda: False)
    seen: list[int] = []
    run_stage(lambda: seen.append(1))
    assert seen == [1]
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: print(1 / 0))


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a.onnx", half)
    assert list(tmp_path.iterdir()) == []
    write_atomically(tmp_path / "a.onnx", lambda path: path.write_text("whole") and None)
    assert [path.name for path in tmp_path.iterdir()] == ["a.onnx"]
