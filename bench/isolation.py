"""What isolation costs: calling a function, against running it as a trial. Prints JSON lines, milliseconds.

    python bench/isolation.py [--trials 100] [--held 30] [--busy 0]

``fork`` and ``spawn`` are trials without imports, ``fork numpy`` one whose helper has imported numpy.
``kill`` is the time from the deadline to the return of ``run``, that is to a dead and reaped process tree, with
start-up and imports of the trial on top (as in ``fork``): once per kind of stubborn child; ``gone``: since the kill.
``peer`` rows run the same function through the standard library on the same machine.

``held`` rows: what the kernel needs to take memory back. ``gone`` is lehr's time from SIGKILL to the last process
reaped, ``bare`` that of a SIGKILL and a wait for processes with the same memory that this program has forked itself, in
turns; ``ratio`` is that of the medians. ``--busy N`` times, instead of everything else, trials that lower themselves to
the least priority beside N busy processes: meant for one CPU cgroup (a container, a service), for elsewhere the
scheduler may give each session a share of its own, and no priority matters.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import ctypes
import functools
import itertools
import json
import mmap
import multiprocessing
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from lehr.supervise import Supervisor

HUGE = 2 << 20  # bytes of a huge page


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


def fill(megabytes: int, huge: bool) -> mmap.mmap:
    size = megabytes * 1_000_000 // HUGE * HUGE
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE if huge else mmap.MADV_NOHUGEPAGE)
    block = b"\1" * HUGE
    for at in range(0, size, HUGE):
        memory[at : at + HUGE] = block
    return memory


def hold(megabytes: int, processes: int, huge: bool, ready: str) -> None:
    """Fill so much memory in so many processes, and say on a named pipe when that is done."""
    for _ in range(1, processes):
        if os.fork() == 0:
            break
    held = fill(megabytes // processes, huge)
    with open(ready, "wb", buffering=0) as file:
        file.write(b"x")
    time.sleep(600 if held else 0)


def lowest_priority() -> None:
    held = fill(200, False)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.nice(19)
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


class Held:
    """Kills processes that hold memory: lehr's way and the bare one, in turns."""

    def __init__(self, megabytes: int, processes: int = 1, huge: bool = False) -> None:
        self.body = (megabytes, processes, huge)
        self.folder = tempfile.mkdtemp()
        self.ready = os.path.join(self.folder, "ready")
        os.mkfifo(self.ready)
        self.filling_s = 0.0

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    def _wait_until_filled(self, reader: int) -> None:
        begun, count = time.monotonic(), 0
        while count < self.body[1]:
            count += len(os.read(reader, 64))
        self.filling_s = time.monotonic() - begun

    def bare_ms(self) -> float:
        megabytes, processes, huge = self.body
        reader = os.open(self.ready, os.O_RDWR)
        children = []
        for _ in range(processes):
            if (pid := os.fork()) == 0:
                try:
                    hold(megabytes // processes, 1, huge, self.ready)
                finally:
                    os._exit(1)
            children.append(pid)
        self._wait_until_filled(reader)
        os.close(reader)
        time.sleep(0.3 + 0.5 * self.filling_s)  # as long as below: pages just written are quicker to free
        begun = time.monotonic()
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)
        return (time.monotonic() - begun) * 1e3

    def lehr_ms(self, supervisor: Supervisor) -> float:
        while True:
            reader = os.open(self.ready, os.O_RDWR | os.O_NONBLOCK)
            ending = supervisor.run(hold, *self.body, self.ready, timeout_s=0.3 + 1.5 * self.filling_s)
            try:
                filled = len(os.read(reader, 64)) == self.body[1]
            except BlockingIOError:
                filled = False
            os.close(reader)
            if filled and ending.outcome == "timeout":
                return float(ending.evidence["kill_to_gone_ms"])
            self.filling_s *= 2  # the deadline came too soon


def measure_held(supervisor: Supervisor, name: str, held: Held, repeats: int) -> dict[str, Any]:
    with held:
        held.bare_ms()
        pairs = [(held.bare_ms(), held.lehr_ms(supervisor)) for _ in range(repeats)]
    bare, gone = (sorted(times) for times in zip(*pairs, strict=True))
    row: dict[str, Any] = {"bench": "isolation", "what": f"held: {name}", "trials": repeats}
    for key, times in (("gone", gone), ("bare", bare)):
        row |= {f"{key}_median_ms": statistics.median(times), f"{key}_max_ms": times[-1]}
        row |= {f"{key}_min_ms": times[0], f"{key}_p90_ms": times[int(0.9 * (repeats - 1))]}
    row["ratio"] = statistics.median(gone) / statistics.median(bare)
    row |= {"python": platform.python_version(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}


def beside_busy(processes: int, trials: int) -> dict[str, Any]:
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    deadline = 8.0  # long enough to fill its memory before it lowers itself
    try:
        with Supervisor() as supervisor:
            call = functools.partial(supervisor.run, lowest_priority, timeout_s=deadline)
            return measure(f"kill, lowest priority, beside {processes} busy", call, trials, deadline)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--held", type=int, default=30, help="repeats of the held rows")
    parser.add_argument("--busy", type=int, default=0)
    options = parser.parse_args()
    trials = options.trials
    if options.busy:
        print(json.dumps(beside_busy(options.busy, max(trials // 10, 3))), flush=True)
        return
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
            ("kill, spawned", lambda: spawn.run(ignore_sigterm, timeout_s=deadline), few, deadline),
            ("peer: ProcessPoolExecutor, fork", lambda: once_in_a_process("fork"), few, 0.0),
            ("peer: ProcessPoolExecutor, spawn", lambda: once_in_a_process("spawn"), few, 0.0),
        ]
        for row in rows if trials else ():
            print(json.dumps(measure(*row)), flush=True)
        for name, held in (
            ("100 MB", Held(100)),
            ("250 MB", Held(250)),
            ("500 MB", Held(500)),
            ("1 GB", Held(1000)),
            ("500 MB in 8 processes", Held(500, 8)),
            ("1 GB in 8 processes", Held(1000, 8)),
            ("1 GB in huge pages", Held(1000, 1, huge=True)),
        ):
            if options.held:
                # Huge pages come slowly.
                repeats = max(options.held // 3, 3) if held.body[2] else options.held
                print(json.dumps(measure_held(fork, name, held, repeats)), flush=True)


if __name__ == "__main__":
    main()
