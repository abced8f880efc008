"""What the trials of the fault matrix do; as plain as trial_bodies."""

from __future__ import annotations

import ctypes
import itertools
import os
import resource
import signal
import stat
import struct
import sys
import time


def loop_in_c():
    """One call into C that never comes back to the interpreter, and so never looks at signals."""
    return sum(itertools.repeat(0))


def use_up_descriptors():
    held = []
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))


def fork_bomb(user, processes, sessions):
    """As a user that nobody else is, who may have so many processes; ``sessions``: each leaves its group."""
    os.setgid(user)
    os.setuid(user)
    resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    while True:
        try:
            if os.fork() == 0 and sessions:
                os.setsid()
        except BlockingIOError:
            continue


def leave_at_sigterm(path):
    def handler(*_):
        with open(path, "w") as file:
            file.write("asked")
        sys.exit(5)

    signal.signal(signal.SIGTERM, handler)
    time.sleep(600)


def return_at_sigterm():
    class Asked(Exception):
        pass

    def handler(*_):
        raise Asked

    signal.signal(signal.SIGTERM, handler)
    try:
        time.sleep(600)
    except Asked:
        return {"value": 1}


def large_result(megabytes):
    return ["x" * 1_000_000] * megabytes


def claim_a_large_result(size):
    """Begin a record by hand that says it is so long, on whatever descriptor is a pipe to lehr."""
    for fd in range(3, 30):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.write(fd, size.to_bytes(4, "big") + b"r")
        except OSError:
            continue
    time.sleep(600)


def kill_the_helper_beside_a_stranger(path):
    """A grandchild that has left the session and carries nothing of ours, not even in its environment."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(path, "w") as file:
                file.write(f"{os.getpid()}.")
            os.execve("/bin/sleep", ["sleep", "600"], {})
        os._exit(0)
    time.sleep(0.6)  # two looks at the tree, far apart as they are for a trial without a memory limit
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def wait_for_ever_in_the_driver():
    import lehr

    return lehr.gpu_status().reason


def throw_in_cpp(library, name):
    ctypes.CDLL(library)[name]()


def raise_like(package, name):
    raise type(name, (RuntimeError,), {"__module__": f"{package}.cuda"})("no words that say so")


def where_it_runs():
    return {
        "cpus": sorted(os.sched_getaffinity(0)),
        "omp": os.environ.get("OMP_NUM_THREADS"),
        "mkl": os.environ.get("MKL_NUM_THREADS"),
    }


def report_pid_and_sleep(path):
    with open(path, "w") as file:
        file.write(f"{os.getpid()}.")
    time.sleep(600)


def send_record(kind, body, then_return=None):
    """Write a whole record by hand where lehr reads its own, then go on as if nothing were."""
    message = kind + struct.pack("!d", time.monotonic()) + body
    for fd in range(3, 30):
        try:
            if stat.S_ISFIFO(os.fstat(fd).st_mode):
                data = len(message).to_bytes(4, "big") + message
                while data:
                    data = data[os.write(fd, data) :]
        except OSError:
            continue
    return then_return
