"""A small space, a place for a journal, and evaluation without children for tests that are not about them."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from sessions import SPACE
from stand_in import InProcess

# A shell starts background jobs with SIGINT ignored, and children inherit that. Tests that interrupt a program mean an
# ordinary one: a handler of our own is back to the default in whatever we execute.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def space():
    return SPACE


@pytest.fixture
def journal(tmp_path) -> Path:
    return tmp_path / "study.journal"


@pytest.fixture
def in_process(monkeypatch):
    """Evaluate in this process."""
    monkeypatch.setattr("lehr.study.executor.Supervisor", InProcess)
