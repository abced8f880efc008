"""A small space, a supervisor without processes for tests of storage, and marks on real processes."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

import lehr
from lehr.supervise import Ending

MARK = "LEHR_STUDY_TEST"


@pytest.fixture
def space():
    return lehr.Space(
        [
            lehr.Categorical("backend", ["eager", "compile", "runtime"]),
            lehr.Int("batch", 1, 64, log=True),
            lehr.Float("rate", 1e-4, 1e-1, log=True),
            lehr.Ordinal("tile", [16, 32, 48]),
            lehr.Int("threads", 1, 8, when=lehr.param("backend").isin(["eager", "runtime"])),
        ]
    )


@pytest.fixture
def journal(tmp_path) -> Path:
    return tmp_path / "study.journal"


class InProcess:
    """Stands in for the supervisor where a test is about what happens around a trial, not in it."""

    def __init__(self, **_options):
        self.calls = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def run(self, function, *arguments, context, **options):
        self.calls.append((context, options))
        start = time.monotonic()
        try:
            result = function(*arguments)
        except Exception as error:
            kind = type(error).__name__
            evidence = {
                "reason": f"the function raised {kind}",
                "exception": {"type": kind, "message": str(error)},
                "signature": f"exception:{kind}",
            }
            return Ending("crashed", None, evidence, time.monotonic() - start)
        return result if isinstance(result, Ending) else Ending("ok", result, {}, time.monotonic() - start)


@pytest.fixture
def in_process(monkeypatch):
    """Evaluate in this process, for the speed of tests that are not about children."""
    monkeypatch.setattr("lehr.study.run.Supervisor", InProcess)


def marked_processes(mark: str) -> list[int]:
    """Living processes that carry the mark in their environment, this one excepted."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if (
                wanted in Path("/proc", name, "environ").read_bytes().split(b"\0")
                and int(name) != os.getpid()
            ):
                found.append(int(name))
    return found


def wait_until_gone(mark: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while left := marked_processes(mark):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.01)
