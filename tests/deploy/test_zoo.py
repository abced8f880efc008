"""The bundled zoo: what is recorded is what is there, and nothing leaks from training into evaluation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from lehr.deploy import FAMILIES, RunnableModel, zoo
from lehr.deploy.data import zoo_samples
from lehr.deploy.models import quiet_session
from lehr.deploy.zoo import card, data_path, noisy_to_input, pixels_to_input, store_noisy, upscale

ROOT = Path(__file__).parents[2]


def test_five_families_under_six_megabytes() -> None:
    assert tuple(zoo()) == FAMILIES
    assert sum(family.path.stat().st_size for family in zoo().values()) < 6e6


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_as_accurate_as_recorded(name: str) -> None:
    family = zoo()[name]
    assert hashlib.sha256(family.path.read_bytes()).hexdigest() == family.sha256
    session = quiet_session(family.path)
    for variant, recorded in (("clean", family.accuracy_clean), ("noisy", family.accuracy_noisy)):
        held_out, _ = zoo_samples("clean" if variant == "clean" else "noisy")
        assert held_out.labels is not None
        assert held_out.classes is not None
        predicted = held_out.classes[session.run(None, held_out.inputs)[0].argmax(1)]
        # Another processor may round a close call the other way: 2 of 797 images.
        assert np.mean(predicted == held_out.labels) == pytest.approx(recorded, abs=2.5 / 797)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_takes_any_batch_under_the_usual_names(name: str) -> None:
    model = RunnableModel.open(zoo()[name].path)
    assert model.fixed_batch is None
    assert [(spec.name, spec.shape) for spec in model.inputs] == [("input", (1, 1, 32, 32))]
    assert [(output.name, output.shape) for output in model.outputs] == [("logits", (1, 10))]


def test_accuracies_spread() -> None:
    accuracies = sorted(family.accuracy_noisy for family in zoo().values())
    assert accuracies[-1] - accuracies[0] > 0.1
    assert all(family.accuracy_noisy < family.accuracy_clean for family in zoo().values())


def hashes(images: np.ndarray) -> set[str]:
    return {hashlib.sha256(image.tobytes()).digest()[:8].hex() for image in images}


def test_training_calibration_and_evaluation_do_not_overlap_where_they_must_not() -> None:
    with np.load(data_path(), allow_pickle=False) as file:
        clean, calibration, trained = file["clean"], file["calibration"], set(file["train_sha256"].tolist())
        assert len(trained) == card()["split"]["train"] == 1000
        assert len(hashes(clean)) == len(clean) == len(file["noisy"]) == len(file["labels"]) == 797
    assert not hashes(clean) & trained
    assert hashes(calibration) <= trained
    assert len(calibration) == 100


def test_the_held_out_images_have_every_class_in_proportion() -> None:
    labels = zoo_samples("clean")[0].labels
    assert labels is not None
    assert np.bincount(labels, minlength=10).min() > 50


def test_upscaling_is_bilinear() -> None:
    flat = np.full((1, 8, 8), 7.0)
    assert np.allclose(upscale(flat), 7.0)
    ramp = np.arange(8.0)[None, None, :] * np.ones((1, 8, 1))
    wide = upscale(ramp)[0, 0]
    assert np.allclose(np.diff(wide[2:-2]), 0.25)
    assert (wide[0], wide[-1]) == (0.0, 7.0)
    assert pixels_to_input(np.full((2, 8, 8), 16)).shape == (2, 1, 32, 32)


def test_noisy_images_are_stored_to_within_half_a_step() -> None:
    values = np.linspace(-1, 2, 1001)
    assert np.abs(noisy_to_input(store_noisy(values)) - values).max() <= 0.5 / 85 + 1e-6
    assert noisy_to_input(store_noisy(np.array([-5.0, 9.0]))).tolist() == [-1.0, 2.0]


def test_licences_and_provenance_are_there() -> None:
    data, models = card()["data"], card()["models"]
    assert (data["doi"], data["licence"]) == ("10.24432/C50P49", "CC BY 4.0")
    assert models["licence"] == "Apache-2.0"
    assert (ROOT / models["script"]).is_file()
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "10.24432/C50P49" in notice
    assert "CC BY 4.0" in notice
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
