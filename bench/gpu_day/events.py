"""The probe beside PyTorch's own events, the wall clock and NVML."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pynvml
from day import DRY, Checks, row, torch_or_none

from lehr.errors import DeviceError
from lehr.probe import LatencyLimit, measure
from lehr.probe.on_gpu import uuid_of, visible_uuids

checks = Checks("events")
torch: Any = torch_or_none()
if torch is None:
    checks.that("PyTorch with a GPU", False)
    checks.end()

STREAM = torch.cuda.Stream()
SLACK = 0.3 if DRY else 0.03  # of a median; a stand-in shares its processor with others
SECONDS = 1.0 if DRY else 4.0
CYCLES_PER_MS = getattr(torch.cuda.get_device_properties(0), "clock_rate", 1_980_000)


def sleeper(ms: float) -> Callable[[], None]:
    cycles = int(ms * CYCLES_PER_MS)
    return lambda: torch.cuda._sleep(cycles)


def timed(fn: Callable[[], object], stream: Any = STREAM, **options: Any) -> Any:
    settings: dict[str, Any] = {"max_samples": 200, "max_seconds": SECONDS, **options}
    with torch.cuda.stream(STREAM):
        return measure(fn, device="cuda", stream=stream, **settings)


def median(report: Any) -> float:
    return float(np.median(report.samples_ms))


def by_torch(fn: Callable[[], None], n: int = 50) -> float:
    with torch.cuda.stream(STREAM):
        pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(n)]
        for begin, end in pairs:
            begin.record(STREAM)
            fn()
            end.record(STREAM)
    torch.cuda.synchronize()
    return float(np.median([begin.elapsed_time(end) for begin, end in pairs]))


def by_the_clock(fn: Callable[[], object], n: int = 50) -> float:
    with torch.cuda.stream(STREAM):
        for _ in range(5):
            fn()
        STREAM.synchronize()
        seconds = []
        for _ in range(n):
            begun = time.perf_counter()
            fn()
            STREAM.synchronize()
            seconds.append(time.perf_counter() - begun)
    return 1e3 * float(np.median(seconds))


def medians_agree() -> None:
    for ms in (1.0, 10.0) if DRY else (0.01, 0.1, 1.0, 10.0):
        fn = sleeper(ms)
        fn()
        reference = by_torch(fn)
        for capture in (False, True):
            report = timed(fn, capture=capture, max_samples=50 if DRY else 200)
            found = {"torch": reference, "lehr": median(report), "capture": capture, "notes": report.notes}
            near = abs(median(report) - reference) <= SLACK * reference + 0.005
            checks.that("median as by torch's events", near, asked=ms, **found)
        at_rest = not any("throttled" in note for note in report.notes)
        checks.that("not called throttled at rest", at_rest, conditions=report.conditions.as_json())


def work_elsewhere_is_refused() -> None:
    for name, stream in (("a stream without work", torch.cuda.Stream()), ("the default stream", None)):
        try:
            report = timed(sleeper(30.0), stream, limit=LatencyLimit("p95", 5.0))
        except DeviceError as error:
            checks.that(f"{name}: refused", "another stream" in str(error), said=str(error))
        else:
            checks.that(f"{name}: refused", False, answer=report.verdict.answer, median=median(report))
        torch.cuda.synchronize()


def a_model_of_many_launches() -> None:
    layers = [torch.nn.Linear(64, 64) for _ in range(200)]
    net, x = torch.nn.Sequential(*layers).cuda().eval(), torch.randn(1, 64, device="cuda")

    def eager() -> Any:
        with torch.no_grad():
            return net(x)

    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(STREAM):
        for _ in range(3):
            eager()
    torch.cuda.synchronize()
    with torch.no_grad(), torch.cuda.graph(graph):
        net(x)
    wall = {"eager": by_the_clock(eager), "graph": by_the_clock(graph.replay)}
    events = {
        "eager": median(timed(eager, in_flight=1)),
        "eager, 16 in flight": median(timed(eager)),
        "graph": median(timed(graph.replay, in_flight=1)),
        "graph, 16 in flight": median(timed(graph.replay)),
    }
    row("launch-bound model, ms", wall=wall, events=events)
    for name in ("eager", "graph"):
        close = 0.5 * wall[name] < events[name] < 1.2 * wall[name]
        checks.that(f"{name}: what the clock sees", close, wall=wall[name], events=events[name])


def the_default_stream() -> None:
    report = measure(sleeper(5.0), device="cuda", max_samples=50, max_seconds=3)
    checks.that("default stream", 2.5 < median(report) < 10, median=median(report), notes=report.notes)


def energy_memory_and_clock() -> None:
    a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    before, begun = pynvml.nvmlDeviceGetTotalEnergyConsumption(handle), time.perf_counter()
    least = 1.5 if DRY else 4.0
    report = timed(lambda: a @ a, min_seconds=least, max_seconds=least + 0.5, max_samples=10**7)
    joules = (pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) - before) / 1e3
    told = report.energy.joules
    watts = joules / (time.perf_counter() - begun)
    near = told is not None and abs(told - joules) < 0.1 * joules
    checks.that("energy as by nvidia-ml-py", near, lehr=str(report.energy), nvml=joules, watts=watts)
    seen = report.conditions
    checks.that("clock and temperature", seen.mhz and seen.celsius, conditions=seen.as_json())
    listed = [(one.pid, one.usedGpuMemory) for one in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)]
    row("processes that NVML lists", listed=listed, pid=os.getpid())
    free, total = torch.cuda.mem_get_info()
    told = report.memory.device_mb
    checks.that("device_mb", told and told > 100, memory=str(report.memory), used_mb=(total - free) / 1e6)


def the_same_gpu() -> None:
    pynvml.nvmlInit()
    by_driver, by_stream = visible_uuids()[0], uuid_of(STREAM.cuda_stream)
    listed = [
        pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(index))
        for index in range(1 if DRY else pynvml.nvmlDeviceGetCount())
    ]
    known = by_driver == by_stream and f"GPU-{by_driver}" in listed
    checks.that(
        "driver, stream and NVML name one GPU", known, driver=by_driver, stream=by_stream, nvml=listed
    )


def ctrl_c() -> None:
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    begun = time.perf_counter()
    try:
        timed(sleeper(0.05), max_samples=10**8, max_seconds=6)
    except KeyboardInterrupt:
        took = time.perf_counter() - begun
        checks.that("Ctrl-C within 0.5 s", took < 1.5, seconds=took)
    else:
        checks.that("Ctrl-C within 0.5 s", False)


def other_threads_run() -> None:
    beats, stop = [0], threading.Event()

    def beat() -> None:
        while not stop.is_set():
            beats[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=beat)
    thread.start()
    begun = time.perf_counter()
    timed(sleeper(20.0), max_samples=50, max_seconds=3)
    seconds = time.perf_counter() - begun
    stop.set()
    thread.join()
    checks.that("other threads run", beats[0] > 100 * seconds, beats=beats[0], seconds=seconds)


def nothing_runs_on() -> None:
    w = torch.randn(1 << 20, device="cuda")
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        (w * 2 + 1).relu().sum()
    timed(graph.replay, max_samples=2000)
    keep = [torch.full((1 << 18,), float(i), device="cuda") for i in range(64)]
    torch.cuda.synchronize()
    checks.that("tensors made afterwards keep", all(bool((one == i).all()) for i, one in enumerate(keep)))


def callees_that_cannot_be_captured() -> None:
    x = torch.randn(1000, device="cuda")

    def item() -> float:
        return float(x.sum().item())

    def pinned() -> Any:
        return torch.ones(10000).pin_memory().to("cuda", non_blocking=True).sum()

    def random() -> Any:
        return torch.nn.functional.dropout(x, 0.5).sum()

    for fn in (item, pinned, random):
        report = timed(fn, max_samples=50, max_seconds=2, capture=True)
        row(f"capture of {fn.__name__}", notes=report.notes, median=median(report))
        torch.cuda.synchronize()
        a = torch.randn(1 << 20, device="cuda")
        torch.ones(9).pin_memory()
        checks.that(f"torch works after {fn.__name__}", float((a - a).sum()) == 0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = x * 2
    graph.replay()
    torch.cuda.synchronize()
    checks.that("torch captures after lehr", torch.equal(y, x * 2))


if __name__ == "__main__":
    for check in (
        medians_agree,
        work_elsewhere_is_refused,
        a_model_of_many_launches,
        the_default_stream,
        energy_memory_and_clock,
        the_same_gpu,
        ctrl_c,
        other_threads_run,
        nothing_runs_on,
        callees_that_cannot_be_captured,
    ):
        checks.attempt(check)
        sys.stdout.flush()
    checks.end()
