"""Exit codes, and which error means which."""

from __future__ import annotations

from enum import IntEnum

from lehr.errors import IsolationError, LehrError, MissingPackageError, StorageError


class Exit(IntEnum):
    """What the process ends with."""

    DONE = 0
    NOTHING_FEASIBLE = 1
    """Nothing met the limits; for ``lehr verify``: the configuration does not."""
    BAD_INPUT = 2
    MACHINE = 3
    """The machine failed us: a package is missing, the storage cannot be written or is in use."""
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


class InputError(LehrError, ValueError):
    """What was typed or given in a file cannot be used; the message is one sentence with the remedy."""


class MachineError(LehrError):
    """The machine lacks something that the command needs; the message says what to do."""


def exit_code(error: LehrError) -> Exit:
    """The exit code of an error that lehr raised on purpose."""
    machine = StorageError | IsolationError | MachineError | MissingPackageError
    return Exit.MACHINE if isinstance(error, machine) else Exit.BAD_INPUT
