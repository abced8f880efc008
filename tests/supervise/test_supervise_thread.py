"""The supervisor's thread: it needs no interpreter, and sleeps while there is nothing to do."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from pathlib import Path

import fault_bodies as faults
from trial_marks import wait_for_pid

from lehr.supervise import Supervisor


def test_the_deadline_holds_while_the_host_holds_the_interpreters_lock(new_supervisor, tmp_path):
    supervisor = new_supervisor()
    endings = []

    def run():
        endings.append(
            Supervisor.run(supervisor, faults.report_pid_and_sleep, str(tmp_path / "pid"), timeout_s=1.0)
        )

    thread = threading.Thread(target=run)
    thread.start()
    wait_for_pid(tmp_path / "pid")
    ctypes.PyDLL(None).sleep(5)  # no other thread of this process runs Python meanwhile
    thread.join()
    (ending,) = endings
    assert ending.outcome == "timeout"
    assert ending.seconds < 4  # from its beginning to the kill
    assert ending.evidence["kill_to_gone_ms"] < 4000


def processor_seconds(task: Path) -> float:
    fields = (task / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wakeups(task: Path) -> int:
    status = (task / "status").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)


def test_nobody_waits_busily():
    known = set(os.listdir("/proc/self/task"))
    with Supervisor() as supervisor:
        supervisor.run(time.sleep, 0)
        (task,) = [
            entry
            for entry in Path("/proc/self/task").iterdir()
            if entry.name not in known and (entry / "comm").read_text().strip() == "lehr-supervise"
        ]
        next(iter(supervisor._idle.values()))[0].is_ready()  # it may still have been importing
        before = wakeups(task), processor_seconds(task)
        time.sleep(1.0)
        assert wakeups(task) - before[0] <= 2  # nothing runs: nothing is to be looked at
        assert processor_seconds(task) - before[1] <= 0.02
        before = wakeups(task), processor_seconds(task)
        supervisor.run(time.sleep, 1.5)
        assert wakeups(task) - before[0] <= 300  # looks at its memory, every 20 ms at most
        assert processor_seconds(task) - before[1] <= 0.3
