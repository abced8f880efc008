"""Where samples come from: files judged before they are read, arrays in memory, functions that yield batches."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from benches import Bench

from lehr import ModelError
from lehr.deploy import DataSource, RunnableModel, Stage, load_arrays
from lehr.deploy.given import MOST_ITEMS, given_arrays, given_batches


def refused(call: Any, *arguments: Any, **options: Any) -> str:
    """The one sentence."""
    with pytest.raises(ModelError) as caught:
        call(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_numpy_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    assert "a.csv is a text file" in refused(load_arrays, tmp_path / "a.csv")
    assert "numpy.savez" in refused(load_arrays, tmp_path / "a.csv")
    (tmp_path / "a.dat").write_text("1,2\n")
    assert "a.dat" in refused(load_arrays, tmp_path / "a.dat")
    for call in (load_arrays, DataSource.of_file):
        assert "is a folder; give one" in refused(call, tmp_path)
        assert "there is no file" in refused(call, tmp_path / "none.npz")
    np.savez(tmp_path / "empty.npz")
    assert "holds no arrays" in refused(load_arrays, tmp_path / "empty.npz")


def test_python_objects_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(3), names=np.array([{}, None], dtype=object))
    assert "Python objects in 'names'" in refused(load_arrays, tmp_path / "a.npz")


def test_an_archive_s_unpacked_size_is_judged_before_it_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((1000, 1000)), y=np.zeros(1000))
    assert (tmp_path / "a.npz").stat().st_size < 20_000
    text = refused(load_arrays, tmp_path / "a.npz", most_bytes=8e6)
    assert "a.npz unpacks to 0.00801 GB, more than the 0.008 GB" in text
    assert load_arrays(tmp_path / "a.npz", most_bytes=8.1e6)["x"].shape == (1000, 1000)
    np.save(tmp_path / "b.npy", np.zeros(2_000_000))
    assert "b.npy unpacks" in refused(load_arrays, tmp_path / "b.npy", most_bytes=8e6)


def test_a_header_that_promises_more_than_is_there(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    lying = (tmp_path / "a.npy").read_bytes().replace(b"(4, 4), }  ", b"(99999,4),}")
    assert len(lying) == (tmp_path / "a.npy").stat().st_size
    (tmp_path / "lying.npy").write_bytes(lying)
    assert "shorter than its header says" in refused(load_arrays, tmp_path / "lying.npy")
    with zipfile.ZipFile(tmp_path / "lying.npz", "w") as archive:
        archive.writestr("x.npy", lying)
    assert "x is shorter than its header says" in refused(load_arrays, tmp_path / "lying.npz")


def test_arrays_in_memory(tmp_path: Path) -> None:
    arrays = {"x": files.weight(6, 8), "labels": [0, 1, 2, 0, 1, 2]}
    source = DataSource.of(arrays, tmp_path / "work")
    assert source == DataSource.of(arrays, tmp_path / "work") == pickle.loads(pickle.dumps(source))
    assert source.key() != DataSource.of({**arrays, "labels": [0] * 6}, tmp_path / "work").key()
    samples, _ = source.load(RunnableModel.open(files.linear(tmp_path / "m.onnx")))
    assert samples.count == 6
    assert sorted(samples.inputs["x"][:, 0]) == sorted(arrays["x"][:, 0])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "no arrays"),
        ({3: np.ones(3)}, "names of inputs"),
        ({"x": [[1, 2], [3]]}, "'x' in the data is no array"),
        ({"x": [object()]}, "'x' in the data holds Python objects"),
        ({"x": np.ones(3, complex)}, "complex128"),
    ],
)
def test_what_is_no_array(arrays: Any, words: str) -> None:
    assert words in refused(given_arrays, arrays)


def batches() -> Iterator[dict[str, Any]]:
    """Three batches of different sizes."""
    for size in (4, 4, 2):
        yield {"x": np.full((size, 8), size, np.float32), "labels": np.zeros(size, int), "rate": 16}


def test_a_function_s_batches_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = given_batches(batches)
    assert given.arrays["x"][:, 0].tolist() == [4] * 8 + [2] * 2
    assert given.arrays["labels"].shape == (10,)
    assert given.arrays["rate"] == 16
    assert (given.name, given.notes) == ("batches", ())
    along = given_batches(lambda: [{"x": np.ones((5, 3, 8))}, {"x": np.ones((5, 4, 8))}], {"x": 1})
    assert along.arrays["x"].shape == (5, 7, 8)
    (tmp_path / "my_data.py").write_text(
        "import numpy as np\ndef samples():\n    return {'x': np.ones((12, 8), np.float32)}\n"
    )
    monkeypatch.chdir(tmp_path)
    source = DataSource.of("my_data:samples", tmp_path / "work")
    assert source.name == "my_data:samples"
    samples, calibration = source.load(RunnableModel.open(files.linear(tmp_path / "m.onnx")))
    assert (samples.count, calibration.count) == (9, 3)


def test_a_function_that_never_ends_is_taken_so_far_and_that_is_said() -> None:
    taken: list[int] = []

    def endless() -> Iterator[dict[str, Any]]:
        while True:
            taken.append(1)
            yield {"x": np.zeros((100, 8), np.float32)}

    given = given_batches(endless)
    assert MOST_ITEMS <= len(given.arrays["x"]) < MOST_ITEMS + 100
    assert len(taken) <= MOST_ITEMS // 100 + 2
    assert given.notes == (
        f"the first {len(given.arrays['x'])} items of {given.name} were taken, which gives more",
    )
    exactly = given_batches(lambda: [{"x": np.zeros((100, 8))}], most_items=100)
    assert exactly.notes == ()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: 1 / 0, "raised ZeroDivisionError"),
        (lambda: 3, "returned int"),
        (lambda: [], "yields nothing"),
        (lambda: [np.ones(3)], "dictionaries of arrays by input name, not ndarray"),
        (lambda: [{"x": np.ones(3)}, {"y": np.ones(3)}], "batch 1 of <lambda> has other arrays"),
        (lambda: [{"x": np.ones((3, 2))}, {"x": np.ones((3, 4))}], "do not go together"),
        (lambda: [{"x": np.array(1)}, {"x": np.array(2)}], "differs between batches"),
        ("no.such:thing", "module no.such cannot be imported"),
        ("math:pi", "module math has no function 'pi'"),
    ],
)
def test_what_a_function_must_yield(function: Any, words: str) -> None:
    text = refused(given_batches, function)
    assert words in text.replace(given_name(function), "<lambda>")


def given_name(function: Any) -> str:
    return function if isinstance(function, str) else function.__qualname__


def test_what_is_no_data(tmp_path: Path) -> None:
    assert "not int" in refused(DataSource.of, 3, tmp_path)
    assert "there is no file" in refused(DataSource.of, "none.npz", tmp_path)


@pytest.mark.parametrize("how", ["file", "arrays", "function"])
def test_all_of_them_end_in_the_same_accuracy(bench: Callable[..., Bench], tmp_path: Path, how: str) -> None:
    x = files.weight(40, 8)
    arrays = {"x": x, "labels": (x @ files.weight(8, 3)).argmax(axis=1)}
    np.savez(tmp_path / "data.npz", **arrays)
    data: Any = {"file": tmp_path / "data.npz", "arrays": arrays, "function": lambda: [arrays]}[how]
    model = files.linear(tmp_path / "m.onnx")
    metrics = bench(model, data)({"batch_size": 5})
    assert (metrics["accuracy"], metrics["accuracy_samples"]) == (1.0, 32)


def test_shapes_that_do_not_fit_are_named_with_both_shapes(stage: Stage, tmp_path: Path) -> None:
    model = files.linear(tmp_path / "m.onnx")
    data = {"x": np.ones((4, 9), np.float32)}
    text = refused(stage.open, model, data=data)
    assert "'x' takes [N, 8]" in text
    assert "[4, 9]" in text
    data = {"x": np.ones(8, np.float32)}
    assert "is [batch, 8], but" in refused(stage.open, model, data=data)
    data = {"x": np.full((4, 8), "a")}
    assert "holds <U1" in refused(stage.open, model, data=data)
    assert "no samples" in refused(stage.open, model, data={"x": np.ones((0, 8), np.float32)})
