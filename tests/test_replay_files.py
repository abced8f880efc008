"""Recordings of other origin as problems: trial logs, Kernel Tuner's caches and T4 results."""

from __future__ import annotations

import gzip
import json

import pytest

import lehr
from lehr.bench import Problem
from lehr.errors import ConfigurationError, LehrError


def write(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def log(*trials):
    return "".join(json.dumps(trial) + "\n" for trial in trials)


def trial(number, config, objective=None, *, outcome="ok", feasible=True, **keywords):
    return {
        "study": "edge",
        "number": number,
        "config": config,
        "outcome": outcome,
        "feasible": feasible,
        "objective": objective,
        "metrics": {} if objective is None else {"latency": 10.0 * objective},
        "evidence": {} if outcome == "ok" else {"signature": "boom"},
        "seconds": 1.0 + number,
    } | keywords


LOG = [
    trial(0, {"backend": "a", "batch": 1}, 1.0),
    trial(1, {"backend": "a", "batch": 4}, 3.0, feasible=False),
    trial(2, {"backend": "b", "batch": 1, "threads": 2}, 2.0),
    trial(3, {"backend": "b", "batch": 8, "threads": 1}, outcome="crashed", feasible=False),
    trial(4, {"backend": "b", "batch": 1, "threads": 2}, 2.5),
]


def configs(problem):
    return sorted(json.dumps(config, sort_keys=True) for config in problem.space.enumerate())


def recorded(*configs):
    return sorted(json.dumps(config, sort_keys=True) for config in configs)


def test_a_log_is_the_space_of_its_configurations_alone(tmp_path):
    problem = Problem.replay(write(tmp_path / "edge.jsonl", log(*LOG)))
    assert configs(problem) == recorded(*(line["config"] for line in LOG[:4]))
    assert problem.name == "edge.jsonl"
    assert problem.direction == "maximize"
    assert problem.constraints == {"missed_limits": 0.0}
    assert problem.optimum() == (
        {"backend": "b", "batch": 1, "threads": 2},
        2.0,
    )  # the lower middle of 2.0, 2.5
    missed = problem.evaluate({"backend": "a", "batch": 4})
    assert (missed.outcome, missed.objective, missed.metrics) == ("ok", 3.0, {"missed_limits": 1.0})
    assert not problem.feasible(missed)
    crash = problem.evaluate({"backend": "b", "batch": 8, "threads": 1})
    assert (crash.outcome, crash.cause, crash.seconds) == ("crashed", "boom", 4.0)
    assert {problem.evaluate(LOG[2]["config"], repeat=k).objective for k in (0, 1)} == {2.0, 2.5}
    for config in ({"backend": "a", "batch": 8}, {"backend": "b", "batch": 1, "threads": 1}):
        with pytest.raises(ConfigurationError):
            problem.evaluate(config)


def test_limits_objective_and_direction_of_a_log_can_be_given(tmp_path):
    path = write(tmp_path / "edge.jsonl", log(*LOG))
    problem = Problem.replay(path, objective="latency", direction="minimize", constraints={"latency": 25.0})
    assert problem.optimum() == ({"backend": "a", "batch": 1}, 10.0)
    assert not problem.feasible(problem.truth({"backend": "a", "batch": 4}))
    with pytest.raises(LehrError, match=r"trial 0 did not measure memory; it measured latency, objective"):
        Problem.replay(path, constraints={"memory": 1.0})


@pytest.mark.parametrize("method", ["random", "grid", "tba", "tpe", "tba-tpe"])
def test_methods_keep_to_what_was_recorded(tmp_path, method):
    problem = Problem.replay(write(tmp_path / "edge.jsonl", log(*LOG)))
    optimizer = lehr.Optimizer(
        problem.space,
        constraints=problem.constraints,
        direction=problem.direction,
        method=method,
        seed=1,
        budget=4,
    )
    for _ in range(4):
        asked = optimizer.ask()
        optimizer.tell(asked, **problem.evaluate(asked.config).told())
    assert optimizer.best.config == problem.optimum()[0]


def test_what_a_real_study_logs_replays(tmp_path):
    space = lehr.Space(
        [
            lehr.Categorical("kind", ["x", "y"]),
            lehr.Float("rate", 0.0, 1.0),
            lehr.Int("depth", 1, 5, when=lehr.param("kind") == "y"),
        ]
    )
    storage = tmp_path / "real.journal"
    study = lehr.run(
        evaluate, space, objective="score", constraints=["cost <= 0.8"], budget=8, storage=storage, seed=3
    )
    problem = Problem.replay(tmp_path / "real.jsonl")
    assert configs(problem) == recorded(*{json.dumps(t.config): t.config for t in study.trials}.values())
    for finished in study.trials:
        again = problem.evaluate(finished.config)
        assert again.outcome == finished.outcome
        assert again.objective == finished.objective
        assert problem.feasible(again) == finished.feasible


def evaluate(config):
    if config["rate"] < 0.2:
        raise RuntimeError("too slow")
    return {"score": config["rate"] + config.get("depth", 0), "cost": config["rate"]}


def test_several_studies_in_one_log(tmp_path):
    path = write(tmp_path / "two.jsonl", log(LOG[0], LOG[1] | {"study": "other"}))
    with pytest.raises(LehrError, match="holds the studies edge, other; say which"):
        Problem.replay(path)
    assert configs(Problem.replay(path, study="other")) == recorded(LOG[1]["config"])
    with pytest.raises(LehrError, match="holds no study third"):
        Problem.replay(path, study="third")
    sweep = log(*({k: v for k, v in t.items() if k != "metrics"} | {"study": i} for i, t in enumerate(LOG)))
    packed = tmp_path / "trials.jsonl.gz"
    packed.write_bytes(gzip.compress(sweep.encode()))
    assert len(configs(Problem.replay(packed))) == 4


def test_presence_that_hangs_on_two_variables(tmp_path):
    trials = []
    for a in (1, 2):
        for b in ("x", "y"):
            for c in (0.5, 0.25) if (a, b) in ((1, "y"), (2, "x")) else (None,):
                config = {"a": a, "b": b} | ({} if c is None else {"c": c})
                trials.append(trial(len(trials), config, float(len(trials))))
    problem = Problem.replay(write(tmp_path / "two.jsonl", log(*trials)))
    assert configs(problem) == recorded(*(t["config"] for t in trials))
    assert problem.space["c"].values == (0.25, 0.5)


def test_ints_among_floats_are_floats(tmp_path):
    problem = Problem.replay(
        write(tmp_path / "m.jsonl", log(trial(0, {"a": 1}, 1.0), trial(1, {"a": 0.5}, 2.0)))
    )
    assert problem.space["a"].values == (0.5, 1.0)
    assert problem.truth({"a": 1.0}).objective == 1.0


def test_thousands_of_scattered_configurations(tmp_path):
    """Beyond what a table of every forbidden combination would bear."""
    kept = [
        {"a": a, "b": b, "c": c, "d": d}
        for a in range(16)
        for b in range(16)
        for c in range(12)
        for d in range(8)
        if a * b % 7 == c % 5 and (a + d) % 3
    ]
    assert len(kept) > 2000
    problem = Problem.replay(
        write(tmp_path / "big.jsonl", log(*(trial(i, config, float(i)) for i, config in enumerate(kept))))
    )
    assert problem.space.count() == len(kept)
    assert problem.optimum() == (kept[-1], float(len(kept) - 1))
    assert problem.space.sample(seed=1) in kept


CACHE = {
    "device_name": "made up",
    "kernel_name": "vector_add",
    "problem_size": 1000,
    "tune_params_keys": ["block_size_x", "layout"],
    "tune_params": {"block_size_x": [32, 64, 128], "layout": ["row", "column"]},
    "objective": "time",
    "cache": {
        "32,row": {
            "block_size_x": 32,
            "layout": "row",
            "time": 4.0,
            "times": [4.0, 4.5],
            "GFLOP/s": 10.0,
            "compile_time": 500.0,
            "verification_time": 0,
            "benchmark_time": 100.0,
            "strategy_time": 7.0,
            "framework_time": 7.0,
            "timestamp": "2024-01-01 00:00:00+00:00",
        },
        "64,row": {"block_size_x": 64, "layout": "row", "time": 2.0, "GFLOP/s": 30.0, "compile_time": 400.0},
        "64,column": {
            "block_size_x": 64,
            "layout": "column",
            "time": "CompilationFailedConfig",
            "compile_time": 90.0,
        },
        "128,row": {"block_size_x": 128, "layout": "row", "time": "InvalidConfig"},
        "128,column": {"block_size_x": 128, "layout": "column", "__error__": "RuntimeFailedConfig"},
    },
}


def changed(document, *keys, value):
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return copy


def test_a_kernel_tuner_cache_is_a_problem(tmp_path):
    problem = Problem.replay(write(tmp_path / "cache.json", CACHE))
    assert (problem.objective, problem.direction, problem.constraints) == ("time", "minimize", {})
    assert problem.space.count() == 5
    assert problem.optimum() == ({"block_size_x": 64, "layout": "row"}, 2.0)
    assert problem.evaluate({"block_size_x": 32, "layout": "row"}).seconds == pytest.approx(0.6)
    causes = {
        (64, "column"): ("CompilationFailedConfig", 0.09),
        (128, "row"): ("InvalidConfig", 0.0),
        (128, "column"): ("RuntimeFailedConfig", 0.0),
    }
    for (size, layout), (cause, seconds) in causes.items():
        failed = problem.evaluate({"block_size_x": size, "layout": layout})
        assert (failed.outcome, failed.cause) == ("crashed", cause)
        assert failed.seconds == pytest.approx(seconds)
    assert problem.invalid_share().share == pytest.approx(3 / 5)
    assert "vector_add, made up" in problem.describe()
    with pytest.raises(ConfigurationError):
        problem.truth({"block_size_x": 32, "layout": "column"})


def test_another_objective_and_limits_on_a_cache(tmp_path):
    path = write(tmp_path / "cache.json", CACHE)
    problem = Problem.replay(path, objective="GFLOP/s", constraints={"time": 3.0})
    assert problem.direction == "maximize"
    assert problem.optimum() == ({"block_size_x": 64, "layout": "row"}, 30.0)
    assert not problem.feasible(problem.truth({"block_size_x": 32, "layout": "row"}))
    with pytest.raises(LehrError, match="entry '32,row' has no number for the objective energy"):
        Problem.replay(path, objective="energy")
    with pytest.raises(LehrError, match="did not measure energy"):
        Problem.replay(path, constraints={"energy": 3.0})


@pytest.mark.parametrize("cut", ["}", "}}", "}},"])
def test_a_cache_that_was_being_written_is_closed(tmp_path, cut):
    text = json.dumps(CACHE)
    assert text.endswith("}}}")
    text = text[:-2] + ("," if cut.endswith(",") else "")
    assert Problem.replay(write(tmp_path / "open.json", text)).space.count() == 5


def test_the_failure_time_of_old_caches(tmp_path):
    document = changed(CACHE, "cache", "32,row", "time", value=1e20)
    failed = Problem.replay(write(tmp_path / "old.json", document)).truth(
        {"block_size_x": 32, "layout": "row"}
    )
    assert (failed.outcome, failed.cause) == ("crashed", "failed")


def result(config, invalidity="correct", value=1.0, **times):
    return {
        "timestamp": "2024-01-01",
        "configuration": config,
        "times": times
        or {"compilation": 250.0, "benchmark": 50.0, "framework": 9.0, "search_algorithm": 9.0},
        "invalidity": invalidity,
        "correctness": 1,
        "measurements": [{"name": "time", "value": value, "unit": "ms"}],
        "objectives": ["time"],
    }


T4 = {
    "schema_version": "1.0.0",
    "results": [
        result({"bx": 1, "vec": True}),
        result({"bx": 2, "vec": True}, value=0.5, compilation_time=100.0, runtimes=[1.0, 2.0]),
        result({"bx": 1, "vec": False}, "compile", "CompilationFailedConfig"),
        result({"bx": 2, "vec": False}, "timeout"),
        result({"bx": 4, "vec": False}, "correctness"),
    ],
}
T1 = {
    "ConfigurationSpace": {
        "TuningParameters": [
            {"Name": "vec", "Type": "bool", "Values": "[True, False]"},
            {"Name": "bx", "Type": "int", "Values": "[1, 2, 4]"},
        ],
        "Conditions": [{"Parameters": ["bx"], "Expression": "open('/nowhere', 'w') or bx > 0"}],
    },
    "KernelSpecification": {},
}


def test_t4_results_are_a_problem_and_fit_their_t1_description(tmp_path):
    path = write(tmp_path / "t4.json", T4)
    problem = Problem.replay(path, t1=write(tmp_path / "t1.json", T1))
    assert problem.optimum() == ({"bx": 2, "vec": True}, 0.5)
    assert problem.truth({"bx": 1, "vec": True}).seconds == pytest.approx(0.3)
    assert problem.truth({"bx": 2, "vec": True}).seconds == pytest.approx(0.103)
    endings = [
        (problem.truth(config).outcome, problem.truth(config).cause)
        for config in ({"bx": 1, "vec": False}, {"bx": 2, "vec": False}, {"bx": 4, "vec": False})
    ]
    assert endings == [
        ("crashed", "CompilationFailedConfig"),
        ("timeout", "timeout"),
        ("crashed", "wrong results"),
    ]
    assert configs(Problem.replay(path)) == configs(problem)
    in_seconds = write(tmp_path / "s.json", T4 | {"metadata": {"timeunit": "seconds"}})
    assert Problem.replay(in_seconds).truth({"bx": 1, "vec": True}).seconds == pytest.approx(300.0)


def test_values_that_would_have_to_be_evaluated_are_left_alone(tmp_path):
    values = "[2**i for i in range(3)]"
    t1 = changed(T1, "ConfigurationSpace", "TuningParameters", 1, "Values", value=values)
    assert (
        Problem.replay(write(tmp_path / "t4.json", T4), t1=write(tmp_path / "t1.json", t1)).space.count() == 5
    )


@pytest.mark.parametrize(
    ("t1", "message"),
    [
        ({"results": []}, "is not a T1 description"),
        ({"ConfigurationSpace": {}}, "no list of TuningParameters"),
        ({"ConfigurationSpace": {"TuningParameters": [{}]}}, "a parameter without a Name"),
        (
            changed(T1, "ConfigurationSpace", "TuningParameters", 1, "Name", value="by"),
            "the T1 description has vec, by",
        ),
        (
            changed(T1, "ConfigurationSpace", "TuningParameters", 1, "Values", value="[1, 2]"),
            "records bx = 4",
        ),
    ],
)
def test_a_t1_description_that_does_not_fit_is_refused(tmp_path, t1, message):
    with pytest.raises(LehrError, match=message):
        Problem.replay(write(tmp_path / "t4.json", T4), t1=write(tmp_path / "t1.json", t1))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        ("not json", "not a recorded problem: line 1"),
        ("[1, 2]", "is not a recorded problem"),
        ("3", "is not a recorded problem"),
        ({"hello": 1}, "neither a trial log of lehr"),
        ("[" * 100_000, "is not a recorded problem"),
        (T1, r"describes a space \(T1\) and holds no measurements"),
        (changed(CACHE, "tune_params_keys", value="abc"), "tune_params_keys must list names"),
        (changed(CACHE, "cache", value=[]), "cache must be an object"),
        (changed(CACHE, "cache", value={}), "records no configuration"),
        (changed(CACHE, "cache", "32,row", value=3), "entry '32,row' is not an object"),
        (changed(CACHE, "cache", "32,row", value={"layout": "row"}), "entry '32,row' lacks block_size_x"),
        (changed(CACHE, "cache", "32,row", "time", value="fast"), "no number for the objective time"),
        (changed(CACHE, "cache", "32,row", "compile_time", value="x"), "compile_time is 'x'"),
        (changed(CACHE, "cache", "32,row", "compile_time", value=-1), "compile_time is -1"),
        (changed(CACHE, "cache", "32,row", "layout", value=[1]), "a value of layout is a list"),
        (changed(T4, "results", 0, "configuration", value=3), "result 1 has no configuration"),
        (changed(T4, "results", 0, "invalidity", value="odd"), "result 1 has the invalidity 'odd'"),
        (changed(T4, "results", 0, "invalidity", value=[]), "result 1 has the invalidity"),
        (changed(T4, "results", 0, "measurements", value={}), "result 1: measurements must be a list"),
        (changed(T4, "results", 0, "measurements", value=[{}]), "a measurement has no name"),
        (changed(T4, "results", 0, "times", value=[]), "times must be an object"),
        (changed(T4, "results", value=[]), "records no configuration"),
        (T4 | {"metadata": {"timeunit": "days"}}, "time unit 'days'"),
        (log(LOG[0], 3), "line 2: it is not an object"),
        (log({k: v for k, v in LOG[0].items() if k != "seconds"}), "line 1: it lacks seconds"),
        (log(LOG[0] | {"outcome": "melted"}), "unknown outcome 'melted'"),
        (log(LOG[0] | {"seconds": "long"}), "seconds are 'long'"),
        (log(LOG[0] | {"objective": None}), "trial 0 ran, but has no objective"),
        (log(LOG[0] | {"config": {"a": {}}}), "a value of a is a dict"),
        (log(LOG[0] | {"config": []}), "config and metrics must be objects"),
        (log(LOG[0]) + log(LOG[1])[:40], "line 2"),
        (log(trial(0, {"a": 1}, 1.0), trial(1, {"a": 1, "b": 2}, 2.0)), "with and without b"),
        (
            '{"config": {"a": NaN}, "outcome": "ok", "feasible": true, "objective": 1, "seconds": 1}',
            "not finite",
        ),
    ],
)
def test_a_damaged_recording_gets_one_sentence(tmp_path, document, message):
    path = write(tmp_path / "bad.json", document)
    with pytest.raises(LehrError, match=message) as caught:
        Problem.replay(path)
    assert "\n" not in str(caught.value)
    assert "bad.json" in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(LehrError, match=r"cannot read .*missing\.json: No such file"):
        Problem.replay(tmp_path / "missing.json")
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    with pytest.raises(LehrError, match="is not a recorded problem"):
        Problem.replay(cut)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LehrError, match="is not a recorded problem"):
        Problem.replay(binary)
    with pytest.raises(LehrError, match="direction is 'up'"):
        Problem.replay(write(tmp_path / "c.json", CACHE), direction="up")


def test_a_packaged_file_replays_as_itself(tmp_path):
    from importlib import resources

    data = resources.files("lehr.bench").joinpath("data", "digits_edge.jsonl.gz")
    path = tmp_path / "copy.jsonl.gz"
    path.write_bytes(data.read_bytes())
    assert Problem.replay(path).optimum() == Problem.load("digits_edge").optimum()
    with pytest.raises(LehrError, match="names its own objective"):
        Problem.replay(path, objective="accuracy")
