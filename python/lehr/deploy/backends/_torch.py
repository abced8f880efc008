"""What the PyTorch backends share: whether torch is there, what can be chosen, and sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr.deploy.backend import (
    AUTO,
    Availability,
    Config,
    Feed,
    Model,
    RanOn,
    Share,
    batch_sizes,
    choice_of,
    does_not_load,
    thread_counts,
)
from lehr.errors import RanElsewhereError

if TYPE_CHECKING:
    from lehr.conditions import Scalar
    from lehr.variables import Variable

#: What the program computes in: as given, or everything between inputs and outputs converted, weights too.
PRECISIONS = ("f32", "bf16", "f16")
_TYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}
DEVICE = "cpu"


def torch_there(what: str) -> Availability:
    """Whether torch is there and loads; ``what`` runs on it."""
    try:
        import torch
    except ModuleNotFoundError as error:
        return Availability(False, f"{error.name} is not installed: pip install 'lehr[torch]'")
    except Exception as error:
        return Availability(False, does_not_load("torch", error))
    version = str(torch.__version__).partition("+")[0]
    return Availability(True, f"{what} of torch {version} on the CPU", {"torch": version})


def torch_share(
    models: Mapping[str, Model], cores: int, max_batch: int, more: Sequence[Variable] = ()
) -> Share:
    """Precision, batch size, threads, and what a backend has ``more``; each of those is off by default."""
    from lehr.variables import Categorical, Ordinal

    variables: list[Variable] = [Categorical("inference_precision", list(PRECISIONS))]
    default: dict[str, Scalar] = {"inference_precision": "f32"}
    if sizes := batch_sizes(models, max_batch):
        variables += sizes
        default["batch_size"] = 1
    if cores > 1:
        variables.append(Ordinal("num_threads", [*thread_counts(cores), AUTO]))
        default["num_threads"] = AUTO
    return Share((*variables, *more), default | {one.name: False for one in more})


def precision_of(config: Config) -> str:
    """The precision of a configuration. Raises ConfigurationError for an unknown one."""
    return choice_of(config, "inference_precision", "f32", PRECISIONS)


def options_of(config: Config) -> dict[str, Any]:
    """The options that all torch sessions have; 0 threads are as many as the process has cores."""
    precision_of(config)
    threads = config.get("num_threads", AUTO)
    return {"device": DEVICE, "threads": 0 if threads == AUTO else int(threads)}


def exported_as(model: Model, config: Config) -> Any:
    """The exported program in the precision of a configuration."""
    import torch

    from lehr.deploy.torch_program import converted, load

    return converted(load(model.path), getattr(torch, _TYPES[precision_of(config)]))


def use_threads(options: Mapping[str, Any]) -> int:
    """Let torch compute on so many threads: of the whole process, torch has no others. How many it has now.

    They are always set: torch's own choice follows variables that lehr sets in trials for numpy.
    """
    import torch

    from lehr.deploy.machine import available_cores

    asked = options["threads"] or available_cores()
    torch.set_num_threads(asked)
    there: int = torch.get_num_threads()
    if there != asked:
        raise RanElsewhereError(f"asked for {asked} threads, torch has {there}")
    return there


class TorchSession:
    """A function of tensors in order, whose inputs are held ahead of the calls."""

    def __init__(
        self,
        call: Callable[[list[Any]], list[Any]],
        names: Sequence[str],
        ran_on: RanOn,
        arranged: Callable[[Any], Any] = lambda tensor: tensor,
    ) -> None:
        self.ran_on = ran_on
        self.input_names = tuple(names)
        self._call: Callable[[list[Any]], list[Any]] | None = call
        self._arranged = arranged
        self._held: list[Any] = []
        self._answers: list[Any] = []

    def bind(self, inputs: Feed) -> None:
        """Hold the arrays as tensors, without a copy where they are writable and in C order."""
        from lehr.deploy.torch_program import as_tensor

        self._held = [self._arranged(as_tensor(inputs[name])) for name in self.input_names]

    def run(self, inputs: Feed | None = None) -> Any:
        """See :class:`lehr.deploy.backend.Session`."""
        import torch

        assert self._call is not None
        if inputs is not None:
            self.bind(inputs)
        with torch.inference_mode():
            self._answers = self._call(self._held)
        if inputs is None:
            return None
        from lehr.deploy.torch_program import as_array

        return [as_array(one) for one in self._answers]

    def synchronize(self) -> None:
        """A call on the CPU has ended when it returns."""

    def close(self) -> None:
        """Let go of the program and of what it holds."""
        self._call, self._held, self._answers = None, [], []


def save_program(exported: Any, target: Path) -> Path:
    """Write an exported program."""
    import torch

    torch.export.save(exported, str(target))
    return target
