"""What follows from the lines of `selection.py`: what is left to measure, which choices were right, the tables. No
measuring here.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scipy.stats import binomtest

from lehr.deploy.paired import Point, difference, gain, levels, points

Load = Literal["quiet", "busy"]
Rule = Literal["before", "now"]
Line = Mapping[str, Any]
LOADS: tuple[Load, ...] = ("quiet", "busy")
RULES: tuple[Rule, ...] = ("before", "now")

#: A choice is right within this share of the best of those tried, and worse than the default from this share on, which
#: is what `lehr tune` holds for noticeable.
WITHIN, WORSE = 0.03, 0.01
#: By what share a trial may have measured worse than the best of its search and still be measured again. Beside a
#: neighbour a figure may be half of what it should be.
MARGIN: dict[Load, float] = {"quiet": 0.25, "busy": 0.5}
#: Quiet measurements of those that decide: what shipped, the default, and the best so far of each search. Repeats, at
#: most, of what was disturbed or failed.
ROUNDS, LEADERS, REPEATS = 4, 4, 2
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Search:
    """One run of the tuning."""

    model: str
    load: Load
    rule: Rule
    seed: int
    trials: int

    @classmethod
    def of(cls, line: Line) -> Search:
        """The search that a line is of."""
        return cls(line["model"], line["load"], line["rule"], line["seed"], line["trials"])


def blocks(
    models: Sequence[str], loads: Sequence[Load], seeds: int, trials: int, rules: Sequence[Rule] = RULES
) -> list[list[Search]]:
    """All searches, those of one seed and model together; who goes first changes from block to block. Wherever a run is
    cut, every model, load and rule was tried about as often as any other.
    """
    found = []
    for seed in range(1, seeds + 1):
        for place in range(len(models)):
            model = models[(place + seed - 1) % len(models)]
            turn = seed + place
            order = [(load, rule) for load in turned(loads, turn // 2) for rule in turned(rules, turn)]
            found.append([Search(model, load, rule, seed, trials) for load, rule in order])
    return found


def turned(items: Sequence[Any], by: int) -> list[Any]:
    """The items, beginning with another one."""
    by %= max(1, len(items))
    return [*items[by:], *items[:by]]


def key_of(config: Mapping[str, Any]) -> str:
    """A configuration as a text."""
    return json.dumps(config, sort_keys=True)


# -- the truth --------------------------------------------------------------------------------------------------------


class Truth:
    """What the long measurement knows of one model's configurations under one load."""

    def __init__(self, lines: Iterable[Line], load: Load) -> None:
        lines = list(lines)
        figures: dict[str, dict[int, tuple[float, float | None, bool]]] = {}
        self._attempts: dict[str, int] = {}
        for line in lines:
            key = key_of(line["config"])
            self._attempts[key] = self._attempts.get(key, 0) + 1
            if line["throughput_items_s"] is not None:
                # Beside a neighbour nothing is quiet, and nothing is to be.
                quiet = load == "busy" or not line["disturbed"]
                figures.setdefault(key, {})[line["round"]] = (line["throughput_items_s"], line["sem"], quiet)
        self.round = 1 + max((line["round"] for line in lines), default=-1)
        self.disturbed = sum(bool(line["disturbed"]) for line in lines)
        self.points: dict[str, dict[int, Point]] = points(figures, maximize=True)
        self.level = levels(self.points)

    def wants(self, key: str, rounds: int) -> bool:
        """Whether a configuration has fewer quiet measurements than that, and may be measured again."""
        quiet = sum(point.quiet for point in self.points.get(key, {}).values())
        return quiet < rounds and self._attempts.get(key, 0) < rounds + REPEATS

    def best(self, keys: Iterable[str]) -> list[str]:
        """Those that were measured, best first."""
        return sorted((key for key in keys if key in self.level), key=lambda key: -self.level[key])


def contenders(run: Line) -> set[str]:
    """The configurations of a search that its truth depends on: the default, what shipped, and whatever met the limits
    and did not measure clearly worse than the best.
    """
    met = {key_of(config): value for config, value in run["met"]}
    least = (1 - MARGIN[run["load"]]) * max(met.values(), default=0.0)
    always = {key_of(config) for config in (run["default"], run["shipped"]) if config is not None}
    return always | {key for key, value in met.items() if value >= least}


def deciding(run: Line, truth: Truth) -> set[str]:
    """Of the contenders, those that have to be known well: what shipped, the default and the best so far."""
    always = {key_of(config) for config in (run["default"], run["shipped"]) if config is not None}
    return always | set(truth.best(tried(run, truth))[:LEADERS])


def tried(run: Line, truth: Truth) -> set[str]:
    """Everything that met the limits in a search and has a truth, be it from another search."""
    return {key for config, _ in run["met"] if (key := key_of(config)) in truth.level}


def missing(runs: Iterable[Line], truth: Truth) -> set[str]:
    """What to measure in the next round: first everything once, then those that decide, and the default beside them,
    which joins the rounds. Empty when all is known.
    """
    runs = list(runs)
    found = {key for run in runs for key in contenders(run) if truth.wants(key, 1)}
    if not found:
        found = {key for run in runs for key in deciding(run, truth) if truth.wants(key, ROUNDS)}
    return found | {key_of(run["default"]) for run in runs} if found else set()


@dataclass(frozen=True, slots=True)
class Choice:
    """What a search shipped, by the truth.

    Attributes:
        share: of the best of those tried, 1 for the best itself; 0 where nothing shipped or it does not run.
        over_default: by what share it is better than the default configuration; None where that does not run.
        unsure: whether the interval of the loss holds the 3 % on which the answer depends.
    """

    share: float
    over_default: float | None
    unsure: bool

    @property
    def right(self) -> bool:
        return self.share >= 1 - WITHIN

    @property
    def worse(self) -> bool:
        return self.over_default is not None and self.over_default < -WORSE


def judge(run: Line, truth: Truth) -> Choice | None:
    """What came of a search; None while its truth is not complete."""
    if missing([run], truth):
        return None
    shipped = None if run["shipped"] is None else key_of(run["shipped"])
    default = key_of(run["default"])
    ranked = truth.best(tried(run, truth))
    if not ranked or shipped not in truth.level:
        return Choice(0.0, None, False)
    best = ranked[0]
    share = math.exp(truth.level[shipped] - truth.level[best])
    known = default in truth.level
    over = math.expm1(truth.level[shipped] - truth.level[default]) if known else None
    if shipped == best:
        return Choice(share, over, False)
    others = [difference(truth.points[best], truth.points[key]) for key in ranked[1:] if key != shipped]
    ahead = gain(difference(truth.points[best], truth.points[shipped]), others, (1 - CONFIDENCE) / 2)
    return Choice(share, over, ahead.low <= 1 / (1 - WITHIN) - 1 <= ahead.high)


# -- the tables -------------------------------------------------------------------------------------------------------


def pairs(runs: Iterable[Line], trials: int) -> list[tuple[Line, Line]]:
    """Searches by the rule of before and of now with the same model, load and seed; what has no partner is left out."""
    found: dict[tuple[str, str, int], dict[str, Line]] = {}
    for run in runs:
        if run["trials"] == trials:
            found.setdefault((run["model"], run["load"], run["seed"]), {})[run["rule"]] = run
    return [(both["before"], both["now"]) for both in found.values() if len(both) == len(RULES)]


def wilson(count: int, of: int) -> str:
    """A share with Wilson's interval at 95 %: ``11 of 12 (65 % to 99 %)``."""
    if not of:
        return "none"
    interval = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    return f"{count} of {of} ({100 * interval.low:.0f} % to {100 * interval.high:.0f} %)"


HEAD = [
    "load", "truth", "rule", "within 3 % of the best tried", "of these unsure", "worse than the default",
    "share of the best: median, least", "trials disturbed", "seconds, median",
]  # fmt: skip


def tables(runs: Sequence[Line], truths: Sequence[Line], trials: int) -> str:
    """The summary as Markdown: all models by load and rule, each model, and what it costs."""
    parts = [_joined([HEAD, *_rows(runs, truths, trials)])]
    parts.append(_joined([["model", "load", "truth", *RULES], *_model_rows(runs, truths, trials)]))
    parts += _costs(runs, trials)
    waiting = len(pairs(runs, trials)) - len(judged_pairs(runs, truths, trials, "quiet"))
    if waiting:
        parts.append(f"The truth of {waiting} pairs is not complete; they are left out of the tables.")
    commits = {str(line["commit"]) for line in runs if line["trials"] == trials}
    if len(commits) > 1:
        parts.append(f"Searches of {len(commits)} versions are mixed: {', '.join(sorted(commits))}.")
    disturbed = [bool(line["disturbed"]) for line in truths if line["load"] == "quiet"]
    parts.append(f"Truth, quiet: {len(disturbed)} measurements, {sum(disturbed)} of them disturbed.")
    return "\n\n".join(parts)


def judged_pairs(
    runs: Sequence[Line], truths: Sequence[Line], trials: int, load: Load
) -> list[tuple[tuple[Line, Choice], tuple[Line, Choice]]]:
    """Pairs whose truth under this load is complete."""
    known: dict[str, Truth] = {}
    found = []
    for pair in pairs(runs, trials):
        model = pair[0]["model"]
        if model not in known:
            of_model = (line for line in truths if line["model"] == model and line["load"] == load)
            known[model] = Truth(of_model, load)
        before, now = (judge(run, known[model]) for run in pair)
        if before is not None and now is not None:
            found.append(((pair[0], before), (pair[1], now)))
    return found


def _under(truths: Iterable[Line]) -> list[tuple[Load, Load]]:
    """Loads of searches, each with the loads under which their truth was measured."""
    measured: Collection[Load] = {line["load"] for line in truths}
    return [("quiet", "quiet"), ("busy", "quiet"), *([("busy", "busy")] if "busy" in measured else [])]  # type: ignore[list-item]


def _rows(runs: Sequence[Line], truths: Sequence[Line], trials: int) -> list[list[str]]:
    rows = []
    for load, under in _under(truths):
        found = [pair for pair in judged_pairs(runs, truths, trials, under) if pair[0][0]["load"] == load]
        for place, rule in enumerate(RULES):
            mine = [pair[place] for pair in found]
            if not mine:
                continue
            choices = [choice for _, choice in mine]
            shares = [choice.share for choice in choices]
            rows.append(
                [
                    load, under, rule,
                    wilson(sum(choice.right for choice in choices), len(choices)),
                    str(sum(choice.unsure for choice in choices)),
                    wilson(sum(choice.worse for choice in choices), len(choices)),
                    f"{100 * statistics.median(shares):.1f} %, {100 * min(shares):.1f} %",
                    f"{sum(run['disturbed'] for run, _ in mine)} of {sum(run['ran'] for run, _ in mine)}",
                    f"{statistics.median(run['seconds'] for run, _ in mine):.1f}",
                ]
            )  # fmt: skip
    return rows


def _model_rows(runs: Sequence[Line], truths: Sequence[Line], trials: int) -> list[list[str]]:
    rows = []
    for model in dict.fromkeys(run["model"] for run in runs):
        for load, under in _under(truths):
            found = [
                pair
                for pair in judged_pairs(runs, truths, trials, under)
                if pair[0][0]["load"] == load and pair[0][0]["model"] == model
            ]
            counts = [
                f"{sum(pair[place][1].right for pair in found)} of {len(found)}"
                for place in range(len(RULES))
            ]
            if found:
                rows.append([model, load, under, *counts])
    return rows


def _costs(runs: Sequence[Line], trials: int) -> list[str]:
    """Seconds of now by those of before, median over the pairs: of the whole call, and without opening the model."""
    said = []
    for load in LOADS:
        found = [pair for pair in pairs(runs, trials) if pair[0]["load"] == load]
        if not found:
            continue
        whole = statistics.median(now["seconds"] / before["seconds"] for before, now in found)
        inner = statistics.median(
            (now["search_s"] + now["final_s"]) / before["search_s"] for before, now in found
        )
        final = statistics.median(now["final_s"] for _, now in found)
        said.append(
            f"Seconds of now by those of before, {load}: {whole:.2f} (median of {len(found)} pairs); of search and "
            f"final alone {inner:.2f}. A final takes {final:.1f} s (median)."
        )
    return said


def _joined(rows: Sequence[Sequence[str]]) -> str:
    head, *rest = rows
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rest)])
