"""What is the same in other words is measured once; what cannot be made is tried once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx_files as files
import pytest

import lehr
from lehr.deploy import Stage
from lehr.deploy.objective import parse_objective
from lehr.deploy.prepare import Failure, Prepared
from lehr.deploy.run_trials import DeploymentExecutor
from lehr.deploy.runoff import choose
from lehr.deploy.space import deployment_space
from lehr.report import rows
from lehr.study import Study, StudyOpened
from lehr.trial import Cause

SPACE = lehr.Space([
    lehr.Categorical("quantization", ["as_is", "int8_dynamic", "int4_weights", "fp16"]),
    lehr.Int("batch_size", 1, 2),
])  # fmt: skip
FIGURES = {
    "throughput_items_s": 100.0, "memory_peak_mb": None, "sem": {"throughput_items_s": 2.0},
    "facts": {"disturbed": "other work", "accuracy_of": "labels"},
    "verdicts": {"latency_p95_ms": {"answer": "feasible"}},
}  # fmt: skip


class Counting:
    """Stands in for the supervisor in trials: remembers what it measured, and answers with made-up figures."""

    def __init__(self) -> None:
        self.measured: list[Mapping[str, Any]] = []

    def run(self, _evaluate: Any, config: Mapping[str, Any], **_options: Any) -> lehr.Ending:
        self.measured.append(config)
        facts: Any = FIGURES["facts"]
        if config["quantization"] == "int4_weights":  # as the evaluator says it
            facts = {**facts, "unchanged": "it is the same file"}
        figures = {**FIGURES, "facts": facts, "latency_p95_ms": float(len(self.measured))}
        return lehr.Ending("ok", figures, {"peak_memory_mb": 9.0}, 1.0)


def searched(
    stage: Stage,
    model: Path,
    configs: list[dict[str, Any]],
    *,
    space: lehr.Space = SPACE,
    budget: int | None = None,
    storage: Any = None,
    **options: Any,
) -> tuple[Study, Counting]:
    opened, counting, known = stage.open(model), Counting(), list[Study]()
    executor = DeploymentExecutor(counting, stage, opened, lambda: known[0].trials if known else [])  # type: ignore[arg-type]

    def note(event: Any) -> None:
        if isinstance(event, StudyOpened):
            known.append(event.study)

    study = lehr.run(
        opened.evaluator(), space, objective="throughput_items_s", constraints=["latency_p95_ms <= 20"],
        budget=budget or len(configs), initial=configs, storage=storage, executor=executor, on_event=note, confirm=0,
        **options,
    )  # fmt: skip
    return study, counting


def test_a_recipe_that_changes_nothing_is_its_twins_measurement(stage: Stage, tmp_path: Path) -> None:
    """Nothing in a look-up of vectors is a matrix product: 4-bit weights leave the file as it is."""
    model = files.lookup(tmp_path / "m.onnx")
    study, counting = searched(stage, model, [
        {"quantization": "int4_weights", "batch_size": 1}, {"quantization": "as_is", "batch_size": 2},
        {"quantization": "int4_weights", "batch_size": 2}, {"quantization": "as_is", "batch_size": 1},
        {"quantization": "fp16", "batch_size": 1},
    ])  # fmt: skip
    assert [one["batch_size"] for one in counting.measured] == [
        1,
        2,
        1,
    ]  # the recipe that does change something last
    first, second, third, fourth, fifth = study.trials
    assert third.metrics == second.metrics
    assert third.metrics_sem == second.metrics_sem == {"throughput_items_s": 2.0}
    assert third.judged == second.judged
    assert third.evidence["peak_memory_mb"] == 9.0
    assert (third.facts["same_as"], fourth.facts["same_as"]) == (1, 0)
    assert "changes nothing in m.onnx" in third.facts["unchanged"]
    assert "same_as" not in {**first.facts, **second.facts, **fifth.facts}
    assert (third.seconds, third.disturbed) == (0.0, "")
    assert second.disturbed == "other work"
    assert rows.remarks(third) == "the same as #1, not measured again"
    assert third.metrics["latency_p95_ms"] == 2.0


def test_a_twin_takes_no_part_in_a_final(stage: Stage, tmp_path: Path) -> None:
    model = files.lookup(tmp_path / "m.onnx")
    configs = [{"quantization": name, "batch_size": 1} for name in ("as_is", "int4_weights", "fp16")]
    study, _ = searched(stage, model, configs)
    chosen = choose(study, parse_objective("throughput"), {"quantization": "as_is", "batch_size": 2})
    assert [one.number for one in chosen] == [0, 2]


def failing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, why: Callable[[Any], dict[str, Any] | None]
) -> list[dict[str, Any]]:
    """A stage whose recipes fail with the evidence that ``why`` gives. Returns what it was asked to make and failed."""
    made: list[dict[str, Any]] = []
    run = stage._run

    def counted(work: Any, request: dict[str, Any]) -> lehr.Ending:
        if "config" not in request or (evidence := why(request["config"])) is None:
            return run(work, request)
        made.append(request["config"])
        return lehr.Ending("crashed", None, {**evidence, "cost_seconds": 3.0}, 3.0)

    monkeypatch.setattr(stage, "_run", counted)
    return made


def test_a_recipe_that_cannot_be_made_is_tried_once(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = files.linear(tmp_path / "m.onnx")
    made = failing(stage, monkeypatch, lambda _: {"reason": "no such operator"})
    configs = [{"quantization": "int8_dynamic", "batch_size": size} for size in (1, 2)]
    study, counting = searched(stage, model, configs)
    assert len(made) == 1
    assert counting.measured == []
    first, second = study.trials
    assert (first.outcome, second.outcome) == ("crashed", "crashed")
    assert first.evidence["reason"] == second.evidence["reason"] == "no such operator"
    assert "tried_in_trial" not in first.evidence
    assert second.evidence["tried_in_trial"] == 0
    assert second.seconds == 0.0
    assert rows.failures(study.trials) == ["crashed (#0, #1): no such operator"]


def broken_int8(config: Mapping[str, Any]) -> dict[str, Any] | None:
    recipe = str(config["quantization"])
    return {"reason": f"{recipe}: no ai.onnx domain"} if recipe.startswith("int8") else None


@pytest.mark.parametrize(("method", "parts"), [("guided", (25,)), ("guided", (4, 9, 25)), ("random", (25,))])
def test_a_recipe_that_fails_whatever_its_options_is_proposed_once(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: Any, parts: tuple[int, ...]
) -> None:
    """In one run or in several: what is ruled out is part of the history that a run goes on with."""
    model = files.lookup(tmp_path / "m.onnx")
    made = failing(stage, monkeypatch, broken_int8)
    for budget in parts:
        study, _ = searched(
            stage, model, [], space=deployment_space(stage.open(model).models, 4), budget=budget, method=method,
            storage=tmp_path / "study.journal",
        )  # fmt: skip
    asked = [str(trial.config["quantization"]) for trial in study.trials]
    assert len(asked) == 25
    assert asked.count("int8_dynamic") <= 1
    assert asked.count("int8_static") <= 1
    assert len(made) == asked.count("int8_dynamic") + 2 * asked.count("int8_static")  # with other options too


def test_options_that_matter_have_a_trial_each(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def why(config: Mapping[str, Any]) -> dict[str, Any] | None:
        failed = config["quantization"] == "int8_static" and config["per_channel"]
        return {"reason": "no scale per channel"} if failed else None

    model = files.lookup(tmp_path / "m.onnx")
    failing(stage, monkeypatch, why)
    opened = stage.open(model)
    config = {"quantization": "int8_static", "per_channel": True, "calibration": "minmax"}
    failure = stage.prepare(opened, config)
    assert isinstance(failure, Failure)
    assert list(failure.settled_by) == ["model", "backend", "quantization", "per_channel", "calibration"]
    assert isinstance(stage.prepare(opened, config | {"per_channel": False}), Prepared)


def test_a_stage_that_was_killed_from_outside_says_nothing_about_the_recipe(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = files.linear(tmp_path / "m.onnx")
    made = failing(stage, monkeypatch, lambda _: {"reason": "killed by SIGKILL", "cause": Cause.KILLED})
    opened = stage.open(model)
    for _ in range(2):
        failure = stage.prepare(opened, {"quantization": "fp16"})
        assert isinstance(failure, Failure)
        assert not failure.settled_by
    assert len(made) == 2
