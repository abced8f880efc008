"""Kernel Tuner's caches and T4 results as problems."""

from __future__ import annotations

import json

import pytest

from lehr.bench import Problem
from lehr.bench.recordings.kernel_tuner import direction_of
from lehr.errors import ConfigurationError, LehrError
from recorded_files import CACHE, T1, T4, changed, configs, write


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
    ("objective", "direction"),
    [
        ("time", "minimize"),
        ("energy", "minimize"),
        ("cost", "minimize"),
        ("loss", "minimize"),
        ("fitness", "maximize"),
        *[(name, "maximize") for name in ("GFLOPS", "TFLOPS", "GFLOP/s", "TFLOP/s", "GB/s", "TB/s")],
        *[(name, "maximize") for name in ("GFLOPS/W", "TFLOPS/W", "GFLOP/J", "TFLOP/J", "gflop/s")],
    ],
)
def test_the_direction_of_an_objective_is_kernel_tuners(objective, direction):
    assert direction_of("cache.json", objective) == direction


def measuring(name):
    """The cache with another measurement in each entry that has a time."""
    document = json.loads(json.dumps(CACHE))
    for entry in document["cache"].values():
        if isinstance(entry.get("time"), float):
            entry[name] = entry["time"]
    return document | {"objective": name}


def test_an_objective_better_when_higher_is_maximised(tmp_path):
    problem = Problem.replay(write(tmp_path / "cache.json", measuring("GFLOPS/W")))
    assert problem.direction == "maximize"
    assert problem.optimum()[1] == max(
        entry["GFLOPS/W"] for entry in measuring("GFLOPS/W")["cache"].values() if "GFLOPS/W" in entry
    )


def test_an_objective_that_nobody_knows_must_be_given_its_direction(tmp_path):
    path = write(tmp_path / "cache.json", measuring("happiness"))
    with pytest.raises(LehrError, match=r"objective 'happiness'.*--direction"):
        Problem.replay(path)
    assert Problem.replay(path, direction="maximize").direction == "maximize"
    assert Problem.replay(path, direction="minimize").direction == "minimize"


def test_a_cache_cut_anywhere_keeps_its_whole_entries(tmp_path):
    """Cut at any byte of its entries: the whole ones are used, and a sentence says so."""
    text = json.dumps(CACHE, indent=1)
    first = text.index('"64,row"')
    ends = [text.index(f'"{key}"') for key in CACHE["cache"]]
    seen = set()
    for cut in range(first, len(text) - 4):
        problem = Problem.replay(write(tmp_path / "cut.json", text[:cut]))
        whole = sum(end < cut for end in ends) - 1
        assert problem.space.count() in (whole, whole + 1)
        if "cut inside an entry" in problem.describe():
            assert f"the {problem.space.count()} before it are used" in problem.describe()
        seen.add(problem.space.count())
    assert seen == set(range(1, len(CACHE["cache"]) + 1))


def test_the_true_line_where_a_cache_is_damaged_before_its_entries(tmp_path):
    lines = json.dumps(CACHE, indent=1).splitlines()
    lines[3] += " garbage"
    with pytest.raises(LehrError, match="is not a recorded problem: line 4:"):
        Problem.replay(write(tmp_path / "damaged.json", "\n".join(lines)))


def test_the_true_line_of_a_damaged_cache(tmp_path):
    lines = json.dumps(CACHE, indent=1).splitlines()
    at = next(number for number, line in enumerate(lines, 1) if '"128,row"' in line)
    lines[at - 1] = lines[at - 1].replace(": {", ": [")
    with pytest.raises(LehrError, match=f"is damaged at line {at}:"):
        Problem.replay(write(tmp_path / "damaged.json", "\n".join(lines)))
