"""Tables of columns in files: CSV, which needs nothing, or Parquet. Equal tables give equal files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from lehr._files import write_whole
from lehr.errors import LehrError, OptionError, StorageError

Format = Literal["csv", "parquet"]
Columns = Mapping[str, Sequence[Any]]
Kind = Literal["int", "uint64", "float", "flag", "text"]
Schema = Mapping[str, Kind]
"""Kind of each column. A missing float is NaN, a missing text is empty; flags are 0 and 1."""


def check_format(table_format: Format) -> Format:
    """The format when it is known and can be used here.

    Raises:
        OptionError: it is unknown.
        LehrError: pyarrow is absent.
    """
    if table_format not in get_args(Format):
        raise OptionError(f"unknown format {table_format!r}; use 'csv' or 'parquet'")
    if table_format == "parquet":
        _pyarrow()
    return table_format


def write_table(path: Path, schema: Schema, columns: Columns) -> None:
    """Write a table whole or not at all; the file's ending tells its format.

    Raises:
        StorageError: the file cannot be written.
    """
    content = _parquet(schema, columns) if path.suffix == ".parquet" else _csv(schema, columns)
    write_file(path, content)


def read_table(path: Path, schema: Schema) -> dict[str, list[Any]]:
    """Read what `write_table` wrote.

    Raises:
        StorageError: the file cannot be read, or is not such a table.
    """
    try:
        if path.suffix == ".parquet":
            return _read_parquet(path, schema)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        if not rows or rows[0] != list(schema):
            raise ValueError("its first line does not name the columns")
        cells = list(zip(*rows[1:], strict=True)) or [()] * len(schema)
        return {
            name: [_parsed(kind, cell) for cell in column]
            for (name, kind), column in zip(schema.items(), cells, strict=True)
        }
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def _csv(schema: Schema, columns: Columns) -> bytes:
    texts = [[_written(kind, value) for value in columns[name]] for name, kind in schema.items()]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(schema)
    writer.writerows(zip(*texts, strict=True))
    return buffer.getvalue().encode()


def _written(kind: Kind, value: Any) -> str:
    if kind == "text":
        return str(value)
    if kind == "float":
        return "" if math.isnan(value) else repr(float(value))
    return str(int(value))


def _parsed(kind: Kind, cell: str) -> Any:
    if kind == "text":
        return cell
    if kind == "float":
        return float(cell) if cell else math.nan
    return int(cell)


def _parquet(schema: Schema, columns: Columns) -> bytes:
    pyarrow, parquet = _pyarrow()
    kinds = {
        "int": pyarrow.int64(),
        "uint64": pyarrow.uint64(),
        "float": pyarrow.float64(),
        "flag": pyarrow.int8(),
        "text": pyarrow.string(),
    }
    fields = pyarrow.schema([(name, kinds[kind]) for name, kind in schema.items()])
    arrays = []
    for name, kind in schema.items():
        values = [None if kind == "float" and math.isnan(value) else value for value in columns[name]]
        arrays.append(pyarrow.array(values, type=kinds[kind]))
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(pyarrow.Table.from_arrays(arrays, schema=fields), sink)
    return bytes(sink.getvalue())


def _read_parquet(path: Path, schema: Schema) -> dict[str, list[Any]]:
    _, parquet = _pyarrow()
    table = parquet.read_table(io.BytesIO(path.read_bytes()))
    found = {name: table.column(name).to_pylist() for name in schema}
    for name, kind in schema.items():
        if kind == "float":
            found[name] = [math.nan if value is None else value for value in found[name]]
    return found


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise LehrError(
            "Parquet needs pyarrow; install it with: pip install 'lehr[bench]', or use the format csv"
        ) from None
    return pyarrow, parquet
