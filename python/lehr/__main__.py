"""``python -m lehr``: the command line."""

from __future__ import annotations

from lehr.cli.main import main

if __name__ == "__main__":
    main()
