"""Devices between trials: memory that comes back, memory that does not, readers that fail."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
import trial_bodies as bodies

import lehr
from lehr.errors import OptionError
from lehr.supervise import Supervisor
from lehr.supervise._device import Devices


class Device:
    """Memory in use, in MB: falls back from ``held`` to ``before`` once it was read ``slow`` times after a trial."""

    def __init__(self, before=100.0, held=100.0, slow=0):
        self.before, self.held, self.slow = before, held, slow
        self.trials = self.reads = 0

    def __call__(self):
        self.reads += 1
        if self.trials == 0:
            return self.before
        self.slow -= 1
        return self.held if self.slow >= 0 else self.before


def after_a_trial(device, settle_s=5.0):
    devices = Devices({"gpu": device}, settle_s=settle_s)
    assert devices.enter("gpu") is None
    device.trials += 1
    return devices, devices.leave("gpu", [])


def test_memory_that_comes_back_late_is_waited_for():
    device = Device(held=900.0, slow=3)
    devices, trouble = after_a_trial(device)
    assert trouble is None
    assert devices.quarantined == {}
    assert device.reads >= 5


def test_a_little_more_than_before_is_not_missing():
    assert after_a_trial(Device(held=150.0, slow=10**9))[1] is None


def test_memory_that_stays_away_quarantines_the_device_until_it_is_back():
    device = Device(held=900.0, slow=10**9)
    devices, trouble = after_a_trial(device, settle_s=0.05)
    assert trouble == "900 MB of gpu were in use 0.05 s after the trial had ended, 100 MB before it began"
    assert devices.quarantined == {"gpu": trouble}
    assert devices.enter("gpu") == trouble
    device.slow = 0
    assert devices.enter("gpu") is None
    assert devices.quarantined == {}


def test_a_quarantine_can_be_lifted_by_hand():
    devices, _ = after_a_trial(Device(held=900.0, slow=10**9), settle_s=0.05)
    devices.clear("gpu")
    assert devices.quarantined == {}
    assert devices.enter("gpu") is None


def test_a_reader_that_fails_proves_nothing():
    def broken():
        raise RuntimeError("NVML is gone")

    devices = Devices({"gpu": broken})
    assert devices.enter("gpu") is None
    assert devices.leave("gpu", []) is None


def test_an_unknown_device_is_refused(supervisor):
    with pytest.raises(OptionError, match="device is 'gpu'; this supervisor knows: none"):
        supervisor.run(bodies.double, 1, device="gpu")


def test_trials_of_one_device_take_turns(new_supervisor, tmp_path):
    supervisor = new_supervisor(devices={"gpu": lambda: 0.0, "other": lambda: 0.0})

    def body(seconds):
        begun = time.monotonic()
        time.sleep(seconds)
        return [begun, time.monotonic()]

    spans = {}

    def run(name, device):
        spans[name] = Supervisor.run(supervisor, body, 0.2, device=device).result

    threads = [
        threading.Thread(target=run, args=pair) for pair in ((1, "gpu"), (2, "gpu"), (3, "other"), (4, None))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = sorted((spans[1], spans[2]))
    assert first[1] <= second[0]
    assert len(spans) == 4


def test_a_study_goes_on_without_a_quarantined_device(tmp_path, monkeypatch):
    """The first trial on the device takes memory for good; those beside it are not concerned."""
    monkeypatch.setattr("lehr.supervise._device.SETTLE_S", 0.05)
    taken = tmp_path / "taken"

    def evaluate(config):
        if config["where"] == "gpu":
            taken.touch()
        return {"score": float(config["x"])}

    study = lehr.run(
        evaluate,
        lehr.Space([lehr.Categorical("where", ["cpu", "gpu"]), lehr.Ordinal("x", [1, 2, 3])]),
        objective="score",
        method="grid",
        budget=6,
        storage=None,
        device=lambda config: "gpu" if config["where"] == "gpu" else None,
        devices={"gpu": lambda: 900.0 if taken.exists() else 100.0},
    )
    by_place = {where: [t for t in study.trials if t.config["where"] == where] for where in ("cpu", "gpu")}
    assert [trial.outcome for trial in by_place["cpu"]] == ["ok"] * 3
    first, *rest = by_place["gpu"]
    assert first.outcome == "ok"  # its result was there; what it left behind concerns the others
    assert first.evidence["quarantined"]["device"] == "gpu"
    assert [trial.outcome for trial in rest] == ["crashed"] * 2
    for trial in rest:
        assert "gpu is quarantined, so the evaluation was not started" in trial.evidence["reason"]


def test_a_study_that_stops_when_a_device_is_quarantined(monkeypatch, tmp_path):
    monkeypatch.setattr("lehr.supervise._device.SETTLE_S", 0.05)
    taken = tmp_path / "taken"
    study = lehr.run(
        lambda config: (taken.touch(), {"score": 1.0})[1],
        lehr.Space([lehr.Ordinal("x", [1, 2, 3])]),
        objective="score",
        budget=3,
        storage=None,
        device="gpu",
        devices={"gpu": lambda: 900.0 if taken.exists() else 100.0},
        policies={"quarantined": "stop"},
    )
    assert (study.stopped, study.stopped_by) == ("policy", "quarantined")
    assert [trial.outcome for trial in study.trials] == ["ok", "crashed"]


def test_a_trial_is_repeated_on_a_clean_device(tmp_path):
    """Somebody kills the first attempt, whose memory comes back 0.5 s later: the second does not start before."""
    taken = tmp_path / "taken"

    def used():
        return 900.0 if taken.exists() and time.monotonic() < float(taken.read_text()) + 0.5 else 100.0

    def evaluate(config):
        if not taken.exists():
            (tmp_path / "writing").write_text(repr(time.monotonic()))
            (tmp_path / "writing").rename(taken)
            os.kill(os.getpid(), signal.SIGKILL)
        return {"score": time.monotonic() - float(taken.read_text())}

    study = lehr.run(
        evaluate,
        lehr.Space([lehr.Ordinal("x", [1, 2])]),
        objective="score",
        budget=1,
        storage=None,
        device="gpu",
        devices={"gpu": used},
    )
    (trial,) = study.trials
    assert (trial.outcome, trial.evidence["earlier_attempts"][0]["class"]) == ("ok", "killed")
    assert trial.objective >= 0.5
    assert trial.evidence["cost_seconds"] >= 0.5
