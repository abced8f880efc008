"""Opening a stranger's model: what is wrong with it is told, and it cannot take the command along."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lehr.cli import opening
from lehr.errors import ModelError

pytest.importorskip("onnxruntime")


def test_a_model_comes_back_as_its_own_process_saw_it(linear_model: Path, tmp_path: Path) -> None:
    from lehr.deploy.evaluate import Evaluator

    data = linear_model.parent / "samples.npz"
    opened = opening.open_model(linear_model, tmp_path, data, {})
    assert opened.labelled
    assert opened.samples == 48
    assert opened.evaluator == Evaluator.for_model(linear_model, tmp_path, data)


def test_what_is_wrong_is_told_in_the_words_of_the_model(linear_model: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"this is no model")
    with pytest.raises(ModelError, match=r"^broken\.onnx is not an ONNX model"):
        opening.open_model(tmp_path / "broken.onnx", tmp_path, None, {})
    np.savez(tmp_path / "wrong.npz", x=np.zeros((5, 7), np.float32))
    with pytest.raises(ModelError, match=r"'x' takes \[N, 4\], but the data holds \[5, 7\]"):
        opening.open_model(linear_model, tmp_path, tmp_path / "wrong.npz", {})


def test_a_model_that_kills_its_process_is_one_sentence(
    linear_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    monkeypatch.setattr(opening, "_describe", dies)
    with pytest.raises(ModelError, match=r"two_layers\.onnx cannot be tried: .*SIGSEGV"):
        opening.open_model(linear_model, tmp_path, None, {})
