"""Resuming: the same sequence as an unbroken run, whatever the break; and what must not be resumed."""

from __future__ import annotations

import json
import os
import sqlite3

import evaluations
import optuna
import pytest

import lehr
from lehr.study import StudyOpened, TrialStarted

OPTIONS = {
    "objective": "score",
    "constraints": ["latency_ms <= 20", "memory_mb <= 300"],
    "method": "tba-tpe",
    "seed": 11,
}


def sequence(study):
    return [
        (trial.number, trial.config, trial.origin, trial.outcome, trial.objective) for trial in study.trials
    ]


@pytest.fixture
def unbroken(space, monkeypatch, in_process):
    return lehr.run(evaluations.modelled, space, budget=25, storage=None, **OPTIONS)


def test_the_sample_study_is_worth_its_name(unbroken):
    outcomes = {trial.outcome for trial in unbroken.trials}
    assert outcomes == {"ok", "crashed"}
    assert unbroken.best is not None
    assert any(not trial.feasible and trial.outcome == "ok" for trial in unbroken.trials)


@pytest.mark.parametrize("budgets", [(10, 25), (1, 2, 3, 25), (24, 25), (25, 25), (25, 10)])
def test_ten_and_fifteen_trials_are_twenty_five(space, journal, unbroken, budgets):
    for budget in budgets:
        study = lehr.run(evaluations.modelled, space, budget=budget, storage=journal, **OPTIONS)
    assert sequence(study) == sequence(unbroken)
    assert study.stopped == "budget"
    assert sequence(lehr.load_study(journal)) == sequence(unbroken)


def test_a_database_resumes_likewise(space, tmp_path, unbroken):
    storage = f"sqlite:///{tmp_path}/study.db"
    for budget in (3, 7):
        study = lehr.run(evaluations.modelled, space, budget=budget, storage=storage, **OPTIONS)
    assert sequence(study) == sequence(lehr.load_study(storage)) == sequence(unbroken)[:7]


@pytest.mark.parametrize("method", ["random", "grid", "tba", "tpe", "tba-tpe", "guided"])
def test_every_method_resumes_to_the_same_sequence(space, tmp_path, in_process, method):
    options = {**OPTIONS, "method": method}
    whole = lehr.run(evaluations.modelled, space, budget=20, storage=None, **options)
    for budget in (7, 13, 20):
        study = lehr.run(
            evaluations.modelled, space, budget=budget, storage=tmp_path / "s.journal", **options
        )
    assert sequence(study) == sequence(whole)


def test_initial_configurations_come_first_and_once_across_sessions(space, journal, in_process):
    initial = space.sample(4, seed=1)
    options = {**OPTIONS, "initial": [*initial, initial[0]]}
    whole = lehr.run(evaluations.modelled, space, budget=12, storage=None, **options)
    assert [trial.config for trial in whole.trials[:4]] == initial
    for budget in (2, 12):
        study = lehr.run(evaluations.modelled, space, budget=budget, storage=journal, **options)
    assert sequence(study) == sequence(whole)


def test_a_trial_whose_run_died_is_evaluated_again_under_its_number(space, journal, unbroken):
    class Died(BaseException):
        pass

    def dies_in_the_fifth(config, seen=[]):  # noqa: B006
        seen.append(config)
        if len(seen) == 5:
            raise Died
        return evaluations.modelled(config)

    with pytest.raises(Died):
        lehr.run(dies_in_the_fifth, space, budget=25, storage=journal, **OPTIONS)
    assert len(lehr.load_study(journal).trials) == 4
    events = []
    study = lehr.run(
        evaluations.modelled,
        space,
        budget=25,
        storage=journal,
        on_event=events.append,
        version="1",
        **OPTIONS,
    )
    started = [event for event in events if isinstance(event, TrialStarted)]
    assert (started[0].number, started[0].again) == (4, True)
    assert not any(event.again for event in started[1:])
    assert sequence(study) == sequence(unbroken)


def test_any_truncation_of_the_journal_loses_no_whole_trial_and_resumes_to_the_same_end(
    space, tmp_path, unbroken
):
    journal = tmp_path / "whole" / "study.journal"
    journal.parent.mkdir()
    lehr.run(evaluations.modelled, space, budget=6, storage=journal, **OPTIONS)
    whole = journal.read_bytes()
    expected = sequence(unbroken)[:8]
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    sizes = sorted({*range(0, len(whole), 499), *ends[-8:], *(end - 1 for end in ends[-8:]), len(whole)})
    most = 0
    for size in sizes:
        place = tmp_path / f"cut-{size}"
        place.mkdir()
        cut = place / "study.journal"
        cut.write_bytes(whole[:size])
        (place / "study.jsonl").write_bytes(journal.with_suffix(".jsonl").read_bytes())
        finished = whole[:size].rpartition(b"\n")[0].count(b'"state":1,')
        opened = []

        def remember(event, opened=opened):
            if isinstance(event, StudyOpened):
                opened.append(len(event.study.trials))

        study = lehr.run(evaluations.modelled, space, budget=8, storage=cut, on_event=remember, **OPTIONS)
        assert opened == [finished], f"cut at byte {size}"
        assert sequence(study) == expected, f"cut at byte {size}"
        lines = (place / "study.jsonl").read_text().splitlines()
        assert [json.loads(line)["number"] for line in lines] == list(range(8))
        most = max(most, finished)
    assert most == 6


def test_a_repaired_journal_is_announced_and_its_copy_kept(space, journal, in_process):
    lehr.run(evaluations.modelled, space, budget=3, storage=journal, **OPTIONS)
    damaged = journal.read_bytes() + b'{"op_code":4,"wor'
    journal.write_bytes(damaged)
    assert len(lehr.load_study(journal).trials) == 3  # looking at it repairs nothing
    assert journal.read_bytes() == damaged
    events = []
    lehr.run(evaluations.modelled, space, budget=3, storage=journal, on_event=events.append, **OPTIONS)
    copy = events[0].repaired
    assert copy.read_bytes() == damaged


@pytest.mark.parametrize("damage", ["absent", "short", "torn", "garbage", "foreign lines"])
def test_the_log_is_made_again_when_it_is_behind(space, journal, in_process, damage):
    lehr.run(evaluations.modelled, space, budget=5, storage=journal, **OPTIONS)
    log = journal.with_suffix(".jsonl")
    whole = log.read_bytes()
    lines = whole.splitlines(keepends=True)
    other = b'{"study": "other", "number": 0}\n'
    log.write_bytes(
        {
            "absent": b"",
            "short": b"".join(lines[:3]),
            "torn": whole[:-7],
            "garbage": b"what?\n" + whole,
            "foreign lines": other + b"".join(lines[:2]),
        }[damage]
    )
    if damage == "absent":
        log.unlink()
    lehr.run(evaluations.modelled, space, budget=5, storage=journal, **OPTIONS)
    assert log.read_bytes() == (other + whole if damage == "foreign lines" else whole)


def test_the_log_of_a_removed_study_is_set_aside_not_lost(space, journal, in_process):
    lehr.run(evaluations.modelled, space, budget=5, storage=journal, **OPTIONS)
    log = journal.with_suffix(".jsonl")
    old = log.read_bytes()
    journal.unlink()
    lehr.run(evaluations.modelled, space, budget=2, storage=journal, **{**OPTIONS, "seed": 5})
    assert (journal.parent / "study.jsonl.old-1").read_bytes() == old
    assert len(log.read_text().splitlines()) == 2


def test_several_studies_share_a_storage(space, journal, in_process):
    first = lehr.run(evaluations.modelled, space, budget=4, storage=journal, name="first", **OPTIONS)
    second = lehr.run(
        evaluations.modelled, space, budget=3, storage=journal, name="second", **{**OPTIONS, "seed": 1}
    )
    again = lehr.run(evaluations.modelled, space, budget=5, storage=journal, name="first", **OPTIONS)
    assert sequence(again)[:4] == sequence(first)
    assert sequence(lehr.load_study(journal, "second")) == sequence(second)
    lines = [json.loads(line) for line in journal.with_suffix(".jsonl").read_text().splitlines()]
    assert sorted((line["study"], line["number"]) for line in lines) == [
        *(("first", number) for number in range(5)),
        *(("second", number) for number in range(3)),
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objective": "latency_ms"}, "objective is 'score' there and 'latency_ms' here"),
        ({"direction": "minimize"}, "direction is 'maximize' there and 'minimize' here"),
        ({"method": "random"}, "method is 'tba-tpe' there and 'random' here"),
        ({"preset": "paper"}, "preset is 'default' there and 'paper' here"),
        ({"seed": 12}, "seed is 11 there and 12 here"),
        ({"constraints": ["latency_ms <= 30"]}, "limit memory_mb <= 300 is only there"),
        ({"constraints": ["latency_ms <= 30"]}, "limit latency_ms <= 20 there is latency_ms <= 30 here"),
        ({"constraints": [*OPTIONS["constraints"], "score >= 1"]}, "limit score >= 1 is only here"),
        ({"acquisition": "c-tpe"}, "acquisition is 'ratio' there and 'c-tpe' here"),
        ({"options": {"snap_back": 0}}, "option 'snap_back' is not set there and 0.0 here"),
        ({"initial": "one"}, "the initial configurations differ (0 there, 1 here)"),
    ],
)
def test_other_options_are_refused_with_what_differs(space, journal, in_process, change, words):
    lehr.run(evaluations.modelled, space, budget=3, storage=journal, **OPTIONS)
    before = journal.read_bytes()
    if "initial" in change:
        change = {"initial": [space.sample(seed=3)]}
    with pytest.raises(lehr.StorageError) as caught:
        lehr.run(evaluations.modelled, space, budget=5, storage=journal, **{**OPTIONS, **change})
    assert words in str(caught.value)
    assert "another name" in str(caught.value)
    assert journal.read_bytes() == before


def test_acquisition_and_options_reach_the_search_and_last(space, journal, in_process):
    own = {"acquisition": "c-tpe", "options": {"handoff_latest": 6, "blacklist": False}}
    unbroken = lehr.run(evaluations.modelled, space, budget=20, storage=None, **OPTIONS, **own)
    plain = lehr.run(evaluations.modelled, space, budget=20, storage=None, **OPTIONS)
    assert sequence(unbroken) != sequence(plain)
    assert "tpe" in {trial.origin for trial in unbroken.trials[6:8]}
    for budget in (9, 20):
        study = lehr.run(evaluations.modelled, space, budget=budget, storage=journal, **OPTIONS, **own)
    assert sequence(study) == sequence(unbroken)
    with pytest.raises(lehr.StorageError, match=r"option 'handoff_latest' is 6\.0 there and 7\.0 here"):
        lehr.run(
            evaluations.modelled,
            space,
            budget=20,
            storage=journal,
            **OPTIONS,
            **{**own, "options": {**own["options"], "handoff_latest": 7}},
        )


def test_a_study_from_before_there_was_a_choice_goes_on(space, journal, in_process):
    definition = lehr.study.definition.Definition(
        space=space,
        objective="score",
        direction="maximize",
        limits=(),
        method="tpe",
        preset="default",
        seed=1,
    )
    stored = definition.as_json()
    del stored["acquisition"], stored["options"]
    assert definition.differences(lehr.study.definition.Definition.from_json(stored, "here")) == []


def changed_space(what):
    variables = {
        "backend": lehr.Categorical("backend", ["eager", "compile", "runtime"]),
        "batch": lehr.Int("batch", 1, 64, log=True),
        "rate": lehr.Float("rate", 1e-4, 1e-1, log=True),
        "tile": lehr.Ordinal("tile", [16, 32, 48]),
        "threads": lehr.Int("threads", 1, 8, when=lehr.param("backend").isin(["eager", "runtime"])),
    }
    forbid = []
    if what == "choices":
        variables["backend"] = lehr.Categorical("backend", ["eager", "runtime", "compile"])
    elif what == "range":
        variables["batch"] = lehr.Int("batch", 1, 32, log=True)
    elif what == "type":
        variables["tile"] = lehr.Ordinal("tile", [16.0, 32.0, 48.0])
    elif what == "condition":
        variables["threads"] = lehr.Int("threads", 1, 8, when=lehr.param("backend") == "eager")
    elif what == "more":
        variables["more"] = lehr.Int("more", 0, 1)
    elif what == "less":
        del variables["rate"]
    elif what == "order":
        variables["batch"] = variables.pop("batch")
    elif what == "forbid":
        forbid = [lehr.param("tile") == 16]
    return lehr.Space(list(variables.values()), forbid=forbid)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("choices", "variable 'backend': choices"),
        ("range", "variable 'batch': high 64 there, 32 here"),
        ("type", "variable 'tile': values"),
        ("condition", "variable 'threads': when"),
        ("more", "variable 'more' is only here"),
        ("less", "variable 'rate' is only there"),
        ("order", "the variables are in another order"),
        ("forbid", "the forbidden combinations of the space differ"),
    ],
)
def test_another_space_is_refused_with_what_differs(space, journal, in_process, what, words):
    lehr.run(evaluations.modelled, changed_space(None), budget=2, storage=journal, **OPTIONS)
    lehr.run(evaluations.modelled, space, budget=3, storage=journal, **OPTIONS)
    with pytest.raises(lehr.StorageError) as caught:
        lehr.run(evaluations.modelled, changed_space(what), budget=5, storage=journal, **OPTIONS)
    assert words in str(caught.value)


def test_resume_can_be_refused(space, journal, in_process):
    lehr.run(evaluations.modelled, space, budget=2, storage=journal, resume=False, **OPTIONS)
    with pytest.raises(lehr.StorageError, match="exists already"):
        lehr.run(evaluations.modelled, space, budget=2, storage=journal, resume=False, **OPTIONS)


def test_a_study_by_plain_optuna_is_refused(space, journal, in_process):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    foreign = optuna.create_study(study_name="study", storage=storage)
    foreign.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    for attempt in (
        lambda: lehr.run(evaluations.modelled, space, storage=journal, **OPTIONS),
        lambda: lehr.load_study(journal),
    ):
        with pytest.raises(lehr.StorageError, match="was not made by lehr"):
            attempt()
    # Another name in the same storage is fine.
    assert len(lehr.run(evaluations.modelled, space, budget=2, storage=journal, name="mine", **OPTIONS)) == 2


def test_a_trial_added_by_optuna_is_refused(space, journal, in_process):
    study = lehr.run(evaluations.modelled, space, budget=2, storage=journal, **OPTIONS)
    study.optuna_study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(lehr.StorageError, match="trial 2 was not written by lehr or is damaged"):
        lehr.run(evaluations.modelled, space, budget=5, storage=journal, **OPTIONS)


def test_a_study_by_a_newer_lehr_is_refused(space, journal, in_process):
    lehr.run(evaluations.modelled, space, budget=2, storage=journal, **OPTIONS)
    text = journal.read_text().replace('"lehr":{"format":1', '"lehr":{"format":2', 1)
    journal.write_text(text)
    with pytest.raises(
        lehr.StorageError, match=r"in format 2, but lehr .* reads formats up to 1: upgrade lehr"
    ):
        lehr.run(evaluations.modelled, space, budget=2, storage=journal, **OPTIONS)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"lehr":{"format":1', '"lehr":{"format":"one"'),
        ('"limits":[', '"limits":[7,'),
        ('"kind":"ordinal"', '"kind":"crystal"'),
        ('"origin":"', '"origin":"__import__'),
        ('"outcome","value":"ok"', '"outcome","value":"fine"'),
        ('"config":{', '"config":{"intruder":1,'),
    ],
)
def test_a_study_that_was_tampered_with_is_refused_in_a_sentence(space, journal, in_process, before, after):
    lehr.run(evaluations.modelled, space, budget=4, storage=journal, **OPTIONS)
    text = journal.read_text()
    if before == '"outcome","value":"ok"':  # how the journal spells an attribute
        before, after = '"user_attr":{"outcome":"ok"}', '"user_attr":{"outcome":"fine"}'
    assert before in text
    journal.write_text(text.replace(before, after))
    with pytest.raises(lehr.LehrError):
        lehr.run(evaluations.modelled, space, budget=6, storage=journal, **OPTIONS)


def test_a_study_that_was_created_but_never_defined_is_adopted(space, journal, in_process, unbroken):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    optuna.create_study(study_name="study", storage=storage, direction="maximize")
    study = lehr.run(evaluations.modelled, space, budget=25, storage=journal, **OPTIONS)
    assert sequence(study) == sequence(unbroken)


def test_nothing_is_opened_by_pickle(space, journal, in_process, monkeypatch):
    lehr.run(evaluations.modelled, space, budget=3, storage=journal, **OPTIONS)

    def refuse(*_arguments, **_options):
        raise AssertionError("a stored study must not be unpickled")

    monkeypatch.setattr("pickle.loads", refuse)
    monkeypatch.setattr("pickle.load", refuse)
    assert len(lehr.load_study(journal).trials) == 3
    lehr.run(evaluations.modelled, space, budget=4, storage=journal, **OPTIONS)


def test_sqlite_holds_the_study(space, tmp_path, in_process):
    study = lehr.run(evaluations.modelled, space, budget=3, storage=f"sqlite:///{tmp_path}/s.db", **OPTIONS)
    with sqlite3.connect(tmp_path / "s.db") as connection:
        assert connection.execute("select count(*) from trials where state = 'COMPLETE'").fetchone() == (3,)
    connection.close()
    assert sorted(os.listdir(tmp_path)) == ["s.db", "s.db.jsonl"]
    assert len(study) == 3
