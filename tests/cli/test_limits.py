"""Limits as options: a short form for metrics that have one, and --limit for any."""

from __future__ import annotations

import pytest

from lehr.cli.exits import InputError
from lehr.cli.limits import LimitOptions
from lehr.limits import Limit


def test_every_short_form_becomes_the_limit_it_names() -> None:
    options = LimitOptions(
        {"latency_p50_ms": "10ms", "latency_p95_ms": "0.02s", "latency_p99_ms": "30ms", "memory_peak_mb": "512MB",
         "model_size_mb": "10MiB", "accuracy": "95%", "throughput_items_s": "500/s"}
    )  # fmt: skip
    assert options.limits() == (
        Limit("latency_p50_ms", 10.0),
        Limit("latency_p95_ms", 20.0),
        Limit("latency_p99_ms", 30.0),
        Limit("memory_peak_mb", 512.0),
        Limit("model_size_mb", 10.48576),
        Limit("accuracy", 0.95, side=">="),
        Limit("throughput_items_s", 500.0, side=">="),
    )


def test_anything_that_is_measured_can_be_limited() -> None:
    options = LimitOptions({"accuracy": "0.9"}, ("energy_j_per_item <= 0.5", "load_s<=200ms"))
    assert options.limits() == (
        Limit("accuracy", 0.9, ">="),
        Limit("energy_j_per_item", 0.5),
        Limit("load_s", 0.2),
    )


@pytest.mark.parametrize("text", ["0/s", "-5", "many", "nan", "inf", "5ms"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(InputError, match="--min-throughput"):
        LimitOptions({"throughput_items_s": text}).limits()


@pytest.mark.parametrize(
    ("text", "said"),
    [("energy", "--limit: cannot read 'energy'"), ("load_s == 2", "equality"), ("x <= 2 GB", "has no unit")],
)
def test_what_is_no_limit(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        LimitOptions({}, (text,)).limits()


def test_one_metric_has_one_limit_a_side() -> None:
    with pytest.raises(InputError, match="two limits of the same kind"):
        LimitOptions({"latency_p95_ms": "20ms"}, ("latency_p95_ms <= 30",)).limits()
