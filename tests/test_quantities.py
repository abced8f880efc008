from __future__ import annotations

import pytest

from lehr import quantities as units
from lehr.errors import OptionError
from lehr.quantities import Budget


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20ms", 20.0), ("20 ms", 20.0), (" 20MS ", 20.0), ("0.5s", 500.0), (".5s", 500.0), ("500us", 0.5),
        ("500µs", 0.5),
        ("500μs", 0.5), ("1e3us", 1.0), ("250000ns", 0.25), ("2min", 120_000.0), ("1h", 3_600_000.0),
    ],
)  # fmt: skip
def test_times_convert_exactly(text: str, expected: float) -> None:
    assert units.latency_ms(text, "--limit") == expected
    assert units.duration_s(text, "--limit") == expected / 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("512MB", 512.0), ("512 mb", 512.0), ("2GB", 2000.0), ("1TB", 1e6), ("500KB", 0.5), ("1000000B", 1.0),
        ("512MiB", 536.870912), ("1GiB", 1073.741824), ("1024KiB", 1.048576), ("0.5gb", 500.0),
    ],
)  # fmt: skip
def test_decimal_and_binary_sizes_are_told_apart(text: str, expected: float) -> None:
    assert units.memory_mb(text, "--limit") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("20", "'20' has no unit; say the unit: 20ms"),
        ("2 m", "'m'; use one of ns, us, ms, s, min, h"),
        ("20MB", "'MB'; use one of ns"),
        ("fast", "not a number with a unit, such as 20ms"),
        ("", "not a number"),
        ("-5ms", "not above 0"),
        ("0ms", "not above 0"),
        ("1e999ms", "not above 0 and finite"),
        ("nanms", "not a number"),
        ("1,5ms", "not a number"),
        ("5ms ms", "not a number"),
    ],
)
def test_a_time_that_cannot_be_read_says_what_to_type(text: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        units.latency_ms(text, "--max-latency-p95")
    assert str(caught.value).startswith("--max-latency-p95: ")
    assert said in str(caught.value)


def test_a_size_without_unit_proposes_megabytes() -> None:
    with pytest.raises(OptionError, match="say the unit: 512MB"):
        units.memory_mb("512", "--max-memory")
    with pytest.raises(OptionError, match="use one of B, KB, MB, GB, TB, KiB, MiB, GiB, TiB"):
        units.memory_mb("512Mo", "--max-memory")


@pytest.mark.parametrize(
    ("text", "expected"), [("0.95", 0.95), ("95%", 0.95), ("1", 1.0), ("0", 0.0), ("99.5 %", 0.995)]
)
def test_shares(text: str, expected: float) -> None:
    assert units.share(text, "--min-accuracy") == expected


@pytest.mark.parametrize("text", ["95", "1.01", "-0.1", "101%", "high", "0.9ms"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(OptionError, match="--min-accuracy"):
        units.share(text, "--min-accuracy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25", Budget(trials=25)),
        ("1", Budget(trials=1)),
        ("60s", Budget(seconds=60)),
        ("2min", Budget(seconds=120)),
    ],
)
def test_budgets(text: str, expected: Budget) -> None:
    assert units.budget(text) == expected


@pytest.mark.parametrize("text", ["0", "-3", "2.5", "1e3", "0s", "lots", "", "10000000", "60MB"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(OptionError, match="--budget"):
        units.budget(text)
