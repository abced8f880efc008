"""What ONNX Runtime can be asked of its kernels: which operators of a model it cannot compute in bfloat16.

Half-precision floats without a kernel are computed in float, casts around them; bfloat16 is not, the session refuses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_FLOAT, _BFLOAT16 = "tensor(float)", "tensor(bfloat16)"
_DEFAULT_DOMAIN = ("", "ai.onnx")


def without_bfloat16(path: Path, kernels: list[Any] | None = None) -> tuple[str, ...]:
    """Operators of a model that certainly compute in floats and for which the CPU has no bfloat16 kernel.

    Certain are those with a weight or an input of the model in floats, and those that take nothing else; the others may
    work on whole numbers. One that is made of others by definition is left out: the runtime takes it apart.

    Args:
        path: the model.
        kernels: what the runtime lists; asked of it by default.

    Returns:
        Their names, in the model's order; empty where the runtime cannot be asked.
    """
    import onnx
    from onnxruntime.transformers.float16 import ALWAYS_FLOAT_INPUTS, DEFAULT_OP_BLOCK_LIST

    as_they_are = {
        *DEFAULT_OP_BLOCK_LIST,
        *ALWAYS_FLOAT_INPUTS,
    }  # what the converter leaves in floats, wholly or partly
    types = _types(kernels_of_the_cpu() if kernels is None else kernels)
    graph = onnx.load(str(path), load_external_data=False).graph
    found = dict.fromkeys(
        node.op_type
        for node, floats in _nodes(graph, frozenset())
        if node.domain in _DEFAULT_DOMAIN
        and node.op_type not in as_they_are
        and (known := types.get(node.op_type))
        and _FLOAT in known
        and _BFLOAT16 not in known
        and (floats or not any("int" in one for one in known))
        and not _is_made_of_others(node.op_type)
    )
    return tuple(found)


def kernels_of_the_cpu() -> list[Any]:
    """The runtime's kernels; empty where this build does not tell."""
    from onnxruntime.capi import _pybind_state

    ask = getattr(_pybind_state, "get_all_opkernel_def", None)
    return [] if ask is None else [one for one in ask() if one.provider == "CPUExecutionProvider"]


def _types(kernels: list[Any]) -> Mapping[str, set[str]]:
    """By operator, every type that any version of its kernels takes."""
    found: dict[str, set[str]] = {}
    for one in kernels:
        if one.domain in _DEFAULT_DOMAIN:
            found.setdefault(one.op_name, set()).update(*one.type_constraints.values())
    return found


def _nodes(graph: Any, floats: frozenset[str]) -> Iterator[tuple[Any, bool]]:
    """Every node, and whether a weight or an input in floats goes into it."""
    import onnx

    kind = onnx.TensorProto.FLOAT
    floats |= {one.name for one in graph.initializer if one.data_type == kind}
    floats |= {one.name for one in graph.input if one.type.tensor_type.elem_type == kind}
    for node in graph.node:
        yield node, not floats.isdisjoint(node.input)
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _nodes(inner, floats)


def _is_made_of_others(operator: str) -> bool:
    import onnx

    try:
        schema: Any = onnx.defs.get_schema(operator)
    except onnx.defs.SchemaError:  # the runtime's own
        return True
    return bool(schema.has_function or schema.has_context_dependent_function)
