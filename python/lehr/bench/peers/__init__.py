"""Other optimisers behind one ask and tell, so that DeployBench can compare with them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from lehr.bench.peers.peer import Peer, Searchable
from lehr.errors import OptionError

__all__ = ["PEERS", "SLOW", "Peer", "PeerKind", "Searchable", "make_peer", "peer_version"]


@dataclass(frozen=True, slots=True)
class PeerKind:
    """A peer: how to make it, and what a reader of results should know about it.

    Attributes:
        maker: module and function, imported when needed.
        package: whose version goes into results.
        settings: in a few words, where they differ from the library's defaults.
        failures: how it is told of limits and crashes.
        slow: whether a proposal takes a tenth of a second and more.
    """

    maker: str
    package: str
    settings: str
    failures: str
    slow: bool = False


_RANKED = (
    "limits are constraints, as shares of the limit; a crash is a finished trial that violates most of all"
)

PEERS: Mapping[str, PeerKind] = {
    "optuna-random": PeerKind("with_optuna:random", "optuna", "RandomSampler", "it does not look at results"),
    "optuna-tpe": PeerKind("with_optuna:tpe", "optuna", "TPESampler with its defaults", _RANKED),
    "optuna-tpe-group": PeerKind(
        "with_optuna:tpe_grouped", "optuna", "TPESampler with multivariate=True, group=True", _RANKED
    ),
    "optuna-tpe-paper": PeerKind(
        "with_optuna:tpe_paper",
        "optuna",
        "TPESampler, 10 start-up trials, 24 candidates, multivariate and grouped",
        "violations are raw milliseconds and megabytes, a crash is one of 100, as in the paper",
    ),
    "optuna-gp": PeerKind(
        "with_optuna:gp",
        "optuna",
        "GPSampler with its defaults; conditional variables are drawn at random, it has no model for them",
        "limits are constraints, as shares of the limit, and crashing is one more; a limit that was not measured "
        "counts as just met",
        slow=True,
    ),
    "optuna-gp-penalty": PeerKind(
        "with_optuna:gp_penalised",
        "optuna",
        "GPSampler with its defaults; conditional variables are drawn at random, it has no model for them",
        "limits are constraints, as shares of the limit; a crash is a result as bad as the worst that was seen",
        slow=True,
    ),
    "optuna-nsga2": PeerKind(
        "with_optuna:nsga2", "optuna", "NSGAIISampler, a fifth of the budget (4 to 50) a generation", _RANKED
    ),
    "smac3": PeerKind(
        "with_smac:smac",
        "smac",
        "HyperparameterOptimizationFacade, retrained after every trial",
        "failures cost more than the worst feasible result, by violation; crashes are told as such and cost most",
        slow=True,
    ),
    "hyperopt": PeerKind(
        "with_hyperopt:hyperopt_tpe",
        "hyperopt",
        "tpe.suggest with its defaults, 20 random trials first",
        "violations rank below feasible results, crashes are failures, which rank last",
    ),
}

SLOW = tuple(name for name, kind in PEERS.items() if kind.slow)


def make_peer(name: str, problem: Searchable, seed: int, budget: int) -> Peer:
    """A new search of a peer on a problem.

    Args:
        name: one of `PEERS`.
        problem: what to search.
        seed: 0 to 2**64 - 1.
        budget: number of trials that will be asked for.

    Raises:
        OptionError: there is no such peer.
        MissingPackageError: its package is not installed.
    """
    if name not in PEERS:
        raise OptionError(f"unknown peer {name!r}; use one of {', '.join(PEERS)}")
    module, function = PEERS[name].maker.split(":")
    maker = getattr(importlib.import_module(f"lehr.bench.peers.{module}"), function)
    return cast(Callable[[Searchable, int, int], Peer], maker)(problem, seed, budget)


def peer_version(name: str) -> str:
    """Name and version of a peer's package, as ``optuna 5.0.0``; just the name when it is not installed."""
    from importlib import metadata

    package = PEERS[name].package
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return package
