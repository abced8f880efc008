"""Cells in columns, for any stream."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], *, left: int | None = None) -> list[str]:
    """One line a row, all columns as wide as their widest cell.

    Args:
        rows: of equal length, at least one; the first may be the headings.
        left: how many columns stand to the left of their space, the others to the right; all by default.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if left is None or i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
