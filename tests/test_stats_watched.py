"""After `stop_when_clear` everything that is shown holds, or says that it does not."""

import numpy as np
import pandas as pd
import pytest

from llmlab.comparison import Comparison, compare_runs
from llmlab.stats import looked_pairs
from llmlab.stats.sequential import PairedSequence
from tests.test_stats_compare import make_rows

A, B = ("a", "m"), ("b", "m")


def in_order(rows: pd.DataFrame, cluster: np.ndarray | None = None) -> pd.DataFrame:
    """Say in which order inputs were sent, and their clusters."""
    place = rows["input_id"].str[1:].astype(int)
    rows = rows.assign(block=place, run="r", price_basis="", response_model="m-1", started_at=0.0)
    return rows if cluster is None else rows.assign(cluster=cluster[place])


def test_with_unequal_clusters_the_difference_has_the_sign_of_its_inputs() -> None:
    """One day of 40 inputs where B wins, four days of one input where A does: B is ahead."""
    a, b = np.zeros(44), np.zeros(44)
    b[:30], a[40:] = 1.0, 1.0
    day = np.repeat(np.arange(5), [40, 1, 1, 1, 1])
    rows = in_order(make_rows({A: a, B: b}), day)

    (pair,) = looked_pairs(rows, bound=1.0, cluster="cluster")

    assert pair.difference == pytest.approx(pair.mean_b - pair.mean_a)
    assert pair.difference > 0.0
    assert pair.low <= pair.difference <= pair.high


def test_informative_cluster_sizes_do_not_fool_the_sequence() -> None:
    """Large days favour B and small ones A, in all inputs nothing: 0 is excluded in at most 5 %."""
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(200):
        large = rng.random(150) < 0.2
        sizes = np.where(large, 20.0, 1.0)
        gaps = np.where(large, 0.1, -0.5) + rng.uniform(-0.3, 0.3, 150)
        gaps -= (0.2 * 20 * 0.1 - 0.8 * 0.5) / (0.2 * 20 + 0.8)
        sequence = PairedSequence(0.05, largest=20.0)
        sequence.feed(gaps, sizes)
        wrong += sequence.clear

    assert wrong <= 10


def test_sizes_that_are_all_alike_change_nothing() -> None:
    """Clusters of one size are looked at as inputs are."""
    gaps = np.random.default_rng(0).uniform(-0.2, 0.6, 80)
    plain, sized = PairedSequence(), PairedSequence(largest=7.0)
    plain.feed(gaps)
    sized.feed(gaps, 7.0)

    assert (plain.p, plain.mean) == pytest.approx((sized.p, sized.mean))
    assert plain.interval().low == pytest.approx(sized.interval().low)


def test_intervals_of_a_watched_run_hold_at_every_look() -> None:
    """An arm of .70 is looked at after each of 150 inputs: the interval once misses in <= 5 %."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(40):
        a, b = (rng.random((2, 150)) < 0.7).astype(float)
        rows = in_order(make_rows({A: a, B: b}))
        looks = [_limits(rows, size) for size in (20, 60, 150)]
        missed += any(not low <= 0.7 <= high for low, high in looks)

    assert missed <= 4


def _limits(rows: pd.DataFrame, size: int) -> tuple[float, float]:
    part = rows[rows["block"] < size]
    summary = Comparison("r", part, bound=1.0).summary
    arm = summary[summary["prompt"] == "a"].iloc[0]
    assert arm["score_method"] == "betting, any look"
    return float(arm["score_low"]), float(arm["score_high"])


def test_what_is_not_valid_after_watching_says_so() -> None:
    """Scores without a known range, comparisons with another run, and what a note lists."""
    rng = np.random.default_rng(2)
    rows = in_order(make_rows({A: rng.normal(0, 5, 30), B: rng.normal(0, 5, 30)}))
    run = Comparison("r", rows, bound=60.0)

    assert set(run.summary["score_method"]) == {"t, not valid after watching"}
    assert any(note.startswith("This run could stop early") for note in run.notes)
    assert compare_runs(run, run)["test"].str.endswith("not valid after watching").all()


def test_not_worse_of_a_watched_run_is_by_the_sequence() -> None:
    """It asks for more than a fixed-size test does, and finds what is plain all the same."""
    a = (np.random.default_rng(5).random(400) < 0.8).astype(float)
    rows = in_order(make_rows({A: a, B: a}))
    run, fixed = Comparison("r", rows, bound=1.0), Comparison("r", rows)

    one, other = run.not_worse(A, 0.1).iloc[0], fixed.not_worse(A, 0.1).iloc[0]

    assert one["test"] == "betting, any look"
    assert bool(one["not_worse"])
    assert one["high"] - one["low"] > other["high"] - other["low"]
