"""What is typed wrongly gets one sentence on stderr and exit code 2, before anything slow happens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lehr.cli.exits import InputError
from lehr.cli.main import main
from lehr.cli.typed import batch_axes, shapes


def ended(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    captured = capsys.readouterr()
    return int(str(caught.value.code)), captured.out, captured.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tune", "--max-latency-p95", "20"], "--max-latency-p95: '20' has no unit; say the unit: 20ms"),
        (["tune", "--max-memory", "512"], "say the unit: 512MB"),
        (["tune", "--min-accuracy", "95"], "for percent write 95%"),
        (["tune", "--objective", "acuracy"], "did you mean accuracy"),
        (["tune", "--method", "tpa"], "did you mean"),
        (["tune", "--preset", "papers"], "did you mean paper"),
        (["tune", "--seed", "-1"], "seed is -1; give an integer from 0 to"),
        (["tune", "--seed", "x"], "--seed"),
        (["tune", "--budget", "0"], "--budget"),
        (["tune", "--data", "x.npz"], "data belongs to a model of yours"),
        (["tune", "--shape", "x:1x2"], "shapes belongs to a model of yours"),
        (["tune", "--batch-axis", "x"], "--batch-axis: 'x' is not of the form name:0"),
        (["tune", "--limit", "beauty >= 1"], "a deployment has no metric 'beauty'; it has accuracy"),
        (["tune", "--limit", "accuracy"], "--limit: cannot read 'accuracy'"),
        (["tune", "--min-accuracy", "101%"], "101% is outside 0 to 1"),
        (["tune", "--max-memory", "2GB", "--memory-limit", "1GB"], "would kill trials that the limit allows"),
        (["tune", "--trial-timeout", "soon"], "--trial-timeout"),
        (["tune", "--measure-time", "5"], "--measure-time: '5' has no unit"),
        (["tune", "--prepare-timeout", "0s"], "--prepare-timeout"),
        (["tune", "--out", "/nowhere/best.json"], "create it first"),
        (["tune", "--out", "/nowhere/deployed"], "create it first"),
        (["tune", "nowhere.onnx"], "no file nowhere.onnx"),
        (["tune", "--bugdet", "3"], "--bugdet"),
        (["tune", "a.onnx", "b.onnx"], "b.onnx"),
        (["tun"], "tune"),
        (["verify"], "FOLDER"),
        (["verify", "nowhere.json"], "cannot read nowhere.json"),
        (["verify", "nowhere.json", "--repeats", "0"], "--repeats"),
    ],
)
def test_bad_input(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = ended(arguments, capsys)
    assert code == 2
    assert out == ""
    assert said in err
    assert err.startswith("lehr: ")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quantization=fp7", "it has as_is, fp16"),
        ("colour=red", "there are model (mlp"),
        ("quantization", "not of the form variable=value"),
        ("batch_size=100", "it goes from 1 to 64"),
    ],
)
def test_a_choice_that_is_not_there_lists_what_is(
    text: str, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = ended(["tune", "--without", text], capsys)
    assert code == 2
    assert said in err


def test_under_json_an_error_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ended(["tune", "--json", "--max-memory", "1"], capsys)
    assert code == 2
    document = json.loads(out)
    assert document["status"] == "error"
    assert document["exit_code"] == 2
    assert document["error"] in err


def test_without_a_runtime_the_machine_is_at_fault(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lehr.deploy.backend import Availability

    monkeypatch.chdir(tmp_path)
    why = "onnx is not installed: pip install 'lehr[cpu]'"
    monkeypatch.setattr(
        "lehr.deploy.backends.availability", lambda *_: {"onnxruntime": Availability(False, why)}
    )
    code, _, err = ended(["tune"], capsys)
    assert code == 3
    assert "pip install 'lehr[cpu]'" in err


def test_shapes() -> None:
    assert shapes(["input:1x3x224x224", "images:0:7"]) == {"input": (1, 3, 224, 224), "images:0": (7,)}
    for wrong in ("input", "input:", "input:1x", "input:axb", ":1x2", "input:-1x3"):
        with pytest.raises(InputError, match="name:1x3x224x224"):
            shapes([wrong])
    with pytest.raises(InputError, match="given twice"):
        shapes(["x:1", "x:2"])


def test_batch_axes() -> None:
    assert batch_axes(["x:1", "state:0:none"]) == {"x": 1, "state:0": None}
    for wrong in ("x", "x:", "x:-1", "x:one"):
        with pytest.raises(InputError, match="name:0"):
            batch_axes([wrong])
    with pytest.raises(InputError, match="given twice"):
        batch_axes(["x:1", "x:2"])


def test_help_fits_eighty_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (["--help"], ["tune", "--help"], ["verify", "-h"]):
        code, out, _ = ended(arguments, capsys)
        assert code == 0
        assert max(map(len, out.splitlines())) <= 80
        assert out.startswith("Usage: lehr")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ended(["--version"], capsys)
    assert code == 0
    assert out.startswith("lehr ")
