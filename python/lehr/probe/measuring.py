"""``lehr.probe.measure``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lehr import _core
from lehr.errors import OptionError
from lehr.probe.conditions import Watch
from lehr.probe.energy import EnergyMeter
from lehr.probe.limit import Limit, share_of
from lehr.probe.memory import HostWatch, Memory, device_memory
from lehr.probe.native import NativeCallee
from lehr.probe.on_gpu import driver_library, stream_handle, uuid_of
from lehr.probe.report import Answer, Ended, LatencyReport, Percentile, Verdict, Warmup

FIXED_SAMPLES = 100
"""Calls of the fixed protocols."""

Callee = Callable[[], object] | NativeCallee
Percentiles = tuple[str, ...]


def measure(
    fn: Callee,
    *,
    batch_size: int = 1,
    device: Literal["cpu", "cuda"] = "cpu",
    stream: Any = None,
    limit: Limit | Sequence[Limit] | None = None,
    confidence: float = 0.99,
    max_seconds: float | None = None,
    min_samples: int = 20,
    max_samples: int | None = None,
    enough_seconds: float | None = None,
    hasty: bool = True,
    moot_ms: float | None = None,
    min_seconds: float = 0.0,
    percentiles: Percentiles = ("p50", "p95", "p99"),
    warmup_calls: int = 500,
    warmup_seconds: float = 0.2,
    retries: int = 0,
    retry_seconds: float | None = None,
    forked: bool = False,
    in_flight: int = 16,
    capture: bool = False,
) -> LatencyReport:
    """Time ``fn()`` until every limit on its latency is settled.

    Warm-up ends when latency has stopped falling and its spikes have stopped coming (``docs/probe.md``), within
    ``warmup_calls`` and ``warmup_seconds``; the first call is never counted. Then every call is timed by a native
    loop. One settled infeasible limit ends it, or all of them settled feasible once there are ``min_samples``. What
    is open at ``max_samples`` or ``max_seconds`` is ``borderline``. Without a limit, ``max_samples`` are taken as
    time allows. A call that has begun is finished.

    Args:
        fn: a Python callable without arguments, or a callee made by :func:`lehr.probe.native`.
        batch_size: items a call, for throughput and energy.
        device: ``cpu`` is timed by the steady clock around each call. ``cuda`` by events on ``stream``, with calls
            in flight behind one another.
        stream: where ``fn`` launches its work: a ``torch.cuda.Stream``, a ``cupy.cuda.Stream``, an object with
            ``__cuda_stream__``, an integer handle (such as ONNX Runtime's ``user_compute_stream``), or None for the
            default stream. With ``device="cuda"`` only.
        limit: what is asked; several limits are settled together.
        confidence: of the verdicts and of the percentiles' intervals, in (0.5, 1).
        max_seconds: of the timed calls of one attempt; None for 30 with a limit, 10 without.
        min_samples, max_samples: bounds on the timed calls of one attempt; ``max_samples`` None for 3000 with a limit
            on p95 and in proportion beyond it (15,000 on p99), 1000 otherwise.
        enough_seconds: where nothing is asked (no limit, or only fixed rules), stop after this time once there
            are ``min_samples``; None for no such bound.
        hasty: whether an infeasible limit ends it before there are ``min_samples``, and so before there is a
            percentile to tell.
        moot_ms: a mean latency above which the limits are of no interest (a throughput is missed then, say): once
            ``min_samples`` show it, measuring ends, and what is open is ``borderline``. None for no such latency.
        min_seconds: of the timed calls of one attempt, whatever was settled before, unless ``max_samples`` come first:
            counters of energy need their time.
        percentiles: which to report.
        warmup_calls, warmup_seconds: bounds of the warm-up.
        retries: how often to measure again when other processes disturbed a measurement (see
            :class:`~lehr.probe.Conditions`); the least disturbed attempt is reported. One that meets every limit
            all the same is not repeated: others only make calls slower.
        retry_seconds: no further attempt begins this long after the first one began; None for no such bound.
        forked: whether this process was forked from one with memory of its own (see
            :class:`~lehr.probe.Memory`).
        in_flight: on ``cuda``, how many calls may be on the stream at once; 1 waits for each before the next.
        capture: on ``cuda``, whether to capture the callee into a graph after the warm-up, which is then replayed
            with no Python in the loop: for a deployment that replays a graph, since one that does not waits for its
            launches as well. Memory that the callee allocates anew in every call is used again by each replay, and an
            allocator that does not know of the capture (torch's) gives it to others meanwhile: with torch, capture with
            ``torch.cuda.graph`` and pass ``graph.replay``. Where capturing fails the callee is called as it is, and the
            notes say why.

    On ``cuda`` a call that does not finish within ``max_seconds`` and two seconds is an error; a driver that never
    returns from a call of its own can only be ended from outside (``lehr.run`` does). A callee whose work is not on
    ``stream`` is refused: events there would see nothing of it.

    Raises:
        OptionError: an argument is out of its range.
        DeviceError: ``device="cuda"`` and the GPU cannot be used, or fails, or the callee works on another stream.
        BaseException: whatever ``fn`` raises, unchanged; KeyboardInterrupt at Ctrl-C.
    """
    limits = (limit,) if isinstance(limit, Limit) else tuple(limit or ())
    for name in percentiles:
        share_of(name)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise OptionError(f"batch_size must be a whole number from 1, not {batch_size!r}")
    if device not in ("cpu", "cuda"):
        raise OptionError(f"unknown device {device!r}; use 'cpu' or 'cuda'")
    if not 0.5 < confidence < 1:
        raise OptionError(f"confidence must lie between 0.5 and 1, not {confidence!r}")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise OptionError(f"retries must be a whole number from 0, not {retries!r}")
    if retry_seconds is not None and not retry_seconds >= 0:
        raise OptionError(f"retry_seconds must be a number from 0, or None, not {retry_seconds!r}")
    if max_seconds is None:
        max_seconds = 30.0 if limits else 10.0
    if max_samples is None:
        rarest = min((1 - one.share for one in limits), default=1.0)
        max_samples = max(1000, round(150 / rarest), min_samples)
    if stream is not None and device == "cpu":
        raise OptionError("a stream belongs to device='cuda'")
    if not 1 <= in_flight <= 1024:
        raise OptionError(f"in_flight must lie between 1 and 1024, not {in_flight!r}")
    handle = stream_handle(stream)
    settings = _Settings(
        batch_size=batch_size,
        device=device,
        handle=handle,
        confidence=confidence,
        max_seconds=max_seconds,
        min_samples=min_samples,
        max_samples=max_samples,
        enough_seconds=math.inf if enough_seconds is None else enough_seconds,
        hasty=hasty,
        moot_mean=math.inf if moot_ms is None else moot_ms,
        min_seconds=min_seconds,
        percentiles=percentiles,
        warmup_calls=warmup_calls,
        warmup_ms=1e3 * warmup_seconds,
        forked=forked,
        in_flight=in_flight,
        capture=capture,
    )
    best: LatencyReport | None = None
    begun = time.monotonic()
    for attempt in range(1, retries + 2):
        report = _attempt(fn, limits, settings)
        if best is None or _disturbance(report) < _disturbance(best):
            best = report
        best = replace(best, attempts=attempt)
        if not report.conditions.contended:
            break
        if report.verdicts and all(one.answer == "feasible" for one in report.verdicts):
            best = replace(report, attempts=attempt)
            break
        if retry_seconds is not None and time.monotonic() - begun >= retry_seconds:
            break
    assert best is not None
    return best


def _disturbance(report: LatencyReport) -> tuple[float, float]:
    seen = report.conditions
    return (seen.foreign_cpu or 0.0, seen.involuntary_switches / max(seen.seconds, 1e-9))


@dataclass(frozen=True, slots=True)
class _Settings:
    """The arguments of :func:`measure`, checked."""

    batch_size: int
    device: str
    handle: int
    confidence: float
    max_seconds: float
    min_samples: int
    max_samples: int
    enough_seconds: float
    hasty: bool
    moot_mean: float
    min_seconds: float
    percentiles: Percentiles
    warmup_calls: int
    warmup_ms: float
    forked: bool
    in_flight: int
    capture: bool


def _attempt(fn: Callee, limits: tuple[Limit, ...], settings: _Settings) -> LatencyReport:
    confidence, min_samples, max_samples = settings.confidence, settings.min_samples, settings.max_samples
    tested = [one for one in limits if one.rule == "sequential"]
    if limits and not tested:
        max_samples = max(FIXED_SAMPLES, *(_needed(one.share) for one in limits))
        min_samples = min(max(min_samples, *(_needed(one.share) for one in limits)), max_samples)
    thresholds = [one.timeout_factor * one.value_ms for one in limits if one.rule == "paper"]
    gpu = uuid_of(settings.handle) if settings.device == "cuda" else ""
    watch, meter = Watch(device=settings.device, gpu=gpu), EnergyMeter(settings.device, gpu=gpu)
    memory = HostWatch(forked=settings.forked)

    def tick(samples: int) -> None:
        watch.tick(samples)
        memory.tick()

    callee = fn.capsule if isinstance(fn, NativeCallee) else fn
    options: dict[str, Any] = {
        "warmup_calls": settings.warmup_calls,
        "warmup_ms": settings.warmup_ms,
        "questions": [
            (float(one.value_ms), one.share, confidence, float(one.tail_index), float(one.spell))
            for one in tested
        ],
        "early_threshold": min(thresholds, default=math.inf),
        "min_samples": min_samples,
        "max_samples": max_samples,
        "max_seconds": settings.max_seconds,
        "enough_seconds": settings.enough_seconds,
        "hasty": settings.hasty,
        "moot_mean": settings.moot_mean,
        "min_seconds": settings.min_seconds,
        "watch": tick,
    }
    notes: list[str] = []
    on_device = Memory()
    try:
        if settings.device == "cuda":
            measured, before, after, why_not = _core.probe_measure_gpu(
                driver_library(), settings.handle, callee, in_flight=settings.in_flight,
                patience_s=settings.max_seconds + 2, capture=settings.capture, **options,
            )  # fmt: skip
            on_device = device_memory(before, after, gpu)
            if settings.capture:
                notes.append(
                    f"called as it is, not replayed: {why_not}"
                    if why_not
                    else "captured once and replayed natively"
                )
        else:
            measured = _core.probe_measure(callee, tick_ms=50.0, **options)
    except BaseException:
        watch.end(0)  # gives NVML back
        memory.end()
        raise
    samples, calls, warm_ms, warm_ended, ended, told = measured
    energy = meter.end()
    conditions = watch.end(len(samples))
    on_host = memory.end()
    answers = iter(told)
    if conditions.throttled:
        count = sum(stop - start for start, stop in conditions.throttled)
        notes.append(f"the clock was throttled during {count} of {len(samples)} calls")
    if conditions.contended:
        notes.append(conditions.contended)
    if warm_ended != "stable":
        notes.append(f"warm-up ended at its bound ({warm_ended}), not because the latency was stable")
    return LatencyReport(
        samples_ms=samples,
        batch_size=settings.batch_size,
        device=settings.device,
        percentiles={name: percentile(samples, name, confidence) for name in settings.percentiles},
        verdicts=tuple(
            _verdict(one, next(answers), samples, confidence)
            if one.rule == "sequential"
            else compared(one, samples, ended)
            for one in limits
        ),
        ended=_ended(ended),
        warmup=Warmup(calls, warm_ms, warm_ended),
        conditions=conditions,
        memory=replace(
            on_host,
            device_mb=on_device.device_mb,
            device_growth_mb=on_device.device_growth_mb,
            device_source=on_device.device_source,
        ),
        energy=energy,
        notes=tuple(notes),
    )


def _ended(word: str) -> Ended:
    assert word in ("settled", "early", "moot", "samples", "time")
    return word  # type: ignore[return-value]


def _needed(share: float) -> int:
    return _core.probe_samples_for_point(share)


def percentile(samples_ms: NDArray[np.float64], name: str, confidence: float) -> Percentile:
    """A percentile of samples in the order they were taken, with its interval; refused where they are too few."""
    share, count = share_of(name), len(samples_ms)
    ordered = np.sort(samples_ms)
    rank = max(0, math.ceil(round(share * count, 9)) - 1)
    seen, _ = _core.probe_dependence(samples_ms, float(ordered[rank]), 0.0)
    value, low, high, _, effective, supported, needed = _core.probe_quantile(ordered, share, confidence, seen)
    if count < _needed(share):
        reason = f"{count} samples cannot support {name}, which needs {_needed(share)}"
        return Percentile(name, None, None, None, confidence, count, effective, reason)
    if not supported:
        reason = f"no interval at {confidence:.0%}: it needs about {needed} samples as dependent as these"
        return Percentile(name, value, None, None, confidence, count, effective, reason)
    return Percentile(name, value, low, high, confidence, count, effective)


def _verdict(
    limit: Limit,
    told: tuple[str, int, int, float, float, float, float],
    samples: NDArray[np.float64],
    confidence: float,
) -> Verdict:
    answer, settled_at, beyond, probability, _, _, discount = told
    allowed, count = 1 - limit.share, len(samples)
    seen = f"{beyond} of {count} calls took longer than {limit.value_ms:g} ms"
    known: Answer
    if answer == "open":
        known = "borderline"
        reason = f"{limit} is open after {count} calls ({seen}); it is met with probability {probability:.2g}"
    else:
        known = "feasible" if answer == "feasible" else "infeasible"
        holds = "is met" if known == "feasible" else "is not met"
        reason = f"{limit} {holds} at {confidence:.0%} confidence: {seen}, {allowed:.0%} may"
    return Verdict(limit, known, probability, confidence, settled_at or None, count, beyond, discount, reason)


def compared(limit: Limit, samples: NDArray[np.float64], ended: str) -> Verdict:
    """The fixed protocols' answer: the plain percentile against the limit, or the paper's timeout."""
    count, beyond = len(samples), int((samples > limit.value_ms).sum())
    if ended == "early":
        first = float(samples[:3].mean())
        reason = (
            f"the first 3 timed calls took {first:.4g} ms on average, more than {limit.timeout_factor:.0f} times "
            f"the limit of {limit.value_ms:g} ms"
        )
        return Verdict(limit, "infeasible", 0.0, 0.0, 3, count, beyond, 1.0, reason)
    found = percentile(samples, limit.percentile, 0.99)
    if found.value_ms is None:
        return Verdict(limit, "borderline", 0.5, 0.0, None, count, beyond, 1.0, found.reason)
    met = found.value_ms <= limit.value_ms
    reason = f"{limit.percentile} of {count} calls is {found.value_ms:.4g} ms, with no test"
    return Verdict(
        limit, "feasible" if met else "infeasible", float(met), 0.0, count, count, beyond, 1.0, reason
    )
