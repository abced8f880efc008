"""Every test here ends with the question whether any process is left."""

from __future__ import annotations

import contextlib
import signal
import uuid
from collections.abc import Iterator

import pytest
from trial_marks import MARK, idle_helpers, marked_processes, processes_of

from lehr.supervise import Supervisor

# A shell starts background jobs with SIGINT ignored, and children inherit that. Tests that interrupt a program mean an
# ordinary one: a handler of our own is back to the default in whatever we execute.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class MarkedSupervisor(Supervisor):
    """A supervisor whose processes carry a mark; checks after each trial that none is left."""

    def __init__(self, **options):
        self.mark = uuid.uuid4().hex
        environment = {**options.pop("environment", {}), MARK: self.mark}
        super().__init__(environment=environment, **options)

    def run(self, *args, **options):
        ending = super().run(*args, **options)
        idle = idle_helpers(self)
        for helper in idle:
            helper.is_ready()  # it may still be importing, and forks once for nothing at the end of that
        helpers = set().union(*map(processes_of, idle))
        left = {pid: name for pid, name in marked_processes(self.mark).items() if pid not in helpers}
        assert not left
        assert "reason" in ending.evidence or ending.outcome == "ok"
        assert ("signature" in ending.evidence) == (ending.outcome != "ok")
        return ending

    def close(self):
        super().close()
        assert not marked_processes(self.mark)


@pytest.fixture(scope="module")
def supervisor() -> Iterator[MarkedSupervisor]:
    """One supervisor for a whole file: a trial must not harm those after it."""
    with MarkedSupervisor() as supervisor:
        yield supervisor


@pytest.fixture
def new_supervisor() -> Iterator[type[MarkedSupervisor]]:
    """Makes supervisors that are closed, and checked, at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(MarkedSupervisor(**options))
