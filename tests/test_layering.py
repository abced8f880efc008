"""The walls of the house: no Python in the core, dependencies one way, every source listed, small files, no hidden
inputs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "cpp" / "lehr"
# What a layer may include besides itself: the search is a chain; measuring and supervising stand on the base alone.
CHAIN = ["base", "space", "estimators", "search", "problems", "sweep"]
LAYERS = {layer: set(CHAIN[:place]) for place, layer in enumerate(CHAIN)} | {
    "probe": {"base"},
    "supervise": {"base"},
}

sources = sorted(path for path in CORE.rglob("*") if path.suffix in {".hpp", ".cpp"})
includes = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.MULTILINE)


def test_there_are_sources_in_every_layer():
    assert {path.relative_to(CORE).parts[0] for path in sources} == set(LAYERS)


@pytest.mark.parametrize("path", sources, ids=lambda path: str(path.relative_to(CORE)))
def test_core_file_includes_only_what_its_layer_may(path):
    layer = path.relative_to(CORE).parts[0]
    for name in includes.findall(path.read_text()):
        assert not re.search(r"pybind11|Python\.h|cuda|nvml", name), f"{path} includes {name}"
        if name.startswith("lehr/"):
            assert name.split("/")[1] in {layer, *LAYERS[layer]}, f"{path} includes {name}, not for its layer"
            assert (ROOT / "cpp" / name).exists()


@pytest.mark.parametrize("path", [p for p in sources if p.suffix == ".cpp"], ids=lambda p: p.name)
def test_every_source_is_listed_in_the_build(path):
    listed = (path.parent / "CMakeLists.txt").read_text()
    assert re.search(rf"\b{re.escape(path.name)}\b", listed)


# The one place that unpickles: a trial's child, what its own parent wrote to it over a private descriptor.
MAY_UNPICKLE = {"supervise/_child.py"}


def test_nothing_is_evaluated_or_unpickled_from_outside():
    package = ROOT / "python" / "lehr"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"^\s*(from|import) pickle|[^.\w](eval|exec)\(", path.read_text(), re.MULTILINE)
    }
    assert found == MAY_UNPICKLE


def lines_of(*folders: str) -> dict[str, int]:
    """Lines of the source and build files in these folders, without what a program wrote or built."""
    suffixes = {".py", ".cpp", ".hpp", ".cu", ".sh", ".cmake"}
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    return {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in paths}


def test_files_hold_one_concept_and_at_most_400_lines():
    lines = lines_of("cpp", "python", "tests", "bench", "scripts", "cmake")
    assert len(lines) > 400
    assert {path: count for path, count in lines.items() if count > 400} == {}


def test_bindings_are_small_files_of_one_concept():
    lines = lines_of("python/bindings")
    assert lines
    assert {path: count for path, count in lines.items() if count > 200} == {}, "move logic into the core"
