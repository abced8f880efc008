"""The stage: what it makes, once; what goes wrong in it, and stays with whom it concerns."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_files as files
import pytest
from benches import QUICK
from onnx import helper

from lehr import ModelError
from lehr.deploy import (
    DataSource,
    Failure,
    LatencyPlan,
    Opened,
    Prepared,
    Progress,
    RunnableModel,
    Stage,
    stage,
    stored,
    zoo,
)
from lehr.deploy.backends.onnxruntime import OnnxRuntime
from lehr.deploy.prepare import save_folder
from lehr.deploy.rebuilding import as_plain, rebuilt
from lehr.deploy.times import accuracy_time_s, paced, trial_timeout_s
from lehr.supervise import Supervisor

STATIC = {"quantization": "int8_static"}


def labelled(folder: Path, count: int = 40) -> Path:
    x = files.weight(count, 8)
    np.savez(folder / "data.npz", x=x, labels=(x @ files.weight(8, 3)).argmax(1))
    return folder / "data.npz"


def slow(path: Path, turns: int) -> Path:
    """x [batch, 8] -> y [batch, 8], by a product with a square matrix again and again."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "wide"], ["more"]),
            helper.make_node("Tanh", ["more"], ["next"]),
            helper.make_node("Identity", ["going"], ["still"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", files.INT64, []),
            helper.make_tensor_value_info("going", files.BOOL, []),
            helper.make_tensor_value_info("state", files.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("still", files.BOOL, []),
            helper.make_tensor_value_info("next", files.FLOAT, None),
        ],
    )
    return files.save(
        path,
        [
            helper.make_node("MatMul", ["x", "in"], ["start"]),
            helper.make_node("Loop", ["turns", "yes", "start"], ["end"], body=body),
            helper.make_node("MatMul", ["end", "out"], ["y"]),
        ],
        [("x", files.FLOAT, ["batch", 8])],
        [("y", files.FLOAT, ["batch", 8])],
        {
            "in": files.weight(8, 256), "wide": files.weight(256, 256) / 16, "out": files.weight(256, 8),
            "turns": np.array(turns, np.int64), "yes": np.array(True),
        },
    )  # fmt: skip


def test_a_model_is_opened_with_all_that_belongs_to_it(stage: Stage, tmp_path: Path) -> None:
    path = files.linear(tmp_path / "m.onnx")
    opened = stage.open(path, labelled(tmp_path))
    assert opened.models == {"m": RunnableModel.open(path)}
    assert (opened.samples, opened.labelled, opened.accuracy) == (32, True, {"m": 1.0})
    assert 0 < opened.slowest_s < 1
    assert opened.evaluator().models == opened.models
    found = stage.prepare(opened, {})
    assert isinstance(found, Prepared)
    assert (found.artefact, found.files, found.unchanged) == (path, (path,), None)
    assert (found.samples().count, found.scorer().count) == (32, 32)
    assert stored.load_samples(found.folder.calibration).count == 8
    assert opened.described == "on 32 labelled samples of data.npz"
    made_up = stage.open(path)
    assert (made_up.labelled, made_up.described, made_up.accuracy) == (False, "inputs made up", {})
    answers = stage.prepare(made_up, {})
    assert isinstance(answers, Prepared)
    assert answers.scorer().description.startswith("agreement")
    assert answers.folder != found.folder


def test_a_recipe_is_made_once_and_kept(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = stage.open(files.linear(tmp_path / "m.onnx"))
    first = stage.prepare(opened, STATIC | {"batch_size": 4})
    assert isinstance(first, Prepared)
    assert first.artefact.is_file()
    assert first.files == (first.artefact,)
    assert first.size_mb == first.artefact.stat().st_size / 1e6
    assert first.seconds > 0
    runs: list[Any] = []
    monkeypatch.setattr(stage._supervisor, "run", lambda *given, **named: runs.append(given))
    assert stage.prepare(opened, STATIC | {"batch_size": 9, "num_threads": 1}) == first
    assert runs == []
    left = [path.name for path in stage.workdir.rglob("*") if "part" in path.name or "progress" in path.name]
    assert left == []


def test_weights_beside_the_file_are_part_of_what_is_deployed(stage: Stage, tmp_path: Path) -> None:
    proto = onnx.load(str(files.linear(tmp_path / "m.onnx")))
    path, weights = tmp_path / "big.onnx", tmp_path / "w.bin"
    onnx.save(proto, str(path), save_as_external_data=True, location="w.bin", size_threshold=0)
    opened = stage.open(path)
    plain, static = stage.prepare(opened, {}), stage.prepare(opened, STATIC)
    assert isinstance(plain, Prepared)
    assert plain.files == (path, weights)
    assert plain.size_mb == (path.stat().st_size + weights.stat().st_size) / 1e6
    assert isinstance(static, Prepared)
    assert static.files == (static.artefact,)


def test_shapes_are_part_of_what_is_kept(stage: Stage, tmp_path: Path) -> None:
    path = files.linear(tmp_path / "m.onnx", ("batch", "wide"))
    folders = {stage.prepare(stage.open(path, shapes={"x": (size, 8)}), {}).folder for size in (1, 2)}  # type: ignore[union-attr]
    assert len(folders) == 2


def test_a_failed_recipe_is_tried_once_and_says_why(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.linear(tmp_path / "m.onnx")
    opened = stage.open(path)
    path.write_bytes(b"broken since")
    failed = stage.prepare(opened, STATIC)
    assert isinstance(failed, Failure)
    assert (failed.what, failed.outcome) == ("int8_static by onnxruntime", "crashed")
    assert failed.reason
    assert "exception" in failed.evidence
    monkeypatch.setattr(stage._supervisor, "run", lambda *given, **named: pytest.fail("tried again"))
    assert stage.prepare(opened, STATIC | {"num_threads": 1}) == failed
    assert isinstance(stage.prepare(opened, {}), Prepared)  # other recipes are not blamed


class Deadly(OnnxRuntime):
    """Kills its process, or hangs, for some recipes."""

    def prepare(self, model: Any, config: Mapping[str, Any], calibration: Any, folder: Path) -> Path:
        if config.get("quantization") == "fp16":
            os.kill(os.getpid(), signal.SIGSEGV)
        while config.get("quantization") == "bf16":
            signal.pause()
        return super().prepare(model, config, calibration, folder)


def test_a_converter_that_dies_or_hangs_costs_its_recipe_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "find_backend", lambda name: Deadly())
    with Supervisor() as supervisor:
        monkeypatch.setattr(stage, "_make", _make_deadly)
        made = Stage(tmp_path / "work", supervisor, timeout_s=20)
        opened = made.open(files.linear(tmp_path / "m.onnx"))
        dead = made.prepare(opened, {"quantization": "fp16"})
        made._timeout_s = 1.0
        hung = made.prepare(opened, {"quantization": "bf16"})
    assert isinstance(dead, Failure)
    assert dead.outcome == "crashed"
    assert "SIGSEGV" in dead.reason
    assert isinstance(hung, Failure)
    assert hung.outcome == "timeout"


_make = stage._make


def _make_deadly(request: dict[str, Any]) -> None:
    stage.find_backend = lambda name: Deadly()  # type: ignore[assignment]
    _make(request)


def test_what_is_wrong_is_told_in_the_words_of_the_model(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"this is no model")
    with pytest.raises(ModelError, match=r"^broken\.onnx is not an ONNX model"):
        stage.open(tmp_path / "broken.onnx")
    np.savez(tmp_path / "wrong.npz", x=np.zeros((5, 7), np.float32))
    with pytest.raises(ModelError, match=r"'x' takes \[N, 8\], but the data holds \[5, 7\]"):
        stage.open(files.linear(tmp_path / "m.onnx"), tmp_path / "wrong.npz")
    with pytest.raises(ModelError, match="there is no file"):
        stage.open(tmp_path / "m.onnx", tmp_path / "none.npz")


def _dies(request: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hangs(request: dict[str, Any]) -> None:
    signal.pause()


@pytest.mark.parametrize(("work", "words"), [(_dies, "SIGSEGV"), (_hangs, "not done after 1 s")])
def test_a_model_that_takes_its_process_along_is_one_sentence(
    work: Any, words: str, supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "_open", work)
    made = Stage(tmp_path / "work", supervisor, timeout_s=1.0)
    with pytest.raises(ModelError, match=rf"m\.onnx cannot be tried: .*{words}"):
        made.open(files.linear(tmp_path / "m.onnx"))


def test_a_model_that_never_answers_and_data_that_fills_the_memory(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    """Both are opened where a deadline and a memory limit hold, and end in a sentence."""
    endless = slow(tmp_path / "endless.onnx", 2**62)
    with pytest.raises(
        ModelError, match=r"endless\.onnx cannot be tried: .*not done after 3 s; --prepare-timeout"
    ):
        Stage(tmp_path / "work", supervisor, timeout_s=3.0).open(endless)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((12_000_000, 8), np.float32))
    assert (tmp_path / "bomb.npz").stat().st_size < 2e6
    limited = Stage(tmp_path / "work", supervisor, memory_limit_mb=300.0)
    with pytest.raises(ModelError, match=r"m\.onnx cannot be tried: .*(memory|MB)"):
        limited.open(files.linear(tmp_path / "m.onnx"), tmp_path / "bomb.npz")
    Stage(tmp_path / "work", supervisor).open(
        files.linear(tmp_path / "m.onnx")
    )  # nothing else is taken along


def test_few_items_carry_an_interval(stage: Stage, tmp_path: Path) -> None:
    one = stage.open(files.linear(tmp_path / "m.onnx"), labelled(tmp_path, 1))
    assert any("is 1.000 (0.21 to 1.00, 1 item): few items tell no more" in note for note in one.notes)
    some = stage.open(files.linear(tmp_path / "m.onnx"), labelled(tmp_path, 50))
    assert any("is 1.000 (0.91 to 1.00, 40 items)" in note for note in some.notes)


def test_progress_is_told_while_it_happens(supervisor: Supervisor, tmp_path: Path) -> None:
    told: list[Progress] = []
    made = Stage(tmp_path / "work", supervisor, on_progress=told.append)
    opened = made.open(files.linear(tmp_path / "m.onnx"))
    assert [one.what for one in told[:2]] == ["opening the model", "measuring its speed"]
    assert (told[-1].what, told[-1].done, told[-1].of) == ("reference answers", 64, 64)
    assert all(one.seconds <= two.seconds for one, two in itertools.pairwise(told))
    made.prepare(opened, STATIC)
    assert told[-1].what == "preparing int8_static"
    assert not list(made.workdir.glob("progress-*"))


def test_what_a_callback_raises_arrives(supervisor: Supervisor, tmp_path: Path) -> None:
    def fail(progress: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Stage(tmp_path / "work", supervisor, on_progress=fail).open(files.linear(tmp_path / "m.onnx"))


def test_a_slow_model_is_given_its_time(supervisor: Supervisor, tmp_path: Path) -> None:
    path = slow(tmp_path / "m.onnx", 20_000)
    made = Stage(tmp_path / "work", supervisor, reference_s=0.01)
    opened = made.open(path)
    assert opened.slowest_s > 0.05
    assert opened.samples == 1
    assert "answers are compared on 1 of 64 samples" in opened.notes[-1]
    assert isinstance(made.prepare(opened, {}), Prepared)
    assert accuracy_time_s(2.0) == 20
    assert accuracy_time_s(100.0) == 60
    assert accuracy_time_s(0.001) == 4
    assert trial_timeout_s(0.001) == 60
    for plan in (LatencyPlan(), LatencyPlan().strict()):
        assert paced(plan, 0.001) == plan
        slowly = paced(plan, 2.0).within(trial_timeout_s(2.0))
        assert slowly.max_s >= 40 * 2.0
        assert slowly.enough_s >= 10 * 2.0
        assert slowly.max_s + slowly.retry_s + accuracy_time_s(2.0) < trial_timeout_s(2.0)


def test_models_and_sources_come_back_from_json(stage: Stage, tmp_path: Path) -> None:
    for build in (files.linear, files.recurrent, files.two_inputs, files.embedding):
        model = RunnableModel.open(build(tmp_path / f"{build.__name__}.onnx"))
        assert rebuilt(RunnableModel, json.loads(json.dumps(as_plain(model)))) == model
    for source in (
        DataSource("zoo", variant="clean"),
        DataSource("made-up", seed=3),
        DataSource.of_file(labelled(tmp_path)),
    ):
        assert DataSource.from_json(json.loads(json.dumps(source.as_json()))) == source


def test_the_zoo_is_opened_for_all_its_families(zoo_bench: Any) -> None:
    opened: Opened = zoo_bench.opened
    assert len(opened.models) == len(opened.call_s) == 5
    assert (opened.samples, opened.labelled) == (797, True)
    assert {name: round(value, 2) for name, value in opened.accuracy.items()} == {
        name: round(family.accuracy_noisy, 2) for name, family in zoo().items()
    }
    for name in opened.models:
        assert isinstance(zoo_bench.prepare({"model": name}), Prepared)


def _mean_error(outputs: Any, labels: Any) -> float:
    return -float(np.abs(outputs.argmax(1) - labels).mean())


def _batches() -> Any:
    for start in (0, 20):
        yield {"x": files.weight(40, 8)[start : start + 20], "labels": np.arange(20) % 3}


def test_functions_and_several_models_are_opened_in_the_stage(stage: Stage, tmp_path: Path) -> None:
    paths = {
        "small": files.linear(tmp_path / "a.onnx"),
        "large": files.linear(tmp_path / "b.onnx", classes=5),
    }
    opened = stage.open(paths, _batches, metric=_mean_error)
    assert list(opened.models) == list(opened.call_s) == ["small", "large"]
    assert opened.labelled
    for name in paths:
        config = {"model": name, "num_threads": 1}
        stage.prepare(opened, config)
        measured = opened.evaluator(plan=QUICK)(config)
        assert measured["accuracy"] <= 0
        assert measured["facts"]["accuracy_of"] == "metric _mean_error"


def test_what_a_function_of_the_user_s_does_stays_in_the_stage(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    made = Stage(tmp_path / "work", supervisor, timeout_s=1.0)
    with pytest.raises(ModelError, match=r"m\.onnx cannot be tried: .*not done after 1 s"):
        made.open(files.linear(tmp_path / "m.onnx"), signal.pause)


def test_a_deployed_file_can_stand_in_for_what_the_stage_made(stage: Stage, tmp_path: Path) -> None:
    opened = stage.open(files.linear(tmp_path / "m.onnx"))
    deployed, weights = files.linear(tmp_path / "deployed.onnx"), tmp_path / "weights.bin"
    weights.write_bytes(bytes(2_000_000))
    evaluator = opened.evaluator(plan=QUICK, artefact=deployed, weights=(weights,))
    measured = evaluator({"quantization": "int8_static"})  # nothing was prepared for it
    assert measured["accuracy"] == 1.0
    assert measured["model_size_mb"] == pytest.approx(2.0, abs=0.01)


def test_folders_are_whole_or_absent(tmp_path: Path) -> None:
    def half(part: Path) -> None:
        (part / "one").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_folder(tmp_path / "made", half)
    assert list(tmp_path.iterdir()) == []
    save_folder(tmp_path / "made", lambda part: (part / "one").write_text("whole") and None)
    save_folder(
        tmp_path / "made", lambda part: (part / "one").write_text("again") and None
    )  # somebody was faster
    assert [(path.name, path.read_text()) for path in tmp_path.glob("*/*")] == [("one", "whole")]
