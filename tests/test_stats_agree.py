"""Test and interval of a pair are one: p is at most 5 % exactly where the interval leaves out 0."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.stats import Pair, pairs
from llmlab.stats.clusters import Cluster, Dated
from llmlab.stats.equivalence import equivalence
from tests.test_stats_compare import make_rows

A, B = ("a", "m"), ("b", "m")
RUNS = 600

LAWS = ("binary", "repeats", "ordinal", "normal", "zero-heavy", "skewed", "equal")
GROUPS = ("alone", "clusters", "dates")


def scores_of(law: str, rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw n scores, inputs x repeats."""
    laws: dict[str, Callable[[], np.ndarray]] = {
        "binary": lambda: (rng.random((n, 1)) < rng.random()).astype(float),
        "repeats": lambda: (rng.random((n, 3)) < rng.random((n, 1))).astype(float),
        "ordinal": lambda: rng.integers(0, 5, (n, 1)) / 4.0,
        "normal": lambda: rng.normal(rng.normal() / np.sqrt(n), 1.0, (n, 1)),
        "zero-heavy": lambda: (rng.random((n, 1)) < 0.15) * rng.random((n, 1)),
        "skewed": lambda: rng.beta(0.3, 3.0, (n, 1)),
        "equal": lambda: np.full((n, 1), rng.random()),
    }
    return laws[law]()


def a_pair(law: str, grouping: str, rng: np.random.Generator, level: float) -> Pair:
    """Draw a run of two arms and compare them."""
    n = int(rng.integers(2, 60))
    places = rng.integers(0, int(rng.integers(1, 12)), n)
    days = {f"i{at:05d}": f"2026-03-{place + 1:02d}" for at, place in enumerate(places)}
    cluster: Cluster = {"alone": None, "clusters": days, "dates": Dated(days, 3)}[grouping]
    rows = make_rows({A: scores_of(law, rng, n), B: scores_of(law, rng, n)})
    return pairs(rows, cluster=cluster, level=level)[0]


@pytest.mark.parametrize("grouping", GROUPS)
@pytest.mark.parametrize("law", LAWS)
def test_no_interval_contradicts_its_test(law: str, grouping: str) -> None:
    """Once in 0.4 to 17 % of binary runs: p below 5 % and 0 inside, or the reverse."""
    rng = np.random.default_rng([LAWS.index(law), GROUPS.index(grouping)])
    for _ in range(RUNS // len(LAWS)):
        level = float(rng.choice([0.8, 0.9, 0.95, 0.99]))
        pair = a_pair(law, grouping, rng, level)
        if np.isnan(pair.low):
            continue
        outside = not pair.low <= 0.0 <= pair.high
        assert (pair.p <= 1.0 - level) is outside, pair
        assert pair.low - 1e-12 <= pair.difference <= pair.high + 1e-12


@given(only_a=st.integers(0, 30), only_b=st.integers(0, 30), both=st.integers(0, 100))
@settings(max_examples=300)
def test_no_binary_interval_contradicts_its_test(only_a: int, only_b: int, both: int) -> None:
    """Any table of 0/1 scores, at three levels."""
    if only_a + only_b + both == 0:
        return
    a = np.repeat([1.0, 0.0, 1.0], [only_a, only_b, both])
    b = np.repeat([0.0, 1.0, 1.0], [only_a, only_b, both])
    for level in (0.9, 0.95, 0.99):
        (pair,) = pairs(make_rows({A: a, B: b}), level=level)

        assert (pair.p <= 1.0 - level) is (not pair.low <= 0.0 <= pair.high), pair


@pytest.mark.parametrize("law", LAWS)
def test_not_worse_is_said_exactly_where_the_interval_says_so(law: str) -> None:
    """The lower limit of 1 - 2 alpha is above minus the margin where p is at most alpha."""
    rng = np.random.default_rng(LAWS.index(law))
    for _ in range(60):
        n = int(rng.integers(2, 60))
        a, b = (scores_of(law, rng, n).mean(axis=1) for _ in range(2))
        found = equivalence(a, b, margin=0.1, ends=(-1.0, 1.0) if law != "normal" else (-9.0, 9.0))
        if np.isnan(found.low):
            continue
        assert found.non_inferior is bool(found.low > -0.1), found
        assert found.equivalent is bool(found.low > -0.1 and found.high < 0.1), found


def test_the_case_in_which_test_and_interval_once_differed() -> None:
    """5 to 0 of 10: it was said that p = .0625, and that the difference is .05 to .78."""
    (pair,) = pairs(make_rows({A: np.repeat([0.0, 1.0], [5, 5]), B: np.ones(10)}))

    assert pair.p == pytest.approx(0.03125)
    assert pair.test == "McNemar mid-p"
    assert (pair.low, pair.high) == pytest.approx((0.084, 0.763), abs=1e-3)


def test_the_case_in_which_the_sign_flips_were_bolder_than_the_interval() -> None:
    """Ten differences, one of them large: the claim needs both tests."""
    gaps = np.array([0.1, 0.2, 0.1, 0.3, 0.1, 0.2, 0.1, 0.2, 0.1, 5.0])
    (pair,) = pairs(make_rows({A: np.zeros(10), B: gaps}))

    assert pair.p > 0.05
    assert pair.test == "t, skewed"
    assert pair.low < 0.0
