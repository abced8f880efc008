"""lehr.ParzenEstimator: configurations in, densities and configurations out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe import parzen_estimator
from optuna.samplers._tpe.sampler import default_weights

import lehr

BACKENDS = ["eager", "compile", "onnxruntime"]
TILES = [16, 32, 48, 64, 128]

SPACE = lehr.Space(
    [
        lehr.Categorical("backend", BACKENDS),
        lehr.Int("batch_size", 1, 64, log=True),
        lehr.Ordinal("tile", TILES),
        lehr.Float("learning_rate", 1e-4, 1e-1, log=True),
        lehr.Float("dropout", 0.0, 0.9, step=0.1),
        lehr.Float("momentum", 0.0, 1.0),
        lehr.Int("devices", 1, 1),
        lehr.Float("scale", 2.0, 2.0),
        lehr.Ordinal("only", ["this"]),
    ]
)
BRANCHES = lehr.Space(
    [
        lehr.Categorical("backend", BACKENDS),
        lehr.Int("threads", 1, 8, when=lehr.param("backend").isin(["eager", "onnxruntime"])),
    ]
)


def test_densities_are_optunas() -> None:
    observations, points = SPACE.sample(60, seed=1), SPACE.sample(40, seed=2)
    distributions: dict[str, BaseDistribution] = {
        "backend": CategoricalDistribution(BACKENDS),
        "batch_size": IntDistribution(1, 64, log=True),
        "tile": IntDistribution(0, 4),
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "dropout": FloatDistribution(0.0, 0.9, step=0.1),
        "momentum": FloatDistribution(0.0, 1.0),
    }

    def columns(configs: list[dict[str, Any]]) -> dict[str, np.ndarray]:
        rows = [
            {**config, "backend": BACKENDS.index(config["backend"]), "tile": TILES.index(config["tile"])}
            for config in configs
        ]
        return {name: np.array([row[name] for row in rows], dtype=float) for name in distributions}

    # Optuna's bandwidths of equal values depend on an unstable sort; draws of a grid tie: make it stable.
    parameters = parzen_estimator._ParzenEstimatorParameters(1.0, True, False, default_weights, True)
    real = np.argsort
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "argsort", lambda a: real(a, kind="stable"))
        theirs = parzen_estimator._ParzenEstimator(columns(observations), distributions, parameters)
    expected = theirs.log_pdf(columns(points))
    ours = lehr.ParzenEstimator(SPACE, observations).log_pdf(points)
    assert ours.shape == (40,)
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


def test_draws_are_configurations_of_the_space() -> None:
    estimator = lehr.ParzenEstimator(SPACE, SPACE.sample(10, seed=3))
    draws = estimator.sample(200, seed=4)
    assert all(draw in SPACE for draw in draws)
    assert {draw["devices"] for draw in draws} == {1}
    assert {draw["scale"] for draw in draws} == {2.0}
    assert np.isfinite(estimator.log_pdf(draws)).all()
    assert draws == estimator.sample(200, seed=4)
    assert estimator.sample(0, seed=4) == []


def test_without_observations_the_prior_is_left() -> None:
    estimator = lehr.ParzenEstimator(lehr.Space([lehr.Categorical("backend", BACKENDS)]), [])
    configs = [{"backend": name} for name in BACKENDS]
    np.testing.assert_allclose(np.exp(estimator.log_pdf(configs)), 1 / 3)
    assert estimator.log_pdf([]).shape == (0,)


def test_a_branch_of_a_hierarchy() -> None:
    observations = [{"backend": "eager", "threads": t} for t in (2, 3)]
    estimator = lehr.ParzenEstimator(BRANCHES, observations)
    near, far = estimator.log_pdf(
        [{"backend": "eager", "threads": 2}, {"backend": "onnxruntime", "threads": 8}]
    )
    assert near > far
    assert all("threads" in draw for draw in estimator.sample(20, seed=0))
    other = lehr.ParzenEstimator(BRANCHES, [{"backend": "compile"}])
    assert all("threads" not in draw for draw in other.sample(20, seed=0))


def test_mistakes_get_one_clear_sentence() -> None:
    eager, compiled = {"backend": "eager", "threads": 2}, {"backend": "compile"}
    with pytest.raises(
        lehr.OptionError, match=r"observations must all have .* threads is not active in number 2"
    ):
        lehr.ParzenEstimator(BRANCHES, [eager, compiled])
    estimator = lehr.ParzenEstimator(BRANCHES, [compiled])
    with pytest.raises(lehr.OptionError, match=r"configs must all have .* threads is active in number 1"):
        estimator.log_pdf([eager])
    for n, seed in ((-1, 0), (2.5, 0), (1, -1), (1, 2**64)):
        with pytest.raises(lehr.OptionError, match="give an integer"):
            estimator.sample(n, seed)  # type: ignore[arg-type]
    with pytest.raises(lehr.OptionError, match="Without observations"):
        lehr.ParzenEstimator(BRANCHES, [])
    with pytest.raises(lehr.ConfigurationError, match="threads"):
        lehr.ParzenEstimator(BRANCHES, [{"backend": "eager", "threads": 9}])
    with pytest.raises(lehr.OptionError, match="prior weight"):
        lehr.ParzenEstimator(BRANCHES, [eager], prior_weight=-1.0)
