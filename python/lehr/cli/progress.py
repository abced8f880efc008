"""Long work under a display, with an orderly end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lehr.cli.exits import Exit
from lehr.cli.output import guarded_stdout
from lehr.cli.signals import ignore_interrupts, orderly_termination
from lehr.cli.sweep_display import choose

if TYPE_CHECKING:
    from lehr.bench import Progress

_Result = TypeVar("_Result")
Show = Callable[["Progress"], None]


def while_shown(
    work: Callable[[Show], _Result], *, json: bool, interrupted: Callable[[], None]
) -> _Result | Exit:
    """Do the work while its progress is shown; an exit code when it was interrupted.

    Args:
        work: takes what to call with progress.
        json: whether stdout is for one JSON object.
        interrupted: says what that means, when it was.
    """
    with orderly_termination() as ending:
        display = choose(json=json)
        try:
            with guarded_stdout(active=json):
                return work(display.show)
        except KeyboardInterrupt:
            ignore_interrupts()
            with contextlib.suppress(OSError):  # a terminal that is gone
                display.end()
            interrupted()
            return ending.exit_code
        finally:
            with contextlib.suppress(OSError):
                display.end()
