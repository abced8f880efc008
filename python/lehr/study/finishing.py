"""What may be done when a search has ended and the run still holds the study: measure again, keep what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lehr.study.lock import deferred_interrupt
from lehr.study.trial import StudyTrial

if TYPE_CHECKING:
    from lehr.study.study import Study


class Finishing:
    """Handed to the ``finish`` function of :func:`lehr.run`.

    Attributes:
        study: the study, all its trials done.
    """

    def __init__(
        self,
        study: Study,
        measure: Callable[[int, Mapping[str, Any]], StudyTrial],
        note: Callable[[str, Any], None],
        noted: Callable[[str], Any],
        emit: Callable[[Any], None],
    ) -> None:
        self.study = study
        self._measure, self._note, self._noted, self._emit = measure, note, noted, emit

    def measure(self, number: int, config: Mapping[str, Any]) -> StudyTrial:
        """Evaluate a configuration in fresh processes, told that it is to be trusted rather than quick.

        Args:
            number: the trial that it belongs to, as the evaluation's context names it.
            config: the configuration.

        Returns:
            What came of it, judged by the study's limits. It is no trial of the study.
        """
        return self._measure(number, config)

    def keep(self, key: str, value: Any) -> None:
        """Keep a JSON-safe value with the study, on the disk when this returns."""
        with deferred_interrupt():
            self._note(key, value)

    def kept(self, key: str) -> Any:
        """What was kept under this key, or None."""
        return self._noted(key)

    def emit(self, event: Any) -> None:
        """Tell ``on_event``."""
        self._emit(event)
