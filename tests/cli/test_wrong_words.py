"""What is typed wrongly ends in one sentence and exit code 2, without a traceback and before anything is begun."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from lehr.cli import main

SWEEP = "sweep --problem crashy_branin --method tpe --out o"
RUN = "bench run --problem crashy_branin --method tpe --out o"


def typed(words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(words))
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("polish", "No such command 'polish'"),
        ("sweep", "Missing option '--problem'"),
        ("sweep --problem nope --method tpe --out o", "unknown problem 'nope'; use one of"),
        ("sweep --problem crashy_branin --method nope --out o", "unknown method 'nope'; use one of"),
        ("sweep --problem crashy_branin --method smac3 --out o", "use lehr bench run for it"),
        ("sweep --problem crashy_branin --method tpe/foo=1 --out o", "unknown option 'foo'; known options"),
        ("sweep --problem crashy_branin --method tpe:foo --out o", "unknown preset 'foo'; use"),
        (f"{SWEEP} --budget 10:5:1", "10:5:1 is empty"),
        (f"{SWEEP} --budget 1.5", "neither a number of trials nor a range such as 10:50:5"),
        (f"{SWEEP} --budget 99999999999", "outside 1 to 1000000"),
        (f"{SWEEP} --seeds 0", "--seeds: 0 is below 1"),
        (f"{SWEEP} --seeds ten", "Invalid value for '--seeds': 'ten' is not a whole number"),
        (f"{SWEEP} --seeds 99999999999", "give an integer from 1 to"),
        (f"{SWEEP} --threads 0", "--threads: 0 is outside 1 to 1024"),
        (f"{SWEEP} --threads 1.5", "'1.5' is not a whole number"),
        (f"{SWEEP} --format xls", "unknown format 'xls'; use 'csv' or 'parquet'"),
        (f"{SWEEP} --out file.txt", "file.txt is a file; give a folder"),
        (f"{SWEEP} --out file.txt/x", "file.txt/x lies below a file; give a folder"),
        (f"{SWEEP} --out .", "holds other files; give a new or an empty folder"),
        (f"{RUN} --processes 99999", "--processes: 99999 is outside 1 to 1024"),
        (f"{RUN} --peer-seeds 0", "--peer-seeds: 0 is below 1"),
        (f"{RUN} --time-limit 9", "say the unit: 9s"),
        (f"{RUN} --out file.txt/x", "lies below a file"),
        ("bench --replay nope.json", "there is no file nope.json"),
        ("bench --replay file.txt", "file.txt is not a recorded problem"),
        ("bench --replay file.txt --direction up", "'up' is neither maximize nor minimize"),
        ("bench --replay file.txt --constraint x=y", "not of the form NAME=LIMIT"),
        ("bench describe nope", "unknown problem 'nope'"),
        ("bench report file.txt", "there is no folder file.txt"),
        ("bench report results --out no/page.html", "--out: the folder no does not exist; create it first"),
        ("bench report results --out results", "--out: results is a folder; give a file in it"),
        ("bench results --store s --out x.md --table no/x.csv", "--table: the folder no does not exist"),
        ("bench results --store s --out .", "--out: . is a folder"),
        ("tune --budget many", "'many' is neither a number of trials nor a time such as 60s"),
        ("tune --budget 5x", "has the unit 'x'; use one of"),
        ("tune --seed x", "'x' is not a whole number"),
        ("tune --storage results", "--storage: results is a folder; give a file in it"),
        ("tune --storage no/x.journal", "--storage: the folder no does not exist; create it first"),
        ("tune --out no/best.json", "--out: the folder no does not exist; create it first"),
        ("tune file.txt", "file.txt is not an ONNX model"),
        ("tune --method nope", "--method: unknown 'nope'; use one of"),
        ("tune --max-latency-p95 20", "say the unit: 20ms"),
        ("tune --without quantization=foo", "quantization has no value 'foo'; it has"),
        ("verify file.txt", "give the best.json that lehr tune wrote"),
        ("verify results", "cannot read results/best.json"),
        ("tune --out file.txt", "--out: file.txt is a file; give a folder"),
        ("tune --out results", "--out: the folder results holds other files"),
        ("tune --metric m", "metric belongs to a model of yours"),
        ("tune --backend nope", "there is no backend 'nope'; there are onnxruntime"),
        ("verify file.txt --repeats x", "'x' is not a whole number"),
    ],
)
def test_one_sentence(
    words: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("hello\n")
    Path("results").mkdir()
    Path("results", "lehr-sweep.json").write_text('{"format": "lehr.sweep", "version": 1, "tables": "csv"}')
    before = sorted(tmp_path.rglob("*"))
    assert typed(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("lehr: ")
    assert printed.err.count("\n") == 1
    assert said in printed.err
    assert sorted(tmp_path.rglob("*")) == before
    assert typed(f"{words} --json") == 2
    answer = json.loads(capsys.readouterr().out)
    assert (answer["status"], answer["exit_code"]) == ("error", 2)
    assert said in answer["error"]
