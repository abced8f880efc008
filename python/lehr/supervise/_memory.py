"""What a trial's process reads of its own memory. The watch from outside is native (cpp/lehr/supervise)."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Usage:
    """One process at one moment, in bytes."""

    anonymous: int
    peak: int  # VmHWM: resident, files included
    data: int  # VmData: what RLIMIT_DATA counts


def parse_status(text: bytes) -> Usage | None:
    """The figures of /proc/PID/status; None for a zombie, which has none."""
    values = {}
    for line in text.split(b"\n"):
        key, _, rest = line.partition(b":")
        if key in {b"RssAnon", b"RssShmem", b"VmHWM", b"VmData"}:
            values[key] = int(rest.split()[0]) * 1024
    if b"RssAnon" not in values:
        return None
    return Usage(values[b"RssAnon"] + values.get(b"RssShmem", 0), values[b"VmHWM"], values[b"VmData"])


def read_usage(pid: int | str) -> Usage | None:
    """The usage of a process now; None when it is gone or cannot be read."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            return parse_status(file.read(8192))
    except OSError:
        return None
