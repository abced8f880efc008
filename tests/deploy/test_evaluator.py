"""One configuration, measured end to end; in this process and as a trial in a child."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from benches import QUICK, Bench
from onnx import helper
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from lehr import ConfigurationError, DeviceError, EarlyStop, ModelError, TrialContext
from lehr.deploy import PRELOAD, LatencyPlan, Stage, environment, latency, zoo
from lehr.deploy.evaluate import moot_ms
from lehr.deploy.times import paced
from lehr.errors import PreparationError
from lehr.limits import parse_limits
from lehr.probe.energy import EnergyMeter
from lehr.probe.report import LatencyReport
from lehr.supervise import Supervisor

Make = Callable[..., Bench]
DEFAULT = {"quantization": "as_is", "batch_size": 1, "num_threads": 1, "graph_optimization": "all"}


def config(**changes: Any) -> dict[str, Any]:
    return DEFAULT | changes


def test_a_family_is_measured_on_every_held_out_image(zoo_bench: Bench) -> None:
    metrics = zoo_bench(config(model="mlp", batch_size=50))  # 797 is no multiple of 50
    facts = metrics.pop("facts")
    for busy in ("measurement", "disturbed"):  # what a busy machine adds
        facts.pop(busy, None)
    low, high = facts.pop("accuracy_interval")
    assert low < metrics["accuracy"] < high < low + 0.07
    ran_on = {"device": "cpu", "provider": "CPUExecutionProvider", "threads": 1}
    assert facts == {"ran_on": ran_on, "accuracy_of": "classes"}
    assert metrics["accuracy_samples"] == 797
    assert metrics["accuracy"] == pytest.approx(zoo()["mlp"].accuracy_noisy, abs=2.5 / 797)
    assert metrics.pop("verdicts") == {}
    assert metrics["latency_samples"] >= 20
    assert 0 < metrics["latency_p50_ms"] <= metrics["latency_p95_ms"]
    assert "latency_p99_ms" not in metrics
    assert metrics["throughput_items_s"] == pytest.approx(50e3 / metrics["latency_mean_ms"])
    assert metrics["model_size_mb"] == pytest.approx(zoo()["mlp"].path.stat().st_size / 1e6)
    assert metrics.pop("memory_peak_mb") is None  # the supervisor's to tell
    sem = metrics.pop("sem")
    assert sem.keys() <= metrics.keys() - {"accuracy"}  # the same samples give the same accuracy again
    assert all(value >= 0 for value in sem.values())
    assert metrics["load_s"] > 0
    assert all(isinstance(value, float) for value in metrics.values())


def test_standard_errors_are_those_of_the_report(zoo_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LatencyReport, "sem", lambda report: {"latency_mean_ms": report.mean_ms / 10})
    metrics = zoo_bench(config(model="mlp", batch_size=64))
    assert metrics["sem"] == {"latency_mean_ms": metrics["latency_mean_ms"] / 10}


def test_every_option_of_the_runtime_gives_the_same_answers(zoo_bench: Bench) -> None:
    for level in ("disabled", "basic", "extended", "all"):
        for mode in ("sequential", "parallel"):
            metrics = zoo_bench(
                config(
                    model="vit", batch_size=64, num_threads=2, graph_optimization=level, execution_mode=mode,
                    spinning=level == "basic", memory_pattern=level != "extended",
                )
            )  # fmt: skip
            assert metrics["accuracy"] == pytest.approx(zoo()["vit"].accuracy_noisy, abs=2.5 / 797)


def test_the_clean_variant(stage: Stage) -> None:
    opened, chosen = stage.open_zoo("clean"), config(model="mlp", batch_size=64)
    stage.prepare(opened, chosen)
    accuracy = opened.evaluator(plan=QUICK)(chosen)["accuracy"]
    assert accuracy == pytest.approx(zoo()["mlp"].accuracy_clean, abs=2.5 / 797)


def test_unknown_choices(zoo_bench: Bench) -> None:
    with pytest.raises(ConfigurationError, match="alexnet"):
        zoo_bench(config(model="alexnet"))
    with pytest.raises(ConfigurationError, match="there is no model None"):
        zoo_bench(config())
    with pytest.raises(ConfigurationError, match="most"):
        zoo_bench(config(model="mlp", graph_optimization="most"))
    with pytest.raises(ConfigurationError, match="sideways"):
        zoo_bench(config(model="mlp", execution_mode="sideways"))


def test_the_runtime_s_refusal_comes_through(zoo_bench: Bench) -> None:
    for _ in range(2):  # a second time, from the cache
        with pytest.raises((runtime.NotImplemented, runtime.InvalidGraph)):
            zoo_bench(config(model="lenet", quantization="bf16"))


def test_classes_map_output_columns_to_labels(tmp_path: Path, bench: Make) -> None:
    model = files.linear(tmp_path / "m.onnx")
    x = files.weight(40, 8)
    column = (x @ files.weight(8, 3)).argmax(1)
    names = np.array(["cat", "dog", "eel"])
    for labels, classes in (
        (column, None),
        (np.array([30, 10, 20])[column], np.array([30, 10, 20])),
        (names[column], names),
    ):
        arrays = {"x": x, "labels": labels} | ({} if classes is None else {"classes": classes})
        np.savez(tmp_path / "data.npz", **arrays)
        metrics = bench(model, tmp_path / "data.npz")(config(batch_size=7))
        assert metrics["accuracy"] == 1.0
        assert metrics["accuracy_samples"] == 32  # every fifth of 40 calibrates
    np.savez(tmp_path / "data.npz", x=x, labels=(column + 1) % 3)
    assert bench(model, tmp_path / "data.npz")(config(batch_size=7))["accuracy"] == 0.0


@pytest.mark.parametrize(
    ("labels", "classes", "words"),
    [
        (np.full(40, 3), None, "0 to 2|3 scores"),
        (np.full(40, "cat"), None, "strings"),
        (np.full(40, 1), np.arange(4), "4 classes"),
    ],
)
def test_labels_that_do_not_go_with_the_model(
    tmp_path: Path, labels: Any, classes: Any, words: str, bench: Make
) -> None:
    arrays = {"x": files.weight(40, 8), "labels": labels} | ({} if classes is None else {"classes": classes})
    np.savez(tmp_path / "data.npz", **arrays)
    with pytest.raises(ModelError, match=words):
        bench(files.linear(tmp_path / "m.onnx"), tmp_path / "data.npz")


def test_labels_that_go_with_no_output(tmp_path: Path, bench: Make) -> None:
    model = files.linear(tmp_path / "m.onnx", classes=1)
    np.savez(tmp_path / "data.npz", x=files.weight(40, 8), labels=np.zeros((40, 2, 5), int))
    with pytest.raises(ModelError, match="no class scores"):
        bench(model, tmp_path / "data.npz")


@pytest.mark.parametrize("recipe", ["as_is", "fp16", "int8_dynamic", "int8_static", "int4_weights"])
def test_without_labels_agreement_with_the_model_as_given_is_the_accuracy(
    tmp_path: Path, recipe: str, bench: Make
) -> None:
    model = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [("x", files.FLOAT, ["batch", 4, 8])],
        [("y", files.FLOAT, ["batch", 4, 3])],
        {"w": files.weight(8, 3)},
    )
    metrics = bench(model)(config(quantization=recipe, batch_size=5))
    assert metrics["facts"]["accuracy_of"] == "agreement with the model as given (1 - relative error)"
    assert metrics["accuracy_samples"] == 64
    assert metrics["accuracy"] > 0.8
    assert (metrics["accuracy"] > 1 - 1e-6) == (recipe == "as_is")


def test_a_recurrent_model_is_measured_at_any_batch(tmp_path: Path, bench: Make) -> None:
    metrics = bench(files.recurrent(tmp_path / "m.onnx"))(config(batch_size=5))
    assert metrics["accuracy"] == pytest.approx(1.0, abs=1e-6)


def test_outputs_that_are_not_finite_count_as_wrong(tmp_path: Path, bench: Make) -> None:
    model = files.save(
        tmp_path / "m.onnx",
        [helper.make_node("Log", ["x"], ["scores"])],
        [("x", files.FLOAT, ["batch", 3])],
        [("scores", files.FLOAT, ["batch", 3])],
    )
    x = np.tile(np.array([[1, 2, 3], [1, -2, 3]], np.float32), (20, 1))
    np.savez(tmp_path / "data.npz", x=x, labels=np.full(40, 2))
    metrics = bench(model, tmp_path / "data.npz")(config(batch_size=4))
    assert metrics["accuracy"] == 0.5
    assert "16 of 32" in metrics["facts"]["not_finite"]


@pytest.mark.parametrize(
    "build", [files.linear, files.typed, files.embedding, files.two_inputs, files.reshaping]
)
def test_foreign_models_need_nothing_but_the_file(tmp_path: Path, build: Any, bench: Make) -> None:
    model = build(tmp_path / "m.onnx", *([files.DOUBLE] if build is files.typed else []))
    evaluator = bench(model)
    batch = next(iter(evaluator.opened.models.values())).fixed_batch or 4
    metrics = evaluator(config(batch_size=batch))
    assert metrics["accuracy"] == 1.0
    without = {name: value for name, value in config().items() if name != "batch_size"}
    assert evaluator(without)["accuracy"] == 1.0


def test_a_batch_the_model_does_not_take_is_the_runtime_s_refusal(tmp_path: Path, bench: Make) -> None:
    evaluator = bench(files.linear(tmp_path / "m.onnx", (1, 8)))
    with pytest.raises(RuntimeError, match="Got: 8 Expected: 1"):
        evaluator(config(batch_size=8))


def test_samples_that_the_made_up_ones_cannot_replace(tmp_path: Path, bench: Make) -> None:
    model = files.embedding(tmp_path / "m.onnx", lowest=1000)
    np.savez(tmp_path / "data.npz", ids=np.arange(1000, 1010)[np.arange(80) % 10].reshape(20, 4))
    metrics = bench(model, tmp_path / "data.npz")(config(quantization="int8_static", batch_size=3))
    assert metrics["accuracy"] > 0.7


def test_slow_configurations_stop_early_with_what_was_measured(zoo_bench: Bench) -> None:
    evaluator = zoo_bench.but(limits={"latency_p95_ms": 1e-6, "latency_p99_ms": 1e-3})
    with pytest.raises(EarlyStop) as caught:
        evaluator(config(model="mlp"))
    metrics = caught.value.metrics
    assert metrics["latency_samples"] < 20
    assert metrics["latency_p95_ms"] == metrics["latency_p99_ms"] == metrics["latency_mean_ms"] > 0
    assert "is not met at 90% confidence" in caught.value.reason


def test_the_paper_s_timeout_is_a_preset(zoo_bench: Bench) -> None:
    evaluator = zoo_bench.but(plan=replace(QUICK, rule="paper"), limits={"latency_p95_ms": 1e-6})
    with pytest.raises(EarlyStop, match="5 times the limit") as caught:
        evaluator(config(model="mlp"))
    assert caught.value.metrics["latency_samples"] == 3


def test_a_limited_percentile_that_cannot_be_measured_in_time_stops_early(zoo_bench: Bench) -> None:
    plan = LatencyPlan(max_s=1e-9, rule="fixed")
    evaluator = replace(zoo_bench.evaluator, plan=plan, limits={"latency_p95_ms": 1e6}, call_s={})
    with pytest.raises(EarlyStop, match="too few to support latency_p95_ms"):
        evaluator(config(model="mlp"))


def test_limited_percentiles_come_with_verdicts(zoo_bench: Bench) -> None:
    plan = LatencyPlan(max_samples=20_000, max_s=30)
    evaluator = zoo_bench.but(plan=plan, limits={"latency_p95_ms": 1e5, "latency_p50_ms": 1e5})
    metrics = evaluator(config(model="mlp"))
    assert {name: one["answer"] for name, one in metrics["verdicts"].items()} == {
        "latency_p50_ms": "feasible",
        "latency_p95_ms": "feasible",
    }
    assert metrics["latency_samples"] < 20_000


def test_accuracy_that_takes_too_long_says_how_far_it_came(zoo_bench: Bench) -> None:
    metrics = replace(zoo_bench.evaluator, accuracy_s=0.0, call_s={})(config(model="mlp", batch_size=8))
    assert metrics["accuracy_samples"] == 8
    assert "8 of 797" in metrics["facts"]["accuracy_partial"]


def test_what_was_not_prepared_or_could_not_be_is_said(bench: Make, tmp_path: Path) -> None:
    model = files.linear(tmp_path / "m.onnx")
    made = bench(model)
    with pytest.raises(
        PreparationError, match=r"fp16 by onnxruntime was not prepared; Stage\.prepare does that"
    ):
        made.evaluator(config(quantization="fp16"))
    model.write_bytes(b"broken since")
    with pytest.raises(PreparationError, match=r"fp16 by onnxruntime could not be prepared: .+"):
        made(config(quantization="fp16"))


def test_a_recipe_that_changes_nothing_says_so(bench: Make, tmp_path: Path) -> None:
    made = bench(files.embedding(tmp_path / "m.onnx"))
    same, plain = made(config(quantization="int4_weights")), made(config())
    assert same["facts"]["unchanged"] == "int4_weights changes nothing in m.onnx, it is the same file"
    assert "unchanged" not in plain["facts"]
    assert same["model_size_mb"] == plain["model_size_mb"]


def test_as_a_trial_nothing_but_the_runtime_is_charged(zoo_bench: Bench) -> None:
    evaluator = zoo_bench.evaluator
    assert len(pickle.dumps(evaluator)) < 10_000
    context = TrialContext(0, False, {"latency_p95_ms": 1000.0})
    with Supervisor(environment=environment()) as supervisor:

        def run(**changes: Any) -> Any:
            zoo_bench.prepare(config(**changes))
            return supervisor.run(
                evaluator, config(**changes), preload=PRELOAD, timeout_s=60, context=context
            )

        quantised = run(model="mlp", quantization="int8_static", batch_size=64)
        assert quantised.outcome == "ok", quantised
        assert quantised.evidence["isolation"] == "fork"
        assert "stderr_tail" not in quantised.evidence
        assert not [one for one in quantised.evidence.get("modules", []) if "quantization" in one]

        refused = run(model="mlp", quantization="bf16")
        assert refused.outcome == "crashed"
        assert refused.evidence["exception"]["type"].endswith(("NotImplemented", "InvalidGraph"))
        assert "stderr_tail" not in refused.evidence


def test_as_a_trial_it_knows_the_study_s_limits(zoo_bench: Bench) -> None:
    evaluator = zoo_bench.evaluator
    context = TrialContext(0, True, {"latency_p95_ms": 1e-6})
    with Supervisor(environment=environment()) as supervisor:
        ending = supervisor.run(
            evaluator, config(model="mlp"), preload=PRELOAD, timeout_s=60, context=context
        )
    assert ending.outcome == "early_stopped"
    assert "is not met" in ending.evidence["reason"]
    assert ending.result["latency_p95_ms"] > 0


def test_what_is_to_be_shipped_is_measured_with_nothing_assumed() -> None:
    strict = LatencyPlan(rule="paper").strict()
    assert (strict.rule, strict.tail_index, strict.hasty) == ("sequential", 0.0, False)
    assert strict.max_samples > LatencyPlan().max_samples
    assert strict.retries > 0


def test_latency_is_moot_where_another_limit_is_missed() -> None:
    limits = parse_limits(["latency_p95_ms <= 20", "memory_peak_mb <= 100", "throughput_items_s >= 4000"])
    assert moot_ms(limits, batch=8, memory_mb=50.0) == 2.0
    assert moot_ms(limits, batch=8, memory_mb=101.0) == 0.0
    assert moot_ms(limits[:1], batch=8, memory_mb=101.0) is None


@pytest.mark.parametrize(("ended", "held"), [("moot", {}), ("samples", {"latency_p95_ms": "borderline"})])
def test_a_latency_left_open_since_it_is_moot_is_not_held_against_a_trial(
    monkeypatch: pytest.MonkeyPatch, ended: Any, held: dict[str, str], zoo_bench: Bench
) -> None:
    def left_open(*given: Any, **named: Any) -> Any:
        report = measured(*given, **named)
        verdicts = tuple(replace(one, answer="borderline") for one in report.verdicts)
        return replace(report, ended=ended, verdicts=verdicts)

    measured = latency.time_call
    monkeypatch.setattr(latency, "time_call", left_open)
    evaluator = zoo_bench.but(limits={"latency_p95_ms": 1e5})
    metrics = evaluator(config(model="mlp"))
    assert {name: one["answer"] for name, one in metrics["verdicts"].items()} == held
    assert metrics["latency_p95_ms"] < 1e5


def test_energy_that_is_limited_and_not_counted_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zoo_bench: Bench
) -> None:
    monkeypatch.setattr(
        "lehr.probe.measuring.EnergyMeter", lambda device, gpu: EnergyMeter(device, tmp_path / "none")
    )
    limited = zoo_bench.but(limits={"energy_j_per_item": 1.0})
    with pytest.raises(DeviceError, match="energy_j_per_item is limited, and cannot be measured: no energy"):
        limited(config(model="mlp"))


def test_all_attempts_fit_into_the_trial() -> None:
    strict = LatencyPlan().strict()
    assert strict.within(None) == strict
    bounded = strict.within(30.0)
    # The last attempt begins before retry_s has passed, and takes max_s at most.
    assert bounded.retry_s + bounded.max_s < 30.0
    assert (bounded.max_samples, bounded.retries) == (strict.max_samples, strict.retries)
    assert strict.within(1e6) == strict


def test_a_winner_s_second_measurement_is_strict(monkeypatch: pytest.MonkeyPatch, zoo_bench: Bench) -> None:
    plans: list[LatencyPlan] = []
    inner = latency.time_call

    def spied(call: Any, limits: Any, plan: LatencyPlan, **options: Any) -> Any:
        plans.append(plan)
        return inner(call, limits, replace(plan, max_samples=20, retries=0), **options)

    monkeypatch.setattr("lehr.deploy.latency.time_call", spied)
    evaluator, call_s = zoo_bench.but(), zoo_bench.opened.call_s["mlp"]
    for confirming in (False, True):
        context = TrialContext(0, limits={"latency_p95_ms": 1e5}, confirming=confirming)
        monkeypatch.setattr("lehr.deploy.evaluate.current_trial", lambda context=context: context)
        assert "latency_p95_ms" in evaluator(config(model="mlp"))["verdicts"]
    assert plans == [paced(QUICK, call_s), paced(QUICK.final(), call_s)]
