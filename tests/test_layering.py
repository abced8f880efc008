"""The walls of the house: no Python in the core, dependencies one way, no circles, every source listed, no hidden
inputs."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from lehr import _core

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


def test_the_core_reads_proc_in_one_place():
    """tests/test_proc.py holds the Python layer to the same."""
    names = re.compile(r'"/?(proc|sys/fs/cgroup)(/[^"]*)?"')
    files = [*sources, *(ROOT / "python" / "bindings").glob("*.?pp")]
    found = {str(path.relative_to(ROOT)) for path in files if names.search(path.read_text())}
    readers = ("control_groups", "oom_kills", "proc", "shared_memory")
    assert found == {f"cpp/lehr/base/os/{name}.cpp" for name in readers}


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


# -- the Python layer ----------------------------------------------------------------------------------------------

PACKAGE = ROOT / "python" / "lehr"
# What a folder may know besides the modules at the package's top and itself, from the bottom up. The command is on
# top: nothing knows it. `report` shows runs; who runs them is handed a display, and asks for the usual one when called.
MAY_KNOW = {
    "probe": set(),
    "supervise": {"probe"},  # NVML
    "study": {"supervise"},
    "integrations": {"study"},
    "deploy": {"study", "supervise", "probe", "report"},
    "report": {"deploy", "study"},
    "bench": {"study", "integrations", "supervise", "deploy"},
    "cli": {"bench", "deploy", "probe", "report", "study", "supervise"},
}


def modules() -> dict[str, Path]:
    names = {}
    for path in PACKAGE.rglob("*.py"):
        parts = ["lehr", *path.relative_to(PACKAGE).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports_of(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a file imports anywhere in it, but for types alone."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return {one for one in found if one in known and one not in {name, "lehr"}}


def test_no_module_imports_itself_in_a_circle():
    known = modules()
    graph = {name: imports_of(name, path, known) for name, path in known.items()}
    # A package's own list of names brings its parts together; it is no part of what they know.
    graph = {name: parts - {name.rpartition(".")[0]} for name, parts in graph.items()}
    done: set[str] = set()

    def walk(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for one in sorted(graph[name]):
                walk(one, (*way, name))
            done.add(name)

    for name in graph:
        walk(name, ())
    assert len(done) > 150


@pytest.mark.parametrize("folder", MAY_KNOW)
def test_a_folder_knows_only_what_lies_below(folder):
    known = modules()
    for name, path in known.items():
        parts = name.split(".")
        if len(parts) > 1 and parts[1] == folder:
            others = {one.split(".")[1] for one in imports_of(name, path, known)}
            strange = (others & MAY_KNOW.keys()) - MAY_KNOW[folder] - {folder}
            assert not strange, f"{name} knows {', '.join(strange)}"


def test_what_lies_at_the_bottom_knows_no_folder():
    known = modules()
    for name in (
        "lehr.limits",
        "lehr.metrics",
        "lehr.methods",
        "lehr.quantities",
        "lehr.errors",
        "lehr.trial",
    ):
        others = {one.split(".")[1] for one in imports_of(name, known[name], known)}
        assert not others & MAY_KNOW.keys(), name


def test_a_new_metric_is_one_row():
    """Nobody but the table names a metric's unit, title or option."""
    from lehr.metrics import METRICS

    options = {f"--{row.option}" for row in METRICS.values() if row.option}
    text = (PACKAGE / "cli" / "app.py").read_text()
    assert not {option for option in options if f'"{option}"' in text}


# -- the bindings --------------------------------------------------------------------------------------------------


def test_every_name_of_the_core_is_used():
    """What only tests use is bound in python/bindings_testing, which is not installed. A method or property counts as
    used where any attribute of that name is: whose it is, is not looked at."""
    users = [
        ast.parse(path.read_text())
        for folder in (PACKAGE, ROOT / "bench", ROOT / "scripts")
        for path in folder.rglob("*.py")
    ]
    nodes = [node for tree in users for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    attributes = {node.attr for node in nodes}
    used = {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "_core"}
    # What a function, or another class, gives back needs no mention.
    given = {
        part.id
        for owner in ast.parse((PACKAGE / "_core.pyi").read_text()).body
        if isinstance(owner, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(owner)
        if isinstance(node, ast.FunctionDef) and node.returns
        for part in ast.walk(node.returns)
        if isinstance(part, ast.Name) and part.id != owner.name
    }
    unused = [name for name in vars(_core) if not name.startswith("_") and name not in used | given]
    for name, value in vars(_core).items():
        if inspect.isclass(value):
            inner = [member for member in vars(value) if not member.startswith("_")]
            unused += [f"{name}.{member}" for member in inner if member not in attributes]
    assert not unused
    assert len(used) > 40
