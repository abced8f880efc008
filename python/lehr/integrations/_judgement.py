"""How a finished Optuna trial counts in the native search: its outcome, its objective, its violation.

The order is Optuna's own (its TPE sampler splits trials so), with failures learned from instead of ignored:
complete and feasible trials by value, then pruned ones (the longest-lived first, then by their last intermediate
value), then infeasible ones by the sum of their violations, then those that crashed.
"""

from __future__ import annotations

import math
import struct
from typing import Final, NamedTuple

from optuna.trial import FrozenTrial, TrialState

from lehr.trial import OUTCOMES

PENDING: Final = -1
_OK, _CRASHED, _EARLY_STOPPED = 0, 1, 4

# The one limit of the native search: the violation itself, at most 0.
VIOLATION: Final = ("violation", 0.0, "<=")
# Above 0, so that a pruned trial is worse than any complete one, and below any violation a user could mean.
_PRUNED = 1e-100
_LARGEST = 1e300


class Judgement(NamedTuple):
    """A position in OUTCOMES, the objective (NaN unless the outcome is ok) and the violation (NaN when unknown)."""

    outcome: int
    objective: float
    violation: float


_NOTHING_KNOWN = Judgement(_CRASHED, math.nan, math.nan)


def judge(trial: FrozenTrial, *, maximize: bool) -> Judgement:
    """Judge a trial that is COMPLETE, PRUNED or FAIL."""
    ended = trial.user_attrs.get("outcome")
    if trial.state == TrialState.FAIL:
        # Whoever tells FAIL may say more, in lehr's words.
        return (
            Judgement(OUTCOMES.index(ended), math.nan, math.nan) if ended in OUTCOMES[1:] else _NOTHING_KNOWN
        )
    constraints = trial.constraints
    if (
        "outcome" in constraints and ended in OUTCOMES
    ):  # a trial of lehr.run, which stores crashes as COMPLETE
        del constraints["outcome"]
        if ended != "ok":
            excess = _excess(constraints)
            return Judgement(OUTCOMES.index(ended), math.nan, excess if excess > 0.0 else math.nan)
    excess = _excess(constraints)
    if trial.state == TrialState.PRUNED:
        if excess == 0.0:
            excess = _pruned(trial, maximize=maximize)
        return Judgement(_EARLY_STOPPED, math.nan, excess)
    value = trial.value
    if value is None or value == (-math.inf if maximize else math.inf):  # how many users say 'it failed'
        return _NOTHING_KNOWN
    return Judgement(_OK, min(max(value, -_LARGEST), _LARGEST), excess)


def _excess(constraints: dict[str, float]) -> float:
    """The sum of the constraints above 0, as Optuna ranks infeasible trials."""
    if not constraints:
        return 0.0
    excess = sum(value for value in constraints.values() if not value <= 0.0)
    return min(excess, _LARGEST) if not math.isnan(excess) else _LARGEST


def _pruned(trial: FrozenTrial, *, maximize: bool) -> float:
    """In (0, 1e-100]: smaller for a trial that lived longer, then for a better last intermediate value."""
    if not trial.intermediate_values:
        return _PRUNED
    step, value = max(trial.intermediate_values.items())
    place = _place(-value if maximize else value)
    lived = max(step, 0)
    near, far = 1.0 / (3.0 + lived), 1.0 / (2.0 + lived)
    return _PRUNED * (near + (far - near) * place)


def _place(value: float) -> float:
    """A strictly rising map of the finite doubles, and the infinite ones, into [0, 1); NaN is last."""
    if math.isnan(value):
        value = math.inf
    (bits,) = struct.unpack("<q", struct.pack("<d", value + 0.0))
    return float((bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)) + 2**63) / 2.0**64
