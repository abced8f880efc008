"""The journal file on its own: whole-or-nothing appends, repair, and what is not a journal."""

from __future__ import annotations

import errno
import json
import os
import time

import pytest

import lehr
from lehr.study import journal as journal_module
from lehr.study.journal import Journal, check_journal, remove_stale_lock, repair_journal

RECORDS = [
    {"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [2]},
    {"op_code": 2, "worker_id": "w"},
]


@pytest.fixture
def filled(journal):
    Journal(journal).append_logs(RECORDS)
    return journal


def test_writes_what_optuna_reads_and_leaves_no_lock(filled):
    assert list(Journal(filled).read_logs(0)) == RECORDS
    assert [entry.name for entry in filled.parent.iterdir()] == [filled.name]


def test_a_failed_append_leaves_the_file_as_it_was(filled, monkeypatch):
    before = filled.read_bytes()
    backend = Journal(filled)
    monkeypatch.setattr(journal_module.os, "write", _ten_bytes_then_full(os.write))
    with pytest.raises(OSError, match="No space left"):
        backend.append_logs(RECORDS)
    monkeypatch.undo()
    assert filled.read_bytes() == before
    assert not (filled.parent / (filled.name + ".lock")).is_symlink()
    backend.append_logs(RECORDS)
    assert len(list(backend.read_logs(0))) == 4


def _ten_bytes_then_full(write):
    calls = []

    def partial(descriptor, data):
        calls.append(1)
        if len(calls) == 1:
            return write(descriptor, bytes(data)[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return partial


def test_a_journal_that_vanished_is_not_made_again_without_its_beginning(filled):
    backend = Journal(filled)
    filled.unlink()
    with pytest.raises(FileNotFoundError):
        backend.append_logs(RECORDS)
    assert not filled.exists()


def test_a_journal_opened_for_reading_refuses_to_write(filled):
    with pytest.raises(lehr.StorageError, match="reading only"):
        Journal(filled, writable=False).append_logs(RECORDS)


def test_every_truncation_is_repaired_to_the_whole_lines_and_copied(filled):
    whole = filled.read_bytes()
    first = whole.index(b"\n") + 1
    for size in range(len(whole) + 1):
        filled.write_bytes(whole[:size])
        copy = repair_journal(filled)
        kept = len(whole) if size == len(whole) else first if size >= first else 0
        assert filled.read_bytes() == whole[:kept]
        if size in (0, first, len(whole)):
            assert copy is None
        else:
            assert copy is not None
            assert copy.read_bytes() == whole[:size]
            copy.unlink()


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 4096, b'{"op_code":7,"tri\n', b"garbage\n", b"[1]\n", b'{"op_code":null}\n', b"\xff\xfe\n"],
)
def test_a_damaged_last_line_is_cut(filled, tail):
    whole = filled.read_bytes()
    filled.write_bytes(whole + tail)
    assert repair_journal(filled) is not None
    assert filled.read_bytes() == whole


def test_copies_do_not_overwrite_each_other(filled):
    whole = filled.read_bytes()
    copies = set()
    for tail in (b"x", b"y", b"z"):
        filled.write_bytes(whole + tail)
        copies.add(repair_journal(filled))
    assert {copy.read_bytes()[-1:] for copy in copies} == {b"x", b"y", b"z"}


def test_damage_in_the_middle_is_not_cut_but_told(filled):
    line = json.dumps(RECORDS[1]).encode() + b"\n"
    damaged = filled.read_bytes() + b'{"op_code":7,"tri' + line + line
    filled.write_bytes(damaged)
    with pytest.raises(lehr.StorageError, match="damaged at line 3, and more lines follow"):
        repair_journal(filled)
    with pytest.raises(lehr.StorageError, match="damaged at line 3, and more lines follow"):
        lehr.load_study(filled)
    assert filled.read_bytes() == damaged


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"PK\x03\x04zip",
        b"SQLite format 3\0",
        b'{"a": 1}\n',
        b"[" * 100_000 + b"\n",
        b"\x80\x04K\x01.\n",
    ],
)
def test_another_file_is_refused_and_left_alone(journal, content):
    journal.write_bytes(content)
    with pytest.raises(lehr.StorageError, match="is not an Optuna journal"):
        repair_journal(journal)
    with pytest.raises(lehr.StorageError, match="is not an Optuna journal"):
        check_journal(journal)
    assert journal.read_bytes() == content


def test_the_append_lock_of_a_dead_writer_is_removed_but_not_that_of_a_living_one(filled):
    lock = filled.parent / (filled.name + ".lock")
    os.symlink(filled, lock)
    start = time.monotonic()
    remove_stale_lock(filled)
    assert not lock.is_symlink()
    assert time.monotonic() - start >= 0.9  # it was young, so somebody may have been at work
    remove_stale_lock(filled)
