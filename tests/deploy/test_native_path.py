"""Folders named in bytes that are no UTF-8: the runtime, which takes text only, still finds the model in them."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import onnx_files as files
import pytest

from lehr.deploy import Stage
from lehr.deploy.native_path import native_path
from lehr.deploy.prepare import Prepared
from lehr.errors import ModelError

RECIPES = ("as_is", "fp16", "bf16", "int8_dynamic", "int8_static", "int4_weights")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / os.fsdecode(b"caf\xe9")
    made.mkdir()
    return made


def with_weights_beside(tmp_path: Path, folder: Path) -> Path:
    """A model with external data; it is written elsewhere, since onnx itself cannot write it there."""
    plain = onnx.load(str(files.linear(tmp_path / "m.onnx")))
    onnx.save_model(
        plain, str(tmp_path / "m.onnx"), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    for name in ("m.onnx", "w.bin"):
        (tmp_path / name).rename(folder / name)
    return folder / "m.onnx"


@pytest.mark.parametrize("external", [False, True])
def test_a_model_in_such_a_folder_is_opened_and_prepared(
    stage: Stage, tmp_path: Path, folder: Path, external: bool
) -> None:
    model = with_weights_beside(tmp_path, folder) if external else files.linear(folder / "m.onnx")
    opened = stage.open(model)
    for recipe in RECIPES:
        assert isinstance(stage.prepare(opened, {"quantization": recipe}), Prepared), recipe
    assert opened.evaluator()({"quantization": "as_is"})["accuracy"] == 1.0


def test_an_ordinary_path_is_itself(tmp_path: Path) -> None:
    assert native_path(tmp_path / "modèle.onnx") == str(tmp_path / "modèle.onnx")


def test_a_file_whose_own_name_is_no_text_is_to_be_renamed(stage: Stage, folder: Path) -> None:
    model = files.linear(folder / "m.onnx").rename(folder / os.fsdecode(b"mod\xe8le.onnx"))
    with pytest.raises(ModelError, match="not UTF-8"):
        stage.open(model)
