"""Recipes: what each makes, what it costs, how it fails; and that nothing is left lying about."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import onnx
import onnx_files as files
import pytest
from onnx import TensorProto, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from lehr import OptionError
from lehr.deploy import FAMILIES, RECIPES, OnnxModel, quantize, zoo
from lehr.deploy.data import made_up_samples, zoo_samples
from lehr.deploy.models import quiet_session
from lehr.deploy.quantize import bfloat16_bits

RUNNING = [recipe for recipe in RECIPES if recipe != "bf16"]
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
    quantize(recipe, OnnxModel.open(family.path), calibration, tmp_path / "q.onnx")
    held_out, _ = zoo_samples()
    session = quiet_session(tmp_path / "q.onnx")
    logits = session.run(None, {"input": held_out.inputs["input"][:200]})[0]
    assert held_out.labels is not None
    accuracy = np.mean(logits.argmax(1) == held_out.labels[:200])
    assert logits.dtype == np.float32
    assert accuracy > family.accuracy_noisy - (0.3 if recipe == "int4_static" else 0.15)
    if recipe != "fp32":
        assert (tmp_path / "q.onnx").stat().st_size < 0.6 * family.path.stat().st_size


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_is_converted_honestly_and_refused_by_the_runtime(
    name: str, calibration: object, tmp_path: Path
) -> None:
    quantize("bf16", OnnxModel.open(zoo()[name].path), calibration, tmp_path / "q.onnx")
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
    model = OnnxModel.open(files.linear(tmp_path / "m.onnx"))
    quantize("bf16", model, made_up_samples(model), tmp_path / "q.onnx")
    tensor = next(t for t in onnx.load(str(tmp_path / "q.onnx")).graph.initializer if t.name == "w")
    rounded = numpy_helper.to_array(tensor).astype(np.float32)
    original = files.weight(8, 3)
    assert np.abs(rounded - original).max() <= np.abs(original).max() * 2**-8
    assert np.array_equal(
        bfloat16_bits(original).ravel(), (rounded.view(np.uint32) >> 16).astype(np.uint16).ravel()
    )


def test_bfloat16_rounds_to_nearest_even_and_keeps_what_is_not_finite() -> None:
    values = np.array(
        [1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -0.0, np.inf, -np.inf, 3.4e38], np.float32
    )
    expected = np.array([0x3F80, 0x3F80, 0x3F82, 0x3F81, 0x8000, 0x7F80, 0xFF80, 0x7F80], np.uint16)
    assert np.array_equal(bfloat16_bits(values), expected)
    nan = bfloat16_bits(np.array([np.nan], np.float32))
    assert np.isnan((nan.astype(np.uint32) << 16).view(np.float32)).all()


def test_an_unknown_recipe(tmp_path: Path) -> None:
    model = OnnxModel.open(files.linear(tmp_path / "m.onnx"))
    with pytest.raises(OptionError, match="int8_static"):
        quantize("int3", model, made_up_samples(model), tmp_path / "q.onnx")


@pytest.mark.parametrize("recipe", RECIPES)
def test_nothing_is_said_and_nothing_is_left(
    recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here, there, out = tmp_path / "cwd", tmp_path / "tmp", tmp_path / "out"
    for folder in (here, there, out):
        folder.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("TMPDIR", str(there))
    model = OnnxModel.open(files.linear(tmp_path / "m.onnx"))
    level = logging.root.manager.disable
    quantize(recipe, model, made_up_samples(model), out / "q.onnx")
    assert os.listdir(here) == os.listdir(there) == []
    assert os.listdir(out) == ["q.onnx"]
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == level


def test_a_failing_quantiser_leaves_nothing_either(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    model = OnnxModel.open(files.linear(tmp_path / "m.onnx"))
    (tmp_path / "m.onnx").write_bytes(b"broken since")
    for recipe in RECIPES:
        with pytest.raises(Exception, match=r".") as caught:
            quantize(recipe, model, made_up_samples(model), out / "q.onnx")
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
        model = OnnxModel.open(build(tmp_path / f"{name}.onnx"))
        samples = made_up_samples(model)
        quantize(recipe, model, samples, tmp_path / f"{name}-q.onnx")
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
    model = OnnxModel.open(tmp_path / "big" / "m.onnx")
    for recipe in RUNNING:
        quantize(recipe, model, made_up_samples(model), tmp_path / f"{recipe}.onnx")
        assert quiet_session(tmp_path / f"{recipe}.onnx").get_inputs()[0].name == "x"
