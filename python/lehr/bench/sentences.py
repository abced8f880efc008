"""Findings in words, made from figures by rules: nobody writes them by hand, so they cannot flatter."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lehr.bench.pairwise import FEWEST_PAIRS, METRICS, SIGNIFICANT, Duel
from lehr.bench.paper import Reproduction
from lehr.bench.statistics import Interval

_MOST_NAMED = 5

_METRIC_NAMES = {
    "best": "best feasible objective",
    "wasted": "wasted share",
    "discovered": "share of seeds that found the best family",
}


def number(value: float) -> str:
    """Three digits, or more where a number is larger; a dash for what is unknown."""
    if math.isnan(value):
        return "-"
    if value != 0 and abs(value) < 0.001:
        return f"{value:.1e}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}"


def objective(value: float) -> str:
    """An objective: accuracies want three places, not three digits."""
    return f"{value:.3f}" if abs(value) < 1 else number(value)


def percent(value: float) -> str:
    """A share as a percentage."""
    return "-" if math.isnan(value) else f"{100 * value:.0f} %"


def with_interval(interval: Interval, *, shares: bool = False, show: Callable[[float], str] = number) -> str:
    """An estimate with its interval in brackets."""
    if math.isnan(interval.value):
        return "-"
    if shares:
        ends = "" if math.isnan(interval.low) else f" [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"
        return f"{100 * interval.value:.0f} %{ends}"
    ends = "" if math.isnan(interval.low) else f" [{show(interval.low)}, {show(interval.high)}]"
    return f"{show(interval.value)}{ends}"


def p_value(p: float) -> str:
    """A p value as papers print it."""
    if math.isnan(p):
        return "p unknown"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def against(duels: Sequence[Duel]) -> str:
    """What one method is worth against another, over the problems of these duels.

    Args:
        duels: of the same two methods by the same metric, at least one.
    """
    one = duels[0]
    wins, loses, even = (
        [duel for duel in duels if duel.verdict == verdict]
        for verdict in ("wins", "loses", "no difference shown")
    )
    budgets = sorted({duel.budget for duel in duels})
    trials = " or ".join(map(str, budgets))
    head = f"By {METRICS[one.metric]} after {trials} trials, **{one.first}**"
    places = "problem" if len(duels) == 1 else "problems"
    several = len(budgets) > 1
    parts = []
    if loses:
        parts.append(
            f"**loses** to {one.second} on {len(loses)} of {len(duels)} {places} ({_listed(loses, several)})"
        )
    if wins:
        to = "" if loses else f" against {one.second}"
        of = "" if loses else f" of {len(duels)} {places}"
        parts.append(f"**wins**{to} on {len(wins)}{of} ({_listed(wins, several)})")
    most = max(duel.comparison.count for duel in duels)
    if not parts and most < FEWEST_PAIRS:
        return f"{head} against {one.second}: {most} pairs of studies are too few to show a difference."
    if not parts:
        where = one.problem if len(duels) == 1 else f"any of {len(duels)} problems"
        return f"{head} and {one.second}: no difference is shown on {where}."
    text = f"{head} {' and '.join(parts)}"
    if even:
        names = f" ({', '.join(_place(duel, several) for duel in even)})" if len(even) <= _MOST_NAMED else ""
        text += f"; on {len(even)} no difference is shown{names}"
    return text + "."


def ablated(label: str, duels: Sequence[Duel]) -> str:
    """What leaving out one part does, over the problems of these duels (the first method is the full one).

    Args:
        label: what was left out.
        duels: of the full method against the one without, by the same metric, at least one.
    """
    one = duels[0]
    worse, better = ([duel for duel in duels if duel.verdict == verdict] for verdict in ("wins", "loses"))
    even = len(duels) - len(worse) - len(better)
    parts = []
    if worse:
        parts.append(f"worse on {len(worse)} ({'; '.join(map(_without, worse))})")
    if better:
        parts.append(f"**better** on {len(better)} ({'; '.join(map(_without, better))})")
    if even:
        parts.append(f"no different, as far as can be shown, on {even}")
    return f"{label}: by {METRICS[one.metric]}, {_joined(parts)} of {len(duels)} problems."


def reproduced(table: str, found: Sequence[Reproduction]) -> str:
    """How much of a table of the paper is reproduced."""
    run = [one for one in found if not math.isnan(one.ours.value)]
    name = f"Table{'s' if ',' in table else ''} {table}"
    if not run:
        return f"{name}: not run."
    inside = sum(one.inside for one in run)
    fair = sum(one.reproduced for one in run)
    text = (
        f"{name}: {fair} of the paper's {len(run)} figures lie where means of as few of our seeds do "
        f"(95 %), {inside} inside the 95 % interval of our mean."
    )
    off = [one for one in run if not one.reproduced]
    if off:
        text += f" Not reproduced are {len(off)}: " + "; ".join(map(_missed, off)) + "."
    return text


def _missed(one: Reproduction) -> str:
    figure = one.published
    show = objective if figure.metric == "best" else percent
    return (
        f"{_METRIC_NAMES[figure.metric]} of {figure.label} on {figure.cell.problem} at {figure.cell.budget} trials "
        f"(paper {show(figure.value)}, ours {with_interval(one.ours, shares=figure.metric != 'best', show=objective)})"
    )


def _listed(duels: Sequence[Duel], several_budgets: bool = False) -> str:
    return "; ".join(_shown(duel, several_budgets) for duel in duels)


def _place(duel: Duel, several_budgets: bool = False) -> str:
    return f"{duel.problem} at {duel.budget}" if several_budgets else duel.problem


def _shown(duel: Duel, several_budgets: bool) -> str:
    comparison = duel.comparison
    show = percent if duel.metric == "wasted" else number
    means = "" if math.isnan(duel.means[0]) else f"{show(duel.means[0])} against {show(duel.means[1])}, "
    return (
        f"{_place(duel, several_budgets)}: {means}better in {comparison.wins}, worse in {comparison.losses} of "
        f"{comparison.count} pairs, {p_value(duel.p_holm)}"
    )


def _without(duel: Duel) -> str:
    """A duel of the full method against one that lacks a part, told from the side of the latter."""
    comparison = duel.comparison
    show = percent if duel.metric == "wasted" else number
    means = (
        "" if math.isnan(duel.means[0]) else f"{show(duel.means[1])} without, {show(duel.means[0])} with it, "
    )
    return (
        f"{duel.problem}: {means}better without in {comparison.losses}, worse in {comparison.wins} of "
        f"{comparison.count} pairs, {p_value(duel.p_holm)}"
    )


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


NOTE = (
    f"Verdicts are those of Wilcoxon's signed-rank test over paired seeds at the {100 * SIGNIFICANT:.0f} % level, p "
    "corrected by Holm for all comparisons by the same metric in the same list. 'No difference shown' is not 'equal'."
)
"""What every list of verdicts should say of itself."""
