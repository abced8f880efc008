"""Environment faults: a value that fails the same way every time, because this machine cannot run it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lehr._printable import printable
from lehr.space import Space
from lehr.trial import Trial
from lehr.variables import Categorical

#: Fewer failures than this are no pattern.
LEAST_FAILURES = 3


@dataclass(frozen=True)
class EnvironmentFault:
    """Every trial with one value failed with one error, which no other trial has met.

    Attributes:
        variable: the categorical variable, or None when every trial of the study failed alike and no value
            stands out.
        value: its value, None likewise.
        signature: the error's signature, as the supervisor gives it.
        error: first line of the error.
        failures: how many trials failed so.
        also: other (variable, value) pairs that exactly the same trials share, so that they could be the
            cause as well.
    """

    variable: str | None
    value: Any
    signature: str
    error: str
    failures: int
    also: tuple[tuple[str, Any], ...] = ()

    @property
    def message(self) -> str:
        """The fault in one sentence, and what to do."""
        return printable(self._sentence())

    def _sentence(self) -> str:
        count = f"({self.failures} of {self.failures} trials)"
        if self.variable is None:
            return f"Every trial fails alike on this machine: {self.error} {count}. Fix it before going on."
        name = self.value if isinstance(self.value, str) else f"{self.variable}={self.value!r}"
        shared = ", ".join(f"{variable}={_shown(value)}" for variable, value in self.also)
        doubt = f" The same trials share {shared}." if shared else ""
        return (
            f"{name} is broken on this machine: {self.error} {count}. "
            f"Fix it, or drop it with --without {self.variable}={_shown(self.value)}.{doubt}"
        )

    def same_as(self, other: EnvironmentFault) -> bool:
        """Whether both blame the same value for the same error, whatever the counts."""
        mine, theirs = (
            (self.variable, self.value, self.signature),
            (other.variable, other.value, other.signature),
        )
        return mine == theirs and type(self.value) is type(other.value)


def environment_faults(trials: Iterable[Trial], space: Space) -> list[EnvironmentFault]:
    """Find the faults that a study's trials show.

    A value of a categorical variable is at fault when at least three trials had it, all of them failed with
    the same error signature, and every other trial with that signature had another value of the same variable
    that always fails so (two backends may miss the same library). One success with the value clears it. Where
    an error was met with every value tried, of every variable that was tried with more than one, the whole
    machine is at fault.

    Among several variables that fit, the one that needs the fewest values is blamed, and among equals the one
    declared first; values that the same trials share are named in ``also``.
    """
    trials = list(trials)
    by_signature: dict[str, list[Trial]] = {}
    for trial in trials:
        signature = trial.evidence.get("signature")
        # A trial that stopped itself early ran: it was too slow for a limit, which is no fault of the machine.
        broken = trial.outcome not in ("ok", "early_stopped")
        if broken and isinstance(signature, str) and signature:
            by_signature.setdefault(signature, []).append(trial)
    faults: list[EnvironmentFault] = []
    for signature, failed in by_signature.items():
        if len(failed) >= LEAST_FAILURES:
            faults.extend(_faults_of(signature, failed, trials, space))
    return faults


def _faults_of(
    signature: str, failed: Sequence[Trial], trials: Sequence[Trial], space: Space
) -> list[EnvironmentFault]:
    failed_numbers = {trial.number for trial in failed}
    suspects: dict[str, list[tuple[Any, frozenset[int]]]] = {}
    for variable in space.variables:
        if not isinstance(variable, Categorical) or len(variable.choices) < 2:
            continue
        values = [
            (value, numbers)
            for value in variable.choices
            if (numbers := _numbers_with(trials, variable.name, value)) and numbers <= failed_numbers
        ]
        # The variable must explain every occurrence of the error, and say more than 'always'.
        explained = frozenset[int]().union(*(numbers for _, numbers in values))
        if explained == failed_numbers and (len(values) == 1 or len(failed) < len(trials)):
            suspects[variable.name] = values
    error = _error_of(failed[0])
    if not suspects:
        if len(failed) == len(trials):
            return [EnvironmentFault(None, None, signature, error, len(failed))]
        return []
    # The fewest values that explain everything; among equals the variable declared first, as min keeps order.
    culprit = min(suspects, key=lambda name: len(suspects[name]))
    faults: list[EnvironmentFault] = []
    for value, numbers in suspects[culprit]:
        if len(numbers) >= LEAST_FAILURES:
            also = tuple(
                (name, other)
                for name, values in suspects.items()
                for other, same in values
                if name != culprit and same == numbers
            )
            faults.append(EnvironmentFault(culprit, value, signature, error, len(numbers), also))
    return faults


def _numbers_with(trials: Sequence[Trial], name: str, value: object) -> frozenset[int]:
    return frozenset(
        trial.number
        for trial in trials
        if name in trial.config and trial.config[name] == value and type(trial.config[name]) is type(value)
    )


def _error_of(trial: Trial) -> str:
    exception = trial.evidence.get("exception")
    if isinstance(exception, dict):
        lines = str(exception.get("message") or "").strip().splitlines()
        kind = str(exception.get("type") or "error")
        return f"{kind}: {lines[0]}" if lines else kind
    lines = str(trial.evidence.get("reason") or trial.outcome or "failed").strip().splitlines()
    return lines[0] if lines else str(trial.outcome)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)
