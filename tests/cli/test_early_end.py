"""``lehr tune`` that ends early: what it says, in words and as JSON, and how to go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lehr.cli.main import main
from lehr.study import Job
from lehr.supervise import Ending

pytest.importorskip("onnxruntime")

TUNE = ["tune", "--method", "guided", "--budget", "60"]


class Modelled:
    """In place of the executor: metrics that follow from the configuration alone, in no time."""

    def __init__(self, *_: Any) -> None:
        pass

    def run(self, _evaluate: object, job: Job) -> Ending:
        config = job.config
        model = ["mlp", "lenet", "mobilenet", "resnet", "vit"].index(config["model"])
        latency = (1.0 + model) * config["batch_size"] ** 0.5
        metrics = {
            "accuracy": 0.90 + 0.01 * model, "latency_p95_ms": latency, "memory_peak_mb": 50.0,
            "throughput_items_s": 1e4,
        }  # fmt: skip
        return Ending("ok", metrics, {}, 1.0)

    def close(self) -> None:
        pass


@pytest.fixture
def tune(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """The command in this process: its exit code and stdout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("lehr.deploy.tune.DeploymentExecutor", Modelled)

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as caught:
            main([*TUNE, *arguments])
        captured = capsys.readouterr()
        assert captured.err == ""
        return int(str(caught.value.code)), captured.out

    return run


def test_it_says_why_it_ended_and_how_to_go_on(tune: Any) -> None:
    code, out = tune("--explain")
    assert code == 0
    said = next(line for line in out.splitlines() if line.startswith("Ended early after "))
    done = int(said.split()[3])
    assert done < 60
    assert f"after {done} of 60 trials: no configuration is expected to improve" in said
    assert said.endswith(". --no-early-end goes on.")
    assert "\nEnded early: no configuration is expected" in out
    assert out.splitlines()[-1].startswith("Best: ")

    code, out = tune("--json")
    document = json.loads(out)
    assert (code, document["status"], document["stopped"]) == (0, "ok", "early")
    assert document["ended_early"].startswith("no configuration is expected to improve")
    assert len(document["trials"]) == done

    code, out = tune()
    assert code == 0
    assert f"This study has ended early after {done} of 60 trials: no configuration" in out
    assert "Nothing was measured now; --fresh starts anew." in out

    code, out = tune("--no-early-end", "--json")
    document = json.loads(out)
    assert (document["stopped"], document["ended_early"]) == ("budget", None)
    assert len(document["trials"]) == 60


def test_under_a_time_budget_the_trials_are_counted_alone(tune: Any) -> None:
    _, out = tune("--budget", "10min")
    said = next(line for line in out.splitlines() if line.startswith("Ended early after "))
    assert " trials: no configuration" in said
    assert " of " not in said.partition(":")[0]
