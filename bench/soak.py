"""Thousands of trials with faults drawn at random: does anything grow, hang, or come out wrong? Prints a JSON line.

    python bench/soak.py [--trials 10000] [--seed 0] [--threads 2]

Each trial is drawn from ``FAULTS``, which says how it must end. Open descriptors, threads and the memory of this
process are read after a tenth of the trials and at the end, when all helpers have been closed and started again; the
processes of all trials carry a mark, and none may be left. Exits with 1 when an ending was wrong or something grew.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lehr.supervise import EarlyStop, Supervisor

MARK = "LEHR_SOAK_MARK"


def succeed() -> dict[str, float]:
    return {"objective": 1.0}


def fail() -> None:
    raise ValueError("no")


def stop_early() -> None:
    raise EarlyStop("enough", {"objective": 0.5})


def leave() -> None:
    os._exit(0)


def leave_by_exit() -> None:
    sys.exit(3)


def read_null() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def stop_self() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


def leave_daemons() -> dict[str, float]:
    for _ in range(2):
        if os.fork():
            return {"objective": 1.0}
        os.setsid()
    time.sleep(600)
    return {}


def leave_a_holder_of_the_pipes() -> dict[str, float]:
    if os.fork() == 0:
        time.sleep(600)
    return {"objective": 1.0}


def flood() -> dict[str, float]:
    for _ in range(20):
        os.write(1, b"x" * 100_000)
    return {"objective": 1.0}


def allocate() -> None:
    held = [bytes(10**9) for _ in range(10**5)]
    print(len(held))


def grow() -> None:
    held = []
    while True:
        held.append(b"\1" * 4_000_000)


def return_nonsense() -> object:
    return {"objective": {1, 2}}


def return_much() -> list[str]:
    return ["x" * 1_000_000] * 30


def write_nonsense() -> None:
    for fd in range(3, 12):
        try:
            os.write(fd, b"\xff" * 64)
        except OSError:
            continue
    time.sleep(600)


def kill_the_helper() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def kill_the_watchdog() -> None:
    status = Path(f"/proc/{os.getppid()}/stat").read_text()
    os.kill(int(status.rpartition(")")[2].split()[1]), signal.SIGKILL)
    time.sleep(600)


def stop_the_helper() -> None:
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)


#: What a trial does, how it must end, its options, and how often it is drawn.
FAULTS: list[tuple[Callable[[], Any], str, dict[str, float], int]] = [
    (succeed, "ok", {}, 50),
    (fail, "crashed", {}, 6),
    (stop_early, "early_stopped", {}, 3),
    (leave, "crashed", {}, 4),
    (leave_by_exit, "crashed", {}, 3),
    (read_null, "crashed", {}, 3),
    (abort, "crashed", {}, 3),
    (kill_self, "crashed", {}, 3),
    (hang, "timeout", {"timeout_s": 0.03}, 5),
    (stop_self, "timeout", {"timeout_s": 0.03}, 2),
    (leave_daemons, "ok", {}, 3),
    (leave_a_holder_of_the_pipes, "ok", {}, 3),
    (flood, "ok", {}, 2),
    (allocate, "oom", {"memory_limit_mb": 100}, 2),
    (grow, "oom", {"memory_limit_mb": 100, "timeout_s": 30}, 2),
    (return_nonsense, "crashed", {}, 2),
    (return_much, "crashed", {}, 1),
    (write_nonsense, "crashed", {}, 1),
    (kill_the_helper, "crashed", {}, 1),
    (kill_the_watchdog, "crashed", {}, 1),
    (stop_the_helper, "timeout", {"timeout_s": 0.03}, 1),
]


def figures() -> dict[str, float]:
    """Descriptors, threads and resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "memory_mb": int(resident) * 1024 / 1e6,
    }


def marked(mark: str) -> list[int]:
    """Living processes of these trials."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"{MARK}={mark}".encode() in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                found.append(int(name))
        except OSError:
            continue
    return found


class Soak:
    """Draws trials and runs them on several threads of one supervisor."""

    def __init__(self, seed: int, threads: int) -> None:
        self.random = random.Random(seed)
        self.threads = threads
        self.mark = uuid.uuid4().hex
        self.wrong: list[str] = []
        self.drawn: Counter[str] = Counter()
        self.slowest_s = 0.0
        self.kills_ms: list[float] = []
        self.slowest_kill = (0.0, "")
        self._lock = threading.Lock()

    def run(self, trials: int) -> None:
        """Run so many trials on a supervisor of their own; nothing may be left of them."""
        plan = self.random.choices(FAULTS, [fault[3] for fault in FAULTS], k=trials)
        with Supervisor(environment={MARK: self.mark}) as supervisor:
            workers = [
                threading.Thread(target=self._work, args=(supervisor, plan[index :: self.threads]))
                for index in range(self.threads)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        if left := marked(self.mark):
            self.wrong.append(f"processes are left: {left}")

    def _work(self, supervisor: Supervisor, plan: list[Any]) -> None:
        for body, expected, options, _ in plan:
            begun = time.monotonic()
            try:
                ending = supervisor.run(body, **options)
            except Exception as error:
                with self._lock:
                    self.wrong.append(f"{body.__name__}: {error!r}")
                continue
            with self._lock:
                self.drawn[body.__name__] += 1
                self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
                if (ms := ending.evidence.get("kill_to_gone_ms")) is not None:
                    self.slowest_kill = max(self.slowest_kill, (ms, body.__name__))
                    self.kills_ms.append(ms)
                if ending.outcome != expected:
                    why = ending.evidence.get("reason")
                    self.wrong.append(f"{body.__name__} ended as {ending.outcome}, not {expected}: {why}")


def soak(trials: int, seed: int, threads: int) -> dict[str, Any]:
    """The figures of a run. ``grown``: between a tenth of the trials and all of them."""
    state = Soak(seed, threads)
    begun = time.monotonic()
    state.run(max(trials // 10, 1))
    early = figures()
    step = max(trials // 10, 1)
    for _ in range(9):
        state.run(step)
    late = figures()
    seconds = time.monotonic() - begun
    state.kills_ms.sort()
    return {
        "bench": "soak",
        "trials": sum(state.drawn.values()),
        "seed": seed,
        "threads_of_the_caller": threads,
        "seconds": round(seconds, 1),
        "slowest_trial_s": round(state.slowest_s, 3),
        "kills": len(state.kills_ms),
        "kill_to_gone_ms_median": state.kills_ms[len(state.kills_ms) // 2] if state.kills_ms else None,
        "kill_to_gone_ms_p99": state.kills_ms[int(0.99 * (len(state.kills_ms) - 1))]
        if state.kills_ms
        else None,
        "kill_to_gone_ms_max": state.kills_ms[-1] if state.kills_ms else None,
        "slowest_kill": state.slowest_kill[1],
        "early": {key: round(value, 1) for key, value in early.items()},
        "late": {key: round(value, 1) for key, value in late.items()},
        "wrong": state.wrong,
        "faults": dict(state.drawn.most_common()),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def grew(row: dict[str, Any]) -> list[str]:
    """What is larger at the end than after the first tenth; memory may breathe by 8 MB."""
    early, late = row["early"], row["late"]
    found = [key for key in ("descriptors", "threads") if late[key] > early[key]]
    return found + (["memory_mb"] if late["memory_mb"] > early["memory_mb"] + 8 else [])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    row = soak(options.trials, options.seed, options.threads)
    row["grew"] = grew(row)
    print(json.dumps(row), flush=True)
    return 1 if row["wrong"] or row["grew"] else 0


if __name__ == "__main__":
    sys.exit(main())
