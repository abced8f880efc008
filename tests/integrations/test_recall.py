"""The native search fed with rows: whole trials as if they had been asked and told, partial ones beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lehr
from lehr import _core

NAN = math.nan


def space() -> lehr.Space:
    return lehr.Space(
        [
            lehr.Categorical("kind", ["a", "b", "c"]),
            lehr.Int("n", 0, 9),
            lehr.Float("x", 0.0, 1.0),
            lehr.Float("s", 0.0, 0.3, step=0.1),
        ]
    )


def search(on: lehr.Space, method: str = "random") -> _core.Optimizer:
    return _core.Optimizer(on._core, method, "default", "maximize", [("v", 0.0, "<=")], 25, 5, None, {})


def recall(core: _core.Optimizer, codes: list[list[float]], outcome: int = 0, settled: bool = True) -> None:
    n = len(codes)
    objectives = [1.0 if outcome == 0 else NAN] * n
    core.recall(np.array(codes), [outcome] * n, objectives, [0.0 if outcome == 0 else NAN] * n, [settled] * n)


@pytest.mark.parametrize("method", ["random", "grid", "tba", "tpe", "tba-tpe", "guided"])
def test_a_recalled_search_proposes_what_the_search_itself_would(method):
    on = space()
    asked = search(on, method)
    for number in range(30):
        recalled = search(on, method)
        rows = [asked.record(k) for k in range(number)]
        if rows:
            recalled.recall(
                np.array([on._core.encode(row[1]) for row in rows]),
                [["ok", "crashed"].index(row[3]) for row in rows],
                [row[4] for row in rows],
                [row[5][0] for row in rows],
                [True] * number,
            )
        codes, origin = recalled.propose(5, number)
        assert recalled.propose(5, number) == (codes, origin)  # nothing was registered
        assert len(recalled) == number
        _, config, asked_origin = asked.ask()
        assert on._core.decode(codes) == config
        assert origin == asked_origin
        if config["kind"] == "c":
            asked.tell(number, "crashed", NAN, [NAN])
        else:
            asked.tell(number, "ok", config["x"] + config["n"], [config["s"] - 0.1])


def test_what_agrees_with_a_settled_partial_trial_is_not_proposed():
    core = search(space())
    recall(core, [[0.0, NAN, NAN, NAN], [NAN, 3.0, NAN, NAN], [1.0, 4.0, NAN, 0.1]])
    for stream in range(300):
        codes, _ = core.propose(1, stream)
        assert codes[0] != 0.0
        assert codes[1] != 3.0
        assert (codes[0], codes[1], round(codes[3], 9)) != (1.0, 4.0, 0.1)


def test_a_partial_trial_that_settles_nothing_rules_nothing_out():
    core = search(space())
    recall(core, [[0.0, NAN, NAN, NAN], [NAN, NAN, NAN, NAN]], settled=False)
    recall(core, [[NAN, NAN, NAN, NAN]])
    assert {core.propose(1, stream)[0][0] for stream in range(60)} == {0.0, 1.0, 2.0}


def test_when_partial_trials_rule_out_everything_repeats_come():
    core = search(space(), "tba-tpe")
    recall(core, [[kind, NAN, NAN, NAN] for kind in (0.0, 1.0, 2.0)])
    assert {core.propose(1, stream)[0][0] for stream in range(60)} == {0.0, 1.0, 2.0}


@pytest.mark.parametrize("method", ["tba", "tpe", "tba-tpe", "guided"])
def test_partial_trials_are_learned_from(method):
    core = search(space(), method)
    rng = np.random.default_rng(0)
    for _ in range(20):  # kind b never saw x; kinds a and c did badly
        recall(core, [[1.0, float(rng.integers(10)), NAN, NAN]], settled=False)
        recall(core, [[0.0, float(rng.integers(10)), rng.random(), NAN]], outcome=1, settled=False)
        recall(core, [[2.0, NAN, rng.random(), 0.1]], outcome=1, settled=False)
    proposals = [core.propose(1, stream)[0] for stream in range(60)]
    assert all(not any(math.isnan(code) for code in codes) for codes in proposals)
    kinds = [codes[0] for codes in proposals]
    assert kinds.count(1.0) > kinds.count(0.0) + kinds.count(2.0)


def test_a_row_that_does_not_fit_is_refused():
    core = search(space())
    for codes in ([3.0, 0.0, 0.0, 0.0], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 1.1, 0.0], [0.0, 0.0, 0.0, 0.15]):
        with pytest.raises(ValueError, match="is not a legal code"):
            recall(core, [codes])
    recall(core, [[0.0, 0.0, 0.0, 0.1 + 0.2]])  # a multiple of the step, but for rounding
    with pytest.raises(ValueError, match="do not fit"):
        recall(core, [[0.0, 0.0]])
    with pytest.raises(ValueError, match="not the number of an outcome"):
        recall(core, [[0.0, 0.0, 0.0, 0.0]], outcome=7)
    with pytest.raises(lehr.ResultError):
        core.recall(np.zeros((1, 4)), [0], [NAN], [0.0], [True])
