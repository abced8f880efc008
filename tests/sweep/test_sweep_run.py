"""Sweeps: the same files whatever the threads, nothing run twice, honest progress."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from pathlib import Path

import pytest

import lehr
from lehr import _core
from lehr.bench import Cell, Problem, Reference, hashed_seed, run_study, summarise, sweep
from lehr.bench.fingerprint import fingerprint
from lehr.bench.progress import Item, report
from lehr.errors import OptionError

METHODS = ["tba-tpe", "tpe:paper", "random", "grid"]


def files(folder: Path) -> dict[str, bytes]:
    """All but what tells of times and places."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("provenance")
    }


def run(out, methods=METHODS, budgets=(5, 12), seeds=40, **more):
    return sweep(["crashy_branin"], methods, budgets, seeds, out, **more)


def test_the_files_are_the_same_whatever_the_number_of_threads(tmp_path):
    for threads in (1, 2, 5):
        run(tmp_path / str(threads), threads=threads, trials=True)
    assert len(files(tmp_path / "1")) == 1 + len(METHODS) * 2 * 4
    assert files(tmp_path / "1") == files(tmp_path / "2") == files(tmp_path / "5")


def test_a_row_is_what_the_study_alone_gives(tmp_path):
    outcome = run(tmp_path, seeds=20)
    problem = Problem.load("crashy_branin")
    for cell in outcome.cells:
        columns = outcome.store.studies(cell)
        for study in range(20):
            alone = run_study(problem, cell.method, cell.budget, hashed_seed(study)).metrics()
            row = {name: column[study].item() for name, column in columns.items()}
            assert (row.pop("study"), row.pop("seed")) == (study, hashed_seed(study))
            for name, value in row.items():
                expected = getattr(alone, name)
                if name == "family":
                    expected = expected or ""
                both_missing = isinstance(value, float) and math.isnan(value) and math.isnan(expected)
                assert both_missing or value == expected


def test_trials_tell_the_whole_study(tmp_path):
    outcome = run(tmp_path, methods=["tpe"], budgets=[6], seeds=3, trials=True)
    cell = Cell("crashy_branin", "tpe", 6)
    records = list(outcome.store.trials(cell))
    assert [(r["study"], r["trial"]) for r in records] == [(s, t) for s in range(3) for t in range(6)]
    trace = run_study(Problem.load("crashy_branin"), "tpe", 6, hashed_seed(1))
    for record, expected in zip(records[6:12], trace.records(), strict=True):
        assert record.items() >= expected.items()
        assert record["seed"] == hashed_seed(1)


def test_a_finished_sweep_is_not_run_again(tmp_path):
    first = run(tmp_path)
    assert (first.ran, first.found) == (len(METHODS) * 2 * 40, 0)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    second = run(tmp_path)
    assert (second.ran, second.found) == (0, first.ran)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def test_more_seeds_run_only_the_new_ones(tmp_path):
    run(tmp_path / "grown", seeds=15)
    old = files(tmp_path / "grown")
    grown = run(tmp_path / "grown", seeds=40)
    assert (grown.ran, grown.found) == (len(METHODS) * 2 * 25, len(METHODS) * 2 * 15)
    new = files(tmp_path / "grown")
    assert all(new[name] == content for name, content in old.items() if not name.endswith("curves.csv"))
    whole = run(tmp_path / "whole", seeds=40)
    for cell in whole.cells:
        ours, theirs = whole.store.studies(cell), grown.store.studies(cell)
        assert all((ours[name].astype(str) == theirs[name].astype(str)).all() for name in ours)
        curves = [
            (store.cell_folder(cell) / "curves.csv").read_bytes() for store in (whole.store, grown.store)
        ]
        assert curves[0] == curves[1]
    fewer = run(tmp_path / "grown", seeds=10)
    assert fewer.ran == 0
    assert [cell.studies for cell in summarise(fewer.store, fewer.cells, 10)] == [10] * len(fewer.cells)


def test_new_methods_and_budgets_join_a_folder(tmp_path):
    run(tmp_path, methods=["random"], budgets=[5], seeds=4)
    joined = run(tmp_path, methods=["random", "tpe:default"], budgets=[5, 8], seeds=4)
    assert (joined.ran, joined.found) == (12, 4)
    assert joined.store.cells() == sorted(joined.cells)
    assert {cell.method for cell in joined.cells} == {"random", "tpe"}


def test_spellings_of_one_method_are_one_cell(tmp_path):
    outcome = run(
        tmp_path, methods=["tpe", "tpe:default", "tba/blacklist=1", "tba/blacklist=true"], budgets=[5, 5]
    )
    assert [cell.method for cell in outcome.cells] == ["tpe", "tba/blacklist=1"]


def test_the_tables_are_ordinary_csv(tmp_path):
    run(tmp_path, methods=["random"], budgets=[4], seeds=30)
    with (tmp_path / "cells/crashy_branin/random/4/studies-0-29.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30
    assert {row["trials"] for row in rows} == {"4"}
    nothing = [row for row in rows if row["feasible"] == "0"]
    assert nothing
    assert all(row["best"] == row["regret"] == row["family"] == "" for row in nothing)


def test_provenance_is_beside_every_table(tmp_path):
    run(tmp_path, methods=["random"], budgets=[4], seeds=3, threads=2, command=["lehr", "sweep"])
    known = json.loads((tmp_path / "cells/crashy_branin/random/4/provenance-0-2.json").read_text())
    assert (known["first"], known["last"], known["threads"]) == (0, 2, 2)
    assert known["command"] == ["lehr", "sweep"]
    assert known["kernel"] == _core.isa()
    assert known["compiler"] == _core.compiler()
    assert known.keys() >= {"lehr", "commit", "cpu", "date", "thread_seconds", "python", "platform"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"methods": []}, "at least one method"),
        ({"methods": "tpe"}, "give a list"),
        ({"methods": ["tpe", "nope"]}, "unknown method"),
        ({"budgets": []}, "at least one budget"),
        ({"budgets": [0]}, "budget"),
        ({"seeds": 0}, "seeds"),
        ({"threads": 0}, "threads"),
        ({"table_format": "xls"}, "unknown format"),
    ],
)
def test_bad_arguments_make_no_folder(tmp_path, arguments, words):
    with pytest.raises(OptionError, match=words):
        run(tmp_path / "new", **arguments)
    assert not (tmp_path / "new").exists()
    with pytest.raises(OptionError, match="crashy_branin"):
        sweep(["unknown"], ["tpe"], [5], 1, tmp_path / "new")


def test_trials_cannot_be_asked_of_finished_cells(tmp_path):
    run(tmp_path, methods=["random"], budgets=[4], seeds=3)
    with pytest.raises(OptionError, match="trials were not kept"):
        run(tmp_path, methods=["random"], budgets=[4], seeds=5, trials=True)


def test_two_problems_of_one_name_do_not_mix(tmp_path):
    problem = Problem.load("crashy_branin")
    other = dataclasses.replace(problem, constraints={"sum_excess": 1.0, "slope_excess": 0.0})
    with pytest.raises(OptionError, match="two problems are named 'crashy_branin'"):
        sweep([problem, other], ["random"], [5], 1, tmp_path / "new")
    assert sweep(["crashy_branin"] * 2, ["random"], [5], 1, tmp_path / "first").ran == 1
    with pytest.raises(OptionError, match="results of another 'crashy_branin'"):
        sweep([other], ["random"], [5], 2, tmp_path / "first")


def test_a_fingerprint_is_that_of_the_definition():
    problem = Problem.load("crashy_branin")
    assert fingerprint(problem) == fingerprint(Problem.load("crashy_branin"))
    changed = [
        dataclasses.replace(problem, direction="minimize"),
        dataclasses.replace(problem, constraints={"sum_excess": 0.0, "slope_excess": 0.5}),
        dataclasses.replace(problem, space=lehr.Space(problem.space.variables)),
    ]
    assert fingerprint(changed[0]) != fingerprint(problem) != fingerprint(changed[1])
    assert fingerprint(changed[2]) == fingerprint(problem)


def test_a_study_that_fails_ends_the_sweep_and_keeps_what_is_done(tmp_path):
    # The grid of this resolution has more points than grid search takes.
    with pytest.raises(OptionError, match="the grid has more than"):
        run(tmp_path, methods=["random", "grid/grid_resolution=5000"], budgets=[5], seeds=4)
    resumed = run(tmp_path, methods=["random"], budgets=[5], seeds=4)
    assert resumed.ran in (0, 4)  # its studies may have been cancelled, but never half kept


def test_progress_ends_at_the_end(tmp_path):
    seen = []
    run(tmp_path, seeds=25, progress=seen.append)
    last = seen[-1]
    assert (last.studies_done, last.cells_done) == (last.studies, last.cells) == (200, 8)
    assert (last.seconds_left, last.share) == (0.0, 1.0)
    done = [progress.studies_done for progress in seen]
    assert done == sorted(done)


def test_an_exception_from_progress_stops_the_threads(tmp_path):
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, seeds=2000, budgets=[50], progress=stop)
    resumed = run(tmp_path, seeds=20, budgets=[50])
    assert resumed.ran + resumed.found == len(METHODS) * 20


def items(*cells):
    return [Item(Cell("p", method, budget), 0, count) for method, budget, count in cells]


def test_what_is_left_is_counted_in_seconds_of_each_cell():
    plan = items(("fast", 10, 1000), ("slow", 10, 10))
    progress = report(plan, [(500, 0.5), (1, 2.0)], 0, 2, 1.5)
    # 500 at 1 ms and 9 at 2 s, on two threads; by count half would be done.
    assert progress.seconds_left == pytest.approx((0.5 + 18.0) / 2)
    assert progress.share == pytest.approx(2.5 / 21.0)
    assert (progress.studies_done, progress.studies) == (501, 1010)


def test_a_cell_that_has_not_begun_is_judged_by_its_kin():
    plan = items(("m", 10, 4), ("m", 20, 4), ("m", 40, 4), ("other", 40, 1))
    linear = report(plan[:2], [(4, 4.0), (0, 0.0)], 1, 1, 4.0)
    assert linear.seconds_left == pytest.approx(8.0)
    # Costs of 1 s at 10 and 4 s at 20 are quadratic: 16 s at 40.
    quadratic = report(plan[:3], [(4, 4.0), (4, 16.0), (0, 0.0)], 2, 1, 20.0)
    assert quadratic.seconds_left == pytest.approx(64.0)
    unknown = report(plan, [(4, 4.0), (4, 16.0), (0, 0.0), (0, 0.0)], 2, 1, 20.0)
    assert unknown.seconds_left is None
    assert unknown.share is None


def test_one_study_says_little_where_kin_are_known():
    plan = items(("m", 10, 100), ("m", 20, 101))
    progress = report(plan, [(100, 100.0), (1, 11.0)], 1, 1, 111.0)
    # 2 s by its kin counts eight times, the 11 s of its only study once: 3 s.
    assert progress.seconds_left == pytest.approx(300.0)
    late = report(plan, [(100, 100.0), (99, 99 * 11.0)], 1, 1, 1200.0)
    assert late.seconds_left == pytest.approx(2 * (99 * 11 + 16) / 107)


def test_the_summary_counts_what_is_missing(tmp_path):
    outcome = run(tmp_path, methods=["random"], budgets=[1], seeds=60)
    (cell,) = summarise(outcome.store, outcome.cells)
    columns = outcome.store.studies(cell.cell)
    found = int((columns["feasible"] > 0).sum())
    assert 0 < found < 60
    assert (cell.found.value, cell.found.count) == (found / 60, 60)
    assert cell.means["regret"].count == cell.means["best"].count == found
    assert cell.shares["discovered"].value == found / 60  # every family reaches the optimum
    assert cell.means["wasted"].value == pytest.approx(1 - found / 60)
    json.dumps(cell.document(), allow_nan=False)


def test_native_sweeps_need_threads():
    problem = Problem.load("crashy_branin")
    cell = (problem._core, Reference.of(problem)._core, _core.MethodSpec("random"), 5, 0, 3)
    with pytest.raises(OptionError, match="at least one thread"):
        _core.Sweep([cell], 0, False)
    empty = _core.Sweep([], 1, False)
    assert empty.wait(5.0) is None
