"""Devices between trials: what one trial took must be back before the next one starts there.

A trial's process is dead and its memory on the device may still be taken: a driver tears a context down after the
process, a process that hangs in the kernel keeps it for good. A device where that happens is *quarantined*: no trial
is started on it until its memory is back.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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


def is_cuda(device: str) -> bool:
    """Whether it is the name of a CUDA device, ``cuda`` or ``cuda:1``, which needs no reader of its own."""
    return _CUDA.fullmatch(device) is not None


def _cuda_reader(device: str) -> MemoryReader:
    """NVML's count for ``cuda`` or ``cuda:1``."""
    from lehr.probe.nvml import GpuMemory  # most supervisors have no use for it

    match = _CUDA.fullmatch(device)
    assert match is not None
    return GpuMemory(int(match[1] or 0))


class Devices:
    """The devices of one supervisor, each with a reader of its memory. Trials on one device take turns."""

    def __init__(
        self, readers: Mapping[str, MemoryReader], settle_s: float | None = None, slack_mb: float = SLACK_MB
    ) -> None:
        self._readers = dict(readers)
        self._settle_s = SETTLE_S if settle_s is None else settle_s
        self._slack_mb = slack_mb
        self._turns = {device: threading.Lock() for device in readers}
        self._before: dict[str, float | None] = {}
        self._latest: dict[str, float | None] = {}
        self._unread: dict[str, str] = {}
        self._quarantine: dict[str, str] = {}
        self._lost: dict[str, list[int]] = {}

    @property
    def quarantined(self) -> dict[str, str]:
        """Why, by device."""
        return dict(self._quarantine)

    def turn(self, device: str) -> threading.Lock:
        """To be held while a trial uses the device. Raises OptionError for an unknown one.

        The memory of ``cuda`` and ``cuda:N`` is read by NVML where no reader of that name was given.
        """
        if device not in self._turns and is_cuda(device):
            self._readers.setdefault(device, _cuda_reader(device))
            self._turns.setdefault(device, threading.Lock())
        if device not in self._turns:
            known = ", ".join(self._turns) or "none"
            raise OptionError(f"device is {device!r}; this supervisor knows: {known}")
        return self._turns[device]

    def enter(self, device: str) -> str | None:
        """Before a trial. Returns why the device cannot be used, or None."""
        used = self._read(device)
        why = self._quarantine.get(device)
        if why is None:
            self._before[device] = used
            return None
        before = self._before.get(device)
        if any(map(_is_alive, self._lost.get(device, ()))):
            return why
        if before is not None and (used is None or used > before + self._slack_mb):
            return why
        self.clear(device)  # what was missing has come back, or gone
        return None

    def leave(self, device: str, lost: Sequence[int]) -> str | None:
        """After a trial, whose processes are gone but for ``lost`` ones. Returns why the device is quarantined now."""
        if lost:
            self._lost[device] = list(lost)
            self._read(device)
            self._quarantine[device] = f"process {lost[0]}, which uses {device}, cannot be killed"
            return self._quarantine[device]
        before = self._before.get(device)
        give_up = time.monotonic() + self._settle_s
        used = self._read(device)
        while before is not None and used is not None and used > before + self._slack_mb:
            if time.monotonic() >= give_up:
                why = (
                    f"{used:.0f} MB of {device} were in use {self._settle_s:g} s after the trial had ended, "
                    f"{before:.0f} MB before it began"
                )
                self._quarantine[device] = why
                return why
            time.sleep(_POLL_S)
            used = self._read(device)
        return None

    def told(self, device: str) -> dict[str, Any]:
        """Evidence: memory of the device around the last trial, in MB by whoever used it, or why that is not known."""
        before, after = self._before.get(device), self._latest.get(device)
        if before is None or after is None:
            return {
                "device": device,
                "missing": f"not measured: {self._unread.get(device, 'it was not read')}",
            }
        return {"device": device, "before_mb": round(before, 2), "after_mb": round(after, 2)}

    def clear(self, device: str) -> None:
        """Use the device again: whoever calls this knows better."""
        self._quarantine.pop(device, None)
        self._lost.pop(device, None)

    def _read(self, device: str) -> float | None:
        used = None
        try:
            used = float(self._readers[device]())
        except Exception as error:  # a driver that cannot be asked proves nothing about the device
            self._unread[device] = str(error) or type(error).__name__
        self._latest[device] = used
        return used


def _is_alive(pid: int) -> bool:
    return state_of(pid) not in {None, "Z", "X"}  # a zombie holds nothing
