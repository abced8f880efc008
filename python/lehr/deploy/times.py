"""Bounds in seconds that follow the speed of the model: 0.2 ms a call or 2 s a call, the same settings work."""

from __future__ import annotations

from dataclasses import replace

from lehr.deploy.latency import LatencyPlan

#: Deadline for opening a model with all that belongs to it, and for each recipe.
PREPARE_S = 600.0
#: Deadline of a trial of a fast model.
TRIAL_S = 60.0
#: Time for the accuracy of a fast model; ten calls of a slow one, but no more than a minute.
ACCURACY_S, _ACCURACY_CALLS, _ACCURACY_MOST_S = 4.0, 10, 60.0
#: Loading a large model, and what a trial calls when it times 20 calls, warms up and judges answers, where a
#: configuration is three times slower than the default. Chosen by hand, not sensitive.
_LOAD_S, _TRIAL_CALLS = 30.0, 100
#: Calls of the default configuration that fit into a latency measurement, where a p95 needs 20 and a neighbour may take
#: half of the machine; and into the measurement of a mean.
_TIMED_CALLS, _MEAN_CALLS = 40, 10


def trial_timeout_s(call_s: float, least_s: float = TRIAL_S, *, measure_s: float | None = None) -> float:
    """The deadline of a trial for a model that takes ``call_s`` seconds a call in its default configuration, with room
    for a latency measurement of ``measure_s`` seconds (see :meth:`lehr.deploy.latency.LatencyPlan.within`).
    """
    return max(least_s, _LOAD_S + _TRIAL_CALLS * call_s, _LOAD_S + 2.5 * (measure_s or 0.0))


def accuracy_time_s(call_s: float, least_s: float = ACCURACY_S) -> float:
    """The time for judging answers; what it leaves out is said in the trial's facts."""
    return max(least_s, min(_ACCURACY_CALLS * call_s, _ACCURACY_MOST_S))


def paced(plan: LatencyPlan, call_s: float) -> LatencyPlan:
    """The plan of a latency measurement with time for the calls of a slow model."""
    return replace(
        plan,
        max_s=max(plan.max_s, _TIMED_CALLS * call_s),
        enough_s=max(plan.enough_s, _MEAN_CALLS * call_s),
    )
