"""Timing on a GPU against a driver library without one: events, capture, replay, and every call that may fail."""

from __future__ import annotations

import ctypes
import functools
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fake_driver import FakeDriver, Work
from lehr import DeviceError, OptionError
from lehr.probe import LatencyLimit, measure, native
from lehr.probe.memory import Memory
from lehr.probe.on_gpu import stream_handle

STREAM = 0x5000


@pytest.fixture
def fake(fake_library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDriver]:
    monkeypatch.setenv("LEHR_CUDA_DRIVER", str(fake_library))
    monkeypatch.setenv("LEHR_NVML", str(fake_library.with_name("no-nvml.so")))
    fake = FakeDriver(fake_library)
    fake.behave()
    before = fake.misuses, fake.blocked, fake.held
    yield fake
    fake.behave()
    assert (fake.misuses, fake.blocked, fake.held) == before


class Callee:
    """Puts work on a stream, 2.5 ms of it; counts how often Python ran."""

    def __init__(self, fake: FakeDriver, stream: int = STREAM, ms: float = 2.5) -> None:
        self.item, self.function, self.count = Work(stream, ms), fake.work, 0

    def __call__(self) -> None:
        self.count += 1
        self.function(ctypes.addressof(self.item))


def timed(callee: Any, **options: Any) -> Any:
    return measure(callee, device="cuda", **({"stream": STREAM, "max_samples": 200} | options))


def test_a_callee_is_captured_once_and_replayed(fake: FakeDriver) -> None:
    callee, before = Callee(fake), fake.calls("cuGraphLaunch")
    report = timed(callee, capture=True)
    assert report.samples_ms.tolist() == [2.5] * 200
    assert callee.count == report.warmup.calls + 1  # the capture; no Python after it
    assert fake.calls("cuGraphLaunch") == before + 200
    assert report.notes[0] == "captured once and replayed natively"
    assert report.device == "cuda"
    assert report.metrics()["latency_p95_ms"] == 2.5


def test_a_deployment_that_replays_nothing_is_not_judged_by_a_replay(fake: FakeDriver) -> None:
    callee = Callee(fake)
    before = fake.calls("cuGraphLaunch")
    report = timed(callee)
    assert callee.count == report.warmup.calls + 200
    assert fake.calls("cuGraphLaunch") == before
    assert not any("replay" in note for note in report.notes)


def test_native_callees_too(fake: FakeDriver) -> None:
    work = Work(STREAM, 4.0)
    report = timed(native(fake.work, work))
    assert set(report.samples_ms) == {4.0}


def test_several_calls_are_in_flight_and_one_if_asked(fake: FakeDriver) -> None:
    fake.behave(lag=3)
    assert len(timed(Callee(fake), in_flight=8).samples_ms) == 200
    assert fake.most_in_flight == 8
    fake.behave(lag=3)
    assert len(timed(Callee(fake), in_flight=1).samples_ms) == 200
    assert fake.most_in_flight == 1


@pytest.mark.parametrize(
    ("limit", "answer"), [(20.0, "feasible"), (2.5, "feasible"), (2.4, "infeasible"), (0.2, "infeasible")]
)
def test_verdicts(fake: FakeDriver, limit: float, answer: str) -> None:
    report = timed(Callee(fake), limit=LatencyLimit("p95", limit), max_samples=3000)
    assert report.verdict.answer == answer
    assert len(report.samples_ms) < (3000 if limit == 2.5 else 500)


def test_what_is_moot_is_not_settled(fake: FakeDriver) -> None:
    report = timed(Callee(fake), limit=LatencyLimit("p95", 20.0), moot_ms=2.0, min_samples=30, in_flight=1)
    assert (report.ended, len(report.samples_ms)) == ("moot", 30)
    assert report.verdict.answer == "borderline"
    assert (
        timed(Callee(fake), limit=LatencyLimit("p95", 20.0), moot_ms=2.5, max_samples=1000).ended == "settled"
    )
    assert (
        timed(Callee(fake), limit=LatencyLimit("p95", 0.2), moot_ms=2.0).ended == "settled"
    )  # that was sooner


def test_the_default_stream_cannot_be_captured(fake: FakeDriver) -> None:
    report = timed(Callee(fake, 0), stream=None, capture=True)
    assert "capture cannot begin: CUDA_ERROR_FAKE (900)" in report.notes[0]
    assert len(report.samples_ms) == 200


def test_a_captured_callee_that_puts_nothing_on_this_stream_is_refused(fake: FakeDriver) -> None:
    with pytest.raises(DeviceError, match="puts nothing on this stream"):
        timed(Callee(fake, STREAM + 8), capture=True, limit=LatencyLimit("p95", 20.0))


@pytest.mark.parametrize("capture", [False, True])
@pytest.mark.parametrize("stream", [STREAM, None])
def test_work_elsewhere_is_no_latency_of_0_ms(fake: FakeDriver, stream: int | None, capture: bool) -> None:
    """50 ms of work, a limit of 20 ms, and events that see nothing of it."""
    fake.behave(real=True)
    with pytest.raises(
        DeviceError,
        match=r"saw 0\.\d+ ms of a call, and the GPU went on for \d+\.?\d* ms: the callee works on another",
    ):
        timed(Callee(fake, STREAM + 8, 50.0), stream=stream, capture=capture, limit=LatencyLimit("p95", 20.0))


def test_a_part_of_the_work_elsewhere_is_noticed(fake: FakeDriver) -> None:
    fake.behave(real=True)
    here, there = Callee(fake, STREAM, 2.0), Callee(fake, STREAM + 8, 6.0)

    def both() -> None:
        here()
        there()

    with pytest.raises(DeviceError, match="the callee works on another stream"):
        timed(both)


def test_work_elsewhere_that_the_stream_outlasts_is_in_its_events(fake: FakeDriver) -> None:
    fake.behave(real=True)
    here, there = Callee(fake, STREAM, 6.0), Callee(fake, STREAM + 8, 2.0)

    def both() -> None:
        there()
        here()

    assert np.median(timed(both, max_samples=20, in_flight=1).samples_ms) == pytest.approx(6.0, rel=0.3)


def test_work_here_in_real_time_is_believed(fake: FakeDriver) -> None:
    fake.behave(real=True)
    report = timed(Callee(fake, STREAM, 10.0), limit=LatencyLimit("p95", 90.0), max_samples=60, in_flight=4)
    assert np.median(report.samples_ms) == pytest.approx(10.0, rel=0.2)


def test_a_callee_that_refuses_capture_is_called_as_it_is(fake: FakeDriver) -> None:
    callee = Callee(fake)

    def refuses() -> None:
        if fake.capturing:
            raise RuntimeError("synchronises")
        callee()

    report = timed(refuses, capture=True)
    assert "fails while it is captured" in report.notes[0]
    assert set(report.samples_ms) == {2.5}


def test_exceptions_outside_the_capture_pass_through(fake: FakeDriver) -> None:
    error = ValueError("mine")

    def fails() -> None:
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        timed(fails)
    assert caught.value is error


OPENING = ["cuInit", "cuCtxGetCurrent", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2"]
ALWAYS = ["cuMemGetInfo_v2", "cuEventCreate", "cuEventRecord", "cuEventQuery", "cuEventElapsedTime"]
ALWAYS += ["cuCtxSynchronize", "cuDeviceGetUuid_v2"]
OF_A_STREAM = ["cuInit", "cuStreamGetCtx", "cuCtxGetDevice", "cuCtxPushCurrent_v2", "cuGraphLaunch", *ALWAYS]


@pytest.mark.parametrize("nth", [1, 2, 30])
@pytest.mark.parametrize(
    ("name", "stream"),
    [*((name, None) for name in OPENING + ALWAYS), *((name, STREAM) for name in OF_A_STREAM)],
)
def test_whichever_call_fails_nothing_is_left_behind(
    fake: FakeDriver, name: str, stream: int | None, nth: int
) -> None:
    def once() -> None:
        fake.behave(elsewhere=stream is not None)
        timed(Callee(fake, stream or 0), stream=stream, capture=stream is not None)

    before = fake.calls(name)
    once()
    if fake.calls(name) - before < nth:
        return
    held = fake.held
    fake.behave(elsewhere=stream is not None)
    fake.fail(name, nth, 999)
    with pytest.raises(DeviceError, match=r"failed: CUDA_ERROR_FAKE \(999\), made up by the test"):
        timed(Callee(fake, stream or 0), stream=stream, capture=stream is not None)
    assert (fake.held, fake.depth) == (held, 0)


@pytest.mark.parametrize("name", ["cuStreamEndCapture", "cuGraphGetNodes", "cuGraphInstantiateWithFlags"])
def test_a_capture_that_fails_costs_only_the_replay(fake: FakeDriver, name: str) -> None:
    fake.fail(name, 1, 901)
    report = timed(Callee(fake), capture=True)
    assert report.notes[0].startswith("called as it is")
    assert set(report.samples_ms) == {2.5}


@pytest.mark.parametrize("capture", [False, True])
def test_a_gpu_that_hangs_is_left_and_nothing_waits_for_it(fake: FakeDriver, capture: bool) -> None:
    """Neither the last release of its context nor the end of a graph would come back."""
    held = fake.held
    fake.behave(elsewhere=capture)
    callee = Callee(fake, STREAM if capture else 0)

    def hangs() -> None:
        callee()
        if fake.capturing or (not capture and callee.count == 60):
            fake.hang(None)

    with pytest.raises(DeviceError, match="did not finish a call within 2 s"):
        timed(hangs, stream=callee.item.stream, max_seconds=0.01, capture=capture, max_samples=10**6)
    assert fake.held > held  # it is the device's until the process ends
    fake.library.fake_leave_all()


def test_what_is_in_flight_ends_before_its_graph_and_buffers_are_given_back(fake: FakeDriver) -> None:
    """Ctrl-C among replays that take 5 ms each: destroying one that runs is a misuse."""
    fake.behave(real=True)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(KeyboardInterrupt):
        timed(Callee(fake, STREAM, 5.0), capture=True, max_samples=10**6, max_seconds=6)
    assert fake.library.fake_stream_left_ms(ctypes.c_void_p(STREAM)) == 0


def test_an_exception_in_the_callee_waits_for_what_is_in_flight(fake: FakeDriver) -> None:
    fake.behave(real=True)
    callee = Callee(fake, STREAM, 20.0)

    def fails() -> None:
        callee()
        if callee.count > 40:
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        timed(fails, warmup_calls=12)
    assert fake.library.fake_stream_left_ms(ctypes.c_void_p(STREAM)) <= 20.0  # the call that failed


def test_ticks_come_however_short_the_calls_are(fake: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[int] = []
    monkeypatch.setattr("lehr.probe.measuring.Watch.tick", lambda self, samples: ticks.append(samples))
    timed(native(fake.work, Work(STREAM, 0.01)), max_samples=10**7, max_seconds=1.0, enough_seconds=0.6)
    during = [samples for samples in ticks if samples > 0]
    assert len(during) > 10
    assert ticks.count(0) >= 2  # before the warm-up and after it


def test_ctrl_c_is_seen_however_short_the_calls_are(fake: FakeDriver) -> None:
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        timed(native(fake.work, Work(STREAM, 0.01)), max_samples=10**8, max_seconds=6)
    assert time.monotonic() - begun < 2.0


def test_other_threads_run_while_the_gpu_is_waited_for(fake: FakeDriver) -> None:
    """A callee in C, so that nothing but the wait itself can let them."""
    fake.behave(real=True)
    item, beats, stop = Work(STREAM, 25.0), [0], threading.Event()

    def beat() -> None:
        while not stop.is_set():
            beats[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=beat)
    thread.start()
    begun = time.monotonic()
    call = functools.partial(fake.work, ctypes.addressof(item))
    timed(call, in_flight=1, max_samples=20, warmup_calls=12)
    seconds = time.monotonic() - begun
    stop.set()
    thread.join()
    assert beats[0] > 100 * seconds


def test_a_stream_of_another_device_is_timed_there(fake: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_CUDA_COUNT", "2")
    fake.stream(0x7000, 1)
    asked: list[str] = []
    monkeypatch.setattr("lehr.probe.measuring.device_memory", lambda a, b, gpu: asked.append(gpu) or Memory())
    assert set(timed(Callee(fake, 0x7000), stream=0x7000).samples_ms) == {2.5}
    timed(Callee(fake))
    assert [uuid[:3] for uuid in asked] == ["a10", "a00"]


def test_a_context_that_the_callee_leaves_on_top_is_left_alone(fake: FakeDriver) -> None:
    """As a runtime does that selects another device in the callee."""
    other = ctypes.c_void_p()
    push, pop = fake.library.cuCtxPushCurrent_v2, fake.library.cuCtxPopCurrent_v2
    fake.library.cuInit(0)
    fake.library.cuDevicePrimaryCtxRetain(ctypes.byref(other), 41)
    callee = Callee(fake)

    def selects() -> None:
        callee()
        if callee.count == 50:
            push(other)

    timed(selects, max_samples=38, warmup_calls=12)
    top = ctypes.c_void_p()
    fake.library.cuCtxGetCurrent(ctypes.byref(top))
    assert top.value == other.value
    while fake.depth:
        pop(ctypes.byref(top))
    fake.library.cuDevicePrimaryCtxRelease_v2(41)


def test_memory_is_reported_with_its_sources(fake: FakeDriver) -> None:
    memory = timed(Callee(fake)).memory
    assert memory.device_growth_mb == 1.0
    assert memory.device_mb is None
    assert "cuMemGetInfo" in memory.device_source
    assert "there is no NVML" in memory.device_source


def test_no_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LEHR_CUDA_DRIVER", str(tmp_path / "none.so"))
    with pytest.raises(DeviceError, match="there is no NVIDIA driver"):
        timed(lambda: None)


class TorchStream:
    cuda_stream = 123


class CupyStream:
    ptr = 124


class CoreStream:
    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, 125


class EarlyCoreStream:
    __cuda_stream__ = (0, 126)


class FutureStream:
    __cuda_stream__ = (1, 127)


@pytest.mark.parametrize(
    ("stream", "handle"),
    [
        (None, 0),
        (7, 7),
        ("94", 94),
        (TorchStream(), 123),
        (CupyStream(), 124),
        (CoreStream(), 125),
        (EarlyCoreStream(), 126),
    ],
)
def test_streams_of_all_kinds(stream: Any, handle: int) -> None:
    assert stream_handle(stream) == handle


@pytest.mark.parametrize("stream", [-1, True, "fast", 1.5, FutureStream()])
def test_what_is_no_stream(stream: Any) -> None:
    with pytest.raises(OptionError, match=r"a stream is|not \(0, handle\)"):
        stream_handle(stream)
