"""What isolation costs: calling a function, against running it as a trial. Prints JSON lines, milliseconds.

    python bench/isolation.py [--trials 100]

``fork`` and ``spawn`` are trials without imports, ``fork numpy`` one whose helper has imported numpy.
``kill`` is the time from the deadline to the return of ``run``, that is to a dead and reaped process tree, with
start-up and imports of the trial on top (as in ``fork``): once per kind of stubborn child; ``gone``: since the kill.
``peer`` rows run the same function through the standard library on the same machine.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import ctypes
import itertools
import json
import multiprocessing
import os
import platform
import signal
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from lehr.supervise import Supervisor


def nothing() -> dict[str, float]:
    return {"objective": 1.0}


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def daemons() -> None:
    for _ in range(5):
        if os.fork():
            break
        os.setsid()
    time.sleep(600)


def hold_the_gil() -> None:
    ctypes.PyDLL(None).sleep(600)


def loop_in_c() -> None:
    sum(itertools.repeat(0))


def stop_self() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


def stop_the_helper() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)


def busy_threads() -> None:
    def spin() -> None:
        while True:
            pass

    for _ in range(4):
        threading.Thread(target=spin).start()
    time.sleep(600)


def twenty_sessions() -> None:
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            break
    time.sleep(600)


def flood() -> None:
    while True:
        os.write(2, b"word " * 1000 + b"\n")


def hold_memory() -> None:
    held = b"\1" * 500_000_000
    time.sleep(600 if held else 0)


def once_in_a_process(method: str) -> None:
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        pool.submit(nothing).result()


def measure(name: str, call: Callable[[], Any], trials: int, minus_s: float = 0.0) -> dict[str, Any]:
    call()
    call()
    times, gone = [], []
    for _ in range(trials):
        begun = time.perf_counter()
        ending = call()
        times.append((time.perf_counter() - begun - minus_s) * 1e3)
        if minus_s:
            gone.append(ending.evidence["kill_to_gone_ms"])
    times.sort()
    row = {"bench": "isolation", "what": name, "trials": trials, "median_ms": statistics.median(times)}
    row |= {"min_ms": times[0], "p90_ms": times[int(0.9 * (trials - 1))], "max_ms": times[-1]}
    if gone:
        row |= {"gone_median_ms": statistics.median(gone), "gone_max_ms": max(gone)}
    row |= {"supervisor": "native"}
    row |= {"python": platform.python_version(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100)
    trials = parser.parse_args().trials
    few = max(trials // 10, 3)
    deadline = 0.05
    with Supervisor() as fork, Supervisor(isolation="spawn") as spawn:
        rows = [
            ("direct call", nothing, trials, 0.0),
            ("fork", lambda: fork.run(nothing), trials, 0.0),
            ("fork, memory limit", lambda: fork.run(nothing, memory_limit_mb=1000), trials, 0.0),
            ("fork numpy", lambda: fork.run(nothing, preload=("numpy",)), trials, 0.0),
            ("spawn", lambda: spawn.run(nothing), few, 0.0),
            ("kill, SIGTERM ignored", lambda: fork.run(ignore_sigterm, timeout_s=deadline), few, deadline),
            ("kill, chain of daemons", lambda: fork.run(daemons, timeout_s=deadline), few, deadline),
            ("kill, holds the GIL", lambda: fork.run(hold_the_gil, timeout_s=deadline), few, deadline),
            ("kill, loop in C", lambda: fork.run(loop_in_c, timeout_s=deadline), few, deadline),
            ("kill, stops itself", lambda: fork.run(stop_self, timeout_s=deadline), few, deadline),
            ("kill, stops the helper", lambda: fork.run(stop_the_helper, timeout_s=deadline), few, deadline),
            ("kill, busy threads", lambda: fork.run(busy_threads, timeout_s=deadline), few, deadline),
            ("kill, 20 sessions", lambda: fork.run(twenty_sessions, timeout_s=deadline), few, deadline),
            ("kill, flood", lambda: fork.run(flood, timeout_s=deadline), few, deadline),
            ("kill, holds 500 MB", lambda: fork.run(hold_memory, timeout_s=1.0), few, 1.0),
            ("kill, spawned", lambda: spawn.run(ignore_sigterm, timeout_s=deadline), few, deadline),
            ("peer: ProcessPoolExecutor, fork", lambda: once_in_a_process("fork"), few, 0.0),
            ("peer: ProcessPoolExecutor, spawn", lambda: once_in_a_process("spawn"), few, 0.0),
        ]
        for row in rows:
            print(json.dumps(measure(*row)), flush=True)


if __name__ == "__main__":
    main()
