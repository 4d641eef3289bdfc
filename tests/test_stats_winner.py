"""What the highest score is worth, allowing for its having been picked."""

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from scipy import optimize, stats

from llmlab.stats import arms, pairs, verdict
from llmlab.stats.covariance import together
from llmlab.stats.intervals import cluster_interval, t_interval, wilson_limits
from llmlab.stats.sequential_pairs import looked_arms, looked_pairs
from llmlab.stats.spread import Dependence, spread
from llmlab.stats.winner import winner
from tests.test_stats_compare import make_rows

A, B, C = ("a", "m"), ("b", "m"), ("c", "m")
REPLICATIONS = 300


def test_equal_clusters_give_the_usual_cluster_robust_errors() -> None:
    """CR2 is then CR1, and Bell-McCaffrey's degrees of freedom are those of the clusters."""
    rng = np.random.default_rng(0)
    values, codes = rng.normal(size=(60, 2)), np.repeat(np.arange(12), 5)

    found = together(values, Dependence(codes))

    usual = cluster_interval(values[:, 0], codes.tolist())
    half = stats.t.isf(0.025, found.freedom) * np.sqrt(found.covariance[0, 0])
    assert found.freedom == pytest.approx(11.0, abs=1e-9)
    assert (usual.high - usual.low) / 2.0 == pytest.approx(half, abs=1e-12)


def test_without_clusters_the_covariance_is_that_of_means() -> None:
    """The sample covariance over n."""
    values = np.random.default_rng(1).normal(size=(40, 3))

    found = together(values)

    assert found.covariance == pytest.approx(np.cov(values.T) / 40, abs=1e-12)
    assert found.freedom == pytest.approx(39.0, abs=1e-9)


@pytest.mark.parametrize("steps", [0, 3])
def test_the_errors_of_all_arms_are_those_of_one(steps: int) -> None:
    """Unequal clusters, or dates whose targets overlap: as `spread` has them, mean by mean."""
    rng = np.random.default_rng(2)
    depends = Dependence(np.repeat(np.arange(30), rng.integers(1, 9, 30)), steps)
    assert depends.codes is not None
    values = rng.normal(size=(depends.codes.size, 3)) + rng.normal(size=30)[depends.codes][:, None]

    found = together(values, depends)

    alone = [spread(column, depends) for column in values.T]
    assert np.sqrt(found.covariance.diagonal()) == pytest.approx([each.error for each in alone])
    assert found.freedom == min(each.freedom for each in alone)
    assert np.linalg.eigvalsh(found.covariance).min() > 0.0


def test_the_winners_limits_solve_the_equation_of_their_authors() -> None:
    """Truncated between the runner-up and the simultaneous interval, by scipy's own law."""
    values = np.random.default_rng(3).normal([0.0, 0.1, 0.2, 0.1], size=(50, 4))
    found = winner(values)
    together_ = together(values)
    at, x = found.place, together_.means
    error = np.sqrt(together_.covariance[at, at])
    slopes = together_.covariance[:, at] / together_.covariance[at, at]
    rest = x - slopes * x[at]
    others = [j for j in range(4) if j != at]
    below = max(rest[j] / (1.0 - slopes[j]) for j in others if slopes[j] < 1.0)
    widest = stats.t.isf((1.0 - (1.0 - 0.005) ** (1 / 4)) / 2.0, 49)

    def chance(mean: float) -> float:
        low = max(below, mean - widest * error)
        law = stats.t(49, loc=mean, scale=error)
        whole = law.cdf(mean + widest * error) - law.cdf(low)
        return float((law.cdf(x[at]) - law.cdf(low)) / whole)

    share = (0.05 - 0.005) / (1.0 - 0.005)
    ends = x[at] - (1.0 - 1e-9) * widest * error, x[at] + (1.0 - 1e-9) * widest * error
    for got, target in ((found.low, 1 - share / 2), (found.high, share / 2), (found.estimate, 0.5)):
        want = optimize.brentq(lambda mean, t=target: chance(mean) - t, *ends, xtol=1e-13)
        assert got == pytest.approx(want, abs=1e-9)


def test_a_winner_far_ahead_is_worth_what_was_measured() -> None:
    """Nothing was picked by luck: Student's and Wilson's own limits, a little wider."""
    rng = np.random.default_rng(4)
    values = np.column_stack([rng.normal(size=80), rng.normal(size=80) + 50.0])
    level = 1.0 - 0.045 / 0.995
    plain = t_interval(values[:, 1], level)
    found = winner(values)
    rates = np.column_stack([np.zeros(80), np.repeat([1.0, 0.0], [60, 20])])
    wide = wilson_limits(0.75, 79.0, float(stats.t.isf((1 - level) / 2, 79)))
    rated = winner(rates, rates=np.array([True, True]))

    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=5e-3)
    assert found.estimate == pytest.approx(found.score, abs=1e-9)
    assert (rated.low, rated.high) == pytest.approx(wide, abs=5e-3)
    assert found.probabilities.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("clustered", [False, True])
def test_the_corrected_interval_holds_where_the_plain_one_does_not(clustered: bool) -> None:  # noqa: FBT001
    """Twelve arms that are alike: the plain one holds some 80 %, and the estimate is centred."""
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(30), 4) if clustered else None
    plain = corrected = above = 0
    for _ in range(REPLICATIONS):
        values = rng.normal(size=(120, 12)) + rng.normal(size=(120, 1))
        if codes is not None:
            values += rng.normal(size=(30, 12))[codes]
        found = winner(values, depends=Dependence(codes))
        mine = values[:, found.place]
        raw = t_interval(mine) if codes is None else cluster_interval(mine, codes.tolist())
        plain += raw.low <= 0.0 <= raw.high
        corrected += found.low <= 0.0 <= found.high
        above += found.estimate > 0.0

    assert plain / REPLICATIONS < 0.86
    assert 0.925 <= corrected / REPLICATIONS <= 0.98
    assert 0.42 <= above / REPLICATIONS <= 0.58


@pytest.mark.parametrize(
    "values",
    [
        np.ones((40, 3)),
        np.zeros((40, 3)),
        np.tile([1.0, 0.0], (40, 1)),
        np.repeat([[1.0], [0.0]], 20, axis=0) * np.ones((1, 3)),
        np.random.default_rng(6).integers(0, 2, (12, 9)).astype(float),
    ],
)
def test_ties_and_spreadless_scores_give_limits_around_the_score(
    values: npt.NDArray[np.float64],
) -> None:
    """All right, all wrong, the same answers: nothing raises, nothing is empty."""
    for rate, codes in product((True, False), (None, np.arange(len(values)) // 4)):
        rates = np.full(values.shape[1], rate)
        found = winner(values, depends=Dependence(codes), rates=rates)

        assert found.low <= found.estimate <= found.high
        assert found.low <= found.score
        assert found.score <= found.high or len(values) == 12
        assert found.probabilities.sum() == pytest.approx(1.0)


def test_two_arms_are_best_with_the_chance_of_their_difference() -> None:
    """Student's law of the difference, drawn."""
    values = np.random.default_rng(7).normal([0.0, 0.15], size=(60, 2))
    gaps = values[:, 1] - values[:, 0]
    t = gaps.mean() / gaps.std(ddof=1) * np.sqrt(60)

    assert winner(values).probabilities[1] == pytest.approx(stats.t.cdf(t, 59), abs=0.015)


def test_one_input_says_nothing_of_the_winner() -> None:
    """Neither does one cluster."""
    found = winner(np.array([[0.0, 1.0]]))
    clustered = winner(np.eye(4), depends=Dependence(np.zeros(4, dtype=np.intp)))

    assert found.place == 1
    assert np.isnan([found.estimate, found.low, clustered.high, *found.probabilities]).all()


def test_the_verdict_says_what_the_best_is_worth() -> None:
    """Beside the plain score; where all are tied, in a note."""
    rng = np.random.default_rng(8)
    close = {(f"p{k:02d}", "m"): (rng.random(100) < 0.7).astype(float) for k in range(12)}
    rows = make_rows(close)
    listed = arms(rows)
    said = verdict(listed, pairs(rows))
    top = listed[0]

    assert said.sentence == "All 12 arms are tied."
    assert top.winner_score < top.score
    assert [np.isnan(arm.winner_score) for arm in listed] == [False] + [True] * 11
    assert sum(arm.probability_best for arm in listed) == pytest.approx(1.0)
    assert any(
        note.startswith(f"{top.prompt} · m has the highest score, {top.score:.2f}. Corrected for ")
        for note in said.notes
    )


def test_the_winner_rests_on_the_inputs_of_the_ranking() -> None:
    """An arm that is not ranked takes no part, and neither do inputs that one lacks."""
    few, one, other = np.full(60, np.nan), np.ones(60), np.zeros(60)
    few[:12], one[:5], other[:30], other[50:] = 1.0, 0.0, 1.0, np.nan
    listed = {arm.name: arm for arm in arms(make_rows({A: one, B: other, C: few}))}
    alone = {arm.name: arm for arm in arms(make_rows({A: one[:50], B: other[:50]}))}

    assert np.isnan(listed[C].probability_best)
    assert listed[A].winner_score == alone[A].winner_score
    assert listed[A].score == alone[A].score


def test_after_watching_nothing_is_said_of_the_winner() -> None:
    """Its law is that of a run whose size was fixed."""
    rng = np.random.default_rng(9)
    rows = make_rows({A: rng.random(30), B: rng.random(30)})
    rows["block"] = rows["input_id"].str[1:].astype(int)
    compared = looked_pairs(rows, bound=1.0)

    listed = looked_arms(rows, bound=1.0, compared=compared)

    assert all(np.isnan([arm.winner_score, arm.probability_best]).all() for arm in listed)
    assert "Corrected" not in verdict(listed, compared).sentence
