"""Studies: trials in children, each on the disk before its successor starts, resumed to the same sequence."""

from __future__ import annotations

from lehr.limits import Judgement, Limit, parse_limits
from lehr.study.confirming import Confirmation
from lehr.study.events import (
    Event,
    FaultFound,
    PhaseChanged,
    StudyOpened,
    TrialFinished,
    TrialStarted,
    WinnerMeasured,
)
from lehr.study.faults import EnvironmentFault, environment_faults
from lehr.study.running import run
from lehr.study.study import Loss, Study, load_study
from lehr.study.trial import StudyTrial

__all__ = [
    "Confirmation",
    "EnvironmentFault",
    "Event",
    "FaultFound",
    "Judgement",
    "Limit",
    "Loss",
    "PhaseChanged",
    "Study",
    "StudyOpened",
    "StudyTrial",
    "TrialFinished",
    "TrialStarted",
    "WinnerMeasured",
    "environment_faults",
    "load_study",
    "parse_limits",
    "run",
]
