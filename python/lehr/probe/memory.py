"""Peak memory of this process with all that it started, and of its GPU, each with the source of the figure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lehr import _core, _proc
from lehr.probe import nvml

MB = 1e6
POLL_MS = 5.0
"""How often the memory of descendants is looked at."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in MB (10^6 bytes). None where it could not be read; the ``_source`` then says why.

    ``host_peak_mb`` is the peak of this process and all that it started. Of a process alone the kernel keeps it, since
    the process' start or since the peak was last reset; where it has descendants, they are polled together, and the
    larger figure counts. In a forked process, whose peak begins with the pages it inherited, the private memory at the
    end stands in for the kernel's. ``cgroup_peak_mb`` is the kernel's count for the whole control group that this
    process is in, files that it read included, since that group was made; where each trial has a group of its own
    (``lehr.run`` does that where one is delegated) it is the trial's. ``device_mb`` is what this process holds on the
    GPU at the end, ``device_growth_mb`` by how much the GPU's free memory shrank.
    """

    host_peak_mb: float | None = None
    host_source: str = ""
    cgroup_peak_mb: float | None = None
    cgroup_source: str = ""
    device_mb: float | None = None
    device_growth_mb: float | None = None
    device_source: str = "not asked for: the device is the CPU"


class HostWatch:
    """Looks at the memory of this process and its descendants while something is measured."""

    def __init__(self, *, forked: bool = False, root: str | Path = "/") -> None:
        self._forked, self._root = forked, Path(root)
        self._watch: _core.TreeWatch | None = None
        self.tick()

    def tick(self) -> None:
        """Between two calls. Polling begins with the first descendant: alone, a process needs none, and a thread that
        polls takes time from what is timed.
        """
        root = "" if self._root == Path("/") else str(self._root)
        if self._watch is None and _core.probe_descendants(root, os.getpid()):
            self._watch = _core.TreeWatch(root, os.getpid(), POLL_MS)

    def end(self) -> Memory:
        """What was seen; the GPU's part is empty."""
        peak, source = host_memory(forked=self._forked, root=self._root)
        if self._watch is not None:
            total, count, polls = self._watch.stop()
            if count and total / MB > (peak or 0.0):
                peak = total / MB
                source = (
                    f"RssAnon + RssShmem of this process and {count} more, {polls} polls {POLL_MS:g} ms apart"
                )
            else:
                source += f"; more than this process and those that it started held at once, by {polls} polls"
        group_mb, group_source = cgroup_memory(self._root)
        return Memory(peak, source, group_mb, group_source)


def cgroup_memory(root: str | Path = "/") -> tuple[float | None, str]:
    """(MB, source): ``memory.peak`` of this process' control group, version 2; or None and why."""
    group = _proc.cgroup(root=root)
    if group is None and not _proc.readable(root=root):
        return None, "unknown: /proc/self/cgroup cannot be read"
    if group is None or not _proc.cgroup_mounted(root=root):
        return None, "none: cgroup v2 is not mounted"
    if group == "/":
        return None, "none: this process is in the root group, which is not counted"
    peak = _proc.cgroup_file(group, "memory.peak", root=root) or ""
    if not peak.isdigit():
        return None, f"none: {group} has no memory.peak (no memory controller, or a kernel before Linux 5.19)"
    return int(peak) / MB, f"memory.peak of {group}"


def host_memory(*, forked: bool = False, root: str | Path = "/") -> tuple[float | None, str]:
    """(MB, source): VmHWM, or Private_Dirty where ``forked`` says that inherited pages would be charged."""
    if forked:
        private = _proc.size(_proc.smaps_rollup(root=root), "Private_Dirty")
        if private is not None:
            return private / MB, "Private_Dirty at the end (this process was forked)"
    peak = _proc.size(_proc.status(root=root), "VmHWM")
    if peak is not None:
        return peak / MB, "VmHWM"
    return None, "unknown: /proc/self cannot be read"


def device_memory(free_before: int | None, free_after: int | None, gpu: str) -> Memory:
    """The GPU's part of :class:`Memory` from cuMemGetInfo around the run and NVML's count for this process."""
    growth = None if free_before is None or free_after is None else max(0, free_before - free_after) / MB
    try:
        with nvml.opened() as library:
            listed = library.processes(gpu)
    except nvml.NvmlError as error:
        used, why = None, str(error)
    else:
        used, why = listed.get(os.getpid()), ""
        if used is None:
            why = (
                "NVML does not tell what this process holds (a container?)"
                if os.getpid() in listed
                else "NVML does not list this process (another PID namespace?)"
            )
    sources = [] if used is None else ["NVML per process"]
    if growth is not None:
        sources.append("cuMemGetInfo before and after")
    text = ", ".join(sources) or "unknown"
    return Memory(
        device_mb=None if used is None else used / MB,
        device_growth_mb=growth,
        device_source=f"{text}; {why}" if why else text,
    )
