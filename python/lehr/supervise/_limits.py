"""What bounds one trial."""

from __future__ import annotations

from dataclasses import dataclass

from lehr.supervise import _options


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """Seconds and megabytes (10^6 bytes); None where there is no limit."""

    timeout_s: float | None = None
    memory_limit_mb: float | None = None
    start_limit_s: float = 120.0
    grace_s: float = 0.0
    abandon_s: float = 10.0

    def checked(self) -> TrialLimits:
        """The same with plain numbers. Raises OptionError for a limit out of range."""
        return TrialLimits(
            _options.optional_seconds("timeout_s", self.timeout_s),
            _options.optional_megabytes("memory_limit_mb", self.memory_limit_mb),
            self.start_limit_s,
            _options.amount("grace_s", self.grace_s, "seconds", _options.MOST_SECONDS, zero=True),
            self.abandon_s,
        )
