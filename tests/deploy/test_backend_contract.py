"""What every backend must keep to; a new one is one more name here."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from benches import Bench

from lehr import Space
from lehr.deploy import (
    Availability,
    Backend,
    Failure,
    Prepared,
    Stage,
    availability,
    environment,
    find_backend,
)
from lehr.deploy.backends import built_in_names
from lehr.errors import PreparationError
from lehr.supervise import Supervisor


def _exported(path: Path) -> Path:
    import torch_files

    return torch_files.rows(path)


#: By backend, what writes a small model for it: rows of numbers in, at least three scores out.
MODELS = {"onnxruntime": files.linear, "openvino": files.linear, "torch": _exported, "torch_aoti": _exported}
#: The package without which a backend cannot be tried.
NEEDS = {"onnxruntime": "onnxruntime", "openvino": "openvino", "torch": "torch", "torch_aoti": "torch"}


ODD_NAME = 'the "model" {0} ü.onnx'


@pytest.fixture(params=sorted(MODELS), scope="module")
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each backend in turn, where what it runs on is installed."""
    pytest.importorskip(NEEDS[request.param])
    return find_backend(request.param)


@pytest.fixture(scope="module")
def made(backend: Backend, supervisor: Supervisor, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Its model, opened by it; what it prepares is prepared once for all tests."""
    folder = tmp_path_factory.mktemp(backend.name)
    stage = Stage(folder / "work", supervisor, backends=(backend.name,))
    return Bench(stage, MODELS[backend.name](folder / "m.onnx"))


def shared(backend: Backend, made: Bench, cores: int = 2) -> Space:
    share = backend.share(made.opened.models, cores, 8)
    return Space(share.variables, share.forbid)


def samples(made: Bench, count: int = 3) -> dict[str, Any]:
    found = made.prepare({})
    assert isinstance(found, Prepared)
    return found.samples().batch(0, count)


def test_every_built_in_backend_is_tested_here() -> None:
    assert set(MODELS) == set(NEEDS) == set(built_in_names())


def test_it_says_whether_it_runs_here(backend: Backend, supervisor: Supervisor) -> None:
    answer = availability(supervisor, [backend.name])[backend.name]
    assert answer.available, answer.reason
    assert answer.reason
    assert answer.versions
    assert Availability(**json.loads(json.dumps(answer.as_json()))) == answer


def test_its_default_is_legal_and_sets_nothing(backend: Backend, made: Bench) -> None:
    for cores in (1, 2, 3, 8, 64):
        share = backend.share(made.opened.models, cores, 8)
        Space(share.variables, share.forbid).validate(dict(share.default))
        assert backend.prepare_key(share.default) == backend.prepare_key({})
        assert backend.session_options(share.default) == backend.session_options({})


def test_options_are_plain_json_and_all_there_is(backend: Backend, made: Bench) -> None:
    for config in shared(backend, made).sample(50, seed=1):
        options = backend.session_options(config)
        assert json.loads(json.dumps(options)) == options


def test_every_configuration_opens_runs_and_says_on_what(backend: Backend, made: Bench) -> None:
    inputs = samples(made)
    expected, refused = None, 0
    for config in [{}, *shared(backend, made).sample(20, seed=2)]:
        prepared = made.prepare(config)
        try:
            if isinstance(prepared, Failure):
                raise PreparationError(prepared.reason)
            session = backend.open(prepared.artefact, json.loads(json.dumps(backend.session_options(config))))
        except Exception:  # a crash is a result, but not that of most
            refused += 1
            continue
        assert session.ran_on.device == "cpu"
        assert session.ran_on.provider
        assert session.ran_on.threads is None or session.ran_on.threads >= 1
        answers = session.run(inputs)
        expected = answers if expected is None else expected
        assert [answer.shape for answer in answers] == [answer.shape for answer in expected]
        assert np.abs(answers[0] - expected[0]).max() < 0.5 * np.abs(expected[0]).max()
        session.close()
    assert refused < 8


def test_bound_inputs_are_run_again_and_again(backend: Backend, made: Bench) -> None:
    inputs = samples(made, 4)
    session = backend.open(made.prepare({}).artefact, backend.session_options({}))
    alone = session.run(inputs)
    session.bind(inputs)
    assert session.run() is None
    session.run()
    session.synchronize()
    for size in (2, 5, 1):  # the outputs of other calls have other shapes
        answers = session.run(samples(made, size))
        assert [len(answer) for answer in answers] == [size] * len(answers)
        count = min(size, 4)
        np.testing.assert_allclose(answers[0][:count], alone[0][:count], rtol=1e-5)
    session.close()


def test_a_wrong_shape_is_the_runtime_s_refusal(backend: Backend, made: Bench) -> None:
    session = backend.open(made.prepare({}).artefact, backend.session_options({}))
    with pytest.raises(Exception, match=r"."):
        session.run({name: array[..., :1] for name, array in samples(made).items()})
    session.close()


def test_answers_are_the_caller_s_to_keep(backend: Backend, made: Bench) -> None:
    session = backend.open(made.prepare({}).artefact, backend.session_options({}))
    inputs = {name: np.array(array) for name, array in samples(made).items()}
    first = session.run(inputs)
    kept = [np.array(answer) for answer in first]
    session.run({name: array * 0 for name, array in inputs.items()})
    session.close()
    for answer, copy in zip(first, kept, strict=True):
        np.testing.assert_array_equal(answer, copy)


def test_its_modules_start_no_threads(backend: Backend) -> None:
    """Else every trial would need a fresh interpreter."""
    imports = "".join(f"import {name}\n" for name in backend.preload)
    code = f"import os\n{imports}print(len(os.listdir('/proc/self/task')))"
    variables = {**os.environ, **environment(), **backend.environment}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=variables, check=True
    )
    assert done.stdout.strip() == "1"


def test_its_loader_opens_the_file_without_lehr(backend: Backend, made: Bench, tmp_path: Path) -> None:
    config = shared(backend, made).sample(1, seed=5)[0] | {"quantization": "as_is"}
    prepared = made.prepare(config)
    assert isinstance(prepared, Prepared)
    options = backend.session_options(config)
    inputs = samples(made)
    session = backend.open(prepared.artefact, options)
    expected = session.run(inputs)
    session.close()
    folder = tmp_path / "deployed"
    folder.mkdir()
    name = ODD_NAME if len(prepared.files) == 1 else prepared.artefact.name  # files know each other by name
    for file in prepared.files:
        target = name if file == prepared.artefact else file.name
        (folder / target).write_bytes(file.read_bytes())
    text = backend.loader(name, options)
    (folder / "load.py").write_text(text)
    assert "lehr" not in {name.split(".")[0] for name in imported(text)}
    np.savez(tmp_path / "in.npz", **inputs)
    script = textwrap.dedent("""
        import sys, numpy as np
        sys.path.insert(0, sys.argv[1])
        from load import load
        outputs = load()(dict(np.load(sys.argv[2])))
        assert not [name for name in sys.modules if name.split(".")[0] == "lehr"]
        np.savez(sys.argv[3], *outputs)
    """)
    arguments = [sys.executable, "-I", "-c", script, folder, tmp_path / "in.npz", tmp_path / "out.npz"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as found:
        for answer, name in zip(expected, found.files, strict=True):
            np.testing.assert_array_equal(answer, found[name])
    assert json.dumps(backend.session_options(config)) == json.dumps(options)
    shown = subprocess.run([sys.executable, folder / "load.py"], capture_output=True, text=True, check=True)
    assert "input" in shown.stdout


def imported(text: str) -> set[str]:
    """The modules that a program imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found
