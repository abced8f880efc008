"""Run as a program: prints the UUIDs of the GPUs that CUDA shows it, one a line. Imports nothing of lehr."""

from __future__ import annotations

import ctypes
import sys
from itertools import pairwise


def main(library: str) -> None:
    """Ends with a sentence and status 1 where the driver cannot say."""
    try:
        driver = ctypes.CDLL(library)
    except OSError as error:
        sys.exit(f"there is no NVIDIA driver: {error}")

    def call(name: str, *arguments: object) -> None:
        if (code := getattr(driver, name)(*arguments)) != 0:
            sys.exit(f"{name} failed ({code})")

    call("cuInit", 0)
    count = ctypes.c_int()
    call("cuDeviceGetCount", ctypes.byref(count))
    for ordinal in range(count.value):
        device, uuid = ctypes.c_int(), (ctypes.c_ubyte * 16)()
        call("cuDeviceGet", ctypes.byref(device), ordinal)
        call("cuDeviceGetUuid_v2", uuid, device)
        digits = bytes(uuid).hex()
        ends = (0, 8, 12, 16, 20, 32)
        print("-".join(digits[start:stop] for start, stop in pairwise(ends)))


if __name__ == "__main__":
    main(sys.argv[1])
