"""
The native core of lehr.
"""

from __future__ import annotations

import collections.abc
import typing

import numpy
import numpy.typing
import typing_extensions

__all__: list[str] = [
    "Blacklist",
    "CgroupTree",
    "Dimension",
    "Enumerator",
    "FailureModel",
    "FrameReader",
    "GaussianProcess",
    "Gpu",
    "GrowingParzenEstimator",
    "HelperAnswer",
    "HelperDeath",
    "HelperNews",
    "MethodSpec",
    "NativeHelper",
    "NativeSupervisor",
    "Observed",
    "Optimizer",
    "ParzenEstimator",
    "Problem",
    "Reference",
    "Rng",
    "Space",
    "StudyTrace",
    "Sweep",
    "TableProblem",
    "Temperature",
    "Trajectory",
    "TreeWatch",
    "TrialAnswer",
    "Variable",
    "accept_score",
    "accept_violation",
    "all_neighbours",
    "below_count",
    "best_of_family",
    "check_space",
    "combined",
    "compiler",
    "doubling_horizon",
    "elite_restart_due",
    "encode_frame",
    "handoff_waits_for",
    "hashed_seed",
    "hurry",
    "invalid_share",
    "isa",
    "kernel_log_readable",
    "log_expected_improvement",
    "log_ndtr",
    "log_normal_mass",
    "make_problem",
    "measure",
    "mix_rate",
    "ndtri",
    "numeric_move",
    "origins",
    "parse_oom_record",
    "probe_autocorrelation_time",
    "probe_bare_loop",
    "probe_callee",
    "probe_decide",
    "probe_dependence",
    "probe_descendants",
    "probe_evidence_above",
    "probe_evidence_below",
    "probe_evidence_unseen",
    "probe_gpu_uuid",
    "probe_mean",
    "probe_measure",
    "probe_measure_gpu",
    "probe_measure_mean",
    "probe_quantile",
    "probe_samples_for_point",
    "probe_student_t",
    "probe_timer",
    "probe_warmup",
    "problem_names",
    "read_rollup",
    "recency_weights",
    "run_study",
    "score_unit",
    "search_hard",
    "shrunk",
    "skewness",
    "snap_back_probability",
    "structural_move",
    "structural_probability",
    "truncated_normal_log_pdf",
    "truncated_normal_quantile",
    "truncated_normal_sample",
    "upper_tail_moments",
    "violation",
    "violation_unit",
]

class Gpu:
    """
    The first GPU; opened at its first use.
    """
    @typing.overload
    def __init__(self, driver: str | bytes) -> None:
        """
        With the kernel that this build carries, if any.
        """
    @typing.overload
    def __init__(
        self,
        driver: str | bytes,
        image: bytes,
        *,
        toolkit: typing.SupportsInt | typing.SupportsIndex = 0,
        binaries: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [],
        ptx: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = [],
    ) -> None:
        """
        With a kernel compiled elsewhere.
        """
    def close(self) -> None: ...
    def status(self) -> tuple[bool, str, str, int, int, bool]: ...

class Dimension:
    """
    What the Parzen estimator must know of a dimension.
    """
    def __init__(
        self,
        *,
        choices: typing.SupportsInt | typing.SupportsIndex = 0,
        low: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        high: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        log: bool = False,
        step: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    ) -> None: ...
    @property
    def choices(self) -> int: ...
    @property
    def high(self) -> float: ...
    @property
    def log(self) -> bool: ...
    @property
    def low(self) -> float: ...
    @property
    def step(self) -> float: ...

class ParzenEstimator:
    """
    A mixture of product kernels over codes; NaN where inactive.
    """
    def __init__(
        self,
        dimensions: collections.abc.Sequence[Dimension],
        observations: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        prior_weight: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    ) -> None: ...
    def fit(
        self,
        observations: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        prior_weight: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    ) -> None: ...
    def log_pdf(
        self, points: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], gpu: Gpu | None = None
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def sample(
        self, n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def worth_gpu(self, points: typing.SupportsInt | typing.SupportsIndex, gpu: Gpu) -> bool:
        """
        Whether device 'auto' should score so many points on the GPU.
        """
    @property
    def kernels(self) -> int: ...

class GrowingParzenEstimator:
    """
    The same mixture, kept up to date: a slot per observation, each of which counts or not.
    """
    def __init__(
        self,
        dimensions: collections.abc.Sequence[Dimension],
        prior_weight: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    ) -> None: ...
    def append(self, row: typing.Annotated[numpy.typing.ArrayLike, numpy.float64], counts: bool) -> None: ...
    def log_pdf(
        self, points: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def sample(
        self, n: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex
    ) -> numpy.typing.NDArray[numpy.float64]: ...
    def set_counts(self, slot: typing.SupportsInt | typing.SupportsIndex, counts: bool) -> None: ...
    def settle(self) -> None: ...
    @property
    def bytes(self) -> int: ...
    @property
    def kernels(self) -> int: ...
    @property
    def slots(self) -> int: ...

class Rng:
    """
    xoshiro256++ seeded by SplitMix64; the same sequence on every machine.
    """
    @typing.overload
    def __init__(self, seed: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    @typing.overload
    def __init__(
        self,
        seed: typing.SupportsInt | typing.SupportsIndex,
        number: typing.SupportsInt | typing.SupportsIndex,
        purpose: typing.SupportsInt | typing.SupportsIndex,
    ) -> None: ...
    def below(self, n: typing.SupportsInt | typing.SupportsIndex) -> int: ...
    def next(self) -> int: ...
    def normal(self) -> float: ...
    def uniform(self) -> float: ...
    @property
    def state(self) -> typing.Annotated[list[int], "FixedSize(4)"]: ...
    @state.setter
    def state(
        self,
        arg1: typing.Annotated[
            collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"
        ],
    ) -> None: ...

class Variable:
    """
    One variable of a space; `when` is a condition as nested tuples, or None.
    """
    @staticmethod
    def listed(
        kind: str, name: str, choices: collections.abc.Iterable[typing.Any], when: typing.Any = None
    ) -> Variable: ...
    @staticmethod
    def ranged(
        kind: str,
        name: str,
        low: typing.SupportsFloat | typing.SupportsIndex,
        high: typing.SupportsFloat | typing.SupportsIndex,
        log: bool,
        step: typing.SupportsFloat | typing.SupportsIndex,
        when: typing.Any = None,
    ) -> Variable: ...
    def code(self, k: typing.SupportsInt | typing.SupportsIndex) -> float: ...
    def from_unit(self, position: typing.SupportsFloat | typing.SupportsIndex) -> float: ...
    def legal(self, code: typing.SupportsFloat | typing.SupportsIndex) -> bool: ...
    def nearest(self, code: typing.SupportsFloat | typing.SupportsIndex) -> float: ...
    def to_unit(self, code: typing.SupportsFloat | typing.SupportsIndex) -> float: ...
    @property
    def cardinality(self) -> int: ...
    @property
    def discrete(self) -> bool: ...
    @property
    def domain(self) -> str: ...
    @property
    def high(self) -> float: ...
    @property
    def log(self) -> bool: ...
    @property
    def low(self) -> float: ...
    @property
    def name(self) -> str: ...
    @property
    def step(self) -> float: ...

class Enumerator:
    """
    Legal configurations as dicts, in lexicographic order of codes.
    """
    def __iter__(self) -> Enumerator: ...
    def __next__(self) -> dict[str, typing.Any]: ...

class Space:
    """
    A hierarchical mixed space. Configurations are lists of codes, NaN where inactive.
    """
    def __init__(
        self, variables: collections.abc.Sequence[Variable], forbidden: collections.abc.Iterable[typing.Any]
    ) -> None: ...
    def __len__(self) -> int: ...
    def active(
        self,
        i: typing.SupportsInt | typing.SupportsIndex,
        codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    ) -> bool: ...
    def count(self) -> str | None: ...
    def decode(
        self, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> dict[str, typing.Any]: ...
    def encode(self, config: dict[str, typing.Any]) -> list[float]: ...
    def enumerate(self, resolution: typing.SupportsInt | typing.SupportsIndex) -> Enumerator: ...
    def legal(self, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> bool: ...
    def sample(self, rng: Rng) -> dict[str, typing.Any]: ...
    def variable(self, i: typing.SupportsInt | typing.SupportsIndex) -> Variable: ...

class Temperature:
    """
    Adaptive temperature of the annealing (Eq. 8), paper constants.
    """
    def __init__(self) -> None: ...
    def enter_optimisation(self) -> None: ...
    def improved(self, stage: str) -> None: ...
    def not_improved(self) -> None: ...
    @property
    def unimproved(self) -> int: ...
    @property
    def value(self) -> float: ...

class Blacklist:
    """
    Masks of categorical values and pairs that keep failing.
    """
    def __init__(
        self,
        space: Space,
        pairs: bool = True,
        threshold: typing.SupportsInt | typing.SupportsIndex = 3,
        cool_down: typing.SupportsInt | typing.SupportsIndex = 8,
    ) -> None: ...
    def entries(self) -> list[typing.Any]: ...
    def masked(
        self,
        variable: typing.SupportsInt | typing.SupportsIndex,
        code: typing.SupportsFloat | typing.SupportsIndex,
    ) -> bool: ...
    def observe(
        self, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], feasible: bool
    ) -> None: ...
    def pair_masked(
        self, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> bool: ...

class Optimizer:
    """
    Ask and tell over one space; see lehr.Optimizer.
    """
    def __init__(
        self,
        space: Space,
        method: str,
        preset: str,
        direction: str,
        limits: collections.abc.Sequence[tuple[str, typing.SupportsFloat | typing.SupportsIndex, str]],
        budget: typing.SupportsInt | typing.SupportsIndex,
        seed: typing.SupportsInt | typing.SupportsIndex,
        allow_repeats: bool | None,
        overrides: collections.abc.Mapping[str, typing.SupportsFloat | typing.SupportsIndex],
        acquisition: str = "ratio",
    ) -> None: ...
    def __len__(self) -> int: ...
    def add(
        self,
        config: dict[str, typing.Any],
        outcome: str,
        objective: typing.SupportsFloat | typing.SupportsIndex,
        metrics: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        seconds: typing.SupportsFloat | typing.SupportsIndex = ...,
        sems: tuple[
            typing.SupportsFloat | typing.SupportsIndex,
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        ]
        | None = None,
    ) -> int: ...
    def ask(self) -> tuple[typing.Any, ...]: ...
    def enqueue(self, config: dict[str, typing.Any]) -> None: ...
    def events(self) -> list[typing.Any]: ...
    def explain(self) -> str: ...
    def learn(
        self,
        results: collections.abc.Sequence[
            tuple[
                dict[str, typing.Any],
                str,
                typing.SupportsFloat | typing.SupportsIndex,
                collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
                tuple[
                    typing.SupportsFloat | typing.SupportsIndex,
                    collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
                ]
                | None,
            ]
        ],
    ) -> None: ...
    def learned(self) -> list[typing.Any]: ...
    def pending(self, trial: typing.SupportsInt | typing.SupportsIndex) -> bool: ...
    def propose(
        self,
        seed: typing.SupportsInt | typing.SupportsIndex,
        stream: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[list[float], str]: ...
    def queue(self) -> list[typing.Any]: ...
    def recall(
        self,
        codes: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        outcomes: typing.Annotated[numpy.typing.ArrayLike, numpy.int32],
        objectives: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        metrics: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        settled: typing.Annotated[numpy.typing.ArrayLike, numpy.bool],
    ) -> None: ...
    def record(self, trial: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]: ...
    def replay_ask(self, config: dict[str, typing.Any], origin: str) -> tuple[typing.Any, ...]: ...
    def score(self, configs: list[typing.Any], device: str, gpu: Gpu | None) -> list[float]: ...
    def seconds(self, trial: typing.SupportsInt | typing.SupportsIndex) -> float: ...
    def sems(self, trial: typing.SupportsInt | typing.SupportsIndex) -> typing.Any: ...
    def split(self) -> tuple[list[int], list[int]]: ...
    def tell(
        self,
        trial: typing.SupportsInt | typing.SupportsIndex,
        outcome: str,
        objective: typing.SupportsFloat | typing.SupportsIndex,
        metrics: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        seconds: typing.SupportsFloat | typing.SupportsIndex = ...,
        sems: tuple[
            typing.SupportsFloat | typing.SupportsIndex,
            collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        ]
        | None = None,
    ) -> tuple[bool, float]: ...
    def use(self, device: str, gpu: Gpu | None) -> None: ...
    @property
    def acquisition(self) -> str: ...
    @property
    def allow_repeats(self) -> bool: ...
    @property
    def best(self) -> int | None: ...
    @property
    def budget(self) -> int: ...
    @property
    def direction(self) -> str: ...
    @property
    def finished(self) -> str | None: ...
    @property
    def limits(self) -> list[tuple[str, float, str]]: ...
    @property
    def method(self) -> str: ...
    @property
    def options(self) -> dict[str, typing.Any]: ...
    @property
    def phase(self) -> str: ...
    @property
    def preset(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def stage(self) -> str: ...
    @property
    def temperature(self) -> float | None: ...

class FailureModel:
    """
    P(success), by credit assignment over values and stretches.
    """
    def __init__(
        self, choices: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]
    ) -> None: ...
    def causes(self, at_least: typing.SupportsFloat | typing.SupportsIndex = 0.5) -> list[typing.Any]: ...
    def observe(
        self,
        row: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        ran: bool,
        weight: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    ) -> None: ...
    def probability(
        self, row: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> float: ...
    @property
    def accident(self) -> float: ...

class GaussianProcess:
    """
    Additive and joint effects over mixed features.
    """
    def __init__(
        self,
        choices: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex],
        mains: bool = True,
        whole: bool = True,
    ) -> None: ...
    def evidence(self) -> float: ...
    def fit(
        self,
        rows: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]],
        values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        scale: typing.SupportsFloat | typing.SupportsIndex = 1.0,
        evaluations: typing.SupportsInt | typing.SupportsIndex = 100,
        variances: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex] = [],
    ) -> None: ...
    def predict(
        self,
        rows: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]],
    ) -> tuple[typing.Any, ...]: ...
    @property
    def hyperparameters(self) -> list[float]: ...
    @property
    def noise_variance(self) -> float: ...

class Problem:
    """
    A problem of DeployBench; see lehr.bench.Problem.
    """
    def describe(self) -> str: ...
    def evaluate(
        self,
        config: dict[str, typing.Any],
        seed: typing.SupportsInt | typing.SupportsIndex,
        repeat: typing.SupportsInt | typing.SupportsIndex,
    ) -> tuple[typing.Any, ...]: ...
    def family_code(self, value: typing.Any) -> float: ...
    def family_value(self, code: typing.SupportsFloat | typing.SupportsIndex) -> typing.Any: ...
    def optimum(self) -> tuple[dict[str, typing.Any], float, list[typing.Any], str]: ...
    def truth(self, config: dict[str, typing.Any]) -> tuple[typing.Any, ...]: ...
    @property
    def constraints(self) -> list[tuple[str, float]]: ...
    @property
    def direction(self) -> str: ...
    @property
    def family(self) -> str | None: ...
    @property
    def name(self) -> str: ...
    @property
    def objective(self) -> str: ...
    @property
    def space_form(self) -> dict[str, typing.Any]: ...

class TableProblem(Problem):
    """
    A problem measured whole; rows are (config, [(outcome, objective, metrics, seconds, cause)]).
    """
    def __init__(
        self,
        name: str,
        space: Space,
        objective: str,
        direction: str,
        constraints: collections.abc.Sequence[tuple[str, typing.SupportsFloat | typing.SupportsIndex]],
        family: str | None,
        description: str,
        rows: collections.abc.Sequence[
            tuple[
                dict[str, typing.Any],
                collections.abc.Sequence[
                    tuple[
                        str,
                        typing.SupportsFloat | typing.SupportsIndex | None,
                        collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex | None],
                        typing.SupportsFloat | typing.SupportsIndex,
                        str,
                    ]
                ],
            ]
        ],
    ) -> None: ...
    def __len__(self) -> int: ...

class MethodSpec:
    """
    A method in words: method[:preset][/option=value ...].
    """
    def __init__(self, text: str) -> None: ...
    def __str__(self) -> str: ...
    @property
    def acquisition(self) -> str: ...
    @property
    def allow_repeats(self) -> bool | None: ...
    @property
    def method(self) -> str: ...
    @property
    def overrides(self) -> dict[str, float]: ...
    @property
    def preset(self) -> str: ...

class Reference:
    """
    What studies on a problem are measured against.
    """
    @typing.overload
    def __init__(self, problem: Problem) -> None: ...
    @typing.overload
    def __init__(
        self,
        objective: typing.SupportsFloat | typing.SupportsIndex,
        maximize: bool,
        families: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
        has_family: bool,
    ) -> None: ...
    @property
    def families(self) -> list[float]: ...
    @property
    def objective(self) -> float: ...

class StudyTrace:
    """
    The trials of one study in columns; see lehr.bench.Trace.
    """
    def __init__(
        self,
        feasible: typing.Annotated[numpy.typing.ArrayLike, numpy.uint8],
        objectives: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        truths: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        truth_states: typing.Annotated[numpy.typing.ArrayLike, numpy.uint8],
        seconds: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
        families: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    ) -> None: ...
    def __len__(self) -> int: ...
    def configurations(self, problem: Problem) -> list[typing.Any]: ...
    @property
    def exhausted(self) -> bool: ...
    @property
    def families(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def feasible(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def objectives(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def origins(self) -> list[typing.Any]: ...
    @property
    def outcomes(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def phases(self) -> list[tuple[int, str]]: ...
    @property
    def seconds(self) -> numpy.typing.NDArray[numpy.float64]: ...
    @property
    def truth_states(self) -> numpy.typing.NDArray[numpy.uint8]: ...
    @property
    def truths(self) -> numpy.typing.NDArray[numpy.float64]: ...

class Sweep:
    """
    Studies of many cells on a pool of threads; see lehr.bench.sweep.
    """
    def __init__(
        self,
        cells: collections.abc.Sequence[
            tuple[
                Problem,
                Reference,
                MethodSpec,
                typing.SupportsInt | typing.SupportsIndex,
                typing.SupportsInt | typing.SupportsIndex,
                typing.SupportsInt | typing.SupportsIndex,
            ]
        ],
        threads: typing.SupportsInt | typing.SupportsIndex,
        keep_traces: bool,
    ) -> None: ...
    def cancel(self) -> None: ...
    def progress(self) -> list[tuple[int, float]]: ...
    def take(self, cell: typing.SupportsInt | typing.SupportsIndex) -> tuple[typing.Any, ...]: ...
    def wait(self, seconds: typing.SupportsFloat | typing.SupportsIndex) -> int | None: ...

class HelperDeath:
    """
    How a helper ended; `how` is empty while it is well.
    """
    @property
    def how(self) -> str: ...
    @property
    def last_line(self) -> bytes: ...
    @property
    def status(self) -> int: ...

class HelperNews:
    """
    What a helper says after importing: threads that a fork would leave.
    """
    @property
    def death(self) -> HelperDeath: ...
    @property
    def threads(self) -> int: ...

class HelperAnswer:
    """
    To wait for: poll it for reading.
    """
    def fileno(self) -> int: ...
    def value(self) -> HelperNews:
        """
        What was answered; only when given.
        """
    @property
    def given(self) -> bool: ...

class Observed:
    """
    What the supervisor has seen of one trial; memory in bytes.
    """
    @property
    def bad_channel(self) -> str: ...
    @property
    def begun(self) -> bool: ...
    @property
    def begun_body(self) -> bytes: ...
    @property
    def cgroup_oom_kills(self) -> int: ...
    @property
    def cgroup_peak(self) -> int | None: ...
    @property
    def data(self) -> int: ...
    @property
    def err(self) -> bytes: ...
    @property
    def err_total(self) -> int: ...
    @property
    def failed(self) -> bytes: ...
    @property
    def helper_death(self) -> HelperDeath: ...
    @property
    def kernel_log(self) -> bytes: ...
    @property
    def kernel_oom_kills(self) -> int: ...
    @property
    def kill_to_gone_s(self) -> float | None: ...
    @property
    def killed(self) -> str: ...
    @property
    def left(self) -> list[int]: ...
    @property
    def memory_inherited(self) -> float: ...
    @property
    def memory_mb(self) -> list[tuple[float, float]]: ...
    @property
    def memory_over(self) -> float: ...
    @property
    def memory_peak(self) -> float: ...
    @property
    def memory_private(self) -> float: ...
    @property
    def others(self) -> int: ...
    @property
    def out(self) -> bytes: ...
    @property
    def out_total(self) -> int: ...
    @property
    def record_body(self) -> bytes: ...
    @property
    def record_kind(self) -> str: ...
    @property
    def record_late(self) -> bool: ...
    @property
    def seconds(self) -> float: ...
    @property
    def shared_removed(self) -> int: ...
    @property
    def status(self) -> int | None: ...
    @property
    def terminated(self) -> bool: ...
    @property
    def watched(self) -> bool: ...

class TrialAnswer:
    """
    To wait for: poll it for reading.
    """
    def fileno(self) -> int: ...
    def value(self) -> Observed:
        """
        What was answered; only when given.
        """
    @property
    def given(self) -> bool: ...

class NativeHelper:
    """
    A helper process.
    """
    @property
    def alive(self) -> bool: ...
    @property
    def pid(self) -> int: ...

class NativeSupervisor:
    """
    The supervisor's thread, which never takes the interpreter's lock.
    """
    def __init__(
        self,
        *,
        cgroup: str | bytes = "",
        use_cgroups: bool = True,
        pretend: bool = False,
        kernel_log: str | bytes = "/dev/kmsg",
    ) -> None: ...
    def close(self) -> None: ...
    def drop(self, helper: NativeHelper) -> None: ...
    def run(
        self,
        helper: NativeHelper,
        command: str,
        payload: typing.SupportsInt | typing.SupportsIndex,
        folder: typing.SupportsInt | typing.SupportsIndex,
        fault: typing.SupportsInt | typing.SupportsIndex,
        *,
        timeout_s: typing.SupportsFloat | typing.SupportsIndex | None = None,
        memory_bytes: typing.SupportsFloat | typing.SupportsIndex | None = None,
        start_limit_s: typing.SupportsFloat | typing.SupportsIndex = 120.0,
        grace_s: typing.SupportsFloat | typing.SupportsIndex = 0.0,
        linger_s: typing.SupportsFloat | typing.SupportsIndex = 2.0,
        abandon_s: typing.SupportsFloat | typing.SupportsIndex = 10.0,
        result_bytes: typing.SupportsInt | typing.SupportsIndex = 16777216,
    ) -> tuple[TrialAnswer, bool, str]: ...
    def start(
        self,
        arguments: collections.abc.Sequence[str | bytes],
        environment: collections.abc.Sequence[str | bytes],
        marker: str | bytes,
        setup: str,
        log: typing.SupportsInt | typing.SupportsIndex,
        start_limit_s: typing.SupportsFloat | typing.SupportsIndex,
    ) -> tuple[NativeHelper, HelperAnswer]: ...
    def stop(self, helper: NativeHelper) -> HelperAnswer: ...
    def warm(self, helper: NativeHelper, command: str) -> HelperAnswer: ...

class FrameReader:
    """
    Collects bytes and hands out complete messages.
    """
    def __init__(self, limit: typing.SupportsInt | typing.SupportsIndex) -> None: ...
    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """
        The messages that `data` completes: kind and body. ValueError: they are not ours.
        """

class Trajectory:
    """
    A curve in at most 32 points.
    """
    def __init__(self) -> None: ...
    def add(
        self,
        seconds: typing.SupportsFloat | typing.SupportsIndex,
        value: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None: ...
    def points(self) -> list[tuple[float, float]]: ...

class CgroupTree:
    """
    Where the kernel would keep a trial's memory limit.
    """
    def __init__(self, asked: str | bytes = "", pretend: bool = False) -> None: ...
    @property
    def root(self) -> str: ...
    @property
    def usable(self) -> bool: ...
    @property
    def why_not(self) -> str: ...

class TreeWatch:
    """
    Polls the memory of a process and its descendants.
    """
    def __init__(
        self,
        root: str | bytes,
        pid: typing.SupportsInt | typing.SupportsIndex,
        period_ms: typing.SupportsFloat | typing.SupportsIndex,
    ) -> None:
        """
        Start polling; `root` is where /proc lies, as in ''.
        """
    def stop(self) -> tuple[int, int, int]:
        """
        (largest sum in bytes, descendants then, polls); ends the polling, may be called again.
        """

def accept_score(
    current: typing.SupportsFloat | typing.SupportsIndex,
    proposed: typing.SupportsFloat | typing.SupportsIndex,
    feasible: bool,
    temperature: typing.SupportsFloat | typing.SupportsIndex,
    unit: typing.SupportsFloat | typing.SupportsIndex,
    accept_equal: bool = True,
) -> float:
    """
    Probability of moving in the optimisation stage (Eq. 11, 12).
    """

def accept_violation(
    current: typing.SupportsFloat | typing.SupportsIndex,
    proposed: typing.SupportsFloat | typing.SupportsIndex,
    temperature: typing.SupportsFloat | typing.SupportsIndex,
    unit: typing.SupportsFloat | typing.SupportsIndex,
    accept_equal: bool = True,
) -> float:
    """
    Probability of moving in the feasibility stage (Eq. 9, 10).
    """

def all_neighbours(
    space: Space, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], rng: Rng
) -> list[list[float]]:
    """
    Every legal one-step neighbour.
    """

def below_count(
    n: typing.SupportsInt | typing.SupportsIndex,
    share: typing.SupportsFloat | typing.SupportsIndex = 0.1,
    limit: typing.SupportsInt | typing.SupportsIndex = 25,
) -> int: ...
def best_of_family(problem: Problem) -> list[typing.Any]:
    """
    [(family, configurations, feasible, best objective or None)]
    """

def check_space(
    variables: collections.abc.Sequence[Variable],
    forbidden: collections.abc.Iterable[typing.Any],
    mistakes: collections.abc.Sequence[str],
    unusable: collections.abc.Sequence[bool],
) -> None:
    """
    Raise SpaceError with the given mistakes and all those found; unusable variables are known by name only.
    """

def combined(
    values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    sems: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
) -> tuple[float, float]:
    """
    Several measurements of one thing as one: value and variance.
    """

def compiler() -> str: ...
def doubling_horizon(n: typing.SupportsInt | typing.SupportsIndex) -> float: ...
def elite_restart_due(
    n: typing.SupportsInt | typing.SupportsIndex, horizon: typing.SupportsFloat | typing.SupportsIndex
) -> bool: ...
def encode_frame(kind: str, body: bytes) -> bytes: ...
def handoff_waits_for(
    trials: typing.SupportsInt | typing.SupportsIndex,
    feasible: typing.SupportsInt | typing.SupportsIndex,
    bad: typing.SupportsInt | typing.SupportsIndex,
    diversity: collections.abc.Sequence[
        tuple[str, typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]
    ],
) -> list[str]:
    """
    What the handoff to TPE still waits for (Eq. 14); empty when it is due.
    """

def hashed_seed(index: typing.SupportsInt | typing.SupportsIndex) -> int: ...
def hurry(pid: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Undo what a process, perhaps a dying one, has done to be scheduled later than we are.
    """

def invalid_share(
    problem: Problem,
    n: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[float, float, float, bool, int]:
    """
    (share, low, high, exact, looked_at)
    """

def isa() -> str:
    """
    Name of the instruction set that the loops use.
    """

def kernel_log_readable() -> bool: ...
def log_expected_improvement(
    mean: typing.SupportsFloat | typing.SupportsIndex,
    deviation: typing.SupportsFloat | typing.SupportsIndex,
    best: typing.SupportsFloat | typing.SupportsIndex,
) -> float: ...
def log_ndtr(x: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]) -> typing.Any:
    """
    Log of the standard normal distribution function.
    """

def log_normal_mass(
    a: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    b: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
) -> typing.Any:
    """
    Log of the standard normal mass in [a, b].
    """

def make_problem(name: str) -> Problem: ...
def measure(
    reference: Reference, trace: StudyTrace, count: typing.SupportsInt | typing.SupportsIndex
) -> tuple[dict[str, typing.Any], dict[str, typing.Any]]: ...
def mix_rate(
    normals: typing.SupportsInt | typing.SupportsIndex,
    tables: typing.SupportsInt | typing.SupportsIndex,
    rows: typing.SupportsInt | typing.SupportsIndex,
    seconds: typing.SupportsFloat | typing.SupportsIndex = 0.2,
) -> float:
    """
    Kernels at points a second of the innermost loop with everything in cache; best of many.
    """

def ndtri(p: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]) -> typing.Any:
    """
    Inverse of the standard normal distribution function.
    """

def numeric_move(
    space: Space,
    codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    scale: typing.SupportsFloat | typing.SupportsIndex,
    own_scale: bool,
    mask: collections.abc.Callable[[int, float], bool] | None,
    rng: Rng,
) -> list[float] | None:
    """
    One other variable moved; None when there is no legal move.
    """

def origins() -> list[str]:
    """
    Where a configuration may have come from.
    """

def parse_oom_record(record: str, pid: typing.SupportsInt | typing.SupportsIndex) -> str | None:
    """
    The text of a record of /dev/kmsg that says that `pid` was killed for memory.
    """

def probe_autocorrelation_time(values: typing.Annotated[numpy.typing.ArrayLike, numpy.float64]) -> float:
    """
    Integrated autocorrelation time, at least 1.
    """

def probe_bare_loop(callee: typing.Any, n: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Seconds that n calls take in a loop that does nothing else.
    """

def probe_callee(
    function: typing.SupportsInt | typing.SupportsIndex, context: typing.SupportsInt | typing.SupportsIndex
) -> typing_extensions.CapsuleType:
    """
    A native callee from the addresses of void(*)(void*) and of its argument.
    """

def probe_decide(
    samples: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    limit: typing.SupportsFloat | typing.SupportsIndex,
    share: typing.SupportsFloat | typing.SupportsIndex,
    confidence: typing.SupportsFloat | typing.SupportsIndex,
    tail_index: typing.SupportsFloat | typing.SupportsIndex = 0.0,
    spell: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    margin: typing.SupportsFloat | typing.SupportsIndex = 1.0,
    least: typing.SupportsInt | typing.SupportsIndex = 1,
) -> tuple[str, int]:
    """
    (answer, samples used): a verdict on recorded samples, asked after each of them.
    """

def probe_dependence(
    samples: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    limit: typing.SupportsFloat | typing.SupportsIndex,
    margin: typing.SupportsFloat | typing.SupportsIndex,
) -> tuple[float, float]:
    """
    Samples that say as much as one independent one: where exceedances were seen, and where not.
    """

def probe_descendants(root: str | bytes, pid: typing.SupportsInt | typing.SupportsIndex) -> list[int]:
    """
    Processes that a process started, and those that they started.
    """

def probe_evidence_above(
    beyond: typing.SupportsFloat | typing.SupportsIndex,
    within: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
) -> float:
    """
    Log e-value for P(beyond) > null from counts.
    """

def probe_evidence_below(
    beyond: typing.SupportsFloat | typing.SupportsIndex,
    within: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
) -> float:
    """
    Log e-value for P(beyond) < null from counts.
    """

def probe_evidence_unseen(
    beyond: typing.SupportsFloat | typing.SupportsIndex,
    within: typing.SupportsFloat | typing.SupportsIndex,
    null: typing.SupportsFloat | typing.SupportsIndex,
    spells: typing.SupportsFloat | typing.SupportsIndex,
    reach: typing.SupportsFloat | typing.SupportsIndex,
) -> float:
    """
    Log e-value for P(beyond) < null where spells of which none was seen may make up some of it.
    """

def probe_gpu_uuid(library: str, stream: typing.SupportsInt | typing.SupportsIndex) -> str:
    """
    The UUID of the GPU that a stream belongs to, without what NVML puts before it.
    """

def probe_mean(
    samples_ms: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    confidence: typing.SupportsFloat | typing.SupportsIndex,
) -> tuple[float, int]:
    """
    (half-width of the mean's interval as a share of the mean, blocks); infinite with fewer than 3 blocks.
    """

def probe_measure(
    callee: typing.Any,
    *,
    warmup_calls: typing.SupportsInt | typing.SupportsIndex,
    warmup_ms: typing.SupportsFloat | typing.SupportsIndex,
    questions: collections.abc.Sequence[
        tuple[
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
        ]
    ],
    early_threshold: typing.SupportsFloat | typing.SupportsIndex,
    min_samples: typing.SupportsInt | typing.SupportsIndex,
    max_samples: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    enough_seconds: typing.SupportsFloat | typing.SupportsIndex,
    hasty: bool,
    moot_mean: typing.SupportsFloat | typing.SupportsIndex,
    min_seconds: typing.SupportsFloat | typing.SupportsIndex,
    limit_samples: typing.SupportsInt | typing.SupportsIndex,
    precision: tuple[
        typing.SupportsFloat | typing.SupportsIndex,
        typing.SupportsFloat | typing.SupportsIndex,
        typing.SupportsFloat | typing.SupportsIndex,
    ],
    watch: typing.Any = None,
    tick_ms: typing.SupportsFloat | typing.SupportsIndex = 20.0,
) -> tuple[
    numpy.typing.NDArray[numpy.float64],
    int,
    float,
    str,
    str,
    list[tuple[str, int, int, float, float, float, float]],
]:
    """
    Warm up and time a callee until the judge has heard enough.
    """

def probe_measure_gpu(
    library: str,
    stream: typing.SupportsInt | typing.SupportsIndex,
    callee: typing.Any,
    *,
    warmup_calls: typing.SupportsInt | typing.SupportsIndex,
    warmup_ms: typing.SupportsFloat | typing.SupportsIndex,
    questions: collections.abc.Sequence[
        tuple[
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
            typing.SupportsFloat | typing.SupportsIndex,
        ]
    ],
    early_threshold: typing.SupportsFloat | typing.SupportsIndex,
    min_samples: typing.SupportsInt | typing.SupportsIndex,
    max_samples: typing.SupportsInt | typing.SupportsIndex,
    max_seconds: typing.SupportsFloat | typing.SupportsIndex,
    enough_seconds: typing.SupportsFloat | typing.SupportsIndex,
    hasty: bool,
    moot_mean: typing.SupportsFloat | typing.SupportsIndex,
    min_seconds: typing.SupportsFloat | typing.SupportsIndex,
    limit_samples: typing.SupportsInt | typing.SupportsIndex,
    precision: tuple[
        typing.SupportsFloat | typing.SupportsIndex,
        typing.SupportsFloat | typing.SupportsIndex,
        typing.SupportsFloat | typing.SupportsIndex,
    ],
    in_flight: typing.SupportsInt | typing.SupportsIndex,
    patience_s: typing.SupportsFloat | typing.SupportsIndex,
    capture: bool,
    watch: typing.Any = None,
) -> tuple[
    tuple[
        numpy.typing.NDArray[numpy.float64],
        int,
        float,
        str,
        str,
        list[tuple[str, int, int, float, float, float, float]],
    ],
    int,
    int,
    str,
]:
    """
    As probe_measure, by events on a stream; with free bytes before and after, and why nothing was captured.
    """

def probe_measure_mean(
    samples_ms: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    precision: tuple[
        typing.SupportsFloat | typing.SupportsIndex,
        typing.SupportsFloat | typing.SupportsIndex,
        typing.SupportsFloat | typing.SupportsIndex,
    ],
    enough_seconds: typing.SupportsFloat | typing.SupportsIndex,
) -> tuple[int, bool]:
    """
    (samples used, whether the mean was known): the timed loop's rule on recorded latencies.
    """

def probe_quantile(
    sorted: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    share: typing.SupportsFloat | typing.SupportsIndex,
    confidence: typing.SupportsFloat | typing.SupportsIndex,
    discount: typing.SupportsFloat | typing.SupportsIndex = 1.0,
) -> tuple[float, float, float, float, float, bool, int]:
    """
    A percentile with its interval from order statistics.
    """

def probe_samples_for_point(share: typing.SupportsFloat | typing.SupportsIndex) -> int:
    """
    Samples that leave one expected beyond the percentile.
    """

def probe_student_t(
    confidence: typing.SupportsFloat | typing.SupportsIndex,
    degrees: typing.SupportsInt | typing.SupportsIndex,
) -> float:
    """
    t with P(|T| <= t) = confidence for Student's distribution.
    """

def probe_timer(readings: typing.SupportsInt | typing.SupportsIndex) -> tuple[float, float]:
    """
    (smallest step seen, mean cost of a reading) of the clock, in nanoseconds.
    """

def probe_warmup(
    durations_ms: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    max_calls: typing.SupportsInt | typing.SupportsIndex,
    max_ms: typing.SupportsFloat | typing.SupportsIndex,
) -> tuple[int, str]:
    """
    (calls, how it ended): the warm-up rule on recorded durations.
    """

def problem_names() -> list[str]: ...
def read_rollup(pid: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    (Pss_Anon + Pss_Shmem, Private_Dirty) of a process, in bytes.
    """

def recency_weights(n: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.float64]:
    """
    How much each of n observations counts, oldest first.
    """

def run_study(
    problem: Problem,
    method: MethodSpec,
    budget: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> StudyTrace: ...
def score_unit(
    lowest: typing.SupportsFloat | typing.SupportsIndex, highest: typing.SupportsFloat | typing.SupportsIndex
) -> float: ...
def search_hard(
    problem: Problem,
    n: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> tuple[typing.Any, typing.Any, int]:
    """
    The best feasible truth among n random and hill-climbing evaluations: (config, objective, evaluations).
    """

def shrunk(
    values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    sems: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
) -> list[float]:
    """
    What each of several like things is expected to be.
    """

def skewness(values: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> float: ...
def snap_back_probability(
    n: typing.SupportsFloat | typing.SupportsIndex,
    horizon: typing.SupportsFloat | typing.SupportsIndex,
    weight: typing.SupportsFloat | typing.SupportsIndex = 0.4,
) -> float: ...
def structural_move(
    space: Space,
    codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    mask: collections.abc.Callable[[int, float], bool] | None,
    rng: Rng,
) -> list[float] | None:
    """
    One categorical variable changed; None when there is no legal move.
    """

def structural_probability(
    n: typing.SupportsFloat | typing.SupportsIndex,
    n_init: typing.SupportsFloat | typing.SupportsIndex,
    horizon: typing.SupportsFloat | typing.SupportsIndex,
    adaptive: bool = True,
) -> float:
    """
    Probability of a structural move (Eq. 13).
    """

def truncated_normal_log_pdf(
    x: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    mean: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    deviation: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    low: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    high: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
) -> typing.Any: ...
def truncated_normal_quantile(
    u: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    a: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
    b: typing.Annotated[numpy.typing.ArrayLike, numpy.float64],
) -> typing.Any: ...
def truncated_normal_sample(
    a: typing.SupportsFloat | typing.SupportsIndex,
    b: typing.SupportsFloat | typing.SupportsIndex,
    n: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> numpy.typing.NDArray[numpy.float64]:
    """
    Draws from the standard normal distribution truncated to [a, b].
    """

def upper_tail_moments(
    mean: typing.SupportsFloat | typing.SupportsIndex,
    deviation: typing.SupportsFloat | typing.SupportsIndex,
    bound: typing.SupportsFloat | typing.SupportsIndex,
) -> tuple[float, float]: ...
def violation(
    metrics: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    limits: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    relative: bool = True,
) -> float:
    """
    Sum of excesses over the limits (Eq. 3).
    """

def violation_unit(
    limits: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], relative: bool = True
) -> float: ...
