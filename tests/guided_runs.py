"""Runs of the guided search that check every proposal, for the tests of its edges and of its sequence."""

from __future__ import annotations

import json

import lehr
from lehr.bench import hashed_seed

param = lehr.param


def categories(name: str, count: int, **keywords) -> lehr.Categorical:
    return lehr.Categorical(name, [f"v{i}" for i in range(count)], **keywords)


MIXED = lehr.Space(
    [
        categories("a", 4),
        categories("b", 3),
        lehr.Int("n", 1, 64, log=True),
        lehr.Float("x", 0.0, 1.0),
        lehr.Ordinal("o", [1, 2, 8, 32], when=param("b") == "v0"),
    ]
)


def guided(space=MIXED, limits=None, **keywords) -> lehr.Optimizer:
    return lehr.Optimizer(
        space, constraints=limits or {}, method="guided", **{"seed": 3, "budget": 25, **keywords}
    )


def key(config) -> str:
    return json.dumps(config, sort_keys=True)


def run(optimizer, count, evaluate, pending=1, looks=()):
    """Asks and tells with so many trials open; every configuration is legal and new. Returns the sequence."""
    waiting, sequence = [], []
    for number in range(count):
        trial = optimizer.ask()
        optimizer.space.validate(trial.config)
        sequence.append(key(trial.config))
        waiting.append(trial)
        if len(waiting) >= pending:
            done = waiting.pop(0)
            optimizer.tell(done, **evaluate(done.config, done.number))
        if number in looks:
            optimizer.explain()
            assert optimizer.finished is None or optimizer.best is not None
    for done in waiting:
        optimizer.tell(done, **evaluate(done.config, done.number))
    assert len(set(sequence)) == len(sequence)
    return sequence


def ok(objective, **metrics):
    return {"objective": objective, "metrics": metrics}


def on(problem, seed=0):
    return lambda config, _: problem.evaluate(config, hashed_seed(seed)).told()
