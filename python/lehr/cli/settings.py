"""The options of ``lehr tune`` as typed and as understood."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from lehr.cli import units
from lehr.cli.exits import InputError
from lehr.cli.limits import OBJECTIVES, LimitOptions, Objective, parse_objective, unknown
from lehr.limits import Limit

if TYPE_CHECKING:
    from lehr.methods import Method

#: Limits of the zoo when none is given: on two ordinary cores they turn down about two thirds of the space, the default
#: configuration among it, and leave something feasible on machines several times slower.
ZOO_LIMITS = (
    Limit("latency_p95_ms", 15.0),
    Limit("memory_peak_mb", 96.0),
    Limit("throughput_items_s", 4000.0, side=">="),
)
_Word = TypeVar("_Word", bound=str)


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The options as typed."""

    model: Path | None
    data: Path | None
    shapes: tuple[str, ...]
    objective: str | None
    limits: LimitOptions
    budget: str
    method: str | None
    preset: str
    seed: int
    without: tuple[str, ...]
    trial_timeout: str
    memory_limit: str | None
    storage: str
    name: str | None
    fresh: bool
    on_failure: tuple[str, ...]
    early_end: bool
    out: Path
    explain: bool
    json: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """The options as understood."""

    objective: Objective
    limits: tuple[Limit, ...]
    budget: units.Budget
    method: Method
    preset: Literal["default", "paper"]
    trial_timeout_s: float
    memory_limit_mb: float
    policies: dict[str, str] | None

    @property
    def trials(self) -> int:
        """The number of trials that the search plans for; under a time budget, more than are likely to fit."""
        if self.budget.trials is not None:
            return self.budget.trials
        return max(25, round(4 * (self.budget.seconds or 0)))


def read(options: TuneOptions) -> Settings:
    """Understand the options, before anything slow is done. Raises InputError."""
    from lehr.methods import METHODS

    if not 0 <= options.seed < 2**64:
        raise InputError(f"--seed: {options.seed} is outside 0 to 2**64 - 1")
    if options.model is None:
        for option, given in (("--data", options.data), ("--shape", options.shapes)):
            if given:
                raise InputError(f"{option} belongs to a model: lehr tune model.onnx {option} ...")
    objective = OBJECTIVES["accuracy" if options.model is None else "throughput"]
    if options.objective is not None:
        objective = parse_objective(options.objective)
    limits = options.limits.limits()
    memory_limit_mb = memory_limit(options.memory_limit, limits)
    if options.model is None and not limits:
        limits = ZOO_LIMITS
    from lehr.study.definition import default_method

    preset: Literal["default", "paper"] = _one_of("--preset", options.preset, ("default", "paper"))
    return Settings(
        objective=objective,
        limits=limits,
        budget=units.budget(options.budget),
        method=default_method(preset)
        if options.method is None
        else _one_of("--method", options.method, METHODS),
        preset=preset,
        trial_timeout_s=units.duration_s(options.trial_timeout, "--trial-timeout"),
        memory_limit_mb=memory_limit_mb,
        policies=policies(options.on_failure),
    )


def policies(texts: tuple[str, ...]) -> dict[str, str] | None:
    """What to do about failures, from CLASS=ACTION. Raises InputError; None when nothing was said."""
    from lehr.errors import OptionError
    from lehr.study.policies import read_policies

    if not texts:
        return None
    chosen: dict[str, str] = {}
    for text in texts:
        kind, equals, action = text.partition("=")
        if not equals:
            raise InputError(f"--on-failure: cannot read {text!r}; write CLASS=ACTION, as in crashed=stop")
        chosen[kind.strip()] = action.strip()
    try:
        read_policies(chosen)
    except OptionError as error:
        raise InputError(f"--on-failure: {error}") from error
    return chosen


def _one_of(option: str, text: str, known: tuple[_Word, ...]) -> _Word:
    for word in known:
        if word == text.strip().lower():
            return word
    raise unknown(option, text, known)


def memory_limit(text: str | None, limits: tuple[Limit, ...]) -> float:
    """The memory, in MB, at which a trial is killed. Raises InputError when it would kill what the limits allow."""
    from lehr.deploy.machine import memory_mb

    if text is None:
        return round(0.8 * memory_mb())
    value = units.memory_mb(text, "--memory-limit")
    for limit in limits:
        if limit.metric == "memory_peak_mb" and limit.bound > value:
            raise InputError(
                f"--memory-limit {text} is below --max-memory {limit.bound:g}MB: "
                "it would kill trials that the limit allows"
            )
    return value
