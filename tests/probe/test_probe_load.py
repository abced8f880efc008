"""Others on the CPUs: the arithmetic on made-up files of a kernel, and a busy neighbour on this one."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lehr import _proc
from lehr.probe import measure
from lehr.probe.conditions import Watch
from lehr.probe.load import Load, LoadWatch, usable_cpus


def load(**changes: Any) -> Load:
    quiet: dict[str, Any] = {
        "seconds": 1.0, "cpus": 2, "foreign": 0.02, "own": 0.5, "stolen": 0.01, "steal": 0.0, "switches": 3,
    }  # fmt: skip
    return Load(**{**quiet, **changes})


def test_a_quiet_machine() -> None:
    assert load().contention() == ""
    assert load().judged
    assert not load(seconds=0.1).judged
    assert not load(foreign=None).judged


def test_foreign_work() -> None:
    assert load(foreign=0.81).contention() == "other processes used 81% of the CPUs that this one may use"
    # In 0.2 s of two CPUs a clock tick is 2.5 % of what they can do: what is counted may be off by one on each.
    assert load(foreign=0.14, seconds=0.2).contention() == ""
    assert load(foreign=0.16, seconds=0.2).contention() != ""
    assert load(foreign=0.16, seconds=0.05).contention() == ""


def test_waiting_for_a_cpu() -> None:
    pinned = load(cpus=64, foreign=0.01, own=0.008, stolen=0.5)  # a neighbour on our one CPU of many
    assert "waited for a CPU for 28% of the time" in pinned.contention()
    own_doing = load(foreign=0.01, own=0.98, stolen=1.0)  # more threads than CPUs
    assert own_doing.contention() == ""
    assert load(stolen=None).contention() == ""


def test_a_hypervisor_that_runs_others() -> None:
    assert load(steal=0.12).contention() == "the hypervisor ran others for 12% of the time"
    assert load(steal=0.04).contention() == ""


def test_switches_count_where_nothing_else_is_known() -> None:
    assert "off its CPU 500 times" in load(foreign=None, switches=500).contention()
    assert load(foreign=0.0, switches=500).contention() == ""  # nobody else was there
    assert load(foreign=None, switches=500, seconds=0.01).contention() == ""


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel's files, and a clock that is moved by hand; calling it sets busy and stolen ticks a CPU and the
    nanoseconds that two threads waited."""
    clock = [100.0]
    monkeypatch.setattr("lehr.probe.load.time.monotonic", lambda: clock[0])

    def look(seconds: float, busy: int, steal: int, waits: tuple[int, ...]) -> Path:
        clock[0] += seconds
        rows = "\n".join(f"cpu{n} {busy} 0 0 9999 9999 0 0 {steal} 0 0" for n in usable_cpus())
        write(tmp_path, "proc/stat", "cpu  1 2 3\n" + rows)
        for number, ns in enumerate(waits):
            write(tmp_path, f"proc/self/task/{number}/schedstat", f"123 {ns} 7")
        return tmp_path

    return look


def test_a_watch_takes_what_others_did_from_the_kernel_s_files(machine: Any) -> None:
    ticks = _proc.clock_ticks()
    watch = LoadWatch(machine(0.0, 0, 50, (10**9, 0)))
    machine(10.0, 5 * ticks, 50 + ticks, (2 * 10**9, 10**9, 10**9))  # a third thread began meanwhile
    found = watch.end()
    assert found.seconds == 10.0
    assert found.foreign == pytest.approx(0.5, abs=0.1)  # and hardly by us
    assert found.steal == pytest.approx(0.1)
    assert found.stolen == pytest.approx(0.3)


def test_conditions_tell_it(machine: Any) -> None:
    root = machine(0.0, 0, 0, (0,))
    watch = Watch(root)
    machine(1.0, _proc.clock_ticks() // 2, 0, (4 * 10**8,))
    seen = watch.end(10)
    assert seen.foreign_cpu is not None
    assert seen.stolen_share == pytest.approx(0.4)
    assert seen.quiet is False
    assert "of the CPUs" in seen.contended
    assert seen.as_json()["stolen_share"] == pytest.approx(0.4)


def test_a_window_in_which_nothing_can_be_said_says_so(machine: Any) -> None:
    root = machine(0.0, 0, 0, (0,))
    watch = Watch(root)
    machine(0.1, 0, 0, (0,))
    seen = watch.end(10)
    assert (seen.contended, seen.quiet) == ("", None)
    assert any("whether others disturbed it is unknown: shorter than 0.2 s" in one for one in seen.missing)
    watch = Watch(root)
    machine(0.01, 50, 0, (0,))
    seen = watch.end(1)
    assert (seen.foreign_cpu, seen.quiet) == (None, None)
    assert any("foreign CPU time is unknown: shorter than 0.05 s" in one for one in seen.missing)
    watch = Watch(root)
    machine(0.3, 50, 0, (0,))
    quiet = watch.end(10)
    assert quiet.quiet in (True, None) or quiet.contended  # 50 ticks before and after: nobody worked
    assert not any("unknown: shorter" in one for one in quiet.missing)


def test_work_of_our_own_tree_is_not_foreign() -> None:
    """A child that is alive, and one that was waited for, count as ours: what they use is taken off."""
    spin = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    watch = LoadWatch()
    before = watch._own_seconds()
    with subprocess.Popen([sys.executable, "-c", spin], **pipes) as child:
        assert child.stdout is not None
        child.stdout.readline()
        alive = watch._own_seconds()
        child.communicate(b"\n")
    assert alive - before > 0.25
    assert watch._own_seconds() - before > 0.25


@contextmanager
def neighbours() -> Iterator[None]:
    """One process that spins on each CPU, in no tree of ours: it is handed to init."""
    spin = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); print(os.getpid(), flush=True)\nwhile 1: pass"
    double = "import subprocess as s, sys\nfor cpu in sys.argv[2:]: s.Popen([sys.executable, '-c', sys.argv[1], cpu])"
    cpus = [str(cpu) for cpu in usable_cpus()]
    with subprocess.Popen(
        [sys.executable, "-c", double, spin, *cpus], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in cpus]
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, 9)


def spin(seconds: float = 0.002) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


@pytest.mark.slow
@pytest.mark.skipif(_proc.waited_ns() is None, reason="this kernel shows no schedstat")
def test_a_busy_neighbour_is_noticed_within_a_fifth_of_a_second() -> None:
    def windows(count: int) -> list[tuple[str, float]]:
        found = []
        for _ in range(count):
            report = measure(spin, precision=0.9, least_seconds=0.2, warmup_seconds=0.0, max_seconds=5.0)
            assert report.conditions.stolen_share is not None
            found.append((report.conditions.contended, report.conditions.stolen_share))
        return found

    alone = windows(7)
    with neighbours():
        beside = windows(7)
    assert sum(bool(contended) for contended, _ in beside) >= 6
    stolen, before = (statistics.median(share for _, share in found) for found in (beside, alone))
    assert stolen > 0.2  # half of the time, where nobody else is there
    if not any(contended for contended, _ in alone):  # else this machine is not ours alone
        assert stolen > before + 0.1
