"""Dates whose targets overlap: the error of a mean, the guard, and how a run is told of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.signal import lfilter
from scipy.stats import rankdata, spearmanr

from llmlab.comparison import Comparison
from llmlab.errors import UsageError
from llmlab.scores.ranks import influences
from llmlab.sim import RuleAuthor, Simulator
from llmlab.stats import arms, pairs, plan, verdict
from llmlab.stats.clusters import Dated, dated
from llmlab.stats.matrix import matrix
from llmlab.stats.means import SERIAL, mean_of
from llmlab.stats.serial import autocorrelation, memory, serial_spread
from llmlab.stats.spread import Dependence, spread
from tests.labs import lab_for
from tests.test_experiment import TWO, design, frame
from tests.test_stats_compare import make_rows

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]

A, B = ("a", "m"), ("b", "m")
RUNS = 1_000
DATES = 250
WEEK = 5


# ---- false positives: the table of what was wrong -----------------------------------------


def autoregressive(rho: float) -> Draw:
    """Draw dates that remember the one before."""

    def draw(rng: np.random.Generator, count: int) -> Floats:
        noise = rng.normal(size=count + 200)
        return np.asarray(lfilter([1.0], [1.0, -rho], noise)[200:])

    return draw


def next_weeks(rng: np.random.Generator, count: int) -> Floats:
    """Draw the sum of the next five days, day by day: neighbours share four."""
    days = np.cumsum(rng.normal(size=count + WEEK))
    return np.asarray(days[WEEK:] - days[:-WEEK])


def of_tickers(draw: Draw, tickers: int) -> Draw:
    """Draw dates x tickers, which share a market."""

    def drawn(rng: np.random.Generator, count: int) -> Floats:
        market = draw(rng, count)
        return np.column_stack([market + draw(rng, count) for _ in range(tickers)]).ravel()

    return drawn


def rank_ic_by_date(rng: np.random.Generator, count: int) -> Floats:
    """Draw the rank IC, by date, of a signal that remembers with next week's returns."""
    said = np.column_stack([autoregressive(0.95)(rng, count) for _ in range(10)])
    came = np.column_stack([next_weeks(rng, count) for _ in range(10)])
    ranks = [rankdata(each, axis=1) - 5.5 for each in (said, came)]
    return np.asarray((ranks[0] * ranks[1]).mean(axis=1) / 8.25)


def false_positives(draw: Draw, tickers: int, steps: int) -> float:
    """Return how often a mean of nothing is called something at 5 %."""
    rng = np.random.default_rng(3)
    depends = Dependence(np.repeat(np.arange(DATES), tickers), steps)
    count = 0
    for _ in range(RUNS):
        law, _ = mean_of(draw(rng, DATES), (-np.inf, np.inf), depends)
        count += 2.0 * min(law.above(0.0), law.below(0.0)) <= 0.05
    return count / RUNS


@pytest.mark.parametrize("tickers", [1, 10])
def test_next_weeks_returns_sampled_daily_are_called_something_in_at_most_6_percent(
    tickers: int,
) -> None:
    """As independent dates they were in 30 to 40 %."""
    draw = of_tickers(next_weeks, tickers)

    assert false_positives(draw, tickers, 0) > 0.25
    assert false_positives(draw, tickers, WEEK) <= 0.06


@pytest.mark.parametrize("rho", [0.8, 0.95])
def test_dates_that_remember_are_called_something_in_at_most_6_percent(rho: float) -> None:
    """As independent dates they were in 50 to 75 %."""
    assert false_positives(autoregressive(rho), 1, 0) > 0.4
    assert false_positives(autoregressive(rho), 1, 1) <= 0.06


def test_dates_that_do_not_remember_lose_little() -> None:
    """A horizon of one date: the error is right, on a third of the degrees of freedom."""
    independent = autoregressive(0.0)

    assert 0.03 <= false_positives(independent, 1, 1) <= 0.06


def test_a_rank_ic_by_date_against_next_weeks_returns() -> None:
    """A signal of 10 tickers that remembers, returns that overlap: at most 6 %, not 30."""
    assert false_positives(rank_ic_by_date, 1, 0) > 0.2
    assert false_positives(rank_ic_by_date, 1, WEEK) <= 0.06


def test_the_rank_ic_of_a_run_is_that_of_its_dates() -> None:
    """The influences of a date have its coefficient as their mean, so their sums are the dates'."""
    rng = np.random.default_rng(5)
    said, came = rng.normal(size=(2, 40, 10))
    values = np.concatenate([influences(x, y) for x, y in zip(said, came, strict=True)])
    by_date = np.array([spearmanr(x, y).statistic for x, y in zip(said, came, strict=True)])

    many = spread(values, Dependence(np.repeat(np.arange(40), 10), WEEK))

    assert many.error == pytest.approx(spread(by_date, Dependence(np.arange(40), WEEK)).error)


# ---- the numbers ---------------------------------------------------------------------------


def test_the_error_is_that_of_the_cosines_written_down() -> None:
    """Projections on cosines, their mean square, over the power they have at this memory."""
    sums = np.random.default_rng(0).normal(size=60)
    rho = memory(sums, 2)
    angles = np.pi * np.arange(1, 21) / 60
    power = (1 - rho) ** 2 / ((1 - rho) ** 2 + 2 * rho * (1 - np.cos(angles)))
    count = max(at for at in range(1, 21) if power[:at].mean() >= 0.9)
    waves = np.sqrt(2 / 60) * np.cos(np.outer(np.arange(60) + 0.5, angles[:count]))
    variance = ((sums @ waves) ** 2).mean() / power[:count].mean()

    error, freedom = serial_spread(sums, 2)

    assert error == pytest.approx(np.sqrt(60 * variance), rel=1e-9)
    assert freedom == pytest.approx(power[:count].sum() ** 2 / (power[:count] ** 2).sum())


def test_the_memory_is_that_of_the_horizon_at_least() -> None:
    """Windows of five dates share four; what is measured may be more."""
    quiet = np.random.default_rng(1).normal(size=400)

    assert memory(quiet, 5) == pytest.approx(0.8)
    assert memory(np.cumsum(quiet), 5) > 0.95
    assert abs(autocorrelation(quiet)) < 0.2


@pytest.mark.parametrize(("horizon", "steps"), [(1, 1), (5, 5), ("7D", 5), ("1D", 1), ("28D", 20)])
def test_a_span_is_counted_in_dates_of_the_run(horizon: int | str, steps: int) -> None:
    """A week of business days is five of them."""
    days = pd.Series(pd.bdate_range("2026-01-05", periods=60))

    found = dated(days.sample(frac=1.0, random_state=0), horizon)

    assert found.steps == steps


def test_dates_are_numbered_in_their_order_whatever_they_are_written_as() -> None:
    """Text, timestamps and days come in the order of time, not of rows."""
    days = ["2026-03-02", "2026-01-05", "2026-02-01", "2026-01-05"]
    for values in (days, pd.to_datetime(days), [pd.Timestamp(each).date() for each in days]):
        codes = dated(pd.Series(list(values), dtype=object), 2).codes
        assert codes is not None
        assert codes.tolist() == [2, 0, 1, 0]


@pytest.mark.parametrize(
    ("values", "horizon", "says"),
    [
        (["AAPL", "MSFT"], 5, "'AAPL' is no date"),
        (["2330", "2317"], 5, "'2330' is no date"),
        ([20260102, 20260103], 5, "is no date"),
        (["2026-01-02", "2026-01-03"], 0, "must be 1 date or more, got 0"),
        (["2026-01-02", "2026-01-03"], "soon", "'soon' is no span of time"),
        (["2026-01-02", "2026-01-03"], "-1D", "must be above 0"),
    ],
)
def test_a_horizon_that_cannot_be_is_one_line(
    values: list[Any], horizon: int | str, says: str
) -> None:
    """Tickers are no dates, not even those that look like a year."""
    with pytest.raises(UsageError, match=says):
        dated(pd.Series(values, dtype=object), horizon)


# ---- a run ---------------------------------------------------------------------------------


def a_run(**about: Any) -> Comparison:
    """Two arms alike on overlapping weeks of 120 days and 3 tickers."""
    rng, draw = np.random.default_rng(12), of_tickers(next_weeks, 3)
    rows = make_rows({A: draw(rng, 120), B: draw(rng, 120)})
    days = pd.bdate_range("2026-01-05", periods=120).repeat(3)
    names = [f"i{at:05d}" for at in range(360)]
    cluster = dict(zip(names, days.astype(str), strict=True))
    listed = rows.assign(price_basis="x", run="r", answered_by="x")
    return Comparison("weeks", listed, cluster=cluster, **about)


def test_every_number_of_a_run_with_a_horizon_knows_it() -> None:
    """Intervals, pairs, not_worse, deflated, plan and costs rest on the same description."""
    plain, told = a_run(), a_run(horizon=5)
    (pair,), (loose,) = told._statistics.pairs, plain._statistics.pairs

    assert pair.test == told.summary["score_method"].iloc[0] == SERIAL
    assert pair.high - pair.low > 1.5 * (loose.high - loose.low)
    assert (pair.p <= 0.05) is (not pair.low <= 0.0 <= pair.high)
    assert pair.clusters == 120
    assert pair.freedom < 30.0
    narrow, wide = (run.not_worse(A, 0.5).iloc[0] for run in (plain, told))
    assert wide["high"] - wide["low"] > 1.5 * (narrow["high"] - narrow["low"])
    sure, unsure = (run.deflated(0.0, trials=1)["probability"].iloc[0] for run in (plain, told))
    assert abs(unsure - 0.5) < abs(sure - 0.5)
    few, many = (run.plan(difference=1.0)["inputs"].iloc[0] for run in (plain, told))
    assert many > 2 * few


def test_overlap_that_nobody_spoke_of_is_said() -> None:
    """The guard measures it; with a horizon, or dates that forget, there is nothing to say."""
    (note,) = (note for note in a_run().notes if "go with those of the next" in note)

    assert note.startswith("Scores of one date go with those of the next (autocorrelation 0.8")
    assert "horizon=5" in note
    assert not [note for note in a_run(horizon=5).notes if "go with those" in note]
    quiet = a_run()
    quiet.rows["score"] = np.random.default_rng(0).normal(size=len(quiet.rows))
    assert not [note for note in quiet.notes if "go with those" in note]


def test_the_dates_may_be_those_of_as_of() -> None:
    """Inputs of one ticker need no cluster: the column `as_of` is their order."""
    rows = a_run().rows
    clusters = a_run().clusters
    assert clusters is not None
    days = pd.to_datetime(rows["input_id"].map(clusters), utc=True)
    run = Comparison("weeks", rows.assign(as_of=days), horizon="7D")

    assert run.pairs.equals(a_run(horizon=5).pairs)
    assert [note for note in Comparison("r", rows.assign(as_of=days)).notes if "horizon=5" in note]


def test_a_horizon_without_an_order_in_time_is_one_line() -> None:
    """Neither as_of nor a cluster of dates: nothing is computed."""
    rows = a_run().rows
    tickers = {name: f"t{at % 3}" for at, name in enumerate(rows["input_id"].unique())}

    abouts: list[dict[str, Any]] = [{}, {"cluster": tickers}]
    for about in abouts:
        with pytest.raises(UsageError, match="needs the order in time of inputs"):
            _ = Comparison("r", rows, horizon=5, **about).summary


def test_too_few_stretches_are_no_proof() -> None:
    """Six dates of a target that looks five ahead: Student's law on one degree of freedom."""
    rows = make_rows({A: np.zeros(6), B: np.array([1.0, 1.1, 0.9, 1.0, 1.05, 1.2])})
    days = {f"i{at:05d}": f"2026-01-{at + 1:02d}" for at in range(6)}

    (pair,) = pairs(rows, cluster=Dated(days, 5))

    assert pair.freedom == pytest.approx(1.0)
    assert pair.p > 0.02


def test_dates_that_every_method_reads_are_made_once() -> None:
    """The matrix has the dates in order and how far targets look."""
    rows = make_rows({A: np.zeros(4)})
    days = {f"i{at:05d}": f"2026-0{2 - at % 2}-01" for at in range(4)}

    table = matrix(rows, cluster=Dated(days, 2))

    assert table.steps == 2
    assert table.codes is not None
    assert table.codes.tolist() == [1, 0, 1, 0]
    assert plan(make_rows({A: np.zeros(4)}), difference=0.1) == ()
    assert verdict(arms(rows), pairs(rows)).best


# ---- a lab ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"horizon": 5}, "needs the order in time of inputs"),
        ({"horizon": 5, "cluster": "side"}, "'up' is no date"),
        ({"horizon": 0, "cluster": "day"}, "must be 1 date or more"),
        ({"horizon": 5, "cluster": "day", "stop_when_clear": True}, "leave out one of"),
    ],
)
def test_a_design_with_a_bad_horizon_is_one_line(options: dict[str, Any], says: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=says):
        design(**options)


async def test_a_run_keeps_its_horizon() -> None:
    """The Comparison, and the same one out of the book."""
    async with Simulator(author=RuleAuthor(seed=1)) as simulator, lab_for(simulator) as lab:
        run = await lab.abtest_async(
            TWO, ["gpt"], on=frame(), score="label", target="side", cluster="day", horizon="2D",
            quiet=True, max_tokens=20,
        )  # fmt: skip
        again = lab.run(run.name)

    assert run.horizon == again.horizon == "2D"
    assert run.pairs.equals(again.pairs)
    assert run._statistics.pairs[0].test == SERIAL


def test_dates_of_which_all_overlap_say_nothing() -> None:
    """Four dates of a target that looks five ahead are one stretch: no interval, no p."""
    days = {f"i{at:05d}": f"2026-01-{at + 1:02d}" for at in range(4)}
    for a, b in (([0.0, 0.1, 0.0, 0.2], [0.7, 0.9, 0.6, 0.9]), (np.zeros(4), [1.0, 1.0, 0.0, 1.0])):
        (pair,) = pairs(make_rows({A: a, B: b}), cluster=Dated(days, 5))

        assert np.isnan([pair.p, pair.low, pair.high]).all()
        said = verdict(arms(make_rows({A: a, B: b}), cluster=Dated(days, 5)), [pair])
        assert said.sentence == "Both arms are tied."
