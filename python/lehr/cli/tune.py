"""``lehr tune``: the options, the library call, the last words, the exit code."""

from __future__ import annotations

import contextlib
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lehr import quantities
from lehr.cli import document
from lehr.cli.exits import Exit, InputError
from lehr.cli.invocation import invoked_as
from lehr.cli.limits import LimitOptions
from lehr.cli.output import complain, emit, guarded_stdout, say
from lehr.cli.places import check_storage, check_writable
from lehr.cli.signals import Termination, ignore_interrupts, orderly_termination
from lehr.cli.typed import batch_axes, policies, shapes
from lehr.deploy.torch_source import subject_of
from lehr.errors import DeploymentError, LehrError, OptionError

if TYPE_CHECKING:
    from lehr.deploy.tune import Tuned
    from lehr.report.display import Display


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """The options as typed."""

    model: str | None
    data: str | None
    inputs: tuple[str, ...]
    state_dict: Path | None
    shapes: tuple[str, ...]
    batch_axes: tuple[str, ...]
    metric: str | None
    objective: str | None
    limits: LimitOptions
    budget: str
    method: str | None
    preset: str
    seed: int
    without: tuple[str, ...]
    backends: tuple[str, ...]
    trial_timeout: str | None
    memory_limit: str | None
    final: str | None
    measure_time: str | None
    prepare_timeout: str | None
    storage: str
    name: str | None
    fresh: bool
    on_failure: tuple[str, ...]
    early_end: bool
    out: Path | None
    explain: bool
    json: bool

    @property
    def folder(self) -> Path:
        """Where the deployment goes: a folder, or a best.json alone."""
        return self.out or Path("zoo" if self.model is None else subject_of(self.model))


def tune(options: TuneOptions) -> Exit:
    """Run the search. Raises LehrError for what cannot be done; see :class:`Exit` for the rest."""
    with orderly_termination() as ending:
        return _tune(options, ending)


def _tune(options: TuneOptions, ending: Termination) -> Exit:
    from lehr.deploy.request import read_request
    from lehr.deploy.tune import Tuning
    from lehr.report.display import choose

    limits = options.limits.limits()
    with _typed():
        request = read_request(
            options.model, data=options.data, limits=limits, objective=options.objective, budget=options.budget,
            seed=options.seed, backends=options.backends or None, metric=options.metric,
            shapes=shapes(options.shapes), batch_axis=batch_axes(options.batch_axes), method=options.method,
            preset=options.preset, without=options.without,
            trial_timeout_s=_seconds(options.trial_timeout, "--trial-timeout"),
            memory_limit_mb=_memory(options.memory_limit), storage=options.storage, name=options.name,
            fresh=options.fresh, policies=policies(options.on_failure), early_end=options.early_end,
            final_s=_seconds(options.final, "--final"), measure_s=_seconds(options.measure_time, "--measure-time"),
            prepare_timeout_s=_seconds(options.prepare_timeout, "--prepare-timeout"),
            example_inputs=options.inputs, state_dict=options.state_dict,
        )  # fmt: skip
    _check_out(options.folder)
    check_storage(options.storage)
    display = choose(json=options.json)
    tuning = Tuning(request, on_plan=display.begin, on_progress=display.progress, on_event=display.event)
    interrupted = False
    with guarded_stdout(active=options.json):
        try:
            tuned: Tuned | None = tuning.run()
        except KeyboardInterrupt:
            ignore_interrupts()
            interrupted = True
            tuned = tuning.tuned
        finally:
            _end(display)
    if tuned is None:
        if options.json:
            emit({"status": "interrupted", "best": None, "baseline": None, "trials": [], "seconds": 0.0})
        complain("interrupted before the first trial")
        return ending.exit_code
    return _report(options, tuned, measured=tuning.measured, ended=ending.exit_code if interrupted else None)


@contextlib.contextmanager
def _typed() -> Any:
    """Arguments of the library as the options that they were typed as."""
    try:
        yield
    except OptionError as error:
        text = str(error)
        word, colon, rest = text.partition(": ")
        known = {"objective", "method", "preset", "budget"}
        text = text.replace("example_inputs", "--input").replace("state_dict", "--state-dict")
        raise InputError(f"--{word}: {rest}" if colon and word in known else text) from error


def _seconds(text: str | None, option: str) -> float | None:
    return None if text is None else quantities.duration_s(text, option)


def _memory(text: str | None) -> float | None:
    return None if text is None else quantities.memory_mb(text, "--memory-limit")


def _check_out(out: Path) -> None:
    from lehr.deploy.ship import check_folder

    if out.suffix == ".json":
        check_writable(out)
        return
    try:
        check_folder(out)
    except DeploymentError as error:
        raise InputError(f"--out: {error}") from error


def _end(display: Display) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone must not cost the result
        display.end()


def _report(options: TuneOptions, tuned: Tuned, *, measured: int, ended: Exit | None) -> Exit:
    """Write the deployment and say what came of it. ``ended`` is the exit code of an interrupted run."""
    out, failure = None, None
    if tuned.config is not None:
        try:
            out = str(_write(options.folder, tuned))
        except LehrError as error:
            failure = error
    if options.json:
        emit(
            document.tune(
                tuned, budget=quantities.budget(options.budget), storage=options.storage, method=options.method,
                interrupted=ended is not None, out=out,
            )
        )  # fmt: skip
    else:
        say(*_words(options, tuned, out, measured=measured, interrupted=ended is not None))
    if failure is not None:
        complain(str(failure))
        return Exit.MACHINE
    if ended is not None:
        return ended
    return Exit.DONE if tuned.config is not None else Exit.NOTHING_FEASIBLE


def _write(out: Path, tuned: Tuned) -> Path:
    from lehr.deploy import best as best_file

    if out.suffix == ".json":
        best_file.write(out, tuned.best())
        return out
    return tuned.save(out)


def _words(
    options: TuneOptions, tuned: Tuned, out: str | None, *, measured: int, interrupted: bool
) -> list[str]:
    from lehr.report import summary
    from lehr.study import StopReason

    study, lines = tuned.study, list[str]()
    count = len(study)
    trials = f"{count} trial{'' if count == 1 else 's'}"
    budget = quantities.budget(options.budget)
    if interrupted:
        again = [argument for argument in sys.argv[1:] if argument != "--fresh"]
        lines += [
            "",
            f"Interrupted after {count} of {budget}. To go on: {shlex.join([*invoked_as(), *again])}",
        ]
    elif study.stopped == StopReason.EARLY:
        done = trials if budget.trials is None else f"{count} of {budget.trials} trials"
        said = "Ended early" if measured else "This study has ended early"
        more = "" if measured else " Nothing was measured now; --fresh starts anew."
        lines += ["", f"{said} after {done}: {study.ended_early}. --no-early-end goes on.{more}"]
    elif not measured:
        lines += [f"This study was complete already ({trials}); nothing was measured. --fresh starts anew."]
    elif study.stopped == StopReason.POLICY:
        reason = study.trials[-1].evidence.get("reason", "")
        where = f"--on-failure {study.stopped_by}=stop at trial {study.trials[-1].number}"
        lines += ["", f"Stopped by {where}: {reason}"]
    elif study.stopped == StopReason.EXHAUSTED:
        lines += ["", f"The space is exhausted: all its {count} configurations were measured."]
    if options.explain:
        lines += ["", *tuned.explain().splitlines()]
    if tuned.config is not None:
        again_words = shlex.join([*invoked_as(), "verify", str(options.folder)])
        return [*lines, *summary.found_lines(tuned, out, again_words)]
    return [*lines, "No trial has ended yet."] if not count else [*lines, *summary.nothing_lines(tuned)]
