"""Energy over a run, by counters of the hardware: NVML's on a GPU, RAPL's on a CPU."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from lehr.probe import nvml

LEAST_SECONDS = {"cpu": 0.01, "cuda": 1.0}
"""Over less time, no energy is told: RAPL's counters move once a millisecond, NVML's about ten times a second."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Joules over warm-up and timed calls, with what the counter covers; or None and the reason."""

    joules: float | None
    source: str


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
        if self._device == "cuda":
            return Energy((after[0] - self._before[0]) / 1e3, "NVML energy counter of the whole GPU")
        total = 0.0
        for zone, first, last in zip(self._zones, self._before, after, strict=True):
            wrapped = 0 if last >= first else _microjoules(zone / "max_energy_range_uj")
            total += last - first + wrapped
        return Energy(total / 1e6, "RAPL, whole processor packages")

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
