"""``lehr.probe.measure``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lehr import _core
from lehr.errors import OptionError
from lehr.probe.conditions import Watch
from lehr.probe.energy import EnergyMeter
from lehr.probe.estimates import compared, imprecise, mean_interval, percentile, samples_needed, verdict_of
from lehr.probe.limit import LatencyLimit, share_of
from lehr.probe.load import quiet_within
from lehr.probe.memory import HostWatch, Memory, device_memory
from lehr.probe.native import NativeCallee
from lehr.probe.on_gpu import driver_library, stream_handle, uuid_of
from lehr.probe.report import Ended, LatencyReport, Warmup

FIXED_SAMPLES = 100
"""Calls of the fixed protocols."""
PRECISE_SAMPLES = 10_000_000
"""Calls at most where a precision is asked: its bound is time, and this is the memory that their latencies may take."""

Callee = Callable[[], object] | NativeCallee
Percentiles = tuple[str, ...]


def measure(
    fn: Callee,
    *,
    batch_size: int = 1,
    device: Literal["cpu", "cuda"] = "cpu",
    stream: Any = None,
    limit: LatencyLimit | Sequence[LatencyLimit] | None = None,
    confidence: float = 0.99,
    precision: float | None = None,
    precision_confidence: float = 0.95,
    least_seconds: float = 0.2,
    max_seconds: float | None = None,
    min_samples: int = 20,
    max_samples: int | None = None,
    limit_samples: int | None = None,
    enough_seconds: float | None = None,
    hasty: bool = True,
    moot_ms: float | None = None,
    min_seconds: float = 0.0,
    percentiles: Percentiles = ("p50", "p95", "p99"),
    warmup_calls: int = 500,
    warmup_seconds: float = 0.2,
    retries: int = 0,
    retry_seconds: float | None = None,
    quiet_seconds: float | None = None,
    forked: bool = False,
    in_flight: int = 16,
    capture: bool = False,
) -> LatencyReport:
    """Time ``fn()`` until every limit on its latency is settled and its mean is known as well as asked.

    Warm-up ends when latency has stopped falling and its spikes have stopped coming (``docs/probe.md``), within
    ``warmup_calls`` and ``warmup_seconds``; the first call is never counted. Then every call is timed by a native
    loop. One settled infeasible limit ends it; else it ends once all of them are settled feasible, the mean is as
    precise as ``precision`` asks and there are ``min_samples``. What is open at ``max_samples`` or ``max_seconds`` is
    ``borderline``, a mean that is less precise then is reported with its interval. Where nothing is asked,
    ``max_samples`` are taken as time allows. A call that has begun is finished.

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
        precision: half of the width that the confidence interval of the mean latency (and so of the throughput) may
            have, as a share of it: 0.02 is 2 %. The interval is made of the means of blocks of at least 20 ms
            (``docs/probe.md``), so dependence and slow spells of that length widen it. None asks for none. The fixed
            rules of a limit take no notice of it.
        precision_confidence: of the mean's interval, in (0.5, 1).
        least_seconds: of the timed calls, before a mean counts as known.
        max_seconds: of the timed calls of one attempt; None for 30 with a limit, 10 without.
        min_samples, max_samples: bounds on the timed calls of one attempt; ``max_samples`` None for 3000 with a limit
            on p95 and in proportion beyond it (15,000 on p99), 1000 otherwise, and 10,000,000 with ``precision``.
        limit_samples: of the timed calls, after which a limit that is open is given up, while the mean may still be
            measured; None for ``max_samples``, or what they would be without ``precision``.
        enough_seconds: where no limit is open, stop after this time once there are ``min_samples``, though the mean
            be not as precise as asked; None for no such bound.
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
            and knows the mean as well as asked all the same is not repeated: others only make calls slower.
        retry_seconds: no further attempt begins this long after the first one began; None for no such bound.
        quiet_seconds: how long to wait, before measuring again, until other processes leave the CPUs alone; where they
            do not, what was measured stands. None does not wait and measures again at once.
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
    limits = (limit,) if isinstance(limit, LatencyLimit) else tuple(limit or ())
    for name in percentiles:
        share_of(name)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise OptionError(f"batch_size must be a whole number from 1, not {batch_size!r}")
    if device not in ("cpu", "cuda"):
        raise OptionError(f"unknown device {device!r}; use 'cpu' or 'cuda'")
    if not 0.5 < confidence < 1:
        raise OptionError(f"confidence must lie between 0.5 and 1, not {confidence!r}")
    if precision is not None and not 0 < precision < 1:
        raise OptionError(f"precision must lie between 0 and 1 (0.02 is 2 %), or be None, not {precision!r}")
    if not 0.5 < precision_confidence < 1:
        raise OptionError(f"precision_confidence must lie between 0.5 and 1, not {precision_confidence!r}")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise OptionError(f"retries must be a whole number from 0, not {retries!r}")
    for name, bound in (("retry_seconds", retry_seconds), ("quiet_seconds", quiet_seconds)):
        if bound is not None and not bound >= 0:
            raise OptionError(f"{name} must be a number from 0, or None, not {bound!r}")
    if max_seconds is None:
        max_seconds = 30.0 if limits else 10.0
    if max_samples is None:
        rarest = min((1 - one.share for one in limits), default=1.0)
        max_samples = max(1000, round(150 / rarest), min_samples)
        if precision is not None:
            limit_samples = max_samples if limit_samples is None else limit_samples
            max_samples = max(max_samples, PRECISE_SAMPLES)
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
        precision=precision,
        precision_confidence=precision_confidence,
        least_seconds=least_seconds,
        max_seconds=max_seconds,
        min_samples=min_samples,
        max_samples=max_samples,
        limit_samples=max_samples if limit_samples is None else limit_samples,
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
        if (report.verdicts or precision is not None) and report.answered:
            best = replace(report, attempts=attempt)
            break
        if attempt > retries or (retry_seconds is not None and time.monotonic() - begun >= retry_seconds):
            break
        if quiet_seconds is not None and not quiet_within(quiet_seconds):
            break
    assert best is not None
    return best


def _disturbance(report: LatencyReport) -> tuple[bool, float, float]:
    seen = report.conditions
    stolen = sum(share or 0.0 for share in (seen.foreign_cpu, seen.stolen_share, seen.steal_share))
    return (bool(seen.contended), stolen, seen.involuntary_switches / max(seen.seconds, 1e-9))


@dataclass(frozen=True, slots=True)
class _Settings:
    """The arguments of :func:`measure`, checked."""

    batch_size: int
    device: str
    handle: int
    confidence: float
    precision: float | None
    precision_confidence: float
    least_seconds: float
    max_seconds: float
    min_samples: int
    max_samples: int
    limit_samples: int
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


def _attempt(fn: Callee, limits: tuple[LatencyLimit, ...], settings: _Settings) -> LatencyReport:
    confidence, min_samples, max_samples = settings.confidence, settings.min_samples, settings.max_samples
    tested = [one for one in limits if one.rule == "sequential"]
    precision = settings.precision
    if limits and not tested:
        precision = None
        max_samples = max(FIXED_SAMPLES, *(samples_needed(one.share) for one in limits))
        min_samples = min(max(min_samples, *(samples_needed(one.share) for one in limits)), max_samples)
    thresholds = [one.timeout_factor * one.value_ms for one in limits if one.rule == "paper"]
    gpu = uuid_of(settings.handle) if settings.device == "cuda" else ""
    watch, meter = Watch(device=settings.device, gpu=gpu), EnergyMeter(settings.device, gpu=gpu)
    memory = HostWatch(forked=settings.forked)

    def tick(samples: int) -> None:
        watch.tick(samples)
        memory.tick()
        meter.tick(samples)

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
        "limit_samples": min(settings.limit_samples, max_samples),
        "precision": (precision or 0.0, settings.precision_confidence, settings.least_seconds),
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
    low, high = mean_interval(samples, settings.precision_confidence)
    if conditions.throttled:
        count = sum(stop - start for start, stop in conditions.throttled)
        notes.append(f"the clock was throttled during {count} of {len(samples)} calls")
    if conditions.contended:
        notes.append(conditions.contended)
    if warm_ended != "stable":
        notes.append(f"warm-up ended at its bound ({warm_ended}), not because the latency was stable")
    report = LatencyReport(
        samples_ms=samples,
        batch_size=settings.batch_size,
        device=settings.device,
        percentiles={name: percentile(samples, name, confidence) for name in settings.percentiles},
        verdicts=tuple(
            verdict_of(one, next(answers), samples, confidence)
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
        mean_low_ms=low,
        mean_high_ms=high,
        mean_confidence=settings.precision_confidence,
        precision=precision,
        notes=tuple(notes),
    )
    # What ended because something else was settled asked no more of the mean.
    if precision is not None and not report.precise and report.ended in ("samples", "time"):
        report = replace(report, notes=(*report.notes, imprecise(report, precision)))
    return report


def _ended(word: str) -> Ended:
    assert word in ("settled", "early", "moot", "samples", "time")
    return word  # type: ignore[return-value]
