"""What this machine can measure and how well; what is missing, and why."""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lehr import _core, _proc
from lehr.probe import nvml
from lehr.probe.conditions import Watch
from lehr.probe.energy import EnergyMeter
from lehr.probe.load import usable_cpus
from lehr.probe.measuring import measure
from lehr.probe.native import native

_CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_SYS_NICE": 23, "CAP_SYS_RESOURCE": 24, "CAP_PERFMON": 38}


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing that can or cannot be measured here; ``text`` says how well, or why not."""

    name: str
    there: bool
    text: str
    value: float | None = None


def survey(*, repeats: int = 7, root: str | Path = "/") -> list[Ability]:
    """Measure and look. Takes about two seconds."""
    return [
        _timer(),
        _noise_floor(),
        _repeatability(repeats),
        *_conditions(root),
        _energy(root),
        _gpu(),
        _nvml(),
        _cgroup(Path(root)),
        _private_memory(Path(root)),
        _capabilities(Path(root)),
    ]


def as_json(found: list[Ability]) -> dict[str, Any]:
    """The survey as plain JSON types."""
    return {"abilities": [asdict(one) for one in found]}


def _timer() -> Ability:
    step, cost = _core.probe_timer(200_000)
    return Ability(
        "timer", True, f"steady clock, smallest step seen {step:.0f} ns, {cost:.0f} ns a reading", step
    )


def _noise_floor() -> Ability:
    """Latencies of a call that does nothing: what is seen there is the timer's and the machine's."""
    report = measure(native(ctypes.CDLL(None).ffs, 0), max_samples=100_000, max_seconds=0.5)
    median, high = (float(np.quantile(report.samples_ms, share)) * 1e6 for share in (0.5, 0.999))
    worst = float(report.samples_ms.max()) * 1e3
    return Ability(
        "noise floor",
        True,
        f"an empty call takes {median:.0f} ns, one in a thousand more than {high:.0f} ns, the worst {worst:.0f} us",
        median,
    )


def _repeatability(repeats: int) -> Ability:
    """How far the p95 of a reference kernel, a sort of some hundred microseconds, varies."""
    values = np.random.default_rng(0).random(
        20_000
    )  # sorted by one thread; a matrix product would wake a pool
    found = []
    disturbed = 0
    for _ in range(repeats):
        report = measure(lambda: np.sort(values), max_samples=400, min_samples=20, enough_seconds=0.15)
        found.append(report.metrics()["latency_p95_ms"])
        disturbed += bool(report.conditions.contended)
    middle = statistics.median(found)
    spread = (max(found) - min(found)) / middle
    text = f"p95 of a reference kernel {middle * 1e3:.3g} us, {repeats} repeats within {spread:.0%} of it"
    if disturbed:
        text += f" ({disturbed} of them disturbed by other processes)"
    return Ability("p95 repeatability", True, text, spread)


def _conditions(root: str | Path) -> list[Ability]:
    watch = Watch(root)
    seen = watch.end(0)
    clock = f"{seen.mhz[0]:.0f} MHz now" if seen.mhz else "no cpufreq in sysfs: throttling is not noticed"
    heat = f"{seen.celsius:.0f} degrees C now" if seen.celsius is not None else "no thermal zone in sysfs"
    readable = _proc.cpu_time(usable_cpus(), root=root) is not None
    waits = ", waiting for a CPU from schedstat" if _proc.waited_ns(root=root) else ""
    foreign = (
        f"foreign CPU time and steal from /proc/stat{waits}" if readable else "/proc/stat cannot be read"
    )
    return [
        Ability("clock frequency", seen.mhz is not None, clock),
        Ability("temperature", seen.celsius is not None, heat),
        Ability("contention", readable, foreign),
    ]


def _energy(root: str | Path) -> Ability:
    found = EnergyMeter("cpu", root, least_s=0.0).end()
    return Ability("energy", found.joules is not None, found.source)


def _gpu() -> Ability:
    from lehr.gpu import gpu_status

    status = gpu_status()
    # No kernel of lehr's own is needed to time somebody else's.
    if status.device:
        return Ability("GPU", True, f"{status.device}, driver for CUDA {status.driver_version}")
    return Ability("GPU", False, status.reason)


def _nvml() -> Ability:
    try:
        with nvml.opened() as library:
            return Ability(
                "NVML", True, f"driver {library.driver()}: memory a process, energy, clock, temperature"
            )
    except nvml.NvmlError as error:
        return Ability("NVML", False, str(error))


def _cgroup(root: Path) -> Ability:
    name = "cgroup v2"
    if not _proc.cgroup_mounted(root=root):
        return Ability(name, False, "not mounted: memory is watched by polling")
    group = _proc.cgroup(root=root) or "/"
    controllers = _proc.cgroup_file(group, "cgroup.controllers", root=root)
    if controllers is None:
        return Ability(name, False, f"the files of this process' group {group} cannot be read")
    if "memory" not in controllers.split():
        return Ability(name, False, "mounted without the memory controller: memory is watched by polling")
    peak = _proc.cgroup_file(group, "memory.peak", root=root) is not None
    try:
        with (_proc.cgroup_folder(group, root=root) / "cgroup.subtree_control").open("r+"):
            delegated = True
    except OSError:
        delegated = False
    text = f"memory controller, {'delegated' if delegated else 'not delegated to this user'}"
    return Ability(
        name, delegated and peak, text + ("" if peak else ", no memory.peak (Linux 5.19 and later)")
    )


def _private_memory(root: Path) -> Ability:
    if not _proc.readable(root=root):
        return Ability("process memory", False, "/proc/self cannot be read: only getrusage's peak is known")
    there = _proc.smaps_rollup(root=root) is not None
    text = "VmHWM" + (", Private_Dirty" if there else "; no smaps_rollup: forks are charged for shared pages")
    return Ability("process memory", there, text)


def _capabilities(root: Path) -> Ability:
    """Effective capabilities that open more to measurement."""
    text = (_proc.status(root=root) or {}).get("CapEff", "")
    try:
        mask = int(text, 16)
    except ValueError:
        return Ability("capabilities", False, "cannot be read")
    held = [name for name, bit in _CAPABILITIES.items() if mask >> bit & 1]
    lacking = [name for name in _CAPABILITIES if name not in held]
    text = f"has {', '.join(held) or 'none'}" + (f"; lacks {', '.join(lacking)}" if lacking else "")
    return Ability("capabilities", bool(held), text)


def lines(found: list[Ability], mark: Callable[[bool], str]) -> list[str]:
    """One line each, aligned."""
    width = max(len(one.name) for one in found)
    return [f"{mark(one.there)}  {one.name.ljust(width)}  {one.text}" for one in found]
