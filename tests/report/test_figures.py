from __future__ import annotations

import pytest

from lehr.report import figures


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.843, "0.84 s"), (12.34, "12.3 s"), (99.96, "1:40 min"), (3599, "59:59 min"), (3723, "1:02:03 h")],
)
def test_durations(value: float, expected: str) -> None:
    assert figures.seconds(value) == expected


def test_a_configuration_fits_on_one_line() -> None:
    config = {"model": "resnet", "quantization": "int8_static", "batch_size": 8, "num_threads": 2, "tile": 64}
    assert figures.compact(config) == "resnet int8_static b8 t2 tile=64"
