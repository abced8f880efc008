"""Arrays in files that are read item by item, so that a trial never holds, or maps, more than one call needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """A ``.npy`` file whose first axis is read in slices, with plain reads: pages of a mapped file would count as
    memory of the process.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

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
        """Rows ``start`` to ``start + count``, as an array of its own; they must be there."""
        size = math.prod(self.shape[1:])
        place = self.offset + start * size * self.dtype.itemsize
        values = np.fromfile(self.path, self.dtype, count * size, offset=place)
        if len(values) != count * size:
            raise OSError(f"{self.path.name} ends before row {start + count}")
        return values.reshape(count, *self.shape[1:])

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
