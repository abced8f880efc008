"""What a study evaluates: known by its source, or by a version, and never mixed with another."""

from __future__ import annotations

import functools
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from stand_in import InProcess

import lehr
from lehr.errors import OptionError, StorageError
from lehr.study.identity import Identity

SPACE = lehr.Space([lehr.Int("x", 0, 9)])
PLAIN = """
    def helper(x):
        return x + 1

    def evaluate(config, scale=2):
        return helper(config["x"]) * scale
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a source as the module ``evaluations_of_mine``, anew each time."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(source: str) -> ModuleType:
        import importlib
        import linecache

        (tmp_path / "evaluations_of_mine.py").write_text(textwrap.dedent(source))
        linecache.clearcache()
        importlib.invalidate_caches()
        sys.modules.pop("evaluations_of_mine", None)
        return importlib.import_module("evaluations_of_mine")

    yield write  # type: ignore[misc]
    sys.modules.pop("evaluations_of_mine", None)


def source_of(module: ModuleType) -> str | None:
    return Identity.of(module.evaluate).source


def test_comments_and_layout_do_not_count_and_code_does(written: Callable[[str], ModuleType]) -> None:
    known = source_of(written(PLAIN))
    assert known
    assert (
        source_of(
            written("# a comment\nimport math\n" + textwrap.dedent(PLAIN).replace(" * scale", "*scale  # so"))
        )
        == known
    )
    for before, after in (("* scale", "/ scale"), ("scale=2", "scale=3"), ("x + 1", "x + 2")):
        assert source_of(written(PLAIN.replace(before, after))) != known


def test_what_a_function_closes_over_counts_as_far_as_it_is_plain(
    written: Callable[[str], ModuleType],
) -> None:
    module = written("""
        def make(scale, thing):
            def evaluate(config):
                return config["x"] * scale if thing else 0
            return evaluate
    """)
    digests = {
        Identity.of(module.make(scale, thing)).source for scale in (1, 2) for thing in (object(), object())
    }
    assert len(digests) == 2
    assert Identity.of(functools.partial(module.make(1, 0), scale=1)) == Identity.of(
        functools.partial(module.make(1, 0), scale=1)
    )
    assert Identity.of(functools.partial(module.make(1, 0), 1)) != Identity.of(
        functools.partial(module.make(1, 0), 2)
    )


def test_one_of_several_lambdas_on_a_line(written: Callable[[str], ModuleType]) -> None:
    module = written("both = [lambda c: c['x'] + 1, lambda c: (lambda d: d['x'] + 2)(c)]\nbudget = 4\n")
    first, second = map(Identity.of, module.both)
    assert first.source
    assert second.source
    assert first.source != second.source
    again = written("both = [lambda c: c['x'] + 1, lambda c: 3]\nbudget = 5\n")
    assert Identity.of(again.both[0]) == first  # what stands beside it on the line is not its business


def test_an_object_counts_by_its_call_and_its_plain_attributes(written: Callable[[str], ModuleType]) -> None:
    source = """
        class Evaluate:
            def __init__(self, scale):
                self.scale = scale
                self.other = object()

            def __call__(self, config):
                return self.method(config)

            def method(self, config):
                return config["x"] * self.scale
    """
    module = written(source)
    assert Identity.of(module.Evaluate(1)) == Identity.of(module.Evaluate(1))
    assert Identity.of(module.Evaluate(1)) != Identity.of(module.Evaluate(2))
    known = Identity.of(module.Evaluate(1))
    assert known.source
    assert Identity.of(module.Evaluate(1).method).source != known.source
    edited = written(source.replace("* self.scale", "+ self.scale"))  # in a method that it calls
    assert Identity.of(edited.Evaluate(1)).differs(known) == "evaluations_of_mine.Evaluate has changed since"


def test_without_a_source_it_is_the_name() -> None:
    space: dict[str, Any] = {"__name__": "nowhere"}
    exec("def evaluate(config): return 1\ndef other(config): return 1", space)
    made, other = Identity.of(space["evaluate"]), Identity.of(space["other"])
    assert (made.name, made.source) == ("nowhere.evaluate", None)
    assert made.differs(made) == ""
    assert other.differs(made) == "it evaluated nowhere.evaluate, and this is nowhere.other"
    assert Identity.of(len).source is None


def run(evaluate: Any, storage: Any, budget: int = 2, **options: Any) -> lehr.Study:
    return lehr.run(evaluate, SPACE, budget=budget, storage=storage, executor=Executor(), **options)


class Executor:
    """Runs jobs in this process."""

    def run(self, evaluate: Any, job: Any) -> lehr.Ending:
        ending: lehr.Ending = InProcess().run(evaluate, job.config, context=job.context)
        return ending

    def close(self) -> None:
        pass


def test_an_edited_evaluation_does_not_go_on_with_the_old_study(
    written: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    journal = tmp_path / "study.journal"
    first = run(written(PLAIN).evaluate, journal)
    assert len(run(written(PLAIN + "\n    # a comment\n").evaluate, journal, 3)) == 3
    edited = written(PLAIN.replace("* scale", "- scale")).evaluate
    with pytest.raises(
        StorageError, match=r"evaluations_of_mine\.evaluate has changed since.*another name.*version="
    ):
        run(edited, journal, 4)
    assert run(edited, journal, name="other").best != first.best


def test_a_version_outweighs_the_source(written: Callable[[str], ModuleType], tmp_path: Path) -> None:
    journal = tmp_path / "study.journal"
    run(written(PLAIN).evaluate, journal)
    edited = written(PLAIN.replace("x + 1", "1 + x")).evaluate
    assert len(run(edited, journal, 3, version="1")) == 3
    assert len(run(edited, journal, 4)) == 4  # the source that was vouched for
    assert len(run(lambda config: config["x"], journal, 5, version="1")) == 5
    with pytest.raises(StorageError, match="it evaluated version '1', and this is version '2'"):
        run(edited, journal, 6, version="2")


def test_what_no_trial_has_ended_with_may_be_changed(
    written: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    class Interrupted(Executor):
        def run(self, evaluate: Any, job: Any) -> lehr.Ending:
            raise KeyboardInterrupt

    journal = tmp_path / "study.journal"
    with pytest.raises(KeyboardInterrupt):
        lehr.run(written(PLAIN).evaluate, SPACE, budget=2, storage=journal, executor=Interrupted())
    assert len(run(written(PLAIN.replace("x + 1", "x + 2")).evaluate, journal)) == 2
    with pytest.raises(StorageError, match="has changed since"):
        run(written(PLAIN).evaluate, journal, 3)


def test_a_version_is_a_text(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="version"):
        run(len, None, version=3)


def test_a_damaged_note_is_told(written: Callable[[str], ModuleType], tmp_path: Path) -> None:
    journal = tmp_path / "study.journal"
    study = run(written(PLAIN).evaluate, journal)
    study.optuna_study.set_user_attr("evaluation", {"name": 3})
    with pytest.raises(StorageError, match="evaluation"):
        run(written(PLAIN).evaluate, journal, 3)
