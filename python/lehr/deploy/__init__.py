"""Models, and what it takes to measure one configuration of them: sources, samples, recipes, latency,
evaluation.
"""

from __future__ import annotations

from lehr.deploy.data import Samples, samples_for
from lehr.deploy.evaluate import PRELOAD, Evaluator
from lehr.deploy.files import load_arrays
from lehr.deploy.latency import LatencyPlan
from lehr.deploy.machine import available_cores, describe_machine, environment
from lehr.deploy.models import OnnxModel, zoo_models
from lehr.deploy.quantize import RECIPES, quantize
from lehr.deploy.sources import DataSource
from lehr.deploy.space import baseline, deployment_space
from lehr.deploy.zoo import FAMILIES, Family, zoo

__all__ = [
    "FAMILIES",
    "PRELOAD",
    "RECIPES",
    "DataSource",
    "Evaluator",
    "Family",
    "LatencyPlan",
    "OnnxModel",
    "Samples",
    "available_cores",
    "baseline",
    "deployment_space",
    "describe_machine",
    "environment",
    "load_arrays",
    "quantize",
    "samples_for",
    "zoo",
    "zoo_models",
]
