"""How far a sweep is, and how long it will still take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lehr.bench.store import Cell

_WORTH = 8.0  # as many studies of a cell's own count as much as what its kin suggest


@dataclass(frozen=True, slots=True)
class Item:
    """Studies of a cell that are to be run: `count` of them, from number `first`."""

    cell: Cell
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A sweep under way.

    Attributes:
        studies_done: of those that were to be run.
        studies: that were to be run.
        cells_done: parts of cells finished and stored.
        cells: parts of cells that were to be run.
        seconds: since the start.
        seconds_left: estimated; None while a method is too new on a problem to tell.
        share: of the work that is done, 0 to 1, by seconds; None where seconds_left is.
    """

    studies_done: int
    studies: int
    cells_done: int
    cells: int
    seconds: float
    seconds_left: float | None
    share: float | None


def report(
    items: Sequence[Item],
    measured: Sequence[tuple[int, float]],
    cells_done: int,
    threads: int,
    seconds: float,
) -> Progress:
    """Progress from what is measured of each item: studies done, and seconds of threads spent on them.

    What is left of a cell costs what its studies cost so far. Of a cell with few finished studies it is taken to cost,
    the more the fewer, what the same method costs on the same problem, scaled to its budget.
    """
    left = [_left(item, index, items, measured) for index, item in enumerate(items)]
    spent = sum(busy for _, busy in measured)
    total_left = math.fsum(value for value in left if value is not None)
    known = None not in left
    share = spent / (spent + total_left) if known and spent + total_left > 0 else None
    return Progress(
        studies_done=sum(done for done, _ in measured),
        studies=sum(item.count for item in items),
        cells_done=cells_done,
        cells=len(items),
        seconds=seconds,
        seconds_left=total_left / threads if known else None,
        share=share,
    )


def _left(
    item: Item, index: int, items: Sequence[Item], measured: Sequence[tuple[int, float]]
) -> float | None:
    done, busy = measured[index]
    if done == item.count:
        return 0.0
    # Those that are known better: one study says little about its cell.
    kin = [
        (other.cell.budget, spent / finished)
        for other, (finished, spent) in zip(items, measured, strict=True)
        if finished > done
        and (other.cell.problem, other.cell.method) == (item.cell.problem, item.cell.method)
    ]
    if not kin:
        return (item.count - done) * busy / done if done > 0 else None
    cost = (busy + _WORTH * _scaled(kin, item.cell.budget)) / (done + _WORTH)
    return (item.count - done) * cost


def _scaled(kin: Sequence[tuple[int, float]], budget: int) -> float:
    """Seconds of a study from those of studies with other budgets: a power law through the two nearest, or in
    proportion to the budget when only one is known.
    """
    nearest = sorted(set(kin), key=lambda known: abs(math.log(known[0] / budget)))
    size, cost = nearest[0]
    power = 1.0
    for other_size, other_cost in nearest[1:]:
        if other_size != size and min(cost, other_cost) > 0:
            # Times of single studies scatter; no method is faster for more trials, none worse than cubic.
            power = min(3.0, max(0.5, math.log(other_cost / cost) / math.log(other_size / size)))
            break
    return float(cost * (budget / size) ** power)
