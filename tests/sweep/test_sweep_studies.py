"""A study run natively is the study that Python would run, trial by trial."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lehr
from lehr.bench import Problem, Reference, TraceBuilder, hashed_seed, problem_names, run_study, sweep
from lehr.errors import ExhaustedError, OptionError
from lehr.methods import METHODS

BRANIN = Problem.load("crashy_branin")


def through_python(problem, name, budget, seed, **settings):
    search = lehr.Optimizer(
        problem.space,
        direction=problem.direction,
        constraints=problem.constraints,
        budget=budget,
        seed=seed,
        **settings,
    )
    builder = TraceBuilder(problem, name, seed)
    phases, exhausted = [], False
    for _ in range(budget):
        phase = search.phase
        try:
            trial = search.ask()
        except ExhaustedError:
            exhausted = True
            break
        phases.append(phase)
        search.tell(trial, **builder.evaluate(trial.config, trial.origin).told())
    return builder.trace(exhausted=exhausted), phases


def check_equal(native, python):
    assert native.configs == python.configs
    assert native.outcomes == python.outcomes
    assert native.origins == python.origins
    assert native.exhausted == python.exhausted
    for column in ("feasible", "objectives", "truths", "truth_states", "seconds", "families"):
        np.testing.assert_array_equal(getattr(native, column), getattr(python, column), column)


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("method", METHODS)
def test_native_studies_are_those_of_the_public_optimizer(method, preset):
    for index in range(3):
        seed = hashed_seed(index)
        native = run_study(BRANIN, f"{method}:{preset}", 40, seed)
        python, phases = through_python(BRANIN, method, 40, seed, method=method, preset=preset)
        check_equal(native, python)
        assert native.phases == tuple(phases)
        assert native.metrics() == python.metrics()
        assert native.metrics(7) == python.metrics(7)


@pytest.mark.parametrize("method", ["tba-tpe:paper", "tpe", "random:paper"])
@pytest.mark.parametrize(
    "name", ["edge_tight@t4", "server_throughput@l4", "digits_edge", "all_fail", "deploy_space#3"]
)
def test_noise_and_repeats_are_those_of_the_public_problem(name, method):
    problem = Problem.load(name)
    native = run_study(problem, method, 60, hashed_seed(2))
    words, _, preset = method.partition(":")
    python, _ = through_python(problem, method, 60, hashed_seed(2), method=words, preset=preset or "default")
    check_equal(native, python)
    assert repr(native.metrics()) == repr(python.metrics())
    if method == "tba-tpe:paper" and name == "server_throughput@l4":
        repeated = [i for i, config in enumerate(native.configs) if config in native.configs[:i]]
        # Luck is drawn anew: a repeat of what ran is measured anew.
        again = [i for i in repeated if native.outcomes[i] == "ok"]
        first = [native.configs.index(native.configs[i]) for i in again]
        assert again
        assert all(native.objectives[i] != native.objectives[j] for i, j in zip(again, first, strict=True))


def test_every_problem_sweeps_alike_on_one_and_two_threads_and_through_python(tmp_path):
    names, methods, seeds, budget = problem_names(), ["tba-tpe", "tpe:paper", "random"], 2, 14
    assert {
        "crashy_branin",
        "hierarchical_rosenbrock",
        "edge_tight@t4",
        "llm_serving@l4",
        "digits_edge",
    } <= set(names)
    stores = [
        sweep(names, methods, [budget], seeds, tmp_path / str(threads), threads=threads, trials=True).store
        for threads in (1, 2)
    ]
    one, two = (
        {
            path.relative_to(store.folder): path.read_bytes()
            for path in store.folder.rglob("*.*")
            if path.is_file() and not path.name.startswith("provenance")
        }
        for store in stores
    )
    assert len(one) == 1 + 4 * len(names) * len(methods)
    assert one == two
    for cell in stores[0].cells():
        records = list(stores[0].trials(cell))
        problem = Problem.load(cell.problem)
        method, _, preset = cell.method.partition(":")
        for study in range(seeds):
            python, _ = through_python(
                problem, cell.method, budget, hashed_seed(study), method=method, preset=preset or "default"
            )
            stored = [record for record in records if record["study"] == study]
            assert len(stored) == budget, cell
            for record, expected in zip(stored, python.records(), strict=True):
                told = {name: value for name, value in expected.items() if name != "phase"}
                assert {name: record[name] for name in told} == told, cell


def test_settings_in_words_are_settings_in_python():
    words = "tba-tpe:paper/snap_back=0/blacklist=false/allow_repeats=0/acquisition=c-tpe/candidates=7"
    native = run_study(BRANIN, words, 30, 11)
    python, _ = through_python(
        BRANIN,
        words,
        30,
        11,
        method="tba-tpe",
        preset="paper",
        allow_repeats=False,
        acquisition="c-tpe",
        options={"snap_back": 0, "blacklist": False, "candidates": 7},
    )
    check_equal(native, python)


def test_an_exhausted_space_ends_a_study_early():
    points = 3 * 5 * 5 * 5
    native = run_study(BRANIN, "grid", points + 10, 0)
    python, _ = through_python(BRANIN, "grid", points + 10, 0, method="grid")
    check_equal(native, python)
    assert native.exhausted
    assert native.metrics().trials == len(native) == points


def test_the_canonical_words_do_not_depend_on_how_they_were_typed():
    def spelled(text):
        return run_study(BRANIN, text, 1, 0).method

    assert spelled("tpe:default") == "tpe"
    assert spelled("tba/snap_back=0.50/blacklist=true") == "tba/blacklist=1/snap_back=0.5"
    assert spelled("tba:paper/blacklist=1/snap_back=.5") == "tba:paper/blacklist=1/snap_back=0.5"
    assert spelled("tpe/acquisition=c-tpe/allow_repeats=false") == "tpe/acquisition=c-tpe/allow_repeats=0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "unknown method ''"),
        ("annealing", "use one of random, grid"),
        ("tpe:fast", "unknown preset 'fast'"),
        ("tpe:", "unknown preset ''"),
        ("tpe/", "'' is not of the form option=value"),
        ("tpe/candidates", "'candidates' is not of the form option=value"),
        ("tpe/=3", "not of the form option=value"),
        ("tpe/candidates=", "give a number"),
        ("tpe/candidates=3x", "'3x'; give a number"),
        ("tpe/candidates=nan", "must be an integer"),
        ("tpe/candidates=2.5", "must be an integer"),
        ("tpe/candidate=3", "unknown option 'candidate'; known options: "),
        ("tpe/candidates=3/candidates=4", "'candidates' is given twice"),
        ("tpe/acquisition=ei", "unknown acquisition 'ei'"),
        ("tpe/allow_repeats=2", "'allow_repeats' must be true or false"),
        ("tba/blacklist=2", "must be True or False"),
        ("tpe:paper/snap_back=0:default", "give a number"),
    ],
)
def test_a_malformed_method_is_answered_with_what_is_allowed(text, words):
    with pytest.raises(OptionError) as error:
        run_study(BRANIN, text, 5, 0)
    assert words in str(error.value)
    assert f"method '{text}'" in str(error.value)


@pytest.mark.parametrize(("budget", "seed"), [(0, 0), (-1, 0), (1.5, 0), (10**7, 0), (5, -1), (5, 2**64)])
def test_a_study_refuses_budgets_and_seeds_out_of_range(budget, seed):
    with pytest.raises(OptionError):
        run_study(BRANIN, "random", budget, seed)


def test_hashed_seeds_are_distinct_and_mixed():
    seeds = [hashed_seed(index) for index in range(5000)]
    assert len(set(seeds)) == len(seeds)
    bits = np.unpackbits(np.array(seeds, dtype=np.uint64).view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert bits == pytest.approx(np.full(64, 0.5), abs=0.04)
    # The first output of SplitMix64 from state 0 (Steele, Lea and Flood, 2014).
    assert hashed_seed(0) == 0xE220A8397B1DCDAF


def test_the_reference_is_the_optimum():
    reference = Reference.of(BRANIN)
    assert reference.objective == BRANIN.optimum()[1]
    assert reference.families == ("A", "B", "C")
    assert not math.isnan(reference.objective)
