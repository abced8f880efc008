"""OpenVINO: what was asked for is what runs, or a crash that says what ran."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from benches import Bench

import lehr
from lehr.deploy import Failure, Prepared, Stage, find_backend
from lehr.errors import RanElsewhereError
from lehr.supervise import Supervisor

pytest.importorskip("openvino")

BACKEND = find_backend("openvino")


@pytest.fixture
def made(supervisor: Supervisor, tmp_path: Path) -> Bench:
    stage = Stage(tmp_path / "work", supervisor, backends=("openvino",))
    return Bench(stage, files.linear(tmp_path / "m.onnx"))


def artefact(made: Bench, config: dict[str, Any]) -> Path:
    found = made.prepare(config)
    assert isinstance(found, Prepared), found
    return found.artefact


def offered() -> list[str]:
    from lehr.deploy.backends._openvino import openvino

    return list(openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def test_the_precision_is_set_and_read_back(made: Bench) -> None:
    for name, word in (("f32", "FP32"), ("bf16", "BF16")):
        if word not in offered():
            continue
        options = BACKEND.session_options({"inference_precision": name})
        session = BACKEND.open(artefact(made, {}), options)
        assert session.ran_on.precision == name
        assert session.ran_on.device == "cpu"
        session.close()


def test_a_precision_that_it_does_not_compute_in_is_left_out_and_else_a_crash(made: Bench) -> None:
    absent = [name for name, word in (("bf16", "BF16"), ("f16", "FP16")) if word not in offered()]
    foreseen = [one for one in BACKEND.unable(made.opened.models["m"]) if one.startswith("inference")]
    assert sorted(foreseen) == sorted(f"inference_precision={name}" for name in absent)
    for name in absent:
        with pytest.raises(RanElsewhereError, match=f"asked for inference precision hint {name}, .* with "):
            BACKEND.open(artefact(made, {}), BACKEND.session_options({"inference_precision": name}))


def test_more_threads_than_there_are_is_a_crash(made: Bench) -> None:
    options = BACKEND.session_options({"num_threads": 512})
    with pytest.raises(RanElsewhereError, match="asked for inference num threads 512"):
        BACKEND.open(artefact(made, {}), options)


def test_an_unknown_property_is_refused(made: Bench) -> None:
    with pytest.raises(Exception, match="NO_SUCH_THING"):
        BACKEND.open(artefact(made, {}), {**BACKEND.session_options({}), "NO_SUCH_THING": "1"})


def test_eight_bits_by_nncf_are_another_file_with_about_the_same_answers(made: Bench) -> None:
    pytest.importorskip("nncf")
    plain, small = artefact(made, {}), artefact(made, {"quantization": "int8_nncf"})
    assert "FakeQuantize" not in plain.read_text()
    assert "FakeQuantize" in small.read_text()
    assert made({"quantization": "int8_nncf"})["accuracy"] > 0.5
    found = made({"quantization": "int8_nncf"})
    assert found["facts"]["ran_on"]["precision"] == "f32"  # of what is left in floats: not bf16


def test_without_nncf_the_recipe_fails_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nncf.py").write_text("raise ModuleNotFoundError('no nncf', name='nncf')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Supervisor() as supervisor:
        stage = Stage(tmp_path / "work", supervisor, backends=("openvino",))
        made = Bench(stage, files.linear(tmp_path / "m.onnx"))
        found = made.prepare({"quantization": "int8_nncf"})
    assert isinstance(found, Failure)
    assert "nncf is not installed: pip install 'lehr[openvino]'" in found.reason


def test_without_nncf_the_recipe_is_left_out(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "nncf" else find(name, *more)
    )
    assert "nncf is not installed" in BACKEND.unable(made.opened.models["m"])["quantization=int8_nncf"]


def test_a_compiled_model_is_kept_and_a_damaged_one_made_anew(made: Bench) -> None:
    place, options = artefact(made, {}), BACKEND.session_options({"compiled_cache": True})
    inputs = made.prepare({}).samples().batch(0, 2)
    before = BACKEND.open(place, options)
    expected = before.run(inputs)
    before.close()
    blobs = [one for one in (place.parent / "compiled").rglob("*") if one.is_file()]
    assert blobs
    for blob in blobs:
        blob.write_bytes(blob.read_bytes()[:100])
    again = BACKEND.open(place, options)
    np.testing.assert_allclose(again.run(inputs)[0], expected[0], rtol=1e-5)
    again.close()


def test_nothing_is_sent_home() -> None:
    code = (
        "import os, sys; import lehr.deploy.backends._openvino;"
        "print('openvino_telemetry.main' in sys.modules, len(os.listdir('/proc/self/task')))"
    )
    environment = {"PYTHONPATH": str(Path(lehr.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.split() == ["False", "1"]


def test_it_is_tuned_shipped_loaded_and_verified_beside_onnxruntime(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = files.linear(tmp_path / "m.onnx")
    tuned = lehr.tune(
        model, limits=["latency_p95_ms <= 60s"], budget=8, storage=None, progress=False, final_s=0,
    )  # fmt: skip
    assert {trial.config["backend"] for trial in tuned.study.trials} == {"onnxruntime", "openvino"}
    assert tuned.surroundings["versions"]["openvino"]
    only = lehr.tune(
        model, limits=["latency_p95_ms <= 60s"], budget=3, backends=["openvino"], storage=None, progress=False,
        final_s=0,
    )  # fmt: skip
    folder = only.save(tmp_path / "deployed")
    assert {"model.xml", "model.bin", "best.json", "load.py"} == {one.name for one in folder.iterdir()}
    assert json.loads((folder / "best.json").read_text())["backend"] == "openvino"
    x = np.ones((1, 8), np.float32)
    with lehr.load(folder) as session:
        name = next(iter(only.workload.opened.models["m"].inputs)).name
        ours = session({name: x})[0]
    script = (
        "import sys, json, numpy as np; sys.modules['lehr'] = None; from load import load;"
        f"print(json.dumps(np.asarray(load()({{{name!r}: np.ones((1, 8), np.float32)}})[0]).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    assert np.allclose(json.loads(done.stdout.splitlines()[-1]), ours)
    assert lehr.verify(folder, repeats=1, tolerance=1e3).passed
