"""What ``lehr.run`` must not be given: one sentence each, before anything is written or started."""

from __future__ import annotations

import threading

import evaluations
import pytest

import lehr

SECONDS = "must be a finite number of seconds above 0, at most 1e+09, or None"
MEGABYTES = r"must be a finite number of megabytes \(10\^6 bytes\) above 0, at most 1e\+08, or None"

WRONG = [
    ({"budget": 0}, "budget must be a whole number of trials from 1 to 1000000000, not 0"),
    ({"budget": 2.5}, "budget .* not 2.5"),
    ({"budget": True}, "budget .* not True"),
    ({"budget": "10"}, "budget .* not '10'"),
    ({"budget": 10**400}, r"budget .* not 10{50,60}\.\.\.$"),
    ({"budget_seconds": -1.0}, "budget_seconds is -1.0; it must be a finite number of seconds above 0"),
    ({"budget_seconds": 0.0}, "budget_seconds is 0.0"),
    ({"budget_seconds": "60"}, "budget_seconds is '60'"),
    ({"budget_seconds": float("inf")}, "budget_seconds is inf"),
    ({"trial_timeout_s": 0.0}, "trial_timeout_s is 0.0"),
    ({"trial_timeout_s": float("nan")}, "trial_timeout_s is nan; it must be a finite number of seconds"),
    ({"trial_timeout_s": "20"}, "trial_timeout_s is '20'"),
    ({"trial_timeout_s": True}, "trial_timeout_s is True"),
    ({"trial_timeout_s": 10**400}, "trial_timeout_s is 10{50}"),
    ({"memory_limit_mb": float("nan")}, f"memory_limit_mb is nan; it {MEGABYTES}"),
    ({"memory_limit_mb": "4GB"}, "memory_limit_mb is '4GB'"),
    ({"memory_limit_mb": 4_000_000_000}, "memory_limit_mb is 4000000000; .* at most 1e.08"),
    ({"storage": 17}, "storage is 17; give a journal file"),
    ({"storage": " "}, "storage is an empty string"),
    ({"name": 3}, "name is 3; give a name"),
    ({"name": ""}, "name is ''"),
    ({"objective": ["score"]}, r"objective is \['score'\], a list"),
    ({"device": "gpu0"}, "device is 'gpu0', and devices has none"),
    ({"device": 0}, "device is 0; give the name of a device"),
    ({"devices": {"gpu0": 900.0}}, r"devices\['gpu0'\] is 900.0; give a function"),
    ({"devices": ["gpu0"]}, "devices is .*; give a dict"),
    ({"cpus": [10**6]}, r"cpus is \[1000000\], a list; choose from"),
    ({"cpus": []}, "cpus is"),
    ({"cpus": 0}, "cpus is 0; choose from"),
    ({"threads": 0}, "threads is 0; it must be a whole number from 1 to 65536"),
    ({"threads": "2"}, "threads is '2'"),
    (
        {"preload": "numpy"},
        r"preload is the string 'numpy'; give a list of module names, such as \['numpy'\]",
    ),
    ({"preload": [3]}, "preload has 3; give names of modules"),
    (
        {"environment": {"OMP_NUM_THREADS": 2}},
        r"environment\['OMP_NUM_THREADS'\] is of type int; give a string",
    ),
    ({"environment": {"A=B": "1"}}, "environment has a name that is empty"),
    ({"environment": ["A=1"]}, "environment is .*; give a dict"),
    ({"namespace": "yes"}, "namespace is 'yes'; it must be True or False"),
    ({"policies": {"crash": "count"}}, "policies has 'crash'; the classes are crashed,"),
    ({"policies": {"crashed": "ignore"}}, "choose retry, count, stop"),
    ({"policies": "stop"}, "policies is 'stop'; give a dict"),
    ({"constraints": ["latency"]}, "cannot read 'latency'"),
    ({"constraints": 20}, "20 is no limit: write it as"),
    ({"direction": "up"}, "direction"),
    ({"method": "magic"}, "magic"),
    ({"preset": "magic"}, "magic"),
    ({"seed": -1}, "seed"),
    ({"options": 3}, "options is 3; give a dict"),
    ({"isolation": "none"}, "isolation is 'none'; choose"),
    ({"isolation": ["fork"]}, "isolation is .*; choose"),
    ({"initial": [{"backend": "nothing"}]}, "backend"),
    ({"initial": [3]}, "initial has 3; give configurations"),
    ({"initial": {"backend": "eager"}}, "initial is .*, a dict; give a list of configurations"),
    ({"on_event": "print"}, "on_event is 'print'; give a function"),
    ({"resume": "no"}, "resume is 'no'; it must be True or False"),
    ({"accept_borderline": "no"}, "accept_borderline is 'no'"),
    ({"confirm": -1}, "confirm must be a whole number from 0, not -1"),
]


def refused(journal, error, words, evaluate=evaluations.modelled, **options):
    with pytest.raises(error, match=words) as caught:
        lehr.run(evaluate, **{"objective": "score", "storage": journal, **options})
    assert "\n" not in str(caught.value) or isinstance(caught.value, lehr.ConfigurationError)
    assert len(str(caught.value)) < 500
    assert list(journal.parent.iterdir()) == []


@pytest.mark.parametrize(("options", "words"), WRONG, ids=[f"{words:.40}" for _, words in WRONG])
def test_a_wrong_argument_is_refused_before_anything_is_written(space, journal, options, words):
    refused(journal, (lehr.OptionError, lehr.ConfigurationError), words, space=space, **options)


def test_a_space_must_be_one(journal):
    refused(journal, lehr.OptionError, "a list; give a lehr.Space", space=[lehr.Int("x", 1, 2)])


async def asynchronous(config):
    return {"score": 1.0}


@pytest.mark.parametrize(
    ("evaluate", "words"),
    [
        (3, "evaluate is 3; give a function"),
        ("module:function", "evaluate is 'module:function'; give a function"),
        (lambda first, second: 1.0, r"called with 1 argument, which does not fit evaluate\(first, second\)"),
        (lambda: 1.0, "called with 1 argument"),
        (asynchronous, "evaluate is an async function; give an ordinary one"),
    ],
)
def test_an_evaluation_that_cannot_be_called_is_refused(space, journal, evaluate, words):
    refused(journal, lehr.OptionError, words, evaluate=evaluate, space=space)


def test_an_evaluation_that_cannot_be_sent_is_refused_before_anything_is_written(space, journal):
    lock = threading.Lock()
    words = "the captured variable 'lock'"
    refused(journal, lehr.UnpicklableError, words, evaluate=lambda config: lock.locked(), space=space)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"preload": lambda config: "numpy"}, r"preload\(config\) is the string 'numpy'"),
        ({"preload": lambda config: None}, r"preload\(config\) is None"),
        ({"threads": lambda config: 0}, r"threads\(config\) is 0"),
        ({"device": lambda config: 0}, r"device\(config\) is 0"),
        ({"device": lambda config: "gpu0"}, "device is 'gpu0'; this supervisor knows: none"),
    ],
)
def test_a_function_of_the_configuration_is_checked_as_it_answers(space, options, words):
    with pytest.raises(lehr.OptionError, match=words):
        lehr.run(evaluations.modelled, space, objective="score", storage=None, **options)


def test_the_largest_amounts_are_as_good_as_no_limit():
    study = lehr.run(
        lambda config: {"score": float(config["x"])},
        lehr.Space([lehr.Ordinal("x", [1, 2])]),
        objective="score",
        budget=1,
        storage=None,
        trial_timeout_s=1e9,
        memory_limit_mb=1e8,
        budget_seconds=1e9,
    )
    assert [trial.outcome for trial in study.trials] == ["ok"]
