"""Options that several commands have, one meaning each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def whole_number(text: str | int) -> int:
    """Reads a whole number; the parser says which option was wrong. Raises BadParameter."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number") from None


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else there.")]
Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="N|A:B:STEP...",
        help="Numbers of trials; a range includes its end.  [default: 25]",
    ),
]
Seeds = Annotated[
    int, typer.Option("--seeds", metavar="N", parser=whole_number, help="Number of studies in each cell.")
]
Processes = Annotated[
    int | None,
    typer.Option(
        "--processes",
        metavar="N",
        parser=whole_number,
        help="Studies at a time.  [default: the number of cores]",
    ),
]
Results = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the results are kept.")]
KeptResults = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Keep the results here.")]
Trials = Annotated[bool, typer.Option("--trials", help="Keep every trial too, as packed JSON lines.")]
TimeLimit = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="After this time (20min) no further study of a peer starts; the same command goes on later.",
    ),
]
