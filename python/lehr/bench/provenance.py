"""Where results come from: version, commit, compiler, processor, command."""

from __future__ import annotations

import datetime
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from lehr import __version__, _core


@cache
def commit() -> str | None:
    """The git commit that this lehr is run from, with ``+`` when files differ from it; None for an installed one."""
    package = Path(__file__).resolve().parents[1]
    root = package.parents[1]
    if not (root / ".git").exists() or not (root / "python" / "lehr").samefile(package):
        return None
    try:
        head = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return head + ("+" if changed else "")


def build() -> dict[str, Any]:
    """What the results depend on: lehr's version and commit, the core's compiler and CPU kernel, the processor."""
    from lehr.deploy.machine import cpu_model

    return {
        "lehr": __version__,
        "commit": commit(),
        "compiler": _core.compiler(),
        "kernel": _core.isa(),
        "cpu": cpu_model(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def provenance(command: list[str] | None = None) -> dict[str, Any]:
    """`build`, with the command (that of this process by default) and the time now, UTC."""
    now = datetime.datetime.now(datetime.UTC)
    return build() | {
        "command": _command() if command is None else command,
        "date": now.isoformat(timespec="seconds"),
    }


def _command() -> list[str]:
    return [Path(sys.argv[0]).name, *sys.argv[1:]] if sys.argv else []


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
