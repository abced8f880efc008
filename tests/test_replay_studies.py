"""Study files of `lehr.run` as problems."""

from __future__ import annotations

import json

import pytest

import lehr
from lehr.bench import Problem
from lehr.errors import LehrError


def study_file(path, direction):
    """A study of four trials of one variable, one of them failed."""

    def score(config):
        if config["n"] == 3:
            raise ValueError("no three")
        return {"score": float(config["n"]), "time": 10.0 * config["n"]}

    initial = [{"n": n} for n in (1, 2, 3, 4)]
    limits = {"direction": direction, "constraints": ["time <= 20"]}
    lehr.run(
        score,
        lehr.Space([lehr.Int("n", 1, 4)]),
        objective="score",
        budget=4,
        storage=path,
        initial=initial,
        **limits,
    )


def test_a_study_file_is_replayed_in_its_own_direction(tmp_path):
    path = tmp_path / "edge.journal"
    study_file(path, "minimize")
    for source in (path, path.with_suffix(".jsonl")):
        problem = Problem.replay(source)
        assert problem.direction == "minimize"
        assert problem.optimum() == ({"n": 1}, 1.0)
        assert not problem.feasible(problem.truth({"n": 4}))
        assert problem.truth({"n": 3}).outcome == "crashed"
    assert Problem.replay(path, direction="maximize").optimum() == ({"n": 2}, 2.0)
    assert Problem.replay(path, objective="time", direction="maximize").optimum() == ({"n": 2}, 20.0)
    assert Problem.replay(path, objective="time").direction == "maximize"  # the study says nothing of it
    path.unlink()
    assert Problem.replay(path.with_suffix(".jsonl")).direction == "maximize"  # a log alone does not tell


def test_study_files_that_cannot_be_replayed_say_why(tmp_path):
    path = tmp_path / "edge.journal"
    study_file(path, "minimize")
    with pytest.raises(LehrError, match="holds no study other; it holds study"):
        Problem.replay(path, study="other")
    with path.open("a") as file:
        file.write(
            json.dumps({"op_code": 0, "worker_id": "x", "study_name": "second", "directions": [1]}) + "\n"
        )
    with pytest.raises(LehrError, match="holds the studies study, second; say which one"):
        Problem.replay(path)
    with pytest.raises(LehrError, match=r"second"):
        Problem.replay(path, study="second")
    damaged = tmp_path / "damaged.journal"
    damaged.write_text(json.dumps({"op_code": 99}))
    with pytest.raises(LehrError, match="without a study"):
        Problem.replay(damaged)
