"""How far a stage is: told by the process that works, over a file, to whoever waits."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_POLL_S = 0.1
_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``of`` parts of ``what`` (0 of 0 where parts cannot be counted), after ``seconds``."""

    what: str
    done: int
    of: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.what}, {self.done} of {self.of}" if self.of else self.what


class Teller:
    """The working side: appends a line for each step, at most twenty a second."""

    def __init__(self, path: str | Path | None) -> None:
        self._path = path
        self._start = time.monotonic()
        self._last = ("", 0.0)

    def tell(self, what: str, done: int = 0, of: int = 0) -> None:
        """A new step is told at once, and so is the end of one; what lies between when it is time."""
        now = time.monotonic()
        before, at = self._last
        if self._path is None or (what == before and done < of and now - at < _EVERY_S):
            return
        self._last = (what, now)
        line = json.dumps([what, done, of, round(now - self._start, 3)])
        with open(self._path, "a", encoding="utf-8") as stream:
            stream.write(line + "\n")


class Watch:
    """The waiting side, a context manager: calls ``on_progress`` from a thread of its own while its block runs.

    What the callback raises ends the telling and is raised when the block ends.
    """

    def __init__(self, path: Path, on_progress: Callable[[Progress], None]) -> None:
        self._path = path
        self._on_progress = on_progress
        self._position = 0
        self._error: BaseException | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lehr-progress", daemon=True)

    def __enter__(self) -> Watch:
        self._path.touch()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)
        if self._error is not None and error is None:
            raise self._error

    def _watch(self) -> None:
        try:
            ended = False
            while not ended:
                ended = self._done.wait(_POLL_S)
                self._pass_on()
        except BaseException as error:
            self._error = error

    def _pass_on(self) -> None:
        with self._path.open("rb") as stream:
            stream.seek(self._position)
            whole = stream.read().rpartition(b"\n")[0]
        if whole:
            self._position += len(whole) + 1
            for line in whole.split(b"\n"):
                self._on_progress(Progress(*json.loads(line)))
