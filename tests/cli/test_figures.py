from __future__ import annotations

import pytest

from lehr.cli import figures


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("latency_p95_ms", 0.4158, "0.416 ms"), ("latency_p95_ms", 4.158, "4.16 ms"),
        ("latency_p95_ms", 9.996, "10.0 ms"),
        ("latency_p95_ms", 99.96, "100 ms"), ("latency_p95_ms", 1234.5, "1,234 ms"), ("latency_p95_ms", 0.0, "0 ms"),
        ("latency_p95_ms", 0.026, "0.0260 ms"),
        ("accuracy", 0.96612, "0.966"), ("accuracy", 1.0, "1.000"), ("throughput_items_s", 2798.7, "2,799/s"),
        ("memory_peak_mb", 55.91, "56 MB"), ("memory_peak_mb", 5.591, "5.6 MB"), ("something_else", 3.14159, "3.14"),
    ],
)  # fmt: skip
def test_figures_carry_three_digits_and_their_unit(metric: str, value: float, expected: str) -> None:
    assert figures.figure(metric, value) == expected


def test_what_was_not_measured_is_a_dash() -> None:
    assert figures.figure("latency_p95_ms", None) == "-"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.843, "0.84 s"), (12.34, "12.3 s"), (99.96, "1:40 min"), (3599, "59:59 min"), (3723, "1:02:03 h")],
)
def test_durations(value: float, expected: str) -> None:
    assert figures.seconds(value) == expected


def test_a_configuration_fits_on_one_line() -> None:
    config = {"model": "resnet", "quantization": "int8_static", "batch_size": 8, "num_threads": 2, "tile": 64}
    assert figures.compact(config) == "resnet int8_static b8 t2 tile=64"
