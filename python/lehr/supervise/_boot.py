"""The first file that a fresh interpreter of ours runs: ``python -P _boot.py helper|trial ...``.

It makes the subpackages of lehr importable without running lehr's own ``__init__``: a trial must not pay,
in time, memory and threads, for imports that it does not use. The first attribute that is missing on
``lehr`` runs it after all, so user code that says ``import lehr`` sees no difference.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from importlib.abc import Loader


def _lazy_package(folder: str) -> types.ModuleType:
    import importlib.util
    import os

    path = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location("lehr", path, submodule_search_locations=[folder])
    assert spec is not None
    loader = cast("Loader", spec.loader)

    class LazyPackage(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            if name.startswith("__") and name not in {
                "__version__",
                "__all__",
            }:  # only the import system asking
                raise AttributeError(name)
            object.__setattr__(
                self, "__class__", types.ModuleType
            )  # first: what runs now must not end here again
            try:
                loader.exec_module(self)
            except BaseException:
                object.__setattr__(self, "__class__", LazyPackage)
                raise
            return getattr(self, name)

    package = LazyPackage("lehr")
    package.__spec__ = spec
    package.__file__ = path
    package.__path__ = [folder]
    package.__package__ = "lehr"
    package.__loader__ = loader
    return package


def _main() -> None:
    import os

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    role, *rest = sys.argv[1:]
    sys.modules["lehr"] = _lazy_package(folder)
    # No trace of this file in __main__: neither for user code, nor for multiprocessing to run again.
    sys.modules["__main__"] = types.ModuleType("__main__")
    if role == "helper":
        from lehr.supervise._helper import main as helper_main

        helper_main(int(rest[0]))
    else:
        from lehr.supervise._child import main as trial_main

        trial_main(*map(int, rest))


if __name__ == "__main__":
    _main()
