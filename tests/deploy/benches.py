"""A stage and an evaluator in one, for tests that measure many configurations."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from lehr.deploy import Evaluator, LatencyPlan, Stage

QUICK = LatencyPlan(max_samples=20, precision=None, enough_s=0.1, max_s=5, warmup_s=0.05)


class Bench:
    """A stage, what was opened there, and its evaluator: calling it prepares and measures in this process."""

    def __init__(self, stage: Stage, model: Path | None, data: Path | None = None, **options: Any) -> None:
        self.stage = stage
        self.opened = stage.open_zoo() if model is None else stage.open(model, data)
        self.evaluator: Evaluator = self.opened.evaluator(**{"plan": QUICK, **options})

    def but(self, **options: Any) -> Bench:
        """The same models, measured with other options."""
        other = copy(self)
        other.evaluator = self.opened.evaluator(**{"plan": QUICK, **options})
        return other

    def prepare(self, config: Mapping[str, Any]) -> Any:
        """See :meth:`Stage.prepare`."""
        return self.stage.prepare(self.opened, config)

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        self.prepare(config)
        return self.evaluator(config)
