"""Hyperopt's TPE.

Spaces are nested: a variable whose condition looks at one categorical variable sits inside the choices (`hp.choice`)
for which it holds; a node shared by several choices is one variable (Bergstra et al. 2013). A condition on several
variables, or on a number, has no nested form: such a variable is always drawn, and dropped where it is inactive.

Hyperopt has no limits. Its TPE only looks at the order of losses, so a result above a limit gets a loss above
every feasible one, by violation; a crash is told as `STATUS_FAIL`, which its TPE counts as an infinite loss.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

from lehr.bench.peers.axes import Axis, active, axes_of, condition_of, holds, parents_of
from lehr.bench.peers.peer import Peer, Searchable, Told, seed_of
from lehr.errors import MissingPackageError

try:
    from hyperopt import Domain, Trials, hp, tpe
    from hyperopt.base import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK
except ImportError as error:
    raise MissingPackageError(
        f"hyperopt is not installed ({error.name} is missing); pip install 'lehr[peers]'"
    ) from None

_INFEASIBLE = 1e9  # above the objective of any problem here


class HyperoptPeer(Peer):
    """One run of `tpe.suggest`, a proposal at a time."""

    def __init__(self, problem: Searchable, seed: int, budget: int) -> None:
        super().__init__(problem, seed, budget)
        logging.getLogger("hyperopt").setLevel(logging.ERROR)
        axes = axes_of(problem.space)
        self._axes = {axis.name: axis for axis in axes}
        self._domain = Domain(lambda _: 0.0, nested(axes))
        self._trials = Trials()
        self._asked = 0

    def propose(self) -> tuple[Any, dict[str, Any]]:
        """Ask TPE for one more trial."""
        number = self._trials.new_trial_ids(1)
        seed = seed_of(self.seed, self._asked)
        self._asked += 1
        documents = tpe.suggest(number, self._domain, self._trials, seed)
        self._trials.insert_trial_docs(documents)
        self._trials.refresh()
        (document,) = self._trials._dynamic_trials[-1:]
        drawn = {name: values[0] for name, values in document["misc"]["vals"].items() if values}
        config: dict[str, Any] = {}
        for axis in self._axes.values():
            if active(axis, config, self._axes):
                code = drawn.get(axis.name, axis.low)
                config[axis.name] = axis.value(min(max(code, axis.low), axis.high))
        return document, config

    def learn(self, token: Any, told: Told) -> None:
        """Finish the trial."""
        if told.cost is None:
            token["result"] = {"status": STATUS_FAIL}
        else:
            loss = told.cost if told.feasible else _INFEASIBLE + told.violation
            token["result"] = {"status": STATUS_OK, "loss": loss}
        token["state"] = JOB_STATE_DONE
        self._trials.refresh()


def nested(axes: list[Axis]) -> dict[str, Any]:
    """The space in Hyperopt's terms."""
    by_name = {axis.name: axis for axis in axes}
    children: dict[str, list[Axis]] = {}
    top: list[Axis] = []
    for axis in axes:
        parent = _only_parent(axis, by_name)
        if parent is None:
            top.append(axis)
        else:
            children.setdefault(parent, []).append(axis)
    nodes: dict[str, Any] = {}
    for axis in reversed(axes):  # children come after their parents
        nodes[axis.name] = _node(axis, children.get(axis.name, []), nodes, by_name)
    return {axis.name: nodes[axis.name] for axis in top}


def _only_parent(axis: Axis, axes: Mapping[str, Axis]) -> str | None:
    condition = condition_of(axis)
    parents = set() if condition is None else parents_of(condition)
    if len(parents) != 1:
        return None
    (parent,) = parents
    return parent if axes[parent].kind == "choice" and not axes[parent].single else None


def _node(axis: Axis, children: list[Axis], nodes: Mapping[str, Any], axes: Mapping[str, Axis]) -> Any:
    low, high = axis.low, axis.high
    if axis.single:
        return axis.value(low)
    if axis.kind == "choice":
        branches = []
        for code in axis.codes():
            config = {axis.name: axis.value(code)}
            inside = [child for child in children if holds(_condition(child), config, axes) is True]
            branches.append({"code": code, **{child.name: nodes[child.name] for child in inside}})
        return hp.choice(axis.name, branches)
    if axis.kind == "integer":
        if axis.log:
            return hp.qloguniform(axis.name, math.log(low - 0.5), math.log(high + 0.5), 1)
        return hp.quniform(axis.name, low - 0.5, high + 0.5, 1)
    if axis.log:
        return hp.loguniform(axis.name, math.log(low), math.log(high))
    return hp.uniform(axis.name, low, high)


def _condition(axis: Axis) -> Any:
    condition = condition_of(axis)
    assert condition is not None
    return condition


def hyperopt_tpe(problem: Searchable, seed: int, budget: int) -> Peer:
    """`tpe.suggest` with its defaults: 20 random trials first, 24 candidates, gamma 0.25."""
    return HyperoptPeer(problem, seed, budget)
