"""What lehr asks of a runtime. One file under ``backends/`` per runtime; nothing else knows a runtime by name.

The order of a configuration's life: ``prepare`` in the stage (once for what shapes the file), then in every trial
``open``, ``bind``, ``run``; at the end ``loader`` writes what opens the winner without lehr.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lehr._proc import threads
from lehr.errors import ConfigurationError

if TYPE_CHECKING:
    from lehr.conditions import Condition, Scalar
    from lehr.deploy.accuracy import Batches
    from lehr.variables import Variable

Config = Mapping[str, Any]
Feed = Mapping[str, NDArray[Any]]

#: The choice of a variable that leaves the decision to the runtime.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend can run here; ``reason`` in one sentence, whatever the answer. ``versions`` by package."""

    available: bool
    reason: str
    versions: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; ``Availability(**value)`` restores it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class RanOn:
    """What a session runs on, as the runtime reports it; None where it does not say.

    ``device`` is ``cpu``, ``cuda:0``...; ``threads`` counts all threads that work on a call.
    """

    device: str
    provider: str
    precision: str | None = None
    threads: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; what the runtime does not say is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Share:
    """A backend's part of the deployment space, as data.

    ``default`` is what the runtime does when one sets nothing: a legal configuration of these variables.
    """

    variables: tuple[Variable, ...]
    default: Mapping[str, Scalar]
    forbid: tuple[Condition, ...] = ()


class Model(Protocol):
    """What a backend may know of a model."""

    @property
    def format(self) -> str:
        """``onnx`` or another name that backends list under ``accepts``."""

    @property
    def path(self) -> Path:
        """The model as given."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it consists of, ``path`` first."""

    @property
    def sha256(self) -> str:
        """Digest of everything that makes up the model."""

    @property
    def size_mb(self) -> float:
        """What is deployed when nothing is converted, MB of 10^6 bytes."""

    @property
    def fixed_batch(self) -> int | None:
        """The only number of items a call that the model takes; None where it takes any."""


class Session(Protocol):
    """A model that is loaded and ready. Not for use from several threads at once."""

    @property
    def ran_on(self) -> RanOn:
        """Device, provider, precision and threads, read back from the runtime."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """The inputs that it takes, in the model's order."""

    def bind(self, inputs: Feed) -> None:
        """Hold these inputs, by name, for the calls to come, on the device where the model runs."""

    @overload
    def run(self) -> None: ...
    @overload
    def run(self, inputs: Feed) -> list[Any]: ...
    def run(self, inputs: Feed | None = None) -> list[Any] | None:
        """Run the bound inputs and leave the outputs where they are; this is what is timed.

        With ``inputs``: bind and run these, and return the outputs in the model's order.
        """

    def synchronize(self) -> None:
        """Return when all that was asked for is done; on a CPU at once."""

    def close(self) -> None:
        """Free what the session holds. The session is not used after."""


class Backend(Protocol):
    """A runtime: what can be chosen, how files are made, and how they are run.

    An object without state, found by name; configurations that reach it are legal in its own share.
    """

    @property
    def name(self) -> str:
        """A word, as in ``backend=onnxruntime``."""

    @property
    def accepts(self) -> tuple[str, ...]:
        """The formats of models that it takes."""

    @property
    def preload(self) -> tuple[str, ...]:
        """Modules to import once, ahead of all trials; none that starts threads."""

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables of its trials."""

    def available(self) -> Availability:
        """Whether it runs here. Asked in a process of its own, which may die or hang over it."""

    def share(self, models: Mapping[str, Model], cores: int, max_batch: int) -> Share:
        """What can be chosen for these models on so many cores, in calls of up to ``max_batch`` items."""

    def prepare_key(self, config: Config) -> str:
        """What of a configuration shapes the file, as a short text; equal texts share one file."""

    def prepare(self, model: Model, config: Config, calibration: Batches, folder: Path) -> Path:
        """Make what is deployed in the empty ``folder`` and return its path; the path of the model as given where the
        configuration changes nothing in it. Runs in the stage.

        Raises:
            Exception: what the converter raised; it is the reason why such configurations crash.
        """

    def session_options(self, config: Config) -> dict[str, Any]:
        """Every option of the session, as plain JSON values; ``open`` and ``loader`` use nothing else."""

    def open(self, artefact: Path, options: Mapping[str, Any]) -> Session:
        """Load what ``prepare`` returned.

        Raises:
            RanElsewhereError: the runtime took the options and does something else.
            Exception: what the runtime raised.
        """

    def loader(self, artefact: str, options: Mapping[str, Any]) -> str:
        """The text of a load.py that lies beside the file named ``artefact`` and opens it with the runtime alone.

        Its ``load()`` returns a function from inputs by name to the list of outputs.
        """


@runtime_checkable
class Foresighted(Protocol):
    """A backend that can tell before any trial what it cannot run. Not every one is."""

    def unable(self, model: Model) -> Mapping[str, str]:
        """Choices that cannot run with this model here, as ``variable=value``, and why, in a phrase. Asked in the
        stage.

        Only what is certain: whatever else cannot run shows in its trial.
        """


def working_threads(before: frozenset[int] | None, after: frozenset[int] | None) -> int | None:
    """Threads that work on a call: those that appeared while a session was made, and the caller."""
    return None if before is None or after is None else len(after - before) + 1


def thread_ids() -> frozenset[int] | None:
    """The threads of this process by the kernel's count; None where it does not tell."""
    found = threads()
    return None if found is None else frozenset(found)


def thread_counts(cores: int) -> list[int]:
    """Counts worth trying up to ``cores``: all up to 4, then half a power of two apart, and ``cores`` itself."""
    counts = [count for power in range(2, 17) for count in (2**power, 3 * 2 ** (power - 1))]
    return sorted({1, 2, 3, *counts, cores} & set(range(1, cores + 1)))


def choice_of(config: Config, variable: str, default: str, allowed: Collection[str]) -> str:
    """What a configuration says of a variable.

    Raises:
        ConfigurationError: it says what is not ``allowed``.
    """
    value = config.get(variable, default)
    if value not in allowed:
        raise ConfigurationError(f"{variable} is {value!r}; it must be one of {', '.join(allowed)}")
    return str(value)


def batch_sizes(models: Mapping[str, Model], max_batch: int) -> tuple[Variable, ...]:
    """The variable ``batch_size`` where every model takes any number of items a call; else none."""
    from lehr.variables import Int

    if max_batch == 1 or any(model.fixed_batch is not None for model in models.values()):
        return ()
    return (Int("batch_size", 1, max_batch, log=True),)


def loader_text(body: str, artefact: str, options: Mapping[str, Any], *, runtime: str, package: str) -> str:
    """The text of a load.py: what it is for, and ``body``, in which ``{artefact}`` and ``{options}`` are filled in.

    Args:
        body: what follows the first docstring, as a text for :meth:`str.format`.
        artefact: name of the file beside it.
        options: of the session.
        runtime: its name in words.
        package: what to install for it.
    """
    name = json.dumps(artefact)
    lines = [f"    {option!r}: {value!r}," for option, value in options.items()]
    heading = _HEADING.format(artefact=name, runtime=runtime, package=package)
    return heading + body.format(artefact=name, options="\n".join(["{", *lines, "}"]))


_HEADING = '''\
"""Opens {artefact}, which lies beside this file, with {runtime} alone, as it was measured: pip install {package}.

    from load import load
    run = load()
    outputs = run({{"input name": array}})    # a list of arrays, in the model's order
"""

'''


def does_not_load(package: str, error: Exception) -> str:
    """Why a package that is installed is no use: a broken shared library raises more than ImportError."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{package} is installed but does not load on this machine: {first}"


def contiguous(inputs: Feed) -> dict[str, NDArray[Any]]:
    """The inputs in C order, copied only where they are not."""
    return {name: np.ascontiguousarray(array) for name, array in inputs.items()}
