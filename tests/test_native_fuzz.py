"""Every function of the core takes any value of its types: it answers or raises, and never crashes or hangs."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import select
import signal
import traceback

import pytest

from lehr.errors import LehrError
from native_arguments import Maker, functions

EXPECTED = (LehrError, TypeError, ValueError, OverflowError, IndexError, KeyError, MemoryError, StopIteration)
CALLS = int(os.environ.get("LEHR_FUZZ_CALLS", "40"))
SLOW_S = 20
UNDER_SANITIZER = "asan" in os.environ.get("LD_PRELOAD", "")


def call_often(name):
    """In a process of its own: what happens to it is the answer."""
    function = functions()[name]
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not UNDER_SANITIZER:  # which reserves terabytes of addresses
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for seed in range(CALLS):
        maker = Maker(seed)
        with contextlib.suppress(*EXPECTED):
            arguments = maker.arguments(function)
            if arguments is None:
                return
            os.write(2, f"\n{name} {arguments!r:.600}".encode("utf-8", "replace"))  # the last one is to blame
            signal.alarm(SLOW_S)
            function(*arguments[0], **arguments[1])
        signal.alarm(0)


def in_a_child(work):
    """(exit code or minus signal, what was printed) of ``work`` in a fork."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.dup2(writing, 2)
            work()
            code = 0
        except BaseException:
            os.write(
                2,
                traceback.format_exc().encode("utf-8", "replace"),
            )
        finally:
            os._exit(code)
    os.close(writing)
    said = b""
    while select.select([reading], [], [], 90)[0] and (part := os.read(reading, 65536)):
        said += part
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode("utf-8", "replace")


@pytest.mark.parametrize("name", sorted(functions()))
def test_any_value_of_the_right_types(name):
    code, said = in_a_child(lambda: call_often(name))
    assert code == 0, said[-1500:]
