"""lehr finds the best deployment configuration of a model under hard limits, where many configurations fail."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

from lehr.errors import (
    ConfigurationError,
    DeploymentError,
    DeviceError,
    ExhaustedError,
    IsolationError,
    LehrError,
    LoadError,
    ModelError,
    OptionError,
    ResultError,
    SpaceError,
    StorageError,
    UnpicklableError,
)
from lehr.supervise.trial import EarlyStop, Ending, TrialContext, current_trial
from lehr.trial import Trial

if TYPE_CHECKING:
    from lehr import probe
    from lehr.conditions import Condition, param
    from lehr.deploy.ship import Deployed, load
    from lehr.deploy.tune import Tuned, tune
    from lehr.deploy.verify import Verified, verify
    from lehr.gpu import GpuStatus, gpu_status
    from lehr.limits import Limit
    from lehr.optimizer import Optimizer
    from lehr.parzen import ParzenEstimator
    from lehr.space import Space
    from lehr.study import Study, load_study, run
    from lehr.variables import Categorical, Float, Int, Ordinal

# Loaded at first use: a trial's child process imports this package too, and pays for what it imports.
_LAZY = {
    "Categorical": "lehr.variables",
    "Condition": "lehr.conditions",
    "Deployed": "lehr.deploy.ship",
    "Float": "lehr.variables",
    "GpuStatus": "lehr.gpu",
    "Int": "lehr.variables",
    "Limit": "lehr.limits",
    "Optimizer": "lehr.optimizer",
    "Ordinal": "lehr.variables",
    "ParzenEstimator": "lehr.parzen",
    "Space": "lehr.space",
    "Study": "lehr.study",
    "Tuned": "lehr.deploy.tune",
    "Verified": "lehr.deploy.verify",
    "gpu_status": "lehr.gpu",
    "load": "lehr.deploy.ship",
    "load_study": "lehr.study",
    "param": "lehr.conditions",
    "run": "lehr.study",
    "tune": "lehr.deploy.tune",
    "verify": "lehr.deploy.verify",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name == "probe":
        return _import_module("lehr.probe")
    if name not in _LAZY:
        raise AttributeError(f"module 'lehr' has no attribute {name!r}")
    value = getattr(_import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lehr")
    except PackageNotFoundError:
        return _version_of_source()


def _version_of_source() -> str:
    """Of a source tree that was not installed: what its pyproject.toml says, marked as such."""
    import tomllib
    from pathlib import Path

    try:
        with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file)["project"]
        if project["name"] == "lehr":
            return f"{project['version']}+source"
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return "0+unknown"


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "probe"})


__all__ = [
    "Categorical",
    "Condition",
    "ConfigurationError",
    "Deployed",
    "DeploymentError",
    "DeviceError",
    "EarlyStop",
    "Ending",
    "ExhaustedError",
    "Float",
    "GpuStatus",
    "Int",
    "IsolationError",
    "LehrError",
    "Limit",
    "LoadError",
    "ModelError",
    "Optimizer",
    "OptionError",
    "Ordinal",
    "ParzenEstimator",
    "ResultError",
    "Space",
    "SpaceError",
    "StorageError",
    "Study",
    "Trial",
    "TrialContext",
    "Tuned",
    "UnpicklableError",
    "Verified",
    "__version__",
    "current_trial",
    "gpu_status",
    "load",
    "load_study",
    "param",
    "probe",
    "run",
    "tune",
    "verify",
]
