"""Stages for the tests: models opened and prepared as a tuning run does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from benches import Bench

from lehr.deploy import Stage, environment
from lehr.supervise import Supervisor


@pytest.fixture(scope="session")
def supervisor() -> Iterator[Supervisor]:
    """One for all stages, so that its helper is warm."""
    with Supervisor(environment=environment()) as made:
        yield made


@pytest.fixture
def stage(tmp_path: Path, supervisor: Supervisor) -> Stage:
    """A stage with an empty work folder."""
    return Stage(tmp_path / "work", supervisor)


@pytest.fixture
def bench(stage: Stage) -> Callable[..., Bench]:
    """``bench(model, data, **evaluator_options)``; the zoo without a model."""

    def make(model: Path | None = None, data: Path | None = None, **options: Any) -> Bench:
        return Bench(stage, model, data, **options)

    return make


@pytest.fixture(scope="session")
def zoo_bench(tmp_path_factory: pytest.TempPathFactory, supervisor: Supervisor) -> Bench:
    """The zoo, opened once for all tests."""
    return Bench(Stage(tmp_path_factory.mktemp("zoo") / "work", supervisor), None)
