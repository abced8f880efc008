"""Who else used the CPUs while something was measured, and what that cost."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

from lehr import _core, _proc

#: Foreign work, in shares of the CPUs that this process may use, from which a measurement counts as contended.
CONTENDED_SHARE = 0.1
#: Waiting for a CPU, or time that the hypervisor took, as a share of the time, from which it does as well.
STOLEN_SHARE = 0.05
#: Involuntary context switches a second, where nothing else is known.
CONTENDED_SWITCHES = 100.0
#: /proc/stat counts in clock ticks, of which a shorter measurement has too few to tell anything.
LEAST_SECONDS = 0.05
#: A measurement in which nothing was noticed counts as quiet from this length on: a shorter one may have been lucky.
QUIET_SECONDS = 0.2
#: A look at others while this process sleeps: ten clock ticks, in which a busy loop on one of four CPUs shows.
LOOK_SECONDS = 0.1


def usable_cpus() -> list[int]:
    """The CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Load:
    """What is known of others between two looks; None means that it cannot be known.

    Attributes:
        seconds: between the looks.
        cpus: how many this process may use.
        foreign: CPU time of processes that are not of this one's tree, as a share of these CPUs.
        own: CPU time of this process and of those that it started, likewise.
        stolen: for how long threads of this process were ready to run and did not, summed over its threads, as a share
            of the time, 1 at most. A process with more threads than CPUs does that to itself as well.
        steal: time for which the hypervisor let others run, as a share of these CPUs.
        switches: how often this process was taken off a CPU.
    """

    seconds: float
    cpus: int
    foreign: float | None
    own: float
    stolen: float | None
    steal: float | None
    switches: int

    @property
    def step(self) -> float:
        """The clock tick in which foreign and stolen CPU time are counted, as a share of the time."""
        return 1 / _proc.clock_ticks() / max(self.seconds, 1e-9)

    @property
    def stolen_by_others(self) -> float:
        """The part of ``stolen`` that others caused: in proportion to their CPU time, since threads of a process that
        has more of them than CPUs wait for each other."""
        if self.stolen is None or self.foreign is None:
            return 0.0
        return self.stolen * self.foreign / max(self.foreign + self.own, 1e-9)

    def contention(self) -> str:
        """Why a measurement counts as disturbed by others, in one sentence; empty when it does not.

        Shares must be above their thresholds by a clock tick, in which they are counted.
        """
        if self.foreign is not None and self.foreign > CONTENDED_SHARE + self.step:
            return f"other processes used {self.foreign:.0%} of the CPUs that this one may use"
        if self.steal is not None and self.steal > STOLEN_SHARE + self.step:
            return f"the hypervisor ran others for {self.steal:.0%} of the time"
        if self.stolen_by_others > STOLEN_SHARE + self.step:
            return f"this process waited for a CPU for {self.stolen_by_others:.0%} of the time while others had it"
        often = self.seconds >= LEAST_SECONDS and self.switches / self.seconds > CONTENDED_SWITCHES
        if self.foreign is None and often:
            return f"this process was taken off its CPU {self.switches} times in {self.seconds:.2g} s"
        return ""

    @property
    def judged(self) -> bool:
        """Whether that no contention was noticed says that there was none."""
        return self.foreign is not None and self.seconds >= QUIET_SECONDS


class LoadWatch:
    """Looks when it is made, and again at :meth:`end`."""

    def __init__(self, root: str | Path = "/") -> None:
        self._root = str(root)
        self._cpus = usable_cpus()
        self._time = _proc.cpu_time(self._cpus, root=root)
        self._waited = _proc.waited_ns(root=root)
        self._switches = _switches()
        self._own = self._own_seconds()
        self._started = time.monotonic()

    @property
    def readable(self) -> bool:
        """Whether the CPU time of others can be read at all."""
        return self._time is not None

    def end(self) -> Load:
        """What happened since the first look."""
        seconds = time.monotonic() - self._started
        own = self._own_seconds() - self._own
        now = _proc.cpu_time(self._cpus, root=self._root)
        waited = _proc.waited_ns(root=self._root)
        foreign = steal = stolen = None
        available = max(seconds, 1e-9) * len(self._cpus)
        if now is not None and self._time is not None and seconds >= LEAST_SECONDS:
            foreign = _share((now.busy - self._time.busy - own) / available)
            steal = _share((now.steal - self._time.steal) / available)
        if waited is not None and self._waited is not None and seconds > 0:
            total = sum(ns - self._waited.get(thread, 0) for thread, ns in waited.items())
            stolen = _share(total * 1e-9 / seconds)
        switches = _switches() - self._switches
        return Load(seconds, len(self._cpus), foreign, own / available, stolen, steal, switches)

    def _own_seconds(self) -> float:
        """CPU time of this process and of all that it started, whether they are alive or were waited for."""
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        total = sum(usage.ru_utime + usage.ru_stime for usage in usages)
        root = "" if self._root == "/" else self._root
        below = _core.probe_descendants(root, os.getpid())
        return total + sum(_proc.cpu_seconds(pid, root=self._root) or 0.0 for pid in below)


def quiet_within(seconds: float, root: str | Path = "/") -> bool:
    """Wait until others leave the CPUs alone, for so long at most; whether they did. This process sleeps meanwhile.
    True where it cannot be known."""
    end = time.monotonic() + seconds
    while True:
        watch = LoadWatch(root)
        time.sleep(LOOK_SECONDS)
        if not watch.end().contention():
            return True
        if time.monotonic() + LOOK_SECONDS > end:
            return False


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _switches() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
