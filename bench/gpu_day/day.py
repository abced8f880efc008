"""What all stages share: rows of JSON in ``$OUT/rows.jsonl``, and checks of which each is tried."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

DRY = os.environ.get("DRY") == "1"
"""Stand-in drivers play the GPU: everything is shorter, and no figure means anything."""


def row(name: str, /, **values: Any) -> None:
    """Print a row and keep it."""
    line = json.dumps({"row": name, **({"dry": True} if DRY else {}), **values}, default=str)
    print(line, flush=True)
    with (Path(os.environ["OUT"]) / "rows.jsonl").open("a") as out:
        out.write(line + "\n")


class Checks:
    """The checks of a stage. A failing one stops nothing; the exit status says how many failed."""

    def __init__(self, stage: str) -> None:
        self._stage, self._failed = stage, 0

    def that(self, name: str, holds: object, /, **values: Any) -> None:
        row(f"{self._stage}: {name}", ok=bool(holds), **values)
        self._failed += not holds

    def attempt(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Exception as error:
            where = traceback.format_exc()[-900:]
            self.that(check.__name__, False, error=repr(error)[:600], at=where)

    def end(self) -> None:
        sys.exit(min(self._failed, 99))


def torch_or_none() -> ModuleType | None:
    """PyTorch, where there is one that sees a GPU."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None
