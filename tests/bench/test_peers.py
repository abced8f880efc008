"""Every peer under one contract: legal proposals, conditions kept, failures learned from, the same under a seed."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import lehr
from lehr.bench import Evaluation, Problem
from lehr.bench.peers import PEERS, SLOW, Peer, make_peer, peer_version
from lehr.bench.peers.axes import active, axes_of, holds
from lehr.bench.peers.peer import Told, seed_of, told_of
from lehr.errors import ExhaustedError, MissingPackageError, OptionError

CHEAP = ["optuna-random", "optuna-tpe", "optuna-tpe-group", "optuna-tpe-paper", "optuna-nsga2", "hyperopt"]


class Thorny:
    """Every kind of variable, conditions on one and on several parents, choices that Python holds to be equal."""

    space = lehr.Space(
        [
            lehr.Float("rate", 1e-4, 1e-1, log=True),
            lehr.Ordinal("tile", [16, 32, 48]),
            lehr.Categorical("kind", ["a", "b", True, 1, 1.0]),
            lehr.Int("threads", 1, 64, log=True, when=lehr.param("kind").isin(["a", True])),
            lehr.Float("share", 0.0, 1.0, step=0.1, when=~(lehr.param("tile") < 32)),
            lehr.Int("rows", 2, 20, step=3, when=(lehr.param("threads") > 8) & (lehr.param("tile") != 48)),
            lehr.Categorical("only", ["one"]),
        ],
        forbid=[(lehr.param("kind") == "b") & (lehr.param("tile") >= 32)],
    )
    direction = "maximize"
    constraints: ClassVar = {"heat": 1.0}

    def evaluate(self, config: dict[str, Any], seed: int, repeat: int) -> Evaluation:
        if config["kind"] is True and config["tile"] == 16:
            return Evaluation("crashed", None, {}, 1.0, "made to")
        heat = {"heat": 30 * config["rate"]}
        return Evaluation("ok", config.get("threads", 3) + config.get("share", 0.0), heat, 1.0)


class Dead(Thorny):
    """Nothing ever runs."""

    def evaluate(self, config: dict[str, Any], seed: int, repeat: int) -> Evaluation:
        return Evaluation("oom", None, {}, 1.0, "too large")


def made(name: str, problem: Any, seed: int = 11, budget: int = 25) -> Peer:
    try:
        return make_peer(name, problem, seed, budget)
    except MissingPackageError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=CHEAP)
def cheap(request: pytest.FixtureRequest) -> str:
    return request.param


def proposals(name: str, problem: Any, seed: int, trials: int) -> list[dict[str, Any]]:
    peer = made(name, problem, seed, trials)
    configs = []
    try:
        for _ in range(trials):
            token, config = peer.ask()
            problem.space.validate(config)
            peer.tell(token, problem.evaluate(config, seed, 0))
            configs.append(config)
    finally:
        peer.close()
    return configs


def test_proposals_are_legal_and_the_same_under_a_seed(cheap: str) -> None:
    first = proposals(cheap, Thorny(), 11, 30)
    assert first == proposals(cheap, Thorny(), 11, 30)
    assert first != proposals(cheap, Thorny(), 12, 30)
    assert {type(config["kind"]) for config in first} >= {str, int}
    assert any("rows" in config for config in first) or any("threads" in config for config in first)


@pytest.mark.parametrize("name", SLOW)
def test_slow_peers_propose_legally(name: str) -> None:
    assert len(proposals(name, Thorny(), 3, 12)) == 12


def test_a_problem_where_all_crashes_is_survived(cheap: str) -> None:
    assert len(proposals(cheap, Dead(), 5, 25)) == 25


@pytest.mark.parametrize("name", ["optuna-gp", "optuna-gp-penalty"])
def test_the_gp_survives_a_problem_where_all_crashes(name: str) -> None:
    assert len(proposals(name, Dead(), 5, 12)) == 12


class Half:
    """One mode always crashes, another is always above its limit; the third is fine."""

    space = lehr.Space([lehr.Categorical("mode", ["crash", "slow", "fine"]), lehr.Float("x", 0.0, 1.0)])
    direction = "minimize"
    constraints: ClassVar = {"latency": 20.0}

    def evaluate(self, config: dict[str, Any], seed: int, repeat: int) -> Evaluation:
        if config["mode"] == "crash":
            return Evaluation("crashed", None, {}, 1.0, "made to")
        latency = 200.0 if config["mode"] == "slow" else 10.0
        return Evaluation("ok", config["x"] if config["mode"] == "fine" else -1.0, {"latency": latency}, 1.0)


@pytest.mark.parametrize("name", ["optuna-tpe", "optuna-tpe-paper", "optuna-nsga2", "hyperopt"])
def test_failures_are_learned_from(name: str) -> None:
    tail = [config["mode"] for seed in range(8) for config in proposals(name, Half(), seed, 50)[30:]]
    random = [
        config["mode"] for seed in range(8) for config in proposals("optuna-random", Half(), seed, 50)[30:]
    ]
    assert tail.count("fine") > 1.2 * random.count("fine")
    assert tail.count("crash") < 0.8 * random.count("crash")


def test_results_are_told_as_shares_of_their_limits() -> None:
    slow = told_of(Half(), Evaluation("ok", 0.5, {"latency": 30.0}, 2.0))
    assert (slow.ran, slow.cost, slow.feasible) == (True, 0.5, False)
    assert slow.excesses == {"latency": 0.5}
    assert slow.raw == {"latency": 10.0}
    assert slow.violation == 0.5
    crash = told_of(Half(), Evaluation("crashed", None, {}, 2.0, "made to"))
    assert (crash.ran, crash.cost, crash.excesses, crash.feasible) == (False, None, {"latency": None}, False)
    assert told_of(Thorny(), Evaluation("ok", 3.0, {"heat": 1.0}, 1.0)).cost == -3.0  # maximised
    assert told_of(Thorny(), Evaluation("ok", 3.0, {"heat": 1.0}, 1.0)).feasible  # a limit may be met exactly


def test_a_crash_is_a_finished_trial_that_violates() -> None:
    from lehr.bench.peers import with_optuna

    crash = Told(False, None, {"latency": None}, {"latency": None}, "crashed", 1.0)
    slow = Told(True, 1.0, {"latency": 9.0}, {"latency": 180.0}, "ok", 1.0)
    assert sum(with_optuna.ranked(crash).values()) > sum(with_optuna.ranked(slow).values())
    assert with_optuna.modelled(crash) == {"ran": 1.0, "latency": 0.0}
    assert with_optuna.penalised(crash) == {"latency": 0.0}
    assert with_optuna.modelled(slow) == {"ran": -1.0, "latency": 9.0}
    # As published: a crash counts 100, less than a result that is 180 ms too slow.
    assert sum(with_optuna.as_in_the_paper(crash).values()) == 100.0
    assert sum(with_optuna.as_in_the_paper(slow).values()) == 180.0
    peer = made("optuna-tpe", Half())
    token, _ = peer.ask()
    peer.tell(token, Evaluation("crashed", None, {}, 1.0, "made to"))
    (trial,) = peer._study.trials  # type: ignore[attr-defined]
    assert trial.state.name == "COMPLETE"
    assert trial.constraints["ran"] > 0


def test_conditions_are_kleenes() -> None:
    axes = {axis.name: axis for axis in axes_of(Thorny.space)}
    deep = (lehr.param("threads") > 8) & (lehr.param("tile") != 48)
    assert holds(deep, {"kind": "b", "tile": 16}, axes) is None  # inactive: neither true nor false
    assert holds(~deep, {"kind": "b", "tile": 16}, axes) is None
    assert holds(deep, {"kind": "b", "tile": 48}, axes) is False
    assert holds(~deep | (lehr.param("tile") == 16), {"tile": 16}, axes) is True
    assert holds(lehr.param("kind") == 1, {"kind": True}, axes) is False  # types count
    assert not active(axes["threads"], {"kind": 1}, axes)
    for config in Thorny.space.sample(200, seed=1):
        for axis in axes.values():
            assert active(axis, config, axes) == (axis.name in config)
            if axis.name in config:
                again = axis.value(axis.code(config[axis.name]))
                assert type(again) is type(config[axis.name])
                assert again == pytest.approx(config[axis.name]) if axis.name in ("rate", "share") else True


def test_forbidden_proposals_cost_no_trial() -> None:
    class Narrow:
        space = lehr.Space(
            [lehr.Int("x", 1, 1000)],
            forbid=[lehr.param("x") > 1],  # one legal configuration
        )
        direction = "maximize"
        constraints: ClassVar[dict[str, float]] = {}

    peer = made("optuna-random", Narrow())
    for _ in range(2):
        token, config = peer.ask()
        assert config == {"x": 1}
        peer.tell(token, Evaluation("ok", 1.0, {}, 1.0))
    assert peer._refused >= 1
    with pytest.raises(ExhaustedError, match="forbidden"):
        Peer.adopt(peer, {"x": 1})


def test_unknown_and_absent_peers_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="unknown peer 'bohb'; use one of optuna-random"):
        make_peer("bohb", Thorny(), 0, 5)
    import sys

    for package, name, remedy in [
        ("hyperopt", "hyperopt", "pip install 'lehr[peers]'"),
        ("smac", "smac3", "pip install 'lehr[peers]'"),
        ("torch", "optuna-gp", "install PyTorch"),
    ]:
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(sys.modules, f"lehr.bench.peers.{PEERS[name].maker.split(':')[0]}", raising=False)
        with pytest.raises(MissingPackageError) as missing:
            make_peer(name, Thorny(), 0, 5)
        assert remedy in str(missing.value)
    assert peer_version("optuna-tpe").startswith("optuna 5")


def test_native_problems_are_searchable() -> None:
    problem = Problem.load("crashy_branin")
    configs = proposals("optuna-tpe", problem, 1, 15)
    assert len({str(config) for config in configs}) == 15


def test_seeds_are_spread() -> None:
    seeds = {seed_of(seed, purpose) for seed in range(50) for purpose in range(4)}
    assert len(seeds) == 200
    assert all(0 <= seed < 2**31 for seed in seeds)
