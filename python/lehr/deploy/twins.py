"""Configurations that are the same in other words: a recipe that changes nothing leaves the model as given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lehr.limits import VERDICTS, verdicts_of
from lehr.supervise import Ending

if TYPE_CHECKING:
    from lehr.deploy.evaluate import Evaluator
    from lehr.study import StudyTrial

#: The fact that names the trial whose measurement was taken over.
SAME_AS = "same_as"
_PEAK = "peak_memory_mb"


def twin_of(
    config: Mapping[str, Any], evaluator: Evaluator, trials: Iterable[StudyTrial]
) -> StudyTrial | None:
    """The first trial that measured what this configuration comes to: the same model as given, in the same session
    with as many items a call. None where there is none.

    Args:
        config: a configuration whose recipe leaves the model as given.
        evaluator: of the search.
        trials: of the search, so far.
    """
    wanted = _measured(config, evaluator)
    for trial in trials:
        as_given = "unchanged" in trial.facts or is_as_given(trial.config, evaluator)
        own = trial.outcome == "ok" and SAME_AS not in trial.facts
        if own and as_given and _measured(trial.config, evaluator) == wanted:
            return trial
    return None


def taken_over(twin: StudyTrial, unchanged: str | None) -> Ending:
    """The ending of a trial that need not run: its twin's figures, and where they come from.

    That others disturbed the twin stands with the twin: repeating this trial would change nothing.
    """
    facts = {
        key: value for key, value in twin.facts.items() if key not in (VERDICTS, "disturbed", "unchanged")
    }
    facts[SAME_AS] = twin.number
    if unchanged is not None:
        facts["unchanged"] = unchanged
    result = {
        **twin.metrics,
        "sem": dict(twin.metrics_sem or {}),
        "facts": facts,
        VERDICTS: verdicts_of(twin.facts),
    }
    evidence = {SAME_AS: twin.number} | ({_PEAK: twin.evidence[_PEAK]} if _PEAK in twin.evidence else {})
    return Ending("ok", result, evidence, 0.0)


def is_as_given(config: Mapping[str, Any], evaluator: Evaluator) -> bool:
    """Whether a configuration asks for no recipe at all."""
    runtime = evaluator.backend_of(config)
    return runtime.prepare_key(config) == runtime.prepare_key({})


def _measured(config: Mapping[str, Any], evaluator: Evaluator) -> tuple[Any, ...]:
    model, runtime = evaluator.model_of(config), evaluator.backend_of(config)
    return (
        model.sha256,
        runtime.name,
        runtime.session_options(config),
        config.get("batch_size", model.fixed_batch),
    )
