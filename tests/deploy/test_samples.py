"""Samples: read without pickle, checked against the model, cut into full batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx_files as files
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lehr import ModelError
from lehr.deploy import RunnableModel, Samples, load_arrays, samples_for
from lehr.deploy.data import made_up_samples


def refusal(model: RunnableModel, **arrays: Any) -> str:
    with pytest.raises(ModelError) as caught:
        samples_for(model, {name: np.asarray(array) for name, array in arrays.items()}, "data.npz")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def linear(tmp_path: Path) -> RunnableModel:
    return RunnableModel.open(files.linear(tmp_path / "m.onnx"))


@pytest.fixture
def pair(tmp_path: Path) -> RunnableModel:
    return RunnableModel.open(files.two_inputs(tmp_path / "pair.onnx"))


def test_npz_and_npy_are_read(tmp_path: Path, linear: RunnableModel) -> None:
    x, labels = files.weight(6, 8), np.arange(6) % 3
    np.savez(tmp_path / "a.npz", x=x, labels=labels)
    np.savez(tmp_path / "b.npz", x, y=labels)
    np.save(tmp_path / "c.npy", x)
    for name in ("a.npz", "b.npz", "c.npy"):
        samples = samples_for(linear, load_arrays(tmp_path / name), name)
        assert samples.count == 6
        assert np.array_equal(samples.inputs["x"], x)
        assert (samples.labels is None) == (name == "c.npy")


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "exploded").touch, ())

    for name, save in (("a.npz", np.savez), ("b.npy", np.save)):
        save(tmp_path / name, np.array([Bomb()], dtype=object))
        with pytest.raises(ModelError, match="Python objects"):
            load_arrays(tmp_path / name)
    assert not (tmp_path / "exploded").exists()


def test_damaged_files_are_one_sentence(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=files.weight(50, 8))
    whole = (tmp_path / "a.npz").read_bytes()
    for size in (0, 1, 4, 40, len(whole) // 2, len(whole) - 3):
        (tmp_path / "cut.npz").write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"cut\.npz"):
            load_arrays(tmp_path / "cut.npz")
    with pytest.raises(ModelError, match="no file"):
        load_arrays(tmp_path / "none.npz")


def test_types_are_cast_only_where_nothing_is_lost(linear: RunnableModel, pair: RunnableModel) -> None:
    for kind in (np.float64, np.uint8, bool, np.int64):
        assert samples_for(linear, {"x": np.ones((2, 8), kind)}).inputs["x"].dtype == np.float32
    assert "do not fit" in refusal(linear, x=np.full((2, 8), 1e300))
    assert samples_for(pair, {"left": np.ones((2, 8)), "right": np.ones((2, 8), np.int64)}).count == 2
    assert "do not fit" in refusal(pair, left=np.ones((2, 8)), right=np.full((2, 8), 2**40))
    assert "do not fit" in refusal(pair, left=np.ones((2, 8)), right=np.ones((2, 8)))
    assert "holds <U1" in refusal(linear, x=np.full((2, 8), "a"))


def test_what_does_not_fit_is_named(linear: RunnableModel, pair: RunnableModel) -> None:
    text = refusal(linear, x=np.ones((4, 9)))
    assert "'x' takes [N, 8]" in text
    assert "[4, 9]" in text
    assert "NaN" in refusal(linear, x=np.full((2, 8), np.nan))
    assert "no samples" in refusal(linear, x=np.ones((0, 8)))
    ones = np.ones((2, 8))
    assert "rename 'Left' to 'left'" in refusal(pair, Left=ones, right=ones)
    assert "no array for input 'right'" in refusal(pair, left=ones)
    assert "'extra'" in refusal(pair, left=ones, right=ones.astype(int), extra=ones)
    assert "'left' 2, 'right' 3" in refusal(pair, left=ones, right=np.ones((3, 8), int))


def test_labels_are_checked(linear: RunnableModel) -> None:
    x = np.ones((4, 8))
    assert "one row for each of the 4 samples" in refusal(linear, x=x, labels=np.zeros(3, int))
    assert "one row for each" in refusal(linear, x=x, labels=np.array(1))
    assert "numbers or strings" in refusal(linear, x=x, labels=np.zeros(4, complex))
    assert "both" in refusal(linear, x=x, labels=np.zeros(4, int), y=np.zeros(4, int))
    assert "not in 'classes'" in refusal(linear, x=x, labels=np.full(4, 7), classes=np.array([1, 2, 3]))
    assert "each class once" in refusal(linear, x=x, labels=np.full(4, 1), classes=np.array([1, 1, 3]))
    samples = samples_for(linear, {"x": x, "labels": np.zeros((4, 1), int)})
    assert samples.labels is not None
    assert samples.labels.shape == (4,)


def test_state_scalars_and_batches_go_together(tmp_path: Path) -> None:
    model = RunnableModel.open(files.recurrent(tmp_path / "m.onnx"))
    arrays = {"x": files.weight(5, 4), "state": files.weight(2, 5, 3), "rate": np.array(16000)}
    samples = samples_for(model, arrays)
    feed = samples.batch(3, 4)
    assert feed["x"].shape == (4, 4)
    assert feed["state"].shape == (2, 4, 3)
    assert feed["rate"] == 16000
    assert np.array_equal(feed["state"][:, 0], arrays["state"][:, 3])
    assert np.array_equal(feed["x"][2], arrays["x"][0])


def test_items_without_a_batch_axis_are_stacked(tmp_path: Path) -> None:
    model = RunnableModel.open(files.recurrent(tmp_path / "m.onnx", 1))
    stacked = {"x": files.weight(5, 4), "state": files.weight(5, 2, 1, 3), "rate": np.array(1)}
    samples = samples_for(model, stacked)
    assert samples.count == 5
    assert np.array_equal(samples.batch(2, 1)["state"], stacked["state"][2])
    assert samples.take(np.array([4])).inputs["state"].shape == (1, 2, 1, 3)


@given(st.integers(1, 200))
def test_evaluation_and_calibration_never_share_an_item(count: int) -> None:
    x = np.arange(count, dtype=np.float32)[:, None]
    samples = Samples({"x": x}, {"x": 0}, frozenset(), count, labels=np.arange(count))
    evaluation, calibration = samples.split()
    if count >= 10:
        seen = set(evaluation.inputs["x"][:, 0].tolist()), set(calibration.inputs["x"][:, 0].tolist())
        assert not seen[0] & seen[1]
        assert len(seen[0]) + len(seen[1]) <= count
        assert 2 <= calibration.count <= 64
    assert evaluation.labels is not None
    assert np.array_equal(evaluation.labels, evaluation.inputs["x"][:, 0].astype(int))


@given(st.integers(1, 9), st.integers(0, 8), st.integers(1, 20))
def test_every_batch_is_full(count: int, start: int, size: int) -> None:
    x = np.arange(count, dtype=np.float32)[:, None]
    feed = Samples({"x": x}, {"x": 0}, frozenset(), count).batch(start, size)
    assert feed["x"][:, 0].tolist() == [(start + i) % count for i in range(size)]


def test_made_up_samples_are_the_same_every_time(tmp_path: Path) -> None:
    for model in (
        RunnableModel.open(files.recurrent(tmp_path / "a.onnx")),
        RunnableModel.open(files.typed(tmp_path / "b.onnx", files.BOOL)),
        RunnableModel.open(files.embedding(tmp_path / "c.onnx")),
    ):
        first, again, other = (made_up_samples(model, seed) for seed in (0, 0, 1))
        for name, array in first.inputs.items():
            assert np.array_equal(array, again.inputs[name])
        assert any(not np.array_equal(array, other.inputs[name]) for name, array in first.inputs.items())


def test_made_up_samples_of_large_inputs_stay_small(tmp_path: Path) -> None:
    model = RunnableModel.open(
        files.save(
            tmp_path / "m.onnx",
            [files.helper.make_node("Relu", ["x"], ["y"])],
            [("x", files.FLOAT, ["batch", 3, 640, 640])],
            [("y", files.FLOAT, ["batch", 3, 640, 640])],
        )
    )
    assert made_up_samples(model).inputs["x"].nbytes < 40e6
