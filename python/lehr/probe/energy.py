"""Energy over a run, by counters of the hardware: NVML's on a GPU, RAPL's on a CPU."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lehr import _core
from lehr.probe import nvml

LEAST_SECONDS = {"cpu": 0.01, "cuda": 1.0}
"""Over less time, no energy is told: RAPL's counters move once a millisecond, NVML's about ten times a second."""
BLOCK_SECONDS = {"cpu": 0.045, "cuda": 1.0}
"""Blocks whose joules a call are held against each other: long against the steps of the counters."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules over warm-up and timed calls, with what the counter covers; or None and the reason.

    ``relative_sem`` is the standard error of the joules a timed call, as a share of them; None where fewer than three
    blocks of ``BLOCK_SECONDS`` were counted.
    """

    joules: float | None
    source: str
    relative_sem: float | None = None


class EnergyMeter:
    """Reads the counter when made and again at :meth:`end`.

    Counters cover the whole package or GPU, whoever uses it. ``least_s`` is for tests and surveys.
    """

    def __init__(
        self, device: str = "cpu", root: str | Path = "/", gpu: str = "", *, least_s: float | None = None
    ) -> None:
        self._device, self._gpu = device, gpu
        self._least = LEAST_SECONDS[device] if least_s is None else least_s
        self._started = time.monotonic()
        self._zones = sorted((Path(root) / "sys/class/powercap").glob("intel-rapl:[0-9]*"))
        # Top-level zones only (intel-rapl:0): their parts (intel-rapl:0:1) are counted in them.
        self._zones = [zone for zone in self._zones if zone.name.count(":") == 1]
        self._before = self._read()
        self._blocks: list[tuple[float, int]] = []
        self._mark: tuple[float, int, list[int]] | None = None  # where the block that is open began

    def tick(self, samples: int) -> None:
        """Close a block where it is long enough; ``samples`` calls were timed until now, 0 during the warm-up."""
        now = time.monotonic()
        if isinstance(self._before, str) or (
            self._mark is not None and now - self._mark[0] < BLOCK_SECONDS[self._device]
        ):
            return
        found = self._read()
        if isinstance(found, str):
            return
        if self._mark is not None and samples > self._mark[1]:
            self._blocks.append((self._joules(self._mark[2], found), samples - self._mark[1]))
        self._mark = (now, samples, found)

    def end(self) -> Energy:
        """Energy since this meter was made."""
        after = self._read()
        if isinstance(self._before, str):
            return Energy(None, self._before)
        if isinstance(after, str):
            return Energy(None, after)
        seconds = time.monotonic() - self._started
        if seconds < self._least:
            return Energy(
                None,
                f"no energy: {seconds:.2g} s are too short for its counter, which needs {self._least:g} s "
                "(min_seconds)",
            )
        if self._device == "cuda" and after[0] < self._before[0]:
            return Energy(
                None, "no energy: NVML's counter was set back meanwhile (the driver was loaded anew)"
            )
        source = (
            "NVML energy counter of the whole GPU"
            if self._device == "cuda"
            else "RAPL, whole processor packages"
        )
        return Energy(self._joules(self._before, after), source, relative_sem(self._blocks))

    def _joules(self, before: list[int], after: list[int]) -> float:
        if self._device == "cuda":
            return (after[0] - before[0]) / 1e3
        total = 0.0
        for zone, first, last in zip(self._zones, before, after, strict=True):
            wrapped = 0 if last >= first else _microjoules(zone / "max_energy_range_uj")
            total += last - first + wrapped
        return total / 1e6

    def _read(self) -> list[int] | str:
        if self._device == "cuda":
            try:
                with nvml.opened() as library:
                    return [library.energy_mj(self._gpu)]
            except nvml.NvmlError as error:
                return f"no energy: {error}"
        if not self._zones:
            return "no energy: this machine shows no RAPL counters in /sys/class/powercap"
        try:
            return [_microjoules(zone / "energy_uj") for zone in self._zones]
        except OSError as error:
            reason = os.strerror(error.errno or 0)
            return f"no energy: the RAPL counters cannot be read ({reason}); Linux reserves them for root"


def _microjoules(path: Path) -> int:
    return int(path.read_text())


def relative_sem(blocks: Sequence[tuple[float, int]]) -> float | None:
    """Standard error of the joules a call, as a share of them, from blocks of (joules, calls); None with fewer than
    three. That of a ratio of means (Cochran, *Sampling Techniques*, section 6.4), widened as few blocks ask for. Pure.
    """
    n, joules, calls = len(blocks), sum(block[0] for block in blocks), sum(block[1] for block in blocks)
    if n < 3 or joules <= 0:
        return None
    squares = sum((used - joules / calls * count) ** 2 for used, count in blocks)
    error = math.sqrt(squares / (n - 1) / n) / (joules / n)
    return error * _core.probe_student_t(0.95, n - 1) / _core.probe_student_t(0.95, 10**6)
