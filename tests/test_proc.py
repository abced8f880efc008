"""/proc and control groups, on made-up files and on this machine's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lehr import _proc

LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc")


def write(root: Path, name: str, text: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_status_and_sizes(tmp_path: Path) -> None:
    write(tmp_path, "proc/7/status", "Name:\ta: b\nVmHWM:\t  2000 kB\nThreads:\t3\nVmData:\tnone")
    fields = _proc.status(7, root=tmp_path)
    assert fields == {"Name": "a: b", "VmHWM": "2000 kB", "Threads": "3", "VmData": "none"}
    assert _proc.size(fields, "VmHWM") == 2000 * 1024
    assert _proc.size(fields, "VmData") is None
    assert _proc.size(fields, "RssAnon") is None
    assert _proc.size(None, "VmHWM") is None
    write(tmp_path, "proc/7/smaps_rollup", "00400000-7ff [rollup]\nRss: 9 kB\nPrivate_Dirty:   500 kB")
    assert _proc.size(_proc.smaps_rollup(7, root=tmp_path), "Private_Dirty") == 500 * 1024


def test_what_is_not_there(tmp_path: Path) -> None:
    assert _proc.status(root=tmp_path) is None
    assert _proc.smaps_rollup(root=tmp_path) is None
    assert _proc.stat(1, root=tmp_path) == []
    assert _proc.cpu_seconds(1, root=tmp_path) is None
    assert _proc.threads(root=tmp_path) is None
    assert _proc.mapped_libraries(root=tmp_path) == []
    assert _proc.open_files(root=tmp_path) == []
    assert _proc.pid_namespace(root=tmp_path) is None
    assert _proc.children(1, root=tmp_path) == []
    assert _proc.waited_ns(root=tmp_path) is None
    assert _proc.cpu_time([0], root=tmp_path) is None
    assert _proc.cpu_model(root=tmp_path) is None
    assert _proc.cgroup(root=tmp_path) is None
    assert not _proc.cgroup_mounted(root=tmp_path)
    assert not _proc.readable(root=tmp_path)
    assert _proc.cgroup_file_upwards("cpu.max", root=tmp_path) == []


def test_stat_behind_a_name_with_brackets(tmp_path: Path) -> None:
    fields = ["S", "4"] + ["0"] * 9 + ["100", "50", "20", "10"] + ["0"] * 5
    write(tmp_path, "proc/7/stat", "7 (a) b) " + " ".join(fields))
    assert _proc.stat(7, root=tmp_path)[:2] == [b"S", b"4"]
    assert _proc.cpu_seconds(7, root=tmp_path) == 180 / _proc.clock_ticks()


def test_children_of_all_threads(tmp_path: Path) -> None:
    write(tmp_path, "proc/7/task/7/children", "8 9 ")
    write(tmp_path, "proc/7/task/70/children", "10")
    assert sorted(_proc.threads(7, root=tmp_path) or ()) == [7, 70]
    assert sorted(_proc.children(7, root=tmp_path)) == [8, 9, 10]


def test_a_kernel_without_lists_of_children(tmp_path: Path) -> None:
    (tmp_path / "proc/7/task/7").mkdir(parents=True)
    write(tmp_path, "proc/7/stat", "7 (x) S 1")
    write(tmp_path, "proc/8/stat", "8 (y) S 7")
    write(tmp_path, "proc/9/stat", "9 (z) S 8")
    assert _proc.children(7, root=tmp_path) == [8]


def test_waits_by_thread(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/task/7/schedstat", "1000 250 3")
    write(tmp_path, "proc/self/task/8/schedstat", "1 2 3")
    write(tmp_path, "proc/self/task/9/comm", "a kernel thread without one")
    assert _proc.waited_ns(root=tmp_path) == {7: 250, 8: 2}


def test_cpu_time_of_some_cpus(tmp_path: Path) -> None:
    rows = (
        "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 10 1 999 999 2 3 40 50 0\ncpu1 1 0 0 0 0 0 0 0 0 0\ncpu10 7 0 0 0"
    )
    write(tmp_path, "proc/stat", rows)
    tick = 1 / _proc.clock_ticks()
    assert _proc.cpu_time([0], root=tmp_path) == _proc.CpuTime(116 * tick, 40 * tick)
    assert _proc.cpu_time([1, 10], root=tmp_path) == _proc.CpuTime(8 * tick, 0.0)


def test_control_groups(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "1:cpu:/old\n0::/lehr/trial")
    write(tmp_path, "sys/fs/cgroup/cgroup.controllers", "memory")
    write(tmp_path, "sys/fs/cgroup/cpu.max", "max 100000")
    write(tmp_path, "sys/fs/cgroup/lehr/trial/cpu.max", "50000 100000")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
    assert _proc.cgroup(root=tmp_path) == "/lehr/trial"
    assert _proc.cgroup_mounted(root=tmp_path)
    assert _proc.cgroup_folder("/lehr", root=tmp_path) == tmp_path / "sys/fs/cgroup/lehr"
    assert _proc.cgroup_file("/lehr/trial", "cpu.max", root=tmp_path) == "50000 100000"
    assert _proc.cgroup_file("/lehr", "cpu.max", root=tmp_path) is None
    assert _proc.cgroup_file_upwards("cpu.max", root=tmp_path) == ["50000 100000", "max 100000"]
    assert _proc.cgroup_v1_file("cpu", "cpu.cfs_quota_us", root=tmp_path) == "-1"
    write(tmp_path, "proc/self/cgroup", "0::/")
    assert _proc.cgroup_file_upwards("cpu.max", root=tmp_path) == ["max 100000"]


def test_this_process_s_libraries_files_and_namespace(tmp_path: Path) -> None:
    maps = "7f00-7f10 r-xp 00000000 08:01 5    /a b/libx.so.1\n7f10-7f20 rw-p 00000000 00:00 0    [heap]"
    write(tmp_path, "proc/self/maps", maps)
    (tmp_path / "proc/self/fd").mkdir()
    (tmp_path / "proc/self/fd/0").symlink_to("/dev/null")
    write(tmp_path, "proc/self/fd/3", "gone while we looked")
    assert _proc.mapped_libraries(root=tmp_path) == ["/a b/libx.so.1"]
    assert _proc.open_files(root=tmp_path) == ["/dev/null"]
    write(tmp_path, "proc/self/ns/pid", "")
    assert _proc.pid_namespace(root=tmp_path) == (tmp_path / "proc/self/ns/pid").stat().st_ino


def test_the_processor_s_name(tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\nmodel name\t: A Chip: 3 GHz\nmodel name\t: another")
    assert _proc.cpu_model(root=tmp_path) == "A Chip: 3 GHz"


@LINUX
def test_this_machine() -> None:
    fields = _proc.status()
    assert fields is not None
    assert int(fields["Pid"]) == os.getpid()
    assert (_proc.size(fields, "VmHWM") or 0) > 10**6
    assert _proc.stat(os.getpid())[0] == b"R"
    assert os.getpid() in (_proc.threads() or ())
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in _proc.children(os.getpid())
        child.communicate(b"\n")
    assert (_proc.cpu_seconds(os.getpid()) or 0.0) > 0.0
    found = _proc.cpu_time(sorted(os.sched_getaffinity(0)))
    assert found is not None
    assert found.busy > 0.0


def test_proc_is_read_in_one_place() -> None:
    package = Path(_proc.__file__).parent
    names = re.compile(r"""["']/?(proc|sys/fs/cgroup)(/[^"'\s]*)?["']""")
    found = {
        str(path.relative_to(package)) for path in package.rglob("*.py") if names.search(path.read_text())
    }
    assert found == {"_proc.py"}
