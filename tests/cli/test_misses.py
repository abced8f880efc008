from __future__ import annotations

import pytest

from lehr.cli.limits import Limit
from lehr.cli.misses import Missed, missed
from lehr.cli.summary import _loosened

LIMITS = (Limit("latency_p95_ms", 20.0), Limit("memory_peak_mb", 512.0), Limit("accuracy", 0.9, upper=False))


def test_only_what_was_measured_and_misses_counts() -> None:
    assert missed({"latency_p95_ms": 20.0, "memory_peak_mb": 512.0, "accuracy": 0.9}, LIMITS) == ()
    (only,) = missed({"latency_p95_ms": 25.0, "accuracy": 0.95}, LIMITS)
    assert only == Missed(LIMITS[0], 25.0)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (Missed(LIMITS[0], 23.1), "p95 latency 23.1 ms, 3.10 ms (15.5%) above 20 ms"),
        (Missed(LIMITS[0], 230.0), "p95 latency 230 ms, 210 ms (11.5 times the limit) above 20 ms"),
        (Missed(LIMITS[2], 0.45), "accuracy 0.450, 0.450 (50.0%) below 0.9"),
    ],
)
def test_a_miss_says_by_how_much(entry: Missed, said: str) -> None:
    assert str(entry) == said


@pytest.mark.parametrize("value", [0.0143, 0.9999, 1.0, 23.14, 99.96, 512.3, 1234.5])
@pytest.mark.parametrize("name", ["latency_p95_ms", "memory_peak_mb"])
def test_the_hint_lets_the_measured_figure_pass_and_not_much_more(name: str, value: float) -> None:
    from lehr.cli import units

    read = units.latency_ms if name.endswith("_ms") else units.memory_mb
    hinted = read(_loosened(name, value, upper=True), "--option")
    assert value <= hinted <= value * 1.011


def test_the_hint_for_a_lower_limit_stays_below() -> None:
    assert _loosened("accuracy", 0.96612, upper=False) == "0.966"
    assert _loosened("throughput_items_s", 2798.7, upper=False) == "2790"
