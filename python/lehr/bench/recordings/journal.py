"""The study files (journals) of `lehr.run` and `lehr tune`: what their logs tell, and the direction as well."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lehr.bench.recordings import study_log
from lehr.bench.recordings.table import Table, Wanted
from lehr.errors import LehrError

if TYPE_CHECKING:
    from lehr import Study


def is_journal(first: Any) -> bool:
    """Whether a parsed line may be of an Optuna journal."""
    return isinstance(first, dict) and "op_code" in first


def from_journal(path: Path, lines: list[Any], wanted: Wanted) -> Table:
    """A table of the finished trials of one study; without an objective, its own in its own direction.

    Raises:
        LehrError: the file is damaged or not of lehr, there are several studies and none was chosen, or a study has no
            finished trial.
    """
    import lehr

    names = [str(line["study_name"]) for line in lines if is_journal(line) and "study_name" in line]
    names = list(dict.fromkeys(names))
    if not names:
        raise LehrError(f"{path} is a study file without a study")
    if wanted.study is None and len(names) > 1:
        raise LehrError(f"{path} holds the studies {', '.join(names)}; say which one to replay")
    name = wanted.study or names[0]
    if name not in names:
        raise LehrError(f"{path} holds no study {name}; it holds {', '.join(names)}")
    loaded = lehr.load_study(path, name)
    trials = [{"study": name, **trial.as_json()} for trial in loaded.trials]
    if not trials:
        raise LehrError(f"{path} holds no finished trial of the study {name}")
    own = _direction(loaded) if wanted.objective in (None, loaded.objective) else None
    return study_log.from_log(
        str(path), trials, replace(wanted, study=None, direction=wanted.direction or own)
    )


def direction_beside(log: Path, study: str | None) -> Literal["maximize", "minimize"] | None:
    """The direction of a log's study, from the study file of the same name; None when there is none to read."""
    import lehr

    path = log.with_suffix(".journal")
    if study is None or not path.is_file():
        return None
    try:
        return _direction(lehr.load_study(path, study))
    except LehrError:
        return None


def _direction(study: Study) -> Literal["maximize", "minimize"]:
    return "minimize" if study.direction == "minimize" else "maximize"
