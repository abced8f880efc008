from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from rich.console import Console

from lehr.cli import document
from lehr.deploy.objective import parse_objective
from lehr.deploy.plan import Plan
from lehr.limits import Limit
from lehr.quantities import Budget
from lehr.report import live, rows
from lehr.report.plain import PlainLines
from lehr.study import StudyTrial, TrialFinished
from lehr.study.trial import judged

PLAN = Plan(
    "Tuning something.",
    parse_objective("accuracy"),
    (Limit("latency_p95_ms", 20.0), Limit("throughput_items_s", 4000.0, side=">=")),
    Budget(trials=40),
)


@dataclass
class Told:
    """As much of a study as a display looks at."""

    trials: list[StudyTrial] = field(default_factory=list)
    best: StudyTrial | None = None

    def __len__(self) -> int:
        return len(self.trials)


def trial(number: int, outcome: Any = "ok", *, feasible: bool = True, **evidence: Any) -> StudyTrial:
    metrics = {
        "latency_p95_ms": 1234.5 + number,
        "memory_peak_mb": 12345.0,
        "throughput_items_s": 123456.7,
        "accuracy": 0.9,
    }
    return StudyTrial(
        number=number,
        config={"model": "a-model-with-a-rather-long-name", "quantization": "int8_dynamic", "batch_size": 64,
                "num_threads": 16, "graph_optimization": "extended", "execution_mode": "sequential"},
        outcome=outcome,
        objective=0.9 if outcome == "ok" else None,
        metrics=metrics if outcome == "ok" else {},
        feasible=feasible and outcome == "ok",
        evidence=evidence,
        seconds=123.4,
    )  # fmt: skip


def drawn(trials: list[StudyTrial], best: StudyTrial | None, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    console.print(live.table(trials, best, PLAN, width))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text.splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_table_fits_and_marks_the_best_row_without_colour(width: int) -> None:
    trials = [
        trial(0),
        trial(1, "crashed"),
        trial(2, feasible=False),
        trial(3, "early_stopped"),
        trial(1000, "oom"),
    ]
    lines = drawn(trials, trials[0], width)
    assert len(lines) == len(trials) + 1
    assert max(map(len, lines)) <= width
    assert [line.lstrip().startswith("*") for line in lines[1:]] == [True, False, False, False, False]
    assert [next(word for word in rows.SHOWN.values() if f" {word} " in line) for line in lines[1:]] == [
        "ok", "crashed", "over limit", "too slow", "oom",
    ]  # fmt: skip
    assert "1,234" in lines[1]
    assert "12,345" in lines[1]
    assert "123,457" in lines[1]
    assert "a-model-with" in lines[1]


def test_the_best_row_stays_in_sight() -> None:
    trials = [trial(number) for number in range(10)]
    assert [one.number for one in live.visible(trials, trials[9], 4)] == [6, 7, 8, 9]
    assert [one.number for one in live.visible(trials, trials[2], 4)] == [2, 7, 8, 9]
    assert [one.number for one in live.visible(trials, None, 4)] == [6, 7, 8, 9]
    assert [one.number for one in live.visible(trials, trials[2], 20)] == list(range(10))
    assert live.visible([], None, 4) == []


def test_failures_are_grouped_by_what_went_wrong() -> None:
    gemm = {
        "signature": "gemm",
        "exception": {
            "type": "NotImplemented",
            "message": "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : no Gemm\nmore",
        },
    }
    trials = [trial(0), trial(1, "oom", signature="m", reason="It used 9 GB."), trial(2, "crashed", **gemm)]
    trials.append(trial(3, "crashed", **gemm))
    assert rows.failures(trials) == ["crashed (#2, #3): NOT_IMPLEMENTED : no Gemm", "oom (#1): It used 9 GB."]


def test_a_plain_line_says_what_ran_what_came_of_it_and_why() -> None:
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.begin(PLAN)
    told = Told()
    for one in (trial(0), trial(1, "crashed", signature="x", reason="The evaluation died of SIGSEGV.")):
        told.trials.append(one)
        told.best = told.trials[0]
        lines.event(TrialFinished(one, told))  # type: ignore[arg-type]
    first, second = stream.getvalue().splitlines()[-2:]
    assert first.startswith(" 1/40  #0    ok ")
    assert "b64 t16 opt=extended seq" in first
    assert "p95 latency 1,234 ms" in first
    assert first.endswith("(best so far)")
    assert second.startswith(" 2/40  #1    crashed ")
    assert second.endswith("2:03 min  (The evaluation died of SIGSEGV.)")


def opened(number: int, latency: float, answer: str, **facts: Any) -> StudyTrial:
    """A trial whose latency a verdict is about: ``borderline``, ``infeasible`` or ``feasible``."""
    verdict = {"answer": answer, "reason": f"it is {answer}", "probability": 0.6}
    return judged(
        number=number, config={"batch_size": number + 1}, origin="random", outcome="ok", objective=0.9,
        metrics={"latency_p95_ms": latency, "throughput_items_s": 5000.0, "accuracy": 0.9}, evidence={}, seconds=1.0,
        facts={"verdicts": {"latency_p95_ms": verdict}, **facts}, limits=PLAN.limits,
    )  # fmt: skip


def test_what_measuring_could_not_settle_is_open_and_not_over_the_limit() -> None:
    """A slow model under its limit, too few calls to be sure: nobody calls that over the limit."""
    slow, over = opened(0, 13.2, "borderline"), opened(1, 20.001, "infeasible")
    assert (slow.feasible, slow.is_open) == (False, True)
    assert (over.feasible, over.is_open) == (False, False)
    assert rows.kind(slow) == "borderline"
    assert rows.kind(over) == "infeasible"
    assert rows.reason(slow) == "open: p95 latency 13.2 ms, borderline at 20 ms, met with probability 0.60"
    assert rows.reason(over) == "missed p95 latency <= 20 ms"
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.begin(PLAN)
    lines.event(TrialFinished(slow, Told([slow])))  # type: ignore[arg-type]
    assert "#0    borderline  b1 " in stream.getvalue()
    assert "over limit" not in stream.getvalue()
    assert any(" borderline " in line for line in drawn([slow, over], None, 100))
    record = document.trial_record(slow)
    assert record["borderline"] is True
    assert record["limits"][0]["answer"] == "borderline"
    assert document.trial_record(over)["borderline"] is False


def test_a_trial_that_missed_one_limit_and_left_another_open_is_over_its_limit() -> None:
    slow = opened(0, 13.2, "borderline")
    slow = judged(
        number=0, config={}, origin="random", outcome="ok", objective=0.9, evidence={}, seconds=1.0, facts=slow.facts,
        metrics={**slow.metrics, "throughput_items_s": 10.0}, limits=PLAN.limits,
    )  # fmt: skip
    assert rows.kind(slow) == "infeasible"
    assert rows.reason(slow) == (
        "missed throughput >= 4,000/s; open: p95 latency 13.2 ms, borderline at 20 ms, met with probability 0.60"
    )


def test_the_run_is_said_in_words_first() -> None:
    assert PLAN.lines[1] == (
        "Objective: highest accuracy. Limits: p95 latency <= 20 ms, throughput >= 4,000/s. Budget: 40 trials."
    )
