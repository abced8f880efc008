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
    "Dimension",
    "Enumerator",
    "Gpu",
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
    "TreeWatch",
    "TrialAnswer",
    "Variable",
    "all_neighbours",
    "best_of_family",
    "check_space",
    "compiler",
    "hashed_seed",
    "invalid_share",
    "isa",
    "make_problem",
    "measure",
    "mix_rate",
    "numeric_move",
    "origins",
    "probe_bare_loop",
    "probe_callee",
    "probe_decide",
    "probe_dependence",
    "probe_descendants",
    "probe_gpu_uuid",
    "probe_mean",
    "probe_measure",
    "probe_measure_gpu",
    "probe_measure_mean",
    "probe_quantile",
    "probe_samples_for_point",
    "probe_student_t",
    "probe_timer",
    "problem_names",
    "run_study",
    "structural_move",
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
    @property
    def cardinality(self) -> int: ...
    @property
    def discrete(self) -> bool: ...
    @property
    def high(self) -> float: ...
    @property
    def log(self) -> bool: ...
    @property
    def low(self) -> float: ...
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
    def count(self) -> str | None: ...
    def decode(
        self, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]
    ) -> dict[str, typing.Any]: ...
    def encode(self, config: dict[str, typing.Any]) -> list[float]: ...
    def enumerate(self, resolution: typing.SupportsInt | typing.SupportsIndex) -> Enumerator: ...
    def sample(self, rng: Rng) -> dict[str, typing.Any]: ...

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
    def rule_out(
        self, trial: typing.SupportsInt | typing.SupportsIndex, variables: collections.abc.Sequence[str]
    ) -> None: ...
    def rules(self) -> list[typing.Any]: ...
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

class Reference:
    """
    What studies on a problem are measured against.
    """
    def __init__(self, problem: Problem) -> None: ...
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

def all_neighbours(
    space: Space, codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], rng: Rng
) -> list[list[float]]:
    """
    Every legal one-step neighbour.
    """

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

def compiler() -> str: ...
def hashed_seed(index: typing.SupportsInt | typing.SupportsIndex) -> int: ...
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

def problem_names() -> list[str]: ...
def run_study(
    problem: Problem,
    method: MethodSpec,
    budget: typing.SupportsInt | typing.SupportsIndex,
    seed: typing.SupportsInt | typing.SupportsIndex,
) -> StudyTrace: ...
def structural_move(
    space: Space,
    codes: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex],
    mask: collections.abc.Callable[[int, float], bool] | None,
    rng: Rng,
) -> list[float] | None:
    """
    One categorical variable changed; None when there is no legal move.
    """
