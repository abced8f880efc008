"""DeployBench: problems on which deployment search is measured."""

from __future__ import annotations

from lehr.bench.problems import Evaluation, FamilyBest, InvalidShare, Problem, problem_names
from lehr.bench.replay import ReplayProblem, replay_names
from lehr.bench.trace import Reference, StudyMetrics, Trace, TraceBuilder, hashed_seed, run_study

__all__ = [
    "Evaluation",
    "FamilyBest",
    "InvalidShare",
    "Problem",
    "Reference",
    "ReplayProblem",
    "StudyMetrics",
    "Trace",
    "TraceBuilder",
    "hashed_seed",
    "problem_names",
    "replay_names",
    "run_study",
]
