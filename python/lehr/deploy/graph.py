"""What an ONNX graph tells of the values that go in and come out: how many ids there are, which outputs are scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

# Operators that hand on the values of their first input, at most in another shape, type or selection.
_HANDING_ON = {
    "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Slice", "Expand", "Tile",
    "Gather", "Concat",
}  # fmt: skip
# Operators that hand on scores: what comes after keeps the order of the classes.
_KEEPING_ORDER = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout"}
_MAKING_SCORES = {"Softmax", "LogSoftmax"}
_MAKING_PROBABILITIES = {"Softmax", "Sigmoid", "HardSigmoid"}
_READING_SCORES = {"Softmax", "LogSoftmax", "ArgMax", "TopK"}
# The tables of an embedding layer of ONNX Runtime's own, by the position of the ids that pick from them.
_EMBEDDING_LAYER = {0: 2, 1: 4}


def vocabularies(graph: Any, inputs: Iterable[str]) -> dict[str, int]:
    """How many rows the smallest table has that an input's values pick from, by input; absent where none is seen.

    Followed are operators that hand values on as they are, to a Gather from weights or a OneHot of known depth.
    """
    tables = _tables(graph)
    depths = {tensor.name: tensor for tensor in graph.initializer}
    found: dict[str, int] = {}
    for name in inputs:
        carrying, sizes = {name}, list[int]()
        for node in _nodes(graph):
            if not carrying.intersection(node.input):
                continue
            sizes += _rows(node, carrying, tables, depths)
            if node.op_type in _HANDING_ON and (node.op_type == "Concat" or node.input[0] in carrying):
                carrying.update(node.output)
        if sizes:
            found[name] = min(sizes)
    return found


def class_outputs(graph: Any) -> frozenset[str]:
    """Outputs that are made by a softmax, or that a softmax, an argmax or a top-k reads along the last axis."""
    names = {value.name for value in graph.output}
    nodes = list(_nodes(graph))
    scores = {name for node in nodes if node.op_type in _MAKING_SCORES for name in node.output}
    scores |= {node.input[0] for node in nodes if node.op_type in _READING_SCORES and node.input}
    for node in nodes:
        if node.op_type in _KEEPING_ORDER and node.input and node.input[0] in scores:
            scores.update(node.output[:1])
    for node in reversed(nodes):
        if node.op_type in _KEEPING_ORDER and node.input and scores.intersection(node.output[:1]):
            scores.add(node.input[0])
    return frozenset(names & scores)


def unit_outputs(graph: Any) -> frozenset[str]:
    """Outputs that are made by a softmax or a sigmoid, so that all of their values lie in 0..1."""
    found: set[str] = set()
    for node in _nodes(graph):
        if node.op_type in _MAKING_PROBABILITIES or (
            node.op_type in _KEEPING_ORDER and node.input and node.input[0] in found
        ):
            found.update(node.output[:1])
    return frozenset(found & {value.name for value in graph.output})


def _nodes(graph: Any) -> Iterator[Any]:
    """The nodes in the order they run, those of control flow before the node that holds them."""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _nodes(inner)
        yield node


def _tables(graph: Any) -> dict[str, tuple[int, ...]]:
    """Shapes of weights, also of those that are converted before they are used."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for node in _nodes(graph):
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    shapes[node.output[0]] = tuple(attribute.t.dims)
        elif node.op_type in {"Cast", "Identity", "DequantizeLinear"} and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]
    return shapes


def _rows(node: Any, carrying: set[str], tables: dict[str, tuple[int, ...]], weights: Any) -> list[int]:
    """How many rows the tables have from which this node picks by values that it is given."""
    given = [position for position, name in enumerate(node.input) if name in carrying]
    if node.op_type in {"Gather", "GatherBlockQuantized"} and 1 in given and node.input[0] in tables:
        axis = next((one.i for one in node.attribute if one.name in {"axis", "gather_axis"}), 0)
        shape = tables[node.input[0]]
        return [shape[axis]] if -len(shape) <= axis < len(shape) else []
    if node.op_type == "EmbedLayerNormalization":
        return [
            tables[node.input[_EMBEDDING_LAYER[position]]][0]
            for position in given
            if position in _EMBEDDING_LAYER and tables.get(node.input[_EMBEDDING_LAYER[position]])
        ]
    if node.op_type == "OneHot" and 0 in given and node.input[1] in weights:
        from onnx import numpy_helper

        return [int(numpy_helper.to_array(weights[node.input[1]]).reshape(-1)[0])]
    return []
