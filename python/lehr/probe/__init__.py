"""Measurement that can be trusted: timed natively, judged by a test, reported with what disturbed it.

:func:`measure` times a callee and answers whether a :class:`LatencyLimit` on a percentile of its latency is met, at a
stated confidence, with as many calls as that takes and no more.
"""

from __future__ import annotations

from lehr.probe.conditions import Conditions
from lehr.probe.energy import Energy
from lehr.probe.limit import LatencyLimit
from lehr.probe.measuring import measure
from lehr.probe.memory import Memory
from lehr.probe.native import native
from lehr.probe.report import LatencyReport, Percentile, Verdict, Warmup

Limit = LatencyLimit
"""The name of :class:`LatencyLimit` in lehr 0.1, kept for its callers. :class:`lehr.limits.Limit` is a limit on any
metric."""

__all__ = [
    "Conditions",
    "Energy",
    "LatencyLimit",
    "LatencyReport",
    "Limit",
    "Memory",
    "Percentile",
    "Verdict",
    "Warmup",
    "measure",
    "native",
]
