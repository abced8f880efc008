"""What Linux tells in /proc and of control groups under /sys/fs/cgroup. The Python side reads them here alone.

Readers take ``root``, under which /proc and /sys lie (for tests; "/" as a rule), and give None or nothing where a file
is not there or cannot be read: on other systems, in sandboxes, for a process that is gone. This module imports the
standard library only, and below ``supervise`` it is imported by ``from lehr._proc import ...``, which runs none of
lehr's ``__init__``: a trial's process pays for what it imports.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

Pid = int | str
"""A process' number, or ``"self"``."""
_KB = 1024
_CGROUP = "sys/fs/cgroup"


def _read(root: str | Path, *names: str) -> bytes | None:
    try:
        with open(os.path.join(root, *names), "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return None


def status(pid: Pid = "self", *, root: str | Path = "/") -> dict[str, str] | None:
    """The fields of /proc/PID/status by name, as text: ``{"VmHWM": "2000 kB", "Threads": "3"}``."""
    return _fields(_read(root, "proc", str(pid), "status"))


def smaps_rollup(pid: Pid = "self", *, root: str | Path = "/") -> dict[str, str] | None:
    """The sums over all mappings of a process, as :func:`status` gives its fields. Takes milliseconds to read."""
    return _fields(_read(root, "proc", str(pid), "smaps_rollup"))


def _fields(text: bytes | None) -> dict[str, str] | None:
    if text is None:
        return None
    rows = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {name: value.strip() for name, colon, value in rows if colon}


def size(fields: Mapping[str, str] | None, name: str) -> int | None:
    """A field that is given in kB, in bytes; None where it is not there (a zombie has none)."""
    words = (fields or {}).get(name, "").split()
    return int(words[0]) * _KB if words and words[0].isdigit() else None


def stat(pid: Pid = "self", *, root: str | Path = "/") -> list[bytes]:
    """The fields of /proc/PID/stat behind the name, state first; empty when the process is gone."""
    text = _read(root, "proc", str(pid), "stat")
    return [] if text is None else text.rpartition(b")")[2].split()


def cpu_seconds(pid: Pid = "self", *, root: str | Path = "/") -> float | None:
    """CPU time of a process and of those of its children that it has waited for, in steps of a clock tick."""
    fields = stat(pid, root=root)
    if len(fields) < 15:
        return None
    return sum(map(int, fields[11:15])) / clock_ticks()


def path_of_descriptor(descriptor: int) -> str:
    """A path to what this process holds open, for those that take a name alone."""
    return f"/proc/self/fd/{descriptor}"


def threads(pid: Pid = "self", *, root: str | Path = "/") -> list[int] | None:
    """The ids of a process' threads."""
    try:
        return [int(name) for name in os.listdir(os.path.join(root, "proc", str(pid), "task"))]
    except OSError:
        return None


def children(pid: Pid, *, root: str | Path = "/") -> list[int]:
    """The pids of the direct children of a process, zombies included; empty when it is gone."""
    found: list[int] = []
    for thread in threads(pid, root=root) or ():
        place = os.path.join(root, "proc", str(pid), "task", str(thread))
        text = _read(place, "children")
        if text is not None:
            found.extend(map(int, text.split()))
        elif os.path.exists(place) and not os.path.exists(os.path.join(place, "children")):
            return _children_of_everybody(pid, root)  # a kernel without this file
    return found


def _children_of_everybody(pid: Pid, root: str | Path) -> list[int]:
    parent = str(os.getpid() if pid == "self" else pid).encode()
    everybody = [int(name) for name in os.listdir(os.path.join(root, "proc")) if name.isdigit()]
    return [other for other in everybody if stat(other, root=root)[1:2] == [parent]]


def mapped_libraries(*, root: str | Path = "/") -> list[str]:
    """The paths of the shared libraries in this process' memory, once for each mapping."""
    text = os.fsdecode(_read(root, "proc", "self", "maps") or b"")
    return [line.split(maxsplit=5)[-1] for line in text.split("\n") if ".so" in line]


def open_files(*, root: str | Path = "/") -> list[str]:
    """What this process' descriptors lead to: paths, or a kernel's name such as ``pipe:[7]``."""
    folder = os.path.join(root, "proc", "self", "fd")
    found = []
    with suppress(OSError):
        for descriptor in os.listdir(folder):
            with suppress(OSError):  # the one that listed them
                found.append(os.readlink(os.path.join(folder, descriptor)))
    return found


def pid_namespace(*, root: str | Path = "/") -> int | None:
    """The number of the namespace in which this process counts processes."""
    try:
        return os.stat(os.path.join(root, "proc", "self", "ns", "pid")).st_ino
    except OSError:
        return None


def waited_ns(pid: Pid = "self", *, root: str | Path = "/") -> dict[int, int] | None:
    """By thread, for how long it was ready to run and waited for a CPU, in nanoseconds since it began: the second
    field of schedstat. None where the kernel does not count it.
    """
    found = {}
    for thread in threads(pid, root=root) or ():
        words = (_read(root, "proc", str(pid), "task", str(thread), "schedstat") or b"").split()
        if len(words) >= 2:
            found[thread] = int(words[1])
    return found or None


@dataclass(frozen=True, slots=True)
class CpuTime:
    """What CPUs did since the machine was started, in seconds, in steps of a clock tick: ``busy`` with work of anybody
    on this machine, ``steal``: ready to work, while the hypervisor ran others."""

    busy: float
    steal: float


def cpu_time(cpus: list[int], *, root: str | Path = "/") -> CpuTime | None:
    """The sum over these CPUs, from /proc/stat."""
    text = _read(root, "proc", "stat") or b""
    wanted = {b"cpu%d" % number for number in cpus}
    rows = [words for line in text.splitlines() if (words := line.split()) and words[0] in wanted]
    if not rows:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in that of user and nice
    busy = sum(int(row[at]) for row in rows for at in (1, 2, 3, 6, 7) if at < len(row))
    steal = sum(int(row[8]) for row in rows if len(row) > 8)
    return CpuTime(busy / clock_ticks(), steal / clock_ticks())


def clock_ticks() -> int:
    """Ticks a second in which /proc counts CPU time: 100."""
    return os.sysconf("SC_CLK_TCK")


def readable(*, root: str | Path = "/") -> bool:
    """Whether there is a /proc."""
    return os.path.isfile(os.path.join(root, "proc", "self", "status"))


def cpu_model(*, root: str | Path = "/") -> str | None:
    """The processor's name in /proc/cpuinfo."""
    for line in (_read(root, "proc", "cpuinfo") or b"").decode("utf-8", "replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in {"model name", "Hardware", "cpu model"} and value.strip():
            return value.strip()
    return None


def reset_peak() -> None:
    """Let this process' VmHWM start again from what is resident now; nothing happens where that cannot be asked."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def raise_oom_score(least: int) -> None:
    """Make this process a likelier victim when memory runs out machine-wide; nothing happens where it cannot be."""
    path = Path("/proc/self/oom_score_adj")
    try:
        path.write_text(str(max(int(path.read_text()), least)))
    except (OSError, ValueError):
        return


def cgroup(pid: Pid = "self", *, root: str | Path = "/") -> str | None:
    """The control group (version 2) that a process is in, such as ``/lehr/trial``; None where that is unknown."""
    lines = (_read(root, "proc", str(pid), "cgroup") or b"").decode("utf-8", "replace").splitlines()
    return next((line[3:] for line in lines if line.startswith("0::")), None)


def cgroup_mounted(*, root: str | Path = "/") -> bool:
    """Whether control groups of version 2 can be seen."""
    return os.path.isfile(os.path.join(root, _CGROUP, "cgroup.controllers"))


def cgroup_folder(group: str, *, root: str | Path = "/") -> Path:
    """Where the files of a control group lie."""
    return Path(root) / _CGROUP / group.lstrip("/")


def cgroup_file(group: str, name: str, *, root: str | Path = "/") -> str | None:
    """A file of a control group, such as ``memory.peak``."""
    text = _read(cgroup_folder(group, root=root), name)
    return None if text is None else text.decode("utf-8", "replace").strip()


def cgroup_file_upwards(name: str, *, root: str | Path = "/") -> list[str]:
    """A file of this process' group and of those that it is in, up to the root: every ancestor's limit applies."""
    group = (cgroup(root=root) or "/").strip("/")
    parts = group.split("/") if group else []
    groups = ["/".join(parts[:count]) for count in range(len(parts), -1, -1)]
    texts = (cgroup_file(one, name, root=root) for one in groups)
    return [text for text in texts if text is not None]


def cgroup_v1_file(controller: str, name: str, *, root: str | Path = "/") -> str | None:
    """A file of the root group of a controller of version 1."""
    text = _read(root, _CGROUP, controller, name)
    return None if text is None else text.decode("utf-8", "replace").strip()
