"""Arrays in files that are read item by item, so that a trial never holds, or maps, more than one call needs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_AHEAD = 1 << 18  # bytes read at once where rows are small: opening a file takes longer than reading so much


class Rows:
    """A ``.npy`` file whose first axis is read in slices, with plain reads: pages of a mapped file would count as
    memory of the process.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> None:
        self.path, self.dtype, self.shape, self.offset = path, dtype, shape, offset
        self._first = 0
        self._kept: NDArray[Any] = np.empty((0, *shape[1:]), dtype)

    @staticmethod
    def write(path: Path, array: NDArray[Any]) -> None:
        """Write ``array``, of one dimension or more, in the order that :meth:`read` needs."""
        np.save(path, np.ascontiguousarray(array), allow_pickle=False)

    @classmethod
    def open(cls, path: Path) -> Rows:
        """Read the header of a file that :meth:`write` wrote."""
        with path.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(stream)
            assert not fortran
            return cls(path, dtype, shape, stream.tell())

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int, count: int) -> NDArray[Any]:
        """Rows ``start`` to ``start + count``, not to be written to; they must be there."""
        first = start - self._first
        if not 0 <= first <= first + count <= len(self._kept):
            size = math.prod(self.shape[1:])
            ahead = _AHEAD // max(1, size * self.dtype.itemsize)
            wanted = min(max(count, ahead), max(count, len(self) - start))
            self._kept = self._kept[:0].copy()  # freed first: not two calls' rows at once
            place = self.offset + start * size * self.dtype.itemsize
            values = np.fromfile(self.path, self.dtype, wanted * size, offset=place)
            if len(values) != wanted * size:
                raise OSError(f"{self.path.name} ends before row {start + wanted}")
            self._kept, self._first, first = values.reshape(wanted, *self.shape[1:]), start, 0
        return self._kept[first : first + count]

    def read_one(self, row: int) -> NDArray[Any]:
        """One row; an array also where it is a single number."""
        return self.read(row, 1).reshape(self.shape[1:])

    def read_around(self, start: int, count: int, total: int) -> NDArray[Any]:
        """Like :meth:`read` of the first ``total`` rows, which begin again past their end."""
        start %= total
        parts = [self.read(start, min(count, total - start))]
        missing = count - len(parts[0])
        while missing > 0:
            parts.append(self.read(0, min(missing, total)))
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
