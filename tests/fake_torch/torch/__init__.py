"""As much of PyTorch as bench/gpu_day uses, on the fake driver: every operation takes time on a stream of it.

A tensor is a shape and one number that all its elements have: results are plausible, memory and arithmetic are free.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

from . import _device

__version__ = "0.0+fake"
bfloat16 = "bfloat16"


class OutOfMemoryError(RuntimeError):
    pass


class Tensor:
    """Numbers that are all equal; on the GPU each operation is work on the current stream."""

    def __init__(self, shape: tuple[int, ...], value: float, device: str = "cpu") -> None:
        self.shape, self.value, self.device = shape, value, device
        self._bytes = 4 * math.prod(shape) if device == "cuda" else 0
        _device.take(self._bytes, OutOfMemoryError)

    def __del__(self) -> None:
        _device.give_back(getattr(self, "_bytes", 0))

    def _new(self, compute: Callable[[], float], shape: tuple[int, ...] | None = None) -> Tensor:
        result = Tensor(self.shape if shape is None else shape, 0.0, self.device)

        def run() -> None:
            result.value = compute()

        _device.run(run, self.device)
        return result

    def sum(self) -> Tensor:
        return self._new(lambda: self.value * math.prod(self.shape), ())

    def relu(self) -> Tensor:
        return self._new(lambda: max(0.0, self.value))

    def tanh(self) -> Tensor:
        return self._new(lambda: math.tanh(self.value))

    def all(self) -> Tensor:
        return self._new(lambda: float(self.value != 0), ())

    def __mul__(self, other: float) -> Tensor:
        return self._new(lambda: self.value * other)

    def __add__(self, other: float) -> Tensor:
        return self._new(lambda: self.value + other)

    def __sub__(self, other: Tensor) -> Tensor:
        return self._new(lambda: self.value - other.value)

    def __eq__(self, other: object) -> Any:
        return self._new(lambda: float(self.value == other))

    __hash__ = None  # type: ignore[assignment]

    def __matmul__(self, other: Tensor) -> Tensor:
        return self._new(lambda: self.value * other.value, (self.shape[0], other.shape[-1]))

    def __getitem__(self, index: Any) -> Tensor:
        if isinstance(index, Tensor):
            if index.value >= self.shape[0]:
                _device.fault()
            return self._new(lambda: self.value, (1,))
        return self._new(lambda: self.value, (10,))

    def item(self) -> float:
        if _device.capturing():
            raise RuntimeError("operation not permitted when stream is capturing")
        _device.synchronize()
        return self.value

    __float__ = item

    def __bool__(self) -> bool:
        return bool(self.item())

    def to(self, device: str, non_blocking: bool = False) -> Tensor:
        del non_blocking
        return Tensor(self.shape, self.value, device)

    def pin_memory(self) -> Tensor:
        return self


def _shape(shape: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], tuple) else shape


def randn(*shape: Any, device: str = "cpu", dtype: Any = None) -> Tensor:
    del dtype
    return Tensor(_shape(shape), 0.5, device)


def empty(*shape: Any, device: str = "cpu") -> Tensor:
    return Tensor(_shape(shape), 0.0, device)


def ones(*shape: Any, device: str = "cpu") -> Tensor:
    return Tensor(_shape(shape), 1.0, device)


def full(shape: tuple[int, ...], value: float, device: str = "cpu") -> Tensor:
    return Tensor(shape, value, device)


def arange(count: int, device: str = "cpu") -> Tensor:
    return Tensor((count,), 0.0, device)


def tensor(values: list[float], device: str = "cpu") -> Tensor:
    return Tensor((len(values),), float(values[0]), device)


def equal(one: Tensor, other: Tensor) -> bool:
    return one.item() == other.item()


@contextlib.contextmanager
def no_grad() -> Iterator[None]:
    yield


from . import cuda, nn  # noqa: E402

__all__ = ["cuda", "nn"]
