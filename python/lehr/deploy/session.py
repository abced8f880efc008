"""An ONNX Runtime session as a configuration describes it, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lehr.deploy.models import quiet_session
from lehr.errors import ConfigurationError

GRAPH_LEVELS = ("disabled", "basic", "extended", "all")
EXECUTION_MODES = ("sequential", "parallel")
_LEVEL_NAMES = dict(
    zip(
        GRAPH_LEVELS,
        ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"),
        strict=True,
    )
)


def open_session(path: Path, config: Mapping[str, Any]) -> Any:
    """Load ``path`` with the configuration's ``num_threads``, ``graph_optimization`` and ``execution_mode``.

    ``num_threads`` is the budget of threads: 'sequential' spends it inside each operator, 'parallel' on
    operators side by side. Without it the runtime decides. Waiting threads sleep instead of spinning.

    Raises:
        ConfigurationError: a value is unknown.
        Exception: what the runtime raised.
    """
    import onnxruntime

    level = config.get("graph_optimization", "all")
    mode = config.get("execution_mode", "sequential")
    if level not in GRAPH_LEVELS:
        raise ConfigurationError(
            f"graph_optimization is {level!r}; it must be one of {', '.join(GRAPH_LEVELS)}"
        )
    if mode not in EXECUTION_MODES:
        raise ConfigurationError(
            f"execution_mode is {mode!r}; it must be one of {', '.join(EXECUTION_MODES)}"
        )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, _LEVEL_NAMES[level])
    threads = int(config.get("num_threads", 0))
    if mode == "parallel":
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
        options.intra_op_num_threads, options.inter_op_num_threads = 1, threads
    else:
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    return quiet_session(path, options)
