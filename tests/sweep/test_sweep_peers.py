"""Studies that ran elsewhere are stored as ours are."""

from __future__ import annotations

import lehr
from lehr.bench import Cell, Problem, Store, TraceBuilder, hashed_seed, keep_traces, sweep

BUDGET = 8


def study(problem, index):
    search = lehr.Optimizer(
        problem.space,
        direction=problem.direction,
        constraints=problem.constraints,
        budget=BUDGET,
        method="tba",
        seed=hashed_seed(index),
    )
    builder = TraceBuilder(problem, "tba", hashed_seed(index))
    for _ in range(BUDGET):
        trial = search.ask()
        search.tell(trial, **builder.evaluate(trial.config, trial.origin).told())
    return builder.trace()


def test_the_files_of_studies_run_through_python_are_those_of_a_sweep(tmp_path):
    problem = Problem.load("crashy_branin")
    native = sweep([problem], ["tba"], [BUDGET], 12, tmp_path / "native").store
    cell = Cell("crashy_branin", "tba", BUDGET)
    with Store(tmp_path / "peer") as store:
        keep_traces(
            store, cell, 0, [study(problem, i) for i in range(12)], origin={"lehr": "here"}, trials=True
        )
        store.refresh_curves(cell)
    for name in ("studies-0-11.csv", "paths-0-11.csv", "curves.csv"):
        ours, theirs = (folder.cell_folder(cell) / name for folder in (native, store))
        assert ours.read_bytes() == theirs.read_bytes()
    trials = list(store.trials(cell))
    assert len(trials) == 12 * BUDGET
    assert [trial["study"] for trial in trials[::BUDGET]] == list(range(12))
