"""What may stand beside a study: links, pipes, devices, a full disk. Nothing of others is written, nothing hangs."""

from __future__ import annotations

import errno
import os
import socket
import sys
from pathlib import Path

import evaluations
import pytest

import lehr

OPTIONS = {"objective": "score", "budget": 5, "seed": 3}
BESIDE = ["study.journal", "study.journal.pid", "study.jsonl"]


def run(space, storage, budget=5):
    return lehr.run(evaluations.modelled, space, storage=storage, **{**OPTIONS, "budget": budget})


def sequence(study):
    return [(trial.number, trial.config, trial.objective) for trial in study.trials]


def names_a_file_of(error, folder):
    return f"{folder}/study" in error


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("dangling", [False, True])
@pytest.mark.parametrize("name", BESIDE)
def test_a_symbolic_link_is_not_followed(space, tmp_path, name, dangling):
    target = tmp_path / "of somebody else"
    if not dangling:
        target.write_bytes(b"precious\n")
    (tmp_path / name).symlink_to(target)
    with pytest.raises(lehr.StorageError, match="symbolic link") as caught:
        run(space, tmp_path / "study.journal")
    assert str(tmp_path / name) in str(caught.value)
    assert (target.read_bytes() == b"precious\n") if not dangling else not target.exists()
    (tmp_path / name).unlink()
    assert len(run(space, tmp_path / "study.journal")) == 5


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("ending", ["new", "new-1", "old-1", "damaged-1"])
def test_names_that_lehr_would_write_to_may_be_taken_by_links(space, tmp_path, ending):
    """Neither the log that is made again, nor what is put aside, nor the copy of a damaged journal goes through one."""
    target = tmp_path / "of somebody else"
    target.write_bytes(b"precious\n")
    journal, log = tmp_path / "study.journal", tmp_path / "study.jsonl"
    run(space, journal, 3)
    for file in (journal, log):
        file.with_name(f"{file.name}.{ending}").symlink_to(target)
    log.write_bytes(log.read_bytes() + b'{"study": "study", "number": 77}\n')
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "half')
    assert len(run(space, journal)) == 5
    assert target.read_bytes() == b"precious\n"
    assert all(file.with_name(f"{file.name}.{ending}").is_symlink() for file in (journal, log))


@pytest.mark.usefixtures("in_process")
def test_a_pid_file_that_is_a_file_of_another_name_too(space, tmp_path):
    target = tmp_path / "of somebody else"
    target.write_bytes(b"precious\n")
    os.link(target, tmp_path / "study.journal.pid")
    with pytest.raises(lehr.StorageError, match="another name"):
        run(space, tmp_path / "study.journal")
    assert target.read_bytes() == b"precious\n"


def make_pipe(path):
    os.mkfifo(path)


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(path.parent)  # names of sockets must be short
        try:
            sock.bind(path.name)
        finally:
            os.chdir(here)


def make_device(path):
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 7))  # as /dev/full
    except PermissionError:
        pytest.skip("making a device needs root")


def make_folder(path):
    path.mkdir()


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device, make_folder])
@pytest.mark.parametrize("name", BESIDE)
def test_what_is_no_plain_file_is_refused_in_a_sentence(space, tmp_path, name, make):
    make(tmp_path / name)
    with pytest.raises(lehr.StorageError, match=r"is a (pipe|socket|device|folder)") as caught:
        run(space, tmp_path / "study.journal")
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("make", [make_pipe, make_socket, make_device])
def test_looking_at_what_is_no_plain_file(tmp_path, make):
    make(tmp_path / "study.journal")
    with pytest.raises(lehr.StorageError, match="plain file"):
        lehr.load_study(tmp_path / "study.journal")


@pytest.mark.parametrize("storage", ["study.journal", Path("study.journal"), "sqlite:///study.db"])
def test_a_working_folder_that_was_deleted(space, tmp_path, monkeypatch, storage):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(lehr.StorageError, match=r"study\.(journal|db).*working folder is gone"):
        run(space, storage)
    with pytest.raises(lehr.StorageError, match="working folder is gone"):
        lehr.load_study(storage)


CALLS = [
    "open",
    "write",
    "pwrite",
    "fsync",
    "fdatasync",
    "ftruncate",
    "replace",
    "rename",
    "symlink",
    "unlink",
]
OURS = ("lehr.study", "lehr._files", "optuna", "pathlib", "tempfile", "shutil")


class FullDisk:
    """Makes one call of the system fail, the n-th of those that the storage makes."""

    def __init__(self, monkeypatch, nth, error):
        self.left, self.error, self.failed = nth, error, None
        for name in CALLS:
            monkeypatch.setattr(os, name, self.wrapped(name, getattr(os, name)))

    def wrapped(self, name, call):
        def maybe(*args, **keywords):
            caller = sys._getframe(1).f_globals.get("__name__", "")
            if caller.startswith(OURS) and self.left is not None:
                self.left -= 1
                if self.left < 0:
                    self.left, self.failed = None, name
                    raise OSError(self.error, os.strerror(self.error))
            return call(*args, **keywords)

        return maybe


def failure_of(space, journal):
    """The sentence of the StorageError in which a run ends; None where it ends well."""
    try:
        run(space, journal, 3)
    except lehr.StorageError as failure:
        return str(failure)
    return None


@pytest.mark.usefixtures("in_process")
@pytest.mark.slow
@pytest.mark.parametrize(("start", "error"), [("fresh", errno.ENOSPC), ("half a line", errno.EIO)])
def test_any_call_of_the_system_may_fail(space, tmp_path, monkeypatch, start, error):
    """Each in turn: the study fails with a sentence that names a file, and goes on to the same end."""
    monkeypatch.setattr("lehr.study.journal._STALE_LOCK_SECONDS", 0.01)
    whole = sequence(run(space, None, 3))
    tried, nth, failed = set(), 0, True
    while failed:
        folder = tmp_path / str(nth)
        folder.mkdir()
        journal = folder / "study.journal"
        if start == "half a line":
            run(space, journal, 2)
            with journal.open("ab") as file:
                file.write(b'{"op_code": 4, "half')
        with monkeypatch.context() as patch:
            disk = FullDisk(patch, nth, error)
            said = failure_of(space, journal)
        assert said is None or (names_a_file_of(said, folder) and os.strerror(error) in said), said
        assert sequence(run(space, journal, 3)) == whole
        assert len((folder / "study.jsonl").read_text().splitlines()) == 3
        assert not list(folder.glob(".tmp-*"))
        nth, failed = nth + 1, disk.failed
        tried.add(failed)
    assert {"open", "write", "pwrite", "fsync", "fdatasync", "symlink"} <= tried
