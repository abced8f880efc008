from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "bench" / "optuna_adapter.py"


def test_the_benchmark_of_the_adapter_runs():
    command = [sys.executable, str(BENCH), "--trials", "3", "12", "--repeats", "4"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["trials"] for line in lines] == [3, 12]
    for line in lines:
        assert set(line["microseconds"]) == {"lehr", "optuna_tpe", "random", "native", "adapter"}
        assert all(value > 0 for value in line["microseconds"].values())
