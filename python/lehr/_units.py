"""Units as people type them, in lower case. Scales are whole numbers, so that 0.5 s is 500 ms to the last bit."""

from __future__ import annotations

#: Nanoseconds in a unit of time.
NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "min": 60 * 10**9,
    "h": 3600 * 10**9,
}
#: Bytes in a unit of memory: 1 MB is 10^6 of them everywhere in lehr, 1 MiB is 2^20.
BYTES = {
    "b": 1,
    **{f"{prefix}b": 1000**power for power, prefix in enumerate("kmgt", 1)},
    **{f"{prefix}ib": 1024**power for power, prefix in enumerate("kmgt", 1)},
}
