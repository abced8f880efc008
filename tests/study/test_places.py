"""Where a study may be kept, and what is said when it cannot be."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import evaluations
import optuna
import pytest

import lehr
from lehr.study import TrialFinished
from lehr.study.lock import RunLock, deferred_interrupt

OPTIONS = {"objective": "score", "constraints": ["latency_ms <= 20"], "budget": 3}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("absent/study.journal", "is not an existing folder"),
        ("file/study.journal", "is not an existing folder"),
        ("folder", "is a folder: give a file in it"),
        ("hello.txt", "is not an Optuna journal"),
        ("oracle://nowhere/db", "cannot open"),
        ("redis://127.0.0.1:1/0", "cannot open"),
    ],
)
@pytest.mark.usefixtures("in_process")
def test_an_unusable_place_is_refused_up_front_in_a_sentence(space, tmp_path, monkeypatch, place, words):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    Path("folder").mkdir()
    Path("hello.txt").write_text("hello\n")
    with pytest.raises(lehr.StorageError) as caught:
        lehr.run(evaluations.modelled, space, storage=place, **OPTIONS)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir()) == ["file", "folder", "hello.txt"]


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that even root cannot write to")
def test_a_folder_that_cannot_be_written_to_is_refused_up_front(space, in_process):
    with pytest.raises(
        lehr.StorageError, match=r"cannot write beside /sys/kernel/study.journal: .*; choose another folder"
    ):
        lehr.run(evaluations.modelled, space, storage="/sys/kernel/study.journal", **OPTIONS)


def test_a_password_is_not_shown(space, in_process):
    with pytest.raises(lehr.StorageError) as caught:
        lehr.run(evaluations.modelled, space, storage="nosuch://user:secret@host/db", **OPTIONS)
    assert "secret" not in str(caught.value)
    assert "nosuch://***@host/db" in str(caught.value)


def test_loading_what_is_not_there_makes_nothing(tmp_path):
    for storage in (tmp_path / "study.journal", f"sqlite:///{tmp_path}/study.db"):
        with pytest.raises(lehr.StorageError, match="there is no study file"):
            lehr.load_study(storage)
    with pytest.raises(lehr.StorageError, match="kept in memory cannot be loaded"):
        lehr.load_study(None)
    assert list(tmp_path.iterdir()) == []


def test_loading_another_name_says_so(space, journal, in_process):
    lehr.run(evaluations.modelled, space, storage=journal, **OPTIONS)
    with pytest.raises(lehr.StorageError, match="there is no study 'other' in"):
        lehr.load_study(journal, "other")


def test_loading_writes_nothing(space, journal, in_process):
    lehr.run(evaluations.modelled, space, storage=journal, **OPTIONS)
    before = {entry.name: entry.stat().st_mtime_ns for entry in journal.parent.iterdir()}
    study = lehr.load_study(journal)
    study.explain()
    with pytest.raises(lehr.StorageError, match="reading only"):
        study.optuna_study.set_user_attr("key", "value")
    assert {entry.name: entry.stat().st_mtime_ns for entry in journal.parent.iterdir()} == before


def test_memory_leaves_nothing_behind(space, tmp_path, in_process, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = lehr.run(evaluations.modelled, space, storage=None, **OPTIONS)
    assert len(study.optuna_study.trials) == len(study) == 3
    assert list(tmp_path.iterdir()) == []


def test_an_optuna_storage_object_is_taken_as_it_is(space, in_process):
    storage = optuna.storages.InMemoryStorage()
    lehr.run(evaluations.modelled, space, storage=storage, **{**OPTIONS, "budget": 2})
    study = lehr.run(evaluations.modelled, space, storage=storage, **OPTIONS)
    assert len(study) == 3
    assert lehr.load_study(storage).trials == study.trials


def test_the_default_place_is_a_journal_in_the_working_folder(space, tmp_path, in_process, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lehr.run(evaluations.modelled, space, **OPTIONS)
    assert sorted(os.listdir()) == ["study.journal", "study.jsonl"]
    assert len(lehr.load_study()) == 3


def test_a_relative_place_stays_where_it_was_when_the_working_folder_changes(
    space, tmp_path, in_process, monkeypatch
):
    (tmp_path / "studies").mkdir()
    monkeypatch.chdir(tmp_path)
    study = lehr.run(
        evaluations.modelled, space, storage="studies/s.journal", on_event=lambda _: os.chdir("/"), **OPTIONS
    )
    assert sorted(os.listdir(tmp_path / "studies")) == ["s.journal", "s.jsonl"]
    assert lehr.load_study(tmp_path / "studies" / "s.journal").trials == study.trials


@pytest.mark.parametrize("writes", range(0, 30, 3))
def test_a_full_disk_loses_nothing_and_the_study_goes_on_once_it_is_freed(
    space, journal, in_process, monkeypatch, writes
):
    whole = lehr.run(evaluations.modelled, space, storage=None, **OPTIONS)
    write, room = os.write, [writes]

    def full(descriptor, data):
        room[0] -= 1
        if room[0] < -1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, bytes(data)[:40]) if room[0] == -1 else write(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr("lehr.study.journal.os.write", full)
        with pytest.raises(lehr.StorageError, match=r"No space left on device"):
            lehr.run(evaluations.modelled, space, storage=journal, **OPTIONS)
    assert journal.read_bytes().endswith(b"\n") or not journal.read_bytes()
    study = lehr.run(evaluations.modelled, space, storage=journal, **OPTIONS)
    assert [trial.config for trial in study.trials] == [trial.config for trial in whole.trials]


FULL_DISK = """
import resource, sys
import sessions, lehr
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    sessions.run(sys.argv[1], 5, 6)
except lehr.StorageError as error:
    print(error)
    sys.exit(3)
"""


def test_a_file_size_limit_of_the_system_is_met_in_a_sentence(journal):
    import sessions

    paths = os.pathsep.join([str(Path(lehr.__file__).parents[1]), str(Path(__file__).parent)])
    ended = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(journal), "8000"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 3, ended.stderr
    assert "File too large; every finished trial is safe" in ended.stdout
    known = lehr.load_study(journal)
    assert 0 < len(known) < 6
    study = sessions.run(journal, 5, 6)
    whole = sessions.run(None, 5, 6)
    assert [trial.config for trial in study.trials] == [trial.config for trial in whole.trials]


def test_one_run_at_a_time_also_within_a_process(journal):
    lock = RunLock(journal)
    said = []

    def second():
        try:
            RunLock(journal)
        except lehr.StorageError as error:
            said.append(str(error))

    thread = threading.Thread(target=second)
    thread.start()
    thread.join()
    assert said
    assert f"is in use by process {os.getpid()}" in said[0]
    lock.release()
    lock.release()
    RunLock(journal).release()
    assert list(journal.parent.iterdir()) == []


def test_a_lock_left_by_a_dead_run_is_no_obstacle(journal):
    (journal.parent / "study.journal.pid").write_text("12345\n")
    RunLock(journal).release()


def test_a_lock_is_not_inherited_by_a_fork(journal):
    lock = RunLock(journal)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    try:
        lock.release()
        RunLock(journal).release()  # while the child lives
    finally:
        os.close(write)
        os.waitpid(child, 0)


def test_a_kill_inside_an_append_does_not_hold_up_the_next_run(space, journal, in_process):
    lehr.run(evaluations.modelled, space, storage=journal, **{**OPTIONS, "budget": 2})
    os.symlink(journal, journal.parent / "study.journal.lock")
    study = lehr.run(evaluations.modelled, space, storage=journal, **OPTIONS)
    assert len(study) == 3


def test_a_trial_added_by_somebody_else_meanwhile_is_noticed(space, in_process):
    """Where no file can be locked (a database on a server), a second writer is at least never overlooked."""
    storage = optuna.storages.InMemoryStorage()

    def intrude(event):
        if isinstance(event, TrialFinished):
            event.study.optuna_study.add_trial(optuna.trial.create_trial(value=1.0))

    with pytest.raises(
        lehr.StorageError, match=r"from somebody else during this run \(expected trial 1, got 2\)"
    ):
        lehr.run(evaluations.modelled, space, storage=storage, on_event=intrude, **OPTIONS)


def test_ctrl_c_waits_for_a_record_to_be_whole():
    done = []

    def write():
        with deferred_interrupt():
            with deferred_interrupt():
                os.kill(os.getpid(), signal.SIGINT)
                done.append("inner")
            done.append("outer")
        done.append("never")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
        assert done == ["inner", "outer"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_is_left_to_whoever_handles_it():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append("theirs"))
    try:
        with deferred_interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            assert seen == ["theirs"]
    finally:
        signal.signal(signal.SIGINT, before)
