"""Bounds in seconds that follow the speed of the model: 0.2 ms a call or 2 s a call, the same settings work."""

from __future__ import annotations

#: Deadline of a trial of a fast model.
TRIAL_S = 60.0
#: Time for the accuracy of a fast model; ten calls of a slow one, but no more than a minute.
ACCURACY_S, _ACCURACY_CALLS, _ACCURACY_MOST_S = 4.0, 10, 60.0
#: Loading a large model, and what a trial calls when it times 20 calls, warms up and judges answers, where a
#: configuration is three times slower than the default. Chosen by hand, not sensitive.
_LOAD_S, _TRIAL_CALLS = 30.0, 100
#: Calls of the default configuration that fit into a latency measurement: a p95 needs 20.
_TIMED_CALLS = 25


def trial_timeout_s(call_s: float, least_s: float = TRIAL_S) -> float:
    """The deadline of a trial for a model that takes ``call_s`` seconds a call in its default configuration."""
    return max(least_s, _LOAD_S + _TRIAL_CALLS * call_s)


def accuracy_time_s(call_s: float, least_s: float = ACCURACY_S) -> float:
    """The time for judging answers; what it leaves out is said in the trial's facts."""
    return max(least_s, min(_ACCURACY_CALLS * call_s, _ACCURACY_MOST_S))


def timing_time_s(call_s: float, least_s: float) -> float:
    """The time for a latency measurement whose plan says ``least_s``."""
    return max(least_s, _TIMED_CALLS * call_s)
