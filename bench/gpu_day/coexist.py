"""lehr beside PyTorch in one process, and the ends of processes: each case is a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from day import DRY, Checks

checks = Checks("coexist")
MANY = 20_000 if DRY else 3_000_000
QUEUE_MS = 2000

HEAD = """
import ctypes, os, threading, time
import numpy as np
import lehr
from lehr import _core
from lehr.gpu import gpu_for
rng = np.random.default_rng(0)
estimator = _core.ParzenEstimator([_core.Dimension(low=0.0, high=1.0)] * 5, rng.random((500, 5)))
points = rng.random((2000, 5))
def score(values=points):
    return estimator.log_pdf(values, gpu_for("cuda"))
def refused():
    try:
        score()
    except lehr.DeviceError as error:
        print(error)
        return str(error)
    raise SystemExit("it was not refused")
"""

CASES = {
    "score, then torch, then score, then exit": """
score()
import torch
x = torch.ones(9, device="cuda")
score()
assert float(x.sum()) == 9
""",
    "torch works while threads score": """
import torch
x, found = torch.randn(4096, 4096, device="cuda"), []
threads = [threading.Thread(target=lambda: found.append(score())) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(50): x = (x @ x).tanh()
for thread in threads: thread.join()
torch.cuda.synchronize()
assert len(found) == 4 and all(np.array_equal(one, found[0]) for one in found)
""",
    "a score does not break torch's capture": """
import torch
x, stop = torch.randn(512, 512, device="cuda"), threading.Event()
def loop():
    while not stop.is_set(): score()
thread = threading.Thread(target=loop)
thread.start()
try:
    for _ in range(20):
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize()
        with torch.cuda.graph(graph):
            y = x @ x
            time.sleep(0.01)
        graph.replay()
finally:
    stop.set()
    thread.join()
torch.cuda.synchronize()
""",
    "a score does not wait for torch's queue": f"""
import torch
score()
stream = torch.cuda.Stream()
with torch.cuda.stream(stream): torch.cuda._sleep({QUEUE_MS} * 1_980_000)
begun = time.perf_counter()
score()
seconds = time.perf_counter() - begun
print("a score took", seconds, "s beside {QUEUE_MS} ms of somebody else's")
assert seconds < {QUEUE_MS} / 2000
""",
    "a fork says why": """
lehr.gpu_status()
child = os.fork()
if child == 0:
    os._exit(0 if "fork" in lehr.gpu_status().reason else 5)
assert os.waitpid(child, 0)[1] == 0
""",
    "after torch's fault lehr says so": """
import torch
score()
try:
    torch.arange(4, device="cuda")[torch.tensor([10**6], device="cuda")]
    torch.cuda.synchronize()
except Exception as error:
    print("torch:", str(error)[:80])
refused()
assert "only in a new one" in refused()
""",
    "after a reset of the device lehr works again": """
score()
driver, device = ctypes.CDLL(os.environ.get("LEHR_CUDA_DRIVER") or "libcuda.so.1"), ctypes.c_int()
assert driver.cuDeviceGet(ctypes.byref(device), 0) == 0
assert driver.cuDevicePrimaryCtxReset_v2(device) == 0
try:
    score()
    print("at once")
except lehr.DeviceError as error:
    print("at the second try:", error)
    score()
""",
    "a full device is an error, then it works": f"""
import torch
free, _ = torch.cuda.mem_get_info()
x = torch.empty(int(free * 0.999) // 4, device="cuda")
try:
    score(rng.random(({MANY}, 5)))
    print("fitted")
except lehr.DeviceError as error:
    print(error)
del x
torch.cuda.empty_cache()
score()
""",
    "measure starts CUDA before torch does": """
from lehr.probe import measure
import torch
report = measure(lambda: torch.ones(1 << 20, device="cuda").sum(), device="cuda", max_samples=30)
torch.cuda.synchronize()
score()
assert float(torch.ones(9, device="cuda").sum()) == 9
""",
    "a stream of another device is timed there": """
import torch
from lehr.probe import measure
if torch.cuda.device_count() > 1:
    stream = torch.cuda.Stream(device=1)
    def call():
        with torch.cuda.device(1), torch.cuda.stream(stream): torch.ones(9, device="cuda:1").sum()
    print(len(measure(call, device="cuda", stream=stream, max_samples=20).samples_ms))
else:
    print("one device: not tried")
""",
    "the scan of open files sees that CUDA has started": """
from lehr.supervise._cuda import cuda_has_started
assert not cuda_has_started()
from lehr.probe import nvml
with nvml.opened() as library: print(library.driver())
assert not cuda_has_started(), "NVML alone is no CUDA"
score()
assert cuda_has_started()
""",
}

HANG = """
from lehr.probe import measure, native
library = ctypes.CDLL(os.environ["HANG"])
hang = library[os.environ.get("HANG_SYMBOL", "hang")]
hang.argtypes, hang.restype = [ctypes.c_void_p], None
begun = time.perf_counter()
try:
    measure(native(hang, None), device="cuda", max_seconds=1.0)
except lehr.DeviceError as error:
    print(time.perf_counter() - begun, "s:", error)
else:
    raise SystemExit("it did not hang")
"""

NO_DEVICE = "status = lehr.gpu_status()\nprint(status.reason)\nassert not status.available"

SHORT_UUID = """
from lehr.probe.nvml import GpuMemory
print(os.environ["CUDA_VISIBLE_DEVICES"], GpuMemory(0)(), "MB")
"""


def run(name: str, code: str, *, limit_s: float = 30, **environment: str) -> None:
    begun = time.perf_counter()
    try:
        done = subprocess.run(
            [sys.executable, "-c", HEAD + code],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
        )
        status: int | str = done.returncode
        said = done.stdout + done.stderr
    except subprocess.TimeoutExpired as error:
        status, said = "hangs", str(error.stdout)
    seconds = time.perf_counter() - begun
    checks.that(name, status == 0, status=status, seconds=seconds, said=said[-500:])


if __name__ == "__main__":
    for name, code in CASES.items():
        run(name, code)
    if os.environ.get("HANG"):
        run("measure leaves a kernel that hangs, and the process ends", HANG, limit_s=20)
    run("no device is a value", NO_DEVICE, CUDA_VISIBLE_DEVICES="")
    from lehr.probe.on_gpu import visible_uuids

    run("a short UUID names the device", SHORT_UUID, CUDA_VISIBLE_DEVICES=f"GPU-{visible_uuids()[0][:8]}")
    checks.end()
