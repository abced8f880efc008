"""Kernel Tuner's recordings: its cache files, and results in the T4 format with a T1 description beside.

Cache files: https://github.com/KernelTuner/kernel_tuner, ``kernel_tuner/schema/cache``; T1 and T4: ``schema/T1`` and
``schema/T4`` there. Times are milliseconds unless a T4 file names another unit. Restrictions in these files are Python
expressions; they are never evaluated, since the recorded configurations say what was allowed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lehr._numbers import is_finite_number
from lehr.bench.recordings.spaces import RecordedSpace
from lehr.bench.recordings.table import RecordedResult, Table, Wanted
from lehr.errors import LehrError
from lehr.metrics import Direction
from lehr.trial import Outcome

_ERRORS = ("InvalidConfig", "CompilationFailedConfig", "RuntimeFailedConfig")
_OLD_FAILURE = 1e20  # what early versions wrote for the time of a configuration that failed
_INVALIDITIES: dict[str, tuple[Outcome, str]] = {
    "timeout": ("timeout", "timeout"),
    "compile": ("crashed", "CompilationFailedConfig"),
    "runtime": ("crashed", "RuntimeFailedConfig"),
    "correctness": ("crashed", "wrong results"),
    "constraints": ("crashed", "InvalidConfig"),
}
_UNITS = {"seconds": 1.0, "s": 1.0, "milliseconds": 1e-3, "miliseconds": 1e-3, "ms": 1e-3}
_UNITS |= {"microseconds": 1e-6, "us": 1e-6, "nanoseconds": 1e-9, "ns": 1e-9}

# The objectives of which Kernel Tuner itself knows whether higher is better (``objective_default_map`` there), by their
# names in lower case.
_MAXIMIZED = (
    "GFLOPS",
    "TFLOPS",
    "GFLOP/s",
    "TFLOP/s",
    "GB/s",
    "TB/s",
    "GFLOPS/W",
    "TFLOPS/W",
    "GFLOP/J",
    "TFLOP/J",
)
_DIRECTIONS: dict[str, Direction] = dict.fromkeys(("time", "energy", "cost", "loss"), "minimize")
_DIRECTIONS |= dict.fromkeys((name.casefold() for name in (*_MAXIMIZED, "fitness")), "maximize")

Entry = tuple[dict[str, Any], RecordedResult]


def is_cache(document: Any) -> bool:
    """Whether a parsed file may be a cache."""
    return isinstance(document, dict) and "cache" in document and "tune_params_keys" in document


def is_t4(document: Any) -> bool:
    """Whether a parsed file may hold T4 results."""
    return isinstance(document, dict) and isinstance(document.get("results"), list)


def is_t1(document: Any) -> bool:
    """Whether a parsed file may be a T1 description."""
    return isinstance(document, dict) and "ConfigurationSpace" in document


def direction_of(source: str, objective: str) -> Direction:
    """Whether an objective is better when higher, as Kernel Tuner's own table says.

    Raises:
        LehrError: it is not in that table, so that it must be said.
    """
    known = _DIRECTIONS.get(objective.casefold())
    if known is None:
        raise LehrError(
            f"{source} has the objective {objective!r}, of which Kernel Tuner does not say whether higher is better: "
            "give --direction maximize or --direction minimize (direction= in Python)"
        )
    return known


def from_cache(source: str, document: Mapping[str, Any], wanted: Wanted, note: str = "") -> Table:
    """A table of a cache file. The objective is the file's own, or ``time``; a trial costs the time to compile, verify
    and benchmark. ``note``: a sentence about the file.

    Raises:
        LehrError: the file is damaged; one sentence says where.
    """
    keys, cache = document["tune_params_keys"], document["cache"]
    if not _names(keys) or not isinstance(cache, dict):
        raise LehrError(f"{source} is damaged: tune_params_keys must list names, and cache must be an object")
    told = document.get("objective")
    objective = wanted.objective or (told if isinstance(told, str) else "time")
    entries = []
    for key, entry in cache.items():
        where = f"{source}: entry {key!r}"
        if not isinstance(entry, dict):
            raise LehrError(f"{where} is not an object")
        absent = [name for name in keys if name not in entry]
        if absent:
            raise LehrError(f"{where} lacks {', '.join(absent)}")
        config = {name: entry[name] for name in keys}
        measured = {name: value for name, value in entry.items() if name not in config}
        failure = _failure(measured, objective)
        times = ("compile_time", "verification_time", "benchmark_time")
        seconds = 1e-3 * sum(_duration(where, name, entry.get(name, 0.0)) for name in times)
        entries.append((config, _recorded(where, measured, objective, failure, seconds)))
    device = ", ".join(str(document[name]) for name in ("kernel_name", "device_name") if document.get(name))
    return _table(
        source,
        entries,
        objective,
        f"A Kernel Tuner cache ({device}).{note and ' '}{note}",
        wanted,
        order=keys,
    )


def from_t4(
    source: str, document: Mapping[str, Any], wanted: Wanted, t1: Mapping[str, Any] | None = None
) -> Table:
    """A table of T4 results. The objective is the first that the results name, or ``time``.

    Args:
        t1: the description of the space, which the configurations must fit. Values that are not a plain list are not
            checked: they would have to be evaluated.

    Raises:
        LehrError: the file is damaged; one sentence says where.
    """
    unit = _unit(source, document)
    entries = []
    objective = wanted.objective
    for number, result in enumerate(document["results"], 1):
        where = f"{source}: result {number}"
        if not isinstance(result, dict) or not isinstance(result.get("configuration"), dict):
            raise LehrError(f"{where} has no configuration")
        objectives = result.get("objectives")
        if objective is None:
            objective = objectives[0] if _names(objectives) and objectives else "time"
        invalidity = result.get("invalidity")
        if not isinstance(invalidity, str) or invalidity not in {"correct", *_INVALIDITIES}:
            allowed = ", ".join(["correct", *_INVALIDITIES])
            raise LehrError(f"{where} has the invalidity {invalidity!r}; it must be one of {allowed}")
        failure = None if invalidity == "correct" else _INVALIDITIES[invalidity]
        seconds = unit * _times(where, result.get("times", {}))
        entries.append(
            (
                result["configuration"],
                _recorded(where, _measurements(where, result), objective, failure, seconds),
            )
        )
    order = [] if t1 is None else _fitting(source, entries, t1)
    return _table(source, entries, objective or "time", "Results in the T4 format.", wanted, order=order)


def _table(
    source: str,
    entries: list[Entry],
    objective: str,
    description: str,
    wanted: Wanted,
    *,
    order: Iterable[str],
) -> Table:
    recorded = RecordedSpace(source, [config for config, _ in entries], order)
    table = Table(
        Path(source).name,
        recorded.space,
        objective,
        wanted.direction or direction_of(source, objective),
        dict(wanted.constraints or {}),
        None,
        f"{description} Only recorded configurations can be proposed.",
    )
    for (_, result), config in zip(entries, recorded.configs, strict=True):
        if result.outcome == "ok":
            for name in table.constraints:
                if name not in result.metrics:
                    raise LehrError(f"{source}: {config} did not measure {name}")
        table.add(config, result)
    return table


def _recorded(
    where: str,
    measured: Mapping[str, Any],
    objective: str,
    failure: tuple[Outcome, str] | None,
    seconds: float,
) -> RecordedResult:
    metrics = {name: float(value) for name, value in measured.items() if is_finite_number(value)}
    if failure is not None:
        return RecordedResult(failure[0], {}, seconds, failure[1])
    if objective not in metrics:
        known = ", ".join(metrics) or "nothing"
        raise LehrError(f"{where} has no number for the objective {objective}; it has {known}")
    return RecordedResult("ok", metrics, seconds)


def _failure(measured: Mapping[str, Any], objective: str) -> tuple[Outcome, str] | None:
    for name in ("__error__", objective, "time"):
        value = measured.get(name)
        if value in _ERRORS:
            return "crashed", str(value)
        # A cache may hold a NaN or the infinite time of old for what failed without a class of its own.
        if name != "__error__" and isinstance(value, float) and not abs(value) < _OLD_FAILURE:
            return "crashed", "failed"
    return None


def _measurements(where: str, result: Mapping[str, Any]) -> dict[str, Any]:
    listed = result.get("measurements", [])
    if not isinstance(listed, list):
        raise LehrError(f"{where}: measurements must be a list")
    measured = {}
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise LehrError(f"{where}: a measurement has no name")
        measured[item["name"]] = item.get("value")
    return measured


def _times(where: str, times: Any) -> float:
    """Compiling, validating and benchmarking, in the file's unit; single runs where no benchmark time is given."""
    if not isinstance(times, dict):
        raise LehrError(f"{where}: times must be an object")
    names = ("compilation", "compilation_time", "validation", "benchmark")
    total = sum(_duration(where, name, times.get(name, 0.0)) for name in names)
    runs = times.get("runtimes", [])
    if "benchmark" in times or not isinstance(runs, list):
        return total
    return total + sum(_duration(where, "runtimes", run) for run in runs)


def _duration(where: str, name: str, value: Any) -> float:
    if not is_finite_number(value) or value < 0:
        raise LehrError(f"{where}: {name} is {value!r}, not a number of 0 or more")
    return float(value)


def _unit(source: str, document: Mapping[str, Any]) -> float:
    metadata = document.get("metadata")
    told = metadata.get("timeunit", "milliseconds") if isinstance(metadata, dict) else "milliseconds"
    if not isinstance(told, str) or told.lower() not in _UNITS:
        raise LehrError(f"{source} has the time unit {told!r}; it must be one of {', '.join(_UNITS)}")
    return _UNITS[told.lower()]


def _fitting(source: str, entries: Iterable[Entry], t1: Mapping[str, Any]) -> list[str]:
    space = t1["ConfigurationSpace"]
    parameters = space.get("TuningParameters") if isinstance(space, dict) else None
    if not isinstance(parameters, list) or not all(isinstance(p, dict) for p in parameters):
        raise LehrError("the T1 description has no list of TuningParameters")
    names = [parameter.get("Name") for parameter in parameters]
    if not _names(names):
        raise LehrError("the T1 description has a parameter without a Name")
    listed = {
        name: _listed(parameter.get("Values")) for name, parameter in zip(names, parameters, strict=True)
    }
    for config, _ in entries:
        if set(config) != set(names):
            raise LehrError(f"{source} records {config}, but the T1 description has {', '.join(names)}")
        for name, value in config.items():
            values = listed[name]
            if values is not None and value not in values:
                raise LehrError(f"{source} records {name} = {value!r}, but the T1 description lists {values}")
    return names


def _listed(values: Any) -> list[Any] | None:
    try:
        plain = ast.literal_eval(values) if isinstance(values, str) and len(values) < 100_000 else values
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return plain if isinstance(plain, list) else None


def _names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)
