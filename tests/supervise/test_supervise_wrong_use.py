"""Options of supervisors and of trials that cannot be meant: one sentence each, and nothing is started."""

from __future__ import annotations

import os

import numpy as np
import pytest
import trial_bodies as bodies
from trial_marks import idle_helpers

from lehr import OptionError
from lehr.supervise import Supervisor


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"isolation": "thread"}, "isolation is 'thread'; choose 'auto', 'fork' or 'spawn'"),
        ({"isolation": ["fork"]}, "isolation is .*, a list; choose"),
        ({"isolation": None}, "isolation is None"),
        ({"environment": "A=1"}, "environment is a str; give a dict"),
        ({"environment": {"A": None}}, r"environment\['A'\] is None; give a string"),
        ({"environment": {"": "1"}}, "environment has a name that is empty"),
        ({"environment": {"A": "x\0y"}}, "give a string without NUL"),
        ({"cgroup": True}, "cgroup is True; give a directory of the cgroup v2 tree"),
        ({"cgroup": 3}, "cgroup is 3"),
        ({"devices": "cuda"}, "devices is 'cuda'; give a dict"),
        ({"devices": {"cuda": 3}}, r"devices\['cuda'\] is 3; give a function"),
        ({"devices": {"": float}}, "a device in devices is ''"),
        ({"abandon_s": 0}, "abandon_s is 0; it must be a finite number of seconds above 0"),
        ({"abandon_s": "10"}, "abandon_s is '10'"),
        ({"namespace": 1}, "namespace is 1; it must be True or False"),
    ],
)
def test_a_supervisor_that_cannot_be(options, words):
    with pytest.raises(OptionError, match=words):
        Supervisor(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *(
            (
                {name: value},
                f"^{name} is .*; it must be a finite number of {unit}.* above 0, at most 1e.0[89], or None",
            )
            for name, unit in (("timeout_s", "seconds"), ("memory_limit_mb", "megabytes"))
            for value in (0, -1, float("nan"), float("inf"), 1e300, 10**400, "3", True, [1], 1j)
        ),
        ({"grace_s": -1}, "grace_s is -1; it must be a finite number of seconds from 0"),
        ({"grace_s": float("nan")}, "grace_s is nan"),
        ({"grace_s": None}, "grace_s is None"),
        ({"cpus": 3}, "cpus is 3; choose from the processors that this process may use"),
        ({"cpus": "0"}, "cpus is '0'; choose from"),
        ({"cpus": []}, "cpus is .*; choose from"),
        ({"cpus": [0.5]}, "cpus is .*; choose from"),
        ({"cpus": [-1]}, "cpus is .*; choose from"),
        ({"threads": 1.5}, "threads is 1.5; it must be a whole number from 1 to 65536, or None"),
        ({"threads": 10**30}, "threads is 1000000"),
        ({"threads": True}, "threads is True"),
        ({"device": ["cuda"]}, "device is .*, a list; give the name of a device"),
        ({"device": "gpu"}, "device is 'gpu'; this supervisor knows: none"),
        ({"preload": "numpy"}, "preload is the string 'numpy'; give a list"),
        ({"preload": 3}, "preload is 3; give a list of module names"),
        ({"preload": ["numpy", ""]}, "preload has ''"),
        ({"context": {"number": 3}}, "context is .*, a dict; give a TrialContext"),
        ({"fresh": "yes"}, "fresh is 'yes'; it must be True or False"),
    ],
)
def test_a_trial_that_cannot_be(options, words):
    with Supervisor() as supervisor, pytest.raises(OptionError, match=words) as caught:
        supervisor.run(bodies.double, 1, **options)
    assert "\n" not in str(caught.value)
    assert idle_helpers(supervisor) == []


def test_a_function_that_cannot_be_called_so():
    with Supervisor() as supervisor:
        with pytest.raises(OptionError, match="the evaluation is 3; give a function"):
            supervisor.run(3)
        with pytest.raises(OptionError, match="called with 0 arguments, which does not fit"):
            supervisor.run(bodies.double)
        assert idle_helpers(supervisor) == []


def test_a_supervisor_that_is_closed():
    supervisor = Supervisor()
    supervisor.close()
    supervisor.close()
    with pytest.raises(OptionError, match="closed"):
        supervisor.run(bodies.double, 1)


def test_numbers_of_numpy_are_numbers(supervisor):
    limits = {"timeout_s": np.float32(60), "memory_limit_mb": np.int64(500), "grace_s": np.float64(0)}
    places = {"threads": np.int64(1), "cpus": np.array(sorted(os.sched_getaffinity(0)))}
    ending = supervisor.run(bodies.double, 2, **limits, **places)
    assert (ending.outcome, ending.result) == ("ok", {"value": 4})


def test_the_largest_amounts_are_taken(supervisor):
    ending = supervisor.run(bodies.double, 2, timeout_s=1e9, memory_limit_mb=1e8, grace_s=1e9)
    assert (ending.outcome, ending.result) == ("ok", {"value": 4})
