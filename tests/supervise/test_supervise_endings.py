"""How trials end: outcome, evidence, and (the supervisor of these tests checks) no process left."""

from __future__ import annotations

import math
import os
import re
import signal
import threading
import time

import pytest
import trial_bodies as bodies

from lehr.supervise import EarlyStop, TrialContext


def test_a_result_comes_back(supervisor):
    ending = supervisor.run(bodies.double, 4)
    assert (ending.outcome, ending.result) == ("ok", {"value": 8})
    assert ending.evidence["isolation"] == "fork"
    assert ending.evidence["peak_memory_mb"] > 1
    assert "reason" not in ending.evidence
    assert 0 <= ending.seconds < 5


def test_a_closure_is_sent_by_value(supervisor):
    base = [1, 2]
    ending = supervisor.run(lambda extra: [*base, extra], 3)
    assert (ending.outcome, ending.result) == ("ok", [1, 2, 3])


def test_a_trial_knows_its_context(supervisor):
    context = TrialContext(3, True, {"latency_ms": 20.0}, 60.0, None)
    ending = supervisor.run(bodies.context_as_dict, context=context)
    assert TrialContext.from_json(ending.result) == context
    assert supervisor.run(bodies.context_as_dict).result is None


def test_an_early_stop_reports_partial_metrics(supervisor):
    ending = supervisor.run(bodies.stop_early)
    assert (ending.outcome, ending.result) == ("early_stopped", {"latency_ms": 31.5})
    assert ending.evidence["reason"] == "too slow: 31.5 ms"
    assert ending.evidence["signature"] == "early_stopped: too slow: N ms"


def test_early_stop_raised_by_a_closure_through_the_public_name(supervisor):
    def body():
        import lehr

        raise lehr.EarlyStop("enough")

    assert supervisor.run(body).outcome == "early_stopped"
    with pytest.raises(EarlyStop):
        body()


def test_an_exception_is_described(supervisor):
    ending = supervisor.run(bodies.raise_value_error, 12)
    assert (ending.outcome, ending.result) == ("crashed", None)
    exception = ending.evidence["exception"]
    assert exception["type"] == "ValueError"
    assert exception["message"] == "value 12 is out of range\nsecond line"
    assert exception["frame"].startswith("trial_bodies.py:")
    assert exception["frame"].endswith(" in raise_value_error")
    assert "_child.py" not in exception["traceback_tail"]
    assert ending.evidence["exit_code"] == 1
    assert ending.evidence["reason"].startswith(
        "The evaluation raised ValueError: value 12 is out of range (trial_"
    )
    assert ending.evidence["signature"] == "ValueError: value N is out of range"


def test_the_cause_of_an_exception_is_kept(supervisor):
    ending = supervisor.run(bodies.raise_with_cause)
    assert ending.evidence["exception"]["type"] == "RuntimeError"
    assert ending.evidence["exception"]["frame"].endswith("in raise_with_cause")
    assert "ValueError: value 7 is out of range" in ending.evidence["exception"]["traceback_tail"]


def test_an_exception_that_cannot_be_printed(supervisor):
    ending = supervisor.run(bodies.raise_unprintable)
    assert ending.outcome == "crashed"
    assert ending.evidence["exception"]["type"] == "trial_bodies.UnprintableError"
    assert "RuntimeError" in ending.evidence["exception"]["message"]


@pytest.mark.parametrize("code", [0, 3])
def test_sys_exit_is_no_success(supervisor, code):
    ending = supervisor.run(bodies.system_exit, code)
    assert ending.outcome == "crashed"
    assert ending.evidence["exit_code"] == code
    assert "without a result" in ending.evidence["reason"]
    assert ending.evidence["exception"]["type"] == "SystemExit"
    assert ending.evidence["exception"]["frame"].endswith("in system_exit")


def test_exit_code_zero_without_a_result_is_a_crash(supervisor):
    ending = supervisor.run(bodies.leave_without_result)
    assert ending.outcome == "crashed"
    assert ending.evidence["exit_code"] == 0
    assert ending.evidence["reason"] == "The evaluation ended without a result (exit code 0)."


@pytest.mark.parametrize(("body", "name"), [(bodies.abort, "SIGABRT"), (bodies.read_null, "SIGSEGV")])
def test_a_fault_leaves_its_signal_and_its_python_frames(supervisor, body, name):
    ending = supervisor.run(body)
    assert ending.outcome == "crashed"
    assert ending.evidence["signal"] == name
    fault = ending.evidence["fault"]
    assert f" in {body.__name__}" in fault["traceback_tail"]
    assert "_child.py" not in fault["traceback_tail"]
    assert f"({fault['frame']})" in ending.evidence["reason"]
    assert ending.evidence["signature"] == f"{name} in {re.sub(':[0-9]+', '', fault['frame'])}"
    assert "stderr_tail" not in ending.evidence


def test_the_innermost_frame_of_a_deep_fault(supervisor):
    ending = supervisor.run(bodies.read_null_deep_down, 60)
    assert ending.evidence["fault"]["frame"].startswith("__init__.py:")
    assert ending.evidence["fault"]["frame"].endswith(" in string_at")


def test_an_error_before_a_process_that_will_not_leave(supervisor):
    ending = supervisor.run(bodies.raise_and_hang_at_exit)
    assert ending.outcome == "crashed"
    assert ending.evidence["exception"]["type"] == "ValueError"
    assert ending.evidence["sent_by"] == "lehr: lingering after its end"


def test_a_result_channel_that_the_evaluation_closed(supervisor, tmp_path):
    ending = supervisor.run(bodies.close_everything_and_open, str(tmp_path / "file"))
    assert ending.outcome == "crashed"
    assert "without a result" in ending.evidence["reason"]
    assert "closed lehr's result channel" in ending.evidence["stderr_tail"]
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_sigkill_from_elsewhere_is_not_called_out_of_memory(supervisor):
    ending = supervisor.run(bodies.kill_self, memory_limit_mb=500)
    assert ending.outcome == "crashed"
    assert ending.evidence["signal"] == "SIGKILL"
    assert ending.evidence["sent_by"] == "unknown (not lehr)"


def test_sigkill_from_another_process(supervisor, tmp_path):
    path = tmp_path / "pid"

    def body():
        path.write_text(f"{os.getpid()}.")
        time.sleep(600)

    def kill():
        while not path.exists() or not path.read_text().endswith("."):
            time.sleep(0.01)
        os.kill(int(path.read_text()[:-1]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    ending = supervisor.run(body, timeout_s=60)
    killer.join()
    assert (ending.outcome, ending.evidence["sent_by"]) == ("crashed", "unknown (not lehr)")


@pytest.mark.parametrize(
    "body",
    [
        bodies.ignore_sigterm_and_sleep,
        bodies.deadlock,
        bodies.hold_the_gil,
        bodies.stop_self,
        bodies.busy_threads,
        bodies.flood_stderr_forever,
    ],
)
def test_the_deadline_holds_whatever_the_trial_does(supervisor, body):
    ending = supervisor.run(body, timeout_s=0.2)
    assert (ending.outcome, ending.result) == ("timeout", None)
    assert ending.evidence["sent_by"] == "lehr: deadline"
    assert ending.evidence["signal"] == "SIGKILL"
    assert ending.evidence["limits"] == {"timeout_s": 0.2}
    assert ending.evidence["signature"] == "timeout"
    assert ending.seconds >= 0.2


def test_a_stack_overflow_in_c(supervisor):
    ending = supervisor.run(bodies.use_up_the_stack, timeout_s=60)
    assert ending.outcome == "crashed"
    assert ending.evidence.get("signal") == "SIGSEGV" or "exception" in ending.evidence


def test_endless_recursion(supervisor):
    ending = supervisor.run(bodies.recurse_for_ever)
    assert ending.evidence["exception"]["type"] == "RecursionError"


def test_special_numbers_survive_the_transport(supervisor):
    result = supervisor.run(bodies.value_of, "nan").result
    assert math.isnan(result["objective"])
    assert result["latency"] == math.inf


def test_numpy_scalars_become_numbers(supervisor):
    result = supervisor.run(bodies.value_of, "numpy").result
    assert result == {"float": 0.5, "int": 3, "bool": True, "zero_d": 2.5, "tuple": [1.5, None]}
    assert type(result["bool"]) is bool
    assert type(result["int"]) is int


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("set", "result['inner'][1] is a set"),
        ("bytes key", "the key b'a' of type bytes"),
        ("array", "result['array'] is a numpy.ndarray"),
        ("itself", "nested deeper"),
    ],
)
def test_a_result_that_is_not_json_is_refused_by_name(supervisor, kind, words):
    ending = supervisor.run(bodies.value_of, kind)
    assert ending.outcome == "crashed"
    assert words in ending.evidence["reason"]


def test_large_results(supervisor):
    ending = supervisor.run(bodies.long_string, 15_000_000)
    assert (ending.outcome, len(ending.result)) == ("ok", 15_000_000)
    ending = supervisor.run(bodies.long_string, 17_000_000)
    assert ending.outcome == "crashed"
    assert "result too large" in ending.evidence["reason"]


def test_a_crash_after_the_result_is_only_a_note(supervisor):
    ending = supervisor.run(bodies.crash_at_exit)
    assert (ending.outcome, ending.result) == ("ok", {"value": 1})
    assert ending.evidence["notes"] == ["the process died of SIGABRT after its result had arrived"]


def test_a_process_that_will_not_leave_after_its_result(supervisor):
    ending = supervisor.run(bodies.hang_at_exit, timeout_s=1.5)
    assert ending.outcome == "ok"  # though the deadline passed while lehr waited for it to leave, 2 s
    assert "still busy" in ending.evidence["notes"][0]
    assert ending.seconds < 1.5


def test_handlers_registered_by_the_trial_run(supervisor, tmp_path):
    assert supervisor.run(bodies.write_at_exit, str(tmp_path / "file")).outcome == "ok"
    assert (tmp_path / "file").read_text() == "done"


def test_nonsense_on_the_private_channel(supervisor):
    ending = supervisor.run(bodies.write_garbage_to_every_descriptor, timeout_s=60)
    assert ending.outcome == "crashed"
    assert "malformed result" in ending.evidence["reason"]
