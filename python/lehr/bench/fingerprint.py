"""Telling a problem from another one of the same name."""

from __future__ import annotations

import hashlib
import json

from lehr.bench.problems import Problem

_PROBES = 32


def fingerprint(problem: Problem) -> str:
    """A digest of a problem: its space, its limits, and what a few configurations give.

    Problems that were changed, and recordings that happen to have one name, differ in it. Values count to six digits,
    so that the rounding of another machine does not matter.
    """
    form: list[object] = [
        json.loads(problem.space.to_json()),
        problem.objective,
        problem.direction,
        sorted(problem.constraints.items()),
    ]
    for number, config in enumerate(problem.space.sample(_PROBES, seed=0)):
        given = problem.evaluate(config, seed=number)
        values = [given.seconds, *given.metrics.values()]
        if given.objective is not None:
            values.append(given.objective)
        form.append([given.outcome, *(f"{value:.6g}" for value in values)])
    return hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()[:16]
