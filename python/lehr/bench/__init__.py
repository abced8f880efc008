"""DeployBench: problems on which deployment search is measured."""

from __future__ import annotations

from lehr.bench.problems import Evaluation, FamilyBest, InvalidShare, Problem, problem_names
from lehr.bench.replay import ReplayProblem, replay_names

__all__ = [
    "Evaluation",
    "FamilyBest",
    "InvalidShare",
    "Problem",
    "ReplayProblem",
    "problem_names",
    "replay_names",
]
