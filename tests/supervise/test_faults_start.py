"""A helper that is killed while it starts: another one is started, once."""

from __future__ import annotations

import pytest
import trial_bodies as bodies

from lehr.errors import IsolationError

KILL = """
import os, pathlib, signal
kills = pathlib.Path(__file__).with_name("kills")
left = int(kills.read_text())
if left:
    kills.write_text(str(left - 1))
    os.kill(os.getpid(), signal.SIG{signal})
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Every interpreter that starts with this folder on its path looks at what is planned there."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def plan(folder, name, kills, signal="KILL"):
    (folder / f"{name}.py").write_text(KILL.format(signal=signal))
    (folder / "kills").write_text(str(kills))


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
@pytest.mark.parametrize("signal", ["KILL", "TERM"])
def test_a_helper_killed_while_its_interpreter_starts(new_supervisor, folder, isolation, signal):
    plan(folder, "sitecustomize", 1, signal)
    supervisor = new_supervisor(isolation=isolation, environment={"PYTHONPATH": str(folder)})
    ending = supervisor.run(bodies.double, 2)
    assert (ending.outcome, ending.evidence["isolation"]) == ("ok", isolation)
    assert (folder / "kills").read_text() == "0"


def test_a_helper_that_is_killed_twice_ends_the_run(new_supervisor, folder):
    plan(folder, "sitecustomize", 2)
    supervisor = new_supervisor(environment={"PYTHONPATH": str(folder)})
    with pytest.raises(IsolationError, match="does not start: killed by SIGKILL"):
        supervisor.run(bodies.double, 2)
    assert supervisor.run(bodies.double, 2).outcome == "ok"


def test_a_helper_killed_while_it_imports(new_supervisor, folder):
    plan(folder, "killed_while_imported", 1)
    ending = new_supervisor().run(bodies.double, 2, preload=["killed_while_imported"])
    assert (ending.outcome, ending.evidence["isolation"]) == ("ok", "fork")
    assert "isolation_note" not in ending.evidence


def test_an_import_that_always_kills_the_helper_is_left_to_the_trial(new_supervisor, folder):
    plan(folder, "always_killed", 2)
    ending = new_supervisor().run(bodies.double, 2, preload=["always_killed"])
    assert (ending.outcome, ending.evidence["isolation"]) == ("ok", "spawn")
    assert "killed by SIGKILL" in ending.evidence["isolation_note"]
