"""What bounds one trial."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lehr.errors import OptionError


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """Seconds and megabytes (10^6 bytes); None where there is no limit."""

    timeout_s: float | None = None
    memory_limit_mb: float | None = None
    start_limit_s: float = 120.0
    grace_s: float = 0.0
    abandon_s: float = 10.0

    def check(self) -> None:
        """Raises OptionError for a limit out of range."""
        for name, value in (("timeout_s", self.timeout_s), ("memory_limit_mb", self.memory_limit_mb)):
            if value is not None and not (math.isfinite(value) and value > 0):
                raise OptionError(f"{name} is {value!r}; it must be a finite number above 0, or None")
        if not (math.isfinite(self.grace_s) and self.grace_s >= 0):
            raise OptionError(f"grace_s is {self.grace_s!r}; it must be a finite number of seconds from 0")
        if not (math.isfinite(self.abandon_s) and self.abandon_s > 0):
            raise OptionError(f"abandon_s is {self.abandon_s!r}; it must be a finite number above 0")
