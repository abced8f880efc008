"""Killed at any moment, a study goes on as if it had not been; interrupted, it says what it has."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
import sessions
from marked import wait_until_gone

import lehr

BUDGET = 30
KILLS = 50


class Runner:
    """Starts sessions, one at a time, and hears from them."""

    def __init__(self):
        paths = [str(Path(lehr.__file__).parents[1]), str(Path(__file__).parent)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]),
        }
        self.process = subprocess.Popen(
            [sys.executable, sessions.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def start(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        kind, pid = self.hear()
        assert kind == "pid"
        return pid

    def hear(self):
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Everything said until the session ended, and its exit status."""
        said = []
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        while (message := self.hear())[0] != "ended":
            said.append(message)
        return said, message[1]

    def close(self):
        self.process.kill()
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def runner():
    runner = Runner()
    yield runner
    runner.close()


def sequence(study):
    return [
        (trial.number, trial.config, trial.origin, trial.outcome, trial.objective) for trial in study.trials
    ]


def test_fifty_kills_at_random_moments_change_nothing(runner, tmp_path):
    moments = random.Random(20261121)
    mark = uuid.uuid4().hex
    kills = seed = killed_inside = 0
    while kills < KILLS:
        seed += 1
        storage = tmp_path / f"{seed}.journal"
        expected = sequence(sessions.run(None, seed, BUDGET))
        known = 0
        while True:
            pid = runner.start(storage=str(storage), seed=seed, budget=BUDGET, mark=mark, slow=0.01)
            if kills < KILLS:
                time.sleep(moments.uniform(0.0, 0.55))
                os.kill(pid, signal.SIGKILL)
            said, status = runner.end()
            assert not [message for message in said if message[0] == "error"]
            wait_until_gone(mark)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            kills += 1
            if not storage.exists() or not _defined(storage):
                continue
            found = sequence(lehr.load_study(storage))
            assert found == expected[: len(found)]
            assert len(found) >= known  # nothing that was stored is ever lost
            killed_inside += len(found) > 0
            known = len(found)
        study = lehr.load_study(storage)
        assert sequence(study) == expected
        lines = storage.with_suffix(".jsonl").read_text().splitlines()
        assert [json.loads(line)["number"] for line in lines] == list(range(BUDGET))
        assert {trial.state.name for trial in study.optuna_study.trials} == {"COMPLETE"}
    assert killed_inside >= KILLS // 4, "too few of the kills fell inside a study to prove anything"


def _defined(storage):
    """Whether the run lived long enough to define its study."""
    return b'"user_attr":{"lehr":' in storage.read_bytes()


def test_ctrl_c_kills_the_child_keeps_the_study_and_resumes(runner, tmp_path):
    mark = uuid.uuid4().hex
    order = {"storage": str(tmp_path / "s.journal"), "seed": 3, "budget": 8, "mark": mark}
    pid = runner.start(**order, slow=0.3, loud=True)
    while runner.hear() != ["finished", 2]:
        pass
    time.sleep(0.1)  # inside the evaluation of the fourth trial
    os.kill(pid, signal.SIGINT)
    said, status = runner.end()
    assert status == 130
    assert said[-1] == ["interrupted", 3, "interrupted", True]
    wait_until_gone(mark)
    stopped = lehr.load_study(order["storage"])
    assert len(stopped.trials) == 3
    assert stopped.stopped == "interrupted"
    runner.start(**order)
    assert runner.end()[1] == 0
    finished = lehr.load_study(order["storage"])
    assert sequence(finished) == sequence(sessions.run(None, 3, 8))
    assert finished.stopped == "budget"


def test_a_second_run_on_the_same_file_is_told_who_has_it(runner, tmp_path):
    order = {"storage": str(tmp_path / "s.journal"), "seed": 3, "budget": 3}
    mark = uuid.uuid4().hex
    pid = runner.start(**order, slow=60, mark=mark)
    deadline = time.monotonic() + 120
    while not (tmp_path / "s.journal.pid").exists() or not (tmp_path / "s.journal.pid").read_text().endswith(
        "\n"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with pytest.raises(lehr.StorageError, match=rf"is in use by process {pid}:"):
        sessions.run(tmp_path / "s.journal", 3, 3)
    while _trials_running(tmp_path / "s.journal") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert lehr.load_study(tmp_path / "s.journal").trials == []  # looking is allowed meanwhile
    os.kill(pid, signal.SIGKILL)
    assert runner.end()[1] == -signal.SIGKILL
    # The lock died with its holder, whatever its children are doing.
    assert len(sessions.run(tmp_path / "s.journal", 3, 3)) == 3
    assert not (tmp_path / "s.journal.pid").exists()
    wait_until_gone(mark)


def _trials_running(path):
    return path.read_bytes().count(b'"state":0') if path.exists() else 0
