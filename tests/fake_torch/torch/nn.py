"""``torch.nn``: layers that multiply."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class _Module:
    def cuda(self) -> _Module:
        return self

    def eval(self) -> _Module:
        return self


class Linear(_Module):
    def __init__(self, width: int, out: int) -> None:
        del width, out

    def __call__(self, x: Any) -> Any:
        return x * 0.9


class Sequential(_Module):
    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        self._layers = layers

    def __call__(self, x: Any) -> Any:
        for layer in self._layers:
            x = layer(x)
        return x


functional = SimpleNamespace(dropout=lambda x, p: x * p)
