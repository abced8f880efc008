"""Finds ``lehr_testing``, the parts of the core that only tests use (python/bindings_testing): it is built beside the
core, and not installed. ``from testing_core import lehr_testing`` gives the one that belongs to the core in use."""

from __future__ import annotations

import importlib.util
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

from lehr import _core

ROOT = Path(__file__).resolve().parents[1]


def find(core: Path, root: Path = ROOT) -> Path:
    """The module that was built with the core at ``core``. ImportError: none was, and what would build it."""
    if core.resolve().parent == root / "python" / "lehr":
        folders = [root / "build" / "testing"]
        command = "cmake -S . -B build/dev && cmake --build build/dev"
    else:  # an installed one; scikit-build-core's folder in the checkout that it was installed from
        folders = list((root / "build").glob("*/python/bindings_testing"))
        command = "pip install ."
    found = [
        path for folder in folders for path in folder.glob("lehr_testing.*") if path.name.endswith(suffix())
    ]
    if not found:
        raise ImportError(
            f"lehr_testing, which goes with {core}, is not built. It is never installed; in {root} run: {command}"
        )
    return max(found, key=lambda path: path.stat().st_mtime)


def suffix() -> str:
    """How the names of this interpreter's own extensions end."""
    return EXTENSION_SUFFIXES[0]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("lehr_testing", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lehr_testing = load(find(Path(_core.__file__)))
