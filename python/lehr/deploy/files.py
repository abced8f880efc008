"""Arrays of ``.npz`` and ``.npy`` files: what they would take is judged before they are read, nothing is unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.errors import ModelError

_TEXT = {".csv", ".tsv", ".txt", ".json", ".jsonl"}
_SHARE = 0.25  # of the memory: the arrays are converted, put in order and split


def load_arrays(path: str | Path, most_bytes: float | None = None) -> dict[str, NDArray[Any]]:
    """Arrays of a ``.npz`` file by name; the one of a ``.npy`` file under the name ''.

    A file that takes more than ``most_bytes`` in memory, by default a quarter of what this process may use, is not
    read.

    Raises:
        ModelError: the file is missing, is not such a file, is too large, or holds Python objects.
    """
    path = Path(path)
    _check_kind(path)
    if most_bytes is None:
        from lehr.deploy.machine import memory_mb

        most_bytes = _SHARE * memory_mb() * 1e6
    try:
        _check_size(path, most_bytes)
        with path.open("rb") as stream:  # NumPy would leave the file of a damaged archive open
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            with loaded:
                arrays = {name: loaded[name] for name in loaded.files}
    except ModelError:
        raise
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise ModelError(
                f"{path.name} holds Python objects, which lehr does not load, or is no NumPy file; "
                "save plain arrays with numpy.savez"
            ) from error
        raise ModelError(f"{path.name} is damaged or no NumPy file: {error}") from error
    except Exception as error:  # a damaged archive ends in errors of zipfile, zlib, tokenize or numpy
        raise ModelError(f"{path.name} is damaged or no NumPy file: {error}") from error
    if not arrays:
        raise ModelError(f"{path.name} holds no arrays")
    return arrays


def _check_kind(path: Path) -> None:
    if path.is_dir():
        raise ModelError(f"{path} is a folder; give one .npz or .npy file, or a function that yields batches")
    if not path.is_file():
        raise ModelError(f"there is no file {path}")
    if path.suffix.lower() in _TEXT:
        raise ModelError(
            f"{path.name} is a text file, and lehr reads NumPy's .npz and .npy: load it in Python and save one array "
            "for each input, with numpy.savez('samples.npz', x=..., labels=...)"
        )


def _check_size(path: Path, most_bytes: float) -> None:
    """Refuse a file whose arrays would not fit, by what its headers declare."""
    size = 0
    for name, (shape, dtype), stored in _headers(path):
        declared = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
        if dtype.hasobject:
            raise ModelError(
                f"{path.name} holds Python objects{f' in {name!r}' if name else ''}, which lehr does not load; "
                "save plain arrays with numpy.savez"
            )
        if declared > stored:
            raise ModelError(f"{path.name} is damaged: {name or 'it'} is shorter than its header says")
        size += declared
    if size > most_bytes:
        raise ModelError(
            f"{path.name} unpacks to {size / 1e9:.3g} GB, more than the {most_bytes / 1e9:.3g} GB that are read at "
            "most (a quarter of this machine's memory); save fewer samples"
        )


def _headers(path: Path) -> Iterator[tuple[str, tuple[tuple[int, ...], np.dtype[Any]], int]]:
    """Name, declared shape and type, and bytes stored, of each array of a file."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as stream:
            yield "", _header(stream), path.stat().st_size
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if member.filename.endswith(".npy"):
                with archive.open(member) as stream:
                    yield member.filename.removesuffix(".npy"), _header(stream), member.file_size


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype
