"""The first file that a fresh interpreter of ours runs: ``python -P _boot.py helper|trial ...``.

It makes the subpackages of lehr importable without running lehr's own ``__init__``: a trial must not pay, in time, memory
and threads, for imports that it does not use. The first attribute that is missing on ``lehr`` runs it after all, so user code
that says ``import lehr`` sees no difference.
"""

import sys
import types


class _LehrPackage(types.ModuleType):
    def __getattr__(self, name):  # type: ignore[no-untyped-def]
        if name.startswith("__") and name not in {"__version__", "__all__"}:  # only the import system asking
            raise AttributeError(name)
        self.__class__ = types.ModuleType  # first, so that what runs now cannot end here again
        try:
            self.__spec__.loader.exec_module(self)
        except BaseException:
            self.__class__ = _LehrPackage
            raise
        return getattr(self, name)


def _install_package(folder):  # type: ignore[no-untyped-def]
    import importlib.util
    import os

    path = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location("lehr", path, submodule_search_locations=[folder])
    package = _LehrPackage("lehr")
    package.__spec__ = spec
    package.__file__ = path
    package.__path__ = [folder]
    package.__package__ = "lehr"
    package.__loader__ = spec.loader
    sys.modules["lehr"] = package


def _main():  # type: ignore[no-untyped-def]
    import os

    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    role, *rest = sys.argv[1:]
    _install_package(folder)
    # User code shall find no trace of this file in __main__, nor shall multiprocessing run it again in grandchildren.
    sys.modules["__main__"] = types.ModuleType("__main__")
    if role == "helper":
        from lehr.supervise._helper import main as helper_main

        helper_main(int(rest[0]))
    else:
        from lehr.supervise._child import main as trial_main

        trial_main(int(rest[0]), int(rest[1]))


if __name__ == "__main__":
    _main()
