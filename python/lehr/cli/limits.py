"""The options that set limits: a short form for each metric that has one, and ``--limit`` for any."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from lehr import quantities
from lehr.cli.exits import InputError
from lehr.errors import OptionError
from lehr.limits import Limit, parse_limits
from lehr.metrics import METRICS, Kind, Metric

_EXAMPLES: Mapping[Kind, tuple[str, str]] = {
    "time": ("TIME", "20ms"), "memory": ("SIZE", "512MB"), "share": ("SHARE", "0.95 or 95%"), "rate": ("RATE", "500/s"),
    "number": ("NUMBER", "0.5"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """The limit options as typed: texts by metric, and those of ``--limit``."""

    short: Mapping[str, str] = field(default_factory=dict)
    any: tuple[str, ...] = ()

    def limits(self) -> tuple[Limit, ...]:
        """The limits. Raises InputError when an option cannot be read."""
        found = [_read(METRICS[name], text) for name, text in self.short.items()]
        try:
            return parse_limits([*found, *self.any])
        except OptionError as error:
            raise InputError(f"--limit: {str(error).removeprefix('constraints: ')}") from error


def with_limits(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose parameter ``limits`` takes :class:`LimitOptions`, the options that set them."""
    rows = {row.option.replace("-", "_"): row for row in METRICS.values() if row.option}
    before = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in before.parameters.values():
        if parameter.name == "limits":
            parameters += [_parameter(name, _annotation(row)) for name, row in rows.items()]
            parameters.append(_parameter("limit", _ANY))
        else:
            parameters.append(parameter)

    @functools.wraps(command)
    def run(**given: Any) -> None:
        texts = {row.name: text for name, row in rows.items() if (text := given.pop(name)) is not None}
        anything = tuple(given.pop("limit") or ())
        command(**given, limits=LimitOptions(texts, anything))

    run.__signature__ = before.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


_ANY = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="LIMIT",
        help="Any limit on what is measured: 'energy_j_per_item <= 0.5'. Repeatable.",
    ),
]


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _annotation(row: Metric) -> Any:
    word, example = _EXAMPLES[row.kind]
    side = "Most" if row.side == "<=" else "Least"
    return Annotated[
        str | None, typer.Option(f"--{row.option}", metavar=word, help=f"{side} {row.title}, e.g. {example}.")
    ]


def _read(row: Metric, text: str) -> Limit:
    option = f"--{row.option}"
    try:
        if row.kind == "time":
            read = quantities.latency_ms if row.unit == "ms" else quantities.duration_s
            value = read(text, option)
        elif row.kind == "memory":
            value = quantities.memory_mb(text, option)
        elif row.kind == "share":
            value = quantities.share(text, option)
        elif row.kind == "rate":
            value = quantities.rate(text, option)
        else:
            value = quantities.plain(text, option)
    except OptionError as error:
        raise InputError(str(error)) from error
    return Limit(row.name, value, row.side)
