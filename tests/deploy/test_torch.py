"""PyTorch models from the source to the deployed folder. Skipped where torch is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch_files  # noqa: E402
from benches import QUICK  # noqa: E402

import lehr  # noqa: E402
from lehr.deploy import Failure, Prepared, Stage, find_backend  # noqa: E402
from lehr.deploy.machine import available_cores  # noqa: E402
from lehr.deploy.torch_source import TorchCode  # noqa: E402
from lehr.errors import LehrError, ModelError, OptionError, RanElsewhereError  # noqa: E402
from lehr.supervise import Supervisor  # noqa: E402

ROW = (np.zeros((1, 8), np.float32),)
Open = Callable[..., Any]


@pytest.fixture
def opened(tmp_path: Path, supervisor: Supervisor) -> Open:
    """``opened(code, backends)``: a stage, and what it opened."""

    def make(given: Any, *backends: str, **options: Any) -> tuple[Stage, Any]:
        stage = Stage(tmp_path / "work", supervisor, backends=backends or ("torch",))
        return stage, stage.open(given, **options)

    return make


def test_a_factory_is_exported_with_an_open_batch(opened: Open) -> None:
    code = TorchCode("images", "torch_files:make_images", (np.zeros((1, 3, 16, 16), np.float32),))
    stage, found = opened(code, "onnxruntime", "torch")
    model = found.models["images"]
    assert model.fixed_batch is None
    assert model.shapes == {"image": ("N", 3, 16, 16)}
    assert found.backends == ("torch", "onnxruntime")  # first what takes it as it is
    answers = {}
    for name in found.backends:
        runtime = find_backend(name)
        made = stage.prepare(found, {"backend": name})
        session = runtime.open(made.artefact, runtime.session_options({}))
        batch = made.samples().batch(0, 5)
        (answers[name],) = session.run(batch)
        session.close()
    assert answers["torch"].shape == (5, 10)
    np.testing.assert_allclose(answers["torch"], answers["onnxruntime"], rtol=1e-3, atol=1e-5)
    _, again = opened(code, "torch")
    assert again.models["images"].sha256 == model.sha256  # the same weights, the same program


def test_precision_is_converted_weights_too(opened: Open) -> None:
    code = TorchCode("rows", torch_files.Rows(), ROW)
    stage, found = opened(code)
    runtime = find_backend("torch")
    sizes, answers = {}, {}
    for precision in ("f32", "bf16", "f16"):
        config = {"inference_precision": precision}
        made = stage.prepare(found, config)
        assert isinstance(made, Prepared), made
        session = runtime.open(made.artefact, runtime.session_options(config))
        assert session.ran_on.precision == precision
        sizes[precision] = sum(
            one.numel() * one.element_size() for one in torch.export.load(made.artefact).state_dict.values()
        )
        (answers[precision],) = session.run(made.samples().batch(0, 1))
        assert answers[precision].dtype == np.float32
        session.close()
    assert sizes["f32"] == 2 * sizes["bf16"] == 2 * sizes["f16"]
    for precision in ("bf16", "f16"):
        difference = np.abs(answers[precision] - answers["f32"]).max()
        assert 0 < difference < 0.05


class OneAtATime(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.softmax(x.reshape(8), 0)


def test_a_module_that_fixes_its_batch_is_called_as_in_the_example(opened: Open) -> None:
    _, found = opened(TorchCode("one", OneAtATime(), ROW))
    assert found.models["one"].fixed_batch == 1
    assert any("exported for calls as in the example" in note for note in found.notes)


class NoOnnx(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.special.bessel_j0(x)


def test_an_onnx_export_that_fails_is_the_crash_of_those_who_need_it(opened: Open) -> None:
    stage, found = opened(TorchCode("odd", NoOnnx(), ROW), "onnxruntime", "torch")
    assert any("odd.pt2 has no ONNX form" in note for note in found.notes)
    assert isinstance(stage.prepare(found, {"backend": "torch"}), Prepared)
    failure = stage.prepare(found, {"backend": "onnxruntime"})
    assert isinstance(failure, Failure)
    assert "torch.onnx.export" in failure.reason


class Several(torch.nn.Module):
    """Takes two inputs, one of them indices, and answers with a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(7, 4)

    def forward(self, ids: Any, *, scale: Any) -> dict[str, Any]:
        found = self.table(ids).mean(1) * scale
        return {"scores": found, "sum": found.sum(1)}


def test_inputs_by_name_and_several_outputs(opened: Open) -> None:
    inputs = {"ids": np.zeros((1, 3), np.int64), "scale": np.ones((1, 1), np.float32)}
    stage, found = opened(TorchCode("several", Several(), inputs), "torch", "onnxruntime")
    model = found.models["several"]
    assert [one.name for one in model.inputs] == ["ids", "scale"]
    assert model.inputs[0].bound == 7  # ids stay below what the table has
    for name in found.backends:
        runtime, made = find_backend(name), stage.prepare(found, {"backend": name})
        session = runtime.open(made.artefact, runtime.session_options({}))
        scores, total = session.run(made.samples().batch(0, 2))
        session.close()
        np.testing.assert_allclose(scores.sum(1), total, rtol=1e-4, atol=1e-5)


def test_weights_of_a_file_are_loaded_beside_a_factory(opened: Open, tmp_path: Path) -> None:
    weights = torch_files.Images().state_dict()
    torch.save({name: value * 2 for name, value in weights.items()}, tmp_path / "weights.pt")
    inputs = (np.zeros((1, 3, 16, 16), np.float32),)
    _, plain = opened(TorchCode("images", "torch_files:make_images", inputs))
    _, loaded = opened(TorchCode("images", "torch_files:make_images", inputs, tmp_path / "weights.pt"))
    assert plain.models["images"].sha256 != loaded.models["images"].sha256
    torch.save({"other": torch.zeros(1)}, tmp_path / "weights.pt")
    with pytest.raises(ModelError, match=r"weights\.pt does not fit the model"):
        opened(TorchCode("images", "torch_files:make_images", inputs, tmp_path / "weights.pt"))


@pytest.mark.parametrize(
    ("make", "inputs", "said"),
    [
        ("torch_files:nothing", ROW, "has no function 'nothing'"),
        ("torch_files:make_images", None, "give --input 1x3x224x224"),
        ("torch_files:make_images", ROW, "cannot be called with its example inputs"),
        ("torch_files:Path", ROW, "gave a PosixPath, not a torch.nn.Module"),
        ("torch_files:rows", ROW, "raised TypeError"),
    ],
)
def test_code_that_cannot_be_used_says_why(opened: Open, make: str, inputs: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        opened(TorchCode("odd", make, inputs))


def test_a_file_that_is_no_program_says_so(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "odd.pt2").write_bytes(b"no program")
    with pytest.raises(ModelError, match=r"odd\.pt2 is no exported program that torch .* reads"):
        opened(tmp_path / "odd.pt2")


def test_a_module_needs_inputs_and_keeps_its_own_weights() -> None:
    with pytest.raises(OptionError, match="model is a Rows without example_inputs"):
        lehr.tune(torch_files.Rows(), budget=1)
    with pytest.raises(OptionError, match="load it into the module that you give"):
        lehr.tune(torch_files.Rows(), example_inputs=ROW, state_dict="weights.pt", budget=1)


def test_a_module_that_cannot_be_sent_says_which_part(tmp_path: Path) -> None:
    module = torch_files.Rows()
    module.lock = threading.Lock()
    with pytest.raises(LehrError, match="lock"):
        lehr.tune(module, example_inputs=ROW, backends=["torch"], budget=1, storage=None)


def test_threads_that_torch_does_not_give_are_refused(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, found = opened(TorchCode("rows", torch_files.Rows(), ROW))
    runtime, made = find_backend("torch"), stage.prepare(found, {})
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    there = torch.get_num_threads()
    with pytest.raises(RanElsewhereError, match=f"torch has {there}"):
        runtime.open(made.artefact, {**runtime.session_options({}), "threads": there + 1})


def test_threads_are_those_of_the_cores_whatever_the_environment_says(
    opened: Open, supervisor: Supervisor
) -> None:
    stage, found = opened(TorchCode("rows", torch_files.Rows(), ROW))
    assert isinstance(stage.prepare(found, {}), Prepared)
    ending = supervisor.run(found.evaluator(plan=QUICK), {})  # where MKL_NUM_THREADS is 1
    assert ending.outcome == "ok", ending.evidence
    assert ending.result["facts"]["ran_on"]["threads"] == available_cores()


def test_from_a_module_to_a_deployed_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    data = {"x": rng.standard_normal((60, 8)).astype(np.float32), "labels": rng.integers(0, 4, 60)}
    tuned = lehr.tune(
        torch_files.Rows(), example_inputs=ROW, data=data, limits=["accuracy >= 0"], budget=4, final_s=0,
        backends=["torch", "onnxruntime"], storage=None, seed=3, without=["inference_precision=f16"],
    )  # fmt: skip
    assert {str(trial.config["backend"]) for trial in tuned.study.trials} <= {"torch", "onnxruntime"}
    assert tuned.study.trials[0].config["backend"] == "torch"  # the default: the module as it is
    assert tuned.study.trials[0].outcome == "ok"
    folder = tuned.save(tmp_path / "deployed")
    best = json.loads((folder / "best.json").read_text())
    assert (folder / best["model"]["path"]).is_file()  # the model as given, for lehr verify
    with lehr.load(folder) as deployed:
        (answers,) = deployed({"x": data["x"][:1]})
    code = "import sys; sys.modules['lehr'] = None\nimport numpy as np\nfrom load import load\n"
    code += "print(load()({'x': np.load('x.npy')})[0].tolist())"
    np.save(folder / "x.npy", data["x"][:1])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(json.loads(done.stdout), answers, rtol=1e-5)
    verified = lehr.verify(folder, repeats=1, data=data, tolerance=100)
    assert verified.passed
