"""The timed loop: what it calls, what it passes on, and when it ends. No test here depends on how fast a machine is."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

import lehr
from lehr import OptionError
from lehr.probe import LatencyLimit, measure, native

#: Calls of nothing that any machine's disturbances leave enough of to settle a limit far away.
LONG = 1_000_000


class Calls:
    """Counts; raises at one call."""

    def __init__(self, fails_at: int | None = None, error: BaseException | None = None) -> None:
        self.count, self.fails_at, self.error = 0, fails_at, error

    def __call__(self) -> object:
        self.count += 1
        if self.count == self.fails_at:
            assert self.error is not None
            raise self.error
        return object()


def test_every_call_is_warm_up_or_timed() -> None:
    calls = Calls()
    report = measure(calls, max_samples=200)
    assert calls.count == report.warmup.calls + len(report.samples_ms)
    assert len(report.samples_ms) == 200
    assert report.ended == "samples"
    assert report.verdict is None
    assert (report.samples_ms >= 0).all()


def test_latencies_are_those_of_the_call() -> None:
    report = measure(lambda: time.sleep(0.002), max_samples=25)
    assert report.samples_ms.min() >= 2.0
    assert report.metrics()["latency_p95_ms"] >= 2.0
    assert "latency_p99_ms" not in report.metrics()
    assert report.metrics()["throughput_items_s"] == pytest.approx(1e3 / report.mean_ms)


def test_a_settled_limit_ends_it() -> None:
    feasible = measure(lambda: None, limit=LatencyLimit("p95", 1e5), max_samples=LONG)
    assert feasible.ended == "settled"
    assert feasible.verdict is not None
    assert feasible.verdict.answer == "feasible"
    assert feasible.verdict.settled_at is not None
    assert 90 <= len(feasible.samples_ms) < LONG
    slow = measure(lambda: time.sleep(0.001), limit=(LatencyLimit("p95", 1e5), LatencyLimit("p50", 1e-3)))
    assert slow.verdicts[1].answer == "infeasible"
    assert slow.verdict == slow.verdicts[1]
    assert slow.ended == "settled"
    assert len(slow.samples_ms) < 1000


def test_min_samples_are_taken_after_a_feasible_verdict() -> None:
    report = measure(lambda: None, limit=LatencyLimit("p50", 1e5), min_samples=50_000, max_samples=LONG)
    assert report.verdict is not None
    assert report.verdict.settled_at is not None
    assert len(report.samples_ms) == max(50_000, report.verdict.settled_at)


def test_what_is_open_at_the_bounds_is_borderline() -> None:
    report = measure(lambda: None, limit=LatencyLimit("p95", 1e5), max_samples=20)
    assert report.ended == "samples"
    assert report.verdict is not None
    assert report.verdict.answer == "borderline"
    assert 0 < report.verdict.probability < 0.99
    assert "open after 20 calls" in report.verdict.reason
    slow = measure(lambda: time.sleep(0.01), limit=LatencyLimit("p95", 1e5), max_seconds=0.05)
    assert slow.ended == "time"
    assert len(slow.samples_ms) <= 5


def test_enough_seconds_end_an_open_measurement() -> None:
    report = measure(lambda: time.sleep(0.002), max_samples=100_000, min_samples=30, enough_seconds=0.01)
    assert report.ended == "time"
    assert 30 <= len(report.samples_ms) <= 40


@pytest.mark.parametrize(("found", "factor"), [(False, 5), (True, 3)])
def test_the_paper_s_rule(found: bool, factor: int) -> None:
    slow = measure(
        lambda: time.sleep(0.002), limit=LatencyLimit("p95", 1e-3, rule="paper", feasible_found=found)
    )
    assert slow.ended == "early"
    assert len(slow.samples_ms) == 3
    assert slow.verdict is not None
    assert slow.verdict.answer == "infeasible"
    assert f"more than {factor} times" in slow.verdict.reason
    quick = measure(lambda: None, limit=LatencyLimit("p95", 1e5, rule="paper"))
    assert len(quick.samples_ms) == 100
    assert quick.verdict is not None
    assert quick.verdict.answer == "feasible"
    fixed = measure(lambda: time.sleep(0.0005), limit=LatencyLimit("p95", 1e-3, rule="fixed"))
    assert len(fixed.samples_ms) == 100
    assert fixed.verdict is not None
    assert fixed.verdict.answer == "infeasible"


@pytest.mark.parametrize("at", [1, 3, 40])
def test_exceptions_pass_through_unchanged(at: int) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        measure(Calls(at, error), max_samples=100)
    assert caught.value is error


def test_results_are_released() -> None:
    class Held:
        alive = 0

        def __init__(self) -> None:
            Held.alive += 1

        def __del__(self) -> None:
            Held.alive -= 1

    measure(Held, max_samples=50)
    assert Held.alive == 0


def test_a_native_callee() -> None:
    library = ctypes.CDLL(None)
    value = ctypes.c_uint(1)
    report = measure(
        native(library.srand, 7), max_samples=1000
    )  # int srand(unsigned): the argument is the context
    assert len(report.samples_ms) == 1000
    seen: list[int | None] = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(seen.append)
    report = measure(native(callback, value), max_samples=20)
    assert len(seen) == report.warmup.calls + 20
    assert set(seen) == {ctypes.addressof(value)}
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    measure(native(address), max_samples=20)
    assert seen[-1] is None


@pytest.mark.parametrize("function", [None, "f", 0, -1, len, True])
def test_no_native_callee(function: Any) -> None:
    with pytest.raises(OptionError, match="native callee"):
        native(function)


def test_a_context_is_an_address_or_a_ctypes_object() -> None:
    with pytest.raises(OptionError, match="context"):
        native(ctypes.CDLL(None).srand, "text")


INTERRUPTED = """
import ctypes, os, signal, sys, threading, time
import lehr.probe
signal.signal(signal.SIGINT, signal.default_int_handler)
callee = {callee}
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    lehr.probe.measure(callee, max_samples=100_000_000, max_seconds=60)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    "callee", ["abs.__class__", "lehr.probe.native(ctypes.CDLL(None).srand, 1)", "lambda: None"]
)
def test_ctrl_c_works(callee: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", INTERRUPTED.format(callee=callee.replace("abs.__class__", "dict"))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.strip() == "interrupted", run.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_samples": 0}, "min_samples"),
        ({"min_samples": 10, "max_samples": 5}, "min_samples"),
        ({"max_seconds": 0.0}, "max_seconds"),
        ({"enough_seconds": 0.0}, "enough_seconds"),
        ({"confidence": 1.0}, "confidence"),
        ({"batch_size": 0}, "batch_size"),
        ({"device": "tpu"}, "unknown device"),
        ({"stream": 5}, "stream"),
        ({"retries": -1}, "retries"),
        ({"moot_ms": -1.0}, "moot_ms"),
        ({"min_seconds": -1.0}, "min_seconds"),
        ({"min_seconds": 5.0, "max_seconds": 1.0}, "min_seconds"),
        ({"retry_seconds": -1.0}, "retry_seconds"),
        ({"percentiles": ("95",)}, "p95"),
    ],
)
def test_arguments_out_of_range(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        measure(lambda: None, **options)


def test_retries_are_for_disturbed_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    disturbances = iter(["others were busy", "still busy", ""])
    monkeypatch.setattr("lehr.probe.conditions.contention", lambda *_: next(disturbances))
    report = measure(lambda: None, max_samples=20, retries=5)
    assert report.attempts == 3


def test_retries_end_with_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lehr.probe.conditions.contention", lambda *_: "others were busy")
    assert measure(lambda: None, max_samples=20, retries=5, retry_seconds=0.0).attempts == 1
    assert measure(lambda: None, max_samples=20, retries=2, retry_seconds=1e6).attempts == 3


def test_no_settled_limit_ends_it_before_its_time() -> None:
    begun = time.monotonic()
    report = measure(lambda: None, limit=LatencyLimit("p95", 1e-9), min_seconds=0.2, max_samples=100_000_000)
    assert time.monotonic() - begun >= 0.2
    assert report.ended == "settled"
    assert report.verdict is not None
    assert report.verdict.answer == "infeasible"


def test_bounds_fit_what_is_asked() -> None:
    assert len(measure(lambda: None).samples_ms) == 1000
    open_ones = LatencyLimit("p95", 1e5), LatencyLimit("p50", 1e5)
    assert len(measure(lambda: None, limit=open_ones, max_samples=25).samples_ms) == 25
    rare = measure(lambda: None, limit=LatencyLimit("p99", 1e5))
    assert rare.verdict is not None
    assert rare.verdict.answer == "feasible"  # which takes more calls than 1000


def test_reports_are_json() -> None:
    report = measure(lambda: None, limit=LatencyLimit("p95", 1e5), batch_size=4, max_samples=LONG)
    document = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert document["verdicts"][0]["answer"] == "feasible"
    assert len(document["samples_ms"]) == len(report.samples_ms)
    assert document["memory"]["host_source"]
    assert document["energy"]["source"]
    assert "p95 <= 100000 ms: feasible" in str(report)


def test_it_is_part_of_the_package() -> None:
    assert lehr.probe.measure is measure
    assert "probe" in dir(lehr)
    assert isinstance(measure(lambda: None, max_samples=20).samples_ms, np.ndarray)
    assert signal.getsignal(signal.SIGINT) is not None
