"""Devices between trials: what one trial took must be back before the next one starts there.

A trial's process is dead and its memory on the device may still be taken: a driver tears a context down after the
process, a process that hangs in the kernel keeps it for good. A device where that happens is *quarantined*: no trial
is started on it until it can be used again. Others may use a GPU as well, so there the trial's own processes count, as
NVML lists them, and not the sum of memory; a device with a reader of its own has nothing but that sum.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from lehr._proc import pid_namespace
from lehr.errors import OptionError
from lehr.supervise._tree import state_of

MemoryReader = Callable[[], float]
"""Megabytes (10^6 bytes) in use on one device, by whoever uses it."""

SETTLE_S = 5.0
"""How long a device's memory may take to come back."""
SLACK_MB = 64.0
"""What may stay in use beyond what was before: drivers keep small pools."""
_POLL_S = 0.02
_CUDA = re.compile(r"cuda(?::(\d{1,3}))?")
_FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""Inode of the PID namespace that a machine starts with (PROC_PID_INIT_INO of the kernel)."""


@runtime_checkable
class ListsProcesses(Protocol):
    """A memory reader that also knows who uses the device."""

    def processes(self) -> set[int]: ...


def is_cuda(device: str) -> bool:
    """Whether it is the name of a CUDA device, ``cuda`` or ``cuda:1``, which needs no reader of its own."""
    return _CUDA.fullmatch(device) is not None


def one_name(device: str) -> str:
    """``cuda`` and ``cuda:0`` are one device."""
    match = _CUDA.fullmatch(device)
    return device if match is None else f"cuda:{int(match[1] or 0)}"


def _cuda_reader(device: str, environment: Mapping[str, str]) -> MemoryReader:
    """NVML's count for ``cuda:1``."""
    from lehr.probe.nvml import GpuMemory  # most supervisors have no use for it

    return GpuMemory(int(device.partition(":")[2]), environment)


class _Device:
    """One device: its turn, its memory around the last trial, and why it is quarantined."""

    def __init__(self, name: str, reader: MemoryReader, settle_s: float | None, slack_mb: float) -> None:
        self._name, self._reader, self._slack_mb = name, reader, slack_mb
        self._settle_s = SETTLE_S if settle_s is None else settle_s
        self.turn = threading.Lock()
        self.why: str | None = None
        self._lost: list[int] = []
        self._before: float | None = None
        self._latest: float | None = None
        self._users: set[int] = set()  # before the trial
        self._leftover: set[int] = set()
        self._unread = "it was not read"
        self._unusable = False
        self._note = ""

    def enter(self) -> str | None:
        used = self._read()
        if self.why is not None and self._is_back(used):
            self.clear()
        if self.why is None:
            self._before, self._users, self._note = used, self._listed(), ""
        return self.why

    def leave(self, lost: Sequence[int]) -> str | None:
        used = self._read()
        if self._unusable:
            return self.why
        if lost:
            self._lost = list(lost)
            self.why = f"process {lost[0]}, which uses {self._name}, cannot be killed"
            return self.why
        give_up = time.monotonic() + self._settle_s
        while (trouble := self._trouble(used)) and time.monotonic() < give_up:
            time.sleep(_POLL_S)
            used = self._read()
        if trouble and isinstance(self._reader, ListsProcesses) and not self._leftover:
            self._note = f"{trouble}, by others: no process of the trial is left"
        elif trouble and not self._unusable:
            self.why = trouble
        return self.why

    def told(self) -> dict[str, Any]:
        if self._before is None or self._latest is None:
            return {"device": self._name, "missing": f"not measured: {self._unread}"}
        told = {"device": self._name, "before_mb": round(self._before, 2), "after_mb": round(self._latest, 2)}
        return told | ({"note": self._note} if self._note else {})

    def clear(self) -> None:
        self.why = None
        self._lost, self._leftover = [], set()

    def _is_back(self, used: float | None) -> bool:
        if self._unusable or any(map(_is_alive, self._lost)):
            return False
        if isinstance(self._reader, ListsProcesses):
            return not self._leftover & self._listed()
        return self._before is None or (used is not None and used <= self._before + self._slack_mb)

    def _trouble(self, used: float | None) -> str:
        """What the trial has not given back, in a sentence; empty when nothing is known of that."""
        if isinstance(self._reader, ListsProcesses) and _numbers_are_ours():
            self._leftover = {pid for pid in self._listed() - self._users if not _is_alive(pid)}
            if not self._leftover:
                return ""
            pid = min(self._leftover)
            return (
                f"process {pid} has ended, and the driver still held memory of {self._name} for it "
                f"{self._settle_s:g} s later"
            )
        if self._before is None or used is None or used <= self._before + self._slack_mb:
            return ""
        return (
            f"{used:.0f} MB of {self._name} were in use {self._settle_s:g} s after the trial had ended, "
            f"{self._before:.0f} MB before it began"
        )

    def _listed(self) -> set[int]:
        if not isinstance(self._reader, ListsProcesses):
            return set()
        try:
            return self._reader.processes()
        except Exception:  # as in _read
            return set()

    def _read(self) -> float | None:
        used, self._unusable = None, False
        try:
            used = float(self._reader())
        except Exception as error:  # a driver that cannot be asked proves nothing about the device
            self._unread = str(error) or type(error).__name__
            self._unusable = bool(getattr(error, "unusable", False))
            if self._unusable:  # but one that gives the device up does
                self.why = f"NVML says that {self._name} cannot be used: {error}"
        self._latest = used
        return used


class Devices:
    """The devices of one supervisor, each with a reader of its memory. Trials on one device take turns.

    ``environment``: of the trials, on top of this process' own: it may say which GPUs they see.
    """

    def __init__(
        self,
        readers: Mapping[str, MemoryReader],
        settle_s: float | None = None,
        slack_mb: float = SLACK_MB,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._settle_s, self._slack_mb, self._environment = settle_s, slack_mb, dict(environment or {})
        self._adding = threading.Lock()
        self._devices: dict[str, _Device] = {}
        for given, reader in readers.items():
            name = one_name(given)
            if name in self._devices:
                raise OptionError(f"devices has {name!r} twice: 'cuda' is the first GPU, 'cuda:0'")
            self._devices[name] = _Device(name, reader, settle_s, slack_mb)

    @property
    def quarantined(self) -> dict[str, str]:
        """Why, by device."""
        return {name: device.why for name, device in self._devices.items() if device.why is not None}

    def turn(self, device: str) -> threading.Lock:
        """To be held while a trial uses the device. Raises OptionError for an unknown one.

        ``cuda`` and ``cuda:N`` are asked of NVML where no reader of that name was given.
        """
        name = one_name(device)
        with self._adding:
            if name not in self._devices and is_cuda(name):
                reader = _cuda_reader(name, self._environment)
                self._devices[name] = _Device(name, reader, self._settle_s, self._slack_mb)
        if name not in self._devices:
            known = ", ".join(self._devices) or "none"
            raise OptionError(f"device is {device!r}; this supervisor knows: {known}")
        return self._devices[name].turn

    def enter(self, device: str) -> str | None:
        """Before a trial. Returns why the device cannot be used, or None."""
        return self._devices[one_name(device)].enter()

    def leave(self, device: str, lost: Sequence[int]) -> str | None:
        """After a trial, whose processes are gone but for ``lost`` ones. Returns why the device is quarantined now."""
        return self._devices[one_name(device)].leave(lost)

    def told(self, device: str) -> dict[str, Any]:
        """Evidence: memory of the device around the last trial, in MB by whoever used it, or why that is not known."""
        return self._devices[one_name(device)].told()

    def clear(self, device: str) -> None:
        """Use the device again: whoever calls this knows better."""
        self._devices[one_name(device)].clear()


def _is_alive(pid: int) -> bool:
    return state_of(pid) not in {None, "Z", "X"}  # a zombie holds nothing


def _numbers_are_ours() -> bool:
    """Whether process numbers that the driver tells are those that we see: not within a container."""
    return pid_namespace() == _FIRST_PID_NAMESPACE
