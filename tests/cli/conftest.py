"""Running the command line as users do: in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import lehr

# A shell starts background jobs with SIGINT ignored, and children inherit that. Tests that interrupt a program mean an
# ordinary one: a handler of our own is back to the default in whatever we execute.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_SOURCE = Path(lehr.__file__).resolve().parents[1]  # where this very lehr was imported from


@dataclass
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Stdout as the one JSON object it must be."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def environment(**extra: str) -> dict[str, str]:
    """The environment of a command: the lehr under test, no terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}
    }
    return {**kept, "PYTHONPATH": str(_SOURCE), "TERM": "dumb", "PYTHONUNBUFFERED": "", **extra}


class Commands:
    """Starts ``lehr`` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def run(self, *arguments: object, timeout: float = 600, **extra: str) -> Finished:
        """Run to the end."""
        done = subprocess.run(
            [sys.executable, "-m", "lehr", *map(str, arguments)],
            cwd=self.folder, env=environment(**extra), capture_output=True, text=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return Finished(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object, **extra: str) -> subprocess.Popen[str]:
        """Start, with pipes for stdout and stderr, as the leader of a session of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "lehr", *map(str, arguments)],
            cwd=self.folder, env=environment(**extra), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._started.append(process)
        return process

    def stop_all(self) -> None:
        """End what a failed test left running."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture
def lehr(tmp_path: Path) -> Iterator[Commands]:
    """The command line in an empty folder."""
    commands = Commands(tmp_path)
    yield commands
    commands.stop_all()


@pytest.fixture
def tree() -> Callable[[int], list[psutil.Process]]:
    """The processes below one."""

    def below(pid: int) -> list[psutil.Process]:
        return psutil.Process(pid).children(recursive=True)

    return below


@pytest.fixture(scope="session")
def linear_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A foreign model made by hand: relu(x W) V with 4 inputs and 3 classes, any batch; and labelled data beside it."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    first = rng.standard_normal((4, 16)).astype(np.float32)
    second = rng.standard_normal((16, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "first"], ["hidden"]),
            helper.make_node("Relu", ["hidden"], ["rectified"]),
            helper.make_node("MatMul", ["rectified", "second"], ["scores"]),
        ],
        "two_layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder = tmp_path_factory.mktemp("foreign")
    onnx.save(model, str(folder / "two_layers.onnx"))
    samples = rng.standard_normal((60, 4)).astype(np.float32)
    labels = np.argmax(np.maximum(samples @ first, 0) @ second, axis=1)
    np.savez(folder / "samples.npz", x=samples, labels=labels)
    return folder / "two_layers.onnx"
