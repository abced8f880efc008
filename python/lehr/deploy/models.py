"""A model's file and how to call it: inputs, outputs, and which axes are the batch. Found by reading and by
running it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr.deploy.batch import Call, Feed
from lehr.deploy.class_scores import are_class_scores
from lehr.deploy.model_files import digest_of, format_of, read_model_signature
from lehr.deploy.native_path import native_path
from lehr.deploy.scoring import broken_items, varies
from lehr.deploy.shapes import Axes, check_given, fed, known_ranks
from lehr.deploy.signature import Dim, InputSpec, OutputSpec, Signature, first_sentence
from lehr.deploy.trying import Tried, try_out
from lehr.deploy.zoo import zoo
from lehr.errors import ModelError, PreparationError

Arrays = Mapping[str, NDArray[Any]]
_TELLING = 16  # values in 0..1 that are no accident


@dataclass(frozen=True, slots=True)
class Form:
    """The same model in another format: the file that the stage made, or why it could not."""

    format: str
    path: str | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RunnableModel:
    """A model that runs here, with its calling convention. Picklable; holds no session and no weights.

    ``format`` is that of ``path``: ``onnx``, or ``pt2`` for a program exported by PyTorch, which has ``forms`` besides.

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
    format: str = "onnx"
    forms: tuple[Form, ...] = ()

    @classmethod
    def open(
        cls,
        path: str | Path,
        shapes: Mapping[str, tuple[int, ...]] | None = None,
        arrays: Arrays | None = None,
        batch_axis: Axes | None = None,
        forms: Sequence[Form] = (),
    ) -> RunnableModel:
        """Read the model and try it on one and on several items, made up or from ``arrays`` (samples by name).

        ``shapes`` gives an input's full shape where the model leaves dimensions open; a 1 in the batch's place
        leaves the batch variable, a larger number fixes it. Dimensions that ``arrays`` settle need not be given, and
        others get a usual size, which a note tells. ``batch_axis`` says which axis of an input is the batch (None: it
        has none) where that is not to be found out.

        Raises:
            ModelError: the model cannot be used; one sentence says why and what to do.
        """
        path, shapes, arrays, batch_axis = Path(path), shapes or {}, arrays or {}, batch_axis or {}
        signature = _told_by(forms, read_model_signature(path))
        check_given(path.name, signature, shapes, batch_axis)
        signature = known_ranks(path.name, signature, shapes, arrays)
        call, names = _program(path) if format_of(path) == "pt2" else _onnx(path)
        tried = try_out(path.name, signature, call, shapes, arrays, batch_axis)
        outputs, odd = _outputs(names, signature, tried)
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
            sha256=digest_of(files),
            size_mb=sum(file.stat().st_size for file in files) / 1e6,
            notes=(*tried.notes, *odd),
            format=format_of(path),
            forms=tuple(forms),
        )

    @property
    def shapes(self) -> dict[str, tuple[Dim, ...]]:
        """The shape that each input is fed, with an N where any number of items may stand."""
        return {spec.name: fed(spec) for spec in self.inputs}

    @property
    def files(self) -> tuple[Path, ...]:
        """The file, and those beside it that hold weights. Reads the file."""
        if self.format == "pt2":
            return (self.path,)
        return (self.path, *read_model_signature(self.path).external_files)

    @property
    def formats(self) -> tuple[str, ...]:
        """Every format that it comes in, that of the file first, whether or not it could be made."""
        return (self.format, *(form.format for form in self.forms))

    def as_accepted(self, formats: Sequence[str]) -> RunnableModel:
        """This model in the first of its formats that is among these.

        Raises:
            PreparationError: it could not be made; the stage's reason.
        """
        if self.format in formats:
            return self
        form = next(form for form in self.forms if form.format in formats)
        if form.path is None:
            raise PreparationError(form.reason)
        other = replace(self, path=Path(form.path), format=form.format, forms=())
        return replace(other, size_mb=sum(file.stat().st_size for file in other.files) / 1e6)

    def input(self, name: str) -> InputSpec:
        """The input of that name."""
        return next(spec for spec in self.inputs if spec.name == name)


def zoo_models() -> dict[str, RunnableModel]:
    """The bundled families, opened."""
    return {name: RunnableModel.open(family.path) for name, family in zoo().items()}


def quiet_session(path: Path, options: Any = None) -> Any:
    """A session on the CPU that writes nothing to stderr; what goes wrong is in the exceptions."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = options or onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(native_path(path), options, providers=["CPUExecutionProvider"])


def _told_by(forms: Sequence[Form], signature: Signature) -> Signature:
    """With what the graph of an ONNX form tells of values."""
    path = next((form.path for form in forms if form.format == "onnx"), None)
    if path is None:
        return signature
    told = read_model_signature(Path(path))
    return replace(
        signature,
        vocabularies=told.vocabularies,
        class_outputs=told.class_outputs,
        unit_outputs=told.unit_outputs,
    )


Outputs = Sequence[tuple[str, str]]
"""The outputs' names, and their types in the runtime's words."""


def _onnx(path: Path) -> tuple[Call, Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = quiet_session(path, options)
    except Exception as error:  # the runtime's exceptions have no common base
        raise ModelError(
            f"onnxruntime {onnxruntime.__version__} cannot load {path.name}: {first_sentence(error)}"
        ) from error

    def call(feed: Feed) -> list[Any] | Exception:
        try:
            return list(session.run(None, feed))
        except Exception as error:  # the runtime's exceptions have no common base
            return error

    return call, [(info.name, info.type) for info in session.get_outputs()]


def _program(path: Path) -> tuple[Call, Outputs]:
    import torch

    from lehr.deploy.torch_program import Program, as_array, as_tensor, input_names, load, output_names

    program = Program(load(path))
    names = input_names(program.exported)

    def call(feed: Feed) -> list[Any] | Exception:
        try:
            with torch.inference_mode():
                return [as_array(one) for one in program([as_tensor(feed[name]) for name in names])]
        except Exception as error:  # torch's exceptions have no common base
            return error

    return call, [(name, "tensor") for name in output_names(program.exported)]


def _outputs(
    names: Outputs, signature: Signature, tried: Tried
) -> tuple[tuple[OutputSpec, ...], tuple[str, ...]]:
    """The outputs, and a sentence for each whose answers look as if nothing could be told by them."""
    outputs, notes = [], []
    for (name, kind), one, many, axis in zip(
        names, tried.alone, tried.together, tried.output_axes, strict=True
    ):
        if not (isinstance(one, np.ndarray) and one.dtype.kind in "fiub"):
            outputs.append(OutputSpec(name, kind, (), None, False))
            continue
        items = one[None] if axis is None else np.moveaxis(many, axis, 0)
        scores = are_class_scores(name, items, name in signature.class_outputs)
        unit = name in signature.unit_outputs or bool(
            items.size >= _TELLING and ((items >= 0) & (items <= 1)).all()
        )
        outputs.append(OutputSpec(name, kind, one.shape, axis, True, scores, unit))
        if broken_items(items).all():
            notes.append(f"output '{name}' held NaN or infinite values for all of {len(items)} items")
        elif axis is not None and len(items) > 1 and not broken_items(items).any() and not varies(items):
            notes.append(f"output '{name}' was the same for {len(items)} different items")
    return tuple(outputs), tuple(notes)
