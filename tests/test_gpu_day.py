"""bench/gpu_day.sh without a GPU: drivers and a PyTorch that are played, and every stage to its end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
STAGES = {
    *(
        "there",
        "gpu_tests",
        "parity",
        "parity_ptx",
        "sanitize_memcheck",
        "sanitize_racecheck",
        "events",
        "trials",
    ),
    *("coexist", "bench", "build", "tests"),
}
NEED_NVCC = {"parity_ptx", "build"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("c++") is None or shutil.which("cc") is None, reason="no compiler"),
]


def run(out: Path, *stages: str, **environment: str) -> tuple[int, list[dict[str, Any]], str]:
    """(exit status, rows, words)"""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LEHR_", "FAKE_", "CUDA_"))}
    clean |= {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p), "OUT": str(out), "PY": sys.executable}
    done = subprocess.run(
        ["bash", str(ROOT / "bench/gpu_day.sh"), *stages],
        env={**clean, "DRY": "1", "NOINSTALL": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    return done.returncode, rows, done.stdout


def test_every_stage_of_the_day_runs_to_its_end(tmp_path: Path) -> None:
    status, rows, words = run(tmp_path)
    failed = [row for row in rows if row.get("ok") is False or ("stage" in row and row.get("status", 0) != 0)]
    assert not failed, words[-4000:]
    assert status == 0
    assert {row["stage"] for row in rows if "stage" in row} == STAGES
    skipped = {row["stage"] for row in rows if "skipped" in row}
    assert skipped <= (set() if shutil.which("nvcc") and shutil.which("cmake") else NEED_NVCC)
    # A row of this run must never pass for one of a GPU.
    assert all(row["dry"] for row in rows if "row" in row)
    checked = {row["row"].partition(":")[0] for row in rows if "ok" in row}
    assert checked >= {"there", "events", "trials", "coexist"}


def test_a_stage_that_fails_is_told_and_stops_nothing(tmp_path: Path) -> None:
    status, rows, words = run(tmp_path, "there", "bench", FAKE_CUDA_COUNT="0")
    by_stage = {row["stage"]: row["status"] for row in rows if "stage" in row}
    assert status == 1
    assert by_stage["there"] != 0
    assert by_stage["bench"] == 3  # no GPU to measure
    assert "the NVIDIA driver sees no GPU" in words
