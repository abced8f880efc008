"""Memory that is in no process's figures: files in memory and System V segments, counted and cleared away."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
import shared_bodies as bodies

SHM = Path("/dev/shm")
pytestmark = pytest.mark.skipif(not os.access(SHM, os.W_OK), reason="needs a writable /dev/shm")


@pytest.fixture
def path():
    path = SHM / f"lehr-test-{uuid.uuid4().hex}"
    yield path
    path.unlink(missing_ok=True)


def segments():
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {int(line.split()[1]) for line in lines}


@pytest.mark.parametrize("body", [bodies.memfd, bodies.memfd_of_a_child])
def test_a_memory_file_counts(supervisor, body):
    ending = supervisor.run(body, 400, memory_limit_mb=200, timeout_s=60)
    assert (ending.outcome, ending.cause) == ("oom", "memory_limit")
    assert 200 < ending.evidence["peak_memory_mb"] < 390


def test_a_memory_file_is_in_the_peak(supervisor):
    ending = supervisor.run(bodies.memfd, 150, timeout_s=60)
    assert ending.outcome == "ok"
    assert 150 < ending.evidence["peak_memory_mb"] < 250


def test_a_memory_file_that_is_mapped_counts_once(supervisor):
    ending = supervisor.run(bodies.mapped_memfd, 150, memory_limit_mb=260, timeout_s=60)
    assert ending.outcome == "ok", ending.evidence
    assert 150 < ending.evidence["peak_memory_mb"] < 260


def test_a_file_in_dev_shm_counts_even_when_closed(supervisor, path):
    ending = supervisor.run(bodies.closed_file_in_shm, str(path), 300, memory_limit_mb=200, timeout_s=60)
    assert (ending.outcome, ending.cause) == ("oom", "memory_limit")
    assert not path.exists()


def test_a_segment_counts_even_when_nobody_holds_it(supervisor):
    before = segments()
    ending = supervisor.run(bodies.segment_and_more, 300, memory_limit_mb=200, timeout_s=60)
    assert (ending.outcome, ending.cause) == ("oom", "memory_limit")
    assert segments() == before


@pytest.mark.parametrize("body", [bodies.file_in_shm, bodies.map_in_shm])
def test_a_file_that_a_trial_leaves_is_removed(supervisor, path, body):
    ending = supervisor.run(body, str(path), *([10] if body is bodies.file_in_shm else []))
    assert ending.outcome == "ok"
    assert ending.evidence["shared_memory_removed"] == 1
    assert not path.exists()


def test_a_segment_that_a_trial_leaves_is_removed(supervisor):
    ending = supervisor.run(bodies.segment, 10)
    assert ending.outcome == "ok"
    assert ending.result not in segments()
    assert ending.evidence["shared_memory_removed"] == 1


def test_what_was_there_before_is_neither_counted_nor_removed(supervisor, path):
    path.write_bytes(b"x" * 150_000_000)
    ending = supervisor.run(bodies.read_in_shm, str(path), memory_limit_mb=250, timeout_s=60)
    assert (ending.outcome, ending.result) == ("ok", 150_000_000)
    assert "shared_memory_removed" not in ending.evidence
    assert path.exists()


def test_a_namespace_has_files_and_segments_of_its_own(new_supervisor, path):
    if os.geteuid() != 0:
        pytest.skip("mounting /dev/shm anew needs root")
    before = segments()
    supervisor = new_supervisor(namespace=True)
    assert supervisor.run(bodies.file_in_shm, str(path), 5).outcome == "ok"
    assert not path.exists()
    assert supervisor.run(bodies.segment, 5).outcome == "ok"
    assert segments() == before
