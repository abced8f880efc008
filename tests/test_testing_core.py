"""The module that only tests use: found beside the core it was built with, and at home with the core's types."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import lehr
from lehr import _core
from testing_core import find, lehr_testing, suffix


def put(folder: Path, age_s: float = 0.0, ends: str = suffix()) -> Path:
    folder.mkdir(parents=True)
    path = folder / f"lehr_testing{ends}"
    path.touch()
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


class TestFinding:
    def test_a_developers_core_has_that_of_its_own_build(self, tmp_path):
        root = tmp_path.resolve()
        own = put(root / "build" / "testing", age_s=100.0)
        put(root / "build" / "cp311" / "python" / "bindings_testing")
        assert find(root / "python" / "lehr" / "_core.so", root) == own

    def test_an_installed_core_has_the_newest_that_pip_built_for_this_interpreter(self, tmp_path):
        root = tmp_path.resolve()
        put(root / "build" / "testing")
        put(root / "build" / "old" / "python" / "bindings_testing", age_s=100.0)
        newest = put(root / "build" / "new" / "python" / "bindings_testing", age_s=50.0)
        put(root / "build" / "other" / "python" / "bindings_testing", ends=".cpython-10-other.so")
        assert find(tmp_path / "site-packages" / "lehr" / "_core.so", root) == newest

    @pytest.mark.parametrize(
        ("core", "command"),
        [("python/lehr", "cmake --build build/dev"), ("site-packages/lehr", "pip install .")],
    )
    def test_where_it_is_missing_what_builds_it_is_said(self, tmp_path, core, command):
        with pytest.raises(ImportError, match=command):
            find(tmp_path / core / "_core.so", tmp_path.resolve())


def test_it_is_no_part_of_the_package():
    assert Path(lehr_testing.__file__).parent != Path(_core.__file__).parent
    assert not list(Path(_core.__file__).parent.glob("lehr_testing*"))


def test_types_and_errors_of_the_core_are_its_own_too():
    space = lehr.Space([lehr.Int("n", 1, 9)])
    variable = lehr_testing.variable(space._core, 0)
    assert type(variable) is _core.Variable
    assert type(lehr_testing.reference(1.0, True, [], False)) is _core.Reference
    del space
    assert (variable.low, variable.high) == (1.0, 9.0)  # it keeps the space that it belongs to
    growing = lehr_testing.GrowingParzenEstimator([_core.Dimension(choices=3)])
    with pytest.raises(lehr.OptionError, match="one value per dimension"):
        growing.append(np.zeros(2), True)
