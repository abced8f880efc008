"""ONNX Runtime's knobs: what each sets, what the default leaves alone, and what is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx_files as files
import onnxruntime
import pytest

from lehr import ConfigurationError
from lehr.deploy import environment
from lehr.deploy.backends import onnxruntime as module
from lehr.deploy.backends.onnxruntime import OnnxRuntime
from lehr.errors import RanElsewhereError

RUNTIME = OnnxRuntime()
UNSET = onnxruntime.SessionOptions()


def opened(path: Path, **config: Any) -> Any:
    return RUNTIME.open(path, RUNTIME.session_options(config))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return files.linear(tmp_path / "m.onnx")


def test_the_default_is_what_the_runtime_does_when_one_sets_nothing(model: Path) -> None:
    options = RUNTIME.session_options({})
    made = module._session_options(options)
    for name in options.keys() - {"providers", "config_entries"}:
        assert getattr(made, name) == getattr(UNSET, name), name
    assert options["config_entries"] == {}
    session = opened(model)
    alone = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    threads = len(module.thread_ids() or ())
    del alone
    assert session.ran_on.threads is not None
    assert threads  # both chose for themselves; what ours chose is read back
    session.close()


def test_waiting_threads_spin_unless_told_not_to(model: Path) -> None:
    def entries(**config: Any) -> list[str | None]:
        session = opened(model, num_threads=2, **config)
        read = session._session.get_session_options()
        found = []
        for pool in ("intra_op", "inter_op"):
            try:
                found.append(read.get_session_config_entry(f"session.{pool}.allow_spinning"))
            except RuntimeError:  # not set, which means yes
                found.append(None)
        session.close()
        return found

    assert entries() == entries(spinning=True) == [None, None]
    assert entries(spinning=False) == ["0", "0"]


def test_openmp_s_variables_are_not_the_backend_s() -> None:
    """Its pool is no OpenMP's, so OMP_WAIT_POLICY, which is set for numeric libraries, must not stand among its own."""
    assert "OMP_WAIT_POLICY" in environment()
    assert not [name for name in RUNTIME.environment if name.startswith(("OMP_", "GOMP_", "KMP_"))]


@pytest.mark.parametrize(
    ("config", "threads"),
    [
        ({"num_threads": 1}, 1),
        ({"num_threads": 3}, 3),
        ({"num_threads": 1, "execution_mode": "parallel"}, 2),
        ({"num_threads": 2, "execution_mode": "parallel", "inter_op_threads": 3}, 4),
    ],
)
def test_threads_are_counted_where_they_run(model: Path, config: dict[str, Any], threads: int) -> None:
    session = opened(model, **config)
    assert session.ran_on.threads == threads
    assert session.ran_on.as_json() == {
        "device": "cpu",
        "provider": "CPUExecutionProvider",
        "threads": threads,
    }
    session.close()


def test_other_threads_than_asked_are_a_crash(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "thread_ids", lambda: frozenset({1}))
    with pytest.raises(RanElsewhereError, match="asked for 4 threads in all, the session has 1"):
        opened(model, num_threads=4)
    monkeypatch.setattr(module, "thread_ids", lambda: None)
    assert opened(model, num_threads=4).ran_on.threads is None


def test_another_provider_than_asked_is_a_crash(model: Path) -> None:
    """A request for CUDA on a machine without it runs on the CPU, with no more than a line in the log."""
    options = RUNTIME.session_options({}) | {"providers": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(
            RanElsewhereError, match=r"asked for CUDAExecutionProvider, .*runs on CPUExecutionProvider"
        ),
    ):
        RUNTIME.open(model, options)


def test_memory_pattern_and_levels_reach_the_session(model: Path) -> None:
    session = opened(model, memory_pattern=False, graph_optimization="basic")
    read = session._session.get_session_options()
    assert not read.enable_mem_pattern
    assert read.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session.close()
    with pytest.raises(ConfigurationError, match="graph_optimization is 'most'; it must be one of disabled"):
        opened(model, graph_optimization="most")
    with pytest.raises(ConfigurationError, match="execution_mode is 'sideways'"):
        opened(model, execution_mode="sideways")
