"""The deployed folder: best.json, the model file as it was measured, and a load.py that needs the runtime alone."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lehr._files import UNFINISHED, open_given, write_whole
from lehr._printable import printable
from lehr.deploy import best as best_file
from lehr.deploy.backend import RanOn, Session
from lehr.deploy.backends import find_backend
from lehr.deploy.best import NAME, Artefact, Best
from lehr.errors import DeploymentError, LehrError, StorageError

LOADER = "load.py"
_GIVEN = "given"


def check_folder(folder: Path) -> None:
    """Look at where a deployment is to go, before the work.

    Raises:
        DeploymentError: nothing can be written there, or it holds something else.
    """
    if folder.is_dir():
        names = {entry.name for entry in folder.iterdir() if not entry.name.startswith(UNFINISHED)}
        if names and NAME not in names:
            raise DeploymentError(
                f"the folder {folder} holds other files; give a new or an empty one, or one that lehr wrote"
            )
        place = folder
    else:
        if folder.exists() or folder.is_symlink():
            raise DeploymentError(f"{folder} is a file; give a folder")
        place = folder.absolute().parent
        if not place.is_dir():
            raise DeploymentError(f"the folder {place} does not exist; create it first")
    if not os.access(place, os.W_OK | os.X_OK):
        raise DeploymentError(f"the folder {place} cannot be written to; choose another")


def write_folder(folder: Path, best: Best, files: Sequence[Path], given: Path | None = None) -> Best:
    """Write the deployed folder; best.json comes last, so that a folder with one is whole.

    Args:
        folder: where to; made when it is not there.
        best: what best.json says, yet without the artefact.
        files: the model file as it was measured, then the files that hold its weights, all from one folder.
        given: the model as given, where it lies in no file of the user's: ``lehr verify`` compares with it.

    Returns:
        What best.json says, with the artefact.

    Raises:
        DeploymentError: the folder holds something else.
        StorageError: the file system refused.
    """
    check_folder(folder)
    try:
        folder.mkdir(exist_ok=True)
        model, *weights = files
        # Weights are found by their own names, which the model file holds; the model's own name is free.
        name = model.name if weights else f"model{model.suffix}"
        digests = [_copy(model, folder / name), *(_copy(one, folder / one.name) for one in weights)]
        artefact = Artefact(name, _joined(digests), tuple(one.name for one in weights))
        shipped = replace(best, artefact=artefact)
        if given is not None:
            beside = name if given == model else f"{_GIVEN}{given.suffix}"
            _copy(given, folder / beside)
            shipped = replace(shipped, model={**best.model, "path": beside})
        loader = find_backend(best.backend).loader(name, best.options)
        write_whole(folder / LOADER, loader.encode())
    except OSError as error:
        where = error.filename or folder
        raise StorageError(
            f"cannot write {where}: {error.strerror}; the study keeps the result, so free the disk and run the same "
            "command again"
        ) from error
    best_file.write(folder / NAME, shipped)
    return shipped


def locate(path: str | os.PathLike[str]) -> Path:
    """The best.json of a deployed folder, or the file itself."""
    place = Path(path)
    return place / NAME if place.is_dir() else place


def artefact_path(best_path: Path, best: Best) -> Path:
    """The model file beside best.json, checked against its digest.

    Raises:
        DeploymentError: there is none, or it is not the one that was measured.
    """
    if best.artefact is None:
        raise DeploymentError(
            f"{best_path} stands alone, without its model; lehr tune --out FOLDER writes both"
        )
    folder = best_path.absolute().parent
    files = [folder / name for name in (best.artefact.file, *best.artefact.weights)]
    try:
        found = _joined([digest(one) for one in files])
    except OSError as error:
        raise DeploymentError(f"cannot read {error.filename}: {error.strerror}") from error
    if found != best.artefact.sha256:
        raise DeploymentError(
            f"{files[0]} is not the file that {best_path} was measured with: its SHA-256 differs; tune again, or "
            "bring the old file back"
        )
    return files[0]


class Deployed:
    """A deployed model, ready to run exactly as it was measured. Made by :func:`lehr.load`; a context manager.

    Attributes:
        best: what best.json says of it.
    """

    def __init__(self, best: Best, session: Session) -> None:
        self.best = best
        self._session: Session | None = session

    @property
    def config(self) -> dict[str, Any]:
        """The configuration."""
        return dict(self.best.config)

    @property
    def ran_on(self) -> RanOn:
        """Device, provider, precision and threads, as the runtime reports them."""
        return self._open().ran_on

    def __call__(self, inputs: Mapping[str, NDArray[Any]] | NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model once.

        Args:
            inputs: arrays by input name, or the one array of a model with one input.

        Returns:
            The outputs, in the model's order.

        Raises:
            DeploymentError: the session is closed.
            Exception: what the runtime raises for inputs that do not fit.
        """
        session = self._open()
        feed = inputs if isinstance(inputs, Mapping) else {session.input_names[0]: np.asarray(inputs)}
        return session.run(dict(feed))

    def close(self) -> None:
        """Free what the session holds. May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def __enter__(self) -> Deployed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._session is None else "ready"
        settings = ", ".join(f"{name}={value}" for name, value in self.best.config.items())
        return printable(f"<lehr.Deployed {state}: {settings}>")

    def _open(self) -> Session:
        if self._session is None:
            raise DeploymentError("this deployment is closed; load it again")
        return self._session


def load(path: str | os.PathLike[str]) -> Deployed:
    """Open what ``lehr.tune(...).save(folder)`` or ``lehr tune --out folder`` wrote, as it was measured.

    Args:
        path: the folder, or the best.json in it.

    Raises:
        DeploymentError: there is no such deployment, it is damaged, or the model is not the one that was measured.
        RanElsewhereError: the runtime runs it on something else than it was measured on.
        Exception: what the runtime raises.
    """
    place = locate(path)
    best = best_file.read(place)
    artefact = artefact_path(place, best)
    backend = runtime_of(place, best)
    return Deployed(best, backend.open(artefact, session_options(place, best)))


def runtime_of(place: Path, best: Best) -> Any:
    """The backend of a deployment. Raises DeploymentError for one that is not here."""
    try:
        return find_backend(best.backend)
    except LehrError as error:
        raise DeploymentError(f"{place}: {error}") from error


def session_options(place: Path, best: Best) -> dict[str, Any]:
    """The session's options by the configuration: a file from a stranger may choose among ours, and set nothing else.

    Raises:
        DeploymentError: the configuration is not one of the backend, or its options are not those of best.json.
    """
    try:
        options: dict[str, Any] = runtime_of(place, best).session_options(best.config)
    except (LehrError, ValueError, TypeError) as error:
        raise DeploymentError(f"{place}: its configuration cannot be used: {error}") from error
    if best.options and best.options != options:
        different = sorted({*best.options, *options})
        name = next(name for name in different if best.options.get(name) != options.get(name))
        raise DeploymentError(
            f"{place}: its session option {name} is {best.options.get(name)!r:.60}, and its configuration gives "
            f"{options.get(name)!r:.60}; it was changed, or written by another lehr: tune again"
        )
    return options


def _copy(source: Path, target: Path) -> str:
    """Copy a file whole or not at all, durably; its digest."""
    if target.exists() and os.path.samefile(source, target):
        return digest(target)
    descriptor, part = tempfile.mkstemp(prefix=UNFINISHED, dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as out, source.open("rb") as stream:
            shutil.copyfileobj(stream, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)
        os.replace(part, target)
    finally:
        with suppress(OSError):  # gone by now when all went well
            os.unlink(part)
    return digest(target)


def digest(path: Path) -> str:
    with os.fdopen(open_given(path), "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _joined(digests: Sequence[str]) -> str:
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
