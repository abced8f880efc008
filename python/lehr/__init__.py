"""lehr finds the best deployment configuration of a model under hard limits, where many configurations fail."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError as _PackageNotFoundError
from importlib.metadata import version as _version

from lehr.conditions import Condition, param
from lehr.errors import (
    ConfigurationError,
    ExhaustedError,
    LehrError,
    ModelError,
    OptionError,
    ResultError,
    SpaceError,
    StorageError,
)
from lehr.parzen import ParzenEstimator
from lehr.space import Space
from lehr.variables import Categorical, Float, Int, Ordinal

try:
    __version__ = _version("lehr")
except _PackageNotFoundError:  # a source tree that was not installed
    __version__ = "0+unknown"

__all__ = [
    "Categorical",
    "Condition",
    "ConfigurationError",
    "ExhaustedError",
    "Float",
    "Int",
    "LehrError",
    "ModelError",
    "OptionError",
    "Ordinal",
    "ParzenEstimator",
    "ResultError",
    "Space",
    "SpaceError",
    "StorageError",
    "__version__",
    "param",
]
