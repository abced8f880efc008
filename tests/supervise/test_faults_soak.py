"""A short soak: 200 trials with random faults on two threads; bench/soak.py runs 10,000."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SOAK = Path(__file__).resolve().parents[2] / "bench" / "soak.py"


def test_two_hundred_trials_with_random_faults():
    done = subprocess.run(
        [sys.executable, str(SOAK), "--trials", "200", "--seed", "7"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.stdout, done.stderr
    row = json.loads(done.stdout)
    assert row["wrong"] == []
    assert row["grew"] == []
    assert row["trials"] == 200
    assert done.returncode == 0
