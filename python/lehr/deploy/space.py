"""The deployment space of a model on this machine, and its default configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lehr.deploy.models import OnnxModel
from lehr.deploy.quantize import RECIPES
from lehr.deploy.session import EXECUTION_MODES, GRAPH_LEVELS
from lehr.deploy.zoo import zoo

if TYPE_CHECKING:
    from lehr import Space

MAX_BATCH = 64


def deployment_space(models: Mapping[str, OnnxModel], cores: int, max_batch: int = MAX_BATCH) -> Space:
    """Everything that can be chosen for these models on the CPU; nothing is left out because it is expected
    to fail.

    ``model`` is there when there are several, ``batch_size`` (1..max_batch, log) unless a model fixes it,
    ``num_threads`` (1..cores) and ``execution_mode`` on more than one core. With one thread there is nothing
    to run in parallel, so ``execution_mode`` is active only from two threads on.
    """
    from lehr import Categorical, Int, Ordinal, Space, param  # a trial's own process has no use for it

    variables: list[Any] = []
    if len(models) > 1:
        variables.append(Categorical("model", list(models)))
    variables.append(Categorical("quantization", list(RECIPES)))
    if all(model.fixed_batch is None for model in models.values()) and max_batch > 1:
        variables.append(Int("batch_size", 1, max_batch, log=True))
    if cores > 1:
        variables.append(Int("num_threads", 1, cores))
    variables.append(Ordinal("graph_optimization", list(GRAPH_LEVELS)))
    if cores > 1:
        variables.append(Categorical("execution_mode", list(EXECUTION_MODES), when=param("num_threads") > 1))
    return Space(variables)


def baseline(models: Mapping[str, OnnxModel], cores: int, max_batch: int = MAX_BATCH) -> dict[str, Any]:
    """What one deploys without tuning: fp32, one item a call, all cores, the runtime's default optimisation.

    Of the zoo it is the family with the best accuracy recorded on the clean images; of other sets the first
    model.
    """
    config: dict[str, Any] = {}
    if len(models) > 1:
        recorded = {name: family.accuracy_clean for name, family in zoo().items() if name in models}
        config["model"] = max(recorded, key=recorded.__getitem__) if recorded else next(iter(models))
    config["quantization"] = "fp32"
    if all(model.fixed_batch is None for model in models.values()) and max_batch > 1:
        config["batch_size"] = 1
    if cores > 1:
        config["num_threads"] = cores
    config["graph_optimization"] = "all"
    if cores > 1:
        config["execution_mode"] = "sequential"
    return config
