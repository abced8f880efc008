"""What several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_driver import build


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake CUDA driver. In one process all its users share its books, so they leave nothing behind."""
    return build(tmp_path_factory.mktemp("driver"))
