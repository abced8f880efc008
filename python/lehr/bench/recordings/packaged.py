"""The format of recorded problems: JSON lines, gzipped or not.

A header ``{"format": "lehr.replay", "version": 1, "name", "space", "objective", "direction", "constraints", "recorded",
"family" (optional), ...}``, then one line a measurement: ``{"config", "outcome", "metrics", "seconds", "error"
(optional)}``. Every configuration of the space is measured; one that is measured several times has as many lines.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from lehr.bench.recordings.table import RecordedResult, Table
from lehr.errors import LehrError
from lehr.space import Space
from lehr.trial import OUTCOMES

FORMAT = "lehr.replay"
VERSION = 1
_SUFFIX = ".jsonl.gz"


def packaged_names() -> list[str]:
    """Names of the recorded problems that ship with lehr."""
    folder = resources.files("lehr.bench").joinpath("data")
    return sorted(item.name.removesuffix(_SUFFIX) for item in folder.iterdir() if item.name.endswith(_SUFFIX))


def packaged_bytes(name: str) -> bytes:
    """The file of one of them."""
    return resources.files("lehr.bench").joinpath("data", name + _SUFFIX).read_bytes()


def from_lines(source: str, lines: list[Any]) -> Table:
    """A table from the parsed lines of a file of the format.

    Raises:
        LehrError: the lines are not of the format; `source` is named.
    """
    if not lines or not isinstance(lines[0], dict) or lines[0].get("format") != FORMAT:
        raise LehrError(
            f"{source} is not a recorded problem: its first line is no header of format '{FORMAT}'"
        )
    header = lines[0]
    if header.get("version") != VERSION:
        raise LehrError(
            f"{source} is of format version {header.get('version')!r}; this lehr reads version {VERSION}"
        )
    try:
        space = Space.from_json(json.dumps(header["space"]))
        table = Table(
            header["name"],
            space,
            header["objective"],
            header["direction"],
            dict(header["constraints"]),
            header.get("family"),
            f"Recorded on {header['recorded']['machine']}.",
            header["recorded"],
        )
        for line in lines[1:]:
            space.validate(line["config"])
            if line["outcome"] not in OUTCOMES:
                raise ValueError(f"unknown outcome {line['outcome']!r}")
            metrics = {name: float(value) for name, value in line["metrics"].items()}
            table.add(
                line["config"],
                RecordedResult(line["outcome"], metrics, float(line["seconds"]), line.get("error")),
            )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LehrError(f"{source} is damaged: {error}") from None
    return table
