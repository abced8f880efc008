"""``lehr.tune``, ``lehr.load`` and ``lehr.verify`` as calls: what they give, ship and refuse."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import linear

import lehr
from lehr.deploy import ship
from lehr.errors import DeploymentError, OptionError, StorageError
from lehr.limits import Limit

pytest.importorskip("onnxruntime")

LOOSE = ["latency_p95_ms <= 60s", "memory_peak_mb <= 20GB"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model and labelled samples that it answers rightly."""
    import onnxruntime

    folder = tmp_path_factory.mktemp("library")
    model = linear(folder / "two.onnx")
    x = np.random.default_rng(1).standard_normal((60, 8)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    answers = session.run(None, {session.get_inputs()[0].name: x})[0]
    np.savez(folder / "samples.npz", x=x, labels=np.argmax(answers.reshape(60, -1), axis=1))
    return folder


@pytest.fixture(scope="module")
def tuned(place: Path) -> lehr.Tuned:
    return lehr.tune(
        str(place / "two.onnx"), data=str(place / "samples.npz"), limits=LOOSE, objective="throughput_items_s",
        budget=5, seed=0, storage=place / "lehr.journal", progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def deployed(tuned: lehr.Tuned, place: Path) -> Path:
    return tuned.save(place / "deployed")


def test_what_was_found_is_all_there(tuned: lehr.Tuned) -> None:
    assert tuned.config is not None
    assert tuned.metrics["throughput_items_s"] > 0
    assert tuned.sem.get("throughput_items_s", 1.0) > 0
    assert tuned.baseline is not None
    assert tuned.baseline.config["quantization"] == "as_is"
    assert len(tuned.study) == 5
    assert tuned.final is not None
    assert tuned.confirmed
    assert [one.metric for one in tuned.limits] == ["latency_p95_ms", "memory_peak_mb", "accuracy"]
    assert {one.answer for one in tuned.limits} == {"met"}
    assert all("not installed" in reason for reason in tuned.unavailable.values())
    assert "onnxruntime" not in tuned.unavailable
    assert "trials" in tuned.explain()
    assert "throughput_items_s" in repr(tuned)
    trial = tuned.study.trials[0]
    assert trial.metrics["memory_peak_mb"] == trial.evidence["peak_memory_mb"]
    assert trial.facts["ran_on"]["provider"] == "CPUExecutionProvider"


def test_the_same_call_goes_on_and_measures_nothing_twice(tuned: lehr.Tuned, place: Path) -> None:
    again = lehr.tune(
        place / "two.onnx", data=place / "samples.npz", limits=LOOSE, objective="throughput", budget=5,
        storage=place / "lehr.journal", progress=False,
    )  # fmt: skip
    assert again.study.name == tuned.study.name
    assert (again.config, dict(again.metrics)) == (tuned.config, dict(tuned.metrics))
    assert dict(again.surroundings) == json.loads(json.dumps(tuned.surroundings))


def test_the_folder_holds_the_model_as_measured_and_a_loader_that_needs_no_lehr(
    deployed: Path, tuned: lehr.Tuned
) -> None:
    assert sorted(entry.name for entry in deployed.iterdir()) == ["best.json", "load.py", "model.onnx"]
    document = json.loads((deployed / "best.json").read_text())
    assert document["config"] == tuned.config
    assert document["session_options"]["providers"] == ["CPUExecutionProvider"]
    assert document["versions"]["onnxruntime"]
    assert document["measured"] == tuned.surroundings["measured"]
    assert document["disturbed"] == tuned.disturbed
    script = (
        "import sys, numpy as np; sys.modules['lehr'] = None; from load import load; run = load();"
        "print(np.asarray(run({run.session.get_inputs()[0].name: np.ones((3, 8), np.float32)})[0]).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=deployed, capture_output=True, text=True, check=True
    )
    with lehr.load(deployed) as session:
        ours = session(np.ones((3, 8), np.float32))[0]
    assert np.allclose(json.loads(done.stdout), ours)


def test_a_loaded_deployment_answers_as_the_model_and_says_what_it_runs_on(
    deployed: Path, place: Path
) -> None:
    import onnxruntime

    x = np.random.default_rng(5).standard_normal((4, 8)).astype(np.float32)
    session = lehr.load(deployed / "best.json")
    plain = onnxruntime.InferenceSession(str(deployed / "model.onnx"), providers=["CPUExecutionProvider"])
    name = plain.get_inputs()[0].name
    assert np.allclose(session({name: x})[0], plain.run(None, {name: x})[0], atol=1e-5)
    assert session.ran_on.provider == "CPUExecutionProvider"
    assert session.config == json.loads((deployed / "best.json").read_text())["config"]
    session.close()
    session.close()
    with pytest.raises(DeploymentError, match="closed"):
        session({name: x})


def test_verify_judges_limits_and_objective(deployed: Path) -> None:
    seen: list[int] = []
    report = lehr.verify(deployed, repeats=2, tolerance=1e3, on_repeat=lambda number, _: seen.append(number))
    assert report.passed, report.as_json()
    assert {one.metric: one.answer for one in report.limits} == {
        "latency_p95_ms": "met", "memory_peak_mb": "met", "accuracy": "met",
    }  # fmt: skip
    assert report.objective.answer == "met"
    assert report.objective.metric == "throughput_items_s"
    assert seen == list(range(1, len(report.repeats) + 1))
    json.dumps(report.as_json(), allow_nan=False)


def test_verify_says_missed_for_a_limit_that_cannot_be_met(deployed: Path) -> None:
    report = lehr.verify(deployed, repeats=2, limits=["latency_p50_ms <= 1e-7"], tolerance=1e3)
    assert report.status == "missed"
    assert [one.metric for one in report.limits if one.answer == "missed"] == ["latency_p50_ms"]


def test_verify_fails_where_it_is_far_slower_than_shipped(deployed: Path, tmp_path: Path) -> None:
    slower = tmp_path / "slower"
    slower.mkdir()
    for entry in deployed.iterdir():
        (slower / entry.name).write_bytes(entry.read_bytes())
    document = json.loads((slower / "best.json").read_text())
    document["metrics"]["throughput_items_s"] *= 1000
    (slower / "best.json").write_text(json.dumps(document))
    report = lehr.verify(slower, repeats=2)
    assert report.status == "worse"
    assert not report.passed
    assert "worse" in report.objective.reason


def damaged(deployed: Path, tmp_path: Path, change: Any) -> Path:
    copy = tmp_path / "copy"
    copy.mkdir()
    for entry in deployed.iterdir():
        (copy / entry.name).write_bytes(entry.read_bytes())
    document = json.loads((copy / "best.json").read_text())
    change(document, copy)
    (copy / "best.json").write_text(json.dumps(document))
    return copy


def _other_model(document: dict[str, Any], folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"something else")


def _alone(document: dict[str, Any], folder: Path) -> None:
    document["artefact"] = None


def _options(document: dict[str, Any], folder: Path) -> None:
    document["session_options"]["config_entries"] = {"session.use_env_allocators": "1"}


def _value(document: dict[str, Any], folder: Path) -> None:
    document["config"]["graph_optimization"] = "everything"


def _backend(document: dict[str, Any], folder: Path) -> None:
    document["backend"] = "nowhere"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_model, "is not the file that .* was measured with"),
        (_alone, "stands alone, without its model"),
        (_options, "session option config_entries"),
        (_value, "its configuration cannot be used"),
        (_backend, "there is no backend 'nowhere'"),
    ],
)
def test_what_was_changed_is_not_loaded(deployed: Path, tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(DeploymentError, match=said):
        lehr.load(damaged(deployed, tmp_path, change))


PLAIN = {
    "quantization": "as_is", "batch_size": 1, "num_threads": "auto", "spinning": True, "memory_pattern": True,
    "graph_optimization": "all",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"batch_size": "4"}, r"batch_size = '4' is not allowed; it must be an int from 1 to 64$"),
        ({"batch_size": True}, "batch_size = True is not allowed"),
        ({"num_threads": 1000}, r"num_threads = 1000 is not allowed; it must be one of \[1, "),
        ({"colour": "red", "batch_size": None}, r"'colour' is not a variable .* \(and 1 more\)$"),
        ({"spinning": ...}, "spinning is missing"),
    ],
)
def test_a_configuration_that_was_edited_is_not_measured(
    deployed: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    def edit(document: dict[str, Any], _: Path) -> None:
        edited = {**PLAIN, **changed}
        document["config"] = {name: value for name, value in edited.items() if value is not ...}

    with pytest.raises(
        DeploymentError, match=f"its configuration is none of this deployment: {said}"
    ) as raised:
        lehr.verify(damaged(deployed, tmp_path, edit))
    assert "\n" not in str(raised.value)


def test_a_configuration_of_a_machine_with_more_cores_is_measured(deployed: Path, tmp_path: Path) -> None:
    def move(document: dict[str, Any], _: Path) -> None:
        document["config"] = {**PLAIN, "num_threads": 5}
        document["machine"]["cores"] = 5

    if os.cpu_count() == 5:
        pytest.skip("this machine has as many")
    report = lehr.verify(damaged(deployed, tmp_path, move), repeats=1, limits=LOOSE)
    assert {one.outcome for one in report.repeats} == {"ok"}
    assert any("cores 5 then" in note for note in report.notes)


def test_one_of_several_models_is_verified(deployed: Path, tmp_path: Path) -> None:
    def name(document: dict[str, Any], _: Path) -> None:
        document["config"]["model"] = "one"  # as where there were others beside it

    report = lehr.verify(damaged(deployed, tmp_path, name), repeats=1, limits=LOOSE)
    assert {one.outcome for one in report.repeats} == {"ok"}


def test_a_finished_study_ships_a_recipe_that_this_process_never_made(place: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "limits": LOOSE, "budget": 2, "storage": tmp_path / "lehr.journal", "progress": False, "final_s": 0,
        "without": ["quantization=as_is"], "backends": ["onnxruntime"],
    }  # fmt: skip
    first = lehr.tune(place / "two.onnx", **options)
    again = lehr.tune(place / "two.onnx", **options)
    assert again.config == first.config
    assert again.config is not None
    assert again.config["quantization"] != "as_is"
    assert (again.save(tmp_path / "deployed") / "model.onnx").is_file()


def test_a_folder_that_holds_something_else_is_left_alone(tuned: lehr.Tuned, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DeploymentError, match="holds other files"):
        tuned.save(tmp_path)
    with pytest.raises(DeploymentError, match="is a file; give a folder"):
        tuned.save(tmp_path / "notes.txt")
    with pytest.raises(DeploymentError, match="create it first"):
        tuned.save(tmp_path / "missing" / "deployed")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_of_ours_is_written_anew(tuned: lehr.Tuned, tmp_path: Path) -> None:
    first = tuned.save(tmp_path / "d")
    before = (first / "best.json").read_text()
    assert tuned.save(tmp_path / "d") == first
    assert (first / "best.json").read_text() == before


@pytest.mark.parametrize("failing", ["model.onnx", "load.py", "best.json"])
def test_a_disk_that_fails_is_told_with_the_files_name(
    tuned: lehr.Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    replace = os.replace

    def refuse(source: Any, target: Any) -> None:
        if Path(target).name == failing:
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageError, match=rf"{failing}.*: No space left"):
        tuned.save(tmp_path / "deployed")
    assert not (tmp_path / "deployed" / "best.json").exists()
    assert not [entry for entry in (tmp_path / "deployed").iterdir() if entry.name.startswith(".tmp-")]


def test_nothing_that_met_the_limits_is_nothing_to_ship(place: Path, tmp_path: Path) -> None:
    found = lehr.tune(
        place / "two.onnx", limits=["memory_peak_mb <= 1"], budget=2, storage=None, progress=False
    )
    assert found.config is None
    assert found.trial is None
    assert dict(found.metrics) == {}
    assert found.limits[0].answer == "missed"
    assert "nothing met" in repr(found)
    with pytest.raises(DeploymentError, match="nothing to ship"):
        found.save(tmp_path / "deployed")


def test_several_models_are_one_variable(place: Path, tmp_path: Path) -> None:
    other = linear(tmp_path / "other.onnx")
    found = lehr.tune(
        {"one": place / "two.onnx", "two": other}, limits=LOOSE, budget=3, storage=None, progress=False,
        without=["quantization=bf16"],
    )  # fmt: skip
    assert found.study.space.names[0] == "model"
    assert found.config is not None
    assert found.config["model"] in {"one", "two"}


def test_events_and_progress_reach_the_caller(place: Path) -> None:
    events: list[Any] = []
    lehr.tune(
        place / "two.onnx", limits=LOOSE, budget=2, storage=None, progress=False, on_event=events.append
    )
    names = [type(event).__name__ for event in events]
    assert names[0] == "StudyOpened"
    assert names.count("TrialFinished") == 2
    assert "FinalEvent" in names


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"objective": "beauty"}, "unknown 'beauty'"),
        ({"limits": ["beauty <= 3"]}, "has no metric 'beauty'"),
        ({"limits": ["latency_p95_ms == 3"]}, "equality"),
        ({"budget": 0}, "budget: 0 is outside"),
        ({"budget": "soon"}, "neither a number of trials nor a time"),
        ({"budget": 2.5}, "budget is 2.5"),
        ({"seed": -1}, "seed is -1"),
        ({"method": "gided"}, "did you mean guided"),
        ({"backends": []}, "give names"),
        ({"backends": ["nope"]}, "there is no backend 'nope'"),
        ({"without": ["colour=red"]}, "there is no variable 'colour'"),
        ({"memory_limit_mb": 1, "limits": [Limit("memory_peak_mb", 5.0)]}, "would kill trials"),
        ({"policies": {"bored": "stop"}}, "policies has 'bored'"),
        ({"progress": 3}, "progress is 3"),
        ({"fresh": "yes"}, "fresh is 'yes'"),
    ],
)
def test_wrong_arguments_get_one_sentence(place: Path, arguments: dict[str, Any], said: str) -> None:
    given = {"storage": None, "progress": False, **arguments}
    with pytest.raises(OptionError, match=said):
        lehr.tune(place / "two.onnx", **given)


@pytest.mark.parametrize("model", [3, "", {}, {"": "a.onnx"}, ["a.onnx"]])
def test_what_is_no_model(model: Any) -> None:
    with pytest.raises(OptionError, match="model"):
        lehr.tune(model, storage=None, progress=False)


def test_another_version_of_the_runtime_is_another_study(place: Path, tmp_path: Path) -> None:
    journal = tmp_path / "lehr.journal"
    options: dict[str, Any] = {"limits": LOOSE, "storage": journal, "progress": False, "final_s": 0}
    first = lehr.tune(place / "two.onnx", budget=2, **options)
    kept = first.study.optuna_study
    surroundings = dict(kept.user_attrs["lehr.surroundings"])
    surroundings["versions"] = {**surroundings["versions"], "onnxruntime": "1.0.0"}
    kept.set_user_attr("lehr.surroundings", surroundings)
    done = lehr.tune(place / "two.onnx", budget=2, **options)  # nothing is left to measure: figures of then
    assert done.best().versions["onnxruntime"] == "1.0.0"
    with pytest.raises(StorageError, match=r"onnxruntime 1\.0\.0 then, .* now.*fresh"):
        lehr.tune(place / "two.onnx", budget=3, **options)
    assert len(lehr.tune(place / "two.onnx", budget=3, fresh=True, **options).study) == 3


def test_locate_takes_a_folder_or_a_file(tmp_path: Path) -> None:
    assert ship.locate(tmp_path) == tmp_path / "best.json"
    assert ship.locate(tmp_path / "x.json") == tmp_path / "x.json"
