"""What :func:`lehr.tune` is asked for, checked before anything slow is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lehr._checks import seed_number
from lehr.deploy.machine import memory_mb
from lehr.deploy.model_files import format_of
from lehr.deploy.objective import Objective, parse_objective
from lehr.deploy.times import PREPARE_S
from lehr.deploy.torch_source import Inputs, ModelSource, TorchCode, torch_code
from lehr.deploy.torch_source import example_inputs as read_inputs
from lehr.errors import OptionError
from lehr.limits import Constraints, Limit, parse_limits
from lehr.methods import METHODS, Method
from lehr.metrics import METRICS
from lehr.quantities import Budget, budget_of
from lehr.supervise import _options

if TYPE_CHECKING:
    from lehr.study.opening import StorageLike

Preset = Literal["default", "paper"]
#: Labels against outputs: what accuracy is, where a user says so.
MetricFunction = Callable[[Any, Any], float]

#: Limits of the zoo when none is given: on two ordinary cores they turn down about two thirds of the space, the default
#: configuration among it, and leave something feasible on machines several times slower.
ZOO_LIMITS = (
    Limit("latency_p95_ms", 15.0),
    Limit("memory_peak_mb", 96.0),
    Limit("throughput_items_s", 4000.0, ">="),
)


@dataclass(frozen=True)
class Request:
    """The arguments of :func:`lehr.tune`, understood.

    Attributes:
        model: a file (ONNX, or a program exported by PyTorch), PyTorch code, several by name (the family axis), or None
            for the bundled zoo.
        data: a file, arrays by name or ``module:function``; None for made-up inputs.
        shapes: full shapes of inputs that the model leaves open.
        batch_axis: which axis of an input is the batch, where the user says so; None for no batch.
        metric: the user's own measure of answers, or ``module:function``.
        objective, limits, budget: what is searched for, under what, for how long.
        method, preset, seed, without: how, and without which choices.
        backends: names of runtimes; None for all that are available.
        trial_timeout_s: deadline of a trial; None for one that follows the speed of the model.
        memory_limit_mb: where a trial is killed.
        memory_limit_given: whether the user said so.
        storage, name, fresh: where the trials are kept.
        policies: what to do about failures.
        early_end: whether to end when nothing is left to gain.
        final_s: seconds for the final; None for a share of the search's.
        measure_s: seconds to settle a latency limit in; None for the plan's own.
        prepare_timeout_s: deadline for opening model and data, and for each recipe.
    """

    model: ModelSource | dict[str, ModelSource] | None
    data: Any
    shapes: dict[str, tuple[int, ...]]
    batch_axis: dict[str, int | None]
    metric: MetricFunction | str | None
    objective: Objective
    limits: tuple[Limit, ...]
    budget: Budget
    method: Method | None
    preset: Preset
    seed: int
    without: tuple[str, ...]
    backends: tuple[str, ...] | None
    trial_timeout_s: float | None
    memory_limit_mb: float
    memory_limit_given: bool
    storage: StorageLike
    name: str | None
    fresh: bool
    policies: Mapping[str, str] | None
    early_end: bool
    final_s: float | None
    measure_s: float | None = None
    prepare_timeout_s: float = PREPARE_S

    @property
    def formats(self) -> frozenset[str]:
        """Every format that all models come in: PyTorch's are given to others as ONNX."""
        given = self.model.values() if isinstance(self.model, dict) else [self.model] if self.model else []
        torch = [isinstance(one, TorchCode) or format_of(one) == "pt2" for one in given]
        return frozenset({"onnx", "pt2"} if torch and all(torch) else {"onnx"})

    @property
    def metric_name(self) -> str | None:
        """What the user's own metric is called."""
        if self.metric is None or isinstance(self.metric, str):
            return self.metric
        return f"{self.metric.__module__}:{getattr(self.metric, '__qualname__', type(self.metric).__name__)}"


def read_request(
    model: object,
    *,
    data: Any,
    limits: Constraints,
    objective: str | None,
    budget: int | str | Budget,
    seed: int,
    backends: Sequence[str] | None,
    metric: MetricFunction | str | None,
    shapes: Mapping[str, Sequence[int]] | None,
    batch_axis: Mapping[str, int | None] | None,
    method: str | None,
    preset: str,
    without: Sequence[str],
    trial_timeout_s: float | None,
    memory_limit_mb: float | None,
    storage: StorageLike,
    name: str | None,
    fresh: bool,
    policies: Mapping[str, str] | None,
    early_end: bool,
    final_s: float | None,
    measure_s: float | None = None,
    prepare_timeout_s: float | None = None,
    example_inputs: Any = None,
    state_dict: str | Path | None = None,
) -> Request:
    """Check the arguments. Raises OptionError, naming the first that cannot be used."""
    from lehr.study.policies import read_policies

    models = _models(model, read_inputs(example_inputs), None if state_dict is None else _path(state_dict))
    if models is None:
        given = {"data": data, "shapes": shapes, "batch_axis": batch_axis, "metric": metric}
        for word, value in given.items():
            if value:
                raise OptionError(f"{word} belongs to a model of yours; the bundled zoo has its own")
    goal = parse_objective(objective) if objective is not None else None
    asked = parse_limits(limits)
    for limit in asked:
        if limit.metric not in METRICS:
            raise OptionError(
                f"limits: a deployment has no metric {limit.metric!r}; it has {', '.join(METRICS)}"
            )
    killed_at = _options.optional_megabytes("memory_limit_mb", memory_limit_mb)
    if killed_at is not None:
        for limit in asked:
            if limit.metric == "memory_peak_mb" and limit.upper and limit.bound > killed_at:
                raise OptionError(
                    f"a memory limit of {killed_at:g} MB is below the limit {limit.shown()}: it would kill trials that "
                    "the limit allows"
                )
    read_policies(policies)
    return Request(
        model=models,
        data=data,
        shapes={str(key): tuple(int(size) for size in dims) for key, dims in (shapes or {}).items()},
        batch_axis=dict(batch_axis or {}),
        metric=metric,
        objective=goal or parse_objective("accuracy" if models is None else "throughput"),
        limits=asked or (ZOO_LIMITS if models is None else ()),
        budget=budget_of(budget),
        method=None if method is None else _one_of("method", method, METHODS),
        preset=_one_of("preset", preset, ("default", "paper")),
        seed=seed_number(seed),
        without=tuple(without),
        backends=None if backends is None else _names("backends", backends),
        trial_timeout_s=_options.optional_seconds("trial_timeout_s", trial_timeout_s),
        memory_limit_mb=round(0.8 * memory_mb()) if killed_at is None else killed_at,
        memory_limit_given=killed_at is not None,
        storage=storage,
        name=None if name is None else _options.text("name", name),
        fresh=_options.flag("fresh", fresh),
        policies=policies,
        early_end=_options.flag("early_end", early_end),
        final_s=None if final_s is None else _options.amount("final_s", final_s, "seconds", 1e9, zero=True),
        measure_s=None if measure_s is None else _options.amount("measure_s", measure_s, "seconds", 1e6),
        prepare_timeout_s=_options.optional_seconds("prepare_timeout_s", prepare_timeout_s) or PREPARE_S,
    )


def _models(
    model: object, inputs: Inputs, state_dict: Path | None
) -> ModelSource | dict[str, ModelSource] | None:
    found: ModelSource | dict[str, ModelSource] | None
    if model is None:
        found = None
    elif isinstance(model, Mapping):
        if not model:
            raise OptionError("model is an empty dict; give files by name, or None for the bundled zoo")
        found = {
            _options.text("a name in model", name): _model(one, inputs, state_dict)
            for name, one in model.items()
        }
    else:
        found = _model(model, inputs, state_dict)
    given = list(found.values()) if isinstance(found, dict) else [found]
    if not any(isinstance(one, TorchCode) for one in given):
        for word, value in (("example_inputs", inputs), ("state_dict", state_dict)):
            if value is not None:
                raise OptionError(f"{word} belongs to a model that is PyTorch code")
    return found


def _model(model: object, inputs: Inputs, state_dict: Path | None) -> ModelSource:
    return torch_code(model, inputs, state_dict) or _path(model)


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise OptionError(
            f"model is {_options.shown(value)}; give the path of an ONNX file, a torch.nn.Module, or several by name"
        )
    return Path(value)


def _names(what: str, values: Sequence[str]) -> tuple[str, ...]:
    from lehr.deploy.backends import find_backend

    found = (values,) if isinstance(values, str) else tuple(values)
    if not found or not all(isinstance(name, str) and name for name in found):
        raise OptionError(f"{what} is {_options.shown(values)}; give names, such as ['onnxruntime']")
    for name in found:
        find_backend(name)  # complains about one that there is not
    return tuple(dict.fromkeys(found))


def _one_of(option: str, text: str, known: Sequence[Any]) -> Any:
    import difflib

    word = text.strip().lower() if isinstance(text, str) else ""
    if word in known:
        return word
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {close[0]}? Use" if close else "use"
    raise OptionError(f"{option}: unknown {text!r}; {hint} one of {', '.join(known)}")
