"""docs/faults.md and the tests agree: tests that exist force every row, and every test of a fault is in a row."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = (ROOT / "docs" / "faults.md").read_text()
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in DOCS.partition("\n## ")[0].splitlines()  # the matrix comes first
    if line.startswith("| ") and not line.startswith("| fault |")
]
# What the matrix promises to hold, in the words of its first column.
PROMISED = {
    "exception",
    "sys.exit",
    "os._exit(0) without a result",
    "abort",
    "segfault",
    "stack overflow",
    "kill -9 from outside",
    "SIGTERM ignored",
    "deadlock holding the GIL",
    "C loop that never returns",
    "sleep past the deadline",
    "fork bomb",
    "grandchild that daemonises",
    "grandchild that holds the pipes",
    "stdout flood of 1 GB",
    "result of 1 GB",
    "NaN, inf, wrong type, missing metric",
    "unpicklable closure",
    "import error in the child, or any other end before the function is entered",
    "memory to the limit in one allocation",
    "memory to the limit in many small ones",
    "file descriptors exhausted in the trial",
    "disk full under the journal",
    "journal truncated at any byte",
    "journal from a newer version",
    "clock stepped",
    "parent killed with kill -9",
    "helper process killed",
    "two runs on one journal",
    "read-only folder",
    "no /dev/shm",
    "no cgroup",
    "CUDA driver absent, too old, erroring",
    "CUDA driver hanging",
}

NO_FAULTS = {
    "test_where_a_trial_runs_and_with_how_many_threads",
    "test_a_study_sets_processors_and_threads_for_each_trial",
}


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_promised_fault_has_a_row():
    there = {row[0].replace("`", "") for row in ROWS}
    assert there >= PROMISED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_is_whole_and_names_tests_that_exist(row):
    assert len(row) == 5, row
    assert all(row), row
    named = TEST.findall(row[4])
    assert named, "no test forces this fault"
    for path, name in named:
        assert name in functions_of(ROOT / path), f"{path} has no {name}"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests").rglob("test_faults_*.py")), ids=lambda path: path.name
)
def test_every_test_of_a_fault_is_in_a_row(path):
    named = {name for row in ROWS for file, name in TEST.findall(row[4]) if ROOT / file == path}
    missing = {name for name in functions_of(path) if name.startswith("test_")} - named
    assert missing <= NO_FAULTS
