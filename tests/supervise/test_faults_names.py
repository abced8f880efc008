"""Names and values that are no text: they reach a trial as the bytes that they are, and no error gives them away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lehr
from lehr.supervise import Supervisor

SECRET = "hunter2"
ROOT = Path(lehr.__file__).resolve().parents[1]

A_RUN = """
import lehr
study = lehr.run(lambda config: config["x"], lehr.Space([lehr.Int("x", 1, 3)]), objective="y", budget=3)
print(study.best.config["x"], len(study.trials))
"""


def environment_of_the_trial() -> str:
    return os.environb[b"NO_TEXT"].hex()


def test_an_environment_that_is_no_utf8(new_supervisor, monkeypatch):
    monkeypatch.setitem(os.environb, b"NO_TEXT", b"\xff\xfe=" + SECRET.encode())
    ending = new_supervisor().run(environment_of_the_trial)
    assert (ending.outcome, bytes.fromhex(ending.result)) == ("ok", b"\xff\xfe=" + SECRET.encode())


def test_an_environment_that_is_given_as_python_reads_it(new_supervisor):
    ending = new_supervisor(environment={"NO_TEXT": os.fsdecode(b"\xff")}).run(environment_of_the_trial)
    assert ending.result == "ff"


def test_folders_that_are_no_utf8(tmp_path):
    folder = os.fsencode(tmp_path) + b"/study\xff"
    os.mkdir(folder)
    done = subprocess.run(
        [sys.executable, "-c", A_RUN],
        cwd=folder,
        env={**os.environb, b"PYTHONPATH": os.fsencode(ROOT), b"SOME\xff": b"\xff"},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"3 3\n"), done.stderr
    assert b"study.journal" in os.listdir(folder)


@pytest.mark.parametrize(
    "environment",
    [
        SECRET,
        [SECRET],
        {"TOKEN": f"{SECRET}\0"},
        {"TOKEN": SECRET.encode()},
        {"TOKEN": f"{SECRET}\ud800"},
        {"TOKEN": [SECRET]},
        {f"TOKEN={SECRET}": "1"},
    ],
    ids=["text", "list", "nul", "bytes", "surrogate", "nested", "name"],
)
def test_an_environment_that_cannot_be_is_refused_without_its_values(environment):
    with pytest.raises(lehr.OptionError) as caught:
        Supervisor(environment=environment)
    assert SECRET not in str(caught.value)
    assert "environment" in str(caught.value)
