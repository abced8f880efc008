"""Recipes: what each makes, what it costs, how it fails; and that nothing is left lying about."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_files as files
import pytest
from onnx import TensorProto, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from lehr import OptionError
from lehr.deploy import AS_IS, FAMILIES, RECIPES, RunnableModel, quantize, zoo
from lehr.deploy.data import made_up_samples, zoo_samples
from lehr.deploy.models import quiet_session
from lehr.deploy.quantize import CALIBRATIONS, bfloat16_bits, recipe_key

CONVERTING = [recipe for recipe in RECIPES if recipe != AS_IS]
RUNNING = [recipe for recipe in CONVERTING if recipe != "bf16"]


def convert(recipe: str, model: RunnableModel, samples: Any, target: Path, **options: Any) -> bool:
    return quantize({"quantization": recipe, **options}, model, samples, target)


REFUSALS = (runtime.NotImplemented, runtime.InvalidGraph, runtime.Fail, runtime.RuntimeException)


@pytest.fixture(scope="module")
def calibration() -> object:
    return zoo_samples()[1].take(np.arange(16))


@pytest.mark.parametrize("recipe", RUNNING)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_recipe_runs_and_keeps_most_of_the_accuracy(
    name: str, recipe: str, calibration: object, tmp_path: Path
) -> None:
    family = zoo()[name]
    convert(recipe, RunnableModel.open(family.path), calibration, tmp_path / "q.onnx")
    held_out, _ = zoo_samples()
    session = quiet_session(tmp_path / "q.onnx")
    logits = session.run(None, {"input": held_out.inputs["input"][:200]})[0]
    assert held_out.labels is not None
    accuracy = np.mean(logits.argmax(1) == held_out.labels[:200])
    assert logits.dtype == np.float32
    assert accuracy > family.accuracy_noisy - (0.3 if recipe == "int4_static" else 0.15)
    if recipe != "int4_weights" or name == "mlp":  # which takes only matrix products
        assert (tmp_path / "q.onnx").stat().st_size < 0.6 * family.path.stat().st_size


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_is_converted_honestly_and_refused_by_the_runtime(
    name: str, calibration: object, tmp_path: Path
) -> None:
    convert("bf16", RunnableModel.open(zoo()[name].path), calibration, tmp_path / "q.onnx")
    graph = onnx.load(str(tmp_path / "q.onnx")).graph
    kinds = {tensor.data_type for tensor in graph.initializer}
    assert TensorProto.BFLOAT16 in kinds
    assert not kinds & {TensorProto.FLOAT16, TensorProto.FLOAT}
    assert [value.type.tensor_type.elem_type for value in (*graph.input, *graph.output)] == [
        TensorProto.FLOAT
    ] * 2
    with pytest.raises(REFUSALS):
        quiet_session(tmp_path / "q.onnx")


def test_bfloat16_weights_are_rounded_from_the_original(tmp_path: Path) -> None:
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx"))
    convert("bf16", model, made_up_samples(model), tmp_path / "q.onnx")
    tensor = next(t for t in onnx.load(str(tmp_path / "q.onnx")).graph.initializer if t.name == "w")
    rounded = numpy_helper.to_array(tensor).astype(np.float32)
    original = files.weight(8, 3)
    assert np.abs(rounded - original).max() <= np.abs(original).max() * 2**-8
    assert np.array_equal(
        bfloat16_bits(original).ravel(), (rounded.view(np.uint32) >> 16).astype(np.uint16).ravel()
    )


def test_half_precision_reaches_into_branches_and_loops(tmp_path: Path) -> None:
    """What a branch gives, and what a loop's body takes and gives, is of the type that its operators compute in."""
    model = RunnableModel.open(files.branching(tmp_path / "m.onnx"))
    samples = made_up_samples(model)
    feed = samples.batch(0, 3)
    expected = quiet_session(model.path).run(None, feed)[0]
    convert("fp16", model, samples, tmp_path / "half.onnx")
    half = quiet_session(tmp_path / "half.onnx").run(None, feed)[0]
    assert np.abs(half - expected).max() < 0.02 * np.abs(expected).max()
    convert("bf16", model, samples, tmp_path / "brain.onnx")
    proto = onnx.load(str(tmp_path / "brain.onnx"))
    assert str(TensorProto.FLOAT16) not in {text.split(":")[1].strip() for text in str(proto).splitlines()
                                            if text.strip().startswith(("elem_type:", "data_type:"))}  # fmt: skip
    onnx.save(in_float(proto), str(tmp_path / "float.onnx"))  # the same graph, where there are kernels for it
    brain = quiet_session(tmp_path / "float.onnx").run(None, feed)[0]
    assert np.abs(brain - expected).max() < 0.05 * np.abs(expected).max()


def in_float(proto: Any) -> Any:
    """A bfloat16 model with every bfloat16 made a float: values as they are, rounded only where they are stored."""
    text = str(proto)
    assert f"elem_type: {TensorProto.BFLOAT16}" in text

    def graph(one: Any) -> None:
        for tensor in one.initializer:
            if tensor.data_type == TensorProto.BFLOAT16:
                values = numpy_helper.to_array(tensor).astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        for value in (*one.value_info, *one.input, *one.output):
            if value.type.tensor_type.elem_type == TensorProto.BFLOAT16:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
        for node in one.node:
            for attribute in node.attribute:
                if node.op_type == "Cast" and attribute.i == TensorProto.BFLOAT16:
                    attribute.i = TensorProto.FLOAT
                if attribute.HasField("g"):
                    graph(attribute.g)

    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph(copy.graph)
    return copy


def test_bfloat16_rounds_to_nearest_even_and_keeps_what_is_not_finite() -> None:
    values = np.array(
        [1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -0.0, np.inf, -np.inf, 3.4e38], np.float32
    )
    expected = np.array([0x3F80, 0x3F80, 0x3F82, 0x3F81, 0x8000, 0x7F80, 0xFF80, 0x7F80], np.uint16)
    assert np.array_equal(bfloat16_bits(values), expected)
    nan = bfloat16_bits(np.array([np.nan], np.float32))
    assert np.isnan((nan.astype(np.uint32) << 16).view(np.float32)).all()


def test_an_unknown_recipe(tmp_path: Path) -> None:
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx"))
    with pytest.raises(OptionError, match="'fp32' is called 'as_is' now"):
        convert("fp32", model, made_up_samples(model), tmp_path / "q.onnx")
    with pytest.raises(OptionError, match="int8_static"):
        convert("int3", model, made_up_samples(model), tmp_path / "q.onnx")


@pytest.mark.parametrize("recipe", CONVERTING)
def test_nothing_is_said_and_nothing_is_left(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here, there, out = tmp_path / "cwd", tmp_path / "tmp", tmp_path / "out"
    for folder in (here, there, out):
        folder.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("TMPDIR", str(there))
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx"))
    level = logging.root.manager.disable
    convert(recipe, model, made_up_samples(model), out / "q.onnx")
    assert os.listdir(here) == os.listdir(there) == []
    assert os.listdir(out) == ["q.onnx"]
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == level


def test_a_failing_quantiser_leaves_nothing_either(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    model = RunnableModel.open(files.linear(tmp_path / "m.onnx"))
    (tmp_path / "m.onnx").write_bytes(b"broken since")
    for recipe in CONVERTING:
        with pytest.raises(Exception, match=r".") as caught:
            convert(recipe, model, made_up_samples(model), out / "q.onnx")
        assert isinstance(caught.value, Exception)
    assert os.listdir(out) == []


@pytest.mark.parametrize("recipe", RUNNING)
def test_foreign_models_convert(recipe: str, tmp_path: Path) -> None:
    builders = {
        "fixed": lambda path: files.linear(path, (4, 8)),
        "state": files.recurrent,
        "pair": files.two_inputs,
        "ids": files.embedding,
    }
    for name, build in builders.items():
        model = RunnableModel.open(build(tmp_path / f"{name}.onnx"))
        samples = made_up_samples(model)
        if not convert(recipe, model, samples, tmp_path / f"{name}-q.onnx"):
            assert (recipe, name) == ("int4_weights", "ids")  # there is no matrix product
            continue
        feed = samples.batch(0, model.fixed_batch or 3)
        expected = quiet_session(model.path).run(None, feed)[0]
        answer = quiet_session(tmp_path / f"{name}-q.onnx").run(None, feed)[0]
        assert answer.shape == expected.shape
        assert np.abs(answer - expected).max() < 0.5 * np.abs(expected).max() + 1e-6


def test_weights_beside_the_file_are_quantised_too(tmp_path: Path) -> None:
    proto = onnx.load(str(files.linear(tmp_path / "m.onnx")))
    (tmp_path / "big").mkdir()
    onnx.save(
        proto,
        str(tmp_path / "big" / "m.onnx"),
        save_as_external_data=True,
        location="w.bin",
        size_threshold=0,
    )
    model = RunnableModel.open(tmp_path / "big" / "m.onnx")
    for recipe in RUNNING:
        convert(recipe, model, made_up_samples(model), tmp_path / f"{recipe}.onnx")
        assert quiet_session(tmp_path / f"{recipe}.onnx").get_inputs()[0].name == "x"


def tree(path: Path) -> Path:
    """x [batch, 2] -> p [batch, 2]: one split, the sign of the first feature."""
    node = onnx.helper.make_node(
        "TreeEnsembleClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_values=[0.0, 0.0, 0.0],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 1], class_weights=[1.0, 1.0],
        classlabels_int64s=[0, 1], post_transform="NONE",
    )  # fmt: skip
    values = [onnx.helper.make_tensor_value_info("x", files.FLOAT, ["batch", 2])]
    outputs = [
        onnx.helper.make_tensor_value_info("label", files.INT64, ["batch"]),
        onnx.helper.make_tensor_value_info("p", files.FLOAT, ["batch", 2]),
    ]
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("ai.onnx.ml", 1)]
    graph = onnx.helper.make_graph([node], "tree", values, outputs)
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), str(path))
    return path


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_that_changes_nothing_leaves_no_file(recipe: str, tmp_path: Path) -> None:
    """Casts to half and back around an ensemble of trees are no change, nor is fusing operators before 8 bits."""
    model = RunnableModel.open(tree(tmp_path / "m.onnx"))
    (tmp_path / "out").mkdir()
    assert not convert(recipe, model, made_up_samples(model), tmp_path / "out" / "q.onnx")
    assert os.listdir(tmp_path / "out") == []


def test_half_precision_without_weights_is_a_change(tmp_path: Path) -> None:
    path = files.save(
        tmp_path / "m.onnx",
        [onnx.helper.make_node("Softmax", ["x"], ["y"])],
        [("x", files.FLOAT, ["batch", 3])],
        [("y", files.FLOAT, ["batch", 3])],
    )
    model = RunnableModel.open(path)
    assert convert("fp16", model, made_up_samples(model), tmp_path / "q.onnx")


def test_channels_and_percentiles_shape_the_file(tmp_path: Path) -> None:
    """One range a channel, and rare values clipped: other scales than those of one tensor and of all that was seen."""
    model = RunnableModel.open(zoo()["lenet"].path)
    calibration = zoo_samples()[1].take(np.arange(16))

    def scales(name: str, **options: Any) -> dict[str, np.ndarray]:
        convert("int8_static", model, calibration, tmp_path / f"{name}.onnx", **options)
        graph = onnx.load(str(tmp_path / f"{name}.onnx")).graph
        return {t.name: numpy_helper.to_array(t) for t in graph.initializer if t.name.endswith("_scale")}

    plain, channels = scales("plain"), scales("channels", per_channel=True)
    clipped = scales("clipped", calibration="percentile")
    assert max(array.size for array in plain.values()) == 1
    assert max(array.size for array in channels.values()) > 1
    assert plain.keys() == clipped.keys()
    assert any(clipped[name] < plain[name] for name in plain)


def test_what_shapes_the_file_is_its_key() -> None:
    static = {"quantization": "int8_static", "batch_size": 4, "num_threads": 2}
    assert recipe_key({}) == recipe_key({"quantization": AS_IS, "spinning": False}) == "as_is"
    assert recipe_key(static | {"per_channel": False, "calibration": "minmax"}) == recipe_key(static)
    keys = {recipe_key(static | {"per_channel": channel, "calibration": how})
            for channel in (False, True) for how in CALIBRATIONS}  # fmt: skip
    assert len(keys) == 4
