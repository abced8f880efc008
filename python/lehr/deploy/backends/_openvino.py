"""OpenVINO without its telemetry.

Where the package ``openvino_telemetry`` is installed, which comes with it, importing OpenVINO starts a thread that
sends a message to its maker's statistics, without a question. Neither is ours to do to a user: OpenVINO and NNCF go
without that package where it cannot be imported.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
