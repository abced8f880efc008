"""A study made by lehr.run is one that Optuna's own tools can read."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

import lehr
from lehr.integrations.optuna import LehrSampler

SPACE = lehr.Space(
    [
        lehr.Categorical("backend", ["eager", "compile", "engine"]),
        lehr.Int("batch", 1, 64, log=True),
        lehr.Ordinal("tile", [16, 32, 48]),
        lehr.Int("threads", 1, 8, when=lehr.param("backend") != "compile"),
    ]
)


def evaluate(config):
    if config["backend"] == "engine":
        raise RuntimeError("no engine here")
    return {
        "score": math.log2(config["batch"]) + config["tile"] / 16,
        "latency": config["batch"] / config.get("threads", 4),
    }


@pytest.fixture(scope="module")
def journal(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("views") / "study.journal"
    lehr.run(
        evaluate,
        SPACE,
        objective="score",
        constraints=["latency <= 6"],
        budget=24,
        storage=path,
        name="edge",
        method="tba-tpe",
        seed=3,
    )
    return path


@pytest.fixture
def study(journal) -> optuna.Study:
    return lehr.load_study(journal, "edge").optuna_study


def test_what_the_tests_below_draw(study):
    outcomes = {trial.user_attrs["outcome"] for trial in study.trials}
    assert len(study.trials) == 24
    assert outcomes == {"ok", "crashed"}
    assert any(len(trial.params) < 4 for trial in study.trials)
    assert study.best_trial.constraints["outcome"] <= 0


def test_optuna_draws_the_history(study):
    pytest.importorskip("plotly")
    figure = optuna.visualization.plot_optimization_history(study)
    points = [trace for trace in figure.data if trace.mode == "markers"]
    drawn = sum(sum(math.isfinite(y) for y in trace.y) for trace in points)
    assert drawn == sum(trial.user_attrs["outcome"] == "ok" for trial in study.trials)
    best = [trace for trace in figure.data if trace.mode != "markers"]
    assert max(y for trace in best for y in trace.y) == study.best_value


def test_optuna_rates_the_importance_of_parameters(study):
    pytest.importorskip("plotly")
    figure = optuna.visualization.plot_param_importances(study)
    names = set(figure.data[0].y)
    assert names >= {"backend", "batch", "tile"}
    importances = optuna.importance.get_param_importances(study)
    assert importances["batch"] == max(importances[name] for name in ("batch", "tile"))


def test_optuna_draws_a_slice_of_every_parameter(study):
    pytest.importorskip("plotly")
    figure = optuna.visualization.plot_slice(study)
    assert len(figure.data) >= 4
    assert figure.to_json()


def test_the_dashboard_opens_it(study):
    dashboard = pytest.importorskip("optuna_dashboard")
    application = dashboard.wsgi(study._storage)

    def get(path: str) -> tuple[str, bytes]:
        answers: list[str] = []
        environment = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.url_scheme": "http",
        }
        body = b"".join(application(environment, lambda status, headers, *_: answers.append(status)))
        return answers[0], body

    status, body = get("/api/studies")
    assert status.startswith("200")
    (summary,) = json.loads(body)["study_summaries"]
    assert summary["study_name"] == "edge"
    status, body = get(f"/api/studies/{summary['study_id']}")
    assert status.startswith("200")
    assert len(json.loads(body)["trials"]) == 24


def test_lehrs_sampler_learns_from_the_crashes_of_a_run(study):
    copy = optuna.create_study(direction="maximize", sampler=LehrSampler("tpe", seed=0))
    copy.add_trials(study.trials)
    asked = [copy.ask() for _ in range(12)]
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)  # crashes too
    backends = [trial.relative_params["backend"] for trial in asked]
    assert backends.count("engine") <= 2
