"""After `stop_when_clear` everything that is shown holds, or says that it does not."""

import numpy as np
import pandas as pd
import pytest

from llmlab.comparison import Comparison, compare_runs
from llmlab.stats import looked_pairs
from llmlab.stats.best_arm import BestArm
from llmlab.stats.race import PairedRace
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


def raced(scores: np.ndarray, sizes: np.ndarray | None = None) -> int | None:
    """Return which arm is named the best, if any, looking after every input."""
    names = [("p", f"m{at:02d}") for at in range(scores.shape[1])]
    race = PairedRace(names)
    for at, line in enumerate(scores):
        race.feed(dict(zip(names, line.tolist(), strict=True)), 1.0 if sizes is None else sizes[at])
        if race.leader is not None:
            return names.index(race.leader)
    return None


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ((0.6, 0.6), ()),
        ((0.6, 0.6, 0.1), ()),
        ((0.9, 0.9, 0.4, 0.4, 0.4), ()),
        ((0.5, 0.5, 0.5), ()),
        ((0.64, 0.6, 0.6, 0.2), (0,)),
    ],
)  # fmt: skip
def test_an_arm_that_is_not_the_best_is_hardly_ever_named(
    rates: tuple[float, ...], best: tuple[int, ...]
) -> None:
    """Of 100 runs of 200 inputs at most 5 name one of arms that are tied, or a worse one."""
    rng = np.random.default_rng(11)
    named = [raced((rng.random((200, len(rates))) < rates).astype(float)) for _ in range(100)]

    assert sum(each is not None and each not in best for each in named) <= 5


def test_one_arm_of_twelve_is_named_with_fewer_inputs_than_its_pairs_need() -> None:
    """A lead of .15 took 421 inputs (median) where 66 pairs shared the error, and takes 250."""
    rng = np.random.default_rng(1)
    stops, pairs_stops = [], []
    for _ in range(8):
        scores = (rng.random((900, 12)) < np.r_[0.85, np.full(11, 0.70)]).astype(float)
        stops.append(_named_at(scores))
        pairs_stops.append(_clear_at(scores))

    assert np.mean(stops) <= 0.75 * np.mean(pairs_stops)


def _named_at(scores: np.ndarray) -> int:
    best = BestArm(scores.shape[1])
    for at in range(len(scores)):
        best.feed(scores[at])
        if at % 5 == 4 and best.p[0] <= 0.05:
            return at
    return len(scores)


def _clear_at(scores: np.ndarray) -> int:
    """Return after how many inputs the first arm was clear when each of 66 pairs had its share."""
    stops = []
    for other in range(1, scores.shape[1]):
        sequence = PairedSequence(comparisons=66)
        sequence.feed(scores[:, 0] - scores[:, other])
        stops.append(sequence.clear_at or len(scores))
    return max(stops)


def test_of_two_arms_the_best_is_that_of_their_pair() -> None:
    """The race and the pair that is shown afterwards say the same."""
    gaps = np.random.default_rng(4).uniform(-0.3, 0.7, 60)
    sequence, best = PairedSequence(), BestArm(2)
    sequence.feed(gaps)
    best.feed(np.column_stack([np.clip(-gaps, 0, 1), np.clip(gaps, 0, 1)]))

    assert best.p[1] == pytest.approx(sequence.p)
    assert best.p[0] == 1.0 or best.p[0] > best.p[1]


def test_blocks_of_inputs_and_single_ones_are_the_same() -> None:
    """The run feeds one at a time, the tables all at once; an input with a gap is no look."""
    rng = np.random.default_rng(6)
    scores = rng.random((50, 4)) * [1.0, 0.5, 0.5, 0.4]
    scores[7, 2] = np.nan
    sizes = rng.integers(1, 6, 50).astype(float)
    one, block = BestArm(4, largest=5.0), BestArm(4, largest=5.0)
    for line, size in zip(scores, sizes, strict=True):
        one.feed(line, size)
    block.feed(scores, sizes)

    assert one.p == pytest.approx(block.p)


def test_what_stopped_a_run_is_what_its_pairs_say() -> None:
    """The arm that was named leads all its pairs, and none of them contradicts its interval."""
    rng = np.random.default_rng(8)
    for _ in range(10):
        scores = (rng.random((200, 4)) < [0.9, 0.6, 0.55, 0.55]).astype(float)
        rows = in_order(make_rows({(f"p{at}", "m"): scores[:, at] for at in range(4)}))
        found = looked_pairs(rows, bound=1.0)
        named = raced(scores)

        told = all(pair.p_adjusted <= 0.05 for pair in found if pair.prompt_a == "p0")
        assert told or named is None
        for pair in found:
            assert pair.p_adjusted >= pair.p - 1e-12
            assert (pair.p <= 0.05) is not (pair.low <= 0.0 <= pair.high)


def test_all_claims_together_keep_the_error() -> None:
    """The best arm and all pairs: of 20 runs with a clear best and three alike none errs."""
    rng = np.random.default_rng(9)
    wrong = 0
    for _ in range(20):
        scores = (rng.random((120, 4)) < [0.95, 0.5, 0.5, 0.5]).astype(float)
        rows = in_order(make_rows({(f"p{at}", "m"): scores[:, at] for at in range(4)}))
        found = looked_pairs(rows, bound=1.0)
        wrong += any(pair.p_adjusted <= 0.05 for pair in found if pair.prompt_a != "p0")

    assert wrong <= 1
