"""Whatever processes a trial leaves behind die with it: the supervisor of these tests looks for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid

import pytest
import trial_bodies as bodies
from trial_marks import MARK, helper_below, idle_helpers, marked_processes, wait_until_gone

from lehr import IsolationError


@pytest.mark.parametrize(
    ("body", "args"),
    [
        (bodies.leave_grandchild, ()),
        (bodies.leave_grandchild_holding_stdout, ()),
        (bodies.daemonise, (1,)),
        (bodies.daemonise, (3,)),
        (bodies.chain_of_daemons, ()),
    ],
)
def test_nothing_outlives_a_successful_trial(supervisor, body, args):
    begun = time.monotonic()
    ending = supervisor.run(body, *args, timeout_s=60)
    assert ending.outcome == "ok"
    assert time.monotonic() - begun < 300  # no waiting for those who hold stdout, for 600 s
    assert ending.evidence["processes_killed"] >= 1


def test_what_a_grandchild_printed_is_kept(supervisor):
    assert supervisor.run(bodies.leave_grandchild_holding_stdout).evidence.get("stdout_tail") in {
        None,
        "held",
    }


@pytest.mark.parametrize("depth", [1, 3])
def test_daemons_die_at_the_deadline(supervisor, depth):
    ending = supervisor.run(bodies.daemonise, depth, True, timeout_s=1.0)
    assert ending.outcome == "timeout"
    assert ending.evidence["processes_killed"] >= 1


def test_a_fork_that_comes_back_has_no_say(supervisor):
    ending = supervisor.run(bodies.come_back_twice, timeout_s=60)
    assert (ending.outcome, ending.result) == ("ok", {"child": False})


def test_a_helper_that_is_killed_ends_the_trial_and_is_replaced(new_supervisor):
    supervisor = new_supervisor()
    for body in (bodies.kill_the_helper, bodies.kill_the_helper_and_leave_a_daemon):
        ending = supervisor.run(body, timeout_s=60)
        assert ending.outcome == "crashed"
        assert "helper process died during the trial (killed by SIGKILL)" in ending.evidence["reason"]
        assert supervisor.run(bodies.double, 1).result == {"value": 2}
    ending = supervisor.run(bodies.stop_the_watchdog_and_kill_the_helper, timeout_s=60)
    assert ending.outcome == "crashed"
    assert "helper process died during the trial" in ending.evidence["reason"]
    assert supervisor.run(bodies.double, 1).result == {"value": 2}


def test_an_import_that_kills_every_helper_ends_in_an_error_and_leaves_nothing(
    new_supervisor, tmp_path, monkeypatch
):
    """The trial has not begun when its helper dies, so it is tried again; but not for ever."""
    text = """
    import os, signal, sys, time
    if "pytest" not in sys.modules:
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    def body(): return 1
    """
    (tmp_path / "lehr_test_killing.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    supervisor = new_supervisor()
    with pytest.raises(IsolationError, match="die before they can start a trial"):
        supervisor.run(__import__("lehr_test_killing").body)
    assert not marked_processes(supervisor.mark)
    assert supervisor.run(bodies.double, 1).outcome == "ok"


@pytest.mark.parametrize("whom", ["helper", "watchdog"])
def test_a_helper_that_dies_while_idle_is_replaced(new_supervisor, whom):
    supervisor = new_supervisor()
    assert supervisor.run(bodies.double, 1).outcome == "ok"
    (helper,) = idle_helpers(supervisor)
    os.kill(helper.pid if whom == "watchdog" else helper_below(helper.pid), signal.SIGKILL)
    assert supervisor.run(bodies.double, 2).outcome == "ok"


def test_a_watchdog_that_is_killed_ends_the_trial_and_is_replaced(new_supervisor):
    supervisor = new_supervisor()
    for body in (bodies.kill_the_watchdog, bodies.kill_the_watchdog_and_leave_a_daemon):
        ending = supervisor.run(body, timeout_s=60)
        assert ending.outcome == "crashed"
        assert "helper process died during the trial" in ending.evidence["reason"]
        assert supervisor.run(bodies.double, 1).result == {"value": 2}


def test_a_stopped_helper_is_woken_by_its_watchdog(new_supervisor):
    """So that the trial's own end is noticed, and not only its deadline."""
    ending = new_supervisor().run(bodies.stop_the_helper_and_return, timeout_s=60)
    assert (ending.outcome, ending.result) == ("ok", {"value": 1})
    assert "notes" not in ending.evidence  # nobody had to be killed for lingering


def test_a_stopped_helper_does_not_stop_the_deadline(new_supervisor):
    supervisor = new_supervisor()
    ending = supervisor.run(bodies.stop_the_helper, timeout_s=0.2)
    assert ending.outcome == "timeout"
    assert supervisor.run(bodies.double, 2).outcome == "ok"


def parent_script(tmp_path, body: str) -> tuple[list[str], dict[str, str], str]:
    """A program that runs trials: its command, its environment, and the mark of its processes."""
    mark = uuid.uuid4().hex
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
            import os, signal, sys, time, threading
            from lehr.supervise import Supervisor
            def trial():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        os.setsid()
                        os.write(2, b"")
                        open(sys.argv[1], "w").write("up")
                        time.sleep(600)
                time.sleep(600)
        """)
        + textwrap.dedent(body)
    )
    environment = {**os.environ, MARK: mark, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return [sys.executable, str(script), str(tmp_path / "up")], environment, mark


def start_parent(tmp_path, body: str, processes: int = 5) -> tuple[subprocess.Popen[bytes], str]:
    command, environment, mark = parent_script(tmp_path, body)
    parent = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    give_up = time.monotonic() + 120
    while not (tmp_path / "up").exists():
        assert parent.poll() is None, parent.communicate()
        assert time.monotonic() < give_up
        time.sleep(0.01)
    assert len(marked_processes(mark)) >= processes  # parent, watchdog, helper, trial, daemon
    return parent, mark


@pytest.mark.parametrize(
    "body",
    [
        "Supervisor().run(trial)",
        "Supervisor(isolation='spawn').run(trial)",
        # a fork of the parent, which holds its sockets open, must not keep the trial alive
        """
        thread = threading.Thread(target=Supervisor().run, args=(trial,))
        thread.start()
        while not os.path.exists(sys.argv[1]): time.sleep(0.01)
        if os.fork() == 0:
            os.environ.clear(); os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(8)"])
        thread.join()
        """,
    ],
)
def test_a_parent_killed_with_sigkill_takes_everything_along(tmp_path, body):
    parent, mark = start_parent(tmp_path, body)
    with parent:
        parent.kill()
        parent.wait()
        left = wait_until_gone(mark, 60.0)
        parent.stdout.close()
        parent.stderr.close()
    assert not left


def test_a_parent_killed_while_its_helper_imports(tmp_path):
    (tmp_path / "lehr_test_slow.py").write_text(
        "import sys, time; open(sys.argv[1], 'w').close(); time.sleep(600)"
    )
    body = """
    sys.path.insert(0, os.path.dirname(sys.argv[1]))
    Supervisor().run(trial, preload=["lehr_test_slow"])
    """
    parent, mark = start_parent(tmp_path, body, processes=3)
    with parent:
        parent.kill()
        parent.wait()
        left = wait_until_gone(mark, 60.0)
    assert not left


def test_ctrl_c_kills_the_tree_and_goes_on_to_the_caller(tmp_path):
    body = """
    supervisor = Supervisor()
    before = signal.getsignal(signal.SIGINT)
    try:
        supervisor.run(trial)
    except KeyboardInterrupt:
        children = open(f"/proc/self/task/{os.getpid()}/children").read()
        again = supervisor.run(lambda: 5).result
        print("interrupted", repr(children), again, signal.getsignal(signal.SIGINT) is before)
    """
    parent, mark = start_parent(tmp_path, body)
    os.killpg(parent.pid, signal.SIGINT)  # the whole foreground group, as a terminal does
    out, err = parent.communicate(timeout=120)
    assert (out.decode(), err) == ("interrupted '' 5 True\n", b"")
    assert not wait_until_gone(mark, 60.0)


def test_a_supervisor_that_is_never_closed_leaves_nothing(tmp_path):
    command, environment, mark = parent_script(tmp_path, "print(Supervisor().run(lambda: 5).result)")
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=True)
    assert done.stdout == b"5\n"
    assert not wait_until_gone(mark, 60.0)


def test_closing_from_another_thread_ends_nothing_that_runs(new_supervisor):
    supervisor = new_supervisor()
    endings = []
    thread = threading.Thread(target=lambda: endings.append(supervisor.run(bodies.daemonise, timeout_s=30)))
    thread.start()
    thread.join()
    supervisor.close()
    assert endings[0].outcome == "ok"
