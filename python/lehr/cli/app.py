"""The commands and their options. What they do is imported when they run, so that help is instant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from lehr.cli import bench as _bench
from lehr.cli import sweep as _sweep
from lehr.cli.exits import InputError
from lehr.cli.limits import LimitOptions
from lehr.cli.shared_options import Json, whole_number
from lehr.cli.spread import spread

_TUNE_EXAMPLES = """Examples:

\b
  lehr tune
      the bundled zoo on this machine, with limits that fit an ordinary one
  lehr tune model.onnx
      the fastest way to run a model that keeps to its fp32 answers
  lehr tune model.onnx --data samples.npz --max-latency-p95 20ms \\
      --max-memory 512MB --objective throughput
  lehr tune --budget 2min --without quantization=bf16 --json > result.json

Units are never guessed: times take us, ms, s, min or h, memory takes KB, MB,
GB, KiB, MiB or GiB (1 MB is 10^6 bytes, 1 MiB is 2^20).

samples.npz holds an array per input of the model, samples along the first
axis, and optionally 'labels'. Without labels, accuracy means agreement with
the model's own fp32 answers.

A search that was interrupted or killed goes on when the same command is given
again in the same folder.

\b
Exit codes: 0 done, 1 nothing met the limits, 2 bad input, 3 the machine
failed us (a package is missing, the storage is in use or cannot be written),
130 interrupted by Ctrl-C, 143 terminated.
"""

_VERIFY_EXAMPLES = """Examples:

\b
  lehr verify best.json
  lehr verify best.json --repeats 5 --json
  lehr verify best.json --model build/model.onnx --max-latency-p95 25ms

\b
Exit codes: 0 every limit is met, 1 a limit is missed or the configuration
does not run, 2 bad input (not a best.json, another model), 3 the machine
failed us, 130 interrupted by Ctrl-C.
"""

app = typer.Typer(
    name="lehr",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

P50 = Annotated[
    str | None,
    typer.Option("--max-latency-p50", metavar="TIME", help="Limit on the median latency of a call."),
]
P95 = Annotated[
    str | None,
    typer.Option("--max-latency-p95", metavar="TIME", help="Limit on its 95th percentile, e.g. 20ms."),
]
P99 = Annotated[
    str | None, typer.Option("--max-latency-p99", metavar="TIME", help="Limit on its 99th percentile.")
]
Memory = Annotated[
    str | None,
    typer.Option("--max-memory", metavar="SIZE", help="Limit on the peak memory of the process, e.g. 512MB."),
]
Size = Annotated[
    str | None,
    typer.Option("--max-model-size", metavar="SIZE", help="Limit on the size of the model's file."),
]
Accuracy = Annotated[
    str | None, typer.Option("--min-accuracy", metavar="SHARE", help="Least accuracy, as 0.95 or 95%.")
]
Throughput = Annotated[
    str | None,
    typer.Option("--min-throughput", metavar="RATE", help="Least number of samples a second, e.g. 500/s."),
]
TrialTimeout = Annotated[
    str, typer.Option("--trial-timeout", metavar="TIME", help="A trial that takes longer is killed.")
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
def tune(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL", help="An ONNX file. Without it: the bundled zoo.", show_default=False
        ),
    ] = None,
    *,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Samples, and labels if there are any (.npz or .npy)."),
    ] = None,
    shape: Shapes = None,
    objective: Annotated[
        str | None,
        typer.Option(
            "--objective",
            metavar="NAME",
            help="accuracy, throughput, latency or memory.  [default: accuracy for the zoo, else throughput]",
        ),
    ] = None,
    max_latency_p50: P50 = None,
    max_latency_p95: P95 = None,
    max_latency_p99: P99 = None,
    max_memory: Memory = None,
    max_model_size: Size = None,
    min_accuracy: Accuracy = None,
    min_throughput: Throughput = None,
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
    trial_timeout: TrialTimeout = "60s",
    memory_limit: MemoryLimit = None,
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
        Path, typer.Option("--out", metavar="FILE", help="Where the best configuration goes.")
    ] = Path("best.json"),
    explain: Annotated[
        bool, typer.Option("--explain", help="Say at the end what the search was doing, and why.")
    ] = False,
    json: Json = False,
) -> None:
    """Search for the best configuration of a model on this machine.

    Every configuration is measured in a process of its own: it may crash, hang or run out of memory, and the
    search learns from it. The default configuration (fp32, batch 1) is measured first; the best one is
    written to best.json.
    """
    from lehr.cli import tune as command
    from lehr.cli.settings import TuneOptions

    limits = LimitOptions(
        max_latency_p50=max_latency_p50,
        max_latency_p95=max_latency_p95,
        max_latency_p99=max_latency_p99,
        max_memory=max_memory,
        max_model_size=max_model_size,
        min_accuracy=min_accuracy,
        min_throughput=min_throughput,
    )
    options = TuneOptions(
        model=model, data=data, shapes=tuple(shape or ()), objective=objective, limits=limits, budget=budget,
        method=method, preset=preset, seed=seed, without=tuple(without or ()),
        trial_timeout=trial_timeout, memory_limit=memory_limit,
        storage=storage, name=name, fresh=fresh, on_failure=tuple(on_failure or ()),
        early_end=early_end, out=out, explain=explain, json=json,
    )  # fmt: skip
    _finish(command.tune, options)


@app.command(epilog=_VERIFY_EXAMPLES)
def verify(
    best: Annotated[Path, typer.Argument(metavar="BEST.JSON", help="The file that lehr tune wrote.")],
    *,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="FILE", help="Where the model is now; it must be the same, byte for byte."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="FILE", help="Where the samples are now; they must be the same."),
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats",
            metavar="N",
            parser=whole_number,
            help="Measure so often, each in a new process; the median counts.",
        ),
    ] = 3,
    max_latency_p50: P50 = None,
    max_latency_p95: P95 = None,
    max_latency_p99: P99 = None,
    max_memory: Memory = None,
    max_model_size: Size = None,
    min_accuracy: Accuracy = None,
    min_throughput: Throughput = None,
    trial_timeout: TrialTimeout = "60s",
    memory_limit: MemoryLimit = None,
    json: Json = False,
) -> None:
    """Measure a shipped configuration again: a gate for CI.


    The limits are those it was found under; a limit option replaces or adds one.
    """
    from lehr.cli import verify as command

    limits = LimitOptions(
        max_latency_p50=max_latency_p50,
        max_latency_p95=max_latency_p95,
        max_latency_p99=max_latency_p99,
        max_memory=max_memory,
        max_model_size=max_model_size,
        min_accuracy=min_accuracy,
        min_throughput=min_throughput,
    )
    options = command.VerifyOptions(
        best=best, model=model, data=data, repeats=repeats, limits=limits, trial_timeout=trial_timeout,
        memory_limit=memory_limit, json=json,
    )  # fmt: skip
    _finish(command.verify, options)


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
