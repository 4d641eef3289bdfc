"""Intervals of one arm, and adjusted p-values: they agree with the literature and with peers."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from llmlab.errors import UsageError
from llmlab.stats import (
    bootstrap_quantile,
    cluster_interval,
    compact_letters,
    holm,
    t_interval,
    wilson,
)
from llmlab.stats.intervals import rate_interval
from llmlab.stats.spread import Dependence, spread

EXACT = 1e-9
numbers = st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=40)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(127, 200, 0.566317, 0.698595), (17, 20, 0.639581, 0.947631)],
)
def test_wilson_gives_the_published_limits(successes: int, n: int, low: float, high: float) -> None:
    """Wilson's limits are those of the textbook, to six digits."""
    interval = wilson(successes, n)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-7)


@given(n=st.integers(1, 500), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_wilson_agrees_with_statsmodels_and_holds_the_rate(
    n: int, share: float, level: float
) -> None:
    """Any count gives statsmodels' limits, and the rate lies between them."""
    successes = round(share * n)

    interval = wilson(successes, n, level)

    theirs = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert (interval.low, interval.high) == pytest.approx(theirs, abs=EXACT)
    assert interval.low <= successes / n <= interval.high


@given(values=numbers, level=st.floats(0.5, 0.99))
def test_the_t_interval_agrees_with_statsmodels_and_holds_the_mean(
    values: list[float], level: float
) -> None:
    """Student's limits are statsmodels'; where all values are alike there are none."""
    interval = t_interval(values, level)

    if np.ptp(values) <= 1e-9 * max(map(abs, values)):
        return
    theirs = sm.stats.DescrStatsW(values).tconfint_mean(alpha=1 - level)
    assert (interval.low, interval.high) == pytest.approx(theirs, rel=1e-7, abs=1e-6)
    assert interval.low <= np.mean(values) + 1e-9
    assert interval.high >= np.mean(values) - 1e-9


def test_the_clustered_error_is_the_cr1_sandwich() -> None:
    """0..19 in four clusters by i mod 4 has a standard error of 0.645 (CR1, not CR0's 0.559)."""
    error = spread(np.arange(20.0), Dependence(np.arange(20) % 4)).error

    assert error == pytest.approx(0.6454972243679028, abs=EXACT)


@given(seed=st.integers(0, 1000), groups=st.integers(2, 8), n=st.integers(9, 40))
@settings(max_examples=50)
def test_the_cluster_interval_agrees_with_a_clustered_regression(
    seed: int, groups: int, n: int
) -> None:
    """Equal clusters give statsmodels' cluster-robust intercept and its t limits."""
    rng = np.random.default_rng(seed)
    n = groups * (n // groups)
    clusters = np.arange(n) % groups
    values = rng.normal(size=groups)[clusters] + rng.normal(size=n)

    interval = cluster_interval(values, clusters.tolist())

    fitted = sm.OLS(values, np.ones(n)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    assert (interval.low, interval.high) == pytest.approx(fitted.conf_int()[0], abs=EXACT)


def test_each_value_its_own_cluster_is_the_t_interval() -> None:
    """Clusters of one change nothing."""
    values = [0.2, 0.9, 0.4, 0.7]

    clustered = cluster_interval(values, ["a", "b", "c", "d"])

    plain = t_interval(values)
    assert (clustered.low, clustered.high) == pytest.approx((plain.low, plain.high))


@pytest.mark.parametrize("values", [[], [1.0], [np.nan, 0.5]])
def test_too_few_values_have_no_limits(values: list[float]) -> None:
    """Where the spread cannot be known the limits are NaN, not a guess."""
    interval = t_interval(values)

    assert np.isnan([interval.low, interval.high]).all()


def test_one_cluster_has_no_limits() -> None:
    """One day of data says nothing about other days."""
    interval = cluster_interval([0.1, 0.5, 0.9], ["monday"] * 3)

    assert np.isnan([interval.low, interval.high]).all()


def test_unscored_values_are_left_out_with_their_clusters() -> None:
    """NaN among the values changes nothing for the rest."""
    interval = cluster_interval([0.1, np.nan, 0.9, 0.4], ["a", "lost", "b", "b"])

    assert interval == cluster_interval([0.1, 0.9, 0.4], ["a", "b", "b"])


def test_clusters_widen_the_interval_of_a_rate() -> None:
    """Inputs of a day that stand and fall together are worth fewer inputs."""
    values = np.repeat([1.0, 1.0, 0.0, 1.0, 0.0], 8)

    clustered = rate_interval(values, 40, np.repeat(np.arange(5), 8), 0.95)
    plain = rate_interval(values, 40, None, 0.95)

    assert clustered.high - clustered.low > 2 * (plain.high - plain.low)


def test_a_perfect_score_in_clusters_is_worth_its_clusters() -> None:
    """All right in five clusters is not certainty."""
    interval = rate_interval(np.ones(40), 40, np.repeat(np.arange(5), 8), 0.95)

    assert interval.low < 0.5
    assert interval.high == 1.0


def test_repeats_of_a_rate_stay_within_zero_and_one() -> None:
    """Halves from two repeats near the top do not reach above 1, as a t interval would."""
    values = np.array([1.0] * 7 + [0.5])

    interval = rate_interval(values, 16, None, 0.95)

    assert interval.low < values.mean() < interval.high <= 1.0
    assert t_interval(values).high > 1.0


def test_the_bootstrap_shortcut_follows_the_plain_bootstrap() -> None:
    """The Beta shortcut gives the limits that ten thousand real resamples give."""
    values = np.random.default_rng(1).lognormal(size=80)
    resamples = np.random.default_rng(2).choice(values, size=(20_000, 80))

    interval = bootstrap_quantile(values, 0.9, draws=20_000, seed=3)

    plain = np.quantile(np.quantile(resamples, 0.9, axis=1), [0.025, 0.975])
    assert (interval.low, interval.high) == pytest.approx(plain, rel=0.03)


def test_the_bootstrap_is_seeded() -> None:
    """The same seed gives the same limits."""
    values = [0.3, 0.1, 4.0, 2.0]

    assert bootstrap_quantile(values, 0.5, seed=7) == bootstrap_quantile(values, 0.5, seed=7)


@pytest.mark.parametrize("count", [1, 7, 66])
def test_holm_agrees_with_statsmodels(count: int) -> None:
    """Adjusted values are those of statsmodels, ties included."""
    p = np.round(np.random.default_rng(count).random(count) ** 3, 2)

    adjusted = holm(p)

    assert adjusted == pytest.approx(multipletests(p, method="holm")[1], abs=EXACT)


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_monotone(p: list[float]) -> None:
    """Adjusted values are never below the raw ones, and keep their order."""
    adjusted = holm(p)

    assert (adjusted >= np.asarray(p)).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def test_holm_leaves_the_untested_alone() -> None:
    """NaN is no test: it stays NaN and does not make the others stricter."""
    adjusted = holm([0.01, np.nan, 0.04])

    assert adjusted == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_letters_follow_the_textbook_case() -> None:
    """A beats C, B is between: B carries both letters."""
    letters = compact_letters(["A", "B", "C"], [("A", "C")])

    assert letters == {"A": "a", "B": "ab", "C": "b"}


@given(size=st.integers(1, 9), drawn=st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8))))
def test_two_share_a_letter_exactly_when_not_told_apart(
    size: int, drawn: set[tuple[int, int]]
) -> None:
    """The letters say neither more nor less than the tests."""
    apart = {(a, b) for a, b in drawn if a < b < size}

    letters = compact_letters(range(size), sorted(apart))

    for one in range(size):
        for other in range(one + 1, size):
            shared = bool(set(letters[one]) & set(letters[other]))
            assert shared == ((one, other) not in apart)


def test_no_letter_is_superfluous() -> None:
    """A group that lies within another gets no letter of its own."""
    letters = compact_letters(["A", "B", "C", "D"], [("A", "B"), ("A", "C")])

    assert letters == {"A": "a", "B": "b", "C": "b", "D": "ab"}


def test_more_than_52_groups_still_have_distinct_letters() -> None:
    """Sixty arms all told apart get sixty different marks."""
    names = list(range(60))
    apart = [(a, b) for a in names for b in names if a < b]

    letters = compact_letters(names, apart)

    assert len(set(letters.values())) == 60


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(3, 2),
        lambda: wilson(0, 0),
        lambda: wilson(1, 2, level=95),
        lambda: t_interval([1.0, np.inf]),
        lambda: cluster_interval([1.0, 2.0], ["a"]),
        lambda: bootstrap_quantile([1.0], 1.5),
        lambda: holm([0.5, 1.2]),
    ],
    ids=["more than n", "n of 0", "percent", "infinite", "lengths", "quantile", "p above 1"],
)
def test_nonsense_is_refused_in_one_line(call: object) -> None:
    """Bad arguments name what is wrong, in one line."""
    assert callable(call)

    with pytest.raises(UsageError) as caught:
        call()

    assert "\n" not in str(caught.value)


def test_scipy_agrees_on_the_rate_at_a_fractional_quantile() -> None:
    """At level 0.9 scipy's Wilson interval is ours."""
    theirs = scipy_stats.binomtest(7, 31).proportion_ci(0.9, method="wilson")

    interval = wilson(7, 31, 0.9)

    assert (interval.low, interval.high) == pytest.approx((theirs.low, theirs.high), abs=EXACT)
