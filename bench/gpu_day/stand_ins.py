"""For a run without a GPU: build the drivers that play one, and say what they shall tell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fake_driver import FakeNvml, build, build_nvml

if __name__ == "__main__":
    work = Path(sys.argv[1])
    folder = work / "lib"
    folder.mkdir()
    # Under the names by which everybody looks for them.
    build(folder, name="libcuda.so.1")
    nvml = folder / "libnvidia-ml.so.1"
    os.rename(build_nvml(folder), nvml)
    (work / "kernel").write_bytes(b"fake")
    FakeNvml(nvml, work / "nvml.txt").say("watts 0 300", "mhz 0 1980", "used 0 600000000")
