"""What a right answer costs and how long a call takes, with limits that hold."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from llmlab.stats import cuped, deflate, quantile_interval
from llmlab.stats.costs import costs, latencies, ratio_interval
from llmlab.stats.sequential import PairedSequence
from tests.test_stats_compare import make_rows


def _rows(size: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "prompt": "p",
            "label": np.repeat(["cheap", "dear"], size),
            "input_id": [*range(size)] * 2,
            "status": "ok",
            "score": (rng.random(2 * size) < 0.7).astype(float),
            "cost_usd": rng.exponential(np.repeat([0.001, 0.01], size)),
            "latency_s": rng.lognormal(size=2 * size),
        }
    )


def test_the_ratio_of_a_constant_cost_turns_the_interval_of_the_mean_over() -> None:
    """With a cost that never varies, Fieller's limits are the cost over Student's limits."""
    score = (np.random.default_rng(1).random(50) < 0.6).astype(float)
    low, high = stats.t.interval(0.95, 49, score.mean(), stats.sem(score))

    found = ratio_interval(np.full(50, 2.0), score)

    assert (found.low, found.high) == pytest.approx((2.0 / high, 2.0 / low))


def test_nothing_right_has_no_upper_limit() -> None:
    """One right answer in forty: what a right one costs cannot be bounded from above."""
    found = ratio_interval(np.ones(40), np.eye(40)[0])

    assert found.high == np.inf


def test_costs_are_of_a_call_and_of_a_right_answer() -> None:
    """Cheapest first; the point estimates are plain ratios, inside their limits."""
    rows = _rows()
    table = costs(rows)
    cheap = rows[rows["label"] == "cheap"]

    assert table["label"].tolist() == ["cheap", "dear"]
    assert table["cost_per_1000_usd"][0] == pytest.approx(1000 * cheap["cost_usd"].mean())
    assert table["cost_per_point_usd"][0] == pytest.approx(
        cheap["cost_usd"].sum() / cheap["score"].sum()
    )
    inside = table["cost_per_point_usd"].between(table["point_low"], table["point_high"])
    assert inside.all()
    unknown = costs(rows.assign(cost_usd=np.nan))
    assert unknown[["cost_per_1000_usd", "cost_low", "cost_per_point_usd"]].isna().all(axis=None)


def test_clusters_widen_what_a_right_answer_costs() -> None:
    """Ten days, each all right or all wrong, are ten observations."""
    score = np.repeat([1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0], 20)
    days = np.arange(200) // 20
    cost = np.random.default_rng(2).exponential(size=200)

    plain, by_day = ratio_interval(cost, score), ratio_interval(cost, score, days)

    assert by_day.high - by_day.low > 2.0 * (plain.high - plain.low)


@pytest.mark.parametrize(("q", "least"), [(0.5, 6), (0.95, 72), (0.99, 368)])
def test_a_quantile_is_bounded_only_by_enough_values(q: float, least: int) -> None:
    """One value fewer and the upper limit is unknown, not narrow."""
    assert np.isnan(quantile_interval(range(least - 1), q).high)
    assert quantile_interval(range(least), q).high == least - 1


@pytest.mark.parametrize("n", [6, 30, 72, 500])
@pytest.mark.parametrize("q", [0.5, 0.95])
def test_order_statistics_hold_by_the_binomial_law(n: int, q: float) -> None:
    """The coverage that the law gives to the chosen places is at least what is promised."""
    found = quantile_interval(range(1, n + 1), q)
    low = 0 if np.isnan(found.low) else int(found.low)
    high = n + 1 if np.isnan(found.high) else int(found.high)

    held = stats.binom.cdf(high - 1, n, q) - stats.binom.cdf(low - 1, n, q)

    assert held >= 0.95


def test_latencies_say_what_so_few_calls_cannot() -> None:
    """Two hundred calls bound p95 from both sides, and p99 only from below."""
    rows = _rows()
    rows.loc[0, "status"] = "error"

    table = latencies(rows)

    assert table["calls"].sum() == 399
    assert table[["p50_low", "p50_high", "p95_high"]].notna().all(axis=None)
    assert table["p99_low"].notna().all()
    assert table["p99_high"].isna().all()
    assert (table["p50_low"] <= table["p50_s"]).all()


def test_the_p_value_of_a_watched_comparison_is_that_of_its_promise() -> None:
    """It passes alpha at the very look at which the sequence is clear, and never rises."""
    gaps = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=400)
    sequence, seen = PairedSequence(0.05), []
    for gap in gaps:
        sequence.feed(gap)
        seen.append(sequence.p)

    assert sequence.clear_at is not None
    assert seen[sequence.clear_at - 2] > 0.05 >= seen[sequence.clear_at - 1]
    assert (np.diff(seen) <= 0.0).all()


def test_answers_that_could_not_be_read_are_part_of_what_a_right_one_costs() -> None:
    """10 calls at $.01, 4 right, 2 unread: a right answer costs $.025, not $.02."""
    score = np.array([1.0] * 4 + [0.0] * 4 + [np.nan] * 2)
    rows = make_rows({("p", "m"): score}, cost_usd=0.01)

    (line,) = costs(rows).to_dict("records")

    assert line["cost_per_point_usd"] == pytest.approx(0.025)
    assert line["point_low"] < 0.025 < line["point_high"]


def test_worthless_variants_do_not_pass_because_their_inputs_move_together() -> None:
    """The best of 20, with half of the variance between 40 days of 10: 5 % pass at most."""
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(40), 10)
    passed = 0
    for _ in range(100):
        tried = rng.normal(0, 0.7, (20, 40))[:, days] + rng.normal(0, 0.7, (20, 400))
        best = max(tried, key=lambda gaps: float(gaps.mean() / gaps.std()))
        passed += deflate(best, 20, codes=days).probability > 0.95

    assert passed <= 5


def test_cuped_holds_its_promise_when_inputs_move_together() -> None:
    """Days shift the difference and the covariate: it holds 95 %, not 64 %."""
    rng = np.random.default_rng(1)
    days = np.repeat(np.arange(100), 10)
    mine, held = days < 20, 0
    for _ in range(200):
        known = rng.normal(0, 0.7, 100)[days] + rng.normal(0, 0.7, 1_000)
        gaps = 0.5 * known + rng.normal(0, 0.5, 100)[days] + rng.normal(0.3, 0.7, 1_000)
        found = cuped(gaps[mine], known[mine], known, codes=days[mine])
        held += found.low <= 0.3 <= found.high

    assert held >= 182
