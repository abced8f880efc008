"""The space offered for a model on a machine, and its default configuration."""

from __future__ import annotations

from pathlib import Path

import onnx_files as files
import pytest

from lehr.deploy import FAMILIES, RECIPES, OnnxModel, baseline, deployment_space, zoo_models


def names(space: object) -> list[str]:
    return [variable.name for variable in space.variables]  # type: ignore[attr-defined]


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_the_default_is_legal_wherever_it_is_offered(cores: int, tmp_path: Path) -> None:
    free = {"m": OnnxModel.open(files.linear(tmp_path / "free.onnx"))}
    fixed = {"m": OnnxModel.open(files.linear(tmp_path / "fixed.onnx", (4, 8)))}
    for models in (zoo_models(), free, fixed):
        space, default = deployment_space(models, cores), baseline(models, cores)
        space.validate(default)
        assert default["quantization"] == "fp32"
        assert default.get("batch_size", 1) == 1
        assert default.get("num_threads", 1) == cores


def test_the_zoo_s_default_family_is_the_most_accurate_on_clean_images() -> None:
    assert baseline(zoo_models(), 2)["model"] == "resnet"


def test_nothing_is_filtered() -> None:
    space = deployment_space(zoo_models(), 2)
    by_name = {variable.name: variable for variable in space.variables}
    assert tuple(by_name["model"].choices) == FAMILIES
    assert tuple(by_name["quantization"].choices) == RECIPES
    assert set(by_name) == {
        "model", "quantization", "batch_size", "num_threads", "graph_optimization", "execution_mode",
    }  # fmt: skip


def test_what_cannot_vary_is_left_out(tmp_path: Path) -> None:
    fixed = {"m": OnnxModel.open(files.linear(tmp_path / "fixed.onnx", (4, 8)))}
    assert set(names(deployment_space(fixed, 1))) == {"quantization", "graph_optimization"}


def test_one_thread_leaves_nothing_to_run_in_parallel() -> None:
    models = zoo_models()
    space, default = deployment_space(models, 4), baseline(models, 4)
    one = {name: value for name, value in default.items() if name != "execution_mode"} | {"num_threads": 1}
    space.validate(one)
    space.validate(default | {"execution_mode": "parallel"})
