from __future__ import annotations

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

import lehr
from lehr.study.distributions import Translation


def stepped(low: int, count: int, step: int) -> IntDistribution:
    return IntDistribution(low, low + count * step, step=step)


distribution = st.one_of(
    st.builds(FloatDistribution, st.floats(-1e6, 0.0), st.floats(0.0, 1e6)),
    st.builds(
        lambda low, up: FloatDistribution(low, low * up, log=True), st.floats(1e-9, 1.0), st.floats(1.0, 1e9)
    ),
    st.builds(
        lambda low, n: FloatDistribution(low / 8, low / 8 + n / 4, step=0.25),
        st.integers(-9, 9),
        st.integers(0, 9),
    ),
    st.builds(stepped, st.integers(-(10**9), 10**9), st.integers(0, 10**4), st.integers(1, 50)),
    st.builds(
        lambda low, n: IntDistribution(low, low + n, log=True), st.integers(1, 99), st.integers(0, 999)
    ),
    st.builds(
        CategoricalDistribution,
        st.lists(
            st.none() | st.booleans() | st.integers(2, 9) | st.text(), min_size=1, max_size=6, unique=True
        ),
    ),
)


@given(
    st.dictionaries(st.text("abc", min_size=1), distribution, min_size=1, max_size=4), st.integers(0, 2**32)
)
def test_samples_of_one_side_are_legal_on_the_other(distributions: dict[str, BaseDistribution], seed: int):
    space = lehr.Space.from_optuna(distributions)
    assert list(space.names) == list(distributions)
    for config in space.sample(5, seed=seed):
        for name, value in config.items():
            assert distributions[name]._contains(distributions[name].to_internal_repr(value))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed % 2**32))
    for _ in range(5):
        space.validate(study.ask(distributions).params)
    back = lehr.Space.from_optuna(Translation.of(space).distributions)
    for config in back.sample(5, seed=seed):
        space.validate(config)


def test_the_variables_are_what_one_would_have_written():
    space = lehr.Space.from_optuna(
        {
            "lr": FloatDistribution(1e-4, 1e-1, log=True),
            "dropout": FloatDistribution(0.0, 0.5, step=0.1),
            "batch": IntDistribution(1, 64, log=True),
            "layers": IntDistribution(2, 8, step=2),
            "act": CategoricalDistribution(["relu", None, 1, True]),
        }
    )
    assert space == lehr.Space(
        [
            lehr.Float("lr", 1e-4, 1e-1, log=True),
            lehr.Float("dropout", 0.0, 0.5, step=0.1),
            lehr.Int("batch", 1, 64, log=True),
            lehr.Int("layers", 2, 8, step=2),
            lehr.Categorical("act", ["relu", None, 1, True]),
        ]
    )


def test_every_mistake_is_named():
    class Odd(BaseDistribution):
        def to_internal_repr(self, value: object) -> float:
            return 0.0

        def single(self) -> bool:
            return False

        def _contains(self, value: float) -> bool:
            return True

    with pytest.warns(UserWarning, match="persistent storage"):
        tuples = CategoricalDistribution([(1, 2), "a"])
    with pytest.raises(lehr.SpaceError) as caught:
        lehr.Space.from_optuna({"a": Odd(), "b": tuples, "c": IntDistribution(0, 3), "d": Odd()})
    assert [mistake.split(" ")[0].rstrip(":") for mistake in caught.value.mistakes] == ["a", "d", "b"]
    assert "a is a Odd, which has no counterpart here; use a FloatDistribution" in str(caught.value)
    with pytest.raises(lehr.SpaceError, match=r"twice|duplicate"):
        lehr.Space.from_optuna({"a": CategoricalDistribution(["x", "x"])})
    with pytest.raises(lehr.SpaceError, match="distributions is a list; give Optuna's distributions by name"):
        lehr.Space.from_optuna([IntDistribution(0, 3)])
