"""What DeployBench asks of another optimiser: propose a configuration, learn how it went."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from lehr.bench.problems import Evaluation
from lehr.errors import ExhaustedError
from lehr.space import Space

_ILLEGAL_PROPOSALS = 200


class Searchable(Protocol):
    """What a search sees of a problem."""

    @property
    def space(self) -> Space: ...
    @property
    def direction(self) -> Literal["maximize", "minimize"]: ...
    @property
    def constraints(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """A result as peers need it.

    Attributes:
        ran: whether the trial ran to its end.
        cost: the objective, to be minimised; None unless it ran.
        excesses: by metric, how far it lies above its limit as a share of the limit's size, (g - c)/|c|, or g - c for
            a limit of 0; None where it was not measured.
        raw: the same as g - c, in the metric's own unit.
        outcome: how it ended.
    """

    ran: bool
    cost: float | None
    excesses: Mapping[str, float | None]
    raw: Mapping[str, float | None]
    outcome: str
    seconds: float

    @property
    def feasible(self) -> bool:
        """Whether it ran and met every limit."""
        return self.ran and self.violation <= 0

    @property
    def violation(self) -> float:
        """Sum of the excesses above the limits (METHOD's Eq. 3 on shares); what was not measured counts as 0."""
        return sum(max(0.0, excess) for excess in self.excesses.values() if excess is not None)


def told_of(problem: Searchable, evaluation: Evaluation) -> Told:
    """An evaluation of a problem as peers need it."""
    ran = evaluation.outcome == "ok"
    raw = {
        metric: evaluation.metrics[metric] - limit if metric in evaluation.metrics else None
        for metric, limit in problem.constraints.items()
    }
    excesses = {
        metric: None if excess is None else excess / (abs(problem.constraints[metric]) or 1.0)
        for metric, excess in raw.items()
    }
    cost = None
    if ran and evaluation.objective is not None:
        cost = -evaluation.objective if problem.direction == "maximize" else evaluation.objective
    return Told(ran, cost, excesses, raw, evaluation.outcome, evaluation.seconds)


class Peer(ABC):
    """One search of another library on one problem.

    Args:
        problem: what to search.
        seed: 0 to 2**64 - 1.
        budget: number of trials that will be asked for; libraries that plan ahead are told.
    """

    def __init__(self, problem: Searchable, seed: int, budget: int) -> None:
        self.problem = problem
        self.seed = seed
        self.budget = budget
        self._refused = 0

    # -- what a benchmark calls --------------------------------------------------------------------------------------

    def ask(self) -> tuple[Any, dict[str, Any]]:
        """A token and a legal configuration.

        Libraries without forbidden combinations may propose one. It is told as a crash and costs no trial: every
        peer may know what the space knows. After many such proposals in a row a random legal one is drawn.

        Raises:
            ExhaustedError: the library has nothing left to propose.
        """
        for _ in range(_ILLEGAL_PROPOSALS):
            token, config = self.propose()
            if config in self.problem.space:
                return token, config
            self._refused += 1
            self.learn(token, self._forbidden())
        return self.adopt(self.problem.space.sample(seed=seed_of(self.seed, self._refused)))

    def tell(self, token: Any, evaluation: Evaluation) -> None:
        """How the configuration of a token did."""
        self.learn(token, told_of(self.problem, evaluation))

    def close(self) -> None:
        """Give back what the search holds."""
        return

    # -- what a library implements -----------------------------------------------------------------------------------

    @abstractmethod
    def propose(self) -> tuple[Any, dict[str, Any]]:
        """The library's next proposal."""

    @abstractmethod
    def learn(self, token: Any, told: Told) -> None:
        """Tell the library a result."""

    def adopt(self, config: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Make a configuration from elsewhere the library's next proposal."""
        raise ExhaustedError(f"{type(self).__name__} proposed {self._refused} forbidden configurations")

    def _forbidden(self) -> Told:
        nothing: dict[str, float | None] = dict.fromkeys(self.problem.constraints)
        return Told(False, None, nothing, nothing, "crashed", 0.0)


def seed_of(seed: int, purpose: int = 0) -> int:
    """A seed of 31 bits, all that some libraries take, from one of 64."""
    text = f"{seed} {purpose}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "little") >> 1
