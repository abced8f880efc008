"""Ask and tell: the search methods behind one class."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from lehr import _core, _saved
from lehr._checks import (
    configuration,
    configurations,
    flag,
    names_among,
    overrides,
    seed_number,
    trial_number,
    whole,
)
from lehr._numbers import finite_json
from lehr._printable import printable
from lehr._record import errors_of, trial_of
from lehr._told import NOT_TOLD, ResultReader, cost
from lehr._transfer import Searched, results_of
from lehr.errors import LehrError, OptionError
from lehr.gpu import Device, gpu_for
from lehr.limits import Constraints, Limit, parse_limits
from lehr.methods import Acquisition, Method
from lehr.space import Space
from lehr.trial import Outcome, Trial


class Optimizer:
    """Proposes configurations of a space and learns from their results.

    The next proposal depends on the space, the options, the seed, what was told so far and what is pending, and on
    nothing else: a search that is saved and loaded, or replayed from its record, continues exactly.

    Args:
        space: the space to search.
        direction: ``"maximize"`` or ``"minimize"``, of the objective.
        constraints: limits on metrics: texts (``"latency_p95_ms <= 20"``, ``"accuracy >= 0.9"``),
            :class:`lehr.limits.Limit` objects, or upper limits by metric. A metric may have an upper and a lower one.
            A result is feasible when its outcome is ``ok`` and every limit is met.
        budget: number of trials meant to be spent, at least 1. Asking for more is allowed.
        method: ``"random"``, ``"grid"``, ``"tba"`` (thermal budget annealing), ``"tpe"`` (constrained
            Tree-structured Parzen Estimator), ``"tba-tpe"`` (annealing first, then TPE on its history) or ``"guided"``
            (models of why trials fail, of the metrics and of the objective; docs/guided.md).
        preset: ``"default"``, or ``"paper"`` for the rules and constants of arXiv 2604.25073 as published.
        seed: any integer from 0 to 2**64 - 1.
        allow_repeats: whether a configuration may be proposed again after it was evaluated; by default only under the
            paper preset.
        acquisition: what TPE maximises. ``"ratio"``: one density of good results over one of the others, results
            ranked feasible first. ``"c-tpe"``: a product of such ratios, one for the objective, one for each
            constraint and one for running at all (Watanabe and Hutter, arXiv 2211.14411).
        options: settings by name, for ablations (``{"snap_back": 0, "blacklist": False}``); the property `options`
            shows all of them.
        device: where TPE scores its candidates (option ``candidates``, up to a million): ``"cpu"``, ``"cuda"``, or
            ``"auto"`` for the GPU where one can be used and the batch is large enough to pay. Rounding differs between
            devices, so that candidates of practically equal score may change places. Not saved with the search.

    Raises:
        OptionError: an argument is unknown or out of its range.
        DeviceError: `device` is ``"cuda"`` and no GPU can be used; also from `ask` and `score` when it fails later.
    """

    def __init__(
        self,
        space: Space,
        *,
        direction: Literal["maximize", "minimize"] = "maximize",
        constraints: Constraints = None,
        budget: int = 25,
        method: Method = "tba-tpe",
        preset: Literal["default", "paper"] = "default",
        seed: int = 0,
        allow_repeats: bool | None = None,
        acquisition: Acquisition = "ratio",
        options: Mapping[str, float] | None = None,
        device: Device = "cpu",
    ) -> None:
        if not isinstance(space, Space):
            raise OptionError(f"space is a {type(space).__name__}; give a lehr.Space")
        if direction not in ("maximize", "minimize"):
            raise OptionError(f"unknown direction {direction!r}; use 'maximize' or 'minimize'")
        self.space = space
        self.direction = direction
        self.limits: tuple[Limit, ...] = parse_limits(constraints)
        self.budget = whole("budget", budget, 1, 2**53)
        self.method = method
        self.preset = preset
        self.seed = seed_number(seed)
        self._overrides = overrides(options)
        self._results = ResultReader([limit.metric for limit in self.limits])
        self._core = _core.Optimizer(
            space._core,
            str(method),
            str(preset),
            direction,
            [(limit.metric, limit.bound, limit.side) for limit in self.limits],
            self.budget,
            self.seed,
            None if allow_repeats is None else flag("allow_repeats", allow_repeats),
            self._overrides,
            str(acquisition),
        )
        self.acquisition = acquisition
        self.allow_repeats: bool = self._core.allow_repeats
        self.device = device

    @property
    def constraints(self) -> dict[str, float]:
        """The upper limits by metric; `limits` holds all of them."""
        return {limit.metric: limit.bound for limit in self.limits if limit.upper}

    # -- ask and tell ----------------------------------------------------------------------------------------------

    def ask(self) -> Trial:
        """The next trial to evaluate. It stays pending until told; any number may be pending at once.

        Raises:
            ExhaustedError: every configuration of a finite space has been evaluated, is pending or is ruled out.
            DeviceError: the search scores on a GPU that failed.
        """
        return Trial(*self._core.ask())

    def tell(
        self,
        trial: Trial | int,
        objective: float | None = None,
        metrics: Mapping[str, float] | None = None,
        outcome: Outcome = "ok",
        *,
        seconds: float | None = None,
        objective_sem: float | None = None,
        metrics_sem: Mapping[str, float | None] | None = None,
    ) -> None:
        """Report how a pending trial ended, in any order.

        Args:
            trial: the trial, or its number.
            objective: a finite number for outcome ``ok``, in the user's own sign, else ``None``.
            metrics: for outcome ``ok`` a finite number for every limited metric, in the unit of its limit; for
                other outcomes whatever was measured of them. Others are refused.
            outcome: ``ok``, ``crashed``, ``timeout``, ``oom`` or ``early_stopped``.
            seconds: what the trial cost, at least 0, where known.
            objective_sem: standard error of the objective, in its unit, finite and at least 0, where known. Results
                are then compared by what they are worth (see `best`), and ``guided`` weighs each by its error.
            metrics_sem: standard errors of the metrics by name, likewise; ``None`` where one is not known.

        Raises:
            ResultError: the result cannot be accepted; the search is unchanged.
        """
        ended, value, values = self._results.read(objective, metrics, outcome)
        spent = NOT_TOLD if seconds is None else cost(seconds)
        sems = None
        if objective_sem is not None or metrics_sem is not None:
            sems = self._results.errors(objective_sem, metrics_sem, value, values)
        if not isinstance(trial, Trial):
            self._core.tell(trial_number(trial), ended, value, values, spent, sems)
            return
        number = trial.number
        trial.feasible, trial.violation = self._core.tell(number, ended, value, values, spent, sems)
        trial.seconds = None if seconds is None else spent
        trial.outcome = outcome
        trial.objective = None if objective is None else value
        trial.metrics = self._results.measured(values)
        if sems is not None:
            trial.objective_sem, trial.metrics_sem = errors_of(self._core, self._results, number)

    def add(
        self,
        config: Mapping[str, Any],
        objective: float | None = None,
        metrics: Mapping[str, float] | None = None,
        outcome: Outcome = "ok",
        *,
        seconds: float | None = None,
        objective_sem: float | None = None,
        metrics_sem: Mapping[str, float | None] | None = None,
    ) -> Trial:
        """Record a result from elsewhere as a finished trial.

        Args:
            config: a legal configuration.
            objective, metrics, outcome, seconds, objective_sem, metrics_sem: as in `tell`.

        Returns:
            The trial, numbered after those before.

        Raises:
            ConfigurationError: `config` is not legal in the space.
            ResultError: the result cannot be accepted, as in `tell`.
        """
        ended, value, values = self._results.read(objective, metrics, outcome)
        sems = None
        if objective_sem is not None or metrics_sem is not None:
            sems = self._results.errors(objective_sem, metrics_sem, value, values)
        number = self._core.add(configuration(config), ended, value, values, cost(seconds), sems)
        return trial_of(self._core, self._results, number)

    def learn(self, previous: Searched | Iterable[Any]) -> int:
        """Take the history of another search of the same space, on another device or model say, as a prior.

        Its best feasible configurations come first, two at the most; what it says of failures, of the metrics and of
        the objective fades as soon as this search's own results disagree. Before the first `ask`; saved with the
        search.

        Args:
            previous: an `Optimizer`, a study of `lehr.run`, or trials that have ``config``, ``outcome``, ``objective``
                and ``metrics``, and perhaps ``objective_sem`` and ``metrics_sem``. Pending trials and configurations
                that are not legal here are left out, and so are metrics without a limit here.

        Returns:
            The number of results learned.

        Raises:
            ConfigurationError: `previous` has finished trials, and none of them is legal here.
            OptionError: the method cannot learn, this search has trials already, or `previous` optimises in the other
                direction.
            ResultError: a trial is not one.
        """
        results = results_of(previous, self.space, self._results.columns, self.direction)
        self._core.learn(results)
        return len(results)

    def enqueue(self, config: Mapping[str, Any]) -> None:
        """Ask for this configuration next, after others enqueued before; also one that is known already.

        Raises:
            ConfigurationError: `config` is not legal in the space.
        """
        self._core.enqueue(configuration(config))

    def rule_out(self, trial: Trial | int, variables: Iterable[str]) -> None:
        """Propose nothing any more that agrees with a finished trial on these variables: it would end as that trial
        did, whatever else is chosen. Saved with the search; `enqueue` still asks for anything.

        Args:
            trial: the trial, or its number. It has been told.
            variables: names of variables of the space, at least one. Where one was inactive in the trial, only
                configurations in which it is inactive agree.

        Raises:
            ResultError: the trial is unknown, or not told yet.
            OptionError: no variable is named, or one that the space does not have.
        """
        number = trial.number if isinstance(trial, Trial) else trial_number(trial)
        self._core.rule_out(number, names_among("variables", variables, self.space.names))

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def best(self) -> Trial | None:
        """The best feasible trial, the first found among equals; ``None`` while there is none.

        Where standard errors were told, the best is not the luckiest: results of one configuration count as one,
        weighted by their errors; a configuration whose combined metrics miss a limit comes last; and each combined
        objective is shrunk towards the mean of all feasible ones, the more the less certain it is (empirical Bayes).
        An error that was not told counts as the median of the others. Of the best configuration, the feasible trial
        with the least error is returned, with its own figures.
        """
        number = self._core.best
        return None if number is None else trial_of(self._core, self._results, number)

    @property
    def trials(self) -> list[Trial]:
        """All trials in the order of asking, pending ones included."""
        return [trial_of(self._core, self._results, number) for number in range(len(self._core))]

    @property
    def finished(self) -> str | None:
        """Why nothing is left to gain, or ``None``; only ``guided`` can tell, at the cost of an ask.

        It changes nothing: the search goes on as if it had not been asked. ``None`` while trials are pending or
        enqueued, before anything is feasible, and where a finite space has nothing left to try, which `ask` says. A
        later trial may show that there was something to gain after all; :func:`lehr.run` with ``early_end`` waits until
        it was said after several trials in a row.
        """
        return self._core.finished

    @property
    def phase(self) -> str:
        """What leads the search now: ``random``, ``grid``, ``tba``, ``tpe`` or ``guided``."""
        return self._core.phase

    @property
    def stage(self) -> str:
        """Within the phase: ``initial``, ``feasibility`` or ``optimisation``; empty for random and grid search."""
        return self._core.stage

    @property
    def temperature(self) -> float | None:
        """Temperature of the annealing (Eq. 8 of arXiv 2604.25073), in units of its start; ``None`` when it does not
        lead.
        """
        return self._core.temperature

    @property
    def options(self) -> dict[str, float]:
        """Every setting of the search by name; flags are 0 or 1."""
        return self._core.options

    def explain(self) -> str:
        """What the search is doing now and why, in words."""
        return printable(self._core.explain(), lines=True)

    def split(self) -> tuple[list[int], list[int]]:
        """Trial numbers that TPE counts as better (below) and the rest (above), each ascending.

        Ranked are feasible results by objective, as told, then infeasible ones by violation, then those that did not
        run, of which by default none counts as better. For c-TPE the split of the objective.

        Raises:
            OptionError: the method has no densities.
        """
        return self._core.split()

    @property
    def device(self) -> Device:
        """Where TPE scores its candidates; may be set at any time."""
        return self._device

    @device.setter
    def device(self, device: Device) -> None:
        gpu = gpu_for(device, must_work=True)
        self._core.use(device, gpu)
        self._device = device

    def score(
        self, configs: Sequence[Mapping[str, Any]], device: Device | None = None
    ) -> npt.NDArray[np.float64]:
        """TPE's acquisition, log l(x) - log g(x), of each configuration; shape ``(len(configs),)``.

        For c-TPE it is the sum of log r(x), r = l / (gamma l + (1 - gamma) g), over the objective, the constraints
        and whether it ran.

        Args:
            configs: legal configurations.
            device: ``"cpu"``, ``"cuda"`` or ``"auto"``; by default that of the search. The results agree to about 1e-9
                of their size.

        Raises:
            ConfigurationError: a configuration is not legal in the space.
            OptionError: the method has no densities, or the device is unknown.
            DeviceError: `device` is ``"cuda"`` and the GPU cannot be used; the message says why.
        """
        where = self.device if device is None else device
        gpu = gpu_for(where)
        return np.asarray(self._core.score(configurations("configs", configs), where, gpu), dtype=np.float64)

    # -- saving ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """The whole search as JSON-safe data: its options and the record of its asks and tells; not the device."""
        return _saved.state_of(self._core, self.space, self._overrides)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild a search from `state`; it continues exactly as the saved one would.

        Raises:
            LehrError: `state` is not a saved search, is damaged, or is from a newer version.
        """
        _saved.check_format(state)
        try:
            optimizer = cls(Space.from_json(json.dumps(state["space"])), **_saved.arguments(state))
            _saved.teach(optimizer._core, state.get("learned", ()))
            _saved.replay(optimizer._core, state["events"])
            _saved.rule_out(optimizer._core, state.get("ruled_out", ()))
            for config in state["queue"]:
                optimizer.enqueue(config)
        except (LookupError, OverflowError, TypeError, ValueError) as error:
            why = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise LehrError(f"the saved search is damaged: {why}") from error
        return optimizer

    def to_json(self) -> str:
        """`state` as JSON text."""
        return json.dumps(self.state(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Rebuild a search from `to_json`'s text.

        Raises:
            LehrError: the text is not a saved search.
        """
        try:
            state = finite_json(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise LehrError(f"this is not a saved lehr search: {error}") from error
        return cls.from_state(state)

    def replay_ask(self, config: Mapping[str, Any], origin: str) -> Trial:
        """Register an ask that was recorded earlier (`Trial.config` and `Trial.origin`) without computing it again.

        Replaying asks and tells in their recorded order rebuilds the search.

        Raises:
            ConfigurationError: `config` is not legal in the space.
            OptionError: `origin` is unknown.
        """
        return Trial(*self._core.replay_ask(configuration(config), origin))

    def __repr__(self) -> str:
        return (
            f"<lehr.Optimizer {self.method}: {len(self._core)} of {self.budget} trials, phase {self.phase}>"
        )
