"""The GPU's side of :func:`lehr.probe.measure`: which driver, which stream."""

from __future__ import annotations

import os
from typing import Any

from lehr.errors import OptionError


def driver_library() -> str:
    """The driver's library; ``LEHR_CUDA_DRIVER`` may name another."""
    return os.environ.get("LEHR_CUDA_DRIVER") or "libcuda.so.1"


def stream_handle(stream: Any) -> int:
    """The address of a CUDA stream: of a ``torch.cuda.Stream`` (its ``cuda_stream``), or the integer itself, which is
    also what ONNX Runtime takes as ``user_compute_stream`` (perhaps as text). None is the default stream, 0.

    Raises:
        OptionError: this is no stream.
    """
    if stream is None:
        return 0
    handle = getattr(stream, "cuda_stream", stream)
    if isinstance(handle, str) and handle.isdigit():
        handle = int(handle)
    if isinstance(handle, bool) or not isinstance(handle, int) or handle < 0:
        raise OptionError(f"a stream is a torch.cuda.Stream, an integer handle or None, not {stream!r}")
    return handle
