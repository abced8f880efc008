from __future__ import annotations

import pytest

from lehr.cli.exits import InputError
from lehr.cli.limits import LimitOptions, parse_objective
from lehr.limits import Limit


def test_every_limit_option_becomes_the_limit_it_names() -> None:
    options = LimitOptions(
        max_latency_p50="10ms", max_latency_p95="0.02s", max_latency_p99="30ms", max_memory="512MB",
        max_model_size="10MiB", min_accuracy="95%", min_throughput="500/s",
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


@pytest.mark.parametrize("text", ["0/s", "-5", "many", "nan", "inf", "5ms"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(InputError, match="--min-throughput"):
        LimitOptions(min_throughput=text).limits()


def test_an_unknown_objective_gets_a_suggestion() -> None:
    assert parse_objective(" Throughput ").metric == "throughput_items_s"
    with pytest.raises(InputError, match="did you mean accuracy"):
        parse_objective("acuracy")
    with pytest.raises(InputError, match="use one of accuracy, throughput, latency, memory"):
        parse_objective("beauty")
