"""Simulated devices: as hostile as the machines they stand for, mechanisms that behave as such, exact optima."""

from __future__ import annotations

import math
import re
import statistics
from functools import cache
from typing import Any

import pytest

from lehr.bench import Evaluation, Problem, problem_names

CHIPS = ["h100", "a100", "rtx5080", "l4", "t4"]
DEVICES = [name for name in problem_names() if "@" in name]


@cache
def load(name: str) -> Problem:
    return Problem.load(name)


def config(
    model: str = "resnet50",
    backend: str = "pytorch_eager",
    quantization: str = "fp16",
    batch: int = 1,
    threads: int = 4,
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "model_name": model,
        "backend": backend,
        "quantization": quantization,
        "batch_size": batch,
    }
    return made if backend == "torch_compile" else {**made, "num_threads": threads}


def edge(chip: str, **choice: Any) -> Evaluation:
    return load(f"edge_tight@{chip}").truth(config(**choice))


def server(chip: str, **choice: Any) -> Evaluation:
    return load(f"server_throughput@{chip}").truth(config(**choice))


def probability(choice: dict[str, Any]) -> float:
    """Of a configuration of the image scenarios under uniform draws; batch sizes are uniform in the logarithm."""
    batch = choice["batch_size"]
    share = math.log((batch + 0.5) / (batch - 0.5)) / math.log(32.5 / 0.5) / 45
    return share / 8 if "num_threads" in choice else share


def test_every_scenario_is_there():
    assert set(DEVICES) == {f"{s}@{c}" for s in ("edge_tight", "server_throughput") for c in CHIPS} | {
        "llm_serving@a100",
        "llm_serving@l4",
    }


@pytest.mark.parametrize("name", DEVICES)
def test_no_random_configuration_beats_the_optimum(name):
    problem = load(name)
    best = problem.optimum()[1]
    for choice in problem.space.sample(5_000, seed=11):
        truth = problem.truth(choice)
        if problem.feasible(truth):
            assert truth.objective <= best


@pytest.mark.parametrize("name", ["edge_tight@t4", "server_throughput@rtx5080", "llm_serving@l4"])
def test_the_optimum_is_that_of_an_enumeration(name):
    problem = load(name)
    truths = [problem.truth(choice) for choice in problem.space.enumerate()]
    assert max(truth.objective for truth in truths if problem.feasible(truth)) == problem.optimum()[1]


@pytest.mark.parametrize("name", DEVICES)
def test_spaces_can_be_enumerated_and_problems_describe_themselves(name):
    problem = load(name)
    assert problem.space.count() < 200_000
    text = problem.describe()
    assert text.startswith(name)
    assert all(f"{metric} <= " in text for metric in problem.constraints)


# What random search wasted on the real machines (arXiv 2604.25073, tables 8 and 9), in per cent.
WASTED = {"h100": 63, "a100": 66, "rtx5080": 74, "l4": 67, "t4": 72}


@pytest.mark.parametrize("chip", CHIPS)
def test_random_search_wastes_what_it_wasted_on_the_machine(chip):
    problem = load(f"edge_tight@{chip}")
    configs = list(problem.space.enumerate())
    assert len(configs) == 8160
    assert sum(map(probability, configs)) == pytest.approx(1.0)
    exact = sum(probability(c) for c in configs if not problem.feasible(problem.truth(c)))
    drawn = problem.space.sample(20_000, seed=7)
    noisy = sum(not problem.feasible(problem.evaluate(c, seed=i)) for i, c in enumerate(drawn)) / len(drawn)
    assert f" {100 * exact:.0f} % of random draws" in problem.describe()
    assert 100 * exact == pytest.approx(WASTED[chip], abs=5)
    assert 100 * noisy == pytest.approx(WASTED[chip], abs=5)
    assert noisy == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_most_accurate_family_is_feasible_but_rare(chip):
    problem = load(f"edge_tight@{chip}")
    best, accuracy = problem.optimum()
    assert best["model_name"] == "vit_tiny"
    assert accuracy == 0.766
    share = sum(
        probability(c)
        for c in problem.space.enumerate()
        if c["model_name"] == "vit_tiny" and problem.feasible(problem.truth(c))
    )
    assert 0.80 <= 1 - (1 - share) ** 25 <= 0.99  # seeds that find it by 25 random trials


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("quantization", ["fp32", "fp16", "int8_dynamic"])
def test_bigger_batches_take_longer_and_need_more_memory(chip, quantization):
    answers = [server(chip, model="mobilenet_v2", quantization=quantization, batch=b) for b in range(1, 33)]
    for metric in ("latency_p99_ms", "memory_peak_mb"):
        values = [answer.metrics[metric] for answer in answers if metric in answer.metrics]
        assert len(values) > 8
        assert values == sorted(values)
        # A batch that launches bind costs no time; on a T4 the chip binds sooner.
        assert values[-1] > values[0] or (chip != "t4" and metric == "latency_p99_ms")


def test_threads_matter_on_the_cpu_alone():
    gpu = {edge("h100", threads=t).metrics["latency_p95_ms"] for t in range(1, 9)}
    assert len(gpu) == 1
    cpu = [
        edge("h100", model="mobilenet_v2", quantization="int8_dynamic", threads=t).metrics["latency_p95_ms"]
        for t in range(1, 9)
    ]
    assert cpu == sorted(cpu, reverse=True)  # 13 cores


def test_more_threads_than_the_host_has_hurt():
    two, eight = (
        edge("t4", model="mobilenet_v2", quantization="int8_dynamic", threads=t).metrics["latency_p95_ms"]
        for t in (2, 8)
    )
    assert eight > 2 * two


@pytest.mark.parametrize("chip", CHIPS)
def test_operator_gaps_crash_at_once_and_say_why(chip):
    for model in ("resnet18", "vit_tiny"):
        assert (
            edge(chip, model=model, backend="torch_compile", quantization="int8_dynamic").outcome == "crashed"
        )
        compiled = edge(chip, model=model, backend="torch_compile")
        assert (compiled.outcome == "crashed") == (chip == "rtx5080")
        exported = edge(chip, model=model, backend="onnxruntime")
        assert (exported.outcome == "crashed") == (model == "vit_tiny")
    crash = edge(chip, model="vit_tiny", backend="onnxruntime")
    assert crash.cause
    assert not crash.metrics
    assert 0 < crash.seconds < 30


def test_dynamic_int8_runs_in_host_memory():
    used = {edge(chip, quantization="int8_dynamic").metrics["memory_peak_mb"] for chip in CHIPS}
    assert len(used) == 1


def test_half_precision_needs_less_memory_and_less_time_on_a_busy_gpu():
    half, single = (server("t4", quantization=q, batch=32) for q in ("fp16", "fp32"))
    assert all(half.metrics[metric] < single.metrics[metric] for metric in half.metrics)


def test_too_much_memory_is_infeasible_not_a_crash():
    problem = load("edge_tight@a100")
    answer = problem.truth(config(batch=32, quantization="fp32"))
    assert answer.outcome == "ok"
    assert answer.metrics["memory_peak_mb"] > 512
    assert not problem.feasible(answer)


def test_a_trial_far_above_the_limit_is_stopped_early_with_what_it_measured():
    answer = edge("t4", quantization="int8_dynamic", batch=1, threads=1)
    assert answer.outcome == "early_stopped"
    assert answer.objective is None
    assert answer.metrics["latency_p95_ms"] > 5 * 20
    slow = edge("t4", quantization="int8_dynamic", batch=32, threads=1)
    assert slow.outcome == "timeout"
    assert slow.seconds == 120
    assert not slow.metrics


def test_a_trial_hangs_now_and_then():
    problem = load("edge_tight@h100")
    for backend, chance in (("pytorch_eager", 0.002), ("torch_compile", 0.006)):
        choice = config(model="vit_tiny", backend=backend)
        hung = [e for seed in range(20_000) if (e := problem.evaluate(choice, seed)).outcome == "timeout"]
        assert 0.5 * chance < len(hung) / 20_000 < 1.6 * chance
        assert all(e.seconds == 120 and not e.metrics for e in hung)
        assert problem.truth(choice).outcome == "ok"


def test_the_cpu_is_noisy_with_a_heavy_tail_and_the_gpu_is_not():
    problem = load("edge_tight@h100")

    def measured(quantization: str) -> list[float]:
        choice = config("mobilenet_v2", quantization=quantization, batch=3)
        runs = (problem.evaluate(choice, seed) for seed in range(4_000))
        return [run.metrics["latency_p95_ms"] for run in runs if run.outcome == "ok"]

    cpu, gpu = measured("int8_dynamic"), measured("fp16")
    truth = edge("h100", model="mobilenet_v2", quantization="int8_dynamic", batch=3).metrics["latency_p95_ms"]
    assert statistics.median(cpu) == pytest.approx(truth, rel=0.02)
    # The follow-up paper measured 19.70 +- 3.46 ms for this configuration: 17.6 %.
    assert statistics.stdev(cpu) / statistics.fmean(cpu) == pytest.approx(0.176, abs=0.03)
    assert max(cpu) / truth > 1.8 > 1 + (1 - min(cpu) / truth)  # the slow side is the long one
    assert statistics.stdev(gpu) / statistics.fmean(gpu) < 0.04


@pytest.mark.parametrize("name", ["edge_tight@l4", "server_throughput@a100", "llm_serving@l4"])
def test_an_evaluation_is_a_function_of_its_arguments(name):
    problem = load(name)
    configs = problem.space.sample(200, seed=2)
    forwards = [problem.evaluate(c, seed=5) for c in configs]
    backwards = [problem.evaluate(c, seed=5) for c in reversed(configs)]
    assert forwards == backwards[::-1]
    ran = next(c for c, e in zip(configs, forwards, strict=True) if e.outcome == "ok")
    values = {str(problem.evaluate(ran, seed, repeat).metrics) for seed in (5, 6) for repeat in (0, 1)}
    assert len(values) == 4


# Images a second that resnet50 is known to reach in PyTorch without a compiler, to an order of magnitude.
THROUGHPUT = {
    "h100": (1500, 12000),
    "a100": (1200, 6000),
    "rtx5080": (1000, 5000),
    "l4": (500, 2000),
    "t4": (300, 1200),
}


@pytest.mark.parametrize("chip", CHIPS)
def test_resnet50_is_as_fast_as_it_is_known_to_be(chip):
    low, high = THROUGHPUT[chip]
    assert low < server(chip, batch=32).objective < high
    alone = 1e3 / server(chip, batch=1).objective
    assert 2 < alone < 15  # milliseconds, bound by launches
    assert server(chip, batch=32).objective > 3 * server(chip, batch=1).objective


def serving(**choice: Any) -> dict[str, Any]:
    made = {
        "weights": "int8",
        "max_num_seqs": 128,
        "max_num_batched_tokens": 1024,
        "gpu_memory_fraction": 0.89,
        "context_length": 4096,
        "execution": "graphs",
        "chunked_prefill": True,
        "prefix_cache": True,
    } | choice
    if made["execution"] == "eager":
        del made["chunked_prefill"]
    return made


def serve(chip: str, **choice: Any) -> Evaluation:
    return load(f"llm_serving@{chip}").truth(serving(**choice))


def test_chunked_prefill_is_a_knob_of_graphs_only():
    space = load("llm_serving@a100").space
    assert all(("chunked_prefill" in c) == (c["execution"] == "graphs") for c in space.sample(500, seed=1))


def test_memory_runs_out_at_start_up_or_under_load_with_different_costs():
    argument = serve("l4", max_num_batched_tokens=2048, chunked_prefill=False)
    weights = serve("l4", weights="fp16", gpu_memory_fraction=0.64)
    graphs = serve("l4", gpu_memory_fraction=0.99)
    load_ = serve("l4", gpu_memory_fraction=0.99, max_num_batched_tokens=32768, execution="eager")
    assert argument.outcome == "crashed"
    assert [e.outcome for e in (weights, graphs, load_)] == ["oom"] * 3
    assert len({e.cause for e in (argument, weights, graphs, load_)}) == 4
    assert "start-up" in weights.cause
    assert "graphs" in graphs.cause
    assert "under load" in load_.cause
    assert argument.seconds < weights.seconds < graphs.seconds < load_.seconds
    assert serve("l4", gpu_memory_fraction=0.89).outcome == "ok"


def test_graphs_save_launches_and_chunks_shorten_stalls():
    for chip in ("a100", "l4"):
        eager, graphs = (
            serve(chip, max_num_batched_tokens=4096, chunked_prefill=False, execution=e)
            for e in ("eager", "graphs")
        )
        assert graphs.metrics["inter_token_p99_ms"] < eager.metrics["inter_token_p99_ms"]
        chunked = serve(chip, max_num_batched_tokens=512)
        assert chunked.metrics["inter_token_p99_ms"] < graphs.metrics["inter_token_p99_ms"]


def test_fp8_is_fast_where_the_chip_has_it_and_falls_back_elsewhere():
    assert serve("a100", weights="fp8").objective < serve("a100", weights="int8").objective
    assert serve("l4", weights="fp8").objective == pytest.approx(serve("l4", weights="int8").objective)


def test_prefix_cache_and_more_sequences_help_the_first_token():
    for chip in ("a100", "l4"):
        with_cache, without = (serve(chip, prefix_cache=on).metrics["ttft_p99_ms"] for on in (True, False))
        assert with_cache < without
        waits = [serve(chip, max_num_seqs=n).metrics["ttft_p99_ms"] for n in (8, 16, 32, 64)]
        assert waits == sorted(waits, reverse=True)
        assert waits[0] > 2 * waits[-1]


@pytest.mark.parametrize("name", ["llm_serving@a100", "llm_serving@l4"])
def test_a_serving_space_is_mostly_invalid_but_not_dead(name):
    problem = load(name)
    configs = problem.space.sample(10_000, seed=4)
    invalid = sum(not problem.feasible(problem.truth(c)) for c in configs) / len(configs)
    assert 0.30 < invalid < 0.80
    stated = re.search(r" (\d+) % of random draws", problem.describe())
    assert stated is not None
    assert int(stated[1]) == pytest.approx(100 * invalid, abs=2)
