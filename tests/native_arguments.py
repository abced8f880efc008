"""Arguments of the right types and of any value, for every function of the core, by what its signature says."""

from __future__ import annotations

import inspect
import math
import random
import re
from typing import Any

import numpy as np

from lehr import _core

WHOLE = [0, 1, 2, 3, 5, 7, 64, 255, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, -1]
REAL = [0.0, 1.0, -1.0, 0.5, 0.95, 2.0, 1e-300, 1e300, -1e300, math.nan, math.inf, -math.inf, 1e9, -0.0]
TEXTS = [
    "",
    "x",
    "tba-tpe",
    "tpe",
    "guided",
    "random",
    "paper",
    "default",
    "minimize",
    "maximize",
    "ok",
    "crashed",
]
TEXTS += ["<=", "y", "cpu", "ratio", "\0", "ü", "branin", "crashy_branin"]

#: Amounts of work, which may be had: a large one takes long, and says nothing about the function.
AMOUNTS = {"n", "readings", "budget", "cells", "evaluations", "resolution", "repeat", "count", "threads"}
#: Not called: they read any address, or reach for processes, devices and machines by number.
UNSAFE = {"probe_callee", "probe_measure_gpu", "NativeSupervisor.start", "NativeSupervisor.run"}


def space() -> Any:
    listed = _core.Variable.listed("a", ["p", "q", "r"], False, None)
    return _core.Space([listed, _core.Variable.ranged("b", 1.0, 9.0, 1.0, False, True, None)], [])


def functions() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in vars(_core).items():
        if inspect.isclass(value):
            if "__init__" in vars(value) and "No constructor" not in str(value.__init__.__doc__):
                found[name] = value
            for inner, member in vars(value).items():
                if not inner.startswith("_") and callable(getattr(value, inner)):
                    found[f"{name}.{inner}"] = getattr(value, inner)
                    assert member is not None
        elif callable(value):
            found[name] = value
    return {name: value for name, value in found.items() if name not in UNSAFE}


class Maker:
    """Makes arguments from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.amount = False

    def arguments(self, function: Any) -> tuple[list[Any], dict[str, Any]] | None:
        """Positional and keyword arguments; None where the signature cannot be read."""
        is_class = inspect.isclass(function)
        text = (function.__init__ if is_class else function).__doc__ or ""
        signatures = re.findall(r"^(?:\d+\. )?\w+\((.*)\) -> ", text, re.MULTILINE)
        signatures = [one for one in signatures if "*args" not in one]
        if not signatures:
            return None
        parts = _split(self.rng.choice(signatures))
        positional: list[Any] = []
        named: dict[str, Any] = {}
        only_named = False
        for part in parts[1:] if is_class else parts:
            if part.strip() == "*":
                only_named = True
                continue
            name, _, kind = part.partition(":")
            kind, _, default = kind.partition(" = ")
            self.amount = name.strip() in AMOUNTS
            if default and self.rng.random() < 0.4:
                only_named = True
                continue
            if only_named:
                named[name.strip()] = self.value(kind.strip())
            else:
                positional.append(self.value(kind.strip()))
        return positional, named

    def value(self, kind: str) -> Any:
        if "Annotated" in kind:
            shape = self.rng.choice([(), (0,), (1,), (3,), (20,), (3, 2), (0, 2), (2, 2, 2)])
            kinds = {"uint8": np.uint8, "int32": np.int32, "bool": np.bool_}
            made = np.array([self.rng.choice(REAL) for _ in range(math.prod(shape))]).reshape(shape)
            wanted = next((value for key, value in kinds.items() if key in kind), None)
            return (
                made
                if wanted is None
                else np.nan_to_num(made, posinf=3, neginf=-3).clip(-5, 5).astype(wanted)
            )
        choices = _split(kind, "|")
        if any("SupportsFloat" in one for one in choices):
            return self.rng.choice(REAL) if "None" not in choices or self.rng.random() < 0.8 else None
        if any("SupportsInt" in one for one in choices):
            return self.rng.choice(WHOLE[:7] if self.amount else WHOLE)
        one = self.rng.choice(choices).strip()
        if one.startswith("collections.abc.Sequence[") or one.startswith("collections.abc.Iterable["):
            inner = one[one.index("[") + 1 : -1]
            return [self.value(inner) for _ in range(self.rng.choice([0, 1, 2, 3, 5]))]
        if one.startswith("tuple["):
            return tuple(self.value(part.strip()) for part in _split(one[6:-1]))
        if one.startswith(("dict", "collections.abc.Mapping")):
            return self.rng.choice(
                [{}, {"a": "p", "b": 3}, {"a": 1}, {"x": math.nan}, {"b": 10**30, "a": None}]
            )
        plain = {
            "bool": True,
            "None": None,
            "bytes": bytes(range(9)),
            "object": [1],
            "list": [{"a": "p", "b": 3}],
        }
        if one in plain:
            return plain[one]
        if one == "str":
            return self.rng.choice(TEXTS)
        if "Callable" in one:
            return None
        return self.instance(one.rpartition(".")[2])

    def instance(self, name: str) -> Any:
        if name == "Space":
            return space()
        if name == "Rng":
            return _core.Rng(3)
        if name == "Problem":
            return _core.make_problem("crashy_branin")
        if name == "Reference":
            return _core.Reference(_core.make_problem("crashy_branin"))
        if name == "StudyTrace":
            problem = _core.make_problem("crashy_branin")
            return _core.run_study(problem, _core.MethodSpec("random"), 5, 1)
        if name == "MethodSpec":
            return _core.MethodSpec("random")
        if name == "Optimizer":
            made = _core.Optimizer(space(), "tba-tpe", "default", "minimize", [], 10, 3, None, {})
            for _ in range(self.rng.choice([0, 1, 4])):
                made.ask()
            return made
        if name == "ParzenEstimator":
            return _core.ParzenEstimator([_core.Dimension(choices=3)], np.array([[1.0], [2.0]]))
        if name == "Variable":
            return space().variable(self.rng.choice([0, 1]))
        if name == "Gpu":
            return _core.Gpu("no such library")
        if name == "NativeSupervisor":
            return _core.NativeSupervisor(use_cgroups=False)
        if name == "CapsuleType":
            return None
        made = getattr(_core, name)
        arguments = self.arguments(made)
        return None if arguments is None else made(*arguments[0], **arguments[1])


def _split(text: str, at: str = ",") -> list[str]:
    """The parts of a signature, at its outermost commas or bars."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += (letter in "[({") - (letter in "])}")
        if letter == at and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()] if text else []
