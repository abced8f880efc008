"""What several tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from fake_driver import FakeNvml, build, build_nvml

#: Folders whose tests start processes, measure time or run whole commands.
SLOW_FOLDERS = {
    "bench", "cli", "cpp", "deploy", "gpu", "integrations", "probe", "study", "supervise", "sweep",
}  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies in these folders is slow, so that ``-m "not slow"`` is over in less than a minute."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake CUDA driver. In one process all its users share its books, so they leave nothing behind."""
    return build(tmp_path_factory.mktemp("driver"))


@pytest.fixture(scope="session")
def fake_nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_nvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def fake_nvml(
    fake_nvml_library: Path, fake_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeNvml:
    """A machine with one GPU (FAKE_CUDA_COUNT for more), as NVML and the driver tell of it."""
    monkeypatch.setenv("LEHR_NVML", str(fake_nvml_library))
    monkeypatch.setenv("LEHR_CUDA_DRIVER", str(fake_library))
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "nvml.txt"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return FakeNvml(fake_nvml_library, tmp_path / "nvml.txt")
