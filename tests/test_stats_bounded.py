"""Few scores, skewed or all alike: the range of a score bounds what was not seen."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from llmlab.stats import arms, pairs, verdict
from llmlab.stats.bounded import BoundedMean, _below_zero, trusted
from llmlab.stats.means import mean_of
from tests.test_stats_compare import make_rows

Floats = npt.NDArray[np.float64]
A, B = ("a", "m"), ("b", "m")
RUNS = 500


def zero_heavy(rng: np.random.Generator, n: int) -> Floats:
    """85 % zeros, the rest anywhere in 0..1: mean .075."""
    return np.asarray((rng.random(n) < 0.15) * rng.random(n))


def skewed(rng: np.random.Generator, n: int) -> Floats:
    """Mostly near zero, a few near one: mean 1/11."""
    return rng.beta(0.3, 3.0, n)


def nearly_right(rng: np.random.Generator, n: int) -> Floats:
    """85 % ones: mean .925."""
    return 1.0 - zero_heavy(rng, n)


def ordinal(rng: np.random.Generator, n: int) -> Floats:
    """Marks of 0 to 4, over 4: mean .7125."""
    return np.asarray(rng.choice(5, n, p=[0.05, 0.1, 0.15, 0.35, 0.35]) / 4.0)


@pytest.mark.parametrize("n", [5, 10, 30, 60])
@pytest.mark.parametrize(
    ("draw", "truth"),
    [(zero_heavy, 0.075), (skewed, 1.0 / 11.0), (nearly_right, 0.925), (ordinal, 0.7125)],
)
def test_intervals_of_few_bounded_scores_hold(
    draw: Callable[[np.random.Generator, int], Floats], truth: float, n: int
) -> None:
    """Student's held 49 % (n = 5), 57 to 82 % (n = 10 to 30) of the zero-heavy ones."""
    rng, held = np.random.default_rng(n), 0
    for _ in range(RUNS):
        low, high = mean_of(draw(rng, n), (0.0, 1.0))[0].limits(0.95)
        held += low <= truth <= high

    assert held / RUNS >= 0.93


@pytest.mark.parametrize("n", [10, 30])
def test_a_mean_difference_of_nothing_is_called_something_in_at_most_6_percent(n: int) -> None:
    """Rare large losses against many small gains: the sign flips alone claimed 8 to 10 %."""
    rng, false = np.random.default_rng(2), 0
    for _ in range(RUNS):
        gaps = np.where(rng.random(n) < 0.1, -0.9, 0.1)
        law, _ = mean_of(gaps, (-1.0, 1.0))
        false += 2.0 * min(law.above(0.0), law.below(0.0)) <= 0.05

    assert false / RUNS <= 0.06


def test_zeros_alone_have_the_limit_of_clopper_and_pearson() -> None:
    """Ten zeros: at most .308, as for a rate; ten times .7 lie in .484 to .792."""
    zeros, same = BoundedMean(np.zeros(10), 0.0, 1.0), BoundedMean(np.full(10, 0.7), 0.0, 1.0)

    assert zeros.limits(0.95) == pytest.approx(proportion_confint(0, 10, method="beta"))
    weight = 1.0 - 0.025 ** (1.0 / 10.0)
    assert same.limits(0.95) == pytest.approx((0.7 - 0.7 * weight, 0.7 + 0.3 * weight))
    assert zeros.below(0.308497) == pytest.approx(0.025, abs=1e-5)


def test_0_and_1_have_the_limits_of_clopper_and_pearson() -> None:
    """5 of 30: to the error of the draws."""
    scores = np.repeat([0.0, 1.0], [25, 5])

    found = BoundedMean(scores, 0.0, 1.0).limits(0.95)

    assert found == pytest.approx(proportion_confint(5, 30, method="beta"), abs=0.004)


def test_far_tails_are_integrated() -> None:
    """A sum of exponentials below zero has a closed form where the values are alike."""
    assert _below_zero(np.array([0.5] * 60 + [-1.0])) == pytest.approx(1.5**-60, rel=1e-6)
    assert _below_zero(np.array([0.2] * 9 + [-0.3])) == pytest.approx((5.0 / 3.0) ** -9, rel=1e-6)
    values = np.append(np.random.default_rng(0).random(20), -1.0)
    drawn = np.random.default_rng(1).standard_exponential((200_000, 21)) @ values
    assert _below_zero(values) == pytest.approx(float((drawn < 0.0).mean()), rel=0.1)


def test_the_order_of_scores_and_the_side_do_not_matter() -> None:
    """Shuffled, the same limits; negated, the same ones negated."""
    values = skewed(np.random.default_rng(3), 20)
    shuffled = np.random.default_rng(4).permutation(values)
    low, high = BoundedMean(values, 0.0, 1.0).limits(0.95)

    assert BoundedMean(shuffled, 0.0, 1.0).limits(0.95) == (low, high)
    assert BoundedMean(-values, -1.0, 0.0).limits(0.95) == (-high, -low)


def test_cochrans_rule_says_whom_student_may_speak_for() -> None:
    """Symmetric scores from a few on; 85 % zeros from some 150 on; equal ones never."""
    rng = np.random.default_rng(0)

    assert trusted(np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert not trusted(zero_heavy(rng, 60))
    assert trusted(zero_heavy(rng, 2_000))
    assert not trusted(np.full(30, 0.5))
    skewness = float(scipy_stats.skew(values := skewed(rng, 50)))
    assert trusted(values) is (25.0 * skewness**2 < 50)


@pytest.mark.parametrize("score", [0.0, 0.7, 1.0])
def test_equal_scores_have_no_interval_of_width_zero(score: float) -> None:
    """Two scores of .7 once had the interval .70 to .70."""
    found = arms(make_rows({A: [score, score], B: [score, score]}))
    (pair,) = pairs(make_rows({A: [score, score], B: [score, score]}))

    assert all(arm.score_high - arm.score_low > 0.5 for arm in found)
    assert pair.high - pair.low > 1.0
    assert pair.p == 1.0


def test_equal_scores_without_a_known_range_have_no_interval() -> None:
    """3.2 and 3.2 say nothing of what else there could be."""
    rows = make_rows({A: [3.2, 3.2, 3.2], B: [2.2, 2.2, 2.2]})

    found, (pair,) = arms(rows), pairs(rows)

    assert all(np.isnan(arm.score_low) and np.isnan(arm.score_high) for arm in found)
    assert np.isnan(pair.low)
    assert pair.p == 0.25


def test_skewed_scores_without_a_known_range_say_that_the_interval_holds_less() -> None:
    """Ten log-normal scores: the method's name, the pair's test and a note say it."""
    rng = np.random.default_rng(0)
    rows = make_rows({A: rng.lognormal(0.0, 1.5, 30), B: rng.lognormal(1.0, 1.5, 30)})

    found, (pair,) = arms(rows), pairs(rows)
    said = verdict(found, [pair])

    assert {arm.score_method for arm in found} == {"t, skewed"}
    assert pair.test.endswith(", skewed")
    assert [note for note in said.notes if note.startswith("Scores of 2 of 2 arms and differences")]
    even = make_rows({A: rng.normal(5.0, 1.0, 30), B: rng.normal(5.0, 1.0, 30)})
    assert not [note for note in verdict(arms(even), pairs(even)).notes if "skewed" in note]
