"""Peak memory of this process, and of its GPU, each with the source of the figure."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from lehr.probe import nvml

MB = 1e6


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in MB (10^6 bytes). None where it could not be read; the ``_source`` then says why.

    ``host_peak_mb`` is this process' peak since its start, or since the peak was last reset; in a forked process,
    whose peak begins with the pages it inherited, the private memory at the end stands in for it. ``device_mb`` is
    what this process holds on the GPU at the end, ``device_growth_mb`` by how much the GPU's free memory shrank.
    """

    host_peak_mb: float | None = None
    host_source: str = ""
    device_mb: float | None = None
    device_growth_mb: float | None = None
    device_source: str = "not asked for: the device is the CPU"


def host_memory(*, forked: bool = False, root: str | Path = "/") -> tuple[float | None, str]:
    """(MB, source): VmHWM, or Private_Dirty where ``forked`` says that inherited pages would be charged."""
    process = Path(root) / "proc/self"
    if forked:
        kilobytes = _field(process / "smaps_rollup", "Private_Dirty:")
        if kilobytes is not None:
            return kilobytes * 1024 / MB, "Private_Dirty at the end (this process was forked)"
    kilobytes = _field(process / "status", "VmHWM:")
    if kilobytes is not None:
        return kilobytes * 1024 / MB, "VmHWM"
    return None, "unknown: /proc/self cannot be read"


def device_memory(free_before: int | None, free_after: int | None, device: int = 0) -> Memory:
    """The GPU's part of :class:`Memory` from cuMemGetInfo around the run and NVML's count for this process."""
    growth = None if free_before is None or free_after is None else max(0, free_before - free_after) / MB
    try:
        with nvml.opened() as library:
            used = library.process_bytes(device, os.getpid())
    except nvml.NvmlError as error:
        used, why = None, str(error)
    else:
        why = "" if used is not None else "NVML does not list this process (another PID namespace?)"
    sources = [] if used is None else ["NVML per process"]
    if growth is not None:
        sources.append("cuMemGetInfo before and after")
    text = ", ".join(sources) or "unknown"
    return Memory(
        device_mb=None if used is None else used / MB,
        device_growth_mb=growth,
        device_source=f"{text}; {why}" if why else text,
    )


def _field(path: Path, name: str) -> int | None:
    try:
        text = path.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return None
