"""What a study does about a trial that failed, by the class of its failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from lehr.errors import OptionError
from lehr.supervise import Ending
from lehr.trial import Cause, Outcome

FailureClass = Literal["crashed", "timeout", "oom", "killed", "lost", "quarantined"]
"""``killed``: by a signal that is neither lehr's nor the kernel's doing, or with lehr's helper process. ``lost``: a
process survived SIGKILL. ``quarantined``: the trial was not started, because its device cannot be used. The others are
outcomes as they are."""

Action = Literal["retry", "count", "stop"]
"""``retry``: once more, in fresh processes and on a clean device, and what comes of that counts. ``count``: as the
outcome that it is, which the search learns from. ``stop``: the same, and the run ends."""

DEFAULTS: dict[FailureClass, Action] = {
    "crashed": "count",
    "timeout": "count",
    "oom": "count",
    "killed": "retry",  # says nothing about the configuration, unless it happens again
    "lost": "count",
    "quarantined": "count",
}

_BY_CAUSE: dict[Cause, FailureClass] = {
    Cause.KILLED: "killed",
    Cause.HELPER: "killed",
    Cause.QUARANTINED: "quarantined",
}
_BY_OUTCOME: dict[Outcome, FailureClass] = {"crashed": "crashed", "timeout": "timeout", "oom": "oom"}


def read_policies(policies: Mapping[str, str] | None) -> dict[FailureClass, Action]:
    """The defaults with ``policies`` on top. Raises OptionError for a class or an action that does not exist."""
    chosen: dict[FailureClass, Action] = dict(DEFAULTS)
    if policies is not None and not isinstance(policies, Mapping):
        raise OptionError(f"policies is {policies!r:.60}; give a dict such as {{'oom': 'stop'}}")
    for kind, action in (policies or {}).items():
        if kind not in get_args(FailureClass):
            raise OptionError(f"policies has {kind!r}; the classes are {', '.join(get_args(FailureClass))}")
        if action not in get_args(Action):
            raise OptionError(f"policies[{kind!r}] is {action!r}; choose {', '.join(get_args(Action))}")
        chosen[kind] = action  # type: ignore[index,assignment]
    return chosen


def failure_named(text: str) -> FailureClass | None:
    """The class of this name; None where there is none."""
    return next((kind for kind in get_args(FailureClass) if kind == text), None)


def failure_class(ending: Ending) -> FailureClass | None:
    """The class of a failure, by its cause where one is told; None for a trial that did not fail."""
    if ending.evidence.get("lost"):
        return "lost"
    by_outcome = _BY_OUTCOME.get(ending.outcome)
    return by_outcome if ending.cause is None else _BY_CAUSE.get(ending.cause, by_outcome)
