"""Before and after the comparison: equivalence, planning, frontier, calibration, deflation."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import ttost_paired

from llmlab.errors import UsageError
from llmlab.stats.calibration import calibration
from llmlab.stats.cuped import cuped
from llmlab.stats.deflation import best_of, deflate, deflated_sharpe, expected_max
from llmlab.stats.equivalence import equivalence
from llmlab.stats.frontier import break_even, frontier
from llmlab.stats.intervals import t_interval
from llmlab.stats.paired import pairs
from llmlab.stats.planning import inputs_needed, plan


def make_rows(scores: dict[str, list[float]], costs: dict[str, float]) -> pd.DataFrame:
    """Build rows of one prompt: label -> scores, label -> dollars a call."""
    lines = [
        {
            "prompt": "p",
            "label": label,
            "model": label,
            "provider": "acme",
            "backend": "live",
            "input_id": f"i{i:04d}",
            "repeat": 0,
            "status": "ok",
            "score": scores[label][i],
            "cost_usd": costs[label],
            "latency_s": 2.0,
            "ttft_s": np.nan,
            "input_tokens": 100,
            "output_tokens": 10,
        }
        for label, i in product(scores, range(max(map(len, scores.values()))))
    ]
    return pd.DataFrame(lines)


# --- equivalence


@given(seed=st.integers(0, 500), margin=st.floats(0.05, 0.5))
@settings(max_examples=30)
def test_tost_agrees_with_statsmodels(seed: int, margin: float) -> None:
    """Both one-sided p-values are those of statsmodels' paired TOST."""
    rng = np.random.default_rng(seed)
    a, b = rng.random(25), rng.random(25)

    found = equivalence(a, b, margin=margin)

    p, (_, above_low, _), (_, below_high, _) = ttost_paired(b, a, -margin, margin)
    assert (found.p_not_worse, found.p_not_better) == pytest.approx(
        (above_low, below_high), abs=1e-9
    )
    assert found.p == pytest.approx(p, abs=1e-9)


def test_the_interval_and_the_verdict_of_equivalence_agree() -> None:
    """Equivalent at alpha means that the 1 - 2 alpha interval lies within the margin."""
    rng = np.random.default_rng(3)
    a = rng.random(200)
    b = a + rng.normal(0.0, 0.1, 200)

    found = equivalence(a, b, margin=0.05)

    assert found.equivalent
    assert -0.05 < found.low < found.high < 0.05


def test_a_cheaper_arm_may_be_better_and_still_be_non_inferior() -> None:
    """Non-inferiority looks one way only."""
    a = np.linspace(0.0, 0.5, 40)
    b = a + 0.3 + 0.01 * np.sin(np.arange(40))

    found = equivalence(a, b, margin=0.05)

    assert found.non_inferior
    assert not found.equivalent


def test_twenty_answers_alike_do_not_prove_equivalence_within_five_percent() -> None:
    """No discordant input among 20 leaves a 15 % difference possible."""
    found = equivalence([1.0] * 20, [1.0] * 20, margin=0.05)

    assert not found.equivalent
    assert equivalence([1.0] * 500, [1.0] * 500, margin=0.05).equivalent


def test_clusters_make_equivalence_harder() -> None:
    """Days that move together give a larger p."""
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(10), 8)
    a = rng.random(80)
    b = a + rng.normal(0.0, 0.05, 10)[day]

    plain = equivalence(a, b, margin=0.06)
    clustered = equivalence(a, b, margin=0.06, clusters=day.tolist())

    assert clustered.p > plain.p


def test_equivalence_without_a_shared_input_is_refused() -> None:
    """Nothing shared, nothing to say."""
    with pytest.raises(UsageError, match="share no scored input"):
        equivalence([np.nan, 1.0], [0.0, np.nan], margin=0.1)


# --- planning


@pytest.mark.parametrize(
    ("sd", "difference", "alpha"), [(0.5, 0.1, 0.05), (0.3, 0.2, 0.01), (1.0, 0.02, 0.05)]
)
def test_inputs_needed_agree_with_statsmodels(sd: float, difference: float, alpha: float) -> None:
    """The count is statsmodels' paired sample size, rounded up."""
    needed = inputs_needed(sd, difference, 0.8, alpha)

    theirs = TTestPower().solve_power(difference / sd, power=0.8, alpha=alpha)
    assert needed == int(np.ceil(theirs))


def test_a_plan_counts_inputs_dollars_and_minutes() -> None:
    """Inputs for the pair's SD, times both prices, times both latencies."""
    rng = np.random.default_rng(0)
    rows = make_rows(
        {"dear": rng.random(40).tolist(), "cheap": rng.random(40).tolist()},
        {"dear": 0.010, "cheap": 0.001},
    )

    (found,) = plan(rows, difference=0.1, in_flight=4)

    (pair,) = pairs(rows)
    assert found.inputs == inputs_needed(pair.sd, 0.1)
    assert found.calls == 2 * found.inputs
    assert found.cost_usd == pytest.approx(0.011 * found.inputs)
    assert found.minutes == pytest.approx(found.calls * 2.0 / 4 / 60)
    assert found.inputs_cautious > found.inputs


def test_a_plan_without_a_price_has_no_dollars() -> None:
    """An unknown price stays unknown."""
    rng = np.random.default_rng(0)
    scores = {"a": rng.random(9).tolist(), "b": rng.random(9).tolist()}

    (found,) = plan(make_rows(scores, {"a": np.nan, "b": 0.1}), difference=0.1)

    assert np.isnan(found.cost_usd)


def test_a_pilot_without_disagreement_still_asks_for_inputs() -> None:
    """Two arms that never differed get a cautious spread, not zero inputs."""
    rows = make_rows({"a": [1.0] * 10, "b": [1.0] * 10}, {"a": 0.1, "b": 0.1})

    (found,) = plan(rows, difference=0.05)

    assert found.inputs > 100


# --- frontier


def test_the_frontier_leaves_out_who_is_dearer_and_worse() -> None:
    """Cheap, dear-and-better are on it; dear-and-worse is not, and the chance says so."""
    rng = np.random.default_rng(0)
    right = {"cheap": 0.6, "dear": 0.9, "worse": 0.3}
    scores = {
        label: (rng.random(100) < rate).astype(float).tolist() for label, rate in right.items()
    }
    rows = make_rows(scores, {"cheap": 0.001, "dear": 0.01, "worse": 0.02})

    points = {point.label: point for point in frontier(rows)}

    assert list(points) == ["cheap", "dear", "worse"]
    assert [point.on_frontier for point in points.values()] == [True, True, False]
    assert points["dear"].probability > 0.99
    assert points["worse"].probability < 0.01


def test_the_cheapest_is_always_on_the_frontier() -> None:
    """Nobody is cheaper, so its probability is 1."""
    rows = make_rows({"a": [0.0] * 9, "b": [1.0] * 9}, {"a": 0.001, "b": 0.002})

    point, *_ = frontier(rows)

    assert (point.label, point.probability) == ("a", 1.0)


def test_an_arm_without_a_price_is_not_placed() -> None:
    """An unknown price gives NaN and rules nobody out."""
    rows = make_rows({"a": [0.0, 0.0, 1.0], "b": [1.0] * 3}, {"a": 0.001, "b": np.nan})

    points = {point.label: point for point in frontier(rows)}

    assert points["a"].probability == 1.0
    assert np.isnan(points["b"].probability)
    assert not points["b"].on_frontier


def test_the_break_even_price_is_dollars_over_points() -> None:
    """Ten dollars more per thousand for 0.5 more score: twenty dollars a point."""
    rows = make_rows({"a": [0.0, 1.0] * 30, "b": [1.0] * 60}, {"a": 0.001, "b": 0.011})

    (price,) = break_even(rows)

    assert price.dollars_per_point == pytest.approx(20.0)
    assert price.low < 20.0 < price.high
    assert (price.cheap, price.dear) == (("p", "a"), ("p", "b"))


def test_a_dear_arm_that_may_not_be_better_has_no_upper_price() -> None:
    """When resamples show no gain, the price of a point may be infinite."""
    rows = make_rows({"a": [0.0, 1.0] * 10, "b": [1.0, 0.0] * 9 + [1.0, 1.0]}, {"a": 0.1, "b": 0.2})

    (price,) = break_even(rows)

    assert price.high == np.inf


def test_thousands_of_inputs_are_resampled_in_blocks() -> None:
    """5,000 inputs give a frontier in a moment, with the same answer for the same seed."""
    rng = np.random.default_rng(0)
    rows = make_rows(
        {"a": rng.random(5_000).tolist(), "b": (rng.random(5_000) + 0.005).tolist()},
        {"a": 0.1, "b": 0.2},
    )

    points = frontier(rows, seed=3)

    assert points == frontier(rows, seed=3)
    assert 0.2 < points[1].probability < 1.0


# --- calibration


@given(seed=st.integers(0, 1000), n=st.integers(1, 200), bins=st.integers(1, 15))
@settings(max_examples=60)
def test_the_parts_of_brier_add_up(seed: int, n: int, bins: int) -> None:
    """Reliability - resolution + uncertainty + within is Brier's score, whatever the bins."""
    rng = np.random.default_rng(seed)
    said, came = rng.random(n), rng.integers(0, 2, n)

    for by in ("width", "count"):
        parts = calibration(said, came.astype(float), bins=bins, by=by)
        whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within
        assert whole == pytest.approx(parts.brier, abs=1e-12)
        assert parts.brier == pytest.approx(np.mean((said - came) ** 2))
        assert sum(one.count for one in parts.bins) == n


def test_perfect_foresight_has_no_error() -> None:
    """0 and 1 that all come true: Brier 0, skill 1."""
    found = calibration([0.0, 1.0, 1.0], [0.0, 1.0, 1.0])

    assert (found.brier, found.skill, found.calibration_error) == (0.0, 1.0, 0.0)


def test_an_overconfident_model_is_seen_in_its_bin() -> None:
    """It says 95 % and is right half the time: the bin's interval leaves 0.95 out."""
    found = calibration([0.95] * 40, [1.0, 0.0] * 20)

    (only,) = found.bins
    assert only.observed == 0.5
    assert only.observed_high < only.forecast
    assert found.calibration_error == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("said", "came", "words"),
    [
        ([80.0], [1.0], "80 % is 0.8"),
        ([0.8], [2.0], "outcomes must be 0 or 1"),
        ([np.nan], [1.0], "no probability"),
        ([0.8, 0.7], [1.0], "same length"),
    ],
)
def test_what_is_no_probability_is_refused(
    said: list[float], came: list[float], words: str
) -> None:
    """Percent, other outcomes and lengths that differ are one line."""
    with pytest.raises(UsageError, match=words):
        calibration(said, came)


def test_repeats_of_an_input_are_one_in_a_calibration() -> None:
    """Ten inputs asked ten times: once 100 answers with limits of .40 to .60, now ten inputs."""
    said, came = np.full(10, 0.5), np.repeat([0.0, 1.0], 5)
    ids = np.repeat(np.arange(10), 10)

    once = calibration(said, came)
    again = calibration(np.repeat(said, 10), np.repeat(came, 10), inputs=ids.tolist())

    assert (again.brier, again.reliability) == pytest.approx((once.brier, once.reliability))
    assert (again.count, again.bins[0].count) == (10, 10)
    assert (again.bins[0].observed_low, again.bins[0].observed_high) == pytest.approx(
        proportion_confint(5, 10, method="wilson")
    )


def test_repeats_that_say_different_things_share_the_weight_of_their_input() -> None:
    """Brier's parts still add up, whatever bins the repeats of an input fall into."""
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(60), rng.integers(1, 5, 60))
    came = (rng.random(60) < 0.4).astype(float)[ids]
    said = np.clip(rng.normal(0.4, 0.2, ids.size), 0.0, 1.0)

    found = calibration(said, came, inputs=ids.tolist())

    whole = found.reliability - found.resolution + found.uncertainty + found.within
    by_input = [float(((said - came)[ids == each] ** 2).mean()) for each in range(60)]
    assert found.brier == pytest.approx(whole) == pytest.approx(np.mean(by_input))
    assert found.count == 60


# --- cuped


def test_known_difficulty_narrows_the_interval() -> None:
    """A covariate that explains most of the difference, known for a large pool, pays."""
    rng = np.random.default_rng(0)
    pool = rng.normal(size=5_000)
    gaps = 0.1 + 0.5 * pool[:100] + rng.normal(0, 0.1, 100)

    found = cuped(gaps, pool[:100], pool)

    assert found.variance_ratio < 0.15
    assert found.high - found.low < 0.5 * (found.plain_high - found.plain_low)
    assert found.low < 0.1 + 0.5 * pool.mean() < found.high


def test_a_pool_of_the_sample_alone_gains_nothing() -> None:
    """Without inputs beyond the sample the mean is the plain one and so is its variance."""
    rng = np.random.default_rng(1)
    length = rng.normal(size=60)
    gaps = 0.5 * length + rng.normal(size=60)

    found = cuped(gaps, length, length)

    assert found.difference == pytest.approx(found.plain_difference)
    assert found.variance_ratio == pytest.approx(1.0)


def test_cuped_holds_the_truth_as_often_as_it_says() -> None:
    """95 % intervals hold the true difference in 93 to 97 % of 1,500 simulated runs."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1_500):
        pool = rng.exponential(size=300)
        gaps = 0.3 * pool[:60] + rng.normal(0, 0.2, 60)
        found = cuped(gaps, pool[:60], pool)
        held += found.low <= 0.3 <= found.high

    assert 0.93 <= held / 1_500 <= 0.97


def test_without_covariates_to_use_cuped_says_so() -> None:
    """A constant covariate, or a pool smaller than the sample, is one line."""
    with pytest.raises(UsageError, match="same on every input"):
        cuped([0.1, 0.2, 0.3, 0.5], [1.0] * 4, [1.0] * 9)
    with pytest.raises(UsageError, match="smaller"):
        cuped([0.1, 0.2, 0.3, 0.5], [1.0, 2.0, 3.0, 4.0], [1.0])


# --- deflation


def test_the_deflated_sharpe_ratio_is_the_papers() -> None:
    """Bailey & Lopez de Prado's example: 100 trials 0.1132 a day and 0.9004; 46 trials 0.9505."""
    daily, sd = 2.5 / np.sqrt(250), np.sqrt(0.5 / 250)

    def probability(trials: int) -> float:
        return deflated_sharpe(
            daily, observations=1250, trials=trials, trials_sd=sd, skew=-3.0, kurtosis=10.0
        )

    assert expected_max(100, sd) == pytest.approx(0.1132, abs=5e-5)
    assert probability(100) == pytest.approx(0.9004, abs=5e-5)
    assert probability(46) == pytest.approx(0.9505, abs=5e-5)


def test_the_expected_maximum_follows_simulation() -> None:
    """The approximation is within 2 % of a hundred normal draws' mean maximum."""
    draws = np.random.default_rng(0).normal(size=(20_000, 100)).max(axis=1)

    assert expected_max(100) == pytest.approx(draws.mean(), rel=0.02)


def test_one_trial_is_not_deflated() -> None:
    """Without a choice there is no luck to take off."""
    gaps = np.random.default_rng(0).normal(0.2, 1.0, 200)

    found = deflate(gaps, 1)

    assert found.threshold == 0.0
    assert found.probability > deflate(gaps, 50).probability


def test_the_best_of_many_worthless_prompts_is_rarely_called_real() -> None:
    """Winners of 20 worthless variants pass 0.95 in at most 5 % of 400 searches."""
    rng = np.random.default_rng(4)
    passed = 0
    for _ in range(400):
        tries = rng.normal(size=(20, 100))
        best = tries[np.argmax(tries.mean(axis=1) / tries.std(axis=1, ddof=1))]
        passed += deflate(best, 20).probability > 0.95

    assert passed / 400 <= 0.05


def test_the_best_p_of_twenty_is_adjusted() -> None:
    """Sidak: 1 - (1 - p)^n."""
    assert best_of(0.01, 20) == pytest.approx(1 - 0.99**20)
    assert (best_of(0.0, 5), best_of(1.0, 5)) == (0.0, 1.0)


def test_differences_all_alike_cannot_be_deflated() -> None:
    """No spread, no ratio."""
    with pytest.raises(UsageError, match="not all alike"):
        deflate([0.1, 0.1], 5)


def test_plain_limits_of_cuped_are_students() -> None:
    """The plain interval beside it is the t interval."""
    rng = np.random.default_rng(9)
    gaps, length = rng.normal(size=20), rng.normal(size=20)

    found = cuped(gaps, length, np.concatenate([length, rng.normal(size=30)]))

    plain = t_interval(gaps)
    assert (found.plain_low, found.plain_high) == (plain.low, plain.high)
    assert found.plain_low == pytest.approx(
        scipy_stats.ttest_1samp(gaps, 0.0).confidence_interval().low
    )
