"""The machine's description and the children's environment."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from lehr.deploy import available_cores, describe_machine, environment
from lehr.deploy.machine import peak_memory_mb, quota_cores, reset_peak_memory


def test_the_description_is_plain_json_and_complete() -> None:
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert set(machine) == {"cpu", "architecture", "cores", "memory_mb", "os", "python", "packages"}
    assert machine["packages"]["onnxruntime"]
    assert machine["memory_mb"] > 100


def test_cores_respect_affinity() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert available_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert 1 <= available_cores() <= len(allowed)


@pytest.mark.parametrize(
    ("texts", "cores"),
    [
        ([], None),
        (["max 100000\n"], None),
        (["150000 100000\n"], 1.5),
        (["max 100000", "400000 100000", "200000 100000"], 2.0),
        (["nonsense", "-1 100000", "100 0"], None),
    ],
)
def test_quotas(texts: list[str], cores: float | None) -> None:
    assert quota_cores(texts) == cores


def test_children_do_not_spin() -> None:
    assert environment()["OMP_WAIT_POLICY"] == "PASSIVE"


def test_peak_memory_rises_and_can_start_again() -> None:
    before = peak_memory_mb()
    block = np.ones(20_000_000)
    high = peak_memory_mb()
    assert high > 100
    assert high >= before
    del block
    reset_peak_memory()
    assert peak_memory_mb() <= high
