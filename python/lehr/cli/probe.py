"""``lehr probe``: what this machine can measure, how well, and what is missing."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

from lehr._printable import printable
from lehr.cli.exits import Exit
from lehr.cli.output import complain, emit, guarded_stdout, say_as_is
from lehr.cli.signals import orderly_termination


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """The options as typed."""

    json: bool


def probe(options: ProbeOptions) -> Exit:
    """Survey the machine and say what was found."""
    from lehr.deploy.machine import describe_machine
    from lehr.probe import survey

    with orderly_termination() as ending:
        try:
            with guarded_stdout(active=options.json):
                machine = describe_machine()
                found = survey.survey()
        except KeyboardInterrupt:
            complain("interrupted")
            return ending.exit_code
    if options.json:
        emit({"machine": machine, **survey.as_json(found)})
    else:
        say_as_is(*_words(machine, found))
    return Exit.DONE


def _words(machine: dict[str, Any], found: list[Any]) -> list[str]:
    from lehr.probe import survey

    coloured = sys.stdout.isatty()

    def mark(there: bool) -> str:
        word = "yes" if there else "no "
        if not coloured:
            return word
        return f"\x1b[{'32' if there else '33'}m{word}\x1b[0m"

    heading = f"{machine['cpu']}, {machine['cores']} cores, {machine['os']}"
    missing = sum(not one.there for one in found)
    last = (
        f"{missing} of {len(found)} cannot be measured here; each line says why." if missing else "All there."
    )
    # The marks are coloured, what stands beside them comes from drivers and files of the system.
    shown = [replace(one, name=printable(one.name), text=printable(one.text)) for one in found]
    return [printable(heading), *survey.lines(shown, mark), last]
