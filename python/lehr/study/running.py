"""``lehr.run``: a search over isolated trials, durable and resumable."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Literal

from lehr._checks import real, whole
from lehr.errors import OptionError, StorageError
from lehr.limits import Constraints, parse_limits
from lehr.methods import Acquisition, Method
from lehr.metrics import Direction
from lehr.space import Space
from lehr.study.arguments import (
    check_budget,
    check_callback,
    check_evaluation,
    check_names,
    check_place,
    check_surroundings,
    distinct,
)
from lehr.study.deadline import adapted_deadline
from lehr.study.definition import Definition, Preset, default_method
from lehr.study.events import Event
from lehr.study.executor import Device, Evaluate, Executor, Job, LocalExecutor, Preload, Threads
from lehr.study.finishing import Finishing
from lehr.study.history import make_optimizer
from lehr.study.identity import Identity, require_same
from lehr.study.opening import StorageLike
from lehr.study.policies import read_policies
from lehr.study.progress import both, lines
from lehr.study.session import Session
from lehr.study.storage import StudyStore
from lehr.study.study import Study
from lehr.supervise import Ending, TrialContext, _options
from lehr.supervise._device import MemoryReader

_EVALUATION = "evaluation"


def run(
    evaluate: Evaluate,
    space: Space,
    *,
    objective: str = "objective",
    direction: Direction = "maximize",
    constraints: Constraints = None,
    budget: int | None = None,
    budget_seconds: float | None = None,
    method: Method | None = None,
    preset: Preset = "default",
    seed: int = 0,
    trial_timeout_s: float | None = None,
    memory_limit_mb: float | None = None,
    storage: StorageLike = "study.journal",
    name: str = "study",
    isolation: Literal["auto", "fork", "spawn"] = "auto",
    preload: Preload = (),
    environment: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    device: Device = None,
    devices: Mapping[str, MemoryReader] | None = None,
    cpus: Sequence[int] | None = None,
    threads: Threads = None,
    namespace: bool = False,
    initial: Iterable[Mapping[str, Any]] = (),
    on_event: Callable[[Event], None] | None = None,
    resume: bool = True,
    acquisition: Acquisition = "ratio",
    options: Mapping[str, float] | None = None,
    accept_borderline: bool = False,
    confirm: int = 3,
    early_end: bool = False,
    repeat_disturbed: int = 0,
    executor: Executor | None = None,
    finish: Callable[[Finishing], None] | None = None,
    version: str | None = None,
    progress: bool | None = None,
) -> Study:
    """Search a space with a function that may crash, hang or run out of memory. Isolated, durable, resumable.

    Every trial runs in a child process of its own and is on the disk before the next one starts. When a run
    is killed, the same call goes on where it ended, and the sequence of trials is the one of an unbroken run.

    Args:
        evaluate: called in a child with a configuration (the active variables by name). Returns a dict that
            holds the objective and every limited metric as finite numbers, perhaps more numbers, and perhaps
            ``facts``, a dict of notes, ``sem``, the standard errors of metrics by name, and ``verdicts`` on limits
            (:mod:`lehr.limits`); or, without limits, the objective alone. Anything else ends the trial as ``crashed``.
            ``memory_peak_mb`` may be left to the run: where it is limited, optimised or None, it is the peak of the
            trial's whole process tree, in MB of 10^6 bytes, imports included.
        space: what is searched.
        objective: name of the metric that is optimised.
        direction: ``maximize`` or ``minimize``.
        constraints: limits on metrics, as texts (``"latency_p95_ms <= 20ms"``, ``"accuracy >= 0.9"``) or as
            upper limits by metric.
        budget: trials of the whole study, those of earlier sessions included; a larger one may be given on
            resume. 25, or as many as fit when ``budget_seconds`` is given alone.
        budget_seconds: seconds of the whole study, those of earlier sessions included. Every trial costs what it
            took, whatever came of it: start-up, repetitions and clearing away count. No new trial is started once
            they are spent; the one that runs then is left to end, or to meet its own deadline: cutting it short
            would store a timeout that the configuration has not earned. With ``budget`` too, whichever is spent
            first ends the run.
        method: as for :class:`lehr.Optimizer`. None: ``"guided"``, or ``"tba-tpe"`` with the paper preset or
            ``acquisition="c-tpe"``, which are its own.
        preset, seed, acquisition, options: as for :class:`lehr.Optimizer`.
        trial_timeout_s: deadline of one trial in seconds. None: five times the longest trial that ran to its end,
            30 s at least, once five have (:mod:`lehr.study.deadline`); 1e9, the most, is as good as no deadline.
        memory_limit_mb: memory limit of one trial in MB of 10^6 bytes, its whole process tree counted.
        storage: a journal file (with a log of JSON lines beside it), an Optuna storage URL (``sqlite:///``,
            ``postgresql://``, ``redis://``...), an Optuna storage, or None to keep the study in memory.
        name: the study's name; a storage may hold several.
        isolation, environment, namespace: as for :class:`lehr.supervise.Supervisor`.
        preload: modules that the children's helper imports once, or a function from a configuration to them.
        policies: what to do about a failed trial, by class (``crashed``, ``timeout``, ``oom``, ``killed`` by
            somebody else, ``lost`` to the kernel, ``quarantined`` with its device): ``count`` it as the outcome that
            it is, ``retry`` it once in fresh processes on a clean device, or ``stop`` the run. Defaults: ``killed``
            is retried, the others count. A run that goes on with a study uses that study's, unless given others.
        device: the device that a trial uses, by name, or a function from a configuration to it.
        devices: as for :class:`lehr.supervise.Supervisor`.
        cpus: processors that trials may run on.
        threads: how many threads numeric libraries use, as set in the environment before they are imported; or a
            function from a configuration to that. Each number has a helper process of its own.
        initial: configurations to evaluate first.
        on_event: called with each event of :mod:`lehr.study.events`; an exception in it ends the run.
        accept_borderline: whether a limit that an evaluation's verdict leaves open (see
            :mod:`lehr.limits`) counts as met. Otherwise such a trial is told to the search as a small
            violation.
        confirm: where evaluations give verdicts, how many of the best trials may be evaluated again when the run
            ends, in a fresh process, until one meets the limits again; 0 for none. A trial that does not is no
            winner any more: ``study.confirmations`` says why.
        early_end: whether to end before the budget is spent when the search expects to gain nothing noticeable more
            (``guided`` alone can tell; docs/guided.md says when). The study's ``ended_early`` then says why. Where a
            study ends does not depend on the budget nor on how often it was resumed; one that ended early goes on
            only without this.
        repeat_disturbed: how many trials that other processes disturbed, as the evaluation's fact ``disturbed`` says,
            may be evaluated once more when the machine is quieter; the less disturbed result counts. Where two in a row
            were in vain the run stops trying.
        executor: where trials run, by default in children of this process; ``isolation``, ``preload``,
            ``environment``, ``device``, ``devices``, ``cpus``, ``threads`` and ``namespace`` are then its own business.
            The caller closes it.
        finish: called when the search has ended, before the study is let go, instead of confirming winners: it may
            measure again and keep what came of it (:class:`lehr.study.finishing.Finishing`).
        resume: whether to go on with a study that has trials already; otherwise that is an error.
        version: what `evaluate` measures, as a text of yours. A study goes on only with the evaluation that made it; by
            default that is known from its source, with functions of the same module that it calls, its defaults and
            plain values that it closes over. A version outweighs the source: give one where the source changes and the
            results do not, and another one where what it measures changes elsewhere.
        progress: whether to show a line for each trial; None: on stderr where that is a terminal, or in a notebook.

    Returns:
        The study. Its ``stopped`` says why it ended.

    Raises:
        OptionError, ConfigurationError: an argument is out of range.
        StorageError: the study cannot be stored, is in use, or was made with other options.
        UnpicklableError: `evaluate` cannot be sent to another process; the message names the part that cannot.
        LoadError: `evaluate` cannot be entered in another process (an import fails there, say). That is no result: the
            same call goes on with the same trial once it is mended.
        IsolationError: this machine cannot start a process for a trial.
        KeyboardInterrupt: after Ctrl-C, with the study so far as its attribute ``study``.
    """
    budget, budget_seconds = check_budget(budget, budget_seconds)
    trial_timeout_s = _options.optional_seconds("trial_timeout_s", trial_timeout_s)
    memory_limit_mb = _options.optional_megabytes("memory_limit_mb", memory_limit_mb)
    check_names(objective, name)
    check_place(storage)
    check_surroundings(preload=preload, device=device, devices=devices, cpus=cpus, threads=threads)
    check_callback("on_event", on_event)
    check_callback("finish", finish)
    if not isinstance(space, Space):
        raise OptionError(f"space is {_options.shown(space)}; give a lehr.Space")
    resume = _options.flag("resume", resume)
    if version is not None:
        version = _options.text("version", version)
    shown = lines(progress, objective)
    chosen = read_policies(policies)
    most = math.inf if budget is None and budget_seconds is not None else budget or 25
    if budget is None:
        budget = 25 if budget_seconds is None else _planned(budget_seconds)
    definition = Definition(
        space=space,
        objective=objective,
        direction=direction,
        limits=parse_limits(constraints),
        method=default_method(preset, acquisition) if method is None else method,
        preset=preset,
        seed=seed,
        initial=distinct(space, initial),
        acquisition=acquisition,
        options={
            str(key): real(f"option {key!r}", value)
            for key, value in _options.mapping("options", options, "such as {'gamma': 0.2}").items()
        },
        accept_borderline=_options.flag("accept_borderline", accept_borderline),
    )
    if isinstance(confirm, bool) or not isinstance(confirm, int) or confirm < 0:
        raise OptionError(f"confirm must be a whole number from 0, not {confirm!r}")
    optimizer = make_optimizer(definition, budget)  # complains about options before anything is written
    check_evaluation(evaluate)
    repeats = whole("repeat_disturbed", repeat_disturbed, 0)
    # Likewise; starts nothing yet.
    own = executor is None
    runner: Executor = executor or LocalExecutor(
        isolation=isolation,
        preload=preload,
        environment=environment,
        device=device,
        devices=devices,
        cpus=cpus,
        threads=threads,
        namespace=namespace,
    )
    with ExitStack() as stack:
        if own:
            stack.callback(runner.close)
        store = stack.enter_context(StudyStore(storage, name, writable=True))
        _open_study(store, definition, Identity.of(evaluate, version), resume=resume)
        if policies is None:
            chosen = store.noted_as("policies", read_policies) or chosen
        store.note("policies", dict(chosen))
        session = Session(
            store,
            definition,
            optimizer,
            budget,
            on_event if shown is None else both(shown, on_event),
            policies=chosen,
            most=most,
            early_end=bool(early_end),
            repeats=repeats,
            finish=finish,
        )

        def evaluated(
            number: int, config: dict[str, Any], fresh: bool = False, confirming: bool = False
        ) -> Ending:
            context = TrialContext(
                number=number,
                feasible_found=session.study.best is not None,
                limits=definition.limits,
                timeout_s=trial_timeout_s or adapted_deadline(session.study.trials),
                memory_limit_mb=memory_limit_mb,
                confirming=confirming,
            )
            return runner.run(evaluate, Job(dict(config), context, fresh))

        return session.drive(evaluated, budget_seconds or math.inf, confirm)


def _open_study(store: StudyStore, definition: Definition, identity: Identity, *, resume: bool) -> None:
    stored = store.definition if store.exists else None
    if stored is None:
        store.create(definition)
        store.note(_EVALUATION, identity.as_json())
        return
    if not resume:
        raise StorageError(
            f"{store.where} exists already: give this run another name, or resume=True to go on with it"
        )
    definition.require_same(stored, store.where)
    _open_evaluation(store, definition, identity)


def _open_evaluation(store: StudyStore, definition: Definition, identity: Identity) -> None:
    """Go on with the evaluation that made the study, or with any where no trial has ended: there is nothing to mix."""
    before, kept = store.noted_as(_EVALUATION, Identity.from_json), identity
    if before is not None:
        if identity.differs(before) and any(record.trial is not None for record in store.trials(definition)):
            require_same(identity, before, store.where)
        elif identity.version is None:
            kept = replace(identity, version=before.version)
    if kept != before:
        store.note(_EVALUATION, kept.as_json())


def _planned(budget_seconds: float) -> int:
    """The number of trials that the search plans for under a budget in seconds; asking for more is allowed."""
    return max(25, round(4 * budget_seconds)) if 0 < budget_seconds < 1e12 else 25
