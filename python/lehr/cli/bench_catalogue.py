"""What ``lehr bench list`` and ``lehr bench describe`` print."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import Any

from lehr.cli.exits import Exit
from lehr.cli.output import emit, say


@dataclass(frozen=True, slots=True)
class DescribeOptions:
    """Of ``lehr bench describe`` and ``lehr bench list``."""

    problem: str | None
    json: bool


_METHODS = {
    "random": "draws from the space",
    "grid": "a grid, coarse to fine",
    "tba": "thermal budget annealing",
    "tpe": "constrained Tree-structured Parzen Estimator",
    "tba-tpe": "annealing first, then TPE on its history",
    "guided": "models of why trials fail, of the metrics and of the objective",
}


def catalogue(options: DescribeOptions) -> Exit:
    """Problems and methods that there are."""
    from lehr.bench import problem_names
    from lehr.bench.peers import PEERS, peer_version

    names = problem_names()
    peers = {name: f"{peer_version(name)}, {kind.settings}; {kind.failures}" for name, kind in PEERS.items()}
    if options.json:
        emit({"problems": names, "methods": _METHODS, "peers": peers})
        return Exit.DONE
    say("Problems:", *textwrap.wrap(", ".join(names), 96, initial_indent="  ", subsequent_indent="  "))
    say("  and for each seed a random space like those of deployment, deploy_space#SEED,")
    say(
        "  or kernel tuning, tuning_space#SEED, or a test function, smooth_space#SEED and rugged_space#SEED",
        "",
    )
    say("Methods of ours, each also as NAME:paper and with /option=value:")
    say(*[f"  {name:18}{words}" for name, words in _METHODS.items()], "")
    say("Peers:")
    for name, words in peers.items():
        say(*textwrap.wrap(words, 96, initial_indent=f"  {name:18}", subsequent_indent=" " * 20))
    return Exit.DONE


def describe(options: DescribeOptions) -> Exit:
    """One problem."""
    from lehr.bench import Problem

    assert options.problem is not None
    problem = Problem.load(options.problem)
    config, objective = problem.optimum()
    invalid = problem.invalid_share()
    none = math.isnan(objective)
    facts: dict[str, Any] = {
        "name": problem.name,
        "description": problem.describe(),
        "objective": problem.objective,
        "direction": problem.direction,
        "constraints": dict(problem.constraints),
        "family": problem.family,
        "invalid_share": invalid.share,
        "invalid_share_exact": invalid.exact,
        "optimum": None if none else {"config": config, "objective": objective},
        "certificate": problem.certificate(),
    }
    if options.json:
        emit(facts)
        return Exit.DONE
    say(*textwrap.wrap(problem.describe(), 100), "")
    say("Variables:", *[f"  {variable!r}" for variable in problem.space.variables], "")
    exact = (
        "exactly"
        if invalid.exact
        else f"from {invalid.looked_at:,} draws, 95 % {100 * invalid.low:.2f} to {100 * invalid.high:.2f}"
    )
    say(f"Invalid under random search: {100 * invalid.share:.2f} % ({exact})")
    found = "nothing is feasible" if none else f"{problem.objective} {objective:.6g} at {config}"
    say(f"Optimum: {found}", f"Known by: {problem.certificate()}")
    if problem.family is not None:
        for best in problem.best_of_family():
            worth = "nothing feasible" if best.objective is None else f"best {best.objective:.6g}"
            say(
                f"  {best.family}: {best.feasible:,} of {best.configurations:,} configurations feasible, {worth}"
            )
    return Exit.DONE
