"""What the core answers to arguments it cannot use never quotes them: they may hold secrets, or megabytes."""

from __future__ import annotations

import inspect
import os

import pytest

from lehr import _core
from testing_core import lehr_testing

SECRET = "hunter2"


class Strange:
    """No function of the core takes one, and whoever quotes it gives a secret away."""

    def __repr__(self) -> str:
        return SECRET


def functions():
    """Everything that takes arguments: functions, constructors, methods, and what sets a property."""
    for name, value in vars(_core).items():
        if inspect.isclass(value):
            yield name, value
            for inner, member in vars(value).items():
                if isinstance(member, property):
                    if member.fset is not None:
                        yield f"{name}.{inner}", member.fset
                elif not inner.startswith("__") and callable(getattr(value, inner)):
                    yield f"{name}.{inner}", getattr(value, inner)
        elif callable(value):
            yield name, value


@pytest.mark.parametrize("function", [pytest.param(value, id=name) for name, value in functions()])
def test_no_function_of_the_core_quotes_its_arguments(function):
    for call in (
        lambda: function(*[Strange()] * 20),
        lambda: function(*[Strange()] * 19, strange=Strange()),
    ):
        with pytest.raises(TypeError) as caught:
            call()
        said = str(caught.value)
        assert SECRET not in said
        assert "supported" in said or "No constructor defined" in said  # what may be given is still said


def test_an_environment_that_cannot_be_read_is_not_quoted():
    native = _core.NativeSupervisor(use_cgroups=False)
    given = [f"TOKEN={SECRET}", None]
    with pytest.raises(TypeError) as caught:
        native.start(["x"], given, "m", "{}", 1, 1.0)
    assert SECRET not in str(caught.value)
    native.close()


def test_a_path_that_is_no_utf8_comes_back_as_python_writes_it(tmp_path):
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    tree = lehr_testing.CgroupTree(asked=folder)
    assert not tree.usable
    assert folder in tree.why_not
    assert lehr_testing.CgroupTree(asked=os.fsencode(folder), pretend=True).root == folder


def test_the_error_of_a_program_whose_path_is_no_utf8(tmp_path):
    program = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    native = _core.NativeSupervisor(use_cgroups=False)
    with open(os.devnull, "w") as log:
        _, answer = native.start([program], [], "m", "{}", log.fileno(), 5.0)
    native.close()
    assert program in answer.value().death.how
