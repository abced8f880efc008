"""A small space, a place for a journal, and evaluation without children for tests that are not about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sessions import SPACE
from stand_in import InProcess


@pytest.fixture
def space():
    return SPACE


@pytest.fixture
def journal(tmp_path) -> Path:
    return tmp_path / "study.journal"


@pytest.fixture
def in_process(monkeypatch):
    """Evaluate in this process."""
    monkeypatch.setattr("lehr.study.session.Supervisor", InProcess)
