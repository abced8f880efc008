"""The GPU's side of :func:`lehr.probe.measure`: which driver, which stream, which GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lehr import _core
from lehr.errors import DeviceError, OptionError

_ASK_LIMIT_S = 60.0


def driver_library() -> str:
    """The driver's library; ``LEHR_CUDA_DRIVER`` may name another."""
    return os.environ.get("LEHR_CUDA_DRIVER") or "libcuda.so.1"


def stream_handle(stream: Any) -> int:
    """The address of a CUDA stream: of whatever follows the protocol ``__cuda_stream__`` (cuda.core, torch, CCCL), of
    a ``torch.cuda.Stream`` (its ``cuda_stream``) or CuPy's (its ``ptr``), or the integer itself, which is also what
    ONNX Runtime takes as ``user_compute_stream`` (perhaps as text). None is the default stream, 0.

    Raises:
        OptionError: this is no stream.
    """
    if stream is None:
        return 0
    handle = stream
    if (protocol := getattr(stream, "__cuda_stream__", None)) is not None:
        found = protocol() if callable(protocol) else protocol
        if not isinstance(found, tuple) or len(found) != 2 or found[0] != 0:
            raise OptionError(f"__cuda_stream__ of {stream!r} gives {found!r}, not (0, handle)")
        handle = found[1]
    else:
        for name in ("cuda_stream", "ptr"):
            handle = getattr(stream, name, handle)
    if isinstance(handle, str) and handle.isdigit():
        handle = int(handle)
    if isinstance(handle, bool) or not isinstance(handle, int) or handle < 0:
        raise OptionError(
            "a stream is a torch.cuda.Stream, a cupy.cuda.Stream, an object with __cuda_stream__, an integer handle or "
            f"None, not {stream!r}"
        )
    return handle


def uuid_of(handle: int) -> str:
    """UUID of the GPU that a stream works on, as NVML knows it but for the ``GPU-`` or ``MIG-`` before it. This starts
    CUDA in the process.

    Raises:
        DeviceError: there is no driver, or it cannot say.
    """
    return _core.probe_gpu_uuid(driver_library(), handle)


def visible_uuids(environment: Mapping[str, str] | None = None) -> list[str]:
    """UUIDs, as above, of the GPUs that CUDA shows a process, in its order; `environment` is set on top of our own.

    ``CUDA_VISIBLE_DEVICES`` may reorder, abbreviate, end early or name parts of a GPU, and by default CUDA orders GPUs
    by speed, NVML by bus. So the driver itself is asked, in a process of its own: ours may fork later, which CUDA does
    not survive.

    Raises:
        DeviceError: there is no driver, or it cannot say.
    """
    script = Path(__file__).with_name("_ask_driver.py")
    variables = {**os.environ, **(environment or {})}
    library = variables.get("LEHR_CUDA_DRIVER") or "libcuda.so.1"
    command = [sys.executable, "-I", str(script), library]
    try:
        asked = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=_ASK_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise DeviceError(f"the driver did not say within {_ASK_LIMIT_S:g} s which GPUs there are") from None
    except OSError as error:
        raise DeviceError(f"no process to ask the driver in: {error.strerror}") from error
    if asked.returncode != 0:
        said = asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"]
        raise DeviceError(f"the driver does not say which GPUs there are: {said[-1]}")
    return asked.stdout.split()
