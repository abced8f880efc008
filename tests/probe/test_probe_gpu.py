"""Timing on a GPU against a driver library without one: events, capture, replay, and every call that may fail."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lehr import DeviceError, OptionError
from lehr.probe import LatencyLimit, measure, native
from lehr.probe.on_gpu import stream_handle

STREAM = 0x5000


class Work(ctypes.Structure):
    _fields_ = (("stream", ctypes.c_void_p), ("ms", ctypes.c_double))


class Fake:
    """The books of the driver that is loaded into this process."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.library.fake_work.argtypes, self.library.fake_work.restype = [ctypes.c_void_p], None
        for name in ("held", "misuses", "most_in_flight", "calls"):
            getattr(self.library, f"fake_{name}").restype = ctypes.c_long

    def behave(self, *, lag: int = 0, hangs: bool = False, context: bool = True) -> None:
        self.library.fake_behave(lag, int(hangs), int(context))
        self.fail("", 0, 0)

    def fail(self, name: str, nth: int, code: int) -> None:
        self.library.fake_fail(name.encode(), ctypes.c_long(nth), code)

    def calls(self, name: str) -> int:
        return int(self.library.fake_calls(name.encode()))

    def check(self) -> None:
        assert self.library.fake_held() == 0
        assert self.library.fake_misuses() == 0


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("c++") or pytest.skip("no C++ compiler to build the fake driver with")
    path = tmp_path_factory.mktemp("driver") / "libfakestream.so"
    source = Path(__file__).with_name("fake_stream_driver.cpp")
    subprocess.run([compiler, "-std=c++20", "-shared", "-fPIC", "-o", str(path), str(source)], check=True)
    return path


@pytest.fixture
def fake(library: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    monkeypatch.setenv("LEHR_CUDA_DRIVER", str(library))
    monkeypatch.setenv("LEHR_NVML", str(library.with_name("no-nvml.so")))
    fake = Fake(library)
    fake.behave()
    yield fake
    fake.behave()
    fake.check()


class Callee:
    """Puts 2.5 ms of work on a stream; counts how often Python ran."""

    def __init__(self, fake: Fake, stream: int = STREAM) -> None:
        self.work, self.function, self.count = Work(stream, 2.5), fake.library.fake_work, 0

    def __call__(self) -> None:
        self.count += 1
        self.function(ctypes.addressof(self.work))


def timed(callee: Any, **options: Any) -> Any:
    return measure(callee, device="cuda", **({"stream": STREAM, "max_samples": 200} | options))


def test_a_callee_is_captured_once_and_replayed(fake: Fake) -> None:
    callee = Callee(fake)
    report = timed(callee)
    assert report.samples_ms.tolist() == [2.5] * 200
    assert callee.count == report.warmup.calls + 1  # the capture; no Python after it
    assert fake.calls("cuGraphLaunch") == 200
    assert report.notes[0] == "captured once and replayed natively"
    assert report.device == "cuda"
    assert report.metrics()["latency_p95_ms"] == 2.5


def test_without_capture_python_is_called(fake: Fake) -> None:
    callee = Callee(fake)
    before = fake.calls("cuGraphLaunch")
    report = timed(callee, capture=False)
    assert callee.count == report.warmup.calls + 200
    assert fake.calls("cuGraphLaunch") == before
    assert "not asked for" in report.notes[0]


def test_native_callees_too(fake: Fake) -> None:
    work = Work(STREAM, 4.0)
    report = timed(native(fake.library.fake_work, work))
    assert set(report.samples_ms) == {4.0}


def test_several_calls_are_in_flight_and_one_if_asked(fake: Fake) -> None:
    fake.behave(lag=3)
    assert len(timed(Callee(fake), in_flight=8, capture=False).samples_ms) == 200
    assert fake.library.fake_most_in_flight() == 8
    fake.behave(lag=3)
    assert len(timed(Callee(fake), in_flight=1).samples_ms) == 200
    assert fake.library.fake_most_in_flight() == 1


@pytest.mark.parametrize(
    ("limit", "answer"), [(20.0, "feasible"), (2.5, "feasible"), (2.4, "infeasible"), (0.2, "infeasible")]
)
def test_verdicts(fake: Fake, limit: float, answer: str) -> None:
    report = timed(Callee(fake), limit=LatencyLimit("p95", limit), max_samples=3000)
    assert report.verdict.answer == answer
    assert len(report.samples_ms) < (3000 if limit == 2.5 else 500)


def test_what_is_moot_is_not_settled(fake: Fake) -> None:
    report = timed(Callee(fake), limit=LatencyLimit("p95", 20.0), moot_ms=2.0, min_samples=30, in_flight=1)
    assert (report.ended, len(report.samples_ms)) == ("moot", 30)
    assert report.verdict.answer == "borderline"
    assert (
        timed(Callee(fake), limit=LatencyLimit("p95", 20.0), moot_ms=2.5, max_samples=1000).ended == "settled"
    )
    assert (
        timed(Callee(fake), limit=LatencyLimit("p95", 0.2), moot_ms=2.0).ended == "settled"
    )  # that was sooner


def test_the_default_stream_cannot_be_captured(fake: Fake) -> None:
    report = timed(Callee(fake, 0), stream=None)
    assert "capture cannot begin: CUDA_ERROR_FAKE (900)" in report.notes[0]
    assert len(report.samples_ms) == 200


def test_work_on_another_stream_is_noticed(fake: Fake) -> None:
    report = timed(Callee(fake, STREAM + 8))
    assert "puts nothing on this stream" in report.notes[0]


def test_a_callee_that_refuses_capture_is_called_as_it_is(fake: Fake) -> None:
    callee = Callee(fake)

    def refuses() -> None:
        if fake.library.fake_capturing():
            raise RuntimeError("synchronises")
        callee()

    report = timed(refuses)
    assert "fails while it is captured" in report.notes[0]
    assert set(report.samples_ms) == {2.5}


def test_exceptions_outside_the_capture_pass_through(fake: Fake) -> None:
    error = ValueError("mine")

    def fails() -> None:
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        timed(fails)
    assert caught.value is error


ESSENTIAL = ["cuInit", "cuCtxGetCurrent", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2"]
ESSENTIAL += ["cuMemGetInfo_v2", "cuEventCreate", "cuEventRecord", "cuEventQuery", "cuEventElapsedTime"]


@pytest.mark.parametrize("nth", [1, 2, 30])
@pytest.mark.parametrize("name", [*ESSENTIAL, "cuGraphLaunch"])
def test_whichever_call_fails_nothing_is_left_behind(fake: Fake, name: str, nth: int) -> None:
    fake.behave(context=False)
    before = fake.calls(name)
    timed(Callee(fake))
    if fake.calls(name) - before < nth:
        return
    fake.fail(name, nth, 999)
    with pytest.raises(DeviceError, match=r"failed: CUDA_ERROR_FAKE \(999\), made up by the test"):
        timed(Callee(fake))
    fake.check()


@pytest.mark.parametrize("name", ["cuStreamEndCapture", "cuGraphGetNodes", "cuGraphInstantiateWithFlags"])
def test_a_capture_that_fails_costs_only_the_replay(fake: Fake, name: str) -> None:
    fake.fail(name, 1, 901)
    report = timed(Callee(fake))
    assert report.notes[0].startswith("called as it is")
    assert set(report.samples_ms) == {2.5}


def test_a_gpu_that_hangs_is_left(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.behave(hangs=True)
    with pytest.raises(DeviceError, match="did not finish a call within 2 s"):
        timed(Callee(fake), max_seconds=0.01)


def test_memory_is_reported_with_its_sources(fake: Fake) -> None:
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


@pytest.mark.parametrize(("stream", "handle"), [(None, 0), (7, 7), ("94", 94), (TorchStream(), 123)])
def test_streams_of_all_kinds(stream: Any, handle: int) -> None:
    assert stream_handle(stream) == handle


@pytest.mark.parametrize("stream", [-1, True, "fast", 1.5])
def test_what_is_no_stream(stream: Any) -> None:
    with pytest.raises(OptionError, match="a stream is"):
        stream_handle(stream)
