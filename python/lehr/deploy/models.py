"""An ONNX file and how to call it: inputs, outputs, and which axes are the batch. Found by reading and by
running it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.signature import (
    InputSpec,
    OutputSpec,
    describe,
    first_sentence,
    read_signature,
    resolve_inputs,
)
from lehr.deploy.zoo import zoo
from lehr.errors import ModelError

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model that runs here, with its calling convention. Picklable; holds no session and no weights.

    ``fixed_batch`` is the only batch size the model takes, None where it takes any. A model without a batch
    axis has ``fixed_batch`` 1: one call is one item.
    """

    path: Path
    inputs: tuple[InputSpec, ...]
    outputs: tuple[OutputSpec, ...]
    fixed_batch: int | None
    sha256: str
    size_mb: float
    notes: tuple[str, ...] = ()

    @classmethod
    def open(
        cls,
        path: str | Path,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        arrays: Arrays | None = None,
    ) -> OnnxModel:
        """Read the model and try it at batch sizes 1 and 2 with made-up inputs (or with ``arrays``, samples
        by name).

        ``shapes`` gives an input's full shape where the model leaves dimensions open; a 1 in the batch's
        place leaves the batch variable, a larger number fixes it. Dimensions that ``arrays`` settles need not
        be given.

        Raises:
            ModelError: the model cannot be used; one sentence says why and what to do.
        """
        path = Path(path)
        signature = read_signature(path)
        inputs = resolve_inputs(path.name, signature, shapes or {}, arrays or {})
        fixed = _static_batch(inputs)
        session = _session(path)
        notes: list[str] = []
        both = _feed(inputs, fixed or 2, arrays)
        first = _try(session, both if fixed else _item(inputs, both, 0))
        if isinstance(first, Exception):
            raise ModelError(_cannot_run(path.name, inputs, first, arrays is not None)) from first
        second = first if fixed else _try(session, both)
        if isinstance(second, Exception):
            fixed, second = 1, first
            notes.append("its batch size is fixed at 1, although the file declares a variable one")
        outputs = _outputs(session, first, second, fixed)
        if fixed is None and not _independent(outputs, second, first, _try(session, _item(inputs, both, 1))):
            fixed = 1
            notes.append("items of a batch change one another's results, so it is measured at batch size 1")
        tensors = [output for output in outputs if output.numeric]
        if not tensors:
            kinds = ", ".join(f"'{output.name}' ({output.kind})" for output in outputs)
            raise ModelError(
                f"{path.name} has no numeric tensor output to compare, only {kinds}; export it without them"
            )
        if not any(output.batch_axis is not None for output in tensors):
            # Nothing in the outputs follows the batch (inputs such as [2048], or detections of any number): a
            # call is one item, and only a batch of 1 can be judged item by item.
            if fixed is None:
                notes.append("its outputs do not follow the batch, so it is measured at batch size 1")
            elif fixed > 1:
                inputs = tuple(spec.without_batch() for spec in inputs)
            fixed = 1
        files = [path, *signature.external_files]
        return cls(
            path=path.resolve(),
            inputs=inputs,
            outputs=outputs,
            fixed_batch=fixed,
            sha256=_digest(files),
            size_mb=sum(file.stat().st_size for file in files) / 1e6,
            notes=tuple(notes),
        )

    def input(self, name: str) -> InputSpec:
        """The input of that name."""
        return next(spec for spec in self.inputs if spec.name == name)


def zoo_models() -> dict[str, OnnxModel]:
    """The bundled families, opened."""
    return {name: OnnxModel.open(family.path) for name, family in zoo().items()}


def quiet_session(path: Path, options: Any = None) -> Any:
    """A session on the CPU that writes nothing to stderr; what goes wrong is in the exceptions."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = options or onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return quiet_session(path, options)
    except Exception as error:  # the runtime's exceptions have no common base
        raise ModelError(
            f"onnxruntime {onnxruntime.__version__} cannot load {path.name}: {first_sentence(error)}"
        ) from error


def _static_batch(inputs: tuple[InputSpec, ...]) -> int | None:
    """The batch size that the inputs themselves fix; None where a batch axis is free."""
    axes = [spec for spec in inputs if spec.batch_axis is not None]
    if not axes:
        return 1
    if any(spec.free_batch for spec in axes):
        return None
    return max(spec.shape[spec.batch_axis] for spec in axes if spec.batch_axis is not None)


def made_up(spec: InputSpec, batch: int, rng: np.random.Generator) -> NDArray[Any]:
    """Values for one input: floats from N(0, 1), integers and booleans 0 or 1."""
    shape = spec.shape_at(batch)
    if spec.dtype.startswith("float"):
        return np.asarray(rng.standard_normal(shape), dtype=spec.dtype)
    return np.asarray(rng.integers(0, 2, shape), dtype=spec.dtype)


def _feed(inputs: tuple[InputSpec, ...], batch: int, arrays: Arrays | None) -> dict[str, NDArray[Any]]:
    rng = np.random.default_rng(0)
    feed = {}
    for spec in inputs:
        given = (arrays or {}).get(spec.name)
        feed[spec.name] = made_up(spec, batch, rng) if given is None else spec.some(given, batch)
    return feed


def _item(inputs: tuple[InputSpec, ...], feed: dict[str, NDArray[Any]], item: int) -> dict[str, NDArray[Any]]:
    return {
        spec.name: feed[spec.name]
        if spec.batch_axis is None
        else np.ascontiguousarray(np.take(feed[spec.name], [item], axis=spec.batch_axis))
        for spec in inputs
    }


def _independent(outputs: tuple[OutputSpec, ...], both: list[Any], *alone: list[Any] | Exception) -> bool:
    """Whether items give in a batch what they give alone, but for rounding: else the axis is a sequence, no
    batch.
    """
    for number, output in enumerate(outputs):
        if output.batch_axis is None or both[number].dtype.kind != "f":
            continue
        for item, results in enumerate(alone):
            if isinstance(results, Exception):
                return False
            expected = np.take(results[number], 0, axis=output.batch_axis).astype(np.float64)
            error = np.take(both[number], item, axis=output.batch_axis).astype(np.float64) - expected
            # Kernels that quantise by the range of the whole batch differ by a few per cent.
            if np.linalg.norm(error.ravel()) > 0.1 * np.linalg.norm(expected.ravel()) + 1e-6:
                return False
    return True


def _try(session: Any, feed: dict[str, NDArray[Any]]) -> list[Any] | Exception:
    try:
        return list(session.run(None, feed))
    except Exception as error:
        return error


def _cannot_run(name: str, inputs: tuple[InputSpec, ...], error: Exception, given: bool) -> str:
    reason = first_sentence(error)
    if given:
        return f"{name} does not run on the first sample of the data: {reason}"
    integers = [f"'{spec.name}'" for spec in inputs if not spec.dtype.startswith("float")]
    doubt = f" (it may not like the made-up 0 and 1 for {', '.join(integers)})" if integers else ""
    tried = ", ".join(f"'{spec.name}' {describe(spec.shape)}" for spec in inputs)
    return (
        f"{name} does not run on made-up inputs {tried}{doubt}: {reason}; give real ones with "
        "--data samples.npz, or other sizes with --shape"
    )


def _outputs(session: Any, first: list[Any], second: list[Any], fixed: int | None) -> tuple[OutputSpec, ...]:
    """Compare the outputs of a batch of 1 with those of 2: the axis that grew is the batch."""
    outputs = []
    for info, one, two in zip(session.get_outputs(), first, second, strict=True):
        numeric = isinstance(one, np.ndarray) and one.dtype.kind in "fiub"
        axis, shape = None, ()
        if numeric:
            shape = one.shape
            if fixed is None:
                grown = [
                    i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=False)) if (a, b) == (1, 2)
                ]
                axis = grown[0] if one.ndim == two.ndim and len(grown) == 1 else None
            elif one.ndim and one.shape[0] == fixed:
                axis = 0
        outputs.append(OutputSpec(info.name, info.type, shape, axis, numeric))
    return tuple(outputs)


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
