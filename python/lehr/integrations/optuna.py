"""lehr's search as an Optuna sampler."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping
from typing import Any, Literal
from weakref import WeakKeyDictionary
from zlib import crc32

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from lehr import _core
from lehr._checks import flag, overrides, seed_number, whole
from lehr.integrations._fold import Fold
from lehr.integrations._judgement import VIOLATION
from lehr.integrations._known import KnownParameters
from lehr.integrations._parameters import searchable
from lehr.integrations._rows import announce
from lehr.methods import Method

_FOLDS = 4  # relative search spaces of one study that are kept ready
_INDEPENDENT = 2**32  # purpose of random draws, above those of the native search


class LehrSampler(BaseSampler):
    """Feasible first, then better: thermal budget annealing and constrained TPE for Optuna studies of one objective.

    Failed trials (state FAIL) count as crashes and are learned from, as do trials that return the worst infinity and
    the crashes in a study of ``lehr.run``. Constraints are those of ``Trial.set_constraint``, at most 0 where
    satisfied. Pruned trials rank below complete ones and above infeasible ones. Running trials count with the
    values they were given, or are about to be given, so parallel workers keep out of each other's way. Parameters
    are discovered as trials look at them; one that no finished trial has looked at is drawn at random.

    What is proposed depends on the seed, the number of the trial and the trials in the storage, and on nothing else:
    a study that is resumed, in another process or by other workers, continues as if it had not been interrupted. With
    ``n_jobs > 1`` Optuna calls :meth:`reseed_rng`, and draws differ from run to run.

    Example::

        study = optuna.create_study(direction="maximize", sampler=LehrSampler(seed=0))
        study.optimize(objective, n_trials=50, catch=(RuntimeError,))

    Args:
        method: ``"tba-tpe"`` (annealing, then TPE on its history), ``"tba"``, ``"tpe"``, ``"random"``, ``"grid"`` or
            ``"guided"``, as :class:`lehr.Optimizer` takes them.
        seed: an integer from 0 to 2**64 - 1; random when left out.
        preset: ``"default"``, or ``"paper"`` for the rules and constants of arXiv 2604.25073 as published.
        options: settings by name, as :class:`lehr.Optimizer` takes them (``{"candidates": 48}``).
        budget: number of trials meant to be spent, at least 1; only the paper preset and grid search look at it.
        allow_repeats: whether values that were already evaluated may be proposed again; by default only under the
            paper preset. When everything in a finite space has been evaluated, repeats are proposed in any case.
        learn_from_failures: whether trials in state FAIL count as crashes. Without, they are ignored, as Optuna's own
            samplers do; sensible when failures have nothing to do with the parameters.

    Raises:
        OptionError: an argument is unknown or out of its range.
        ValueError: (when sampling) the study has several objectives.
    """

    def __init__(
        self,
        method: Method = "tba-tpe",
        *,
        seed: int | None = None,
        preset: Literal["default", "paper"] = "default",
        options: Mapping[str, float] | None = None,
        budget: int = 25,
        allow_repeats: bool | None = None,
        learn_from_failures: bool = True,
    ) -> None:
        self._method = str(method)
        self._preset = str(preset)
        self._options = overrides(options)
        self._budget = whole("budget", budget, 1, 2**53)
        self._allow_repeats = None if allow_repeats is None else flag("allow_repeats", allow_repeats)
        self._learn_from_failures = flag("learn_from_failures", learn_from_failures)
        self._seed = None if seed is None else seed_number(seed)
        self._drawing_seed = secrets.randbits(64) if self._seed is None else self._seed
        self._studies = _Studies()
        some = _core.Space([_core.Variable.listed("categorical", "x", [0, 1], None)], [])
        self._start(some, maximize=True, seed=0)  # raises what is wrong with the options

    def __repr__(self) -> str:
        return f"LehrSampler({self._method!r}, seed={self._seed!r}, preset={self._preset!r})"

    # -- Optuna's interface ------------------------------------------------------------------------------------------

    def reseed_rng(self) -> None:
        """Draw differently from now on; what was learned is not touched."""
        self._drawing_seed = secrets.randbits(64)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every parameter with more than one value that a finished trial looked at."""
        _refuse_several_objectives(study)
        with self._studies.lock:
            return self._studies.of(study).known.after(study.get_trials(deepcopy=False))

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values for all parameters of the search space together."""
        _refuse_several_objectives(study)
        with self._studies.lock:
            fold = self._fold(study, search_space)
            if fold is None:
                return {}
            codes = fold.propose(study.get_trials(deepcopy=False), trial.number, self._drawing_seed)
            # Before the lock goes to the next thread, which must know of this trial.
            for key, chunk in announce(codes).items():
                study._storage.set_trial_system_attr(trial._trial_id, key, chunk)
        return fold.decode(codes)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value, for a parameter that no finished trial has looked at."""
        _refuse_several_objectives(study)
        purpose = _INDEPENDENT + crc32(param_name.encode("utf-8", "surrogatepass"))
        seed = _core.Rng(self._drawing_seed, trial.number, purpose).below(2**32)
        return RandomSampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)

    # -- internals ---------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_studies": None}  # the storage has it all

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._studies = _Studies()

    def _fold(self, study: Study, search_space: Mapping[str, BaseDistribution]) -> Fold | None:
        """None when there is nothing to search."""
        folds = self._studies.of(study).folds
        for fold in folds:
            if fold.search_space == search_space:
                return fold
        if not any(searchable(distribution) for distribution in search_space.values()):
            return None
        maximize = study.direction == StudyDirection.MAXIMIZE
        # The rules of acceptance draw random numbers too. Processes without a seed agree on them by the study's name.
        name = hashlib.blake2b(study.study_name.encode("utf-8", "surrogatepass"), digest_size=8)
        seed = int.from_bytes(name.digest(), "little") if self._seed is None else self._seed
        fold = Fold(
            search_space,
            lambda space: self._start(space, maximize=maximize, seed=seed),
            maximize=maximize,
            learn_from_failures=self._learn_from_failures,
        )
        folds.insert(0, fold)
        del folds[_FOLDS:]
        return fold

    def _start(self, space: _core.Space, *, maximize: bool, seed: int) -> _core.Optimizer:
        return _core.Optimizer(
            space,
            self._method,
            self._preset,
            "maximize" if maximize else "minimize",
            [VIOLATION],
            self._budget,
            seed,
            self._allow_repeats,
            self._options,
        )


class _View:
    """What is known of one study."""

    def __init__(self) -> None:
        self.known = KnownParameters()
        self.folds: list[Fold] = []


class _Studies:
    """What is known of the studies that a sampler works on, by storage and study; shared by threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._views: WeakKeyDictionary[BaseStorage, dict[tuple[Any, ...], _View]] = WeakKeyDictionary()

    def of(self, study: Study) -> _View:
        # A bracket of the Hyperband pruner is a study of its own with the trials of the bracket.
        key = (study._study_id, study.study_name, getattr(study, "_bracket_id", None))
        return self._views.setdefault(study._storage, {}).setdefault(key, _View())


def _refuse_several_objectives(study: Study) -> None:
    if len(study.directions) > 1:
        raise ValueError(
            f"LehrSampler cannot be used on a study of {len(study.directions)} objectives; use a study of one, with "
            "limits on the others by Trial.set_constraint"
        )
