"""The final of a search: its best few and the default configuration, measured side by side until the winner is settled.

The best of many measurements is more often lucky than any one of them, and one process differs from the next. So the
finalists are measured again in fresh processes, in rounds, in a random order within each. After every round what is
clearly worse drops out (successive rejection), and what missed a limit. It ends when nothing that is left can be better
than the winner by a noticeable amount, or when the time for it is spent. The default configuration wins unless
something is better for certain, and noticeably.

No input or output here: ``measure`` does the measuring, and a race that was interrupted goes on from its history.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lehr import _core
from lehr.deploy.final import Estimate, Final, Measurement, Standing, State, estimate, tell
from lehr.deploy.paired import Difference, Gain, Point, difference, gain, levels, look_error, points
from lehr.errors import OptionError

IN_VAIN = 2
"""Repeats that were disturbed as well, one after the other, from which on nothing more of a round is repeated."""
_PURPOSE = 0x0F1A  # of the generator, apart from those of a search with the same seed


def race(
    candidates: Sequence[str],
    measure: Callable[[str], Measurement],
    *,
    default: str | None = None,
    direction: Literal["maximize", "minimize"] = "maximize",
    noticeable: float = 0.02,
    confidence: float = 0.95,
    default_confidence: float = 0.95,
    rounds: int = 8,
    seconds: float | None = None,
    repeats: int | None = None,
    seed: int = 0,
    exact: bool = False,
    history: Iterable[Mapping[str, Any]] = (),
    record: Callable[[dict[str, Any]], None] | None = None,
) -> Final:
    """Measure candidates in rounds until the best of them is settled.

    Candidates are names; ``measure(name)`` measures one in a fresh process. They are compared within rounds, by the
    logarithm of the objective (:mod:`lehr.deploy.paired`). After each round a candidate drops out that is worse than
    the best for certain, or missed a limit, or was twice ``borderline``, or did not run. What drops out because of one
    that misses a limit later comes back.

    Args:
        candidates: at least one name, each once.
        default: the candidate that is the default configuration. It wins where nothing is better by ``noticeable``, and
            where that anything is better is not certain.
        direction: of the objective.
        noticeable: the share by which something must be better to count: 0.02 is 2 %.
        confidence: with which the winner is to be settled, over all candidates and rounds together.
        default_confidence: with which something must be better than the default to win against it.
        rounds: at most.
        seconds: no measurement begins that would not be over within this time, by what its candidate took before;
            counted is what measurements say that they took. The first round is always run to its end. None for no
            bound.
        repeats: how many measurements that other processes disturbed are repeated, at the end of their round; None for
            twice as many as there are candidates. Of the two, a quiet one counts. What stays disturbed is compared only
            where two candidates have no two quiet rounds in common.
        seed: of the order within rounds.
        exact: whether the objective is the same in every process, as an accuracy on the same samples is.
        history: entries of an earlier run with the same arguments, as ``record`` was given them: they are taken for
            measured, and the race goes on as if it had not been interrupted.
        record: called with each new entry before the next measurement begins.

    Raises:
        OptionError: an argument is out of its range, or ``history`` is that of another race.
        BaseException: whatever ``measure`` raises, unchanged.
    """
    names = list(candidates)
    if not names or len(set(names)) != len(names):
        raise OptionError(f"a race needs at least one candidate, each once, not {names!r}")
    if default is not None and default not in names:
        raise OptionError(f"the default {default!r} is none of the candidates {', '.join(names)}")
    if direction not in ("maximize", "minimize"):
        raise OptionError(f"direction is 'maximize' or 'minimize', not {direction!r}")
    if not 0 <= noticeable < 1:
        raise OptionError(f"noticeable is a share from 0 and below 1, not {noticeable!r}")
    if not 0.5 < confidence < 1:
        raise OptionError(f"confidence must lie between 0.5 and 1, not {confidence!r}")
    if not 0.5 < default_confidence < 1:
        raise OptionError(f"default_confidence must lie between 0.5 and 1, not {default_confidence!r}")
    if rounds < 1:
        raise OptionError(f"rounds must be a whole number from 1, not {rounds!r}")
    running = _Race(
        names, default, direction == "maximize", noticeable, 1 - confidence, 1 - default_confidence, rounds,
        2 * len(names) if repeats is None else repeats, seconds, exact,
    )  # fmt: skip
    stored = iter(list(history))

    def take(name: str, number: int, repeat: bool) -> None:
        entry = next(stored, None)
        if entry is None:
            found = measure(name)
            running.add(name, number, repeat, found)
            if record is not None:
                record(running.history[-1])
            return
        running.add(name, number, repeat, _read(entry, name, number, repeat))

    for number in range(rounds):
        before = len(running.history)
        for name in running.order(number, seed):
            if number == 0 or running.affords(name):
                take(name, number, False)
        for name in running.to_repeat(number):
            if running.may_repeat(name):
                take(name, number, True)
        running.close(number)
        if running.over() or len(running.history) == before:
            break
    return running.final()


def _read(entry: Mapping[str, Any], name: str, number: int, repeat: bool) -> Measurement:
    try:
        same = (entry["candidate"], entry["round"], entry["repeat"]) == (name, number, repeat)
        found = Measurement.from_json(entry)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise OptionError(f"the history of the final cannot be read: {dict(entry)!r}") from None
    if not same:
        raise OptionError(
            f"the history is that of another race: {entry['candidate']!r} in round {entry['round']} stands where "
            f"{name!r} in round {number} was measured"
        )
    return found


@dataclass(slots=True)
class _Out:
    state: State
    reason: str
    by: str | None = None  # who is better


class _Race:
    """What is known so far, and what follows from it."""

    def __init__(
        self, names: list[str], default: str | None, maximize: bool, noticeable: float, error: float,
        default_error: float, rounds: int, repeats: int, seconds: float | None,
        exact: bool,
    ) -> None:  # fmt: skip
        self.names, self.default, self.maximize, self.noticeable = names, default, maximize, noticeable
        self.error, self.default_error = error, default_error
        self.rounds, self.repeats, self.seconds, self.exact = rounds, repeats, seconds, exact
        self.history: list[dict[str, Any]] = []
        self.taken: dict[str, dict[int, list[Measurement]]] = {name: {} for name in names}
        self.out: dict[str, _Out] = {}
        self.spent, self.vain, self.short_of_time = 0.0, 0, False

    # measuring

    def add(self, name: str, number: int, repeat: bool, found: Measurement) -> None:
        self.taken[name].setdefault(number, []).append(found)
        self.history.append({"round": number, "candidate": name, "repeat": repeat, **found.as_json()})
        self.spent += found.seconds
        if repeat:
            self.repeats -= 1
            self.vain = self.vain + 1 if found.disturbed else 0

    def order(self, number: int, seed: int) -> list[str]:
        """Who is measured in the round that begins, in an order that depends on seed, round and contenders alone."""
        self.vain = 0
        rng = _core.Rng(seed, number, _PURPOSE)
        left, order = self.contenders(number), []
        while left:
            order.append(left.pop(rng.below(len(left))))
        return order

    def contenders(self, number: int) -> list[str]:
        """Who is worth a measurement: after the first round, the winner so far and who may yet be better. Who is level
        with the winner waits, and comes back should the winner miss a limit.
        """
        winner = self.winner() if number else None
        if winner is None:
            return self.alive()
        open_ones = self.left_open(winner)
        return [name for name in self.alive() if name == winner or name in open_ones]

    def affords(self, name: str) -> bool:
        if self.seconds is None:
            return True
        took = [one.seconds for attempts in self.taken[name].values() for one in attempts]
        affordable = self.spent + (statistics.fmean(took) if took else 0.0) <= self.seconds
        self.short_of_time = self.short_of_time or not affordable
        return affordable

    def to_repeat(self, number: int) -> list[str]:
        return [name for name in self.names if any(one.disturbed for one in self.taken[name].get(number, ()))]

    def may_repeat(self, name: str) -> bool:
        return self.repeats > 0 and self.vain < IN_VAIN and self.affords(name)

    # judging

    def alive(self) -> list[str]:
        return [name for name in self.names if name not in self.out]

    def results(self, name: str) -> dict[int, Measurement]:
        """By round, the attempt that counts: one that ran before one that did not, a quiet one before a disturbed."""
        return {
            number: min(attempts, key=lambda one: (not one.ran, bool(one.disturbed)))
            for number, attempts in self.taken[name].items()
        }

    def points(self) -> dict[str, dict[int, Point]]:
        objectives: dict[str, dict[int, tuple[float, float | None, bool]]] = {}
        for name in self.names:
            objectives[name] = {
                number: (one.objective, one.sem, not one.disturbed)
                for number, one in self.results(name).items()
                if one.ran and one.objective is not None
            }
        return points(objectives, maximize=self.maximize)

    def close(self, number: int) -> None:
        """After a round: who is out, and who is back."""
        for name in self.names:
            found = self.limits_missed(name)
            if found is not None:
                self.out[name] = found
        gone = {name for name, out in self.out.items() if out.state in ("missed", "failed")}
        for name in [name for name, out in self.out.items() if out.by in gone]:
            del self.out[name]
        known, ranked = self.points(), self.ranked()
        best = ranked[0] if ranked else ""
        for name in ranked[1:]:
            lead = self.gain(known, best, name, self.look(name))
            enough = self.noticeable if name == self.default else 0.0
            if lead.low > 0 and lead.mean >= enough:
                self.out[name] = _Out("worse", f"{best} is better by {lead}", best)

    def limits_missed(self, name: str) -> _Out | None:
        unsure = 0
        for one in self.results(name).values():
            if one.disturbed and not (one.ran and one.answer == "met"):
                unsure += 1
                reason = one.reason or one.outcome
            elif not one.ran:
                return _Out("failed", one.reason or one.outcome)
            elif one.answer == "missed":
                return _Out("missed", one.reason or "a limit is missed")
            elif one.answer != "met":
                unsure += 1
                reason = one.reason or "whether the limits are met was left open"
        return _Out("missed", f"twice unsettled: {reason}") if unsure >= 2 else None

    def ranked(self) -> list[str]:
        """Those that are left and met their limits, best first."""
        level = levels(self.points())
        return sorted((name for name in self.alive() if self.met(name)), key=lambda name: -level[name])

    def met(self, name: str) -> bool:
        return any(one.ran and one.answer == "met" for one in self.results(name).values())

    def look(self, name: str) -> float:
        """The error allowed at one look at one of several candidates."""
        error = min(self.error, self.default_error) if name == self.default else self.error
        return look_error(error / max(1, len(self.names) - 1), self.rounds)

    def gain(self, known: Mapping[str, Mapping[int, Point]], better: str, worse: str, error: float) -> Gain:
        others: list[Difference] = [
            difference(known[better], known[name]) for name in self.names if name not in (better, worse)
        ]
        return gain(difference(known[better], known[worse]), others, error, exact=self.exact)

    def winner(self) -> str | None:
        """Who wins if it ends now."""
        ranked = self.ranked()
        if self.default not in ranked:
            return ranked[0] if ranked else None
        for name in ranked:
            over = self.over_default(name)
            if over is not None and over.low > 0 and over.mean >= self.noticeable:
                return name
        return self.default

    def over_default(self, name: str) -> Gain | None:
        """By how much a candidate is better than the default; None where that is not known or it misses a limit."""
        if self.default is None or name == self.default:
            return None
        known = self.points()
        if not known[self.default] or not self.met(self.default):
            return None
        return self.gain(known, name, self.default, self.default_error)

    def left_open(self, winner: str) -> list[str]:
        """Who may still be better than the winner by a noticeable amount."""
        known = self.points()
        return [
            name
            for name in self.alive()
            if name != winner and self.gain(known, name, winner, self.look(name)).high >= self.noticeable
        ]

    def over(self) -> bool:
        winner = self.winner()
        if winner is None:
            return not self.alive()
        return len(self.results(winner)) >= 2 and not self.left_open(winner)

    # telling

    def final(self) -> Final:
        winner = self.winner()
        known = self.points()
        open_ones = [] if winner is None else self.left_open(winner)
        standings = {}
        for name in self.names:
            out = self.out.get(name)
            state: State = out.state if out else "open"
            if name == winner:
                state = "winner"
            elif out is None and winner is not None and self.met(name):
                state = "open" if name in open_ones else "level"
            results = list(self.results(name).values())
            quiet = [one for one in results if one.ran and not one.disturbed]
            chosen = quiet or [one for one in results if one.ran]
            metrics = sorted({metric for one in chosen for metric in one.metrics})
            standings[name] = Standing(
                candidate=name,
                state=state,
                reason=out.reason if out else "",
                objective=estimate([one.objective for one in chosen if one.objective is not None]),
                metrics={
                    metric: _known(estimate([one.metrics[metric] for one in chosen if metric in one.metrics]))
                    for metric in metrics
                },
                rounds=len(results),
                disturbed=sum(bool(one.disturbed) for one in results),
                ahead=None
                if winner is None or name == winner
                else self.gain(known, winner, name, self.error / 2),
            )
        enough = winner is not None and len(self.results(winner)) >= 2
        return tell(
            standings, winner, self.default, settled=winner is not None and enough and not open_ones,
            noticeable=self.noticeable, over_default=None if winner is None else self.over_default(winner),
            history=self.history, seconds=self.spent, short_of_time=self.short_of_time,
        )  # fmt: skip


def _known(found: Estimate | None) -> Estimate:
    assert found is not None
    return found
