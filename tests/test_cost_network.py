"""The exact minimum of a sum of tables: branch and bound against trying everything."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from testing_core import lehr_testing


def network(seed):
    """Sizes, tables as (scope, costs, part), and the number of parts."""
    draw = random.Random(seed)
    sizes = [draw.randint(2, 5) for _ in range(draw.randint(3, 6))]
    parts = draw.randint(1, 3)
    tables = []
    for _ in range(draw.randint(2, 9)):
        scope = sorted(draw.sample(range(len(sizes)), draw.randint(0, 3)))
        count = math.prod(sizes[i] for i in scope)
        dead = draw.choice([0.0, 0.3, 0.6])
        costs = [math.inf if draw.random() < dead else draw.uniform(-1.0, 1.0) for _ in range(count)]
        tables.append((scope, costs, draw.randrange(parts)))
    return sizes, tables, parts


def cost(places, sizes, tables, parts):
    sums = [0.0] * parts
    for scope, costs, part in tables:
        index = 0
        for variable in scope:
            index = index * sizes[variable] + places[variable]
        sums[part] += costs[index]
    # One part that is impossible makes the whole impossible.
    return math.inf if math.inf in sums else max(sums) + 0.01 * sum(places)


@pytest.mark.parametrize("seed", range(60))
def test_the_minimum_is_that_of_trying_everything(seed):
    sizes, tables, parts = network(seed)
    everything = [
        (cost(places, sizes, tables, parts), places) for places in itertools.product(*map(range, sizes))
    ]
    least = min(everything)[0]
    places, found, proven, nodes = lehr_testing.minimise_costs(sizes, tables, parts, 10**9)
    assert proven
    if math.isinf(least):
        assert (places, found) == ([], math.inf)
        return
    assert found == pytest.approx(least, abs=1e-12)
    assert cost(places, sizes, tables, parts) == pytest.approx(found, abs=1e-12)
    assert nodes <= sum(math.prod(sizes[: i + 1]) for i in range(len(sizes))) * max(sizes)


def test_without_enough_nodes_nothing_is_proven():
    sizes = [4] * 6
    draw = random.Random(3)
    tables = [([i, (i + 3) % 6], [draw.random() for _ in range(16)], 0) for i in range(3)]
    places, found, proven, nodes = lehr_testing.minimise_costs(sizes, tables, 1, 8)
    assert not proven
    assert nodes > 8
    assert len(places) == 6  # what it met first
    best = lehr_testing.minimise_costs(sizes, tables, 1, 10**6)
    assert best[2]
    assert best[1] <= found
    assert lehr_testing.minimise_costs(sizes, tables, 1, 3)[0] == []
