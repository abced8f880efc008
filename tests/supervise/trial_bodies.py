"""What the trials of these tests do. A plain module, so that a child imports nothing else."""

from __future__ import annotations

import atexit
import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time

from lehr import supervise


def double(value):
    return {"value": value * 2}


def context_as_dict():
    context = supervise.current_trial()
    return None if context is None else context.to_json()


def stop_early():
    raise supervise.EarlyStop("too slow: 31.5 ms", {"latency_ms": 31.5})


def raise_value_error(number=7):
    raise ValueError(f"value {number} is out of range\nsecond line")


def raise_with_cause():
    try:
        raise_value_error()
    except ValueError as error:
        raise RuntimeError("no luck") from error


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError("not even this")


def raise_unprintable():
    raise UnprintableError


def system_exit(code):
    sys.exit(code)


def leave_without_result():
    os._exit(0)


def abort():
    os.abort()


def read_null():
    ctypes.string_at(0)


def read_null_deep_down(depth):
    if depth:
        read_null_deep_down(depth - 1)
    ctypes.string_at(0)


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def ignore_sigterm_and_sleep():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


def deadlock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def hold_the_gil():
    ctypes.PyDLL(None).sleep(600)  # PyDLL does not release the GIL


def stop_self():
    os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


def busy_threads():
    def spin():
        while True:
            pass

    for _ in range(3):
        threading.Thread(target=spin).start()
    time.sleep(600)


def leave_grandchild():
    return {"pid": subprocess.Popen(["sleep", "600"]).pid}


def leave_grandchild_holding_stdout():
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print('held', flush=True); time.sleep(600)"]
    )
    time.sleep(0.05)
    return {"pid": child.pid}


def daemonise(depth=2, wait=False):
    """Leave a daemon behind ``depth`` double forks, each in a session of its own."""
    for _ in range(depth):
        if os.fork():
            if wait:
                time.sleep(600)
            return {"pid": os.getpid()}
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if os.fork():
            os._exit(0)
    time.sleep(600)
    return None


def chain_of_daemons():
    if os.fork() == 0:
        for _ in range(8):
            os.setsid()
            if os.fork():
                time.sleep(600)
        time.sleep(600)
    time.sleep(0.1)
    return {"value": 1}


def come_back_twice():
    """Both the trial and a fork of it return a result."""
    return {"child": os.fork() == 0}


def flood_stdout(megabytes):
    line = b"x" * 1_000_000 + b"\n"
    for _ in range(megabytes):
        os.write(1, line)
    print("the last line")
    return {"written": megabytes}


def flood_stderr_forever():
    while True:
        os.write(2, b"word " * 1000 + b"\n")


def long_string(length):
    return "x" * length


def value_of(kind):
    if kind == "nan":
        return {"objective": float("nan"), "latency": float("inf")}
    if kind == "set":
        return {"inner": [1, {2, 3}]}
    if kind == "bytes key":
        return {b"a": 1}
    if kind == "itself":
        loop: list = []
        loop.append(loop)
        return loop
    import numpy

    if kind == "numpy":
        return {
            "float": numpy.float32(0.5),
            "int": numpy.int64(3),
            "bool": numpy.bool_(True),
            "zero_d": numpy.array(2.5),
            "tuple": (numpy.float64(1.5), None),
        }
    return {"array": numpy.zeros(3)}


def touch_in_steps(megabytes, step=8, pause=0.0):
    held = []
    for _ in range(megabytes // step):
        held.append(b"\1" * (step * 1_000_000))
        time.sleep(pause)
    time.sleep(600)


def touch_at_once(megabytes):
    return len(b"\1" * (megabytes * 1_000_000))


def reserve(megabytes):
    region = mmap.mmap(-1, megabytes * 1_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    region.close()
    return {"value": 1}


def touch_in_children(megabytes, count):
    for _ in range(count):
        if os.fork() == 0:
            touch_in_steps(megabytes)
    time.sleep(600)


def share_with_children(megabytes, count):
    """Children that use what they share by fork, and nothing more."""
    held = b"\1" * (megabytes * 1_000_000)
    for _ in range(count):
        if os.fork() == 0:
            time.sleep(600)
    time.sleep(0.5)
    return {"value": len(held)}


def use_up_the_stack():
    sys.setrecursionlimit(10**9)

    def down(value):
        return [*map(down, [value])]

    down(1)


def recurse_for_ever():
    return recurse_for_ever()


def crash_at_exit():
    atexit.register(os.abort)
    return {"value": 1}


def hang_at_exit():
    atexit.register(time.sleep, 600)
    return {"value": 1}


def raise_and_hang_at_exit():
    atexit.register(time.sleep, 600)
    raise_value_error()


def close_everything_and_open(path):
    os.closerange(3, 64)
    files = [os.open(path, os.O_WRONLY | os.O_CREAT) for _ in range(20)]
    os.write(files[0], b"mine")


def write_at_exit(path):
    atexit.register(lambda: os.write(os.open(path, os.O_WRONLY | os.O_CREAT), b"done"))
    return {"value": 1}


def kill_the_helper():
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def kill_the_helper_and_leave_a_daemon():
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
    kill_the_helper()


def watchdog():
    """The parent of the helper."""
    with open(f"/proc/{os.getppid()}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def kill_the_watchdog():
    os.kill(watchdog(), signal.SIGKILL)
    time.sleep(600)


def kill_the_watchdog_and_leave_a_daemon():
    pid = watchdog()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
    os.kill(pid, signal.SIGKILL)
    time.sleep(600)


def stop_the_watchdog_and_kill_the_helper():
    """The worst order: a daemon falls to a watchdog that cannot act."""
    os.kill(watchdog(), signal.SIGSTOP)
    kill_the_helper_and_leave_a_daemon()


def stop_the_helper_and_return():
    os.kill(os.getppid(), signal.SIGSTOP)
    return {"value": 1}


def stop_the_helper():
    os.kill(os.getppid(), signal.SIGSTOP)
    time.sleep(600)


def surroundings():
    return {
        "stdin": os.read(0, 10).decode(),
        "session": os.getsid(0) == os.getpid(),
        "cwd": os.path.basename(os.getcwd()),
        "path": sys.path,
        "variable": os.environ.get("LEHR_TEST_VARIABLE"),
        "sigint": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        "main": sorted(vars(sys.modules["__main__"])),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
    }


def random_number():
    import random

    return random.random()


def is_imported(name):
    return name in sys.modules


def write_garbage_to_every_descriptor():
    for fd in range(3, 30):
        try:
            os.write(fd, b"\xff" * 64)
        except OSError:
            continue
    time.sleep(600)
