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
    regret = _filled(paths, "step_regrets", budget)
    best = _filled(paths, "step_bests", budget)
    discovered = _filled(paths, "step_discovered", budget)
    found = ~np.isnan(best)
    known_families = bool((~np.isnan(discovered)).any()) or not found.any()
    wasted = np.full((studies, budget), math.nan)
    for row, flags in enumerate(paths["feasible"]):
        failed = np.frombuffer(str(flags).encode(), dtype=np.uint8) == ord("0")
        failed = failed[:budget]
        wasted[row, : len(failed)] = np.cumsum(failed) / np.arange(1, len(failed) + 1)
        wasted[row, len(failed) :] = wasted[row, len(failed) - 1] if len(failed) else math.nan
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


def _filled(paths: Mapping[str, npt.NDArray[Any]], name: str, budget: int) -> Floats:
    """The value that holds after each number of trials; NaN before the first step. Shape (studies, budget)."""
    table = np.full((len(paths["study"]), budget), math.nan)
    for row, (trials, values) in enumerate(zip(paths["step_trials"], paths[name], strict=True)):
        for trial, value in zip(str(trials).split(), str(values).split(), strict=True):
            table[row, int(trial) :] = float(value)
    return table


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
