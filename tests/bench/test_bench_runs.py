"""Ours and peers in one results folder: same seeds, same metrics, nothing run twice."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lehr
from lehr.bench import Cell, Problem, Store, hashed_seed, run_study
from lehr.bench.peers.studies import Job, Recording, replayed, run_jobs, run_peer_study
from lehr.bench.runs import run
from lehr.errors import LehrError, MissingPackageError, OptionError

PEER = Cell("crashy_branin", "optuna-random", 5)


def stored(folder: Path) -> dict[str, bytes]:
    """Every file but provenance, which holds times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "provenance" not in path.name
    }


def test_a_peer_study_meets_the_luck_of_its_seed() -> None:
    problem = Problem.load("crashy_branin")
    trace = run_peer_study(problem, "optuna-tpe", 12, 77)
    assert len(trace) == 12
    assert trace.method == "optuna-tpe"
    for config, outcome, objective in zip(trace.configs, trace.outcomes, trace.objectives, strict=True):
        again = problem.evaluate(config, 77, 0)
        assert again.outcome == outcome
        assert again.objective == (None if np.isnan(objective) else objective)
    assert trace.metrics().trials == 12
    assert trace.configs == run_peer_study(problem, "optuna-tpe", 12, 77).configs


def test_what_a_worker_sends_is_enough() -> None:
    problem = Problem.load("crashy_branin")
    job = Job(PEER, 3, 2)
    direct = [run_peer_study(problem, "optuna-random", 5, hashed_seed(study)) for study in (3, 4)]
    again = replayed(problem, job, [(list(trace.configs), trace.exhausted) for trace in direct])
    for one, other in zip(direct, again, strict=True):
        assert one.seed == other.seed
        assert one.metrics() == other.metrics()
    assert direct[0].configs != direct[1].configs


def test_ours_and_peers_share_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "results"
    outcome = run(["crashy_branin"], ["random", "optuna-random"], [5], 4, out, processes=2, command=["test"])
    assert [cell.method for cell in outcome.cells] == ["random", "optuna-random"]
    assert outcome.unfinished == ()
    columns = outcome.store.studies(PEER)
    assert columns["seed"].tolist() == [hashed_seed(study) for study in range(4)]
    direct = run_peer_study(Problem.load("crashy_branin"), "optuna-random", 5, hashed_seed(2)).metrics()
    assert columns["wasted"][2] == direct.wasted
    np.testing.assert_equal(columns["best"][2], direct.best)
    ours = run_study(Problem.load("crashy_branin"), "random", 5, hashed_seed(2)).metrics()
    assert outcome.store.studies(Cell("crashy_branin", "random", 5))["wasted"][2] == ours.wasted
    (source,) = outcome.store.provenance(PEER)
    assert source["peer"].startswith("optuna 5")
    assert source["settings"] == "RandomSampler"
    assert source["command"] == ["test"]
    # Again: nothing is run. More seeds: only the new ones, and the same as in one go.
    before = stored(out)
    run(["crashy_branin"], ["random", "optuna-random"], [5], 4, out, processes=1)
    assert stored(out) == before
    run(["crashy_branin"], ["optuna-random"], [5], 7, out, processes=1)
    assert Store(out).ranges(PEER) == [(0, 4), (4, 7)]
    whole = run(["crashy_branin"], ["optuna-random"], [5], 7, tmp_path / "whole", processes=1).store
    for name, values in whole.studies(PEER).items():
        np.testing.assert_array_equal(values, Store(out).studies(PEER)[name])
    assert (out / "cells/crashy_branin/optuna-random/5/curves.csv").read_bytes() == (
        tmp_path / "whole/cells/crashy_branin/optuna-random/5/curves.csv"
    ).read_bytes()


def test_the_time_limit_leaves_what_is_finished(tmp_path: Path) -> None:
    outcome = run(
        ["crashy_branin"], ["optuna-random"], [5], 3, tmp_path / "results", processes=1, time_limit_s=0.0
    )
    assert outcome.unfinished == (PEER,)
    assert Store(tmp_path / "results").cells() == []


def test_fewer_seeds_for_some_peers(tmp_path: Path) -> None:
    outcome = run(
        ["crashy_branin"], ["optuna-random", "optuna-nsga2"], [4], 3, tmp_path / "results",
        peer_seeds={"optuna-nsga2": 2}, processes=2, progress=(notes := []).append,
    )  # fmt: skip
    counts = {cell.method: len(outcome.store.studies(cell)["study"]) for cell in outcome.cells}
    assert counts == {"optuna-random": 3, "optuna-nsga2": 2}
    assert [note.studies_done for note in notes][-1] == 5
    assert notes[-1].seconds_left == 0.0


def recording(file: Path, slower: float = 1.0) -> Recording:
    """Eight configurations on file, of which one crashed and those with n above 2 are above the limit."""
    space = lehr.Space([lehr.Categorical("kind", ["a", "b"]), lehr.Int("n", 1, 4)])
    header = {
        "format": "lehr.replay", "version": 1, "name": "small", "objective": "speed", "direction": "maximize",
        "constraints": {"latency": 20.0}, "recorded": {"machine": "made up"}, "space": json.loads(space.to_json()),
    }  # fmt: skip
    lines: list[dict[str, Any]] = [header]
    for config in space.enumerate():
        if config == {"kind": "b", "n": 4}:
            lines.append({"config": config, "outcome": "crashed", "metrics": {}, "seconds": 1.0})
        else:
            metrics = {"speed": config["n"] / slower, "latency": 10.0 * config["n"]}
            lines.append({"config": config, "outcome": "ok", "metrics": metrics, "seconds": 2.0})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Recording(str(file))


def test_recorded_results_are_searched_too(tmp_path: Path) -> None:
    small = recording(tmp_path / "log.jsonl")
    problem = small.load()
    outcome = run(
        [problem], ["random", "optuna-random"], [6], 3, tmp_path / "results", processes=1,
        recordings={problem.name: small},
    )  # fmt: skip
    for cell in outcome.cells:
        columns = outcome.store.studies(cell)
        assert set(columns["trials"].tolist()) == {6}
        assert np.nanmax(columns["best"]) == 2.0  # n = 3 is above the limit
    # Another recording of the same name is not taken for this one.
    other = recording(tmp_path / "other.jsonl", slower=3.0)
    with pytest.raises(OptionError, match="holds results of another"):
        run([other.load()], ["optuna-random"], [6], 5, tmp_path / "results", processes=1)


def test_mistakes_are_named_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="at least one problem"):
        run([], ["random"], [5], 1, tmp_path / "a")
    with pytest.raises(OptionError, match="optuna_tpe"):
        run(["crashy_branin"], ["optuna_tpe"], [5], 1, tmp_path / "a")
    import sys

    monkeypatch.setitem(sys.modules, "hyperopt", None)
    monkeypatch.delitem(sys.modules, "lehr.bench.peers.with_hyperopt", raising=False)
    with pytest.raises(MissingPackageError, match=r"lehr\[peers\]"):
        run(["crashy_branin"], ["random", "hyperopt"], [5], 1, tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_failure_in_a_worker_is_told_and_no_process_stays() -> None:
    before = os.environ.get("OMP_NUM_THREADS")
    with pytest.raises(LehrError, match="no_such_problem"):
        list(run_jobs([Job(Cell("no_such_problem", "optuna-random", 3), 0, 1)], 1))
    assert os.environ.get("OMP_NUM_THREADS") == before
    import multiprocessing

    assert multiprocessing.active_children() == []


def test_a_caller_that_goes_away_leaves_no_process() -> None:
    jobs = [Job(PEER, first, 1) for first in range(6)]
    results = run_jobs(jobs, 2)
    assert len(next(results).studies) == 1
    results.close()
    import multiprocessing

    assert multiprocessing.active_children() == []
