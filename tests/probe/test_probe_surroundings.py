"""Conditions, memory, energy and the survey, on made-up files of a kernel and a made-up NVML."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import lehr
from lehr import _core
from lehr.errors import OptionError
from lehr.probe.conditions import Watch, throttled_spans
from lehr.probe.energy import EnergyMeter, relative_sem
from lehr.probe.measuring import measure
from lehr.probe.memory import cgroup_memory, host_memory
from lehr.probe.survey import as_json, lines, survey


def write(root: Path, name: str, text: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}\n")


def test_throttled_samples_are_marked() -> None:
    ticks = [(0, 3000.0), (10, 3000.0), (20, 2000.0), (30, 2950.0), (40, 3000.0)]
    assert throttled_spans(ticks, [0, 0, 0, 0, 0]) == ((10, 30),)
    assert throttled_spans(ticks[:2], [4, 5]) == ((0, 10),)  # the kernel counted an event
    assert throttled_spans([(0, 3000.0), (10, 2990.0)], [None, None]) == ()
    assert throttled_spans([], []) == ()
    assert throttled_spans([(0, 1000.0), (0, 3000.0)], [0, 0]) == ()  # no sample in between


def test_a_watch_reads_the_kernel_s_files(tmp_path: Path) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        write(tmp_path, f"sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq", 3_000_000)
    write(tmp_path, "sys/class/thermal/thermal_zone0/temp", 41_500)
    write(tmp_path, "proc/stat", "cpu 1 2 3\n" + "\n".join(f"cpu{n} 100 0 0 500 0 0 0 0" for n in cpus))
    watch = Watch(tmp_path)
    write(tmp_path, f"sys/devices/system/cpu/cpu{cpus[0]}/cpufreq/scaling_cur_freq", 1_500_000)
    watch.tick(7)
    seen = watch.end(20)
    assert seen.mhz == (1500.0, 3000.0)
    assert seen.celsius == 41.5
    assert seen.throttled == ((0, 20),)
    assert json.loads(json.dumps(seen.as_json()))["throttled"] == [[0, 20]]


def test_nothing_readable_is_said(tmp_path: Path) -> None:
    seen = Watch(tmp_path).end(5)
    assert seen.mhz is None
    assert seen.celsius is None
    assert seen.foreign_cpu is None
    assert seen.quiet is None
    assert len(seen.missing) == 4
    assert host_memory(root=tmp_path) == (None, "unknown: /proc/self cannot be read")
    assert EnergyMeter("cpu", tmp_path).end().joules is None


def test_memory_of_a_forked_process(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/status", "Name: x\nVmHWM:   2000 kB")
    write(tmp_path, "proc/self/smaps_rollup", "Rss: 9 kB\nPrivate_Dirty:   500 kB")
    assert host_memory(root=tmp_path) == (2.048, "VmHWM")
    assert host_memory(forked=True, root=tmp_path) == (
        0.512,
        "Private_Dirty at the end (this process was forked)",
    )


def test_the_tree_s_memory_is_polled_where_there_is_a_tree() -> None:
    alone = measure(lambda: None, max_samples=20).memory
    assert alone.host_source.startswith("VmHWM")  # and no more, unless earlier tests made this process fat
    assert alone.host_peak_mb is not None
    code = "held = b'x' * 300_000_000; print(flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )  # in this process' tree
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        memory = measure(lambda: None, max_samples=20).memory
        child.communicate(b"\n")
    assert memory.host_peak_mb is not None
    assert memory.host_peak_mb > 300.0
    assert "5 ms apart" in memory.host_source or "held at once" in memory.host_source
    if memory.host_peak_mb > alone.host_peak_mb + 1:  # unless earlier tests made this process fat
        assert re.search(
            r"of this process and [1-9]\d* more", memory.host_source
        )  # a runtime may have its own


def test_a_tree_watch_sees_what_came_and_went(tmp_path: Path) -> None:
    def process(pid: int, children: str, kilobytes: int) -> None:
        write(tmp_path, f"proc/{pid}/task/{pid}/children", children)
        write(tmp_path, f"proc/{pid}/stat", f"{pid} (x) S" + " 1" * 49)
        write(
            tmp_path,
            f"proc/{pid}/status",
            f"Name: x\nRssAnon:\t{kilobytes} kB\nRssFile: 7 kB\nRssShmem: 1 kB",
        )

    process(10, "11 12 ", 100)
    process(11, "13 ", 200)
    process(12, "", 300)
    process(13, "", 400)
    root = str(tmp_path)
    assert _core.probe_descendants(root, 10) == [11, 12, 13]
    watch = _core.TreeWatch(root, 10, 1.0)
    process(12, "", 0)
    peak, descendants, polls = watch.stop()
    assert (peak, descendants) == (1024 * (100 + 200 + 300 + 400 + 4), 3)
    assert polls >= 2
    assert watch.stop()[:2] == (peak, descendants)
    shutil.rmtree(tmp_path / "proc")
    assert _core.probe_descendants(root, 10) == []
    assert _core.TreeWatch(root, 10, 1.0).stop()[0] == 0
    with pytest.raises(OptionError, match="period_ms"):
        _core.TreeWatch(root, 10, 0.0)


def test_the_group_s_memory(tmp_path: Path) -> None:
    assert cgroup_memory(tmp_path) == (None, "unknown: /proc/self/cgroup cannot be read")
    write(tmp_path, "proc/self/cgroup", "1:cpu:/\n0::/lehr/trial")
    assert cgroup_memory(tmp_path) == (None, "none: cgroup v2 is not mounted")
    write(tmp_path, "sys/fs/cgroup/cgroup.controllers", "memory")
    assert "has no memory.peak" in cgroup_memory(tmp_path)[1]
    write(tmp_path, "sys/fs/cgroup/lehr/trial/memory.peak", 5_000_000)
    assert cgroup_memory(tmp_path) == (5.0, "memory.peak of /lehr/trial")
    write(tmp_path, "proc/self/cgroup", "0::/")
    assert "root group" in cgroup_memory(tmp_path)[1]


def test_rapl_wraps_around_and_counts_packages_once(tmp_path: Path) -> None:
    def zone(name: str, value: int) -> None:
        write(tmp_path, f"sys/class/powercap/{name}/energy_uj", value)
        write(tmp_path, f"sys/class/powercap/{name}/max_energy_range_uj", 10_000_000)

    for name, value in (("intel-rapl:0", 9_000_000), ("intel-rapl:1", 1_000_000), ("intel-rapl:0:0", 0)):
        zone(name, value)
    meter = EnergyMeter("cpu", tmp_path, least_s=0.0)
    for name, value in (
        ("intel-rapl:0", 500_000),
        ("intel-rapl:1", 3_000_000),
        ("intel-rapl:0:0", 5_000_000),
    ):
        zone(name, value)
    energy = meter.end()
    assert energy.joules == pytest.approx(1.5 + 2.0)
    assert "RAPL" in energy.source


def test_energy_is_told_over_enough_time_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "sys/class/powercap/intel-rapl:0/energy_uj", 1)
    clock = [50.0]
    monkeypatch.setattr("lehr.probe.energy.time.monotonic", lambda: clock[0])
    meter = EnergyMeter("cpu", tmp_path)
    clock[0] += 0.005
    assert meter.end().joules is None
    assert "0.005 s are too short" in meter.end().source
    clock[0] += 0.1
    assert meter.end().joules == 0.0


def test_blocks_of_the_counter_tell_how_well_joules_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, joules = [10.0], 0
    monkeypatch.setattr("lehr.probe.energy.time.monotonic", lambda: clock[0])
    write(tmp_path, "sys/class/powercap/intel-rapl:0/max_energy_range_uj", 10_000_000)
    write(tmp_path, "sys/class/powercap/intel-rapl:0/energy_uj", 0)
    meter = EnergyMeter("cpu", tmp_path)
    meter.tick(0)
    for block, spent in enumerate((3, 4, 5, 4), 1):
        clock[0] += 0.05
        joules = (joules + spent) % 10  # the counter wraps around
        write(tmp_path, "sys/class/powercap/intel-rapl:0/energy_uj", joules * 1_000_000)
        meter.tick(100 * block)
        meter.tick(100 * block + 1)  # too soon for a block
    assert meter.end().relative_sem == pytest.approx(relative_sem([(3, 100), (4, 100), (5, 100), (4, 100)]))
    assert EnergyMeter("cpu", tmp_path / "none").end().relative_sem is None


def test_joules_per_item_can_be_limited_and_optimised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    write(tmp_path, "sys/class/powercap/intel-rapl:0/energy_uj", 0)
    monkeypatch.setattr(
        "lehr.probe.measuring.EnergyMeter",
        lambda device, gpu: EnergyMeter(device, tmp_path, least_s=0.0),
    )

    def call() -> None:  # 8 J
        counter.write_text(str(int(counter.read_text()) + 8_000_000))

    space = lehr.Space([lehr.Categorical("batch_size", [1, 2, 4])])
    limit = {"energy_j_per_item": 5.0}
    optimizer = lehr.Optimizer(
        space, direction="minimize", constraints=limit, budget=3, method="random", seed=0
    )
    for batch in (1, 2, 4):
        joules = measure(call, batch_size=batch, max_samples=20).metrics()["energy_j_per_item"]
        assert joules == pytest.approx(8 / batch)
        metrics = {"energy_j_per_item": joules}
        optimizer.add({"batch_size": batch}, objective=joules, metrics=metrics, outcome="ok")
    assert [trial.feasible for trial in optimizer.trials] == [False, True, True]
    assert optimizer.best is not None
    assert optimizer.best.config == {"batch_size": 4}


def test_the_survey_says_what_is_missing_and_why(tmp_path: Path) -> None:
    found = {one.name: one for one in survey(repeats=2, root=tmp_path)}
    assert {"timer", "noise floor", "p95 repeatability", "GPU", "NVML", "cgroup v2", "capabilities"} <= set(
        found
    )
    assert found["timer"].there
    assert found["timer"].value
    for name in ("clock frequency", "temperature", "contention", "energy", "cgroup v2", "process memory"):
        assert not found[name].there, name
        assert found[name].text
    document = json.loads(json.dumps(as_json(list(found.values())), allow_nan=False))
    assert len(document["abilities"]) == len(found)
    assert len(lines(list(found.values()), str)) == len(found)
