"""A deployment opened again: the model and samples that it was measured with, and a configuration that can be."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lehr.deploy import ship
from lehr.deploy.backends import find_backend
from lehr.deploy.best import Best
from lehr.deploy.evaluate import Evaluator
from lehr.deploy.functions import is_function_name
from lehr.deploy.machine import available_cores
from lehr.deploy.prepare import Failure
from lehr.deploy.space import deployment_space
from lehr.deploy.stage import Opened, Stage
from lehr.deploy.user_metric import Function, UserMetric
from lehr.errors import ConfigurationError, DeploymentError

#: More than any machine has; a file that claims more is not believed.
_MOST_CORES = 4096


def reopen(
    stage: Stage,
    place: Path,
    best: Best,
    model: str | os.PathLike[str] | None,
    data: Any,
    metric: Function | str | None = None,
) -> tuple[Opened, Evaluator]:
    """The model that was measured, and the samples it was measured on.

    The deployed file itself is what runs. The model as given is needed besides where answers are compared with its own.

    Raises:
        DeploymentError: the deployment is damaged, its configuration is none of its space, or model or data are not
            those it was measured with, or the metric is not the one that judged it.
        ModelError: the model cannot be used here.
    """
    judge = _metric(place, best, metric)
    artefact = None if best.artefact is None else ship.artefact_path(place, best)
    family = best.model.get("zoo")
    if family is not None:
        if model is not None or data is not None:
            raise DeploymentError(f"{place} is about the bundled zoo; model and data do not apply")
        opened = stage.open_zoo()
        if family not in opened.models:
            raise DeploymentError(f"{place} names {family!r}, which is not in the zoo of this lehr")
    else:
        samples = _samples(place, best, data)
        given = Path(model) if model is not None else Path(best.model["path"])
        beside = place.absolute().parent / given.name
        lost = not given.is_absolute() or not given.is_file()
        if model is None and lost and beside.is_file():
            given = beside
        if not given.is_file():
            readable = artefact is not None and artefact.suffix == given.suffix
            if artefact is None or not readable or samples is None or model is not None:
                raise DeploymentError(f"the model {given} is not there; say where it is with --model")
            given = artefact  # with labels, the deployed file is all that is needed
        shapes = {name: tuple(dims) for name, dims in best.model.get("shapes", {}).items()}
        family_name = best.config.get("model")  # where several models were tuned together
        models = {family_name: given} if isinstance(family_name, str) else given
        opened = stage.open(
            models, samples, shapes, batch_axis=best.model.get("batch_axis_given"), metric=judge
        )
        if best.data is not None and opened.source.sha256 != best.data["sha256"]:
            raise DeploymentError(
                f"the data in {opened.source.name} are not those that {place} was made with; give the old ones with "
                "--data"
            )
    found = opened.models[family] if family is not None else next(iter(opened.models.values()))
    if found.sha256 != best.model["sha256"] and found.path != artefact:
        raise DeploymentError(
            f"the model has changed since {place} was written: {found.path} has SHA-256 {found.sha256[:12]}..., not "
            f"{best.model['sha256'][:12]}...; tune again, or give the old one with --model"
        )
    _check_config(place, best, opened)
    evaluator = opened.evaluator()
    evaluator = replace(evaluator, plan=evaluator.plan.strict())
    if artefact is not None and best.artefact is not None:
        weights = tuple(artefact.parent / name for name in best.artefact.weights)
        return opened, replace(evaluator, artefact=artefact, weights=weights)
    made = stage.prepare(opened, best.config)
    if isinstance(made, Failure):
        raise DeploymentError(f"{made.what} cannot be made here: {made.reason}")
    return opened, evaluator


def _samples(place: Path, best: Best, data: Any) -> Any:
    if best.data is None:
        if data is not None:
            raise DeploymentError(f"{place} was made without data; --data does not apply")
        return None
    if data is not None and not isinstance(data, str | os.PathLike):
        return data
    if isinstance(data, str) and is_function_name(data) and not Path(data).exists():
        return data
    path = Path(data) if data is not None else Path(best.data["path"])
    beside = place.absolute().parent / path.name
    if data is None and not path.is_file() and beside.is_file():
        path = beside
    if not path.is_file():
        raise DeploymentError(f"the data {path} is not there; give it, or say where it is, with --data")
    return path


def _metric(place: Path, best: Best, given: Function | str | None) -> UserMetric | None:
    """The metric to judge by. A file names a function, and does not make us call it: the user does."""
    if best.metric is None:
        if given is not None:
            raise DeploymentError(f"{place} was made without a metric of its own; --metric does not apply")
        return None
    name = best.metric["name"]
    if given is None:
        raise DeploymentError(f"{place} was judged by the metric {name}; give it with --metric")
    judge = UserMetric.of(given)
    if judge.key() != best.metric["key"]:
        raise DeploymentError(
            f"{place} was judged by the metric {name}, and the one given is {judge.name}, or has other code"
        )
    return judge


def _check_config(place: Path, best: Best, opened: Opened) -> None:
    """The configuration must be one of the space, to the type of its values: a file may have been edited.

    The space is that of this machine or of the one that measured, which may have had other cores.

    Raises:
        DeploymentError: it is not; one sentence says what cannot be.
    """
    there = best.machine.get("cores")
    known = [available_cores()]
    if isinstance(there, int) and not isinstance(there, bool) and 1 <= there <= _MOST_CORES:
        known.append(there)
    problem = ""
    for cores in known:
        space = deployment_space(
            opened.models, cores, backends=[find_backend(one) for one in opened.backends]
        )
        # One model and one backend are no variables; they were perhaps where this was found.
        config = {
            name: value
            for name, value in best.config.items()
            if name in space.names or (name, value) not in _lone(opened)
        }
        try:
            space.validate(config)
        except ConfigurationError as error:
            problem = _one_sentence(error)
        else:
            return
    raise DeploymentError(f"{place}: its configuration is none of this deployment: {problem}")


def _lone(opened: Opened) -> list[tuple[str, object]]:
    models: Sequence[tuple[str, object]] = [("model", name) for name in opened.models]
    return [*models, *(("backend", name) for name in opened.backends)]


def _one_sentence(error: ConfigurationError) -> str:
    """The first problem, where there are several, and how many more there are."""
    first, *others = str(error).splitlines()
    if not others:
        return first.rstrip(".")
    more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
    return f"{others[0].removeprefix('- ').rstrip('.')}{more}"
