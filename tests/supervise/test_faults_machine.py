"""Faults of the fault matrix (docs/faults.md) that the machine commits: what it lacks, clocks that jump, full disks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from pathlib import Path

import pytest
import trial_bodies as bodies
from trial_marks import is_gone, marked_processes, parent_of, wait_for_pid, wait_until_gone

import lehr
from lehr._core import NativeSupervisor
from lehr.errors import IsolationError
from lehr.supervise import Supervisor
from lehr.supervise._process import namespace_command
from testing_core import lehr_testing

STUDY = """
import json, sys, time
import lehr

def evaluate(config):
    if config["x"] == 3:
        time.sleep(600)
    if config["x"] == 4:
        raise ValueError("no")
    time.sleep(0.05)
    return {"score": config["x"]}

study = lehr.run(
    evaluate, lehr.Space([lehr.Ordinal("x", [0, 1, 2, 3, 4, 5])]), objective="score", method="grid", budget=6,
    trial_timeout_s=2.0, memory_limit_mb=500, storage=sys.argv[1],
)
print(json.dumps([[trial.config["x"], trial.outcome, trial.seconds] for trial in study.trials]))
"""


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **more}


def run_study(storage: Path, prefix: tuple[str, ...] = (), **more: str) -> list[tuple[int, str, float]]:
    done = subprocess.run(
        [*prefix, sys.executable, "-c", STUDY, str(storage)],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [tuple(trial) for trial in json.loads(done.stdout)]


def outcomes(trials) -> dict[int, str]:
    return {x: outcome for x, outcome, _ in trials}


EXPECTED = {0: "ok", 1: "ok", 2: "ok", 3: "timeout", 4: "crashed", 5: "ok"}


def in_a_mount_namespace(command: str) -> tuple[str, ...]:
    """A prefix that runs a program where ``command`` has changed the mounts; skips where that is not allowed."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("needs unshare(1)")
    flags = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    prefix = (unshare, *flags, "sh", "-c", f'{command} && exec "$@"', "sh")
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, timeout=30, check=False)
    if tried.returncode:
        pytest.skip(f"mount namespaces are not allowed here: {tried.stderr.strip()}")
    return prefix


@pytest.mark.parametrize("folder", ["/dev/shm", "/sys/fs/cgroup"])
def test_a_machine_without(tmp_path, folder):
    """In the place of the folder is an empty one that nobody can write to."""
    if not Path(folder).is_dir():
        found = run_study(tmp_path / "s.journal")  # as good: this machine has none
    else:
        prefix = in_a_mount_namespace(f"mount -t tmpfs -o ro,size=4k none {folder}")
        found = run_study(tmp_path / "s.journal", prefix)
    assert outcomes(found) == EXPECTED


@pytest.mark.parametrize("way", ["nowhere", "not a cgroup", "no such folder"])
def test_no_cgroup_is_told_in_the_evidence(new_supervisor, tmp_path, way):
    asked = {"nowhere": False, "not a cgroup": str(tmp_path), "no such folder": str(tmp_path / "none")}[way]
    ending = new_supervisor(cgroup=asked).run(bodies.touch_in_steps, 500, memory_limit_mb=100, timeout_s=60)
    assert (ending.outcome, ending.evidence["sent_by"]) == ("oom", "lehr: memory limit")
    words = {
        "nowhere": "polls",
        "not a cgroup": "is no cgroup of the v2 tree",
        "no such folder": "No such file",
    }
    assert words[way] in ending.evidence["memory_limit_by"]


def test_what_is_written_into_a_delegated_cgroup(tmp_path):
    """The kernel's side is played by a folder: what would be its limits, and who is inside."""
    seen = {}

    class Pretended(Supervisor):
        def _make_native(self):
            return NativeSupervisor(cgroup=str(tmp_path), pretend=True)

    def look():
        return None

    with Pretended(cgroup=str(tmp_path)) as supervisor:
        ending = supervisor.run(look, memory_limit_mb=100)
        (leaf,) = tmp_path.iterdir()
        seen = {file.name: file.read_text() for file in leaf.iterdir()}
        assert ending.evidence["memory_limit_by"] == "cgroup memory.max, and polls"
        assert supervisor.run(look).evidence.get("memory_limit_by") is None
        assert list(tmp_path.iterdir()) == [leaf]
        ending = supervisor.run(bodies.ignore_sigterm_and_sleep, memory_limit_mb=100, timeout_s=0.2)
        assert ending.outcome == "timeout"
        other = next(folder for folder in tmp_path.iterdir() if folder != leaf)
        assert (other / "cgroup.kill").read_text() == "1"
    assert seen == {
        "memory.max": "100000000",
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cgroup.procs": "0",  # written by the trial itself: the kernel reads it as "me"
    }


def test_a_cgroup_that_is_not_delegated_is_told():
    tree = lehr_testing.CgroupTree()
    assert tree.usable == bool(tree.root)
    assert tree.usable or tree.why_not


def test_the_kernels_log_names_the_process_it_killed(tmp_path):
    """The log is a file here; what the kernel writes there is documented and has not changed for years."""
    log, pid_file = tmp_path / "kmsg", tmp_path / "pid"
    log.touch()

    class Logged(Supervisor):
        def _make_native(self):
            return NativeSupervisor(kernel_log=str(log))

    def die():
        words = f"3,1234,56789,-;Out of memory: Killed process {os.getpid()} (python) total-vm:9kB\n"
        log.write_text(words)
        bodies.kill_self()

    def die_beside_another():
        log.write_text(f"3,1235,56790,-;Out of memory: Killed process {os.getpid()}1 (other) total-vm:9kB\n")
        bodies.kill_self()

    with Logged() as supervisor:
        ending = supervisor.run(die)
        assert (ending.outcome, ending.evidence["sent_by"]) == ("oom", "kernel: out of memory")
        assert ending.evidence["kernel_log"].startswith("Out of memory: Killed process ")
    with Logged() as supervisor:
        assert supervisor.run(die_beside_another).evidence["sent_by"] == "unknown (not lehr)"
    assert not pid_file.exists()


CLOCK = r"""
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
// The wall clock is stepped at every look: a day ahead, a day back.
static long step(void) { static long n; return (__sync_fetch_and_add(&n, 1) % 2) ? 86400 : -86400; }
int clock_gettime(clockid_t id, struct timespec* t) {
  static int (*real)(clockid_t, struct timespec*);
  if (!real) real = (int (*)(clockid_t, struct timespec*))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, t);
  if (id == CLOCK_REALTIME) t->tv_sec += step();
  return result;
}
time_t time(time_t* out) {
  struct timespec t; clock_gettime(CLOCK_REALTIME, &t);
  if (out) *out = t.tv_sec;
  return t.tv_sec;
}
int gettimeofday(struct timeval* v, void* zone) {
  struct timespec t; (void)zone; clock_gettime(CLOCK_REALTIME, &t);
  v->tv_sec = t.tv_sec; v->tv_usec = t.tv_nsec / 1000;
  return 0;
}
"""


def test_a_clock_that_is_stepped(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler to build a clock that jumps")
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text("#define _GNU_SOURCE\n" + CLOCK)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    jumps = subprocess.run(
        [sys.executable, "-c", "import time; print(abs(time.time() - time.time()) > 80000)"],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert jumps.stdout == "True\n"
    found = run_study(tmp_path / "s.journal", LD_PRELOAD=str(library))
    assert outcomes(found) == EXPECTED
    for x, _, seconds in found:
        assert 0 <= seconds < 60
        assert seconds >= 0.5 or x != 3
    assert run_study(tmp_path / "s.journal", LD_PRELOAD=str(library)) == found  # resumed: complete already


FULL = """
import os, sys
import lehr
folder = sys.argv[1]
journal = os.path.join(folder, "s.journal")

def evaluate(config):
    return {"score": config["x"]}

def study(storage, **options):
    space = lehr.Space([lehr.Int("x", 0, 1000)])
    return lehr.run(evaluate, space, objective="score", budget=12, seed=5, storage=storage, **options)

def fill(event):
    if type(event).__name__ == "TrialFinished" and event.trial.number == 3:
        with open(os.path.join(folder, "filler"), "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                pass

whole = [trial.config for trial in study(None).trials]
try:
    study(journal, on_event=fill)
except lehr.StorageError as error:
    print(error)
else:
    sys.exit("the disk was not full")
os.remove(os.path.join(folder, "filler"))
known = [trial.config for trial in lehr.load_study(journal).trials]
assert known == whole[: len(known)] and len(known) >= 4, known
assert [trial.config for trial in study(journal).trials] == whole
"""


def test_a_disk_that_is_full_under_the_journal(tmp_path):
    prefix = in_a_mount_namespace(f"mount -t tmpfs -o size=256k none {tmp_path}")
    done = subprocess.run(
        [*prefix, sys.executable, "-c", FULL, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stdout


def test_a_folder_that_became_read_only(tmp_path):
    (tmp_path / "place").mkdir()
    prefix = in_a_mount_namespace(f"mount -t tmpfs -o ro,size=256k none {tmp_path}/place")
    done = subprocess.run(
        [*prefix, sys.executable, "-c", STUDY, str(tmp_path / "place" / "s.journal")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1
    assert "StorageError: cannot write beside" in done.stderr
    assert "Read-only file system; choose another folder" in done.stderr


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_a_parent_and_its_helper_killed_at_the_same_instant(tmp_path, isolation):
    """A daemon that carries nothing of ours falls to the watchdog, which was nobody's aim."""
    script = textwrap.dedent("""
        import os, sys, time
        from lehr.supervise import Supervisor
        def trial():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    with open(sys.argv[1] + ".daemon", "w") as file:
                        file.write(f"{os.getpid()}.")
                    os.execve("/bin/sleep", ["sleep", "600"], {})
                os._exit(0)
            with open(sys.argv[1], "w") as file:
                file.write(f"{os.getpid()}.")
            time.sleep(600)
        Supervisor(isolation=sys.argv[2]).run(trial)
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "pid"), isolation]
    with subprocess.Popen(command, env=environment(), start_new_session=True) as parent:
        trial, daemon = (wait_for_pid(tmp_path / name) for name in ("pid", "pid.daemon"))
        helper = parent_of(trial)
        os.kill(parent.pid, signal.SIGSTOP)  # so that it cannot act on the death of the other
        for pid in (helper, parent.pid):
            os.kill(pid, signal.SIGKILL)
        parent.wait(120)
    left = [pid for pid in (trial, helper, daemon) if not is_gone(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def namespaces_or_skip() -> None:
    try:
        command = namespace_command()
    except IsolationError as error:
        pytest.skip(str(error))
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, timeout=30, check=False)
    if tried.returncode:
        pytest.skip(f"PID namespaces are not allowed here: {tried.stderr.strip()}")


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
def test_trials_in_a_namespace_of_their_own(new_supervisor, isolation):
    namespaces_or_skip()
    supervisor = new_supervisor(namespace=True, isolation=isolation)
    native = NativePids()
    for _ in range(2):
        ending = Supervisor.run(supervisor, native.look)
        assert ending.outcome == "ok"
        assert ending.result["pid"] < 100
        assert ending.result["processes"] <= 4
    for body, arguments, outcome in (
        (bodies.daemonise, (3, True), "timeout"),
        (bodies.ignore_sigterm_and_sleep, (), "timeout"),
        (bodies.stop_the_helper, (), "timeout"),
        (bodies.abort, (), "crashed"),
        (bodies.double, (1,), "ok"),
    ):
        limit = 0.6 if outcome == "timeout" else 60
        assert Supervisor.run(supervisor, body, *arguments, timeout_s=limit).outcome == outcome
    ending = Supervisor.run(
        supervisor, bodies.touch_in_steps, 2000, 4, 0.002, memory_limit_mb=150, timeout_s=60
    )
    assert (ending.outcome, ending.evidence["sent_by"]) == ("oom", "lehr: memory limit")


class NativePids:
    def look(self):
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
        return {"pid": os.getpid(), "processes": len(processes)}


def test_a_namespace_ends_a_daemon_even_when_all_who_know_it_are_killed_at_once(tmp_path):
    namespaces_or_skip()
    mark = uuid.uuid4().hex
    script = textwrap.dedent("""
        import os, sys, time
        from lehr.supervise import Supervisor
        def trial():
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    open(sys.argv[1], "w").close()
                    os.execve("/bin/sleep", ["sleep", "600"], {"LEHR_TEST_MARK": os.environ["LEHR_TEST_MARK"]})
                os._exit(0)
            time.sleep(600)
        Supervisor(namespace=True).run(trial)
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "up")]
    with subprocess.Popen(command, env=environment(LEHR_TEST_MARK=mark)) as parent:
        give_up = time.monotonic() + 120
        while not (tmp_path / "up").exists():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        helpers = {pid: name for pid, name in marked_processes(mark).items() if "_boot.py helper" in name}
        for number in (
            signal.SIGSTOP,
            signal.SIGKILL,
        ):  # stopped first, so that none can act on another's death
            for pid in (parent.pid, *helpers):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        parent.wait(120)
        assert not wait_until_gone(mark, 60.0)


def test_an_interpreter_that_cannot_start_is_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(IsolationError, match="cannot start /no/such/python"):
        lehr.run(lambda config: config["x"], lehr.Space([lehr.Int("x", 0, 3)]), budget=1, storage=None)
