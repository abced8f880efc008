"""A stored trial, read strictly: a storage is a file that others may have written or damaged."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from lehr import _core
from lehr._text import first_line, text_of
from lehr.errors import LehrError, StorageError
from lehr.study.definition import Definition
from lehr.study.trial import StudyTrial, judged
from lehr.supervise._json import to_json
from lehr.trial import OUTCOMES

_ORIGINS = frozenset(_core.origins())


@dataclass(frozen=True)
class StoredTrial:
    """One stored trial: what was asked and, when it is finished, how it ended."""

    number: int
    config: dict[str, Any]
    origin: str
    trial: StudyTrial | None


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever a stored value of the wrong kind leads to into one sentence about ``what``."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        why = text_of(error) if isinstance(error, LehrError | ValueError) else first_line(error)
        raise StorageError(
            f"{what} was not written by lehr or is damaged ({why[:300]}); "
            "give this run another name or another storage"
        ) from error


def read_trial(stored: FrozenTrial, definition: Definition, where: str) -> StoredTrial:
    """What lehr wrote of a trial.

    Raises:
        StorageError: the trial was not written by lehr, does not belong to the study, or is damaged; names its number.
    """
    with reading(f"{where}: trial {stored.number}"):
        return _read(stored, definition)


def _read(stored: FrozenTrial, definition: Definition) -> StoredTrial:
    attributes = stored.user_attrs
    config, origin = _dict(attributes, "config"), attributes.get("origin")
    if not isinstance(origin, str) or origin not in _ORIGINS:
        raise ValueError(f"its origin is {origin!r:.60}")
    definition.space.validate(config)
    if stored.state == TrialState.RUNNING:
        return StoredTrial(stored.number, config, origin, None)
    if stored.state != TrialState.COMPLETE:
        raise ValueError(f"its state is {stored.state.name}")
    outcome = attributes.get("outcome")
    if outcome not in OUTCOMES:
        raise ValueError(f"its outcome is {outcome!r:.60}")
    evidence, facts = _dict(attributes, "evidence"), _dict(attributes, "facts")
    # No deeper, and with no larger numbers, than an evaluation may return; without NaN, as the log must hold them.
    json.dumps(to_json([config, evidence, facts]), allow_nan=False)
    _number("cost_seconds", evidence.get("cost_seconds", 0.0), least=0.0)
    metrics = _numbers("metrics", attributes.get("metrics"))
    if outcome == "ok":
        for name in [limit.metric for limit in definition.limits]:
            if name not in metrics:
                raise ValueError(f"it has no metric {name!r}")
    sem = _numbers("sem", attributes.get("sem") or {})
    trial = judged(
        number=stored.number,
        config=config,
        origin=origin,
        outcome=outcome,
        objective=_number("objective", stored.value) if outcome == "ok" else None,
        metrics=metrics,
        evidence=evidence,
        seconds=_number("seconds", attributes.get("seconds"), least=0.0),
        facts=facts,
        sem=sem,
        objective_sem=sem.get(definition.objective),
        limits=definition.limits,
        accept_borderline=definition.accept_borderline,
    )
    return StoredTrial(stored.number, config, origin, trial)


def _dict(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = attributes.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"its {name} is {value!r:.60}, not an object")
    return value


def _numbers(name: str, value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError(f"its {name} is {value!r:.60}, not an object")
    return {str(key): _number(f"{name} {key!r:.60}", entry) for key, entry in value.items()}


def _number(name: str, value: object, *, least: float = -math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"its {name} is {value!r:.60}, not a number")
    if not math.isfinite(value) or value < least:  # an int too large for a float raises OverflowError
        raise ValueError(f"its {name} is {value!r:.60}")
    return float(value)
