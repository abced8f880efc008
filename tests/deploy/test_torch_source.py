"""What a user may give as PyTorch code, understood without torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lehr.deploy import find_backend
from lehr.deploy.backends import backends_for
from lehr.deploy.request import read_request
from lehr.deploy.stage import Stage
from lehr.deploy.torch_source import TorchCode, example_inputs, subject_of
from lehr.errors import LehrError, ModelError, OptionError
from lehr.supervise import Supervisor

LEFT_OUT = dict.fromkeys(("data", "objective", "backends", "metric", "shapes", "batch_axis", "method"))
NONE = {**LEFT_OUT, **dict.fromkeys(("trial_timeout_s", "memory_limit_mb", "name", "policies", "final_s"))}


def request(model: Any, **options: Any) -> Any:
    rest = {"limits": (), "budget": 1, "seed": 0, "preset": "default", "without": (), "storage": None}
    return read_request(model, **{**NONE, **rest, "fresh": False, "early_end": True, **options})


def test_texts_make_inputs_in_order_or_by_name() -> None:
    (image,) = example_inputs(["1x3x8x8"])
    assert image.shape == (1, 3, 8, 8)
    assert image.dtype == np.float32
    assert image.std() > 0
    named = example_inputs(["ids:2x16:int64", "mask:2x16:bool"])
    assert {name: (one.shape, str(one.dtype)) for name, one in named.items()} == {
        "ids": ((2, 16), "int64"),
        "mask": ((2, 16), "bool"),
    }


def test_arrays_are_taken_as_they_are() -> None:
    array = np.zeros((1, 2))
    assert example_inputs(array) == (array,) or example_inputs(array)[0] is array
    assert example_inputs([array, array])[1] is array
    assert example_inputs({"x": array})["x"] is array
    assert example_inputs(None) is None
    assert example_inputs(()) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["1,3,8"], "1x3x224x224"),
        (["1x3:complex"], "types: float32"),
        (["x:1x3", "1x3"], "all of them a name, or none"),
        (["x:1x3", "x:1x3"], "'x' is given twice"),
        ([1, 2], "number 0 is a int"),
        ({"x": [1.0]}, "'x' is a list"),
    ],
)
def test_what_is_no_input_is_refused(given: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        example_inputs(given)


def test_a_factory_is_code_and_a_file_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = request("pkg.models:make_net", example_inputs="1x3", state_dict="weights.pt")
    assert isinstance(made.model, TorchCode)
    assert (made.model.name, made.model.factory) == ("make_net", "pkg.models:make_net")
    assert made.model.state_dict == Path("weights.pt")
    assert made.formats == {"onnx", "pt2"}
    assert request("net.pt2").formats == {"onnx", "pt2"}
    assert request("net.onnx").formats == {"onnx"}
    assert request({"a": "net.onnx", "b": "net.pt2"}).formats == {"onnx"}
    assert request(None).formats == {"onnx"}
    monkeypatch.chdir(tmp_path)
    Path("odd:name").touch()
    assert request("odd:name").model == Path("odd:name")
    assert subject_of("pkg.models:Nets.small") == "small"
    assert subject_of("folder/net.pt2") == "net"


@pytest.mark.parametrize("option", [{"example_inputs": "1x3"}, {"state_dict": "weights.pt"}])
@pytest.mark.parametrize("model", ["net.onnx", None])
def test_what_belongs_to_code_is_refused_beside_a_file(model: str | None, option: dict[str, str]) -> None:
    with pytest.raises(OptionError, match="belongs to a model that is PyTorch code"):
        request(model, **option)


def test_an_onnx_model_asks_no_torch_backend() -> None:
    assert not [name for name in backends_for({"onnx"}) if name.startswith("torch")]
    assert {"onnxruntime", "torch", "torch_aoti"} <= set(backends_for({"onnx", "pt2"}))


def test_lehr_does_not_import_torch() -> None:
    assert request("pkg.models:make_net").model is not None
    before = "torch" in sys.modules
    for name in ("torch", "torch_aoti"):
        find_backend(name)
    assert ("torch" in sys.modules) == before


def test_without_torch_a_sentence_says_what_is_missing(supervisor: Supervisor, tmp_path: Path) -> None:
    if find_backend("torch").available().available:
        pytest.skip("torch is installed")
    for name in ("torch", "torch_aoti"):
        assert "pip install 'lehr[torch]'" in find_backend(name).available().reason
    stage = Stage(tmp_path / "work", supervisor)
    (tmp_path / "net.pt2").touch()
    for given in (tmp_path / "net.pt2", TorchCode("make", "pkg:make")):
        with pytest.raises(
            ModelError, match=r"needs PyTorch: torch is not installed: pip install 'lehr\[torch\]'"
        ):
            stage.open(given)


def test_a_backend_for_another_format_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    import onnx_files

    stage = Stage(tmp_path / "work", supervisor, backends=("torch",))
    with pytest.raises(LehrError, match="torch cannot run m: not in a format that it takes"):
        stage.open(onnx_files.linear(tmp_path / "m.onnx"))
