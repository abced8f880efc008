"""The supervisor itself: what trials find around them, errors, many trials, several at once."""

from __future__ import annotations

import functools
import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import types

import pytest
import trial_bodies as bodies
from trial_marks import idle_helpers, processes_of

from lehr import IsolationError, LehrError, UnpicklableError
from lehr.supervise import Supervisor


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_the_surroundings_of_a_trial(new_supervisor, tmp_path, monkeypatch, isolation):
    supervisor = new_supervisor(isolation=isolation, environment={"LEHR_TEST_VARIABLE": "set"})
    monkeypatch.syspath_prepend(str(tmp_path / "added later"))
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        ending = supervisor.run(bodies.surroundings)
        assert ending.evidence["isolation"] == isolation
        found = ending.result
        assert found["stdin"] == ""
        assert found["session"]
        assert found["cwd"] == tmp_path.name
        assert found["path"] == sys.path
        assert found["variable"] == "set"
        assert found["sigint"]
        assert "sys" not in found["main"]
        assert found["descriptors"] == 6  # three streams, result channel, fault file, and the listing itself
        assert found["threads"] == 1


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_deleted_working_directory(new_supervisor, tmp_path, monkeypatch, isolation):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert new_supervisor(isolation=isolation).run(bodies.double, 2).outcome == "ok"


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_module_that_is_missing_in_the_child(new_supervisor, isolation):
    supervisor = new_supervisor(isolation=isolation)
    module = types.ModuleType("lehr_test_module_without_file")
    sys.modules[module.__name__] = module
    exec("def body(): return 1", module.__dict__)
    module.body.__module__ = module.__name__
    try:
        # sent by reference, for the parent can import it
        module.__spec__ = types.SimpleNamespace(name=module.__name__)
        ending = supervisor.run(functools.partial(module.body))
    finally:
        del sys.modules[module.__name__]
    if ending.outcome == "ok":
        pytest.fail("the function was sent by value; this test needs one sent by reference")
    assert ending.outcome == "crashed"
    assert ending.evidence["exception"]["type"] == "ModuleNotFoundError"
    assert "could not be loaded" in ending.evidence["reason"]


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_preload_that_cannot_be_imported(new_supervisor, isolation):
    supervisor = new_supervisor(isolation=isolation)
    ending = supervisor.run(bodies.double, 1, preload=("no_such_module",))
    assert ending.outcome == "crashed"
    assert ending.evidence["exception"] == {
        **ending.evidence["exception"],
        "type": "ModuleNotFoundError",
        "message": "No module named 'no_such_module'",
    }
    assert ending.evidence["signature"] == "ModuleNotFoundError: No module named 'no_such_module'"


def write_module(tmp_path, monkeypatch, name: str, text: str) -> str:
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_modules_beside_a_script_given_on_the_command_line(tmp_path):
    """Their import path begins with the working directory as '', which the helper does not share."""
    (tmp_path / "lehr_test_beside.py").write_text("def body(): return 7")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script = "import lehr_test_beside as m, lehr.supervise as s; print(s.Supervisor().run(m.body).result)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=300, check=True
    )
    assert done.stdout == b"7\n"


def test_a_preload_with_threads_falls_back_to_spawn(new_supervisor, tmp_path, monkeypatch):
    text = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()"
    name = write_module(tmp_path, monkeypatch, "lehr_test_threaded", text)
    supervisor = new_supervisor()
    for _ in range(2):
        ending = supervisor.run(bodies.is_imported, name, preload=(name,))
        assert (ending.outcome, ending.result) == ("ok", True)
        assert ending.evidence["isolation"] == "spawn"
        assert "leaves 1 thread(s)" in ending.evidence["isolation_note"]


def test_a_preload_that_kills_its_interpreter(new_supervisor, tmp_path, monkeypatch):
    name = write_module(tmp_path, monkeypatch, "lehr_test_deadly", "import os; os.abort()")
    supervisor = new_supervisor()
    ending = supervisor.run(bodies.double, 1, preload=(name,))
    assert ending.outcome == "crashed"
    assert ending.evidence["signal"] == "SIGABRT"
    assert "while it was being loaded" in ending.evidence["reason"]
    assert "killed by SIGABRT" in ending.evidence["isolation_note"]


def test_an_import_that_hangs_has_a_limit_of_its_own(new_supervisor, tmp_path, monkeypatch):
    name = write_module(tmp_path, monkeypatch, "lehr_test_endless", "import time; time.sleep(600)")
    supervisor = new_supervisor()
    supervisor._start_limit_s = 1.0
    ending = supervisor.run(bodies.double, 1, preload=(name,), timeout_s=0.1)
    assert ending.outcome == "timeout"
    assert ending.evidence["limits"] == {"start_limit_s": 1.0}


def test_numpy_stays_fork_safe(new_supervisor):
    """Its OpenBLAS has threads, and stops them before a fork."""
    supervisor = new_supervisor()
    for _ in range(2):
        ending = supervisor.run(bodies.value_of, "numpy", preload=("numpy",))
        assert (ending.outcome, ending.evidence["isolation"]) == ("ok", "fork")


def test_the_helper_learns_what_the_function_imports(new_supervisor, tmp_path, monkeypatch):
    text = "import os\nIMPORTED_IN = os.getpid()\ndef body(): return IMPORTED_IN == os.getpid()"
    name = write_module(tmp_path, monkeypatch, "lehr_test_learned", text)
    body = __import__(name).body
    supervisor = new_supervisor()
    assert [supervisor.run(body).result for _ in range(3)] == [True, False, False]


def test_what_would_harm_the_helper_is_imported_in_each_trial(new_supervisor, tmp_path, monkeypatch):
    text = """
    import os, sys, threading, time
    IMPORTED_IN = os.getpid()
    if "pytest" not in sys.modules:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    def body(): return IMPORTED_IN == os.getpid()
    """
    name = write_module(tmp_path, monkeypatch, "lehr_test_harmful", text)
    body = __import__(name).body
    supervisor = new_supervisor()
    endings = [supervisor.run(body) for _ in range(3)]
    assert [ending.result for ending in endings] == [True, True, True]
    assert {ending.evidence["isolation"] for ending in endings} == {"fork"}


def test_a_trial_does_not_pay_for_imports_of_others(new_supervisor):
    supervisor = new_supervisor()
    assert supervisor.run(bodies.is_imported, "numpy", preload=("numpy",)).result is True
    assert supervisor.run(bodies.is_imported, "numpy").result is False
    assert supervisor.run(bodies.is_imported, "optuna").result is False


def test_generators_are_reseeded(new_supervisor):
    supervisor = new_supervisor()
    numbers = {supervisor.run(bodies.random_number, preload=("random",)).result for _ in range(4)}
    assert len(numbers) == 4


class Holder:
    def __init__(self):
        self.lock = threading.Lock()


def test_what_cannot_be_sent_is_named(supervisor):
    lock = threading.Lock()
    with pytest.raises(UnpicklableError, match=r"captured variable 'lock' .*lock") as caught:
        supervisor.run(lambda: [lock.locked()])
    assert isinstance(caught.value, LehrError)
    assert "the captured variable 'lock'" in caught.value.culprit
    with pytest.raises(UnpicklableError, match="argument 1"):
        supervisor.run(max, 1, lock)
    with pytest.raises(UnpicklableError, match="the attribute 'lock' of argument 0"):
        supervisor.run(bodies.double, Holder())
    with pytest.raises(UnpicklableError, match="argument 0 of the partial of the function"):
        supervisor.run(functools.partial(bodies.double, (i for i in range(3))))


def test_an_interpreter_that_does_not_start(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Supervisor() as supervisor, pytest.raises(IsolationError, match="exit code 1"):
        supervisor.run(bodies.double, 1)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with Supervisor() as supervisor, pytest.raises(IsolationError, match="No such file"):
        supervisor.run(bodies.double, 1)


def test_two_hundred_trials_leak_nothing(new_supervisor):
    supervisor = new_supervisor()
    Supervisor.run(supervisor, bodies.double, 1)
    (helper,) = idle_helpers(supervisor)
    assert helper.is_ready()  # it has imported what its first trial had to, and the answer is taken
    gc.collect()  # what earlier tests left behind would close its descriptors in the middle of this one

    def counts():
        below = [len(os.listdir(f"/proc/{pid}/fd")) for pid in sorted(processes_of(helper))]
        return open_descriptors(), threading.active_count(), below

    before = counts()
    for index in range(200):
        body, args = ((bodies.double, (index,)), (bodies.leave_without_result, ()))[index % 10 == 9]
        Supervisor.run(supervisor, body, *args)  # without the check of these tests, which takes long
    (same,) = idle_helpers(supervisor)
    assert same is helper
    gc.collect()
    after = counts()
    assert after[0] <= before[0] + 5  # a leak of one in ten trials would be twenty
    assert after[1:] == before[1:]


def test_descriptors_after_endings_of_all_kinds():
    def all_kinds() -> None:
        with Supervisor() as supervisor:
            supervisor.run(bodies.kill_the_helper)
            supervisor.run(bodies.stop_self, timeout_s=0.05)
            supervisor.run(bodies.double, 1, preload=("no_such_module",))
            with pytest.raises(UnpicklableError):
                supervisor.run(max, threading.Lock())

    all_kinds()
    before = open_descriptors()
    all_kinds()
    assert open_descriptors() == before


def test_trials_of_several_threads_run_side_by_side(new_supervisor):
    supervisor = new_supervisor()
    endings = []

    def work(index):
        for step in range(5):
            endings.append(Supervisor.run(supervisor, bodies.double, 10 * index + step))

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = sorted(2 * (10 * index + step) for index in range(3) for step in range(5))
    assert sorted(ending.result["value"] for ending in endings) == expected


def test_a_helper_survives_the_thread_that_started_it(new_supervisor):
    supervisor = new_supervisor()
    thread = threading.Thread(target=Supervisor.run, args=(supervisor, bodies.double, 1))
    thread.start()
    thread.join()
    time.sleep(0.1)
    (helper,) = idle_helpers(supervisor)
    assert helper.alive
    assert supervisor.run(bodies.double, 2).result == {"value": 4}


def test_two_supervisors_at_once(new_supervisor):
    one, two = new_supervisor(), new_supervisor(isolation="spawn")
    thread = threading.Thread(target=one.run, args=(bodies.stop_self,), kwargs={"timeout_s": 1.0})
    thread.start()
    assert two.run(bodies.double, 3).result == {"value": 6}
    thread.join()
    assert one.run(bodies.double, 3).result == {"value": 6}


def test_a_fork_of_the_parent_starts_helpers_of_its_own(new_supervisor):
    supervisor = new_supervisor()
    assert supervisor.run(bodies.double, 1).outcome == "ok"
    (helper,) = idle_helpers(supervisor)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            good = Supervisor.run(supervisor, bodies.double, 5).result == {"value": 10}
            Supervisor.close(supervisor)
            status = 0 if good else 2
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert helper.alive
    assert supervisor.run(bodies.double, 2).result == {"value": 4}


SCRIPT = """
import threading
from lehr.supervise import Supervisor
factor = 3
class Thing:
    value = 14
def body(count):
    print("to the child's own stdout")
    return {"value": Thing().value * factor * count}
with Supervisor() as supervisor:
    ending = supervisor.run(body, 1)
assert ending.result == {"value": 42}, ending
assert ending.evidence["stdout_tail"] == "to the child's own stdout"
"""


@pytest.mark.parametrize("way", ["-c", "-", "exec", "stdout closed"])
def test_functions_of_main(way):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script, given = SCRIPT, None
    command = [sys.executable, "-c", script]
    if way == "-":
        command, given = [sys.executable, "-"], script
    elif way == "exec":  # as a notebook runs its cells
        command[2] = f"exec(compile({script!r}, '<cell 1>', 'exec'), globals())"
    elif way == "stdout closed":
        command[2] = "import os; os.close(0); os.close(1)\n" + script
    done = subprocess.run(
        command, input=given, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
