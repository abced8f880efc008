"""What a trial's process reads of its own memory. The watch from outside is native (cpp/lehr/supervise)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lehr._proc import size, status

MB = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one moment, in bytes."""

    anonymous: int
    peak: int  # VmHWM: resident, files included
    data: int  # VmData: what RLIMIT_DATA counts


def usage_of(fields: Mapping[str, str] | None) -> Usage | None:
    """The figures of /proc/PID/status; None for a zombie, which has none."""
    anonymous, peak, data = (size(fields, name) for name in ("RssAnon", "VmHWM", "VmData"))
    if anonymous is None or peak is None or data is None:
        return None
    return Usage(anonymous + (size(fields, "RssShmem") or 0), peak, data)


def read_usage(pid: int | str) -> Usage | None:
    """The usage of a process now; None when it is gone or cannot be read."""
    return usage_of(status(pid))
