"""Searches under lower limits, and under both at once, told metrics by their plain names."""

from __future__ import annotations

import math

import pytest

import lehr
from guided_runs import MIXED
from lehr import _core
from lehr.limits import Limit

METHODS = ["random", "grid", "tba", "tpe", "tba-tpe", "tpe c-tpe", "guided"]
BOTH = ["speed >= 40", "share >= 0.25", "share <= 0.75"]


def search(method="guided", constraints=BOTH, **keywords) -> lehr.Optimizer:
    name, _, acquisition = method.partition(" ")
    return lehr.Optimizer(
        MIXED, constraints=constraints, method=name, acquisition=acquisition or "ratio",
        **{"seed": 3, **keywords},
    )  # fmt: skip


def evaluate(config):
    if config["a"] == "v1":
        return {"outcome": "crashed"}
    return {
        "objective": config["x"] + 0.1 * math.log2(config["n"]),
        "metrics": {"speed": 100.0 / config["n"] ** 0.5, "share": config["x"]},
    }


def run(optimizer, count, function=evaluate):
    for _ in range(count):
        trial = optimizer.ask()
        optimizer.tell(trial, **function(trial.config))
    return [trial.config for trial in optimizer.trials]


class TestForms:
    @pytest.mark.parametrize(
        "constraints",
        [
            ["latency <= 20", "accuracy >= 0.9"],
            ("accuracy >= 0.9", "latency <= 20"),
            [Limit("accuracy", 0.9, ">="), "latency <= 20"],
        ],
    )
    def test_texts_and_limits(self, constraints):
        optimizer = search(constraints=constraints)
        assert set(optimizer.limits) == {Limit("latency", 20.0), Limit("accuracy", 0.9, ">=")}
        assert optimizer.constraints == {"latency": 20.0}
        trial = optimizer.ask()
        optimizer.tell(trial, 1.0, {"latency": 10.0, "accuracy": 0.95})
        assert (trial.feasible, trial.violation) == (True, 0.0)

    def test_one_text_one_limit_and_none(self):
        assert search(constraints="accuracy >= 0.9").limits == (Limit("accuracy", 0.9, ">="),)
        assert search(constraints=Limit("latency", 20.0)).constraints == {"latency": 20.0}
        assert search(constraints=None).limits == ()
        assert search(constraints={"latency": 20}).limits == (Limit("latency", 20.0),)

    @pytest.mark.parametrize(
        ("constraints", "message"),
        [
            (["accuracy"], "cannot read 'accuracy'"),
            (["speed >= 40", "speed >= 50"], "two limits of the same kind"),
            (["speed >= 40", "speed <= 30"], "nothing can meet both"),
        ],
    )
    def test_what_is_no_limit_is_refused(self, constraints, message):
        with pytest.raises(lehr.OptionError, match=message):
            search(constraints=constraints)

    def test_the_core_takes_one_limit_a_side(self):
        core = MIXED._core

        def make(*limits):
            return _core.Optimizer(core, "guided", "default", "maximize", list(limits), 25, 0, None, {})

        assert make(("m", 1.0, "<="), ("m", 0.0, ">=")).limits == [("m", 1.0, "<="), ("m", 0.0, ">=")]
        with pytest.raises(lehr.OptionError, match="'m' has two lower limits"):
            make(("m", 1.0, ">="), ("m", 0.0, ">="))
        with pytest.raises(lehr.OptionError, match="unknown side '='"):
            make(("m", 1.0, "="))


class TestTold:
    def test_a_metric_below_its_lower_limit_is_infeasible_by_as_much(self):
        optimizer = search("random")
        trial = optimizer.ask()
        optimizer.tell(trial, 1.0, {"speed": 30.0, "share": 0.9})
        assert not trial.feasible
        assert trial.violation == pytest.approx(10 / 40 + 0.15 / 0.75)
        assert trial.metrics == {"speed": 30.0, "share": 0.9}
        at_the_limit = optimizer.add(optimizer.space.sample(seed=1), 1.0, {"speed": 40.0, "share": 0.25})
        assert at_the_limit.feasible

    def test_under_the_paper_preset_by_the_plain_difference(self):
        trial = search("random", preset="paper").add(MIXED.sample(seed=1), 1.0, {"speed": 30.0, "share": 0.5})
        assert trial.violation == 10.0

    def test_a_metric_with_two_limits_is_told_once(self):
        optimizer = search("random")
        with pytest.raises(lehr.ResultError, match="missing metric 'share'"):
            optimizer.add(MIXED.sample(seed=1), 1.0, {"speed": 50.0})
        with pytest.raises(lehr.ResultError, match="missing metrics 'speed', 'share'"):
            optimizer.add(MIXED.sample(seed=1), 1.0)
        trial = optimizer.add(
            MIXED.sample(seed=1), 1.0, {"speed": 50, "share": 0.5}, metrics_sem={"share": 0.1}
        )
        assert (trial.metrics, trial.metrics_sem) == ({"speed": 50.0, "share": 0.5}, {"share": 0.1})


@pytest.mark.parametrize("method", METHODS)
class TestMethods:
    def test_legal_proposals_and_feasible_results(self, method):
        optimizer = search(method)
        for config in run(optimizer, 40):
            optimizer.space.validate(config)
        best = optimizer.best
        assert best.metrics["speed"] >= 40
        assert 0.25 <= best.metrics["share"] <= 0.75

    def test_saved_and_loaded_continues_exactly(self, method):
        unbroken = run(search(method), 24)
        optimizer = search(method)
        for stop in (4, 13, 24):
            run(optimizer, stop - len(optimizer.trials))
            optimizer = lehr.Optimizer.from_json(optimizer.to_json())
        assert [trial.config for trial in optimizer.trials] == unbroken
        assert optimizer.limits == search(method).limits


@pytest.mark.parametrize("method", [m for m in METHODS if m != "guided"])
def test_a_lower_limit_is_an_upper_one_on_the_opposite(method):
    """Exactly so where the metric is not modelled; the guided search looks at what lies behind the sign."""

    def opposite(config):
        result = evaluate(config)
        if "metrics" in result:
            speed, share = result["metrics"].values()
            result["metrics"] = {"slow": -speed, "share": share}
        return result

    plain = run(search(method, ["speed >= 40", "share <= 0.75"]), 30)
    assert plain == run(search(method, ["slow <= -40", "share <= 0.75"]), 30, opposite)


class TestGuided:
    def test_it_models_a_limit_from_below_as_well_as_one_from_above(self):
        """Limits of either side on reciprocal figures are the same limit on a logarithmic scale, growth apart."""

        def inverse(config):
            result = evaluate(config)
            if "metrics" in result:
                result["metrics"] = {"time": 1.0 / result["metrics"]["speed"]}
            return result

        def speed(config):
            result = evaluate(config)
            return result | (
                {"metrics": {"speed": result["metrics"]["speed"]}} if "metrics" in result else {}
            )

        options = {"guided_growth": False}
        below = search(constraints="speed >= 40", options=options)
        above = search(constraints="time <= 0.025", options=options)
        assert run(below, 12, speed) == run(above, 12, inverse)

    def test_it_finds_what_a_lower_limit_allows(self):
        wasted = []
        for seed in range(6):
            optimizer = search(constraints=["speed >= 40"], seed=seed)
            run(
                optimizer,
                25,
                lambda c: {"objective": c["n"] + c["x"], "metrics": {"speed": 100 / c["n"] ** 0.5}},
            )
            assert optimizer.best.config["n"] in (5, 6)
            wasted.append(sum(not trial.feasible for trial in optimizer.trials[12:]))
        assert sum(wasted) < 6 * 6

    def test_it_is_not_expected_to_grow(self):
        first = [search(constraints=["accuracy >= 0.9"], seed=seed).ask().config["n"] for seed in range(30)]
        assert sum(first) / 30 > 8

    def test_stopped_below_its_limit_counts_as_at_most_so_much(self):
        """Nothing crashes: what was stopped for a metric below its lower limit needs no other reason."""
        optimizer = search(constraints=["speed >= 40"], seed=5)

        def stopped(config):
            speed = 100.0 / config["n"] ** 0.5
            if speed < 40:
                return {"outcome": "early_stopped", "metrics": {"speed": speed}}
            return {"objective": config["x"], "metrics": {"speed": speed}}

        run(optimizer, 25, stopped)
        words = optimizer.explain()
        assert "is stopped early" not in words
        assert "speed >= 40.0: missed by" in words
        assert all(trial.config["n"] <= 6 for trial in optimizer.trials[-8:])

    def test_explain_names_both_limits_of_a_metric(self):
        optimizer = search(seed=1)
        run(optimizer, 6)
        for x, share in ((0.1, 0.1), (0.9, 0.9)):
            optimizer.add({"a": "v0", "b": "v1", "n": 1, "x": x}, x, {"speed": 100.0, "share": share})
        words = optimizer.explain()
        assert "share >= 0.25: missed by" in words
        assert "share <= 0.75: missed by" in words

    def test_learned_results_may_miss_a_lower_limit(self):
        other = search(constraints=["speed >= 40"], seed=9)
        config = {"a": "v0", "b": "v1", "n": 1, "x": 0.5}
        other.add(config, 9.0, {"speed": 30.0})
        other.add(config | {"x": 0.6}, 1.0, {"speed": 50.0})
        optimizer = search(constraints=["speed >= 40"])
        optimizer.learn(other)
        assert optimizer.ask().config == config | {"x": 0.6}
