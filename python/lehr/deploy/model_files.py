"""What a model's file says of it, whatever its format."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from lehr.deploy.signature import Signature, read_signature
from lehr.deploy.torch_source import PROGRAM
from lehr.errors import ModelError


def format_of(path: Path) -> str:
    """``pt2`` for a program exported by PyTorch, else ``onnx``: by the name, before anything is read."""
    return "pt2" if path.suffix == PROGRAM else "onnx"


def need_torch(what: str) -> None:
    """Raises ModelError where PyTorch is not installed, without importing it."""
    if find_spec("torch") is None:
        raise ModelError(f"{what} needs PyTorch: torch is not installed: pip install 'lehr[torch]'")


def read_model_signature(path: Path) -> Signature:
    """Inputs as declared, and what else the file tells.

    Raises:
        ModelError: it cannot be read; one sentence says why.
    """
    if format_of(path) == "onnx":
        return read_signature(path)
    need_torch(path.name)
    from lehr.deploy.torch_program import inputs_of, load

    inputs = []
    for name, value in inputs_of(load(path)):
        dtype = str(value.dtype).removeprefix("torch.")
        if dtype not in _DTYPES:
            raise ModelError(
                f"input '{name}' of {path.name} takes {dtype} values; lehr can feed numbers and booleans, so export "
                "the model with a cast before them"
            )
        dims = tuple(size if isinstance(size, int) else str(size) for size in value.shape)
        inputs.append((name, dtype, dims))
    if not inputs:
        raise ModelError(f"{path.name} has no inputs; there is nothing to deploy")
    return Signature(tuple(inputs), ())


def digest_of(files: Sequence[Path]) -> str:
    """SHA-256 of a model's files, the model first; of an exported program, of what it holds."""
    if format_of(files[0]) == "pt2":
        from lehr.deploy.torch_program import digest, load

        return digest(load(files[0]))
    made = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                made.update(block)
    return made.hexdigest()


# What numpy has too.
_DTYPES = (
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool",
)  # fmt: skip
