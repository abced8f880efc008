"""``lehr backends``: the runtimes that lehr knows, and whether they run here."""

from __future__ import annotations

from dataclasses import dataclass

from lehr.cli.exits import Exit
from lehr.cli.output import emit, say
from lehr.report.columns import aligned


@dataclass(frozen=True, slots=True)
class BackendsOptions:
    """The options as typed."""

    json: bool


def backends(options: BackendsOptions) -> Exit:
    """Ask each backend in a process of its own."""
    from lehr.deploy.backends import availability
    from lehr.supervise.supervisor import Supervisor

    with Supervisor() as supervisor:
        answers = availability(supervisor)
    if options.json:
        emit({"backends": {name: answer.as_json() for name, answer in answers.items()}})
    else:
        grid = [[name, "yes" if one.available else "no", one.reason] for name, one in answers.items()]
        say(*aligned([["backend", "here", ""], *grid], left=3))
    usable = any(answer.available for answer in answers.values())
    return Exit.DONE if usable else Exit.MACHINE
