"""The classification alone, on facts that are hard to bring about, and the pieces it is made of."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lehr.supervise._ending import Facts, end, read_fault, signature_of
from lehr.supervise._limits import TrialLimits
from lehr.supervise._record import Record
from lehr.supervise._wire import BadFrame, FrameReader, encode

SIGKILL = int(signal.SIGKILL)  # a wait status: killed by that signal
SIGABRT = int(signal.SIGABRT)
RETURNED = Record("returned", 3)


def test_the_kernel_is_named_only_when_its_counter_has_grown():
    ending = end(Facts(begun=True, status=SIGKILL, kernel_oom_kills=1))
    assert (ending.outcome, ending.evidence["sent_by"]) == ("oom", "kernel: out of memory")
    ending = end(Facts(begun=True, status=SIGKILL))
    assert (ending.outcome, ending.evidence["sent_by"]) == ("crashed", "unknown (not lehr)")


def test_a_kill_of_ours_is_not_put_on_the_kernel():
    ending = end(
        Facts(
            begun=True,
            status=SIGKILL,
            kernel_oom_kills=1,
            killed="timeout",
            limits=TrialLimits(timeout_s=2.0),
        )
    )
    assert (ending.outcome, ending.evidence["sent_by"]) == ("timeout", "lehr: deadline")


def test_an_abort_is_out_of_memory_only_at_the_limit():
    facts = Facts(
        begun=True, status=SIGABRT, data=960, data_limit=1000, limits=TrialLimits(memory_limit_mb=400)
    )
    assert end(facts).outcome == "oom"
    facts.data = 500
    assert end(facts).outcome == "crashed"
    facts.data_limit = None
    assert end(facts).outcome == "crashed"


@pytest.mark.parametrize(
    "facts",
    [
        Facts(begun=True, record=RETURNED, status=SIGABRT),
        Facts(begun=True, record=RETURNED, status=SIGKILL, killed="lingered"),
        Facts(begun=True, record=RETURNED, helper_died="killed by SIGKILL"),
        Facts(begun=True, record=RETURNED, status=256),
    ],
)
def test_a_record_is_success_whatever_comes_after(facts):
    ending = end(facts)
    assert (ending.outcome, ending.result) == ("ok", 3)
    assert len(ending.evidence["notes"]) == 1
    assert "signal" not in ending.evidence


def test_processes_that_survive_sigkill_are_reported():
    ending = end(
        Facts(begun=True, status=SIGKILL, killed="timeout", limits=TrialLimits(timeout_s=2.0), left=[17, 18])
    )
    assert "17, 18" in ending.evidence["notes"][0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("object at 0x7f12ab has 3 items", "object at 0x55aa has 14 items"),
        ("no file /tmp/abc/model-1.onnx", "no file /home/user/x/other.onnx"),
        ("needs 1.5e-3 s\nmore", "needs 20 s\nless"),
    ],
)
def test_signatures_ignore_what_changes_from_run_to_run(one, other):
    assert signature_of("ValueError", one) == signature_of("ValueError", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("no kernel for int8", "no kernel for int4"), ("No module named 'a'", "No module named 'b'")],
)
def test_signatures_keep_what_tells_faults_apart(one, other):
    assert signature_of("RuntimeError", one) != signature_of("RuntimeError", other)
    assert signature_of("RuntimeError", one) != signature_of("TypeError", one)


def test_a_fault_without_python_frames():
    assert read_fault("") is None
    text = "Fatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n  <no Python frame>\n"
    assert read_fault(text) == {
        "message": "Aborted",
        "traceback_tail": "Thread 0x1 (most recent call first):\n  <no Python frame>",
    }


def test_the_frame_at_fault_is_that_of_the_current_thread():
    text = (
        "Fatal Python error: Segmentation fault\n\nThread 0x1 (most recent call first):\n"
        '  File "/a/b.py", line 3 in wait\n\nCurrent thread 0x2 (most recent call first):\n'
        '  File "/a/c.py", line 4 in <lambda>\n  File "/x/lehr/supervise/_child.py", line 9 in run\n'
    )
    fault = read_fault(text)
    assert fault["frame"] == "c.py:4 in <lambda>"
    assert "_child.py" not in fault["traceback_tail"]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=4),
    st.lists(st.integers(1, 30), min_size=1, max_size=5),
)
def test_frames_survive_any_cut(messages, cuts):
    data = b"".join(map(encode, messages))
    reader, received = FrameReader(), []
    while data:
        for cut in cuts:
            received += reader.feed(data[:cut])
            data = data[cut:]
    assert received == messages


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\0\0\0\2{]", b"\0\0\0\2[]", b"\0\0\0\1\xff"])
def test_what_is_no_frame_of_ours(data):
    with pytest.raises(BadFrame):
        FrameReader().feed(data)
