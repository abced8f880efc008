"""``lehr verify``: the options, the library call, a table, the exit code."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lehr import quantities
from lehr.cli.exits import Exit, InputError
from lehr.cli.limits import LimitOptions
from lehr.cli.output import complain, emit, guarded_stdout, say
from lehr.cli.signals import orderly_termination
from lehr.deploy.intervals import shown as with_interval
from lehr.errors import OptionError
from lehr.metrics import bound, figure, metric, number
from lehr.report import figures
from lehr.report.columns import aligned

if TYPE_CHECKING:
    from lehr.deploy.verify import Verified

_SAID = {"met": "met", "missed": "MISSED", "borderline": "open", "unmeasured": "not measured"}


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The options as typed."""

    deployed: Path
    model: Path | None
    data: str | None
    metric: str | None
    repeats: int
    limits: LimitOptions
    tolerance: str | None
    trial_timeout: str | None
    memory_limit: str | None
    json: bool


def verify(options: VerifyOptions) -> Exit:
    """Measure and judge. Raises LehrError when it cannot be done."""
    with orderly_termination() as ending:
        try:
            with guarded_stdout(active=options.json):
                report = _verify(options)
        except KeyboardInterrupt:
            complain("interrupted")
            return ending.exit_code
    if options.json:
        emit({**report.as_json(), "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
    else:
        say(*_words(report))
    return Exit.DONE if report.passed else Exit.NOTHING_FEASIBLE


def _verify(options: VerifyOptions) -> Verified:
    from lehr.deploy import best as best_file
    from lehr.deploy import ship
    from lehr.deploy.verify import TOLERANCE
    from lehr.deploy.verify import verify as measured_again

    if not 1 <= options.repeats <= 1000:
        raise InputError(f"--repeats: {options.repeats} is outside 1 to 1000")
    limits = options.limits.limits()
    timeout = options.trial_timeout
    memory = options.memory_limit
    if not options.json:
        best = best_file.read(ship.locate(options.deployed))
        say(f"Measuring {figures.compact(best.config)} {options.repeats} times.")
    return measured_again(
        options.deployed,
        repeats=options.repeats,
        limits=limits,
        model=options.model,
        data=options.data,
        metric=options.metric,
        tolerance=TOLERANCE if options.tolerance is None else _share(options.tolerance),
        trial_timeout_s=None if timeout is None else quantities.duration_s(timeout, "--trial-timeout"),
        memory_limit_mb=None if memory is None else quantities.memory_mb(memory, "--memory-limit"),
    )


def _share(text: str) -> float:
    try:
        return quantities.share(text, "--tolerance")
    except OptionError as error:
        raise InputError(str(error)) from error


def _shown_names(report: Verified) -> list[str]:
    limited = [one.metric for one in report.limits]
    names = [report.best.objective.metric, *limited, "accuracy", "latency_p95_ms", "memory_peak_mb"]
    return list(dict.fromkeys(names))


def _words(report: Verified) -> list[str]:
    judged = {one.metric: one for one in report.limits}
    ran = [one.metrics for one in report.repeats if one.outcome == "ok"]
    grid = [["", "then", "now", "range", "limit", ""]]
    for name in _shown_names(report):
        one, now = judged.get(name), report.metrics.get(name)
        values = [metrics[name] for metrics in ran if name in metrics]
        spread = f"{number(name, min(values))}..{number(name, max(values))}" if len(values) > 1 else ""
        asked = f"{one.side} {bound(name, one.bound)}" if one else ""
        said = "" if one is None or not ran else _SAID[one.answer]
        shipped = report.best.figures.metrics.get(name)
        current = figure(name, now)
        if name == "accuracy":
            current = with_interval(current, _interval(report), report.metrics.get("accuracy_samples"))
        grid.append([metric(name).title, figure(name, shipped), current, spread, asked, said])
    lines = aligned(grid)
    if report.notes:
        lines.append(f"Note: measured elsewhere before: {'; '.join(report.notes)}.")
    disturbed = sum(one.disturbed for one in report.repeats)
    if disturbed:
        lines.append(f"Note: {disturbed} of {len(report.repeats)} measurements ran beside other work.")
    return [*lines, _last(report, _count(report.repeats))]


def _interval(report: Verified) -> Sequence[float] | None:
    """Of the accuracy, over the choice of items: the same in every repeat."""
    found = next((one.facts.get("accuracy_interval") for one in report.repeats if one.outcome == "ok"), None)
    return found if isinstance(found, list) and len(found) == 2 else None


def _count(repeats: Sequence[object]) -> str:
    return f"{len(repeats)} measurement{'s' if len(repeats) != 1 else ''}"


def _last(report: Verified, count: str) -> str:
    if report.failures:
        first = report.failures[0]
        why = str(first.evidence.get("reason") or first.outcome)
        return f"FAILED: {len(report.failures)} of {count} did not run to the end ({first.outcome}): {why}"
    if report.status == "missed":
        misses = "; ".join(
            f"{metric(one.metric).title} {figure(one.metric, one.value)} is not {one.side} "
            f"{bound(one.metric, one.bound)}"
            for one in report.limits
            if one.answer in ("missed", "unmeasured")
        )
        return f"FAILED: {misses} (median of {count})."
    if report.status == "worse":
        return f"FAILED: limits met, but {report.objective.reason} (median of {count})."
    if report.status == "borderline":
        still = "; ".join(one.shown() for one in report.limits if one.answer == "borderline")
        return f"NOT SETTLED after {count}: {still}."
    limits = "every limit is met" if report.limits else "it runs; no limits"
    return f"Verified: {limits} (median of {count}). {_capital(report.objective.reason)}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
