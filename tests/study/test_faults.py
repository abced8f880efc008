"""Environment faults, on made-up trials."""

from __future__ import annotations

import pytest

import lehr
from lehr.study import EnvironmentFault, environment_faults
from lehr.trial import Trial

SPACE = lehr.Space(
    [
        lehr.Categorical("backend", ["eager", "compile", "onnxruntime"]),
        lehr.Categorical("precision", ["fp32", "int8"]),
        lehr.Int("batch", 1, 64),
    ]
)
MISSING = ("exception:ImportError:load.py:3", "ImportError", "libonnx.so not found\nwas it moved?")
KERNEL = ("exception:ValueError:run.py:9", "ValueError", "no kernel")


def history(*rows):
    """Trials from rows of (backend, precision, error or None)."""
    trials = []
    for number, (backend, precision, error) in enumerate(rows):
        config = {"backend": backend, "precision": precision, "batch": 1 + number}
        evidence = {}
        if error is not None:
            signature, kind, message = error
            evidence = {"signature": signature, "exception": {"type": kind, "message": message}}
        outcome = "ok" if error is None else "crashed"
        trials.append(Trial(number, config, outcome=outcome, evidence=evidence))
    return trials


def blamed(*rows):
    return [
        (fault.variable, fault.value, fault.failures) for fault in environment_faults(history(*rows), SPACE)
    ]


def test_says_it_in_one_plain_sentence():
    (fault,) = environment_faults(
        history(
            ("onnxruntime", "fp32", MISSING),
            ("eager", "fp32", None),
            ("onnxruntime", "int8", MISSING),
            ("onnxruntime", "fp32", MISSING),
            ("onnxruntime", "int8", MISSING),
        ),
        SPACE,
    )
    assert fault.message == (
        "onnxruntime is broken on this machine: ImportError: libonnx.so not found (4 of 4 trials). "
        "Fix it, or drop it with --without backend=onnxruntime."
    )


def test_two_failures_are_no_pattern():
    assert (
        blamed(("onnxruntime", "fp32", MISSING), ("onnxruntime", "int8", MISSING), ("eager", "fp32", None))
        == []
    )


def test_one_success_with_the_value_clears_it():
    rows = [("onnxruntime", "fp32", MISSING)] * 5 + [("onnxruntime", "int8", None), ("eager", "fp32", None)]
    assert blamed(*rows) == []


def test_another_error_with_the_value_clears_it():
    rows = [("onnxruntime", "fp32", MISSING)] * 3 + [("onnxruntime", "int8", KERNEL)]
    assert blamed(*rows, ("eager", "fp32", None), ("eager", "int8", None)) == []


def test_an_error_seen_elsewhere_is_not_the_value():
    rows = [("onnxruntime", "fp32", MISSING)] * 3 + [("eager", "fp32", MISSING), ("eager", "fp32", None)]
    assert blamed(*rows) == []


def test_the_narrowest_value_is_blamed():
    # int8 fails everywhere; compile was only tried with int8 and so fails always as well, but explains less.
    rows = [
        ("compile", "int8", KERNEL),
        ("compile", "int8", KERNEL),
        ("compile", "int8", KERNEL),
        ("eager", "int8", KERNEL),
        ("eager", "fp32", None),
    ]
    assert blamed(*rows) == [("precision", "int8", 4)]


def test_two_values_of_a_variable_may_miss_the_same_library():
    rows = (
        [("eager", "fp32", MISSING)] * 3
        + [("compile", "int8", MISSING)] * 3
        + [("onnxruntime", "fp32", None)]
    )
    assert blamed(*rows, ("onnxruntime", "int8", None)) == [
        ("backend", "eager", 3),
        ("backend", "compile", 3),
    ]


def test_values_that_cannot_be_told_apart_are_both_named():
    rows = [("onnxruntime", "int8", MISSING)] * 3 + [("eager", "fp32", None)]
    (fault,) = environment_faults(history(*rows), SPACE)
    assert (fault.variable, fault.value, fault.also) == ("backend", "onnxruntime", (("precision", "int8"),))
    assert fault.message.endswith("The same trials share precision=int8.")


def test_when_everything_fails_alike_the_machine_is_at_fault():
    rows = [("eager", "fp32", MISSING), ("compile", "int8", MISSING), ("onnxruntime", "fp32", MISSING)]
    (fault,) = environment_faults(history(*rows), SPACE)
    assert fault.variable is None
    assert fault.message == (
        "Every trial fails alike on this machine: ImportError: libonnx.so not found (3 of 3 trials). "
        "Fix it before going on."
    )


def test_two_faults_with_different_errors():
    rows = (
        [("onnxruntime", "fp32", MISSING)] * 3 + [("eager", "int8", KERNEL)] * 3 + [("eager", "fp32", None)]
    )
    assert blamed(*rows) == [("backend", "onnxruntime", 3), ("precision", "int8", 3)]


def test_a_missed_limit_or_an_end_without_signature_is_no_fault():
    trials = history(*[("eager", "fp32", None)] * 4)
    for trial in trials:
        trial.outcome = "timeout"
    assert environment_faults(trials, SPACE) == []


def test_trials_that_stopped_early_are_no_fault():
    slow = ("early_stopped: too slow", "EarlyStop", "too slow")
    trials = history(*[("onnxruntime", "fp32", slow)] * 4)
    for trial in trials:
        trial.outcome = "early_stopped"
    assert environment_faults(trials, SPACE) == []


def test_choices_keep_their_type_and_a_single_choice_is_never_blamed():
    space = lehr.Space([lehr.Categorical("flag", [True, 1, None]), lehr.Categorical("only", ["this"])])
    trials = [
        Trial(number, {"flag": flag, "only": "this"}, outcome=outcome, evidence=evidence)
        for number, (flag, outcome, evidence) in enumerate(
            [(True, "crashed", {"signature": "s", "reason": "no such flag"})] * 3 + [(1, "ok", {})]
        )
    ]
    (fault,) = environment_faults(trials, space)
    assert fault.value is True
    assert "flag=True is broken on this machine: no such flag (3 of 3 trials)" in fault.message
    assert "--without flag=True" in fault.message


@pytest.mark.parametrize(("value", "same"), [(1, True), (True, False), (1.0, False), (2, False)])
def test_a_fault_is_told_once_whatever_its_counts(value, same):
    fault = EnvironmentFault("threads", 1, "s", "error", 3)
    assert fault.same_as(EnvironmentFault("threads", value, "s", "error", 9)) is same


def test_no_trials_no_faults():
    assert environment_faults([], SPACE) == []
