"""The runtimes that lehr knows: one file each here, and those that installed packages bring as entry points.

A file here is named as its backend is, and its ``BACKEND`` is the object; files whose names begin with ``_`` are no
backends. Nothing else has to be told of a new one but ``tests/deploy/test_backend_contract.py``.

A package brings a backend under the entry-point group ``lehr.backends``: name -> a class or object that is a
:class:`lehr.deploy.backend.Backend`. A plug-in that does not load is a warning and is left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from lehr._printable import printable
from lehr._text import text_of
from lehr.deploy.backend import Availability, Backend
from lehr.errors import OptionError

if TYPE_CHECKING:
    from lehr.supervise.supervisor import Supervisor

GROUP = "lehr.backends"
#: The backend that is used where none is named.
DEFAULT = "onnxruntime"
#: By format, the backend whose default runs such a model as it was given: what answers are compared with.
AS_GIVEN = {"pt2": "torch"}
#: Seconds a backend may take to say whether it runs here: imports of large runtimes from a cold disk.
ASK_TIMEOUT_S = 60.0

_MEMBERS = tuple(name for name in vars(Backend) if not name.startswith("_"))


def backend_names() -> tuple[str, ...]:
    """Every backend that can be loaded, ours first; whether it runs here is another question."""
    ours = built_in_names()
    return (*ours, *(name for name in _plug_ins() if name not in ours and _loaded(name) is not None))


def backends_for(formats: Collection[str]) -> tuple[str, ...]:
    """Those that take a model of one of these formats and are tried unasked."""
    found = {name: find_backend(name) for name in backend_names()}
    return tuple(
        name
        for name, one in found.items()
        if set(one.accepts) & set(formats) and not getattr(one, "only_asked", False)
    )


def built_in_names() -> tuple[str, ...]:
    """Those that come with lehr, the default first."""
    files = sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    return (DEFAULT, *(name for name in files if name != DEFAULT))


def find_backend(name: str) -> Backend:
    """The backend of that name.

    Raises:
        OptionError: there is none.
    """
    if name in built_in_names():
        ours: Backend = import_module(f"{__name__}.{name}").BACKEND
        return ours
    found = _loaded(name)
    if found is None:
        raise OptionError(f"there is no backend {name!r}; there are {', '.join(backend_names())}")
    return found


def availability(
    supervisor: Supervisor, names: Iterable[str] | None = None, timeout_s: float = ASK_TIMEOUT_S
) -> dict[str, Availability]:
    """Ask each backend, in a process of its own, whether it runs here."""
    answers = {}
    for name in backend_names() if names is None else names:
        ending = supervisor.run(_ask, name, timeout_s=timeout_s)
        if ending.outcome == "ok":
            answers[name] = Availability(**ending.result)
        else:
            why = ending.evidence.get("reason", ending.outcome)
            answers[name] = Availability(False, f"{name} does not answer: {why}")
    return answers


def _ask(name: str) -> dict[str, Any]:
    return find_backend(name).available().as_json()


def _plug_ins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _loaded(name: str) -> Backend | None:
    point = _plug_ins().get(name)
    if point is None:
        return None
    try:
        found = point.load()
        made = found() if isinstance(found, type) else found
        missing = [member for member in _MEMBERS if not hasattr(made, member)]
        if missing:
            raise TypeError(f"it has no {', '.join(missing)}")
        if made.name != name:
            raise ValueError(f"it calls itself {made.name!r}")
    except Exception as error:
        said = printable(f"the backend {name!r} ({point.value}) is left out: {text_of(error)}", lines=True)
        warnings.warn(said, stacklevel=3)
        return None
    plug_in: Backend = made
    return plug_in
