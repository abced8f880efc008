"""What Optuna makes of a study: distributions, importances, plots, and its own samplers on top."""

from __future__ import annotations

import math
import shutil

import evaluations
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from sessions import SPACE
from stand_in import InProcess

import lehr
from lehr.study.distributions import Translation

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("optuna") / "study.journal"
    options = {"objective": "score", "constraints": ["latency_ms <= 20"], "budget": 30, "storage": path}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lehr.study.executor.Supervisor", InProcess)
        return lehr.run(evaluations.modelled, SPACE, **options), path


@pytest.fixture
def study(made):
    return made[0]


def test_variables_become_the_distributions_that_they_are(study):
    merged = {}
    for trial in study.optuna_study.trials:
        merged.update(trial.distributions)
    assert merged == {
        "backend": CategoricalDistribution(("eager", "compile", "runtime")),
        "batch": IntDistribution(1, 64, log=True),
        "rate": FloatDistribution(1e-4, 1e-1, log=True),
        "tile": CategoricalDistribution((16, 32, 48)),
        "threads": IntDistribution(1, 8),
    }


def test_inactive_variables_are_absent(study):
    for stored, trial in zip(study.optuna_study.trials, study.trials, strict=True):
        assert stored.params == trial.config
        assert ("threads" in stored.params) == (trial.config["backend"] != "compile")


def test_optuna_agrees_on_the_best(study):
    assert study.optuna_study.best_trial.number == study.best.number
    assert study.optuna_study.best_value == study.best.objective
    assert study.optuna_study.metric_names == ["score"]


def test_importances_and_dataframe(study):
    importances = optuna.importance.get_param_importances(study.optuna_study)
    assert set(importances) <= set(study.space.names)
    assert all(math.isfinite(value) for value in importances.values())
    assert len(study.optuna_study.trials_dataframe()) == 30


@pytest.mark.parametrize("plot", ["plot_optimization_history", "plot_slice", "plot_parallel_coordinate"])
def test_plots(study, plot):
    pytest.importorskip("matplotlib").use("Agg")
    assert getattr(optuna.visualization.matplotlib, plot)(study.optuna_study) is not None


@pytest.mark.parametrize("sampler", [optuna.samplers.TPESampler, optuna.samplers.RandomSampler])
def test_optunas_own_samplers_go_on_from_it(made, journal, sampler):
    shutil.copy(made[1], journal)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    foreign = optuna.load_study(study_name="study", storage=storage, sampler=sampler(seed=0))
    trial = foreign.ask(
        {
            "backend": CategoricalDistribution(("eager", "compile", "runtime")),
            "batch": IntDistribution(1, 64, log=True),
            "rate": FloatDistribution(1e-4, 1e-1, log=True),
        }
    )
    assert 1 <= trial.params["batch"] <= 64


def test_choices_keep_their_type_and_those_that_optuna_confuses_show_their_text(journal, in_process):
    choices = [None, True, 1, 1.0, "1", 0.1]
    space = lehr.Space(
        [lehr.Categorical("mixed", choices), lehr.Categorical("plain", [None, "a", 2.5, 7, False])]
    )
    initial = [{"mixed": mixed, "plain": None} for mixed in choices]
    study = lehr.run(lambda config: 1.0, space, budget=6, storage=journal, initial=initial)
    for trials in (study.trials, lehr.load_study(journal).trials):
        assert [(trial.config["mixed"], type(trial.config["mixed"])) for trial in trials] == [
            (choice, type(choice)) for choice in choices
        ]
    assert [trial.params["mixed"] for trial in study.optuna_study.trials] == [
        repr(choice) for choice in choices
    ]
    assert [trial.params["plain"] for trial in study.optuna_study.trials] == [None] * 6


def test_choices_of_plain_types_read_back_typed_through_optuna(journal, in_process):
    choices = [None, "a", 2.5, 7, False]
    space = lehr.Space([lehr.Categorical("plain", choices)])
    study = lehr.run(
        lambda config: 1.0, space, budget=5, storage=journal, initial=[{"plain": c} for c in choices]
    )
    found = [trial.params["plain"] for trial in study.optuna_study.trials]
    assert [(value, type(value)) for value in found] == [(choice, type(choice)) for choice in choices]


@settings(deadline=None)
@given(
    whole=st.tuples(st.integers(-1000, 1000), st.integers(0, 500), st.integers(1, 60)),
    real=st.tuples(st.floats(-1e3, 1e3), st.floats(0.5, 1e3), st.floats(1e-3, 1e3)),
    decimals=st.integers(0, 6),
    seed=st.integers(0, 2**32),
)
def test_every_configuration_fits_its_distributions(whole, real, decimals, seed):
    low, width, step = (round(value, decimals) if decimals < 6 else value for value in real)
    space = lehr.Space(
        [
            lehr.Int("whole", whole[0], whole[0] + whole[1], step=whole[2]),
            lehr.Float("grid", low, low + max(width, 0.5), step=max(step, 1e-3)),
            lehr.Float("real", low, low + max(width, 0.5)),
        ]
    )
    translation = Translation.of(space)
    for config in space.sample(5, seed=seed):
        optuna.trial.create_trial(
            value=0.0, params=translation.parameters(config), distributions=translation.distributions
        )


@pytest.mark.parametrize(
    ("low", "high", "step"),
    [
        (
            -60.09672650751855,
            -19.621462411992525,
            9.524674358008811,
        ),  # the binary sum is above that of decimals
        (-4.042684856715937, 0.6849909214296819, 1.6049457013335766),
        (0.1, 0.75, 0.2),  # 0.7000000000000001 in binary
    ],
)
def test_the_last_value_of_a_grid_fits_its_distribution(low, high, step):
    space = lehr.Space([lehr.Float("x", low, high, step=step)])
    values = [config["x"] for config in space.enumerate()]
    distribution = Translation.of(space).distributions["x"]
    assert len(values) == math.floor((high - low) / step) + 1
    assert all(distribution.low <= value <= distribution.high for value in values)
    assert all(distribution._contains(value) for value in values)


@pytest.mark.parametrize(
    ("low", "high", "step"), [(0.0, 1.0, 0.1), (0.5, 2.0, 0.25), (-1.0, 1.0, 0.3), (0.1, 0.7, 0.2)]
)
def test_ordinary_steps_survive(low, high, step):
    distribution = Translation.of(lehr.Space([lehr.Float("x", low, high, step=step)])).distributions["x"]
    assert distribution.step == step
