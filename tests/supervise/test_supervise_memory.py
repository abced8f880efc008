"""Memory: what the limit bounds, what is said about it, and floods that must not reach the parent."""

from __future__ import annotations

import shutil
import subprocess

import fault_bodies as faults
import pytest
import trial_bodies as bodies

from lehr.supervise._memory import MB, read_usage
from testing_core import lehr_testing


def test_many_small_allocations_are_stopped_at_the_limit(supervisor):
    ending = supervisor.run(bodies.touch_in_steps, 2000, 4, 0.002, memory_limit_mb=150, timeout_s=60)
    assert (ending.outcome, ending.result) == ("oom", None)
    assert ending.evidence["sent_by"] == "lehr: memory limit"
    assert ending.evidence["signal"] == "SIGKILL"
    assert ending.evidence["limits"] == {"memory_limit_mb": 150}
    assert ending.evidence["peak_memory_mb"] > 150
    curve = ending.evidence["memory_mb"]
    assert len(curve) <= 32
    assert [seconds for seconds, _ in curve] == sorted(seconds for seconds, _ in curve)
    assert max(value for _, value in curve) > 100


def test_one_absurd_allocation_is_refused_inside(supervisor):
    ending = supervisor.run(bodies.touch_at_once, 4000, memory_limit_mb=150, timeout_s=60)
    assert ending.outcome == "oom"
    assert ending.evidence["exception"]["type"] == "MemoryError"
    assert ending.evidence["exception"]["frame"].endswith("in touch_at_once")
    assert ending.evidence["limits"] == {"memory_limit_mb": 150}
    assert ending.evidence["peak_memory_mb"] < 150
    assert "under its limit of 150 MB" in ending.evidence["reason"]


def test_a_memory_error_without_a_limit_is_out_of_memory_too(supervisor):
    ending = supervisor.run(bodies.touch_at_once, 10**9)
    assert ending.outcome == "oom"
    assert "limits" not in ending.evidence


def test_use_below_the_limit_is_fine(supervisor):
    ending = supervisor.run(bodies.touch_at_once, 60, memory_limit_mb=200)
    assert (ending.outcome, ending.result) == ("ok", 60_000_000)
    assert 60 < ending.evidence["peak_memory_mb"] < 200


def test_reserving_is_not_using(supervisor):
    assert supervisor.run(bodies.reserve, 250, memory_limit_mb=150).outcome == "ok"


def test_the_limit_counts_the_whole_tree(supervisor):
    ending = supervisor.run(bodies.touch_in_children, 90, 3, memory_limit_mb=200, timeout_s=60)
    assert ending.outcome == "oom"
    assert ending.evidence["sent_by"] == "lehr: memory limit"


def test_pages_shared_by_fork_count_once(supervisor):
    ending = supervisor.run(bodies.share_with_children, 80, 4, memory_limit_mb=200, timeout_s=60)
    assert ending.outcome == "ok"


def test_a_flood_of_output_stays_outside(supervisor):
    before = read_usage("self")
    ending = supervisor.run(bodies.flood_stdout, 300, timeout_s=120)
    assert ending.result == {"written": 300}
    assert ending.evidence["stdout_tail"].endswith("\nthe last line")
    assert len(ending.evidence["stdout_tail"]) <= 8192
    assert read_usage("self").peak - before.peak < 50 * MB


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_the_limit_inside_begins_after_the_imports(new_supervisor, tmp_path, monkeypatch, isolation):
    """Runtimes reserve a lot when they are imported, which is no fault of the evaluation."""
    text = "import resource\ndef limit(): return resource.getrlimit(resource.RLIMIT_DATA)[0]\n"
    text += "AT_IMPORT = limit()\nHELD = bytes(50_000_000)\ndef body(): return [AT_IMPORT, limit()]\n"
    (tmp_path / "lehr_test_limited.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    body = __import__("lehr_test_limited").body
    supervisor = new_supervisor(isolation=isolation)
    limits = [supervisor.run(body, memory_limit_mb=limit).result for limit in (100, 200, None)]
    unlimited = limits[2][1]
    assert [at_import for at_import, _ in limits] == [unlimited] * 3
    small, large = limits[0][1], limits[1][1]
    assert small != unlimited
    # What the imports hold comes on top, so that twice the difference of the limits is left between them.
    assert 100 * MB <= large - small <= 300 * MB


THROW = """
#include <new>
#include <stdexcept>
extern "C" void bad_alloc() { throw std::bad_alloc(); }
extern "C" void bad_length() { throw std::bad_array_new_length(); }
extern "C" void another() { throw std::runtime_error("std::bad_alloc, out of memory"); }
"""


@pytest.fixture(scope="module")
def thrower(tmp_path_factory):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("no C++ compiler to build something that throws")
    folder = tmp_path_factory.mktemp("thrower")
    (folder / "throw.cpp").write_text(THROW)
    command = [compiler, "-shared", "-fPIC", "-o", str(folder / "throw.so"), str(folder / "throw.cpp")]
    subprocess.run(command, check=True, timeout=120)
    return str(folder / "throw.so")


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_cpp_allocation_that_nobody_caught_is_known_by_its_type(new_supervisor, thrower, isolation):
    supervisor = new_supervisor(isolation=isolation)
    for name, kind in (("bad_alloc", "std::bad_alloc"), ("bad_length", "std::bad_array_new_length")):
        ending = supervisor.run(faults.throw_in_cpp, thrower, name, timeout_s=60)
        assert (ending.outcome, ending.evidence["signal"]) == ("oom", "SIGABRT")
        assert ending.evidence["cxx_exception"] == kind
        assert ending.evidence["fault"]["frame"].endswith("in throw_in_cpp")
        assert ending.evidence["signature"] == f"oom: {kind}"
    ending = supervisor.run(faults.throw_in_cpp, thrower, "another", timeout_s=60)
    assert (ending.outcome, ending.evidence["cxx_exception"]) == ("crashed", "St13runtime_error")


@pytest.mark.parametrize(
    ("package", "name", "outcome"),
    [
        ("torch", "OutOfMemoryError", "oom"),
        ("cupy", "OutOfMemoryError", "oom"),
        ("tensorflow", "ResourceExhaustedError", "oom"),
        ("mine", "OutOfMemoryError", "crashed"),
        ("torch", "AcceleratorError", "crashed"),
    ],
)
def test_allocators_are_known_by_their_types(supervisor, package, name, outcome):
    assert supervisor.run(faults.raise_like, package, name).outcome == outcome


@pytest.mark.parametrize("count", [1, 31, 32, 33, 1000, 12345])
def test_a_trajectory_keeps_its_shape_in_32_points(count):
    trajectory = lehr_testing.Trajectory()
    for index in range(count):
        trajectory.add(index * 0.01, float(index))
    points = trajectory.points()
    assert len(points) <= 32
    assert len(points) >= min(count, 12)
    assert points[0] == (0.0, 0.0)
    assert points[-1][1] >= 0.8 * (count - 1)
