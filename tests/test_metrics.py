"""Metrics as people read them."""

from __future__ import annotations

import pytest

from lehr import metrics


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("latency_p95_ms", 0.4158, "0.416 ms"), ("latency_p95_ms", 4.158, "4.16 ms"),
        ("latency_p95_ms", 9.996, "10.0 ms"),
        ("latency_p95_ms", 99.96, "100 ms"), ("latency_p95_ms", 1234.5, "1,234 ms"), ("latency_p95_ms", 0.0, "0 ms"),
        ("latency_p95_ms", 0.026, "0.0260 ms"),
        ("accuracy", 0.96612, "0.966"), ("accuracy", 1.0, "1.000"), ("throughput_items_s", 2798.7, "2,799/s"),
        ("memory_peak_mb", 55.91, "56 MB"), ("memory_peak_mb", 5.591, "5.6 MB"), ("something_else", 3.14159, "3.14"),
        ("energy_j_per_item", 0.5, "0.500 J"), ("wait_s", 2.0, "2.00 s"),
    ],
)  # fmt: skip
def test_figures_carry_three_digits_and_their_unit(metric: str, value: float, expected: str) -> None:
    assert metrics.figure(metric, value) == expected


def test_what_was_not_measured_is_a_dash() -> None:
    assert metrics.figure("latency_p95_ms", None) == "-"


def test_goals_and_options_name_one_metric_each() -> None:
    options = [row.option for row in metrics.METRICS.values() if row.option]
    assert len(options) == len(set(options))
    assert {name: row.name for name, row in metrics.GOALS.items()} == {
        "accuracy": "accuracy", "throughput": "throughput_items_s", "latency": "latency_p95_ms",
        "memory": "memory_peak_mb",
    }  # fmt: skip


def test_what_has_no_row_is_known_by_its_name() -> None:
    assert (metrics.metric("queue_ms").unit, metrics.metric("queue_ms").kind) == ("ms", "time")
    assert (metrics.metric("heap_mb").unit, metrics.metric("heap_mb").kind) == ("MB", "memory")
    assert (metrics.metric("f1").unit, metrics.metric("f1").better) == ("", None)


@pytest.mark.parametrize("row", metrics.METRICS.values(), ids=lambda row: row.name)
def test_an_option_says_which_side_it_limits(row: metrics.Metric) -> None:
    if row.option:
        assert row.option.startswith("min-" if row.side == ">=" else "max-")
