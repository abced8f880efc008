"""Stands in for the supervisor where a test is about what happens around a trial, not in it."""

from __future__ import annotations

import time

from lehr.supervise import Ending


class InProcess:
    """Evaluates in this process, and remembers what it was asked."""

    def __init__(self, **_options):
        self.calls = []

    def close(self):
        return None

    def run(self, function, *arguments, context, **options):
        self.calls.append((context, options))
        start = time.monotonic()
        try:
            result = function(*arguments)
        except Exception as error:
            kind = type(error).__name__
            evidence = {
                "reason": f"the function raised {kind}",
                "exception": {"type": kind, "message": str(error)},
                "signature": f"exception:{kind}",
            }
            return Ending("crashed", None, evidence, time.monotonic() - start)
        return result if isinstance(result, Ending) else Ending("ok", result, {}, time.monotonic() - start)
