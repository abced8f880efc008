"""The search methods by name."""

from __future__ import annotations

from typing import Literal

Method = Literal["random", "grid", "tba", "tpe", "tba-tpe", "guided"]
#: What TPE maximises: one ratio of densities, or a product of such ratios (Watanabe and Hutter, arXiv 2211.14411).
Acquisition = Literal["ratio", "c-tpe"]
METHODS: tuple[Method, ...] = ("random", "grid", "tba", "tpe", "tba-tpe", "guided")
