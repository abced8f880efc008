"""Trials on a GPU, with drivers that are played: what stands between two of them, and modules that start CUDA."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lehr.errors import OptionError
from lehr.supervise import Supervisor
from lehr.supervise._cuda import cuda_has_started
from lehr.supervise._device import Devices

STARTS_CUDA = """
import os
import lehr
IMAGE = "kernel"
AT_IMPORT = lehr.gpu_status().device
def trial():
    return AT_IMPORT, lehr.gpu_status().device, lehr.gpu_status().reason
"""


@pytest.fixture
def module_that_starts_cuda(fake_library, tmp_path, monkeypatch):
    """As one that asks torch.cuda.is_available() when it is imported."""
    (tmp_path / "starts_cuda.py").write_text(STARTS_CUDA)
    (tmp_path / "kernel").write_bytes(b"fake")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "starts_cuda", raising=False)
    return {"LEHR_CUDA_DRIVER": str(fake_library), "LEHR_CUDA_KERNEL": str(tmp_path / "kernel")}


def call_it():
    import starts_cuda  # type: ignore[import-not-found]

    return starts_cuda.trial()


def test_every_trial_can_use_cuda_although_its_module_starts_it(new_supervisor, module_that_starts_cuda):
    """The helper imports what the first trial imported, and would then fork a process that CUDA refuses."""
    supervisor = new_supervisor(environment=module_that_starts_cuda)
    for _ in range(3):
        ending = supervisor.run(call_it)
        assert ending.outcome == "ok"
        assert ending.result == ["Fake GPU", "Fake GPU", ""]


def test_a_preloaded_module_that_starts_cuda_makes_trials_start_fresh(
    new_supervisor, module_that_starts_cuda
):
    supervisor = new_supervisor(environment=module_that_starts_cuda)
    for _ in range(2):
        ending = supervisor.run(call_it, preload=["starts_cuda"])
        assert ending.result == ["Fake GPU", "Fake GPU", ""]
        assert ending.evidence["isolation"] == "spawn"
        assert (
            ending.evidence["isolation_note"]
            == "importing starts_cuda starts CUDA, which does not survive a fork"
        )


def test_modules_that_ask_torch_are_answered_by_nvml(new_supervisor):
    """PyTorch then need not start CUDA to say whether there is any."""
    assert new_supervisor().run(os.getenv, "PYTORCH_NVML_BASED_CUDA_CHECK").result == "1"


STARTED = """
import ctypes, sys
from lehr.supervise._cuda import cuda_has_started
seen = [cuda_has_started()]
library = ctypes.CDLL(sys.argv[1])
seen.append(cuda_has_started())
library.cuInit(0)
seen.append(cuda_has_started())
print(seen)
"""


@pytest.mark.parametrize("named", [True, False])
def test_a_driver_that_is_loaded_is_not_yet_started(fake_library, tmp_path, named):
    library = fake_library if named else tmp_path / "libcuda.so.580.95.05"
    if not named:
        library.write_bytes(Path(fake_library).read_bytes())
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    env |= {"LEHR_CUDA_DRIVER": str(fake_library)} if named else {}
    said = subprocess.check_output([sys.executable, "-c", STARTED, str(library)], env=env, text=True)
    assert said.strip() == "[False, False, True]"


@pytest.mark.parametrize(
    ("files", "libraries", "started"),
    [
        (["/dev/nvidiactl", "/dev/nvidia0"], [], True),
        (["/dev/nvidiactl", "/dev/nvidia0"], ["/usr/lib/libnvidia-ml.so.580.1"], False),
        (["/dev/nvidiactl", "/dev/nvidia-uvm"], ["/usr/lib/libnvidia-ml.so.580.1"], True),
        (["/dev/null", "socket:[7]"], ["/usr/lib/libc.so.6"], False),
    ],
)
def test_open_device_files_tell_too(monkeypatch, files, libraries, started):
    monkeypatch.setattr("lehr.supervise._cuda.open_files", lambda: files)
    monkeypatch.setattr("lehr.supervise._cuda.mapped_libraries", lambda: libraries)
    assert cuda_has_started() == started


@pytest.fixture
def first_namespace(monkeypatch):
    """Process numbers that NVML tells are those that we see."""
    monkeypatch.setattr("lehr.supervise._device._numbers_are_ours", lambda: True)


@pytest.fixture
def in_a_container(monkeypatch):
    monkeypatch.setattr("lehr.supervise._device._numbers_are_ours", lambda: False)


@pytest.fixture
def dead():
    """The number of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_stranger_s_memory_is_no_quarantine(fake_nvml, first_namespace):
    """Another program, or the server of MPS, takes 800 MB while a trial runs, and keeps them."""
    devices = Devices({}, settle_s=5.0)
    fake_nvml.say("used 0 100000000")
    devices.turn("cuda")
    assert devices.enter("cuda") is None
    fake_nvml.say("used 0 900000000", f"process 0 {os.getppid()} 800000000")
    begun = time.monotonic()
    assert devices.leave("cuda", []) is None
    assert time.monotonic() - begun < 1.0  # nobody of ours is there to wait for
    assert devices.quarantined == {}


def test_in_a_container_others_are_told_in_a_note(fake_nvml, in_a_container):
    """NVML lists nobody there: all that is known is that no process of the trial is left."""
    devices = Devices({}, settle_s=0.05)
    fake_nvml.say("used 0 100000000")
    devices.turn("cuda")
    assert devices.enter("cuda") is None
    fake_nvml.say("used 0 900000000")
    assert devices.leave("cuda", []) is None
    assert devices.told("cuda")["note"] == (
        "900 MB of cuda:0 were in use 0.05 s after the trial had ended, 100 MB before it began, by others: no process "
        "of the trial is left"
    )
    assert devices.enter("cuda") is None
    assert devices.leave("cuda", []) is None
    assert "note" not in devices.told("cuda")


def test_memory_of_the_trial_s_own_process_quarantines_until_it_is_gone(fake_nvml, first_namespace, dead):
    devices = Devices({}, settle_s=0.05)
    fake_nvml.say("used 0 100000000", f"process 0 {os.getppid()} 1000000")
    devices.turn("cuda:0")
    assert devices.enter("cuda:0") is None
    fake_nvml.say("used 0 900000000", f"process 0 {os.getppid()} 1000000", f"process 0 {dead} 800000000")
    why = devices.leave("cuda:0", [])
    assert why == f"process {dead} has ended, and the driver still held memory of cuda:0 for it 0.05 s later"
    assert devices.quarantined == {"cuda:0": why}
    assert devices.enter("cuda:0") == why
    fake_nvml.say("used 0 800000000")  # by whomever
    assert devices.enter("cuda:0") is None


def test_a_process_that_is_late_is_waited_for(fake_nvml, first_namespace, dead):
    devices = Devices({}, settle_s=10.0)
    devices.turn("cuda")
    assert devices.enter("cuda") is None
    fake_nvml.say(f"process 0 {dead} 800000000")
    timer = threading.Timer(0.3, fake_nvml.say)
    timer.start()
    begun = time.monotonic()
    assert devices.leave("cuda", []) is None
    timer.join()
    assert 0.2 < time.monotonic() - begun < 5.0


@pytest.mark.parametrize(("code", "words"), [(15, "GPU is lost"), (16, "made up")])
def test_a_gpu_that_nvml_gives_up_is_quarantined(fake_nvml, code, words):
    devices = Devices({}, settle_s=0.05)
    devices.turn("cuda")
    assert devices.enter("cuda") is None
    fake_nvml.say(f"error 0 {code}")
    why = f"NVML says that cuda:0 cannot be used: reading the memory failed: {words} ({code})"
    assert devices.leave("cuda", []) == why
    assert devices.enter("cuda") == why
    fake_nvml.say()  # it was reset
    assert devices.enter("cuda") is None
    fake_nvml.say(f"error 0 {code}")
    assert devices.enter("cuda") == why  # seen before a trial too


def test_another_error_of_nvml_proves_nothing(fake_nvml):
    devices = Devices({}, settle_s=0.05)
    devices.turn("cuda")
    fake_nvml.say("error 0 999")
    assert devices.enter("cuda") is None
    assert devices.leave("cuda", []) is None
    assert "(999)" in devices.told("cuda")["missing"]


def test_cuda_and_cuda_0_are_one_device():
    devices = Devices({"cuda": lambda: 1.0, "other": lambda: 1.0})
    assert devices.turn("cuda") is devices.turn("cuda:0") is devices.turn("cuda:00")
    assert devices.turn("cuda:1") is not devices.turn("cuda")
    with pytest.raises(OptionError, match="'cuda:0' twice"):
        Devices({"cuda": lambda: 1.0, "cuda:0": lambda: 1.0})
    with pytest.raises(OptionError, match="device is 'cuda:x'; this supervisor knows: cuda:0, other"):
        Devices({"cuda": lambda: 1.0, "other": lambda: 1.0}).turn("cuda:x")


def test_a_trial_on_a_device_that_cannot_be_read_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("LEHR_NVML", str(tmp_path / "none.so"))
    with Supervisor() as supervisor:
        ending = supervisor.run(len, "abc", device="cuda")
        assert (ending.outcome, ending.result) == ("ok", 3)
        told = ending.evidence["device_memory"]
        assert told["device"] == "cuda:0"
        assert told["missing"].startswith("not measured: there is no NVML")
        assert "device_memory" not in supervisor.run(len, "abc").evidence


def test_a_trial_on_a_device_tells_its_memory(fake_nvml, monkeypatch):
    """The environment of the trials says which GPU their first one is."""
    monkeypatch.setenv("FAKE_CUDA_COUNT", "2")
    fake_nvml.say("used 0 7000000", "used 1 100000000")
    with Supervisor(environment={"CUDA_VISIBLE_DEVICES": "1"}) as supervisor:
        says = Path(os.environ["FAKE_NVML"])
        ending = supervisor.run(says.write_text, "used 1 130000000\n", device="cuda")
    assert ending.evidence["device_memory"] == {"device": "cuda:0", "before_mb": 100.0, "after_mb": 130.0}
