"""What a failed preparation depends on: the variables that shape the file, a recipe's own options perhaps not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lehr.deploy.backend import Backend, Config, Model

#: Fields of a variable that hold its values.
_VALUES = ("choices", "values")


class _Watched(Mapping[str, Any]):
    """A configuration that notes which variables are looked at; whoever walks through it looks at all."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.seen: dict[str, None] = {}

    def __getitem__(self, name: str) -> Any:
        self.seen[name] = None
        return self._config[name]

    def __iter__(self) -> Iterator[str]:
        self.seen |= dict.fromkeys(self._config)
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)


def shaping(runtime: Backend, config: Config) -> tuple[str, ...]:
    """The variables that decide which file a configuration needs, of which model and for which backend included:
    whatever else is chosen, the file is the same.
    """
    watched = _Watched(config)
    runtime.prepare_key(watched)
    return ("model", "backend", *watched.seen)


def with_other_options(
    runtime: Backend, model: Model, config: Config
) -> tuple[dict[str, Any], frozenset[str]]:
    """The configuration with another value for each option that only its recipe has, and the names of these."""
    shape = shaping(runtime, config)
    other = dict(config)
    for variable in runtime.share({"": model}, 1, 1).variables:
        values = next((getattr(variable, field) for field in _VALUES if hasattr(variable, field)), ())
        if variable.name not in shape or variable.name not in config or len(values) < 2:
            continue
        if getattr(variable, "when", None) is not None:
            at = values.index(config[variable.name])
            other[variable.name] = values[(at + 1) % len(values)]
    return other, frozenset(name for name, value in other.items() if value != config[name])
