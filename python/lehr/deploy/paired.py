"""Which of two candidates is better, by measurements taken side by side in rounds. Pure statistics, no measuring.

Machines drift, so two candidates are compared by their difference within each round, which a drift of both leaves as
it is. Differences are those of logarithms, hence shares. How much they vary from round to round (from process to
process) is what an interval is made of; how well each single measurement was known only bounds that from below.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lehr import _core

#: Rounds that the variation of other pairs counts for beside a pair's own: enough that two or three rounds that agree
#: by luck do not pass for certainty, and soon outweighed. Chosen by hand, not sensitive between 2 and 8.
PRIOR_ROUNDS = 4
#: Spread of a difference from round to round, on a quiet machine and beside a busy neighbour, which stands in for other
#: pairs where there are too few: two or three rounds alone would tell nothing, however far apart candidates are. Chosen
#: by hand: processes of one configuration differ by 0.5 to 2 % on quiet machines. A single round cannot show how much
#: it may be trusted, so the larger one stands in for it.
QUIET_SPREAD, DISTURBED_SPREAD = 0.03, 0.15


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement as it is compared.

    Attributes:
        score: logarithm of the objective, larger is better.
        sem: its standard error within its process; 0 where unknown.
        quiet: whether no other process disturbed it.
    """

    score: float
    sem: float = 0.0
    quiet: bool = True


@dataclass(frozen=True, slots=True)
class Gain:
    """By what share one candidate is better than another: 0.05 is 5 %.

    ``low`` and ``high`` are the ends of the interval, infinite where no round can be compared.
    """

    mean: float
    low: float
    high: float
    rounds: int

    def as_json(self) -> dict[str, Any]:
        """The JSON-safe form: None stands for an end that is not known."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    def __str__(self) -> str:
        rounds = f"{self.rounds} round{'s' * (self.rounds != 1)}"
        if self.low == self.high:
            return f"{self.mean:+.1%} in {rounds}"
        return f"{self.mean:+.1%} ({self.low:+.1%} to {self.high:+.1%}, {rounds})"


@dataclass(frozen=True, slots=True)
class Difference:
    """How one minus the other came out, in logarithms: mean and variance of the rounds' differences, and what the
    variance is at least by what is known within each process."""

    mean: float
    variance: float
    floor: float
    rounds: int
    disturbed: bool = False

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the variance."""
        return max(0, self.rounds - 1)


def difference(a: Mapping[int, Point], b: Mapping[int, Point]) -> Difference:
    """Compare two candidates by the rounds in which both were measured: those in which neither was disturbed, or, where
    there are fewer than two of those, by all."""
    pairs = [(a[number], b[number]) for number in sorted(a.keys() & b.keys())]
    quiet = [pair for pair in pairs if pair[0].quiet and pair[1].quiet]
    pairs = quiet if len(quiet) >= 2 else pairs
    if not pairs:
        return Difference(0.0, 0.0, 0.0, 0)
    gaps = [one.score - other.score for one, other in pairs]
    return Difference(
        statistics.fmean(gaps),
        statistics.variance(gaps) if len(gaps) > 1 else 0.0,
        statistics.fmean(one.sem**2 + other.sem**2 for one, other in pairs),
        len(gaps),
        disturbed=len(pairs) > len(quiet),
    )


def levels(scores: Mapping[str, Mapping[int, Point]]) -> dict[str, float]:
    """The level of each candidate, by least squares for scores that are the sum of a candidate's level and a round's:
    candidates need not have been measured in the same rounds. Disturbed measurements count for candidates alone that
    have fewer than two quiet ones. Levels are told apart from each other only; those without a measurement are absent.
    """
    used = {}
    for name, rounds in scores.items():
        quiet = {number: point.score for number, point in rounds.items() if point.quiet}
        chosen = quiet if len(quiet) >= 2 else {number: point.score for number, point in rounds.items()}
        if chosen:
            used[name] = chosen
    numbers = sorted({number for rounds in used.values() for number in rounds})
    level = {name: statistics.fmean(rounds.values()) for name, rounds in used.items()}
    for _ in range(100):  # back and forth: converges by a constant factor a step
        before = level
        shift = {
            number: statistics.fmean(
                rounds[number] - level[name] for name, rounds in used.items() if number in rounds
            )
            for number in numbers
        }
        level = {
            name: statistics.fmean(score - shift[number] for number, score in rounds.items())
            for name, rounds in used.items()
        }
        if all(abs(level[name] - before[name]) < 1e-9 for name in level):
            break
    return level


def gain(found: Difference, others: Iterable[Difference], error: float, *, exact: bool = False) -> Gain:
    """The interval of a difference that is too low with probability ``error`` and too high with ``error``.

    Its variance is the pair's own, or, where that is larger, its mean with the one that ``others`` show, which counts
    for :data:`PRIOR_ROUNDS` rounds at most, filled up by :data:`QUIET_SPREAD` or :data:`DISTURBED_SPREAD` where they
    and the pair together have fewer (a moderated t: Smyth, Statistical Applications in Genetics and Molecular Biology
    3, 2004, with a prior set by hand); and no less than what each measurement says of itself. ``exact`` scores are the
    same in every process, as far as rounds show: nothing is added to what the pair itself varies.
    """
    if found.rounds < 1:
        return Gain(0.0, -math.inf, math.inf, 0)
    degrees, variance = found.degrees, max(found.variance, found.floor)
    if not exact:
        known = [one for one in others if one.degrees > 0]
        total = sum(one.degrees for one in known)
        shown = min(PRIOR_ROUNDS, total)
        pooled = sum(one.variance * one.degrees for one in known) / total if known else 0.0
        spread = QUIET_SPREAD if found.degrees and not found.disturbed else DISTURBED_SPREAD
        filled = max(0, PRIOR_ROUNDS - shown - found.degrees)
        prior = shown * pooled + filled * spread**2
        degrees = found.degrees + shown + filled
        variance = max(variance, (found.degrees * found.variance + prior) / degrees)
    if variance == 0.0:
        half = 0.0
    else:
        half = _core.probe_student_t(1 - 2 * error, max(1, degrees)) * math.sqrt(variance / found.rounds)
    return Gain(_share(found.mean), _share(found.mean - half), _share(found.mean + half), found.rounds)


def _share(logarithm: float) -> float:
    return math.expm1(logarithm) if logarithm < 700 else math.inf


def look_error(error: float, looks: int) -> float:
    """The error to allow at each of so many looks, so that the chance of one at any of them is ``error``: about
    Pocock's nominal levels (Biometrika 64, 1977, table 1), 0.029, 0.018, 0.012 for 2, 4, 8 looks at 0.05."""
    return error * math.pow(max(1, looks), -0.7)


def points(
    objectives: Mapping[str, Mapping[int, tuple[float, float | None, bool]]], *, maximize: bool
) -> dict[str, dict[int, Point]]:
    """Points from (objective, standard error or None, whether it was quiet) by candidate and round.

    Scores are logarithms where every objective is above 0. Where one is not, they are the objectives by their typical
    size, so that differences still are about shares.
    """
    values = [value for rounds in objectives.values() for value, _, _ in rounds.values()]
    sign = 1.0 if maximize else -1.0
    positive = all(value > 0 for value in values)
    sizes = sorted(abs(value) for value in values)
    scale = (sizes[len(sizes) // 2] if sizes else 1.0) or 1.0

    def point(value: float, sem: float | None, quiet: bool) -> Point:
        if positive:
            return Point(sign * math.log(value), (sem or 0.0) / value, quiet)
        return Point(sign * value / scale, (sem or 0.0) / scale, quiet)

    return {
        name: {number: point(*given) for number, given in rounds.items()}
        for name, rounds in objectives.items()
    }
