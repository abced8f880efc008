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

from lehr.deploy.batch import Call, Feed
from lehr.deploy.class_scores import are_class_scores
from lehr.deploy.native_path import native_path
from lehr.deploy.scoring import broken_items, varies
from lehr.deploy.shapes import Axes, check_given, fed, known_ranks
from lehr.deploy.signature import Dim, InputSpec, OutputSpec, Signature, first_sentence, read_signature
from lehr.deploy.trying import Tried, try_out
from lehr.deploy.zoo import zoo
from lehr.errors import ModelError

Arrays = Mapping[str, NDArray[Any]]
_TELLING = 16  # values in 0..1 that are no accident


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model that runs here, with its calling convention. Picklable; holds no session and no weights.

    ``fixed_batch`` is the only batch size the model takes, None where it takes any. A model without a batch
    axis has ``fixed_batch`` 1: one call is one item. ``notes`` are sentences for the user: what was chosen for the
    model, and why.
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
        batch_axis: Axes | None = None,
    ) -> OnnxModel:
        """Read the model and try it on one and on several items, made up or from ``arrays`` (samples by name).

        ``shapes`` gives an input's full shape where the model leaves dimensions open; a 1 in the batch's place
        leaves the batch variable, a larger number fixes it. Dimensions that ``arrays`` settle need not be given, and
        others get a usual size, which a note tells. ``batch_axis`` says which axis of an input is the batch (None: it
        has none) where that is not to be found out.

        Raises:
            ModelError: the model cannot be used; one sentence says why and what to do.
        """
        path, shapes, arrays, batch_axis = Path(path), shapes or {}, arrays or {}, batch_axis or {}
        signature = read_signature(path)
        check_given(path.name, signature, shapes, batch_axis)
        signature = known_ranks(path.name, signature, shapes, arrays)
        session = _session(path)
        tried = try_out(path.name, signature, _caller(session), shapes, arrays, batch_axis)
        outputs, odd = _outputs(session, signature, tried)
        if not any(output.numeric for output in outputs):
            kinds = ", ".join(f"'{output.name}' ({output.kind})" for output in outputs)
            raise ModelError(
                f"{path.name} has no numeric tensor output to compare, only {kinds}; export it without them"
            )
        files = [path, *signature.external_files]
        return cls(
            path=path.resolve(),
            inputs=tried.inputs,
            outputs=outputs,
            fixed_batch=tried.fixed_batch,
            sha256=_digest(files),
            size_mb=sum(file.stat().st_size for file in files) / 1e6,
            notes=(*tried.notes, *odd),
        )

    @property
    def shapes(self) -> dict[str, tuple[Dim, ...]]:
        """The shape that each input is fed, with an N where any number of items may stand."""
        return {spec.name: fed(spec) for spec in self.inputs}

    @property
    def format(self) -> str:
        """What backends that take such models list under ``accepts``."""
        return "onnx"

    @property
    def files(self) -> tuple[Path, ...]:
        """The file, and those beside it that hold weights. Reads the file."""
        return (self.path, *read_signature(self.path).external_files)

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
    return onnxruntime.InferenceSession(native_path(path), options, providers=["CPUExecutionProvider"])


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


def _caller(session: Any) -> Call:
    def call(feed: Feed) -> list[Any] | Exception:
        try:
            return list(session.run(None, feed))
        except Exception as error:  # the runtime's exceptions have no common base
            return error

    return call


def _outputs(
    session: Any, signature: Signature, tried: Tried
) -> tuple[tuple[OutputSpec, ...], tuple[str, ...]]:
    """The outputs, and a sentence for each whose answers look as if nothing could be told by them."""
    outputs, notes = [], []
    for info, one, many, axis in zip(
        session.get_outputs(), tried.alone, tried.together, tried.output_axes, strict=True
    ):
        if not (isinstance(one, np.ndarray) and one.dtype.kind in "fiub"):
            outputs.append(OutputSpec(info.name, info.type, (), None, False))
            continue
        items = one[None] if axis is None else np.moveaxis(many, axis, 0)
        scores = are_class_scores(info.name, items, info.name in signature.class_outputs)
        unit = info.name in signature.unit_outputs or bool(
            items.size >= _TELLING and ((items >= 0) & (items <= 1)).all()
        )
        outputs.append(OutputSpec(info.name, info.type, one.shape, axis, True, scores, unit))
        if broken_items(items).all():
            notes.append(f"output '{info.name}' held NaN or infinite values for all of {len(items)} items")
        elif axis is not None and len(items) > 1 and not broken_items(items).any() and not varies(items):
            notes.append(f"output '{info.name}' was the same for {len(items)} different items")
    return tuple(outputs), tuple(notes)


def _digest(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
