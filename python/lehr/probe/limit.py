"""What is asked of a latency: a percentile, its upper limit, and what may be assumed to answer sooner."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from lehr.errors import OptionError

Rule = Literal["sequential", "paper", "fixed"]
DEFAULT_SPELL = 16.0
"""``LatencyLimit.spell`` as bench/verdict_coverage.py calibrates it: slow spells of 20 calls on average are covered."""
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")


def share_of(percentile: str) -> float:
    """0.95 for ``"p95"``.

    Raises:
        OptionError: it is not of the form p50, p95, p99 or p99.9.
    """
    match = _PERCENTILE.fullmatch(percentile) if isinstance(percentile, str) else None
    share = float(match[1]) / 100 if match else 0.0
    if not 0 < share < 1:
        raise OptionError(f"a percentile is written p50, p95 or p99.9, not {percentile!r}")
    return share


@dataclass(frozen=True, slots=True)
class LatencyLimit:
    """An upper limit on a percentile of the latency of one call.

    Attributes:
        percentile: ``"p95"``, say.
        value_ms: the limit in milliseconds.
        tail_index: 0 assumes nothing about the distribution. A positive number a assumes that from an eighth
            of the limit on, the tail falls at least as fast as ``x ** -a``: P(latency > k t) is at most
            P(latency > t) / k ** a. Calls far within the limit then count for more, and clear cases are
            settled after a third of the calls. 1 is a tail so heavy that it has no mean; a
            machine that stalls for many times the usual latency in over 5 % of all calls still breaks it.
        spell: how many calls slow spells may last on average of which none was seen yet: that many calls near the
            limit say as much as one that they are not there. Spells that slow calls by more than a factor of two are
            taken to last for a fifth of that, so calls that are mostly below half of the limit settle it without. The
            default keeps verdicts true for spells of 20 calls (5 beyond the factor of two) where they make up 8 % of
            the time; 1 is for calls that have no spells: a limit that is near is then settled as met after a
            tenth of the calls. What dependence the samples show is accounted for anyway.
        rule: ``sequential`` is the test; ``paper`` the fixed 100 calls of arXiv 2604.25073 with its trial
            timeout (the first three calls take more than 5 times the limit on average, 3 times once
            ``feasible_found``); ``fixed`` the 100 calls alone. The latter two give no verdict but the
            plain comparison.
        feasible_found: see ``rule``.

    Raises:
        OptionError: something is out of its range.
    """

    percentile: str
    value_ms: float
    tail_index: float = 0.0
    spell: float = DEFAULT_SPELL
    rule: Rule = "sequential"
    feasible_found: bool = False

    def __post_init__(self) -> None:
        share_of(self.percentile)
        if isinstance(self.value_ms, bool) or not isinstance(self.value_ms, int | float):
            raise OptionError(f"a latency limit is a number of milliseconds, not {self.value_ms!r}")
        if not (self.value_ms > 0 and math.isfinite(self.value_ms)):
            raise OptionError(f"a latency limit must be a finite number above 0, not {self.value_ms!r}")
        if self.rule not in ("sequential", "paper", "fixed"):
            raise OptionError(f"unknown rule {self.rule!r}; use 'sequential', 'paper' or 'fixed'")

    @property
    def share(self) -> float:
        """The percentile as a share: 0.95."""
        return share_of(self.percentile)

    @property
    def timeout_factor(self) -> float:
        """How many times the limit the paper's trial timeout allows."""
        return 3.0 if self.feasible_found else 5.0

    def __str__(self) -> str:
        return f"{self.percentile} <= {self.value_ms:g} ms"
