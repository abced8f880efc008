"""What `learn` is worth: much where the other search speaks of the same thing, two trials at most where it does not."""

from __future__ import annotations

from typing import ClassVar

import pytest

import lehr

BACKENDS = ["eager", "compile", "onnx", "vendor"]
MODELS = ["small", "medium", "large", "huge"]
PRECISIONS = ["fp32", "fp16", "int8"]


def space() -> lehr.Space:
    return lehr.Space(
        [
            lehr.Categorical("model", MODELS),
            lehr.Categorical("backend", BACKENDS),
            lehr.Categorical("precision", PRECISIONS),
            lehr.Int("batch", 1, 64, log=True),
        ]
    )


def evaluate(config, speed=1.0, dead=("compile",)):
    """Accuracy by model; latency multiplies; `dead` backends crash, and so does vendor with int8."""
    if config["backend"] in dead or (config["backend"], config["precision"]) == ("vendor", "int8"):
        return {"outcome": "crashed"}
    latency = (
        speed
        * 2.0 ** MODELS.index(config["model"])
        * {"eager": 1.0, "compile": 1.0, "onnx": 0.6, "vendor": 0.4}[config["backend"]]
        * {"fp32": 1.0, "fp16": 0.6, "int8": 0.5}[config["precision"]]
        * config["batch"] ** 0.8
    )
    return {"objective": 0.7 + 0.03 * MODELS.index(config["model"]), "metrics": {"latency": latency}}


def search(seed=0, limit=8.0, **keywords) -> lehr.Optimizer:
    return lehr.Optimizer(space(), constraints={"latency": limit}, method="guided", seed=seed, **keywords)


def run(optimizer, trials=25, **world):
    for _ in range(trials):
        trial = optimizer.ask()
        optimizer.tell(trial, **evaluate(trial.config, **world))
    return optimizer


def twisted(result, twist):
    """What another search would have reported of the same configuration: like here, or wrong in one way."""
    ran = "outcome" not in result
    if twist == "all crash" or (twist == "inverted" and ran):
        return {"outcome": "crashed"}
    if twist == "inverted":
        return {"objective": 0.5, "metrics": {"latency": 1.0}}
    if not ran or twist == "agree":
        return result
    if twist == "slower":
        return {**result, "metrics": {"latency": 3.0 * result["metrics"]["latency"]}}
    return {"objective": -result["objective"], "metrics": {"latency": 36.0 / result["metrics"]["latency"]}}


class TestTwistedStudies:
    """Mean over seeds; the space and what fails in it as above, latency at most 6."""

    SEEDS = range(12)
    TRIALS = 15
    _known: ClassVar[dict[str, tuple[list[float], float, float]]] = {}

    def studied(self, twist):
        """Mean regret after each trial (nothing feasible: 0.1), trials wasted, first feasible trial."""
        if twist in self._known:
            return self._known[twist]
        regrets, wastes, firsts = [], [], []
        for seed in self.SEEDS:
            optimizer = search(100 + seed, limit=6.0)
            if twist != "none":
                other = search(500 + seed, limit=6.0)
                for _ in range(30):
                    trial = other.ask()
                    other.tell(trial, **twisted(evaluate(trial.config), twist))
                optimizer.learn(other)
            regret = []
            for _ in range(self.TRIALS):
                trial = optimizer.ask()
                optimizer.tell(trial, **evaluate(trial.config))
                regret.append(0.1 if optimizer.best is None else 0.79 - optimizer.best.objective)
            feasible = [trial.feasible for trial in optimizer.trials]
            regrets.append(regret)
            wastes.append(feasible.count(False))
            firsts.append(1 + feasible.index(True) if True in feasible else self.TRIALS + 1)
        mean = [sum(column) / len(regrets) for column in zip(*regrets, strict=True)]
        self._known[twist] = mean, sum(wastes) / len(wastes), sum(firsts) / len(firsts)
        return self._known[twist]

    @pytest.mark.parametrize("twist", ["agree", "slower"])
    def test_a_transferred_model_that_holds_saves_trials(self, twist):
        regret, waste, first = self.studied(twist)
        own_regret, own_waste, own_first = self.studied("none")
        assert first <= own_first
        assert waste <= own_waste
        assert sum(regret[:8]) < 0.7 * sum(own_regret[:8])

    @pytest.mark.parametrize("twist", ["all crash", "inverted", "negated"])
    def test_a_wrong_model_costs_two_trials_at_most(self, twist):
        regret, waste, first = self.studied(twist)
        own_regret, own_waste, own_first = self.studied("none")
        slack = 0.5  # of a trial; means over a dozen seeds, and a model is worth 0.03 of regret
        assert first <= own_first + 2.0 + slack
        assert waste <= own_waste + 2.0 + slack
        for trials in (10, 12, 15):
            assert regret[trials - 1] <= own_regret[trials - 3] + 0.01

    def test_an_inverted_model_is_rejected_in_a_few_trials(self):
        optimizer, other = search(3), search(4)
        for _ in range(30):
            trial = other.ask()
            other.tell(trial, **twisted(evaluate(trial.config), "inverted"))
        optimizer.learn(other)
        run(optimizer, 5)
        assert "transfer weight of its failure model: 0 %" in optimizer.explain()

    def test_asks_between_do_not_change_what_is_learned(self):
        """The transfer weight follows the order of telling, not when it was last looked at."""
        other = run(search(1), 25, speed=1.5)
        told = []
        optimizer = search(2)
        optimizer.learn(other)
        for _ in range(14):
            told.append(optimizer.ask())
            optimizer.tell(told[-1], **evaluate(told[-1].config))
        again = search(2)
        again.learn(other)
        for trial in told:
            again.add(trial.config, **evaluate(trial.config))
        assert again.ask().config == optimizer.ask().config

    def test_a_long_history_is_learned_and_followed(self):
        other = lehr.Optimizer(
            space(), constraints={"latency": 6.0}, method="random", seed=1, allow_repeats=True
        )
        run(other, 1500)
        optimizer = search(2, limit=6.0)
        assert optimizer.learn(other) == 1500
        run(optimizer, 8)
        assert optimizer.best.config["model"] == "huge"
        assert sum(trial.outcome == "crashed" for trial in optimizer.trials) <= 2

    def test_a_metric_of_another_sign_is_no_obstacle(self):
        other = search(1)
        for k in range(20):
            trial = other.ask()
            other.tell(trial, objective=1.0 - k, metrics={"latency": -1.0 - k})
        optimizer = search(2)
        optimizer.learn(other)
        run(optimizer, 12)
        assert optimizer.best is not None
