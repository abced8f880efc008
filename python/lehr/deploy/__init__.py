"""Models, and what it takes to measure one configuration of them: sources, samples, recipes, latency,
evaluation.
"""

from __future__ import annotations

from lehr.deploy.backend import Availability, Backend, RanOn, Session, Share
from lehr.deploy.backends import availability, backend_names, find_backend
from lehr.deploy.data import Samples, samples_for
from lehr.deploy.evaluate import PRELOAD, Evaluator
from lehr.deploy.files import load_arrays
from lehr.deploy.latency import LatencyPlan
from lehr.deploy.machine import available_cores, describe_machine, environment
from lehr.deploy.models import RunnableModel, zoo_models
from lehr.deploy.prepare import Failure, Prepared
from lehr.deploy.progress import Progress
from lehr.deploy.quantize import AS_IS, RECIPES, quantize
from lehr.deploy.sources import DataSource
from lehr.deploy.space import baseline, deployment_space
from lehr.deploy.stage import Opened, Stage
from lehr.deploy.times import trial_timeout_s
from lehr.deploy.zoo import FAMILIES, Family, zoo

__all__ = [
    "AS_IS",
    "FAMILIES",
    "PRELOAD",
    "RECIPES",
    "Availability",
    "Backend",
    "DataSource",
    "Evaluator",
    "Failure",
    "Family",
    "LatencyPlan",
    "Opened",
    "Prepared",
    "Progress",
    "RanOn",
    "RunnableModel",
    "Samples",
    "Session",
    "Share",
    "Stage",
    "availability",
    "available_cores",
    "backend_names",
    "baseline",
    "deployment_space",
    "describe_machine",
    "environment",
    "find_backend",
    "load_arrays",
    "quantize",
    "samples_for",
    "trial_timeout_s",
    "zoo",
    "zoo_models",
]
