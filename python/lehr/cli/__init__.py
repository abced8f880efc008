"""The command line: ``lehr tune``, ``lehr verify`` and ``lehr sweep``. Each command imports what it needs."""

from __future__ import annotations

from lehr.cli.main import main

__all__ = ["main"]
