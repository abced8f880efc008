"""``lehr probe`` at a terminal's end and as JSON."""

from __future__ import annotations

import json
import subprocess
import sys


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "lehr", "probe", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def test_words() -> None:
    text = run()
    assert "p95 of a reference kernel" in text
    assert "\x1b" not in text  # a pipe gets no colours


def test_json() -> None:
    document = json.loads(run("--json"))
    assert {"machine", "abilities"} == set(document)
    assert all({"name", "there", "text", "value"} == set(one) for one in document["abilities"])
