"""Where the spread comes from, what a dollar more buys, and being right every time."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.formula.api import ols

from llmlab import Comparison
from llmlab.errors import UsageError
from llmlab.stats.variance import components

TURNIPS = [
    [[3.28, 3.09], [3.52, 3.48], [2.88, 2.80]],
    [[2.46, 2.44], [1.87, 1.92], [2.19, 2.19]],
    [[2.77, 2.66], [3.74, 3.44], [2.55, 2.55]],
    [[3.78, 3.87], [4.07, 4.12], [3.31, 3.31]],
]
"""Calcium in leaves of turnips: plants, leaves, determinations (Snedecor & Cochran 1967)."""


def run_of(scores: Any, **more: Any) -> Comparison:
    """Return a run of one prompt a table of inputs x repeats."""
    parts = []
    for prompt, table in scores.items():
        inputs, repeats = np.indices(table.shape).reshape(2, -1)
        part = {"input": inputs, "repeat": repeats, "score": table.ravel(), "prompt": prompt}
        parts.append(pd.DataFrame(part))
    return Comparison.from_scores(pd.concat(parts, ignore_index=True).assign(model="m", **more))


def flickering(
    seed: int, inputs: int, repeats: int, flicker: float = 1.0, spread: float = 1.0
) -> Any:
    """Draw scores with a known spread between inputs and a known flicker."""
    rng = np.random.default_rng(seed)
    return spread * rng.normal(size=(inputs, 1)) + flicker * rng.normal(size=(inputs, repeats))


def test_the_published_components_of_turnip_leaves_come_out() -> None:
    """0.365223 between plants, 0.161060 between leaves, 0.006654 between determinations (SAS)."""
    y = np.array(TURNIPS).ravel()

    found = components(y, [np.arange(24) // 6, np.arange(24) // 2, np.arange(24)])

    assert found == pytest.approx([0.365223, 0.161060, 0.006654], abs=5e-7)


def test_balanced_components_are_those_of_the_analysis_of_variance() -> None:
    """Mean squares of statsmodels' table, solved by hand."""
    y = flickering(0, 12, 4)
    frame = pd.DataFrame({"y": y.ravel(), "g": np.repeat(np.arange(12), 4)})
    squares = sm.stats.anova_lm(ols("y ~ C(g)", frame).fit())["mean_sq"]

    between, within = components(y.ravel(), [np.repeat(np.arange(12), 4), np.arange(48)])

    assert within == pytest.approx(squares["Residual"], abs=1e-9)
    assert between == pytest.approx((squares["C(g)"] - squares["Residual"]) / 4, abs=1e-9)


def test_unequal_groups_count_at_their_effective_size() -> None:
    """The textbook's n0 = (N - sum of n^2 / N) / (groups - 1)."""
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(5), [2, 3, 4, 8, 1])
    y = rng.normal(size=5)[codes] * 3.0 + rng.normal(size=18)
    means = np.bincount(codes, y) / np.bincount(codes)
    within = ((y - means[codes]) ** 2).sum() / 13
    between = ((means[codes] - y.mean()) ** 2).sum() / 4
    size = (18 - (np.bincount(codes) ** 2).sum() / 18) / 4

    found = components(y, [codes, np.arange(18)])

    assert found == pytest.approx([(between - within) / size, within], abs=1e-9)


def test_components_are_right_on_average_with_unequal_clusters() -> None:
    """Clusters 1, inputs 2, flicker 3, over 400 draws."""
    rng = np.random.default_rng(2)
    sizes = [1, 2, 3, 5, 9, 4, 4, 2]
    clusters = np.repeat(np.repeat(np.arange(8), sizes), 3)
    inputs = np.repeat(np.arange(30), 3)
    found = []
    for _ in range(400):
        y = rng.normal(size=8)[clusters] + np.sqrt(2.0) * rng.normal(size=30)[inputs]
        y += np.sqrt(3.0) * rng.normal(size=90)
        found.append(components(y, [clusters, inputs, np.arange(90)]))

    assert np.mean(found, axis=0) == pytest.approx([1.0, 2.0, 3.0], abs=0.2)


def test_a_run_says_what_is_flicker_and_what_are_inputs() -> None:
    """And the standard error of the mean comes from the same parts."""
    scores = flickering(3, 400, 3, flicker=0.5)
    found = run_of({"A": scores}).variance().iloc[0]

    assert found["repeat"] == pytest.approx(0.25, rel=0.15)
    assert found["input"] == pytest.approx(1.0, rel=0.2)
    assert np.isnan([found["cluster"], found["judge"]]).all()
    means = scores.mean(axis=1)
    assert found["standard_error"] == pytest.approx(means.std(ddof=1) / 20.0, abs=1e-9)


def test_one_repeat_cannot_tell_flicker_from_inputs() -> None:
    """It is said to be unknown, not nothing."""
    found = run_of({"A": flickering(4, 50, 1)}).variance().iloc[0]

    assert np.isnan(found["repeat"])
    assert found["repeats"] == 1.0


def test_what_a_dollar_buys_is_how_fast_the_variance_falls() -> None:
    """As a share of it, by finite differences: more repeats, more inputs, more clusters."""
    rng = np.random.default_rng(5)
    days = np.arange(60) // 6
    scores = rng.normal(size=10)[days][:, None] + flickering(5, 60, 2)
    run = run_of({"A": scores}, cost_usd=0.01, cluster=np.repeat(days, 2))
    found = run.variance(input_usd=0.05).iloc[0]
    cluster, line, flicker = found["cluster"], found["input"], found["repeat"]

    def of_mean(clusters: float, inputs: float, repeats: float) -> float:
        return float(cluster / clusters + line / inputs + flicker / inputs / repeats)

    now, step = of_mean(10, 60, 2), 1e-6
    repeats = (now - of_mean(10, 60, 2 + step)) / (step * 60 * 0.01) / now
    inputs = (now - of_mean(10, 60 + step, 2)) / (step * 0.07) / now
    clusters = (now - of_mean(10 + step, 60 + 6 * step, 2)) / (step * 6 * 0.07) / now
    assert found["more_repeats"] == pytest.approx(repeats, rel=1e-4)
    assert found["more_inputs"] == pytest.approx(inputs, rel=1e-4)
    assert found["more_clusters"] == pytest.approx(clusters, rel=1e-4)
    assert found["standard_error"] == pytest.approx(np.sqrt(now), abs=1e-12)


def test_the_best_number_of_repeats_costs_least_for_the_same_certainty() -> None:
    """Cochran's optimum, against every other number."""
    run = run_of({"A": flickering(6, 300, 2, flicker=2.0)}, cost_usd=0.01)
    found = run.variance(input_usd=0.25).iloc[0]
    line, flicker = found["input"], found["repeat"]

    price = {r: (line + flicker / r) * (0.25 + 0.01 * r) for r in range(1, 60)}

    assert abs(found["best_repeats"] - min(price, key=lambda r: price[r])) <= 1


def test_a_judges_marks_are_a_level_of_their_own() -> None:
    """Column `judge_repeat`: 0.04 between marks of one answer, 0.25 between answers."""
    rng = np.random.default_rng(7)
    answers = flickering(7, 300, 2, flicker=0.5).ravel()
    marks = answers[:, None] + 0.2 * rng.normal(size=(600, 2))
    rows = run_of({"A": answers.reshape(300, 2)}).rows
    both = pd.concat([rows.assign(score=marks[:, at], judge_repeat=at) for at in (0, 1)])

    found = Comparison("judged", both.reset_index(drop=True)).variance().iloc[0]

    assert found["judge"] == pytest.approx(0.04, rel=0.2)
    assert found["repeat"] == pytest.approx(0.25, rel=0.25)
    assert found["input"] == pytest.approx(1.0, rel=0.25)


def test_pairs_have_a_spread_of_their_differences() -> None:
    """What both arms find hard falls out: only the flicker of both is left."""
    hard = 3.0 * np.random.default_rng(8).normal(size=(300, 1))
    scores = {
        "A": hard + flickering(9, 300, 2, spread=0.0),
        "B": hard + flickering(10, 300, 2, spread=0.0),
    }
    (found,) = run_of(scores).variance(of="pairs").to_dict("records")

    assert found["repeat"] == pytest.approx(2.0, rel=0.15)
    assert found["input"] < 0.2


def test_a_plan_knows_what_repeats_are_worth() -> None:
    """Where all is flicker, four repeats ask for a quarter of the inputs of one."""
    scores = {"A": flickering(11, 200, 4, spread=0.0), "B": flickering(12, 200, 4, spread=0.0)}
    run = run_of(scores, cost_usd=0.01, latency_s=1.0)
    one, four = (run.plan(difference=0.2, repeats=n).iloc[0] for n in (1, 4))
    as_it_was = run.plan(difference=0.2).iloc[0]

    assert one["inputs"] == pytest.approx(4 * four["inputs"], rel=0.15)
    assert four["inputs"] == as_it_was["inputs"]
    assert one["calls"] == 2 * one["inputs"]
    assert four["calls"] == 8 * four["inputs"]
    assert one["cost_usd"] == pytest.approx(0.01 * one["calls"])


def test_planned_inputs_and_repeats_deliver_their_power() -> None:
    """A pilot of 400 inputs, three repeats; 80 % is promised for two repeats."""
    pilot = {"A": flickering(13, 400, 3), "B": flickering(14, 400, 3)}
    plan = run_of(pilot, cost_usd=0.01, latency_s=1.0).plan(difference=0.3, repeats=2).iloc[0]
    rng, n = np.random.default_rng(15), int(plan["inputs"])
    spread = np.sqrt(2.0 + 2.0 / 2.0)
    gaps = 0.3 + spread * rng.normal(size=(4_000, n))
    p = np.asarray(stats.ttest_1samp(gaps, 0.0, axis=1).pvalue)
    found = float(np.mean(p <= 0.05))

    assert found == pytest.approx(0.8, abs=0.06)


def test_a_pilot_that_asked_once_says_that_it_cannot_plan_repeats() -> None:
    """Nothing is known of the flicker."""
    run = run_of({"A": flickering(0, 40, 1), "B": flickering(1, 40, 1)}, latency_s=1.0)

    with pytest.raises(UsageError, match="asked each input once"):
        run.plan(difference=0.2, repeats=3)
    with pytest.raises(UsageError, match="of must be 'arms' or 'pairs'"):
        run.variance(of="models")


# --- pass^k


def test_passing_every_time_is_counted_over_all_draws_of_repeats() -> None:
    """Against every choice of k of n repeats, written out."""
    rng = np.random.default_rng(16)
    right = (rng.random((40, 5)) < rng.beta(2, 1, (40, 1))).astype(float)
    found = run_of({"A": right}).passes().set_index("k")

    for k in range(1, 6):
        picks = [right[:, list(each)] for each in combinations(range(5), k)]
        every = np.mean([pick.all(axis=1).mean() for pick in picks])
        once = np.mean([pick.any(axis=1).mean() for pick in picks])
        assert found.loc[k, "all_right"] == pytest.approx(every, abs=1e-9)
        assert found.loc[k, "any_right"] == pytest.approx(once, abs=1e-9)
    assert (found["all_low"] < found["all_right"]).all()
    assert found["all_right"].is_monotonic_decreasing


def test_an_answer_that_was_read_again_is_no_repeat() -> None:
    """The same request id is the same answer."""
    right = np.tile([1.0, 1.0, 0.0], (20, 1))
    run = run_of({"A": right})
    rows = run.rows.assign(request_id=[f"r{i}-{min(k, 1)}" for i in range(20) for k in range(3)])

    found = Comparison("again", rows).passes().set_index("k")

    assert list(found.index) == [1, 2]
    assert found.loc[2, "all_right"] == 1.0


def test_inputs_with_too_few_repeats_are_left_out_and_counted() -> None:
    """A call that failed is not a wrong answer."""
    right = np.ones((10, 3))
    right[0, 2] = np.nan
    found = run_of({"A": right}).passes(most=3).set_index("k")

    assert found["left_out"].to_dict() == {1: 0, 2: 0, 3: 1}
    assert found["inputs"].to_dict() == {1: 10, 2: 10, 3: 9}
    with pytest.raises(UsageError, match="no arm was asked twice"):
        run_of({"A": np.ones((10, 1))}).passes()


def test_the_limits_of_passing_every_time_hold() -> None:
    """Of E[p^3], in 150 runs of 60 inputs in clusters of two, four repeats each."""
    rng = np.random.default_rng(17)
    truth, held = float(stats.beta(4, 1.2).moment(3)), 0
    for _ in range(150):
        rates = np.repeat(rng.beta(4, 1.2, 30), 2)[:, None]
        right = (rng.random((60, 4)) < rates).astype(float)
        run = run_of({"A": right}, cluster=np.repeat(np.arange(60) // 2, 4))
        found = run.passes().set_index("k").loc[3]
        held += bool(found["all_low"] <= truth <= found["all_high"])

    assert 0.90 <= held / 150 <= 0.99
