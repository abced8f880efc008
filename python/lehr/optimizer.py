"""Ask and tell: the search methods behind one class."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from lehr import _core, _saved
from lehr._checks import (
    configuration,
    configurations,
    flag,
    limits,
    overrides,
    seed_number,
    trial_number,
    whole,
)
from lehr._hearsay import results_of
from lehr._told import ResultReader, cost
from lehr.errors import LehrError, OptionError
from lehr.gpu import Device, gpu_for
from lehr.space import Space
from lehr.trial import Outcome, Trial

if TYPE_CHECKING:
    from lehr.study.study import Study

Method = Literal["random", "grid", "tba", "tpe", "tba-tpe", "guided"]
Acquisition = Literal["ratio", "c-tpe"]
METHODS: tuple[Method, ...] = ("random", "grid", "tba", "tpe", "tba-tpe", "guided")


class Optimizer:
    """Proposes configurations of a space and learns from their results.

    The next proposal depends on the space, the options, the seed, what was told so far and what is pending, and on
    nothing else: a search that is saved and loaded, or replayed from its record, continues exactly.

    Args:
        space: the space to search.
        direction: ``"maximize"`` or ``"minimize"``, of the objective.
        constraints: finite upper limits by metric name. A result is feasible when its outcome is ``ok`` and every
            metric is at most its limit.
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
        constraints: Mapping[str, float] | None = None,
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
        self.constraints = limits({} if constraints is None else constraints)
        self.budget = whole("budget", budget, 1, 2**53)
        self.method = method
        self.preset = preset
        self.seed = seed_number(seed)
        self._overrides = overrides(options)
        self._metric_names = tuple(self.constraints)
        self._results = ResultReader(self._metric_names)
        self._core = _core.Optimizer(
            space._core,
            str(method),
            str(preset),
            direction,
            list(self.constraints.items()),
            self.budget,
            self.seed,
            None if allow_repeats is None else flag("allow_repeats", allow_repeats),
            self._overrides,
            str(acquisition),
        )
        self.acquisition = acquisition
        self.allow_repeats: bool = self._core.allow_repeats
        self.device = device

    # -- ask and tell ----------------------------------------------------------------------------------------------

    def ask(self) -> Trial:
        """The next trial to evaluate. It stays pending until told; any number may be pending at once.

        Raises:
            ExhaustedError: every configuration of a finite space has been evaluated or is pending.
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
    ) -> None:
        """Report how a pending trial ended, in any order.

        Args:
            trial: the trial, or its number.
            objective: a finite number for outcome ``ok``, in the user's own sign, else ``None``.
            metrics: for outcome ``ok`` a finite number for every constrained metric, in the unit of its limit; for
                other outcomes whatever was measured of them. Others are refused.
            outcome: ``ok``, ``crashed``, ``timeout``, ``oom`` or ``early_stopped``.
            seconds: what the trial cost, at least 0, where known.

        Raises:
            ResultError: the result cannot be accepted; the search is unchanged.
        """
        if not isinstance(trial, Trial):
            number = trial_number(trial)
            self._core.tell(number, *self._results.read(objective, metrics, outcome), cost(seconds))
            return
        ended, value, values = self._results.read(objective, metrics, outcome)
        spent = cost(seconds)
        trial.feasible, trial.violation = self._core.tell(trial.number, ended, value, values, spent)
        trial.seconds = None if seconds is None else spent
        trial.outcome = outcome
        trial.objective = None if objective is None else value
        trial.metrics = self._results.measured(values)

    def add(
        self,
        config: Mapping[str, Any],
        objective: float | None = None,
        metrics: Mapping[str, float] | None = None,
        outcome: Outcome = "ok",
        *,
        seconds: float | None = None,
    ) -> Trial:
        """Record a result from elsewhere as a finished trial.

        Args:
            config: a legal configuration.
            objective, metrics, outcome, seconds: as in `tell`.

        Returns:
            The trial, numbered after those before.

        Raises:
            ConfigurationError: `config` is not legal in the space.
            ResultError: the result cannot be accepted, as in `tell`.
        """
        ended, value, values = self._results.read(objective, metrics, outcome)
        return self._trial(self._core.add(configuration(config), ended, value, values, cost(seconds)))

    def learn(self, previous: Optimizer | Study | Iterable[Any]) -> int:
        """Take the history of another search of the same space, on another device or model say, as a prior.

        Its best feasible configurations come first, two at the most; what it says of failures, of the metrics and of
        the objective fades as soon as this search's own results disagree. Before the first `ask`; saved with the
        search.

        Args:
            previous: an `Optimizer`, a study of `lehr.run`, or trials that have ``config``, ``outcome``, ``objective``
                and ``metrics``. Pending trials and configurations that are not legal here are left out, and so are
                metrics without a limit here.

        Returns:
            The number of results learned.

        Raises:
            ConfigurationError: `previous` has finished trials, and none of them is legal here.
            OptionError: the method cannot learn, this search has trials already, or `previous` optimises in the other
                direction.
            ResultError: a trial is not one.
        """
        results = results_of(previous, self.space, self._metric_names, self.direction)
        self._core.learn(results)
        return len(results)

    def enqueue(self, config: Mapping[str, Any]) -> None:
        """Ask for this configuration next, after others enqueued before; also one that is known already.

        Raises:
            ConfigurationError: `config` is not legal in the space.
        """
        self._core.enqueue(configuration(config))

    # -- what is known ---------------------------------------------------------------------------------------------

    @property
    def best(self) -> Trial | None:
        """The best feasible trial, the first found among equals; ``None`` while there is none."""
        number = self._core.best
        return None if number is None else self._trial(number)

    @property
    def trials(self) -> list[Trial]:
        """All trials in the order of asking, pending ones included."""
        return [self._trial(number) for number in range(len(self._core))]

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
        return self._core.explain()

    def split(self) -> tuple[list[int], list[int]]:
        """Trial numbers that TPE counts as better (below) and the rest (above), each ascending.

        Ranked are feasible results by objective, then infeasible ones by violation, then those that did not run, of
        which by default none counts as better. For c-TPE the split of the objective.

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
        return _saved.state_of(self, self._overrides)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Rebuild a search from `state`; it continues exactly as the saved one would.

        Raises:
            LehrError: `state` is not a saved search, is damaged, or is from a newer version.
        """
        _saved.check_format(state)
        try:
            optimizer = cls(Space.from_json(json.dumps(state["space"])), **_saved.arguments(state))
            _saved.teach(optimizer._core, state.get("learned", ()), len(optimizer.constraints))
            _saved.replay(optimizer._core, state["events"], len(optimizer.constraints))
            for config in state["queue"]:
                optimizer.enqueue(config)
        except (LookupError, TypeError, ValueError) as error:
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
            state = json.loads(text)
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

    # -- internals -------------------------------------------------------------------------------------------------

    def _trial(self, number: int) -> Trial:
        _, config, origin, outcome, objective, metrics, feasible, violation = self._core.record(number)
        if outcome is None:
            return Trial(number, config, origin)
        seconds = self._core.seconds(number)
        return Trial(
            number,
            config,
            origin,
            outcome,
            objective=None if math.isnan(objective) else objective,
            metrics=self._results.measured(metrics),
            feasible=feasible,
            violation=violation,
            seconds=None if math.isnan(seconds) else seconds,
        )
