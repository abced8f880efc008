"""The CUDA driver in a trial, played by a fake library: absent, too old, erroring, hanging (docs/faults.md)."""

from __future__ import annotations

import sys
from pathlib import Path

import fault_bodies as faults
import pytest
import trial_bodies as bodies

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    sys.path.insert(0, str(ROOT))
    try:
        from fake_driver import build
    finally:
        sys.path.remove(str(ROOT))
    folder = tmp_path_factory.mktemp("driver")
    return lambda *flags: build(folder, *flags, name=f"libfake{len(flags)}.so")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("absent", "there is no NVIDIA driver: "),
        ("too old", "it is too old; update the driver"),
        ("erroring", "starting CUDA failed: CUDA_ERROR_FAKE (999)"),
    ],
)
def test_a_driver_that_is_absent_too_old_or_erroring(new_supervisor, build, tmp_path, way, words):
    settings = {
        "LEHR_CUDA_DRIVER": str(tmp_path / "libcuda.so.1"),
        "LEHR_CUDA_KERNEL": str(tmp_path / "none"),
    }
    (tmp_path / "none").write_bytes(b"fake")
    if way == "too old":
        settings["LEHR_CUDA_DRIVER"] = str(build("-DFAKE_OLD_DRIVER"))
    if way == "erroring":
        settings |= {"LEHR_CUDA_DRIVER": str(build()), "FAKE_CUDA_FAIL": "cuInit:1:999"}
    ending = new_supervisor(environment=settings).run(faults.wait_for_ever_in_the_driver, timeout_s=60)
    assert ending.outcome == "ok"  # no GPU is an answer, not an accident
    assert words in ending.result


def test_a_driver_that_hangs(new_supervisor, build, tmp_path):
    (tmp_path / "none").write_bytes(b"fake")
    settings = {"LEHR_CUDA_DRIVER": str(build()), "LEHR_CUDA_KERNEL": str(tmp_path / "none")}
    supervisor = new_supervisor(environment={**settings, "FAKE_CUDA_HANG": "cuInit"})
    ending = supervisor.run(faults.wait_for_ever_in_the_driver, timeout_s=1.0)
    assert (ending.outcome, ending.evidence["sent_by"]) == ("timeout", "lehr: deadline")
    assert supervisor.run(bodies.double, 1).outcome == "ok"
