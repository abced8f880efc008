"""The registry: backends of other packages, and what is done about broken ones."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx_files as files
import pytest

from lehr import Categorical, Int, OptionError, Ordinal, Space, param
from lehr.deploy import (
    RanOn,
    RunnableModel,
    Share,
    availability,
    backend_names,
    backends,
    baseline,
    deployment_space,
    find_backend,
)
from lehr.deploy.backend import thread_counts
from lehr.deploy.backends import built_in_names
from lehr.deploy.space import combined
from lehr.supervise import Supervisor

GOOD = """
from lehr.deploy.backends.onnxruntime import OnnxRuntime

class Other(OnnxRuntime):
    name = "other"

class Misnamed(OnnxRuntime):
    name = "somebody"
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """``plug_in(name="module:object")``: a package with these entry points, as if it were installed."""
    (tmp_path / "their_backend.py").write_text(GOOD)
    (tmp_path / "their_broken.py").write_text("import a_package_that_is_nowhere")
    monkeypatch.syspath_prepend(tmp_path)

    def install(**points: str) -> None:
        info = tmp_path / "theirs-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        lines = "\n".join(f"{name} = {where}" for name, where in points.items())
        (info / "entry_points.txt").write_text(f"[lehr.backends]\n{lines}\n")

    return install


def test_another_package_s_backend_stands_beside_ours(plug_in: Any, supervisor: Supervisor) -> None:
    plug_in(other="their_backend:Other")
    assert backend_names() == (*built_in_names(), "other")
    assert find_backend("other").name == "other"
    assert set(availability(supervisor)) == {*built_in_names(), "other"}


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("their_broken:Backend", "a_package_that_is_nowhere"),
        ("their_backend:Nothing", "Nothing"),
        ("their_backend:Misnamed", "it calls itself 'somebody'"),
        ("collections:OrderedDict", "it has no .*session_options"),
    ],
)
def test_a_broken_plug_in_is_a_warning(plug_in: Any, where: str, why: str) -> None:
    plug_in(broken=where)
    with pytest.warns(UserWarning, match=rf"the backend 'broken' \({where}\) is left out: .*{why}"):
        assert backend_names() == built_in_names()
    with (
        pytest.warns(UserWarning, match="is left out"),
        pytest.raises(OptionError, match="no backend 'broken'"),
    ):
        find_backend("broken")


def test_ours_cannot_be_replaced(plug_in: Any) -> None:
    plug_in(onnxruntime="their_broken:Backend")
    assert backend_names() == built_in_names()
    assert type(find_backend("onnxruntime")).__module__ == "lehr.deploy.backends.onnxruntime"


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(OptionError, match="no backend 'abacus'; there are onnxruntime"):
        find_backend("abacus")


def _dies(name: str) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _hangs(name: str) -> None:
    signal.pause()


@pytest.mark.parametrize(("work", "why"), [(_dies, "SIGSEGV"), (_hangs, "still running")])
def test_a_backend_that_dies_or_hangs_over_the_question_is_not_available(
    work: Any, why: str, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "_ask", work)
    answer = availability(supervisor, ["onnxruntime"], timeout_s=1.0)["onnxruntime"]
    assert not answer.available
    assert answer.reason.startswith("onnxruntime does not answer: ")
    assert why in answer.reason


def test_a_runtime_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    answer = find_backend("onnxruntime").available()
    assert not answer.available
    assert "onnxruntime" in answer.reason


def test_shares_become_one_space() -> None:
    quantized = param("quantization") == "int8"
    one = Share(
        (
            Categorical("quantization", ["as_is", "int8"]),
            Categorical("per_channel", [False, True], when=quantized),
            Int("batch_size", 1, 8, log=True),
            Ordinal("num_threads", [1, 2, "auto"]),
        ),
        {"quantization": "as_is", "batch_size": 1, "num_threads": "auto"},
    )
    two = Share(
        (
            Int("streams", 1, 4),
            Categorical("quantization", ["as_is", "bf16"]),
            Int("batch_size", 1, 8, log=True),
        ),
        {"streams": 1, "quantization": "as_is", "batch_size": 1},
        ((param("streams") > 2) & (param("quantization") == "bf16"),),
    )
    variables, forbid = combined({"one": one, "two": two})
    space = Space([Categorical("backend", ["one", "two"]), *variables], forbid)
    space.validate({"backend": "one"} | dict(one.default))
    space.validate({"backend": "two"} | dict(two.default))
    seen = {config["backend"]: set() for config in space.sample(5, seed=0)}
    for config in space.sample(400, seed=1):
        assert ("per_channel" in config) == (config["quantization"] == "int8")
        assert ("streams" in config) == (config["backend"] == "two")
        assert ("num_threads" in config) == (config["backend"] == "one")
        assert config["quantization"] != "bf16" or config["streams"] <= 2
        seen[config["backend"]].add(config["quantization"])
    assert seen == {"one": {"as_is", "int8"}, "two": {"as_is", "bf16"}}
    assert space.names.count("quantization") == 1


def test_one_name_means_one_thing() -> None:
    shares = {
        "one": Share((Int("streams", 1, 4),), {"streams": 1}),
        "two": Share((Int("streams", 1, 8),), {"streams": 1}),
    }
    with pytest.raises(OptionError, match="backend 'two' means something else by 'streams'"):
        combined(shares)
    shares["two"] = Share((Categorical("streams", [1, 2]),), {"streams": 1})
    with pytest.raises(OptionError, match="'streams'"):
        combined(shares)


def test_the_deployment_space_of_two_backends(plug_in: Any, tmp_path: Path) -> None:
    plug_in(other="their_backend:Other")
    models = {"m": RunnableModel.open(files.linear(tmp_path / "m.onnx"))}
    chosen = [find_backend("onnxruntime"), find_backend("other")]
    space, default = deployment_space(models, 2, 64, chosen), baseline(models, 2, 64, chosen)
    assert default["backend"] == "onnxruntime"
    space.validate(default)
    alone = deployment_space(models, 2)
    assert space.names == ("backend", *alone.names)
    for config in alone.sample(50, seed=0):
        for name in ("onnxruntime", "other"):
            space.validate({"backend": name} | config)
    with pytest.raises(OptionError, match="no backend is given"):
        deployment_space(models, 2, 64, [])


def test_thread_counts_worth_trying() -> None:
    assert thread_counts(1) == [1]
    assert thread_counts(2) == [1, 2]
    assert thread_counts(6) == [1, 2, 3, 4, 6]
    assert thread_counts(10) == [1, 2, 3, 4, 6, 8, 10]
    assert thread_counts(64) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]


def test_what_a_session_ran_on_leaves_out_what_is_not_known() -> None:
    assert RanOn("cpu", "P").as_json() == {"device": "cpu", "provider": "P"}
    assert RanOn("cuda:0", "P", "float16", 4).as_json() == {
        "device": "cuda:0", "provider": "P", "precision": "float16", "threads": 4,
    }  # fmt: skip


def test_a_plug_in_may_be_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    other = find_backend("onnxruntime")
    monkeypatch.setattr(type(other), "name", "other")
    point = SimpleNamespace(name="other", value="theirs:backend", load=lambda: other)
    monkeypatch.setattr(backends, "_plug_ins", lambda: {"other": point})
    assert find_backend("other") is other
