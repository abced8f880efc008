"""Curves over trials: how a method's studies stand after each number of trials, in the mean and in quantiles."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from lehr.bench.tables import Schema

Floats = npt.NDArray[np.float64]

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

SCHEMA: Schema = {
    "trial": "int",  # number of trials spent, from 1
    "studies": "int",
    "found": "int",  # studies with something feasible, as measured
    "false_winners": "int",  # of them, those whose winner is none in truth
    "regret": "float",  # mean over the studies with a true winner
    **{f"regret_q{100 * q:.0f}": "float" for q in QUANTILES},
    "wasted": "float",  # mean share of trials so far that were not feasible
    **{f"wasted_q{100 * q:.0f}": "float" for q in QUANTILES},
    "discovered": "float",  # share of studies whose winner is of the optimum's family; missing without families
}
"""Columns of a cell's curves, a row for each number of trials. A study that ended early keeps what it had. Quantiles
of regret count a study without a true winner as infinitely bad, and are missing where that is what they are."""


def curves(paths: Mapping[str, npt.NDArray[Any]], budget: int) -> dict[str, Any]:
    """Curves of the studies with these paths (`lehr.bench.store.PATHS`), for 1 to `budget` trials."""
    studies = len(paths["study"])
    steps = _holding(paths, budget)
    regret = _held(paths, "step_regrets", steps)
    discovered = _held(paths, "step_discovered", steps)
    found = steps > 0
    known_families = bool((~np.isnan(discovered)).any()) or not found.any()
    wasted = _wasted(paths, budget)
    ordered = np.sort(np.where(np.isnan(regret), math.inf, regret), axis=0)
    columns: dict[str, Any] = {
        "trial": list(range(1, budget + 1)),
        "studies": [studies] * budget,
        "found": found.sum(axis=0).tolist(),
        "false_winners": (found & np.isnan(regret)).sum(axis=0).tolist(),
        "regret": _mean(regret),
    }
    for q in QUANTILES:
        columns[f"regret_q{100 * q:.0f}"] = _quantile(ordered, q)
    columns["wasted"] = _mean(wasted)
    for q in QUANTILES:
        columns[f"wasted_q{100 * q:.0f}"] = _quantile(np.sort(wasted, axis=0), q)
    share = (
        np.where(np.isnan(discovered), 0.0, discovered).mean(axis=0) if studies else np.full(budget, math.nan)
    )
    columns["discovered"] = (share if known_families else np.full(budget, math.nan)).tolist()
    return columns


def _holding(paths: Mapping[str, npt.NDArray[Any]], budget: int) -> npt.NDArray[np.int64]:
    """Which step, counted over all studies from 1, holds after each number of trials; 0 before the first step.
    Shape (studies, budget).
    """
    texts = paths["step_trials"].tolist()
    rows = np.repeat(np.arange(len(texts)), [len(text.split()) for text in texts])
    trials = np.array(" ".join(texts).split(), dtype=np.int64)
    steps = np.zeros((len(texts), budget), dtype=np.int64)
    steps[rows, trials] = np.arange(1, len(trials) + 1)
    return np.maximum.accumulate(steps, axis=1)


def _held(paths: Mapping[str, npt.NDArray[Any]], name: str, steps: npt.NDArray[np.int64]) -> Floats:
    """The value of the step that holds; NaN before the first one."""
    values = np.array(["nan", *" ".join(paths[name].tolist()).split()], dtype=np.float64)
    return values[steps]


def _wasted(paths: Mapping[str, npt.NDArray[Any]], budget: int) -> Floats:
    """Share of the trials so far that were not feasible. Shape (studies, budget)."""
    texts = paths["feasible"].tolist()
    lengths = np.array([len(text) for text in texts], dtype=np.int64)[:, None]
    padded = "".join(text.ljust(budget, "1") for text in texts).encode()
    failed = (np.frombuffer(padded, dtype=np.uint8) == ord("0")).reshape(len(texts), budget)
    trials = np.minimum(np.arange(1, budget + 1), lengths)  # a study that ended early keeps its share
    with np.errstate(invalid="ignore"):
        share: Floats = np.cumsum(failed, axis=1) / trials
    return share


def _mean(table: Floats) -> list[float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column of NaNs has the mean NaN
        means: list[float] = np.nanmean(table, axis=0).tolist() if len(table) else [math.nan] * table.shape[1]
    return means


def _quantile(ordered: Floats, q: float) -> list[float]:
    """Quantiles of sorted columns by linear interpolation; NaN where infinity takes part."""
    if len(ordered) == 0:
        return [math.nan] * ordered.shape[1]
    position = q * (len(ordered) - 1)
    low, high = ordered[math.floor(position)], ordered[math.ceil(position)]
    with np.errstate(invalid="ignore"):
        values = low + (high - low) * (position - math.floor(position))
    return [value if math.isfinite(value) else math.nan for value in values.tolist()]
