"""DeployBench: problems on which deployment search is measured."""

from __future__ import annotations

from lehr.bench.replay import ReplayProblem, replay_names

__all__ = ["ReplayProblem", "replay_names"]
