"""DeployBench: problems on which deployment search is measured."""

from __future__ import annotations

from lehr.bench.problems import Evaluation, FamilyBest, InvalidShare, Problem, problem_names
from lehr.bench.replay import ReplayProblem, replay_names
from lehr.bench.store import Cell, Store
from lehr.bench.summary import CellSummary, summarise
from lehr.bench.sweep import Progress, SweepOutcome, keep_traces, sweep
from lehr.bench.trace import Reference, StudyMetrics, Trace, TraceBuilder, hashed_seed, run_study

__all__ = [
    "Cell",
    "CellSummary",
    "Evaluation",
    "FamilyBest",
    "InvalidShare",
    "Problem",
    "Progress",
    "Reference",
    "ReplayProblem",
    "Store",
    "StudyMetrics",
    "SweepOutcome",
    "Trace",
    "TraceBuilder",
    "hashed_seed",
    "keep_traces",
    "problem_names",
    "replay_names",
    "run_study",
    "summarise",
    "sweep",
]
