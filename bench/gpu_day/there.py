"""What is there: packages, the driver, the kernel, and how long the device takes to open."""

from __future__ import annotations

import importlib
import time
from dataclasses import asdict

import numpy as np
from day import Checks, row

import lehr
from lehr import _core
from lehr.gpu import gpu_for
from lehr.probe.on_gpu import visible_uuids

PACKAGES = (
    "numpy psutil rich typer cloudpickle pynvml optuna alembic sqlalchemy hypothesis pytest torch onnxruntime"
)


def milliseconds(work: object) -> float:
    begun = time.perf_counter()
    assert callable(work)
    work()
    return 1e3 * (time.perf_counter() - begun)


def main() -> None:
    checks = Checks("there")
    for name in PACKAGES.split():
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            checks.that(f"package {name}", False, error=str(error))
        else:
            row("package", name=name, version=getattr(module, "__version__", "?"))
    begun = time.perf_counter()
    status = lehr.gpu_status()
    row("gpu_status", ms=1e3 * (time.perf_counter() - begun), status=asdict(status), file=lehr.__file__)
    checks.that("kernel carried", status.has_kernel)
    checks.that("available", status.available, reason=status.reason)
    row("UUIDs, asked of the driver in a process of its own", uuids=visible_uuids())
    gpu = gpu_for("cuda", must_work=True)
    assert gpu is not None
    rng = np.random.default_rng(0)
    estimator = _core.ParzenEstimator([_core.Dimension(low=0.0, high=1.0)] * 4, rng.random((99, 4)))
    points = rng.random((1000, 4))
    for what in ("first score, opens the context", "second", "third"):
        row(what, ms=milliseconds(lambda: estimator.log_pdf(points, gpu)))
    gpu.close()
    row("reopened", ms=milliseconds(lambda: estimator.log_pdf(points, gpu)))
    checks.end()


if __name__ == "__main__":
    main()
