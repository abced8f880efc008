"""How this program was called, for provenance and for people to copy."""

from __future__ import annotations

import sys
from pathlib import Path


def invoked_as() -> tuple[str, ...]:
    """The words before the arguments."""
    return ("python", "-m", "lehr") if Path(sys.argv[0]).name == "__main__.py" else ("lehr",)


def command() -> list[str]:
    """The whole command."""
    return [*invoked_as(), *sys.argv[1:]]
