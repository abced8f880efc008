"""A line for each trial where somebody waits, and short words for a trial."""

from __future__ import annotations

from typing import Any

import pytest
from stand_in import InProcess

import lehr
from lehr.errors import OptionError

SPACE = lehr.Space([lehr.Categorical("mode", ["a\x1b[31m", "b"]), lehr.Int("x", 0, 9)])


class Executor:
    """Runs jobs in this process."""

    def run(self, evaluate: Any, job: Any) -> lehr.Ending:
        ending: lehr.Ending = InProcess().run(evaluate, job.config, context=job.context)
        return ending

    def close(self) -> None:
        pass


def law(config: dict[str, Any]) -> dict[str, Any]:
    if config["x"] == 3:
        raise RuntimeError("no kernel\nfor it")
    verdicts = {"latency_p95_ms": {"answer": "borderline"}} if config["x"] == 2 else {}
    return {"accuracy": config["x"] / 10, "latency_p95_ms": 10.0 * config["x"], "verdicts": verdicts}


def run(progress: bool | None, **options: Any) -> lehr.Study:
    initial = [{"mode": "a\x1b[31m", "x": 1}, *({"mode": "b", "x": x} for x in (2, 3, 9))]
    return lehr.run(
        law, SPACE, objective="accuracy", constraints=["latency_p95_ms <= 50"], budget=4, storage=None, confirm=0,
        executor=Executor(), initial=initial, progress=progress, **options,
    )  # fmt: skip


def test_a_line_for_each_trial(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Any] = []
    run(True, on_event=events.append)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "lehr: trial 0 (1 of 4): ok, accuracy 0.100, mode=a\\x1b[31m, x=1: best so far",
        "lehr: trial 1 (2 of 4): borderline, accuracy 0.200, mode=b, x=2: borderline: latency_p95_ms <= 50 "
        "is borderline",
        "lehr: trial 2 (3 of 4): crashed, mode=b, x=3: the function raised RuntimeError",
        "lehr: trial 3 (4 of 4): over limit, accuracy 0.900, mode=b, x=9: latency_p95_ms 90 is 40 (80%) above 50",
    ]
    assert len(events) > 4  # the caller's own are told as ever


def test_only_where_somebody_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(None)
    run(False)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    run(None)
    assert len(capsys.readouterr().err.splitlines()) == 4
    run(False)
    monkeypatch.setenv("TERM", "dumb")
    run(None)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setitem(__import__("sys").modules, "ipykernel", object())
    run(None)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_what_progress_cannot_be() -> None:
    with pytest.raises(OptionError, match="progress is 'yes'"):
        run("yes")  # type: ignore[arg-type]


def test_a_trial_is_told_in_two_lines_at_most() -> None:
    study = run(False)
    assert repr(study.best) == "<lehr.StudyTrial 0: ok, objective 0.1, feasible; mode='a\\x1b[31m', x=1>"
    wide = lehr.Space(
        [lehr.Categorical(f"variable_{number}", ["a rather long choice"]) for number in range(30)]
    )
    trial = lehr.Optimizer(wide).ask()
    assert len(str(trial)) <= 160
    assert str(trial).startswith("<lehr.Trial 0: pending; variable_0='a rather long choice', ")
