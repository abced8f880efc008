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
from lehr.study.executor import Executor, Job, LocalExecutor
from lehr.study.faults import EnvironmentFault, environment_faults
from lehr.study.running import run
from lehr.study.stopping import StopReason
from lehr.study.study import Disturbed, Loss, Study, load_study
from lehr.study.trial import StudyTrial

__all__ = [
    "Confirmation",
    "Disturbed",
    "EnvironmentFault",
    "Event",
    "Executor",
    "FaultFound",
    "Job",
    "Judgement",
    "Limit",
    "LocalExecutor",
    "Loss",
    "PhaseChanged",
    "StopReason",
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
