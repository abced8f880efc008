"""The commands and their options. What they do is imported when they run, so that help is instant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from lehr.cli import bench as _bench
from lehr.cli import sweep as _sweep
from lehr.cli.exits import InputError
from lehr.cli.limits import LimitOptions, with_limits
from lehr.cli.shared_options import Json, whole_number
from lehr.cli.spread import spread

_TUNE_EXAMPLES = """Examples:

\b
  lehr tune
      the bundled zoo on this machine, with limits that fit an ordinary one
  lehr tune model.onnx
      the fastest way to run a model that keeps to its own answers
  lehr tune model.onnx --data samples.npz --max-latency-p95 20ms \\
      --max-memory 512MB --objective throughput --out deployed/
  lehr tune --budget 2min --without quantization=bf16 --json > result.json

Units are never guessed: times take us, ms, s, min or h, memory takes KB, MB,
GB, KiB, MiB or GiB (1 MB is 10^6 bytes, 1 MiB is 2^20).

samples.npz holds an array per input of the model, samples along the first
axis, and optionally 'labels'. Without labels, accuracy means agreement with
the model's own answers.

A search that was interrupted or killed goes on when the same command is given
again in the same folder.

\b
Exit codes: 0 done, 1 nothing met the limits, 2 bad input, 3 the machine
failed us (a package is missing, the storage is in use or cannot be written),
130 interrupted by Ctrl-C, 143 terminated.
"""

_VERIFY_EXAMPLES = """Examples:

\b
  lehr verify deployed/
  lehr verify deployed/ --repeats 5 --json
  lehr verify deployed/ --model build/model.onnx --max-latency-p95 25ms

\b
Exit codes: 0 every limit is met and the objective is as shipped, 1 a limit
is missed or open, the objective is worse or the configuration does not run,
2 bad input (not a deployment, another model), 3 the machine failed us, 130
interrupted by Ctrl-C.
"""

app = typer.Typer(
    name="lehr",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

TrialTimeout = Annotated[
    str | None,
    typer.Option(
        "--trial-timeout",
        metavar="TIME",
        help="A trial that takes longer is killed.  [default: 60s, more for a slow model]",
    ),
]
MemoryLimit = Annotated[
    str | None,
    typer.Option(
        "--memory-limit",
        metavar="SIZE",
        help="A trial that uses more is killed.  [default: 80% of the machine's]",
    ),
]
Shapes = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        metavar="NAME:DIMS",
        help="Shape of an input that the model leaves open: input:1x3x224x224. Repeatable.",
    ),
]


_Options = TypeVar("_Options")


class ReaderGone(Exception):
    """Nobody reads stdout any more. Typer would end the process by itself at a BrokenPipeError."""


def _finish(command: Callable[[_Options], int], options: _Options) -> None:
    try:
        raise typer.Exit(int(command(options)))
    except BrokenPipeError as error:
        raise ReaderGone from error


def _version(value: bool) -> None:
    if value:
        from lehr import __version__

        print(f"lehr {__version__}")
        raise typer.Exit


@app.callback()
def lehr(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find the best way to deploy a model under hard limits on latency and memory."""


@app.command(epilog=_TUNE_EXAMPLES)
@with_limits
def tune(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="MODEL",
            help="An ONNX file, a program exported by PyTorch (.pt2), or module:function that returns a "
            "torch.nn.Module. Without it: the bundled zoo.",
            show_default=False,
        ),
    ] = None,
    *,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="[NAME:]DIMS[:TYPE]",
            help="What one call of a torch.nn.Module takes: 1x3x224x224, ids:1x16:int64. Repeatable, in order.",
        ),
    ] = None,
    state_dict: Annotated[
        Path | None,
        typer.Option(
            "--state-dict", metavar="FILE", help="Weights for the torch.nn.Module that a function returns."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE|MODULE:FUNCTION",
            help="Samples, and labels if there are any (.npz or .npy), or a function that yields batches.",
        ),
    ] = None,
    shape: Shapes = None,
    batch_axis: Annotated[
        list[str] | None,
        typer.Option(
            "--batch-axis",
            metavar="NAME:AXIS",
            help="Which axis of an input is the batch, where lehr guesses wrong; x:none for none. Repeatable.",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="MODULE:FUNCTION",
            help="Your own measure of answers: outputs, labels -> number, higher is better.",
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            metavar="NAME",
            help="accuracy, throughput, latency, memory, or any metric that is measured.  "
            "[default: accuracy for the zoo, else throughput]",
        ),
    ] = None,
    limits: LimitOptions,
    budget: Annotated[
        str,
        typer.Option("--budget", metavar="N|TIME", help="A number of trials, or a time such as 60s or 2min."),
    ] = "25",
    method: Annotated[
        str | None,
        typer.Option(
            "--method",
            metavar="NAME",
            help="random, grid, tba, tpe, tba-tpe or guided; by default guided, tba-tpe with --preset paper.",
        ),
    ] = None,
    preset: Annotated[
        str, typer.Option("--preset", metavar="NAME", help="default, or paper for the published rules.")
    ] = "default",
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", parser=whole_number, help="Start of the random numbers.")
    ] = 0,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="VAR=VALUE", help="Leave a choice out of the space. Repeatable."),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "--backend",
            metavar="NAME",
            help="A runtime to try (see lehr backends). Repeatable.  [default: all]",
        ),
    ] = None,
    trial_timeout: TrialTimeout = None,
    memory_limit: MemoryLimit = None,
    prepare_timeout: Annotated[
        str | None,
        typer.Option(
            "--prepare-timeout",
            metavar="TIME",
            help="Opening model and data, and each recipe, may take so long.  [default: 10min]",
        ),
    ] = None,
    measure_time: Annotated[
        str | None,
        typer.Option(
            "--measure-time",
            metavar="TIME",
            help="After this time a latency that is still too near its limit to be settled is borderline.  "
            "[default: 15s, more for a slow model]",
        ),
    ] = None,
    final: Annotated[
        str | None,
        typer.Option(
            "--final",
            metavar="TIME",
            help="Time to settle the winner between the best few and the default.  "
            "[default: half of the search's, at least 5s]",
        ),
    ] = None,
    storage: Annotated[
        str,
        typer.Option(
            "--storage", metavar="FILE|URL", help="Where the trials are kept: a file, or an Optuna URL."
        ),
    ] = "lehr.journal",
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Name of the study.  [default: made from model, data and options]"
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Start a new study instead of going on with the one that is there."),
    ] = False,
    on_failure: Annotated[
        list[str] | None,
        typer.Option(
            "--on-failure",
            metavar="CLASS=ACTION",
            help="count, retry or stop; classes: crashed, timeout, oom, killed, lost. Repeatable.",
        ),
    ] = None,
    early_end: Annotated[
        bool,
        typer.Option(
            "--early-end/--no-early-end",
            help="End when --method guided expects to gain nothing more, or always spend the whole budget.",
        ),
    ] = True,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FOLDER",
            help="Where the deployment goes: best.json, the model, load.py.  [default: a folder named after the model]",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say at the end what the search was doing, and why.")
    ] = False,
    json: Json = False,
) -> None:
    """Search for the best configuration of a model on this machine.

    Every configuration is measured in a process of its own: it may crash, hang or run out of memory, and the
    search learns from it. The default configuration, which is what the runtime does when one sets nothing, is
    measured first. At the end the best few and the default are measured side by side until the winner is
    settled; it is written to a folder that can be deployed.
    """
    from lehr.cli import tune as command

    options = command.TuneOptions(
        model=model, inputs=tuple(input_ or ()), state_dict=state_dict, data=data, shapes=tuple(shape or ()),
        batch_axes=tuple(batch_axis or ()), metric=metric,
        objective=objective, limits=limits, budget=budget, method=method, preset=preset, seed=seed,
        without=tuple(without or ()), backends=tuple(backend or ()), trial_timeout=trial_timeout,
        memory_limit=memory_limit, final=final, measure_time=measure_time,
        prepare_timeout=prepare_timeout, storage=storage, name=name, fresh=fresh,
        on_failure=tuple(on_failure or ()), early_end=early_end, out=out, explain=explain, json=json,
    )  # fmt: skip
    _finish(command.tune, options)


@app.command(epilog=_VERIFY_EXAMPLES)
@with_limits
def verify(
    deployed: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What lehr tune wrote: the folder, or a best.json.")
    ],
    *,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="FILE", help="Where the model is now; it must be the same, byte for byte."
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FILE|MODULE:FUNCTION",
            help="Where the samples are now, or what yields them; they must be the same.",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", metavar="MODULE:FUNCTION", help="Your own measure of answers, where one judged it."
        ),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats",
            metavar="N",
            parser=whole_number,
            help="Measure so often, each in a new process; up to three times as often while something is open.",
        ),
    ] = 3,
    tolerance: Annotated[
        str | None,
        typer.Option(
            "--tolerance",
            metavar="SHARE",
            help="By how much the objective may be worse than shipped.  [default: 20%]",
        ),
    ] = None,
    limits: LimitOptions,
    trial_timeout: TrialTimeout = None,
    memory_limit: MemoryLimit = None,
    json: Json = False,
) -> None:
    """Measure a shipped configuration again: a gate for CI.

    The limits are those it was found under; a limit option replaces or adds one. The objective must not be
    worse than shipped.
    """
    from lehr.cli import verify as command

    options = command.VerifyOptions(
        deployed=deployed, model=model, data=data, metric=metric, repeats=repeats, limits=limits,
        tolerance=tolerance, trial_timeout=trial_timeout, memory_limit=memory_limit, json=json,
    )  # fmt: skip
    _finish(command.verify, options)


@app.command()
def backends(*, json: Json = False) -> None:
    """List the runtimes that lehr knows: which can run here, and why others cannot."""
    from lehr.cli import backends as command

    _finish(command.backends, command.BackendsOptions(json=json))


@app.command()
def probe(*, json: Json = False) -> None:
    """Say what this machine can measure and how well, what is missing, and why."""
    from lehr.cli import probe as command

    _finish(command.probe, command.ProbeOptions(json=json))


_sweep.register(app, _finish)
_bench.register(app, _finish)


def _click_errors() -> tuple[type[Exception], ...]:
    """The base of the parser's usage errors: click's, or that of the copy of click inside newer versions of typer."""
    return tuple(
        kind
        for kind in typer.BadParameter.__mro__
        if kind.__name__ == "ClickException" and issubclass(kind, Exception)
    )


def invoke(arguments: list[str]) -> int:
    """Run a command and return its exit code.

    Raises:
        InputError: the command line cannot be understood.
        BrokenPipeError: stdout has no reader any more.
    """
    if arguments[:1] == ["sweep"]:
        arguments = spread(arguments, _sweep.LISTS)
    elif arguments[:1] == ["bench"]:
        arguments = spread(arguments, _bench.LISTS)
    try:
        code: Any = app(arguments, prog_name="lehr", standalone_mode=False)
    except _click_errors() as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())  # type: ignore[attr-defined]
            return 2
        message: str = error.format_message()  # type: ignore[attr-defined]
        raise InputError(f"{message.rstrip('.')}; see lehr --help") from error
    except ReaderGone as error:
        raise BrokenPipeError from error
    except typer.Abort as error:  # how the parser passes Ctrl-C on
        raise KeyboardInterrupt from error
    return code if isinstance(code, int) else 0
