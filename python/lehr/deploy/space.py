"""The deployment space of a model on this machine, put together from what its backends offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lehr.deploy.backend import Backend, Share
from lehr.deploy.models import RunnableModel
from lehr.deploy.zoo import zoo
from lehr.errors import OptionError

if TYPE_CHECKING:
    from lehr import Space
    from lehr.conditions import Condition
    from lehr.variables import Variable

MAX_BATCH = 64


def deployment_space(
    models: Mapping[str, RunnableModel],
    cores: int,
    max_batch: int = MAX_BATCH,
    backends: Sequence[Backend] | None = None,
) -> Space:
    """Everything that can be chosen for these models; nothing is left out because it is expected to fail.

    ``model`` is there when there are several, ``backend`` likewise; then what the backends offer (ONNX Runtime alone
    where none are given). A variable that several backends share stands once, with the choices of all.
    """
    from lehr import Categorical, Space  # a trial's own process has no use for it

    chosen = _chosen(backends)
    shares = {one.name: one.share(models, cores, max_batch) for one in chosen}
    variables: list[Variable] = [Categorical("model", list(models))] if len(models) > 1 else []
    if len(chosen) == 1:
        share = shares[chosen[0].name]
        return Space([*variables, *share.variables], share.forbid)
    variables.append(Categorical("backend", list(shares)))
    shared, forbid = combined(shares)
    return Space([*variables, *shared], forbid)


def baseline(
    models: Mapping[str, RunnableModel],
    cores: int,
    max_batch: int = MAX_BATCH,
    backends: Sequence[Backend] | None = None,
) -> dict[str, Any]:
    """What one deploys without tuning: the model as it is, one item a call, the first backend with nothing set.

    Of the zoo it is the family with the best accuracy recorded on the clean images; of other sets the first
    model.
    """
    chosen = _chosen(backends)
    config: dict[str, Any] = {}
    if len(models) > 1:
        recorded = {name: family.accuracy_clean for name, family in zoo().items() if name in models}
        config["model"] = max(recorded, key=recorded.__getitem__) if recorded else next(iter(models))
    if len(chosen) > 1:
        config["backend"] = chosen[0].name
    return config | dict(chosen[0].share(models, cores, max_batch).default)


def _chosen(backends: Sequence[Backend] | None) -> Sequence[Backend]:
    if backends is None:
        from lehr.deploy.backends import DEFAULT, find_backend

        return [find_backend(DEFAULT)]
    if not backends:
        raise OptionError("no backend is given; a deployment needs one")
    return backends


def combined(shares: Mapping[str, Share]) -> tuple[list[Variable], list[Condition]]:
    """The variables of several backends, each active with its backends only, and what they forbid.

    Raises:
        OptionError: two backends mean different things by one name.
    """
    from lehr.conditions import param

    chosen = param("backend")
    owners: dict[str, dict[str, Any]] = {}
    for backend, share in shares.items():
        for variable in share.variables:
            owners.setdefault(variable.name, {})[backend] = variable
    variables: list[Variable] = []
    forbid: list[Condition] = []
    for name, by_backend in owners.items():
        conditions = [
            (chosen == backend) if one.when is None else (chosen == backend) & one.when
            for backend, one in by_backend.items()
        ]
        everywhere = len(by_backend) == len(shares) and all(one.when is None for one in by_backend.values())
        when = conditions[0]
        for condition in conditions[1:]:
            when = when | condition
        merged, others = _merged(name, by_backend)
        variables.append(replace(merged, when=None if everywhere else when))
        forbid += [
            (chosen == backend) & param(name).isin(values) for backend, values in others.items() if values
        ]
    for backend, share in shares.items():
        forbid += [(chosen == backend) & condition for condition in share.forbid]
    return _in_order(variables), forbid


def _merged(name: str, by_backend: Mapping[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    """One variable for all, and by backend the choices that are others' alone."""
    first: Any = next(iter(by_backend.values()))
    field = next((field for field in ("choices", "values") if hasattr(first, field)), None)
    for backend, one in by_backend.items():
        same_kind = type(one) is type(first)
        if not same_kind or (field is None and replace(one, when=None) != replace(first, when=None)):
            raise OptionError(f"backend {backend!r} means something else by {name!r} than the others do")
    if field is None:
        return first, {}
    lists = {backend: list(getattr(one, field)) for backend, one in by_backend.items()}
    known = {
        repr(value): value for values in lists.values() for value in values
    }  # repr tells 1 and True apart
    union = list(known.values())
    own = {backend: {repr(value) for value in values} for backend, values in lists.items()}
    others = {backend: [one for text, one in known.items() if text not in own[backend]] for backend in lists}
    return replace(first, **{field: union}), others


def _in_order(variables: Sequence[Variable]) -> list[Variable]:
    """Every variable after those that its condition looks at, else in the order given."""
    placed: list[Variable] = []
    left = list(variables)
    while left:
        names = {one.name for one in left}
        ready = next((one for one in left if not (_looks_at(one) & names) - {one.name}), left[0])
        left.remove(ready)
        placed.append(ready)
    return placed


def _looks_at(variable: Variable) -> set[str]:
    when: Any = variable.when  # type: ignore[attr-defined]
    return set() if when is None else {comparison.variable for comparison in when._comparisons()}
