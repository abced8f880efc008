"""The contract of outcomes: real children, each way to end, as stored and as read back, for lehr and for Optuna."""

from __future__ import annotations

import json
import math

import evaluations
import optuna
import pytest
from optuna.trial import TrialState

import lehr

HOWS = [
    "ok",
    "raise",
    "signal",
    "exit",
    "hang",
    "memory",
    "early",
    "nan",
    "infinite",
    "missing",
    "text",
    "none",
]
ENDS = {"ok": "ok", "hang": "timeout", "memory": "oom", "early": "early_stopped"}


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """One study in which every trial ended in another way; the study and its journal."""
    path = tmp_path_factory.mktemp("outcomes") / "study.journal"
    space = lehr.Space([lehr.Categorical("how", [*HOWS, "number"])])
    study = lehr.run(
        evaluations.ends_as_told,
        space,
        objective="score",
        constraints=["latency_ms <= 5"],
        budget=len(HOWS),
        trial_timeout_s=3.0,
        memory_limit_mb=300,
        storage=path,
        initial=[{"how": how} for how in HOWS],
        method="random",
    )
    return study, path


def by_how(study):
    return {trial.config["how"]: trial for trial in study.trials}


def test_each_end_has_its_outcome(ended):
    outcomes = {how: trial.outcome for how, trial in by_how(ended[0]).items()}
    assert outcomes == {how: ENDS.get(how, "crashed") for how in HOWS}


def test_what_ran_keeps_its_metrics_facts_and_seconds(ended):
    trial = by_how(ended[0])["ok"]
    assert trial.objective == 0.5
    assert trial.metrics == {"score": 0.5, "latency_ms": 7.0, "batches": 12.0}
    assert trial.facts == {"provider": "cpu"}
    assert trial.seconds >= 0
    assert "'note'" in trial.evidence["ignored"][0]
    (miss,) = trial.misses
    assert not trial.feasible
    assert (miss.value, miss.excess) == (7.0, 2.0)
    assert miss.relative == trial.violation == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("how", "metric", "words"),
    [
        ("nan", "score", "nan"),
        ("infinite", "latency_ms", "inf"),
        ("missing", "latency_ms", "no 'latency_ms'"),
        ("text", "latency_ms", "'fast'"),
        ("none", "score", "None"),
    ],
)
def test_an_unusable_result_is_a_crash_whose_evidence_names_the_metric(ended, how, metric, words):
    trial = by_how(ended[0])[how]
    assert (trial.outcome, trial.objective, trial.feasible) == ("crashed", None, False)
    assert trial.evidence["metric"] == metric
    assert words in trial.evidence["reason"]


@pytest.mark.parametrize("how", [how for how in HOWS if how != "ok"])
def test_a_failure_has_evidence_and_the_worst_violation(ended, how):
    trial = by_how(ended[0])[how]
    assert trial.evidence["reason"]
    assert trial.evidence["signature"] or trial.outcome == "early_stopped"
    assert trial.violation == math.inf
    assert trial.objective is None


def test_an_early_stop_keeps_its_partial_metrics(ended):
    assert by_how(ended[0])["early"].metrics == {"latency_ms": 99.0}


def test_everything_reads_back_as_it_was(ended):
    study, path = ended
    loaded = lehr.load_study(path)
    assert loaded.trials == study.trials
    assert loaded.limits == study.limits
    assert (loaded.name, loaded.objective, loaded.direction, loaded.budget) == (
        "study",
        "score",
        "maximize",
        len(HOWS),
    )
    assert loaded.space == study.space
    assert loaded.stopped == study.stopped == "budget"
    assert loaded.explain() == study.explain()


def test_the_log_holds_one_line_per_trial(ended):
    study, path = ended
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    assert [line["number"] for line in lines] == list(range(len(HOWS)))
    for line, trial in zip(lines, study.trials, strict=True):
        assert line == {"study": "study", **trial.as_json()}


def test_optuna_sees_finished_trials_with_constraints_and_never_a_failure(ended):
    study, path = ended
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    foreign = optuna.load_study(study_name="study", storage=storage)
    assert foreign.direction == optuna.study.StudyDirection.MAXIMIZE
    assert {trial.state for trial in foreign.trials} == {TrialState.COMPLETE}
    for stored, trial in zip(foreign.trials, study.trials, strict=True):
        assert stored.params == trial.config
        assert stored.user_attrs["outcome"] == trial.outcome
        assert stored.user_attrs["seconds"] == trial.seconds
        assert stored.user_attrs["lehr"] == lehr.__version__
        if trial.outcome == "ok":
            assert stored.value == trial.objective
            assert stored.constraints == {"outcome": -1.0, "latency_ms": 2.0}
        else:
            assert stored.value == -math.inf
            assert stored.constraints["outcome"] > 1e6
    early = foreign.trials[HOWS.index("early")]
    assert early.constraints["latency_ms"] == 94.0


def test_minimising_stores_plus_infinity_for_a_failure(journal, in_process):
    space = lehr.Space([lehr.Categorical("how", ["ok", "raise"])])
    study = lehr.run(
        evaluations.ends_as_told,
        space,
        objective="score",
        direction="minimize",
        budget=2,
        storage=journal,
        initial=[{"how": "ok"}, {"how": "raise"}],
    )
    assert [trial.value for trial in study.optuna_study.trials] == [0.5, math.inf]
    assert study.optuna_study.best_trial.number == 0


def test_a_bare_number_is_enough_without_limits(in_process):
    space = lehr.Space([lehr.Float("x", 0.0, 1.0)])
    study = lehr.run(lambda config: config["x"] ** 2, space, direction="minimize", budget=5, storage=None)
    assert all(trial.feasible and trial.objective == trial.config["x"] ** 2 for trial in study.trials)


def test_a_closure_runs_in_a_child(journal):
    scale = 3.0
    calls = []

    def closure(config):
        calls.append(config)  # in the child: this list stays empty
        return {"objective": scale * config["x"]}

    space = lehr.Space([lehr.Int("x", 1, 9)])
    study = lehr.run(closure, space, budget=3, storage=journal)
    assert [trial.objective for trial in study.trials] == [3.0 * trial.config["x"] for trial in study.trials]
    assert calls == []
