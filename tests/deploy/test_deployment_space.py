"""The space offered for a model on a machine, and its default configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx_files as files
import pytest

from lehr import Space
from lehr.deploy import FAMILIES, RECIPES, RunnableModel, baseline, deployment_space, zoo_models


@pytest.fixture
def free(tmp_path: Path) -> dict[str, RunnableModel]:
    """A model that takes any batch."""
    return {"m": RunnableModel.open(files.linear(tmp_path / "free.onnx"))}


@pytest.fixture
def fixed(tmp_path: Path) -> dict[str, RunnableModel]:
    """A model that takes four items a call."""
    return {"m": RunnableModel.open(files.linear(tmp_path / "fixed.onnx", (4, 8)))}


def combinations(space: Space, names: set[str]) -> set[tuple[tuple[str, Any], ...]]:
    """What the named variables can be together, as sampling finds it."""
    return {
        tuple((name, value) for name, value in config.items() if name in names)
        for config in space.sample(2000, seed=0)
    }


@pytest.mark.parametrize("cores", [1, 2, 3, 8, 64])
def test_the_default_is_legal_wherever_it_is_offered(cores: int, free: Any, fixed: Any) -> None:
    for models in (zoo_models(), free, fixed):
        space, default = deployment_space(models, cores), baseline(models, cores)
        space.validate(default)
        assert default["quantization"] == "as_is"
        assert default.get("batch_size", 1) == 1
        assert default.get("num_threads", "auto") == "auto"
        assert default.get("spinning", True) is True
        assert "execution_mode" not in default


def test_the_zoo_s_default_family_is_the_most_accurate_on_clean_images() -> None:
    assert baseline(zoo_models(), 2)["model"] == "resnet"


def test_nothing_is_filtered() -> None:
    space = deployment_space(zoo_models(), 2)
    by_name: dict[str, Any] = {variable.name: variable for variable in space.variables}
    assert tuple(by_name["model"].choices) == FAMILIES
    assert tuple(by_name["quantization"].choices) == RECIPES
    assert set(by_name) == {
        "model", "quantization", "per_channel", "calibration", "batch_size", "num_threads", "execution_mode",
        "spinning", "memory_pattern", "graph_optimization",
    }  # fmt: skip
    assert "inter_op_threads" in deployment_space(zoo_models(), 4).names


def test_what_cannot_vary_is_left_out(fixed: Any) -> None:
    assert deployment_space(fixed, 1).names == (
        "quantization", "per_channel", "calibration", "memory_pattern", "graph_optimization",
    )  # fmt: skip


def test_conditions_keep_the_space_small(free: Any) -> None:
    """On two cores twelve ways to run a session and ten recipes, times four levels and 64 batch sizes: 30,720."""
    space = deployment_space(free, 2)
    session = combinations(space, {"num_threads", "execution_mode", "spinning", "memory_pattern"})
    assert len(session) == 12
    recipes = combinations(space, {"quantization", "per_channel", "calibration"})
    assert len(recipes) == len(RECIPES) + 3 == 10


def test_threads_beside_threads_are_no_more_than_cores(free: Any) -> None:
    space = deployment_space(free, 6)
    seen = set()
    for config in space.sample(3000, seed=0):
        parallel = config.get("execution_mode") == "parallel"
        assert ("inter_op_threads" in config) == parallel
        assert ("memory_pattern" in config) == (not parallel)
        assert ("spinning" in config) == (parallel or config["num_threads"] != 1)
        if parallel:
            seen.add((config["num_threads"], config["inter_op_threads"]))
    assert seen == {(1, 2), (1, 3), (1, 4), (1, 6), (2, 2), (2, 3), (3, 2)}
