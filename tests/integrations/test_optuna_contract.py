"""Optuna's own contract of a sampler, unchanged, for every method."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    RelativeSamplerTestCase,
    SingleOnlySamplerTestCase,
)

from lehr.integrations.optuna import LehrSampler


class _Method:
    method: str

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        return lambda: LehrSampler(self.method, seed=0)


class _Contract(_Method, BasicSamplerTestCase, RelativeSamplerTestCase, SingleOnlySamplerTestCase):
    pass


class TestHybrid(_Contract):
    method = "tba-tpe"


class TestAnnealing(_Contract):
    method = "tba"


class TestTpe(_Contract):
    method = "tpe"


class TestRandom(_Contract):
    method = "random"


class TestGrid(_Contract):
    method = "grid"
