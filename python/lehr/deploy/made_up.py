"""Inputs made up where none are given, by each input's type and name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.signature import Content, InputSpec

_MASK = re.compile(r"mask(?!ed_?lm)", re.IGNORECASE)
_ZEROS = re.compile(r"token_?type|segment", re.IGNORECASE)
_LENGTHS = re.compile(r"(^|[_.\-/ ])(len|lens|length|lengths|seq_?len|seq_?lens)$|lengths?$", re.IGNORECASE)
_POSITIONS = re.compile(r"position|pos_?ids?", re.IGNORECASE)
_IDS = re.compile(r"(^|[^a-z])ids?([^a-z]|$)|token|word|text|char|phone|index|indices", re.IGNORECASE)
_RATE = re.compile(r"(^|[^a-z])(sr|rate)([^a-z]|$)|sampl(e|ing)_?rate", re.IGNORECASE)
_USUAL_RATE = 16_000  # samples a second, that of speech models
_FEW_IDS = 8  # where the vocabulary cannot be read from the graph: any text model has so many


def content_of(spec: InputSpec, inputs: Sequence[InputSpec], vocabulary: int | None) -> InputSpec:
    """``spec`` with ``content`` and ``bound`` set by its type, its name, its ``vocabulary`` and the other inputs."""
    content, bound = _content(spec, inputs, vocabulary)
    return replace(spec, content=content, bound=bound)


def _content(
    spec: InputSpec, inputs: Sequence[InputSpec], vocabulary: int | None
) -> tuple[Content, int | None]:
    name, kind = spec.name, np.dtype(spec.dtype).kind
    if _MASK.search(name):
        return "mask", None
    if _LENGTHS.search(name) and kind != "b":
        length = _sequence_length(spec, inputs)
        if length is not None:
            return "lengths", length
    if kind == "b":
        return "flags", None
    if kind == "f":
        return "floats", None
    if _ZEROS.search(name):
        return "zeros", None
    if _POSITIONS.search(name):
        return "positions", vocabulary
    if vocabulary is not None:
        return "ids", vocabulary
    if spec.dtype == "uint8":
        return "bytes", 256
    if _IDS.search(name):
        return "ids", _FEW_IDS
    if _RATE.search(name) and spec.dtype in {"int32", "int64"}:
        return "rate", _USUAL_RATE
    return "small integers", 2


def _sequence_length(spec: InputSpec, inputs: Sequence[InputSpec]) -> int | None:
    """How long the sequence is whose length ``spec`` gives: the first axis beside the batch of the likeliest input."""
    others = [one for one in inputs if one.name != spec.name and len(one.shape) > len(spec.shape)]
    stem = re.sub(r"[_.\-/ ]?(seq_?)?len(gth)?s?$", "", spec.name, flags=re.IGNORECASE)
    others.sort(key=lambda one: not (stem and one.name.startswith(stem)))
    for one in others:
        sizes = [size for axis, size in enumerate(one.shape) if axis != one.batch_axis]
        if sizes:
            return sizes[0]
    return None


def made_up(spec: InputSpec, batch: int, rng: np.random.Generator) -> NDArray[Any]:
    """Values for one input of a call with ``batch`` items."""
    shape, bound = spec.shape_at(batch), spec.bound
    match spec.content:
        case "floats":
            values: Any = rng.standard_normal(shape)
        case "mask":
            values = np.ones(shape)
        case "zeros":
            values = np.zeros(shape)
        case "lengths" | "rate":
            values = np.full(shape, bound)
        case "positions":
            values = _positions(spec, shape)
        case "bytes" | "ids" | "small integers" | "flags":
            most = int(min(bound or 2, np.iinfo(spec.dtype).max + 1)) if spec.dtype != "bool" else 2
            values = rng.integers(0, max(most, 1), shape)
    return np.asarray(values, dtype=spec.dtype)


def _positions(spec: InputSpec, shape: tuple[int, ...]) -> NDArray[Any]:
    """0, 1, 2, ... along the last axis that is no batch."""
    axes = [axis for axis in range(len(shape)) if axis != spec.batch_axis]
    if not axes:
        return np.zeros(shape)
    along = axes[-1]
    count = np.arange(shape[along]) % (spec.bound or shape[along] or 1)
    return np.broadcast_to(count.reshape([-1 if axis == along else 1 for axis in range(len(shape))]), shape)


def made_up_batch(
    inputs: Sequence[InputSpec], batch: int, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """One call's inputs."""
    return {spec.name: made_up(spec, batch, rng) for spec in inputs}


def describe_made_up(inputs: Sequence[InputSpec]) -> str:
    """What was made up, for people: ``inputs made up: ids (token ids below 30522), mask (ones)``."""
    return "inputs made up: " + ", ".join(f"{spec.name} ({_words(spec)})" for spec in inputs)


def _words(spec: InputSpec) -> str:
    match spec.content:
        case "floats":
            return "normal noise"
        case "mask":
            return "ones"
        case "zeros":
            return "zeros"
        case "bytes":
            return "bytes 0 to 255"
        case "ids":
            return f"token ids below {spec.bound}"
        case "lengths":
            return f"lengths of {spec.bound}"
        case "positions":
            return "positions from 0"
        case "rate":
            return f"{spec.bound} samples a second"
        case "flags":
            return "random booleans"
        case "small integers":
            return "0 or 1"
