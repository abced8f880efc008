"""The exceptions of lehr: one tree, rooted at :class:`LehrError`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lehr._printable import printable


class LehrError(Exception):
    """Any error that lehr raises on purpose.

    Its text may quote files and names of others. As a string, and so in a traceback, what could command a terminal is
    written out; ``args`` hold the text as it is.
    """

    def __str__(self) -> str:
        return printable(super().__str__(), lines=True)


class SpaceError(LehrError, ValueError):
    """A space was described wrongly. ``mistakes`` holds every mistake found, one sentence each."""

    def __init__(self, message: str, mistakes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.mistakes = list(mistakes) or [message]


class ConfigurationError(LehrError, ValueError):
    """A configuration is not a legal member of its space. ``problems`` holds every problem found."""

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = list(problems) or [message]


class OptionError(LehrError, ValueError):
    """An option is out of its range or unknown."""


class ResultError(LehrError, ValueError):
    """A told result cannot be accepted; the optimiser's state is unchanged."""


class ExhaustedError(LehrError):
    """Every configuration of a finite space has been evaluated or is being evaluated."""


class StorageError(LehrError):
    """A study cannot be read from or written to its storage."""


class ModelError(LehrError):
    """A model or its data cannot be used for tuning; the message says why and what to do."""


class DeploymentError(LehrError, ValueError):
    """A deployed folder or its best.json cannot be used; the message says why and what to do."""


class UnpicklableError(LehrError, TypeError):
    """A function or an argument cannot be sent to another process; ``culprit`` names the part that cannot."""

    def __init__(self, message: str, culprit: str = "") -> None:
        super().__init__(message)
        self.culprit = culprit


class LoadError(LehrError):
    """An evaluation cannot be entered in a process of its own, whatever the configuration; ``evidence`` says how it
    ended (as of :class:`lehr.Ending`)."""

    def __init__(self, message: str, evidence: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.evidence: dict[str, Any] = dict(evidence or {})


class IsolationError(LehrError, OSError):
    """This machine does not let us start a process for a trial; the message says what failed."""


class DeviceError(LehrError, RuntimeError):
    """A GPU was asked for and cannot be used; the message says why."""


class MissingPackageError(LehrError):
    """An optional package is not installed; the message says which extra brings it."""


class PreparationError(LehrError, RuntimeError):
    """What a configuration needs (a converted model, say) could not be made; the message says what failed."""


class RanElsewhereError(LehrError, RuntimeError):
    """A runtime took a configuration and then ran it on something else: another provider, or other threads."""
