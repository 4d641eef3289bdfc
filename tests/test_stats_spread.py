"""Clusters of very unequal sizes: the error of a mean, and on how many clusters it rests."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from llmlab.stats import cluster_interval, pairs
from llmlab.stats.means import mean_of
from llmlab.stats.spread import Dependence, spread
from tests.test_stats_compare import make_rows

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

A, B = ("a", "m"), ("b", "m")
RUNS = 1_000


def by_matrices(values: Floats, codes: Ints) -> tuple[float, float]:
    """CR2 and Bell-McCaffrey as they are written down: projections, roots, traces."""
    n, groups = values.size, np.unique(codes)
    residual = np.eye(n) - np.ones((n, n)) / n
    left = residual @ values
    sums, directions = [], []
    for group in groups:
        mine = np.flatnonzero(codes == group)
        root = linalg.inv(linalg.sqrtm(residual[np.ix_(mine, mine)]).real)
        sums.append(root.sum(axis=0) @ left[mine])
        directions.append(residual[:, mine] @ root.sum(axis=0) / n)
    variance = float((np.array(sums) ** 2).sum()) / n**2
    moved = np.column_stack(directions)
    squares = moved.T @ moved
    freedom = np.trace(squares) ** 2 / np.trace(squares @ squares)
    same = codes[:, None] == codes[None, :]
    off = same & ~np.eye(n, dtype=bool)
    alike = np.outer(left, left)[off].sum() / off.sum() / (left**2).mean() if off.any() else 0.0
    worked = np.where(same, np.clip(alike, 0.0, 1.0), 0.0)
    np.fill_diagonal(worked, 1.0)
    lacks = worked.sum() / n**2 / np.trace(moved.T @ worked @ moved)
    return float(np.sqrt(variance * max(1.0, lacks))), float(freedom)


@given(seed=st.integers(0, 1000), groups=st.integers(2, 8), n=st.integers(9, 40))
@settings(max_examples=50)
def test_the_error_is_that_of_the_matrices(seed: int, groups: int, n: int) -> None:
    """The sums that need no matrix give what the definition gives, to 1e-9."""
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])
    values = rng.normal(size=groups)[codes] + rng.normal(size=n)

    found = spread(values, Dependence(codes))

    assert tuple(found) == pytest.approx(by_matrices(values, codes), rel=1e-9)


def test_equal_clusters_are_student_of_their_means() -> None:
    """Seven clusters of four: the error is that of seven means, on six degrees of freedom."""
    values = np.random.default_rng(0).normal(size=28)
    means = values.reshape(7, 4).mean(axis=1)

    found = spread(values, Dependence(np.repeat(np.arange(7), 4)))

    assert found == pytest.approx((means.std(ddof=1) / np.sqrt(7), 6.0))


def test_one_large_cluster_leaves_few_degrees_of_freedom() -> None:
    """Half of the inputs in one of 30 clusters: fewer than four, not 29."""
    codes = np.concatenate([np.zeros(290), np.repeat(np.arange(1, 30), 10)]).astype(int)

    assert spread(np.random.default_rng(0).normal(size=580), Dependence(codes)).freedom < 4.0


@pytest.mark.parametrize(("n", "groups"), [(60, 12), (500, 20), (500, 60)])
def test_intervals_hold_with_zipf_clusters(n: int, groups: int) -> None:
    """Clusters of sizes 1, 1/2, 1/3, ...: 95 % intervals once held 88 to 90 %, now 93 or more."""
    rng, held = np.random.default_rng(1), 0
    share = 1.0 / np.arange(1, groups + 1)
    for _ in range(RUNS):
        codes = rng.choice(groups, size=n, p=share / share.sum())
        values = rng.normal(size=groups)[codes] * 0.5 + rng.normal(size=n)
        found = cluster_interval(values, codes.tolist())
        held += found.low <= 0.0 <= found.high

    assert held / RUNS >= 0.93


def test_pairs_of_unequal_clusters_are_tested_as_their_interval_is() -> None:
    """Arms alike over 20 Zipf clusters: the unadjusted test claims at most 6 %."""
    rng, n = np.random.default_rng(4), 200
    share = 1.0 / np.arange(1, 21)
    false = 0
    for _ in range(300):
        codes = rng.choice(20, size=n, p=share / share.sum())
        a, b = rng.normal(size=(2, 20))[:, codes] + rng.normal(size=(2, n))
        clusters = dict(zip((f"i{at:05d}" for at in range(n)), codes.tolist(), strict=True))
        (pair,) = pairs(make_rows({A: a, B: b}), cluster=clusters)
        false += pair.p <= 0.05

    assert false / 300 <= 0.06


def test_a_cluster_that_holds_all_is_no_spread() -> None:
    """One cluster shows nothing of how clusters differ."""
    law, _ = mean_of(np.array([0.1, 0.5, 0.9]), (-np.inf, np.inf), Dependence(np.zeros(3, int)))

    assert np.isnan(law.limits(0.95)).all()
    assert np.isnan(law.above(0.0))
