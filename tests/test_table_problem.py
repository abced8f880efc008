"""Recorded tables as native problems: lookup, repeats, truth, and what is refused."""

from __future__ import annotations

import math

import pytest

import lehr
from lehr import _core
from lehr.bench import Problem, ReplayProblem
from lehr.bench.recordings.table import RecordedResult, Table
from lehr.errors import ConfigurationError, OptionError


def space():
    return lehr.Space(
        [
            lehr.Categorical("kind", ["x", "y"]),
            lehr.Ordinal("size", [1, 2, 4], when=lehr.param("kind") == "y"),
        ]
    )


def table(**keywords):
    return Table("tiny", space(), "speed", "maximize", {"latency": 2.0}, **keywords)


def ok(speed, latency, seconds=1.0):
    return RecordedResult("ok", {"speed": speed, "latency": latency, "extra": 9.0}, seconds)


def filled(**keywords):
    made = table(**keywords)
    made.add({"kind": "x"}, ok(5.0, 3.0))
    made.add({"kind": "y", "size": 1}, ok(2.0, 1.0))
    made.add({"kind": "y", "size": 2}, ok(3.0, 2.0, seconds=0.25))
    made.add({"kind": "y", "size": 4}, RecordedResult("oom", {}, 7.0, "out of memory"))
    return made


def test_a_table_answers_what_was_recorded():
    problem = Problem._from_table(filled(family="kind"))
    assert problem.optimum() == ({"kind": "y", "size": 2}, 3.0)
    assert problem.best_families() == ["y"]
    assert "all 4 configurations" in problem.certificate()
    evaluation = problem.evaluate({"kind": "y", "size": 2}, seed=9, repeat=4)
    assert (evaluation.objective, evaluation.metrics, evaluation.seconds) == (3.0, {"latency": 2.0}, 0.25)
    failed = problem.evaluate({"kind": "y", "size": 4})
    assert (failed.outcome, failed.cause, failed.seconds) == ("oom", "out of memory", 7.0)
    assert failed.objective is None
    assert failed.metrics == {}
    # Half of the draws are x, which misses the limit; a third of the others run out of memory.
    share = problem.invalid_share()
    assert share.exact
    assert share.share == pytest.approx(1 / 2 + 1 / 6)
    assert [
        (row.family, row.configurations, row.feasible, row.objective) for row in problem.best_of_family()
    ] == [
        ("x", 1, 0, None),
        ("y", 3, 2, 3.0),
    ]


def test_minimising_finds_the_least():
    made = filled()
    lowest = Table("tiny", made.space, "speed", "minimize", {})
    for config in made.space.enumerate():
        for recorded in made.recordings(config):
            lowest.add(config, recorded)
    assert Problem._from_table(lowest).optimum() == ({"kind": "y", "size": 1}, 2.0)


def test_nothing_feasible_is_said_as_such():
    problem = Problem._from_table(filled(), {"latency": 0.5})
    config, objective = problem.optimum()
    assert config == {}
    assert math.isnan(objective)
    assert "none is feasible" in problem.certificate()
    assert problem.best_families() == []


def test_repeats_are_met_in_turn_and_the_truth_is_their_middle():
    made = filled()
    for speed in (2.5, 9.0):
        made.add({"kind": "y", "size": 1}, ok(speed, 1.5))
    problem = Problem._from_table(made)
    config = {"kind": "y", "size": 1}
    starts = set()
    for seed in range(50):
        seen = [problem.evaluate(config, seed=seed, repeat=repeat).objective for repeat in range(6)]
        assert sorted(seen[:3]) == [2.0, 2.5, 9.0]
        assert seen[3:] == seen[:3]
        starts.add(seen[0])
    assert starts == {2.0, 2.5, 9.0}
    assert problem.evaluate(config, seed=1, repeat=2**64 - 1).outcome == "ok"
    assert problem.truth(config).objective == 2.5
    assert problem.truth(config).metrics == {"latency": 1.5}


def test_repeats_that_disagree_are_settled_by_the_majority_and_a_tie_by_the_failure():
    made = filled()
    config = {"kind": "y", "size": 1}
    made.add(config, RecordedResult("crashed", {}, 4.0, "boom"))
    assert Problem._from_table(made).truth(config).outcome == "crashed"
    assert Problem._from_table(made).truth(config).cause == "boom"
    made.add(config, ok(2.2, 1.0))
    assert Problem._from_table(made).truth(config).outcome == "ok"


def test_digits_edge_is_the_recorded_table():
    native = Problem.load("digits_edge")
    recorded = ReplayProblem.load("digits_edge")
    assert native.family == "model"
    assert native.optimum() == recorded.optimum()
    for config in recorded.space.enumerate():
        evaluation = native.evaluate(config)
        assert evaluation.told() | {"objective": 0} == recorded.result(config) | {"objective": 0}
        assert evaluation.objective == recorded.result(config).get("objective")
        assert evaluation.seconds == recorded.lookup(config).seconds
    assert native.best_of_family()[0].configurations == len(recorded) // 5


def test_a_configuration_outside_the_table_is_refused():
    problem = Problem._from_table(filled())
    with pytest.raises(ConfigurationError):
        problem.evaluate({"kind": "x", "size": 1})


def without(made, config):
    fewer = table()
    for other in made.space.enumerate():
        if other != config:
            for recorded in made.recordings(other):
                fewer.add(other, recorded)
    return fewer


def test_gaps_and_damage_are_refused():
    with pytest.raises(OptionError, match="records 3 of the 4"):
        without(filled(), {"kind": "x"}).core()
    made = filled()
    made.add({"kind": "x"}, RecordedResult("ok", {"speed": 1.0}, 1.0))
    with pytest.raises(OptionError, match="needs a finite objective and every metric"):
        made.core()
    made = filled()
    made.add({"kind": "x"}, RecordedResult("ok", {"speed": math.inf, "latency": 1.0}, 1.0))
    with pytest.raises(OptionError, match="finite objective"):
        made.core()
    made = filled()
    made.add({"kind": "x"}, ok(1.0, 1.0, seconds=-1.0))
    with pytest.raises(OptionError, match="seconds"):
        made.core()


def test_the_core_refuses_rows_that_do_not_fit():
    rows = [({"kind": "x"}, [("ok", 1.0, [1.0], 1.0, "")])]

    def build(rows, direction="maximize"):
        return _core.TableProblem("t", space()._core, "speed", direction, [("latency", 2.0)], None, "", rows)

    with pytest.raises(OptionError, match="listed twice"):
        build(rows + rows)
    with pytest.raises(OptionError, match="no recording"):
        build([({"kind": "x"}, [])])
    with pytest.raises(OptionError, match="1 constraints, but a recording has 2"):
        build([({"kind": "x"}, [("ok", 1.0, [1.0, 2.0], 1.0, "")])])
    with pytest.raises(OptionError, match="direction is 'up'"):
        build(rows, direction="up")
    with pytest.raises(ConfigurationError):
        build([({"kind": "z"}, [("ok", 1.0, [1.0], 1.0, "")])])
