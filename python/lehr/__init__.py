"""lehr finds the best deployment configuration of a model under hard limits, where many configurations fail."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version

from lehr.errors import (
    ConfigurationError,
    ExhaustedError,
    IsolationError,
    LehrError,
    ModelError,
    OptionError,
    ResultError,
    SpaceError,
    StorageError,
    UnpicklableError,
)
from lehr.supervise.trial import EarlyStop, Ending, TrialContext, current_trial

try:
    __version__ = _version("lehr")
except _PackageNotFoundError:  # a source tree that was not installed
    __version__ = "0+unknown"

__all__ = [
    "ConfigurationError",
    "EarlyStop",
    "Ending",
    "ExhaustedError",
    "IsolationError",
    "LehrError",
    "ModelError",
    "OptionError",
    "ResultError",
    "SpaceError",
    "StorageError",
    "TrialContext",
    "UnpicklableError",
    "__version__",
    "current_trial",
]
