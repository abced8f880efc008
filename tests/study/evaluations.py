"""What the trials of these tests do. A plain module, so that a child imports nothing else."""

from __future__ import annotations

import math
import os
import signal
import sys
import time

from lehr.supervise import EarlyStop


def modelled(config):
    """A deterministic stand-in for a deployment: some configurations crash, some are too slow."""
    latency = 60.0 / config["threads"] if "threads" in config else 12.0
    latency *= math.sqrt(config["batch"]) / 4
    if config["backend"] == "compile" and config["batch"] > 4:
        raise RuntimeError("the compiler gave up")
    score = math.log10(config["rate"]) ** 2 + config["tile"] / 48
    return {"score": score, "latency_ms": latency, "memory_mb": 8.0 * config["batch"]}


def ends_as_told(config):
    """Ends in the way its configuration names."""
    how = config["how"]
    if how == "hang":
        time.sleep(600)
    if how == "raise":
        raise ValueError("no kernel\nfor this type")
    if how == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        os._exit(0)
    if how == "memory":
        hoard = []
        while True:
            hoard.append(bytearray(b"x" * 10_000_000))
            time.sleep(0.001)
    if how == "early":
        raise EarlyStop("too slow after 3 iterations", {"latency_ms": 99.0})
    results = {
        "nan": {"score": math.nan, "latency_ms": 1.0},
        "infinite": {"score": 1.0, "latency_ms": math.inf},
        "missing": {"score": 1.0},
        "text": {"score": 1.0, "latency_ms": "fast"},
        "none": None,
        "number": 3.0,
    }
    if how in results:
        return results[how]
    print("noise on stdout", file=sys.stdout)
    return {"score": 0.5, "latency_ms": 7.0, "batches": 12, "note": "unused", "facts": {"provider": "cpu"}}
