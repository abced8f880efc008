"""What a study evaluates, as far as it can be told: its trials mean nothing beside those of another evaluation."""

from __future__ import annotations

import ast
import functools
import hashlib
import linecache
import types
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lehr._text import type_name
from lehr.errors import StorageError

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


@dataclass(frozen=True, slots=True)
class Identity:
    """Of an evaluation.

    Attributes:
        name: its qualified name.
        source: a digest of its source as it is parsed (comments and layout do not count), with the functions of its
            module that it calls, its defaults and what it closes over, as far as these are plain values; None where
            the source cannot be had.
        version: what the user says it is; outweighs the source.
    """

    name: str
    source: str | None
    version: str | None = None

    @classmethod
    def of(cls, evaluate: Any, version: str | None = None) -> Identity:
        """Of anything that can be called. Never calls it, nor anything of its own."""
        parts = list(_parts(evaluate, set()))
        digest = (
            None
            if None in parts
            else hashlib.sha256("\n".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()
        )
        return cls(_name(evaluate), digest, version)

    @classmethod
    def from_json(cls, stored: object) -> Identity:
        """Read what was kept. Raises TypeError, ValueError."""
        if not isinstance(stored, Mapping):
            raise ValueError("it is no object")
        found = cls(**stored)
        if not all(one is None or isinstance(one, str) for one in (found.name, found.source, found.version)):
            raise ValueError("it is not made of texts")
        return found

    def as_json(self) -> dict[str, Any]:
        """What is kept with the study."""
        return asdict(self)

    def differs(self, stored: Identity) -> str:
        """What differs from the evaluation of a stored study, in words; empty where they count as the same.

        A version outweighs the source: one that is given now is believed where the study has none.
        """
        if self.version is not None:
            if stored.version in (None, self.version):
                return ""
            return f"it evaluated version {stored.version!r}, and this is version {self.version!r}"
        if self.source is None or stored.source is None:
            return "" if self.name == stored.name else f"it evaluated {stored.name}, and this is {self.name}"
        if self.source == stored.source:
            return ""
        if self.name != stored.name:
            return f"it evaluated {stored.name}, and this is {self.name}"
        return f"{self.name} has changed since"


def require_same(identity: Identity, stored: Identity, where: str) -> None:
    """Raises StorageError, saying what differs and what to do, unless an evaluation is the one of a stored study."""
    if found := identity.differs(stored):
        raise StorageError(
            f"{where} was made with another evaluation: {found}, and results of both would be mixed. Give this run "
            "another name; or, where it still measures the same, say so with version=, a text that is compared from "
            "then on"
        )


def _name(evaluate: Any) -> str:
    if isinstance(evaluate, functools.partial):
        return f"partial of {_name(evaluate.func)}"
    if isinstance(evaluate, types.MethodType):
        evaluate = evaluate.__func__
    if isinstance(evaluate, types.FunctionType):
        return f"{evaluate.__module__}.{evaluate.__qualname__}"
    if isinstance(evaluate, types.BuiltinFunctionType):
        return f"{evaluate.__module__}.{evaluate.__name__}"
    return type_name(evaluate if isinstance(evaluate, type) else type(evaluate))


def _parts(what: Any, seen: set[int]) -> Iterator[str | None]:
    """Texts that fix what is evaluated; a None among them where that cannot be told."""
    if id(what) in seen:
        return
    seen.add(id(what))
    if isinstance(what, functools.partial):
        yield from _parts(what.func, seen)
        yield _plain((list(what.args), dict(what.keywords)))
    elif isinstance(what, types.MethodType):
        yield from _parts(what.__func__, seen)
        yield _plain(getattr(what.__self__, "__dict__", {}))
    elif isinstance(what, types.FunctionType):
        yield _source(what)
        yield _plain((what.__defaults__, what.__kwdefaults__))
        for name, cell in zip(what.__code__.co_freevars, what.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not yet set
                continue
            yield f"{name} = {_plain(value)}"
            if isinstance(value, types.FunctionType):
                yield from _parts(value, seen)
        for name in _names(what.__code__):
            value = what.__globals__.get(name)
            if isinstance(value, types.FunctionType) and value.__module__ == what.__module__:
                yield from _parts(value, seen)
    elif methods := _methods(type(what)):
        for method in methods:
            yield from _parts(method, seen)
        yield _plain(getattr(what, "__dict__", {}))
    else:
        yield None


def _methods(kind: type) -> list[types.FunctionType]:
    """The functions of a class that can be called, with those of its bases in the same module."""
    own = [base for base in kind.__mro__ if base.__module__ == kind.__module__ and base is not object]
    found = [value for base in own for value in vars(base).values() if isinstance(value, types.FunctionType)]
    return found if any(one.__name__ == "__call__" for one in found) else []


def _names(code: types.CodeType) -> Iterator[str]:
    """Global names in a function and in those inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _source(function: types.FunctionType) -> str | None:
    """A function as the parser reads it; None where its file cannot be read, or something else stands there by now."""
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    here = [
        node
        for node in _functions("".join(lines))
        if _first_line(node) == code.co_firstlineno and getattr(node, "name", "<lambda>") == code.co_name
    ]
    if len(here) > 1:  # several lambdas on a line: the innermost that holds all that the code was made from
        here = sorted((node for node in here if _holds(node, code)), key=_length)
    return ast.unparse(here[0]) if here else None


@functools.lru_cache(maxsize=32)
def _functions(text: str) -> tuple[_Function, ...]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    return tuple(
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )


def _first_line(node: _Function) -> int:
    """Where the interpreter says that a function begins: at its first decorator."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _holds(node: _Function, code: types.CodeType) -> bool:
    begin, end = (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
    return all(
        begin <= (line, column) and (end_line or 0, end_column or 0) <= end
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and column is not None and end_column
    )


def _length(node: _Function) -> tuple[int, int]:
    lines = (node.end_lineno or 0) - node.lineno
    return lines, (node.end_col_offset or 0) - (0 if lines else node.col_offset)


def _plain(value: Any, depth: int = 4) -> str:
    """Values that are written as they are, whatever is in the containers that hold them; of others the type's name."""
    if type(value) in _PLAIN:
        return repr(value)
    if depth and type(value) in (list, tuple):
        return f"({', '.join(_plain(one, depth - 1) for one in value)})"
    if depth and type(value) is dict:
        return f"{{{', '.join(f'{_plain(key, 0)}: {_plain(one, depth - 1)}' for key, one in value.items())}}}"
    return type_name(type(value))
