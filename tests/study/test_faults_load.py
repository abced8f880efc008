"""What fails before the evaluation is entered is no result: the run stops, says so, and goes on once mended."""

from __future__ import annotations

import importlib
import sys
import uuid

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

import lehr

SPACE = lehr.Space([lehr.Ordinal("x", list(range(4)))])
OPTIONS = {"objective": "y", "method": "grid", "budget": 4}

MODULE = """
from pathlib import Path

broken = Path(__file__).with_name("broken")
if broken.exists():
    exec(broken.read_text())

def evaluate(config):
    return config["x"]
"""
BROKEN = {
    "an import error": ("import no_such_module", "No module named 'no_such_module'"),
    "an exception": ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
    "sys.exit": ("raise SystemExit(3)", "exit code 3"),
    "an end": ("import os; os._exit(0)", "ended without a result while it was being loaded"),
    "a signal": (
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "SIGSEGV while it was being loaded",
    ),
    "a kill": (
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "SIGKILL while it was being loaded",
    ),
    "memory": ("raise MemoryError", "ran out of memory"),
}


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module whose import can be broken for the children alone."""
    name = f"evaluation_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module(name)
    yield module
    del sys.modules[name]


def states(journal):
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return [trial.state for trial in storage.get_all_trials(storage.get_study_id_from_name("study"))]


@pytest.mark.parametrize("isolation", ["fork", "spawn"])
@pytest.mark.parametrize("how", BROKEN)
def test_an_evaluation_that_cannot_be_loaded_stops_the_run_and_goes_on_when_mended(
    tmp_path, module, how, isolation
):
    code, words = BROKEN[how]
    module.broken.write_text(code)
    options = {**OPTIONS, "storage": tmp_path / "study.journal", "isolation": isolation}
    with pytest.raises(lehr.LoadError) as caught:
        lehr.run(module.evaluate, SPACE, **options)
    assert words in str(caught.value)
    assert "no result of trial 0" in str(caught.value)
    assert caught.value.evidence["entered"] is False
    assert states(tmp_path / "study.journal") == [TrialState.RUNNING]
    assert lehr.load_study(tmp_path / "study.journal").stopped == "unloaded"
    module.broken.unlink()
    study = lehr.run(module.evaluate, SPACE, **options)
    assert [(trial.number, trial.outcome) for trial in study.trials] == [(n, "ok") for n in range(4)]


def test_what_was_found_before_is_kept(tmp_path, module):
    def broken_later(event):
        if isinstance(event, lehr.study.TrialFinished) and event.trial.number == 1:
            module.broken.write_text("import no_such_module")

    options = {**OPTIONS, "storage": tmp_path / "study.journal", "isolation": "spawn"}
    with pytest.raises(lehr.LoadError, match="no result of trial 2"):
        lehr.run(module.evaluate, SPACE, on_event=broken_later, **options)
    module.broken.unlink()
    assert [trial.outcome for trial in lehr.run(module.evaluate, SPACE, **options).trials] == ["ok"] * 4


def test_a_module_that_all_trials_preload(tmp_path, module):
    with pytest.raises(lehr.LoadError, match="no_such_module"):
        lehr.run(module.evaluate, SPACE, storage=None, preload=["no_such_module"], **OPTIONS)


def test_a_module_that_one_configuration_preloads_is_that_configurations_failure(module):
    study = lehr.run(
        module.evaluate,
        SPACE,
        storage=None,
        preload=lambda config: ["no_such_module"] if config["x"] == 1 else [],
        **OPTIONS,
    )
    assert [trial.outcome for trial in study.trials] == ["ok", "crashed", "ok", "ok"]
    assert study.trials[1].evidence["phase"] == "preload"


def test_an_evaluation_that_cannot_be_loaded_is_no_configurations_failure(module):
    module.broken.write_text("import no_such_module")
    with pytest.raises(lehr.LoadError, match="no_such_module"):
        lehr.run(module.evaluate, SPACE, storage=None, preload=lambda config: [], **OPTIONS)
