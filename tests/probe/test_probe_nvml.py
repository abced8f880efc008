"""What NVML tells, through a library that plays it: which GPU, its clock, its memory by process, its energy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fake_driver import FakeDriver, FakeNvml, Work, build_nvml, uuid
from lehr.probe import measure, native, nvml
from lehr.probe.conditions import Watch, marked_spans
from lehr.probe.energy import EnergyMeter
from lehr.probe.memory import device_memory
from lehr.probe.on_gpu import visible_uuids

IDLE, POWER_CAP, THERMAL = 0x1, 0x4, 0x40
GPU = uuid(0)


def test_importing_lehr_does_not_import_pynvml() -> None:
    code = "import sys, lehr, lehr.probe; print('pynvml' in sys.modules)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    assert subprocess.check_output([sys.executable, "-c", code], env=env, text=True).strip() == "False"


def test_what_nvml_tells(fake_nvml: FakeNvml) -> None:
    me = os.getpid()
    fake_nvml.say(
        f"process 0 {me} 123000000", "process 0 7 5", "mhz 0 1980", f"reasons 0 {THERMAL}", "used 0 9"
    )
    with nvml.opened() as library:
        assert library.processes(GPU) == {me: 123_000_000, 7: 5}
        assert (library.celsius(GPU), library.clock(GPU)) == (61, nvml.Clock(1980, False, True))
        assert library.used_bytes(f"GPU-{GPU}") == 9
        assert library.driver() == "580.1"
        with pytest.raises(nvml.NvmlError, match=r"opening GPU none failed: made up \(6\)"):
            library.celsius("none")
    meter = EnergyMeter("cuda", gpu=GPU, least_s=0.0)
    energy = meter.end()
    assert energy.joules == 1.5
    assert "NVML" in energy.source
    memory = device_memory(900_000_000, 800_000_000, GPU)
    assert (memory.device_mb, memory.device_growth_mb) == (123.0, 100.0)
    assert memory.device_source == "NVML per process, cuMemGetInfo before and after"


def test_the_older_name_of_the_throttling_reasons(
    fake_nvml: FakeNvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEHR_NVML", str(build_nvml(tmp_path, "-DFAKE_OLD_DRIVER")))
    fake_nvml.say(f"reasons 0 {POWER_CAP}")
    with nvml.opened() as library:
        assert library.clock(GPU).throttled


@pytest.mark.parametrize("count", [1, 2, 9])
def test_rows_of_both_sizes(fake_nvml: FakeNvml, count: int) -> None:
    rows = [f"process 0 {100 + i} {1000 * (i + 1)}" for i in range(count)]
    for size in ([], ["rows 32 1"]):
        fake_nvml.say(*rows, *size)
        with nvml.opened() as library:
            assert library.processes(GPU) == {100 + i: 1000 * (i + 1) for i in range(count)}


def test_zero_bytes_are_not_told_rather_than_none_in_use(fake_nvml: FakeNvml) -> None:
    for said in (0, 2**64 - 1):
        fake_nvml.say(f"process 0 {os.getpid()} {said}")
        memory = device_memory(None, None, GPU)
        assert memory.device_mb is None
        assert "does not tell what this process holds" in memory.device_source
    fake_nvml.say()
    assert "does not list this process" in device_memory(None, None, GPU).device_source


def test_a_part_of_a_gpu_has_memory_of_its_own_and_the_clock_of_the_whole(fake_nvml: FakeNvml) -> None:
    fake_nvml.say("mig 0", "used 0 5000000", f"process 0 {os.getpid()} 4000000")
    with nvml.opened() as library:
        assert library.used_bytes(GPU) == 5_000_000
        assert library.clock(GPU).mhz == 1410
        assert library.celsius(GPU) == 61
    assert EnergyMeter("cuda", gpu=GPU, least_s=0.0).end().joules == 1.5
    assert device_memory(None, None, GPU).device_mb == 4.0


def test_an_energy_counter_that_was_set_back_tells_nothing(fake_nvml: FakeNvml) -> None:
    fake_nvml.say("energy 0 900000")
    meter = EnergyMeter("cuda", gpu=GPU, least_s=0.0)
    fake_nvml.say("energy 0 1000")
    energy = meter.end()
    assert energy.joules is None
    assert "set back" in energy.source


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"CUDA_VISIBLE_DEVICES": "2,0"}, [2, 0]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-a1,0"}, [1, 0]),
        ({"CUDA_VISIBLE_DEVICES": "1,-1,0"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"FAKE_CUDA_FASTEST_LAST": "1"}, [2, 1, 0]),
        ({"FAKE_CUDA_FASTEST_LAST": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, [0, 1, 2]),
        ({"FAKE_CUDA_MIG": "1", "CUDA_VISIBLE_DEVICES": "MIG-a2"}, [2]),
    ],
)
def test_the_driver_says_which_gpus_there_are(
    fake_nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], expected: list[int]
) -> None:
    for name, value in {"FAKE_CUDA_COUNT": "3", **settings}.items():
        monkeypatch.setenv(name, value)
    assert visible_uuids() == [uuid(gpu) for gpu in expected]
    fake_nvml.say(
        *(f"used {gpu} {10**6 * (gpu + 1)}" for gpu in range(3)),
        *(["mig 2"] if "FAKE_CUDA_MIG" in settings else []),
    )
    for ordinal, gpu in enumerate(expected):
        assert nvml.GpuMemory(ordinal)() == gpu + 1
    with pytest.raises(nvml.NvmlError, match=f"CUDA shows {len(expected)} GPU"):
        nvml.GpuMemory(len(expected))()


def test_a_trial_s_environment_counts(fake_nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CUDA_COUNT", "2")
    fake_nvml.say("used 0 1000000", "used 1 2000000")
    assert nvml.GpuMemory(0, {"CUDA_VISIBLE_DEVICES": "1"})() == 2.0


def test_without_a_driver_the_reason_is_given(fake_nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEHR_CUDA_DRIVER", "/nowhere/libcuda.so.1")
    with pytest.raises(nvml.NvmlError, match="there is no NVIDIA driver"):
        nvml.GpuMemory(0)()


def test_what_is_measured_is_the_stream_s_own_gpu(
    fake_nvml: FakeNvml, fake_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CUDA_VISIBLE_DEVICES=1 the first GPU of CUDA is the second of NVML."""
    monkeypatch.setenv("FAKE_CUDA_COUNT", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    fake_nvml.say("mhz 0 300", "mhz 1 1755", f"reasons 0 {THERMAL}", f"process 1 {os.getpid()} 7000000")
    driver = FakeDriver(fake_library)
    driver.behave()
    report: Any = measure(
        native(driver.work, Work(0x5000, 1.0)), device="cuda", stream=0x5000, max_samples=50
    )
    assert report.conditions.mhz == (1755.0, 1755.0)
    assert report.conditions.celsius == 71.0
    assert report.conditions.throttled == ()
    assert report.memory.device_mb == 7.0
    driver.behave()


def test_on_a_gpu_its_own_reasons_count(fake_nvml: FakeNvml) -> None:
    fake_nvml.say(f"reasons 0 {THERMAL}", "mhz 0 1200")
    watch = Watch(device="cuda", gpu=GPU)
    watch.tick(10)
    fake_nvml.say("mhz 0 1980")
    watch.tick(20)
    seen = watch.end(30)
    assert seen.mhz == (1200.0, 1980.0)
    assert seen.celsius == 61.0
    assert seen.throttled == ((0, 20),)


def test_a_gpu_that_wakes_up_is_not_throttled(fake_nvml: FakeNvml) -> None:
    fake_nvml.say(f"reasons 0 {IDLE}", "mhz 0 210")
    watch = Watch(device="cuda", gpu=GPU)
    fake_nvml.say("mhz 0 1200")  # no reason given: on its way up
    watch.tick(500)
    fake_nvml.say("mhz 0 1980")
    seen = watch.end(2000)
    assert seen.throttled == ()
    assert seen.mhz == (1200.0, 1980.0)


def test_a_gpu_that_was_always_idle_has_no_clock_to_tell(fake_nvml: FakeNvml) -> None:
    fake_nvml.say(f"reasons 0 {IDLE}", "mhz 0 210")
    seen = Watch(device="cuda", gpu=GPU).end(10)
    assert (seen.mhz, seen.throttled) == (None, ())
    assert "idle" in seen.missing[0]


def test_marked_spans() -> None:
    assert marked_spans([(0, False), (5, True), (9, False), (12, False)]) == ((0, 9),)
    assert marked_spans([(0, True), (0, True)]) == ()
    assert marked_spans([]) == ()


def test_without_nvml_the_reason_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEHR_NVML", str(tmp_path / "none.so"))
    assert "there is no NVML" in Watch(device="cuda", gpu=GPU).end(1).missing[0]
    energy = EnergyMeter("cuda", gpu=GPU).end()
    assert energy.joules is None
    assert "there is no NVML" in energy.source
    assert device_memory(None, None, GPU).device_source.startswith("unknown; there is no NVML")
