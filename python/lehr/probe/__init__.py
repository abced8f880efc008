"""Measurement that can be trusted: timed natively, judged by a test, reported with what disturbed it.

:func:`measure` times a callee and answers whether a :class:`Limit` on a percentile of its latency is met, at a
stated confidence, with as many calls as that takes and no more.
"""

from __future__ import annotations

from lehr.probe.conditions import Conditions
from lehr.probe.energy import Energy
from lehr.probe.limit import Limit
from lehr.probe.measuring import measure
from lehr.probe.memory import Memory
from lehr.probe.native import native
from lehr.probe.report import LatencyReport, Percentile, Verdict, Warmup

__all__ = [
    "Conditions",
    "Energy",
    "LatencyReport",
    "Limit",
    "Memory",
    "Percentile",
    "Verdict",
    "Warmup",
    "measure",
    "native",
]
