"""What a run tells its ``on_event`` callback. The callback runs in the run's own thread, after the event
is on the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr.study.confirming import Confirmation
from lehr.study.faults import EnvironmentFault
from lehr.study.trial import StudyTrial

if TYPE_CHECKING:
    from lehr.study.study import Study


@dataclass(frozen=True)
class StudyOpened:
    """The storage is open: ``study`` holds what earlier sessions left; ``repaired`` is the copy of a
    damaged journal.
    """

    study: Study
    repaired: Path | None = None


@dataclass(frozen=True)
class TrialStarted:
    """A trial's evaluation begins; ``again`` when an earlier session died in it."""

    number: int
    config: dict[str, Any]
    study: Study
    again: bool = False


@dataclass(frozen=True)
class TrialFinished:
    """A trial has ended and is stored."""

    trial: StudyTrial
    study: Study


@dataclass(frozen=True)
class PhaseChanged:
    """The search moved on to another phase."""

    before: str
    after: str
    study: Study


@dataclass(frozen=True)
class FaultFound:
    """A value is broken on this machine; told once."""

    fault: EnvironmentFault
    study: Study

    @property
    def message(self) -> str:
        """The fault in one sentence, and what to do."""
        return self.fault.message


@dataclass(frozen=True)
class WinnerMeasured:
    """The best trial was measured again in a fresh process."""

    confirmation: Confirmation
    trial: StudyTrial
    study: Study

    @property
    def message(self) -> str:
        """What came of it, in one sentence."""
        if self.confirmation.held:
            return f"trial {self.trial.number}, measured again: every limit is met"
        return f"trial {self.trial.number}, measured again: turned down, {self.confirmation.reason}"


Event = StudyOpened | TrialStarted | TrialFinished | PhaseChanged | FaultFound | WinnerMeasured
