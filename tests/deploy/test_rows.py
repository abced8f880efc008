"""Arrays read in slices from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr.deploy.machine import peak_memory_mb, reset_peak_memory
from lehr.deploy.rows import Rows


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(6, 4),
        np.arange(6, dtype=np.int64),
        np.array(["a", "bcd", "ef"]),
        np.arange(24, dtype=np.float16).reshape(2, 3, 4).transpose(2, 0, 1),
        np.zeros((3, 0, 2)),
        np.array([True, False]),
    ],
)
def test_every_row_comes_back(tmp_path: Path, array: Any) -> None:
    Rows.write(tmp_path / "a.npy", array)
    rows = Rows.open(tmp_path / "a.npy")
    assert (len(rows), rows.dtype, rows.shape) == (len(array), array.dtype, array.shape)
    for start in range(len(array)):
        for count in range(len(array) - start + 1):
            assert np.array_equal(rows.read(start, count), array[start : start + count])
    assert np.array_equal(rows.read_one(1), array[1])
    assert isinstance(rows.read_one(1), np.ndarray)


@given(st.integers(1, 9), st.integers(0, 20), st.integers(0, 30))
def test_past_the_end_rows_begin_again(tmp_path_factory: Any, total: int, start: int, count: int) -> None:
    path = tmp_path_factory.getbasetemp() / "around.npy"
    Rows.write(path, np.arange(12))
    found = Rows.open(path).read_around(start, count, total)
    assert found.tolist() == [(start + i) % total for i in range(count)]


def test_a_file_cut_short(tmp_path: Path) -> None:
    Rows.write(tmp_path / "a.npy", np.arange(100))
    (tmp_path / "b.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-8])
    with pytest.raises(OSError, match="ends before row 100"):
        Rows.open(tmp_path / "b.npy").read(98, 2)


def test_reading_all_rows_takes_the_memory_of_a_few(tmp_path: Path) -> None:
    Rows.write(tmp_path / "a.npy", np.ones((1000, 20_000), np.float32))  # 80 MB
    rows = Rows.open(tmp_path / "a.npy")
    rows.read(0, 10)
    reset_peak_memory()
    before = peak_memory_mb()
    assert sum(float(rows.read(start, 10).sum()) for start in range(0, 1000, 10)) == 20e6
    assert peak_memory_mb() - before < 20
