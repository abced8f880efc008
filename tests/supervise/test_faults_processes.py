"""Faults of the fault matrix (docs/faults.md) that a trial's own process commits."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

import fault_bodies as faults
import pytest
import trial_bodies as bodies
from trial_marks import is_gone, marked_processes, wait_for_pid

import lehr
from lehr import IsolationError
from lehr.supervise import Supervisor
from testing_core import lehr_testing

UNUSED_USER = 61987  # neither a person's nor a system's, on any distribution


def test_a_loop_in_c_that_never_returns(supervisor):
    ending = supervisor.run(faults.loop_in_c, timeout_s=0.2)
    assert (ending.outcome, ending.evidence["sent_by"]) == ("timeout", "lehr: deadline")


def test_a_sleep_past_the_deadline(supervisor):
    ending = supervisor.run(time.sleep, 600, timeout_s=0.2)
    assert (ending.outcome, ending.evidence["sent_by"]) == ("timeout", "lehr: deadline")
    assert ending.evidence["kill_to_gone_ms"] >= 0


def test_sigterm_comes_first_where_it_is_asked_for(supervisor, tmp_path):
    ending = supervisor.run(faults.leave_at_sigterm, str(tmp_path / "said"), timeout_s=1.0, grace_s=60)
    assert ending.outcome == "timeout"
    assert ending.evidence["sent_by"] == "lehr: deadline, after SIGTERM"
    assert ending.evidence["exit_code"] == 5
    assert (tmp_path / "said").read_text() == "asked"


def test_sigkill_follows_where_sigterm_is_ignored(supervisor):
    ending = supervisor.run(bodies.ignore_sigterm_and_sleep, timeout_s=0.3, grace_s=0.2)
    assert ending.outcome == "timeout"
    assert ending.evidence["signal"] == "SIGKILL"


def test_a_result_from_after_the_deadline_does_not_count(supervisor):
    ending = supervisor.run(faults.return_at_sigterm, timeout_s=1.0, grace_s=60)
    assert (ending.outcome, ending.result) == ("timeout", None)
    assert "a result was written after the deadline, and does not count" in ending.evidence["notes"]


def test_descriptors_exhausted_in_the_trial(supervisor):
    ending = supervisor.run(faults.use_up_descriptors, timeout_s=60)
    assert ending.outcome == "crashed"
    assert ending.evidence["exception"]["type"] == "OSError"
    assert "Too many open files" in ending.evidence["exception"]["message"]
    assert supervisor.run(bodies.double, 2).outcome == "ok"


def test_descriptors_exhausted_in_the_parent(new_supervisor):
    """A trial cannot start, which is told in a sentence; it can as soon as there are descriptors again."""
    supervisor = new_supervisor()
    assert supervisor.run(bodies.double, 1).outcome == "ok"
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, limits[0]), limits[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        for free in range(4):  # fails at another step each time
            for fd in held[len(held) - free :]:
                os.close(fd)
            del held[len(held) - free :]
            with pytest.raises(IsolationError, match="Too many open files"):
                Supervisor.run(supervisor, bodies.double, 1)
            with contextlib.suppress(OSError):
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert supervisor.run(bodies.double, 3).result == {"value": 6}


@pytest.mark.skipif(os.geteuid() != 0, reason="RLIMIT_NPROC needs a user of its own, which takes root")
@pytest.mark.parametrize("sessions", [False, True], ids=["in its group", "each in a session of its own"])
def test_a_fork_bomb(supervisor, sessions):
    ending = supervisor.run(faults.fork_bomb, UNUSED_USER, 60, sessions, timeout_s=1.0)
    assert (ending.outcome, ending.evidence["sent_by"]) == ("timeout", "lehr: deadline")
    assert "lost" not in ending.evidence
    assert ending.evidence["processes_killed"] >= 10
    assert supervisor.run(bodies.double, 2).outcome == "ok"


def test_a_flood_of_a_gigabyte(supervisor):
    ending = supervisor.run(bodies.flood_stdout, 1000, timeout_s=300)
    assert ending.result == {"written": 1000}
    assert ending.evidence["stdout_tail"].endswith("\nthe last line")
    assert len(ending.evidence["stdout_tail"]) <= 8192


def test_a_result_of_a_gigabyte(supervisor):
    ending = supervisor.run(faults.large_result, 1000, timeout_s=60)
    assert ending.outcome == "crashed"
    assert "result too large: more than 16777216 bytes as JSON" in ending.evidence["reason"]
    assert ending.evidence["peak_memory_mb"] < 200  # refused before it was written out


@pytest.mark.parametrize("size", [10**9, 0])
def test_a_record_that_lies_about_its_length(supervisor, size):
    ending = supervisor.run(faults.claim_a_large_result, size, timeout_s=60)
    assert ending.outcome == "crashed"
    assert f"a message of {size or 'no'} bytes" in ending.evidence["reason"]
    assert ending.evidence["sent_by"] == "lehr: malformed result"


def test_a_stranger_left_by_a_killed_helper(new_supervisor, tmp_path):
    """Known from the looks at the tree for its memory; nothing in its environment names it."""
    ending = new_supervisor().run(
        faults.kill_the_helper_beside_a_stranger, str(tmp_path / "pid"), timeout_s=60
    )
    assert ending.outcome == "crashed"
    assert is_gone(wait_for_pid(tmp_path / "pid"))


def assert_as_urgent_as_we_are(pid: int) -> None:
    if os.geteuid() == 0:  # an ordinary user may not undo a nice value
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0)
        assert os.sched_getscheduler(pid) == os.SCHED_OTHER
    assert os.sched_getaffinity(pid) == os.sched_getaffinity(0)


def lower(pid: int) -> None:
    """As far down as an ordinary user can go, on one processor."""
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, pid, 19)
    os.sched_setaffinity(pid, {min(os.sched_getaffinity(0))})


def test_whoever_is_killed_is_no_less_urgent_than_whoever_kills():
    with subprocess.Popen(["sleep", "600"]) as child:
        lower(child.pid)
        lehr_testing.hurry(child.pid)
        assert_as_urgent_as_we_are(child.pid)
        child.kill()
    lehr_testing.hurry(child.pid)  # one that is gone is no error


def frozen_group() -> Path | None:
    """A cgroup v1 freezer, in which a process cannot even be killed; None where this machine has none."""
    folder = Path("/sys/fs/cgroup/freezer") / f"lehr-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError:
        return None
    if (folder / "freezer.state").exists():
        return folder
    folder.rmdir()
    return None


def test_a_process_that_cannot_be_killed_is_reported_lost(new_supervisor, tmp_path):
    freezer = frozen_group()
    if freezer is None:
        pytest.skip("needs a cgroup v1 freezer: nothing else holds a process against SIGKILL at will")
    used = [100.0]
    supervisor = new_supervisor(devices={"cuda:0": lambda: used[0]}, abandon_s=0.3)
    path = tmp_path / "pid"

    def freeze():
        lower(wait_for_pid(path))
        (freezer / "cgroup.procs").write_text(str(wait_for_pid(path)))
        (freezer / "freezer.state").write_text("FROZEN")

    freezing = threading.Thread(target=freeze)
    freezing.start()
    try:
        ending = Supervisor.run(
            supervisor, faults.report_pid_and_sleep, str(path), timeout_s=3.0, device="cuda:0"
        )
        freezing.join()
        pid = wait_for_pid(path)
        assert_as_urgent_as_we_are(pid)  # it would give its memory back at its own priority
        assert ending.outcome == "timeout"
        assert ending.evidence["lost"] == [pid]
        assert "survived SIGKILL" in ending.evidence["notes"][0]
        assert list(supervisor.quarantined) == ["cuda:0"]
        # The study goes on where it can.
        assert Supervisor.run(supervisor, bodies.double, 1, timeout_s=60).outcome == "ok"
        refused = Supervisor.run(supervisor, bodies.double, 1, device="cuda:0")
        assert refused.outcome == "crashed"
        assert "cuda:0 is quarantined, so the evaluation was not started" in refused.evidence["reason"]
    finally:
        freezing.join()
        (freezer / "freezer.state").write_text("THAWED")
        give_up = time.monotonic() + 10
        while (freezer / "cgroup.procs").read_text() and time.monotonic() < give_up:
            time.sleep(0.01)
        freezer.rmdir()
    assert is_gone(pid)
    assert supervisor.run(bodies.double, 2, device="cuda:0").outcome == "ok"  # in use again
    assert not supervisor.quarantined


def test_closing_while_a_trial_runs_ends_it(new_supervisor, tmp_path):
    supervisor = new_supervisor()
    said = []

    def run():
        try:
            Supervisor.run(supervisor, faults.report_pid_and_sleep, str(tmp_path / "pid"))
        except IsolationError as error:
            said.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    pid = wait_for_pid(tmp_path / "pid")
    Supervisor.close(supervisor)
    thread.join(120)
    assert not thread.is_alive()
    assert is_gone(pid)
    assert said == ["the supervisor was closed while the trial ran"]
    assert not marked_processes(supervisor.mark)


def test_where_a_trial_runs_and_with_how_many_threads(new_supervisor):
    supervisor = new_supervisor()
    one = min(os.sched_getaffinity(0))
    for isolation in (supervisor, new_supervisor(isolation="spawn")):
        found = isolation.run(faults.where_it_runs, cpus=[one], threads=3).result
        assert found == {"cpus": [one], "omp": "3", "mkl": "3"}
    found = supervisor.run(faults.where_it_runs).result
    assert found["cpus"] == sorted(os.sched_getaffinity(0))
    assert found["omp"] == os.environ.get("OMP_NUM_THREADS")


def test_a_study_sets_processors_and_threads_for_each_trial():
    one = min(os.sched_getaffinity(0))

    def evaluate(config):
        return {"score": 1.0, "facts": faults.where_it_runs()}

    study = lehr.run(
        evaluate,
        lehr.Space([lehr.Ordinal("threads", [1, 2])]),
        objective="score",
        method="grid",
        budget=2,
        storage=None,
        cpus=[one],
        threads=lambda config: config["threads"],
    )
    assert [trial.facts["omp"] for trial in study.trials] == [str(t.config["threads"]) for t in study.trials]
    assert [trial.facts["cpus"] for trial in study.trials] == [[one], [one]]


def test_the_hosts_own_children_and_handlers_are_left_alone(new_supervisor):
    """A host has children and a SIGCHLD handler of its own; its trials change neither."""
    seen = []
    before = signal.signal(signal.SIGCHLD, lambda number, _frame: seen.append(number))
    child = os.fork()
    if child == 0:
        os._exit(7)
    try:
        assert new_supervisor().run(bodies.double, 1).outcome == "ok"
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        assert signal.getsignal(signal.SIGCHLD) is not signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_host_that_lets_the_system_reap_its_children(new_supervisor):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        supervisor = new_supervisor()
        assert supervisor.run(bodies.double, 1).outcome == "ok"
        ending = supervisor.run(bodies.kill_the_helper, timeout_s=60)
        assert "helper process died" in ending.evidence["reason"]
        assert supervisor.run(bodies.double, 1).outcome == "ok"
    finally:
        signal.signal(signal.SIGCHLD, before)
