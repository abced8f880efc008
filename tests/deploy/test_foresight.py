"""What a runtime says that it cannot run is left out before the first trial, and said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx_files as files
import pytest

from lehr import Categorical, Int, OptionError, Space, param
from lehr.deploy import RunnableModel, Stage, deployment_space, zoo
from lehr.deploy.backends._ort_kernels import kernels_of_the_cpu, without_bfloat16
from lehr.deploy.backends.onnxruntime import OnnxRuntime
from lehr.deploy.request import read_request
from lehr.deploy.without import left_of, without, without_unable
from lehr.deploy.workload import open_workload

WHY = "no kernel"


def kernel(operator: str, *types: str) -> Any:
    return SimpleNamespace(
        op_name=operator, domain="", type_constraints={"T": [f"tensor({one})" for one in types]}
    )


def test_operators_without_bfloat16_are_known_from_the_runtimes_own_list(tmp_path: Path) -> None:
    assert kernels_of_the_cpu()
    assert without_bfloat16(files.linear(tmp_path / "m.onnx")) == ("MatMul",)
    assert without_bfloat16(zoo()["lenet"].path)[0] == "Conv"
    inside = without_bfloat16(files.branching(tmp_path / "b.onnx"))
    assert {"MatMul", "Tanh"} <= set(inside)  # in branches and bodies too


def test_what_may_work_on_whole_numbers_or_has_a_kernel_is_left_to_its_trial(tmp_path: Path) -> None:
    path = files.embedding(tmp_path / "m.onnx")  # ids are subtracted from and looked up, and vectors averaged
    both = [kernel(name, "float", "int64") for name in ("Sub", "Gather", "ReduceMean")]
    assert without_bfloat16(path, both) == ("Gather",)  # whose table is of floats
    linear = files.linear(tmp_path / "l.onnx")
    assert without_bfloat16(linear, [kernel("MatMul", "float")]) == ("MatMul",)
    assert without_bfloat16(linear, [kernel("MatMul", "float"), kernel("MatMul", "bfloat16")]) == ()
    assert without_bfloat16(linear, []) == ()  # a build that does not tell


def test_a_kernel_that_comes_is_no_longer_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx"))
    runtime = OnnxRuntime()
    assert runtime.unable(model) == {"quantization=bf16": "this runtime has no bfloat16 kernel for MatMul"}
    monkeypatch.setattr(
        "lehr.deploy.backends._ort_kernels.kernels_of_the_cpu",
        lambda: [kernel("MatMul", "float", "bfloat16")],
    )
    assert runtime.unable(model) == {}


def request(model: Path, **given: Any) -> Any:
    arguments: dict[str, Any] = {
        "data": None, "limits": None, "objective": None, "budget": 1, "seed": 0, "backends": None, "metric": None,
        "shapes": None, "batch_axis": None, "method": None, "preset": "default", "without": (),
        "trial_timeout_s": None, "memory_limit_mb": None, "storage": None, "name": None, "fresh": False,
        "policies": None, "early_end": True, "final_s": None,
    }  # fmt: skip
    return read_request(model, **{**arguments, **given})


def test_a_tuning_run_leaves_it_out_and_says_so(stage: Stage, tmp_path: Path) -> None:
    model = files.linear(tmp_path / "m.onnx")
    asked = request(model)
    workload = open_workload(stage, asked, drops=asked.without)
    choices: Any = workload.space["quantization"]
    assert "bf16" not in choices.choices
    assert "fp16" in choices.choices
    assert "bf16 is left out: this runtime has no bfloat16 kernel for MatMul." in workload.notes
    own = open_workload(stage, asked, drops=["quantization=bf16"])
    assert not any("bf16" in note for note in own.notes)  # it was not asked for


def space(*more: Any) -> Space:
    return Space([*more, Categorical("quantization", ["as_is", "bf16", "int8"]), Int("batch_size", 1, 4)])


def configs(found: Space) -> set[tuple[Any, ...]]:
    return {tuple(value for name, value in one.items() if name != "batch_size") for one in found.enumerate()}


def test_of_several_models_only_those_that_cannot() -> None:
    unable = {"a": {"x": {"quantization=bf16": WHY}}, "b": {"x": {}}}
    found, notes = without_unable(space(Categorical("model", ["a", "b"])), unable)
    assert ("a", "bf16") not in configs(found)
    assert ("b", "bf16") in configs(found)
    assert notes == (f"bf16 is left out for a: {WHY}.",)


def test_reasons_that_differ_from_model_to_model_are_told_once() -> None:
    unable = {name: {"x": {"quantization=bf16": f"no kernel for {name}"}} for name in ("a", "b", "c")}
    found, notes = without_unable(space(Categorical("model", ["a", "b", "c"])), unable)
    assert not [one for one in configs(found) if "bf16" in one]
    assert notes == ("bf16 is left out: no kernel for a (of a; likewise of b, c).",)


def test_a_backend_that_foresees_nothing_keeps_its_choices() -> None:
    unable = {"a": {"x": {"quantization=bf16": WHY}}}
    found, _ = without_unable(space(Categorical("backend", ["x", "y"])), unable)
    assert ("x", "bf16") not in configs(found)
    assert ("y", "bf16") in configs(found)


def test_nothing_is_forbidden_that_is_not_there_or_that_would_leave_nothing() -> None:
    lone = Space([Categorical("quantization", ["bf16"]), Int("batch_size", 1, 4)])
    assert without_unable(lone, {"a": {"x": {"quantization=bf16": WHY}}}) == (lone, ())
    there = space()
    assert without_unable(there, {"a": {"x": {"colour=red": WHY, "quantization=int3": WHY}}}) == (there, ())
    assert without_unable(there, {}) == (there, ())
    free = deployment_space({}, 1)
    assert without_unable(free, {"a": {}}) == (free, ())


def test_what_the_user_leaves_out_may_be_what_a_condition_speaks_of() -> None:
    found = space(Categorical("backend", ["x", "y"]))
    guarded = Space(found.variables, [(param("backend") == "y") & param("quantization").isin(["bf16"])])
    left = without(guarded, ["quantization=bf16"])
    assert not [one for one in configs(left) if "bf16" in one]


def test_a_backend_that_is_left_out_takes_its_variables_along() -> None:
    assert left_of(("x", "y"), ["quantization=bf16"]) == ("x", "y")
    assert left_of(("x", "y"), ["backend=x"]) == ("y",)
    with pytest.raises(OptionError, match="backend has no value 'z'; it has x, y"):
        left_of(("x", "y"), ["backend=z"])
    with pytest.raises(OptionError, match="backend=y is the last value"):
        left_of(("x", "y"), ["backend=x", "backend=y"])
