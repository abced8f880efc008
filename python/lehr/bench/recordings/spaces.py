"""The space of exactly the recorded configurations.

A recording need not cover the product of its values. What was not recorded has no result, so it must not be proposed:
the space takes the values that occur, and forbids every other combination. A method needs no help to keep to it, since
sampling, neighbours and enumeration stay within what is legal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lehr.errors import LehrError, SpaceError
from lehr.space import Space

_ABSENT = "absent"  # as the mark of a value: real marks are tuples
_MOST = 500_000  # configurations


class RecordedSpace:
    """The values of recorded configurations, made comparable, and the space that holds these configurations alone.

    Attributes:
        configs: the configurations, in the order given; ints are floats in variables that hold any float.
        space: what they span.
    """

    def __init__(self, source: str, configs: Sequence[Mapping[str, Any]], order: Iterable[str] = ()) -> None:
        if not configs:
            raise LehrError(f"{source} records no configuration")
        told = dict.fromkeys(name for config in configs for name in config)
        names = list(dict.fromkeys([*(name for name in order if name in told), *told]))
        mixed = {name for name in names if _mixed([config[name] for config in configs if name in config])}
        self.configs: list[dict[str, Any]] = []
        for config in configs:
            for name, value in config.items():
                _check_value(source, name, value)
            self.configs.append(
                {name: float(value) if name in mixed else value for name, value in config.items()}
            )
        self._domains = {
            name: _domain([config[name] for config in self.configs if name in config]) for name in names
        }
        self._rows = {tuple(_mark(config, name) for name in names): config for config in self.configs}
        if len(self._rows) > _MOST:
            raise LehrError(f"{source} records {len(self._rows)} configurations; lehr replays up to {_MOST}")
        self._source = source
        order_, when = self._activity()
        variables = []
        for name in order_:
            kind, values = self._domains[name]
            entry = {"kind": kind, "name": name, "when": when[name]}
            variables.append({**entry, ("values" if kind == "ordinal" else "choices"): values})
        document = {
            "format": "lehr.space",
            "version": 1,
            "variables": variables,
            "forbid": self._forbidden(order_),
        }
        try:
            self.space = Space.from_json(document)
        except SpaceError as error:
            raise LehrError(f"{source} spans no space: {error}") from None

    def _column(self, name: str) -> int:
        return list(self._domains).index(name)

    def _activity(self) -> tuple[list[str], dict[str, Any]]:
        """An order in which every variable's presence follows from those before it, and the conditions.

        Variables with few values come first: then the prefixes of the recorded configurations are few.
        """
        columns = {name: self._column(name) for name in self._domains}
        rows = list(self._rows)
        sizes = {name: len(values) for name, (_, values) in self._domains.items()}
        waiting = sorted(columns, key=lambda name: sizes[name])
        order: list[str] = []
        when: dict[str, Any] = {}
        always = {name for name, column in columns.items() if all(row[column] != _ABSENT for row in rows)}
        while waiting:
            for name in waiting:
                if name in always:
                    when[name] = None
                    break
                parent = self._parent(rows, columns, order, name)
                if parent is not None:
                    when[name] = parent
                    break
            else:
                name = waiting[0]
                when[name] = self._by_prefix(rows, columns, order, name)
            order.append(name)
            waiting.remove(name)
        return order, when

    def _parent(
        self, rows: list[tuple[Any, ...]], columns: Mapping[str, int], order: Sequence[str], name: str
    ) -> dict[str, Any] | None:
        """A condition on one earlier variable that tells whether `name` is present; None when there is none."""
        for parent in order:
            seen = {(row[columns[parent]], row[columns[name]] != _ABSENT) for row in rows}
            present = {mark for mark, there in seen if there}
            if _ABSENT in present or any(mark in present for mark, there in seen if not there):
                continue
            return _membership(parent, present, self._domains[parent][1])
        return None

    def _by_prefix(
        self, rows: list[tuple[Any, ...]], columns: Mapping[str, int], order: Sequence[str], name: str
    ) -> Any:
        places = [columns[earlier] for earlier in order]
        present: set[tuple[Any, ...]] = set()
        absent: set[tuple[Any, ...]] = set()
        for row in rows:
            prefix = tuple(row[place] for place in places)
            (absent if row[columns[name]] == _ABSENT else present).add(prefix)
        if present & absent:
            raise LehrError(
                f"{self._source} records configurations with and without {name} that are otherwise alike in "
                f"{', '.join(order) or 'everything'}: they are of different spaces"
            )
        return self._trie(present, order)

    def _forbidden(self, order: Sequence[str]) -> list[Any]:
        """At every depth where a recorded prefix has a continuation that was not recorded: one of those that were."""
        columns = [self._column(name) for name in order]
        forbidden = []
        before: set[tuple[Any, ...]] = {()}
        for depth, name in enumerate(order, 1):
            places = columns[:depth]
            prefixes = {tuple(row[place] for place in places) for row in self._rows}
            values = len(self._domains[name][1])
            present = len({prefix[:-1] for prefix in prefixes if prefix[-1] != _ABSENT})
            if len(prefixes) < present * values + len(before) - present:
                forbidden.append({"op": "not", "operand": self._trie(prefixes, order[:depth])})
            before = prefixes
        return forbidden

    def _trie(self, prefixes: set[tuple[Any, ...]], order: Sequence[str]) -> dict[str, Any]:
        """A condition that holds for exactly these values of the first variables; equal branches are told once."""

        def grow(rows: frozenset[tuple[Any, ...]], depth: int) -> dict[str, Any] | None:
            if depth == len(order):
                return None
            branches: dict[Any, set[tuple[Any, ...]]] = {}
            for row in rows:
                branches.setdefault(row[0], set()).add(row[1:])
            groups: dict[frozenset[tuple[Any, ...]], set[Any]] = {}
            for mark, suffixes in branches.items():
                groups.setdefault(frozenset(suffixes), set()).add(mark)
            options = []
            domain = self._domains[order[depth]][1]
            for rest, marks in groups.items():
                deeper = grow(rest, depth + 1)
                if marks == {_ABSENT} or len(marks) == len(domain):
                    test = None  # inactive here, or any value will do
                else:
                    test = _membership(order[depth], marks, domain)
                parts = [part for part in (test, deeper) if part is not None]
                if not parts:
                    return None
                options.append(parts[0] if len(parts) == 1 else {"op": "and", "operands": parts})
            return options[0] if len(options) == 1 else {"op": "or", "operands": options}

        return grow(frozenset(prefixes), 0) or {"op": "and", "operands": []}


def _mixed(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values}
    return kinds == {int, float}


def _check_value(source: str, name: str, value: Any) -> None:
    if not (value is None or isinstance(value, (bool, int, float, str))):
        raise LehrError(
            f"{source}: a value of {name} is a {type(value).__name__}; it must be a number, a text or none"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise LehrError(f"{source}: a value of {name} is not finite")


def _token(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value  # 1, 1.0 and True differ


def _mark(config: Mapping[str, Any], name: str) -> Any:
    return _token(config[name]) if name in config else _ABSENT


def _domain(values: Sequence[Any]) -> tuple[str, list[Any]]:
    distinct = list({_token(value): value for value in values}.values())
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in distinct):
        return "ordinal", sorted(distinct)
    return "categorical", sorted(distinct, key=lambda value: (type(value).__name__, str(value)))


def _membership(name: str, marks: Iterable[Any], domain: Sequence[Any]) -> dict[str, Any]:
    wanted = set(marks)
    values = [value for value in domain if _token(value) in wanted]
    return {"op": "in", "variable": name, "values": values}
