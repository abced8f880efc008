"""How often `lehr tune` ships the best of what it tried, by the rule of now and that of before, on real models here.

    python bench/selection.py [--minutes 25] [--seeds 20] [--models mlp resnet] [--loads quiet busy] [--trials 25]
    python bench/selection.py --table

Families of the bundled zoo, each as a model of a user's own with labelled images, are tuned for throughput on ONNX
Runtime with 25 trials: by lehr's rule of now and by the rule before, each on a quiet machine and beside a busy loop
that is pinned to nothing (`busy`). A line a search goes to results/selection.jsonl, and what is there is not done
again: the same command goes on where it was ended, by Ctrl-C or by --minutes (nothing begins that is expected to take
longer). Run it alone on the machine.

**The rule before**, emulated in the code of now: the objective comes from one short measurement (100 calls, or 0.4 s
once there are 20 calls), its uncertainty is not told to the search, disturbed trials are not repeated, and the best
figure ships, without a final. It measured the winner once more where a percentile of the latency was limited, and only
there; here nothing is limited but accuracy. Three things are not as they were: the space and the default configuration
are those of now; a configuration that is another one in other words is not measured again; and a measurement that has
not 20 calls after 0.8 s ends then rather than after 2 s.

**The truth** is a long measurement: interleaved in random order, in rounds with a fresh helper process each, by the
strict plan (1 to 2 s of calls, and again when disturbed), without a neighbour. `--truth quiet busy` measures beside one
as well, which says whether a choice was right for the machine as it was. It is kept by configuration in
results/selection_truth.jsonl, for all seeds and rules. Measured once is what met the limits and came within 25 % of the
best of its search (50 % beside a neighbour); four times what shipped, the default configuration and the best four by
what is known so far. Configurations of different rounds are compared by levels fitted to configurations and rounds
(`lehr.deploy.paired`).

A choice is *within* 3 % of the best of all that met the limits in its search or not, and *worse than the default* when
it is below it by more than 1 %. `unsure` are choices whose interval at 95 % holds the 3 %. Intervals in the table are
Wilson's. Seconds are those of the whole call: opening the model, `search_s` (trials with all that is prepared for
them) and `final_s`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from selection_figures import LOADS, Load, Search, Truth, blocks, key_of, missing, tables

from lehr.bench.provenance import provenance
from lehr.deploy import FAMILIES, LatencyPlan, Stage, environment, zoo
from lehr.deploy.data import zoo_samples
from lehr.deploy.evaluate import Evaluator, preload
from lehr.deploy.prepare import Failure
from lehr.deploy.request import Request, read_request
from lehr.deploy.tune import Tuned, Tuning
from lehr.deploy.twins import SAME_AS
from lehr.deploy.workload import make_workdir
from lehr.study import StudyOpened, TrialFinished
from lehr.supervise import Supervisor

METRIC = "throughput_items_s"
MODELS = ("resnet", "mlp", "vit", "mobilenet")
RESULTS = Path(__file__).resolve().parent / "results"
SEARCHES, TRUTH = "selection.jsonl", "selection_truth.jsonl"
#: A busy loop that ends with the process that started it, however that ends.
NEIGHBOUR = """
import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000):
        pass
"""


# -- the rule before --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ShortEvaluator(Evaluator):
    """Measures for a moment, and does not say how well the figure is known."""

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        measured = super().__call__(config)
        return {**measured, "sem": {}}


class TuningBefore(Tuning):
    """`lehr tune` by the rule before. Its request asks for no final."""

    def _evaluator(self) -> Evaluator:
        given = super()._evaluator()
        plan = replace(given.plan, precision=None, enough_s=0.4, retries=0)
        return ShortEvaluator(
            **{one.name: getattr(given, one.name) for one in fields(given)} | {"plan": plan}
        )

    def _repeats(self) -> int:
        return 0


# -- searches ---------------------------------------------------------------------------------------------------------


@contextmanager
def neighbour(load: Load) -> Iterator[None]:
    """A busy loop beside us, or none."""
    if load == "quiet":
        yield
        return
    # In a session of its own Ctrl-C does not reach it: ending it is our business.
    command = [sys.executable, "-c", NEIGHBOUR, str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True) as busy:
        try:
            yield
        finally:
            busy.kill()


def search(asked: Search, data: Path) -> dict[str, Any]:
    """One search; the line of it, without where it comes from."""
    marks: dict[str, float] = {}

    def mark(event: Any) -> None:
        if isinstance(event, StudyOpened):
            marks["opened"] = time.perf_counter()
        elif isinstance(event, TrialFinished):
            marks["searched"] = time.perf_counter()

    rule = Tuning if asked.rule == "now" else TuningBefore
    with neighbour(asked.load):
        started = time.perf_counter()
        tuned = rule(_request(asked, data), on_event=mark).run()
        ended = time.perf_counter()
    # Without a final, what comes after the last trial is part of the search.
    searched = marks["searched"] if tuned.final is not None else ended
    return {
        "benchmark": "selection",
        "model": asked.model,
        "load": asked.load,
        "rule": asked.rule,
        "seed": asked.seed,
        "trials": asked.trials,
        "ran": len(tuned.study),
        "seconds": round(ended - started, 2),
        "search_s": round(searched - marks["opened"], 2),
        "final_s": round(ended - searched, 2),
        "disturbed": 0 if tuned.disturbed is None else tuned.disturbed["trials"],
        **_shipped(tuned),
    }


def _shipped(tuned: Tuned) -> dict[str, Any]:
    met = [
        (trial.config, trial.objective)
        for trial in tuned.study.trials
        if trial.feasible and SAME_AS not in trial.facts  # that is another one in other words
    ]
    met.sort(key=lambda one: -(one[1] or 0.0))
    return {
        "shipped": tuned.config,
        "promised": tuned.metrics.get(METRIC),
        "settled": None if tuned.final is None else tuned.final.result.settled,
        "said": [] if tuned.final is None else list(tuned.final.sentences),
        "default": tuned.workload.baseline,
        "met": [[config, float(f"{value:.5g}")] for config, value in met if value is not None],
    }


def _request(asked: Search, data: Path) -> Request:
    return read_request(
        zoo()[asked.model].path, data=data, limits=None, objective="throughput", budget=asked.trials, seed=asked.seed,
        backends=["onnxruntime"], metric=None, shapes=None, batch_axis=None, method=None, preset="default", without=(),
        trial_timeout_s=None, memory_limit_mb=None, storage=None, name=None, fresh=False, policies=None,
        early_end=True, final_s=None if asked.rule == "now" else 0,
    )  # fmt: skip


def write_data(folder: Path) -> Path:
    """The zoo's held-out images with their labels, as a user would give them."""
    images, _ = zoo_samples()
    path = folder / "digits.npz"
    assert images.labels is not None
    assert images.classes is not None
    np.savez(path, allow_pickle=False, labels=images.labels, classes=images.classes, **images.inputs)
    return path


# -- the truth --------------------------------------------------------------------------------------------------------


class LongMeasurement:
    """One model, opened, whose configurations are measured at length."""

    def __init__(self, model: str, data: Path, supervisor: Supervisor) -> None:
        self._stage = Stage(make_workdir(), supervisor)
        self._opened = self._stage.open(zoo()[model].path, data)
        self._model = model

    def round(
        self, configs: Sequence[Mapping[str, Any]], number: int, load: Load
    ) -> Iterator[dict[str, Any]]:
        """Measure each once, in random order; a line each."""
        plan = LatencyPlan().strict()
        if load == "busy":
            plan = replace(plan, retries=0)
        evaluator = self._opened.evaluator(plan=plan, accuracy_s=0.01)  # accuracy was settled in the search
        order = sorted(configs, key=key_of)
        Random(number).shuffle(order)
        # A helper of their own: processes forked from one share where things lie in memory.
        with Supervisor(environment=environment()) as supervisor, neighbour(load):
            for config in order:
                yield self._line(self._measured(evaluator, config, supervisor), config, number, load)

    def _measured(
        self, evaluator: Evaluator, config: Mapping[str, Any], supervisor: Supervisor
    ) -> dict[str, Any] | None:
        if isinstance(self._stage.prepare(self._opened, config), Failure):
            return None
        modules = preload(evaluator.backend_of(config))
        ending = supervisor.run(evaluator, dict(config), preload=modules, timeout_s=120.0)
        return dict(ending.result) if ending.outcome == "ok" else None

    def _line(
        self, found: dict[str, Any] | None, config: Mapping[str, Any], number: int, load: Load
    ) -> dict[str, Any]:
        value = None if found is None else float(f"{found[METRIC]:.6g}")
        sem = None if found is None else found["sem"].get(METRIC)
        return {
            "benchmark": "selection_truth",
            "model": self._model,
            "load": load,
            "round": number,
            "config": dict(config),
            METRIC: value,
            "sem": None if sem is None else float(f"{sem:.3g}"),
            "disturbed": "" if found is None else found["facts"].get("disturbed", ""),
        }


# -- the lines --------------------------------------------------------------------------------------------------------


class Lines:
    """A file of JSON lines that a killed run leaves in order but for its last line, which is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lines: list[dict[str, Any]] = []
        self._broken = False
        if path.exists():
            text = path.read_text(encoding="utf-8")
            self._broken = bool(text) and not text.endswith("\n")
            for line in text.splitlines():
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    continue

    def add(self, line: dict[str, Any]) -> None:
        """Append one, on the disk when this returns."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(("\n" if self._broken else "") + json.dumps(line) + "\n")
        self._broken = False
        self.lines.append(line)


class Bench:
    """The work on both files."""

    def __init__(self, results: Path, data: Path, supervisor: Supervisor) -> None:
        self.searches, self.truth = Lines(results / SEARCHES), Lines(results / TRUTH)
        self._data, self._supervisor = data, supervisor
        self._opened: dict[str, LongMeasurement] = {}

    def block(self, asked: Sequence[Search], truth_loads: Sequence[Load]) -> None:
        """The searches of one seed and model that are not there yet, and the truth of all of that model."""
        done = {Search.of(line) for line in self.searches.lines}
        for one in asked:
            if one not in done:
                line = search(one, self._data)
                self.searches.add(line | provenance())
                told = f"{line['ran']} trials, {line['seconds']:.1f} s"
                say(f"{one.model}, {one.load}, {one.rule}, seed {one.seed}: {told}")
        for load in truth_loads:
            self._settle(asked[0].model, load)

    def _settle(self, model: str, load: Load) -> None:
        runs = [line for line in self.searches.lines if line["model"] == model]
        if load == "busy":
            runs = [line for line in runs if line["load"] == "busy"]
        configs = {
            key_of(config): config
            for run in runs
            for config in (run["default"], run["shipped"], *(one for one, _ in run["met"]))
            if config is not None
        }
        while True:
            lines = (line for line in self.truth.lines if line["model"] == model and line["load"] == load)
            truth = Truth(lines, load)
            wanted = missing(runs, truth)
            if not wanted:
                return
            started = time.perf_counter()
            if model not in self._opened:
                self._opened[model] = LongMeasurement(model, self._data, self._supervisor)
            origin = {name: entry for name, entry in provenance().items() if name in ("commit", "date")}
            for line in self._opened[model].round([configs[key] for key in wanted], truth.round, load):
                self.truth.add(line | origin)
            say(
                f"truth of {model}, {load}, round {truth.round}: {len(wanted)} configurations, "
                f"{time.perf_counter() - started:.1f} s"
            )


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=FAMILIES, default=list(MODELS), metavar="FAMILY")
    parser.add_argument("--loads", nargs="+", choices=LOADS, default=list(LOADS))
    parser.add_argument("--truth", nargs="+", choices=LOADS, default=["quiet"])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--minutes", type=float, help="begin nothing that is expected to end later")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of both files")
    parser.add_argument(
        "--table", action="store_true", help="print Markdown of what is there; measure nothing"
    )
    arguments = parser.parse_args()
    if arguments.table:
        searches, truth = Lines(arguments.results / SEARCHES), Lines(arguments.results / TRUTH)
        print(tables(searches.lines, truth.lines, arguments.trials))
        return
    started = time.monotonic()
    arguments.results.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        data = write_data(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        supervisor = stack.enter_context(Supervisor(environment=environment()))
        bench = Bench(arguments.results, data, supervisor)
        longest = 0.0
        for block in blocks(arguments.models, arguments.loads, arguments.seeds, arguments.trials):
            begun = time.monotonic()
            if arguments.minutes is not None and begun - started + longest > 60 * arguments.minutes:
                say("the time is over; the same command goes on")
                return
            bench.block(block, arguments.truth)
            longest = max(longest, time.monotonic() - begun)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        say("ended; the same command goes on")
        sys.exit(130)
