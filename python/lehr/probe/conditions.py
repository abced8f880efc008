"""What the machine did meanwhile: its clock, its temperature, and who else used it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from lehr.probe import nvml
from lehr.probe.load import LEAST_SECONDS, QUIET_SECONDS, LoadWatch, usable_cpus

#: A clock this far below the highest one seen during the measurement counts as throttled.
THROTTLED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Conditions:
    """The state of the machine during a measurement. None means: could not be read; ``missing`` says why.

    Attributes:
        mhz: lowest and highest clock frequency seen.
        celsius: highest temperature seen.
        throttled: samples (from, to) taken while the clock was throttled.
        foreign_cpu: CPU time of other processes as a share of the CPUs that this one may use.
        stolen_share: for how long threads of this process were ready to run and did not, summed over its threads, as a
            share of the time, 1 at most. Whoever has more threads than CPUs does that to itself as well.
        steal_share: time for which a hypervisor ran others, as a share of the CPUs that this process may use.
        involuntary_switches: how often this process was taken off its CPU.
        seconds: how long the measurement took, warm-up included.
        contended: why the measurement counts as disturbed by others; empty when it does not.
        quiet: whether it was undisturbed: False when ``contended`` says why not, None where nothing can be said, as of
            less than 0.2 s.
        missing: what could not be read, and why, one sentence each.
    """

    mhz: tuple[float, float] | None = None
    celsius: float | None = None
    throttled: tuple[tuple[int, int], ...] = ()
    foreign_cpu: float | None = None
    stolen_share: float | None = None
    steal_share: float | None = None
    involuntary_switches: int = 0
    seconds: float = 0.0
    contended: str = ""
    quiet: bool | None = None
    missing: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form."""
        return {
            "mhz": list(self.mhz) if self.mhz else None,
            "celsius": self.celsius,
            "throttled": [list(span) for span in self.throttled],
            "foreign_cpu": self.foreign_cpu,
            "stolen_share": self.stolen_share,
            "steal_share": self.steal_share,
            "involuntary_switches": self.involuntary_switches,
            "seconds": self.seconds,
            "contended": self.contended,
            "quiet": self.quiet,
            "missing": list(self.missing),
        }


class Watch:
    """Looks at the machine before, during (:meth:`tick`) and after a measurement. Linux; elsewhere it says so."""

    def __init__(self, root: str | Path = "/", *, device: str = "cpu", gpu: str = "") -> None:
        self._root = Path(root)
        self._ticks: list[tuple[int, float]] = []
        self._celsius: list[float] = []
        self._throttle_counts: list[int | None] = []
        cpu = self._root / "sys/devices/system/cpu"
        self._clocks = [cpu / f"cpu{number}/cpufreq/scaling_cur_freq" for number in usable_cpus()]
        self._counters = [
            cpu / f"cpu{number}/thermal_throttle/core_throttle_count" for number in usable_cpus()
        ]
        self._zones = sorted((self._root / "sys/class/thermal").glob("thermal_zone*/temp"))
        self._gpu, self._nvml, self._no_nvml = gpu, None, ""
        self._held_down: list[tuple[int, bool]] = []
        if device == "cuda":  # then the GPU's clock and temperature are those that count
            try:
                self._nvml = nvml.load()
            except nvml.NvmlError as error:
                self._no_nvml = f"the GPU's clock and temperature are unknown: {error}"
        self._load = LoadWatch(root)
        self.tick(0)

    def tick(self, samples: int) -> None:
        """Note clock and temperature; ``samples`` were taken until now."""
        if self._nvml is not None:
            self._tick_gpu(samples, self._nvml)
            return
        if self._no_nvml:
            return
        clocks = [khz for path in self._clocks if (khz := _number(path)) is not None]
        if clocks:
            self._ticks.append((samples, min(clocks) / 1e3))
        self._throttle_counts.append(_total(self._counters))
        self._celsius += [value / 1e3 for path in self._zones if (value := _number(path)) is not None]

    def _tick_gpu(self, samples: int, library: nvml.Nvml) -> None:
        try:
            clock, celsius = library.clock(self._gpu), library.celsius(self._gpu)
        except nvml.NvmlError as error:
            self._no_nvml, self._nvml = f"the GPU's clock and temperature are unknown: {error}", None
            library.close()
            return
        if not clock.idle:  # a GPU that rests, as before the first call, has a clock that says nothing
            self._ticks.append((samples, float(clock.mhz)))
        self._celsius.append(float(celsius))
        self._held_down.append((samples, clock.throttled))

    def end(self, samples: int) -> Conditions:
        """The conditions from the beginning until now."""
        self.tick(samples)
        if self._nvml is not None:
            self._nvml.close()
            self._nvml = None
        load = self._load.end()
        contended = load.contention()
        missing = [self._no_nvml] if self._no_nvml else []
        if self._held_down and not self._ticks and not self._no_nvml:
            missing.append("the GPU was idle whenever its clock was looked at")
        elif not self._ticks and not self._no_nvml:
            missing.append("no cpufreq in sysfs: the clock frequency is unknown, throttling is not noticed")
        if not self._celsius and not self._no_nvml:
            missing.append("no thermal zone in sysfs: the temperature is unknown")
        if not self._load.readable:
            missing.append("foreign CPU time is unknown: /proc/stat cannot be read")
        elif load.foreign is None:
            missing.append(f"foreign CPU time is unknown: shorter than {LEAST_SECONDS:g} s")
        elif not load.judged and not contended:
            missing.append(f"whether others disturbed it is unknown: shorter than {QUIET_SECONDS:g} s")
        if load.stolen is None:
            missing.append("waiting for a CPU is unknown: the kernel shows no schedstat")
        return Conditions(
            mhz=(min(mhz for _, mhz in self._ticks), max(mhz for _, mhz in self._ticks))
            if self._ticks
            else None,
            celsius=max(self._celsius, default=None),
            throttled=marked_spans(self._held_down)
            if self._held_down  # a GPU says itself why its clock is low
            else throttled_spans(self._ticks, self._throttle_counts),
            foreign_cpu=load.foreign,
            stolen_share=load.stolen,
            steal_share=load.steal,
            involuntary_switches=load.switches,
            seconds=load.seconds,
            contended=contended,
            quiet=False if contended else True if load.judged else None,
            missing=tuple(missing),
        )


def marked_spans(marks: list[tuple[int, bool]]) -> tuple[tuple[int, int], ...]:
    """Samples between two looks of which either was marked. Pure; adjoining spans are joined."""
    looks = pairwise(marks)
    return _joined((start, stop) for (start, before), (stop, after) in looks if before or after)


def throttled_spans(ticks: list[tuple[int, float]], counts: list[int | None]) -> tuple[tuple[int, int], ...]:
    """Samples between two ticks of which either saw the clock below 90 % of the highest frequency seen, or
    between which the kernel counted a thermal throttling event. Pure; adjoining spans are joined.
    """
    highest = max((mhz for _, mhz in ticks), default=0.0)
    found = []
    for index in range(1, len(ticks)):
        (start, before), (stop, after) = ticks[index - 1], ticks[index]
        counted = False
        if index < len(counts):
            first, second = counts[index - 1], counts[index]
            counted = first is not None and second is not None and second > first
        if counted or min(before, after) < THROTTLED_SHARE * highest:
            found.append((start, stop))
    return _joined(found)


def _joined(found: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    spans: list[tuple[int, int]] = []
    for start, stop in found:
        if stop == start:  # no sample in between
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return tuple(spans)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _total(paths: list[Path]) -> int | None:
    found = [value for path in paths if (value := _number(path)) is not None]
    return sum(found) if found else None
