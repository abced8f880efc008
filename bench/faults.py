"""Forces faults on trials and times the way back to work. Prints JSON lines, milliseconds.

    python bench/faults.py [--repeats 10]

``recovery``: from the moment of the fault to the end of the next trial, an ordinary one on the same supervisor. The
moment of the fault is the deadline where a deadline ends the trial, else the last moment that the trial's own process
knows of. ``gone``: from lehr's SIGKILL to the last process of the tree reaped, where lehr had to kill. The table in
docs/faults.md holds the medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import resource
import signal
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "supervise"))

import fault_bodies as faults
import trial_bodies as bodies

from lehr.supervise import Ending, Supervisor

DEADLINE = {"timeout_s": 0.2}
UNUSED_USER = 61987


def kill_from_outside(supervisor: Supervisor, path: Path) -> Ending:
    path.unlink(missing_ok=True)

    def kill() -> None:
        while not (path.exists() and path.read_text().endswith(".")):
            time.sleep(0.001)
        os.kill(int(path.read_text()[:-1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        return supervisor.run(faults.report_pid_and_sleep, str(path))
    finally:
        killer.join()


#: Name, what runs, its arguments and options.
FAULTS: list[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    ("exception", bodies.raise_value_error, (), {}),
    ("sys.exit", bodies.system_exit, (3,), {}),
    ("os._exit(0)", bodies.leave_without_result, (), {}),
    ("abort", bodies.abort, (), {}),
    ("segfault", bodies.read_null, (), {}),
    ("stack overflow", bodies.use_up_the_stack, (), {}),
    ("SIGTERM ignored", bodies.ignore_sigterm_and_sleep, (), DEADLINE),
    ("SIGTERM ignored, grace of 100 ms", bodies.ignore_sigterm_and_sleep, (), {**DEADLINE, "grace_s": 0.1}),
    ("deadlock holding the GIL", bodies.hold_the_gil, (), DEADLINE),
    ("C loop", faults.loop_in_c, (), DEADLINE),
    ("sleep past the deadline", time.sleep, (600,), DEADLINE),
    ("stops itself", bodies.stop_self, (), DEADLINE),
    ("stops the helper", bodies.stop_the_helper, (), DEADLINE),
    ("busy threads", bodies.busy_threads, (), DEADLINE),
    ("daemon at the deadline", bodies.daemonise, (3, True), DEADLINE),
    ("daemon", bodies.daemonise, (3,), {}),
    ("holds the pipes", bodies.leave_grandchild_holding_stdout, (), {}),
    ("fork bomb", faults.fork_bomb, (UNUSED_USER, 60, False), DEADLINE),
    ("fork bomb, sessions", faults.fork_bomb, (UNUSED_USER, 60, True), DEADLINE),
    ("flood of 1 GB", bodies.flood_stdout, (1000,), {}),
    ("result of 1 GB", faults.large_result, (1000,), {}),
    ("NaN", bodies.value_of, ("nan",), {}),
    ("wrong type", bodies.value_of, ("set",), {}),
    ("missing preload", bodies.double, (1,), {"preload": ("no_such_module",)}),
    ("one allocation", bodies.touch_at_once, (4000,), {"memory_limit_mb": 150}),
    ("many allocations", bodies.touch_in_steps, (2000, 4, 0.002), {"memory_limit_mb": 150}),
    ("descriptors exhausted", faults.use_up_descriptors, (), {}),
    ("nonsense on the channel", bodies.write_garbage_to_every_descriptor, (), {}),
    ("helper killed", bodies.kill_the_helper, (), {}),
    ("watchdog killed", bodies.kill_the_watchdog, (), {}),
]


def once(
    supervisor: Supervisor, call: Callable[[], Ending], deadline_s: float | None
) -> tuple[Ending, float]:
    begun = time.monotonic()
    ending = call()
    spent = time.monotonic() - begun
    supervisor.run(bodies.double, 1)
    total = time.monotonic() - begun
    # Start-up comes before the evaluation and is no part of recovery: what a trial of this supervisor takes beyond it.
    fault = deadline_s if deadline_s is not None else min(ending.seconds, spent)
    return ending, total - fault


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    scratch = Path(f"/tmp/lehr-faults-{os.getpid()}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    rows: list[tuple[str, Callable[[Supervisor], Ending], float | None]] = []
    for name, body, arguments, options in FAULTS:
        if body is faults.fork_bomb and os.geteuid() != 0:
            continue

        def call(
            supervisor: Supervisor,
            body: Callable[..., Any] = body,
            arguments: tuple[Any, ...] = arguments,
            options: dict[str, Any] = options,
        ) -> Ending:
            return supervisor.run(body, *arguments, **options)

        rows.append((name, call, options.get("timeout_s")))
    rows.append(("killed from outside", lambda supervisor: kill_from_outside(supervisor, scratch), None))
    with Supervisor() as supervisor:
        for warm_up in itertools.repeat(None, 3):
            del warm_up
            supervisor.run(bodies.double, 1)
        for name, call, deadline_s in rows:
            endings, recoveries = [], []
            for _ in range(repeats):
                ending, recovery = once(supervisor, lambda call=call: call(supervisor), deadline_s)
                endings.append(ending)
                recoveries.append(recovery * 1e3)
            gone = [e.evidence["kill_to_gone_ms"] for e in endings if "kill_to_gone_ms" in e.evidence]
            row = {
                "bench": "faults",
                "what": name,
                "outcomes": sorted({ending.outcome for ending in endings}),
                "repeats": repeats,
                "recovery_ms": round(statistics.median(recoveries), 1),
                "recovery_max_ms": round(max(recoveries), 1),
                "gone_ms": round(statistics.median(gone), 1) if gone else None,
                "gone_max_ms": max(gone) if gone else None,
                "python": platform.python_version(),
                "cpus": os.cpu_count(),
                "load": round(os.getloadavg()[0], 2),
            }
            print(json.dumps(row), flush=True)
    scratch.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
