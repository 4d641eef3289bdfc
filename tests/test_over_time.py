"""A run in the order of time: what its signals earn, what choosing by earlier dates is worth."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.signal import lfilter

from llmlab import Comparison
from llmlab.errors import UsageError
from llmlab.stats.performance import information_ratio, max_drawdown, traded
from llmlab.stats.signals import Signals
from llmlab.stats.strategy import _band, _Book, _chance, shuffled
from llmlab.stats.walk_forward import TimeSplit, folds

Floats = npt.NDArray[np.float64]
WEEK = 5


def panel(
    seed: int = 0, *, dates: int = 120, tickers: int = 3, arms: int = 2, skill: float = 0.0
) -> pd.DataFrame:
    """Daily signals of some tickers beside the return of the week after; arm 0 has *skill*."""
    rng = np.random.default_rng(seed)
    steps = 0.01 * rng.standard_t(5, size=(dates + WEEK, tickers))
    path = np.cumsum(steps, axis=0)
    week = path[WEEK:] - path[:-WEEK]
    days = pd.bdate_range("2024-01-01", periods=dates, tz="UTC")
    frames = []
    for arm in range(arms):
        lean = rng.normal(size=(dates, tickers)) + (skill * np.sign(week) if arm == 0 else 0.0)
        up = lean > 0.0
        frames.append(
            pd.DataFrame(
                {
                    "prompt": f"p{arm}", "model": "m", "repeat": 0,
                    "input": [f"{d}-{t}" for d in range(dates) for t in range(tickers)],
                    "said": np.where(up, "up", "down").ravel(),
                    "target": week.ravel().astype(str),
                    "score": np.where(up == (week > 0.0), 1.0, 0.0).ravel(),
                    "as_of": np.repeat(days, tickers),
                    "ticker": np.tile([f"T{t}" for t in range(tickers)], dates),
                    "cost_usd": 0.5, "backend": "live",
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def run_of(frame: pd.DataFrame, **about: Any) -> Comparison:
    """The comparison of a panel, whose targets look a week ahead."""
    return Comparison.from_scores(frame, **{"horizon": WEEK, **about})


# ---- strategies -------------------------------------------------------------------------------


def by_hand(part: pd.DataFrame, costs_bps: float, capital: float) -> "pd.Series[Any]":
    """Net returns by date in plain pandas: equal weights, a fifth of the capital each date."""
    wide = part.pivot_table(index="as_of", columns="ticker", values="target", aggfunc="first")
    side = part.assign(side=part["said"].map({"up": 1.0, "down": -1.0})).pivot_table(
        index="as_of", columns="ticker", values="side"
    )
    held = side / wide.shape[1]
    gross = (held * wide.astype(float)).sum(axis=1) / WEEK
    trades = held.diff(WEEK).fillna(held).abs().sum(axis=1)
    trades.iloc[-WEEK:] += held.iloc[-WEEK:].abs().sum(axis=1)
    calls = part.groupby("as_of")["cost_usd"].sum() / capital
    return gross - trades / WEEK * costs_bps / 1e4 - calls


def test_a_strategy_earns_what_plain_pandas_says() -> None:
    """Staggered weeks, costs of what is traded, and the calls' dollars: to 1e-12 a date."""
    frame = panel()
    found = run_of(frame).strategy(asset="ticker", costs_bps=10.0, capital=1e5, draws=100)

    for name in ("p0", "p1"):
        net = by_hand(frame[frame["prompt"] == name], 10.0, 1e5)
        assert found.returns[f"{name} · m"].to_numpy() == pytest.approx(net.to_numpy(), abs=1e-12)
        line = found.table.set_index("prompt").loc[name]
        path = net.cumsum()
        falls = (path.cummax().clip(lower=0.0) - path).max()
        assert line["max_drawdown"] == pytest.approx(falls, abs=1e-12)
        assert line["total"] == pytest.approx(net.sum(), abs=1e-12)
        year = (len(net) - 1) * 365.25 / (net.index[-1] - net.index[0]).days
        assert line["annual_return"] == pytest.approx(net.mean() * year, abs=1e-12)
        part = frame[frame["prompt"] == name]
        assert line["hit_rate"] == pytest.approx(part["score"].mean(), abs=1e-12)


def test_weeks_that_do_not_overlap_are_every_fifth_date() -> None:
    """All the capital each time, and no horizon left."""
    frame = panel()
    found = run_of(frame).strategy(asset="ticker", hold="non_overlapping", draws=100)
    part = frame[frame["prompt"] == "p0"]
    gains = part["said"].map({"up": 1.0, "down": -1.0}) * part["target"].astype(float)
    every = gains.groupby(part["as_of"]).mean().iloc[::WEEK]

    assert found.returns["p0 · m"].to_numpy() == pytest.approx(every.to_numpy(), abs=1e-12)
    assert found.table["dates"].unique().tolist() == [24]


def test_the_information_ratio_is_mean_over_sd_and_counts_overlap_as_lo_does() -> None:
    """Without overlap sqrt(252) times mean over SD; with it Lo's sum of autocovariances."""
    rng = np.random.default_rng(3)
    values = 0.001 + 0.01 * rng.standard_t(5, size=250)
    plain = information_ratio(values)
    gaps = values - values.mean()
    lagged = sum(2 * (1 - k / 252) * (gaps[k:] * gaps[:-k]).sum() / 250 for k in range(1, WEEK))

    assert plain.value == pytest.approx(np.sqrt(252) * values.mean() / values.std(), rel=1e-12)
    assert plain.volatility == pytest.approx(np.sqrt(252) * values.std(), rel=1e-12)
    assert information_ratio(values, steps=WEEK).value == pytest.approx(
        np.sqrt(252) * values.mean() / np.sqrt(values.var() + lagged), rel=1e-12
    )


def test_the_interval_of_the_ratio_is_los_for_independent_returns() -> None:
    """Lo (2002): the error of a daily ratio S is sqrt((1 + S^2 / 2) / T), for normal returns."""
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(200):
        found = information_ratio(rng.normal(0.1, 1.0, size=500), per_year=1.0)
        errors.append((found.high - found.low) / 2.0)
    expected = 1.96 * np.sqrt((1.0 + 0.1**2 / 2.0) / 500)

    assert np.mean(errors) == pytest.approx(expected, rel=0.06)  # Student's law is a bit wider


def test_what_is_held_on_is_not_traded() -> None:
    """Opened once, closed once; without assets every position is opened and closed."""
    always = np.full((10, 2), 0.5)

    assert traded(always, 1, netted=True).tolist() == [1.0] + [0.0] * 8 + [1.0]
    assert traded(always, 5, netted=True).sum() == 10.0
    assert traded(always, 1, netted=False).tolist() == [2.0] * 10


def test_a_drawdown_counts_from_the_start() -> None:
    """A strategy that only loses has fallen by all it lost."""
    assert max_drawdown(np.array([-0.1, -0.2])) == pytest.approx(0.3)
    assert max_drawdown(np.array([0.1, -0.2, 0.3])) == pytest.approx(0.2)
    assert max_drawdown(np.array([0.1, 0.2])) == 0.0


def test_shuffled_dates_are_all_dates_once() -> None:
    """Stretches change places; none is lost or doubled."""
    rng = np.random.default_rng(0)

    assert all(
        sorted(shuffled(dates, length, rng)) == list(range(dates))
        for dates, length in ((10, 3), (7, 7), (50, 8), (2, 1))
    )


def test_a_strategy_of_chance_is_said_to_be_none() -> None:
    """Of 50 panels without skill few are clear of nothing, of chance, or leave the band."""
    found = [
        run_of(panel(seed, arms=1, dates=80)).strategy(draws=100, seed=seed) for seed in range(50)
    ]
    tables = pd.concat([each.table for each in found])
    left = [
        bool(((path < low - 1e-12) | (path > high + 1e-12)).to_numpy().any())
        for path, (low, high) in ((each.returns.cumsum(), each.band) for each in found)
    ]

    assert (tables["p"] <= 0.05).mean() <= 0.12
    assert (tables["p_chance"] <= 0.05).mean() <= 0.12
    assert ((tables["ratio_low"] <= 0.0) & (tables["ratio_high"] >= 0.0)).mean() >= 0.90
    assert np.mean(left) <= 0.12


def test_a_strategy_with_skill_is_found_and_said_with_its_interval() -> None:
    """The better arm stands first, above nothing and above its own signals shuffled."""
    found = run_of(panel(skill=1.0)).strategy(asset="ticker", costs_bps=2.0)

    assert found.table["prompt"].tolist()[0] == "p0"
    assert found.table["p_chance_adjusted"].iloc[0] < 0.01
    assert "above nothing" in found.verdict
    assert "more than shuffled signals do" in found.verdict
    assert "[" in found.verdict


def test_unread_and_failed_answers_are_flat_and_counted() -> None:
    """They earn nothing, and the notes say how many."""
    frame = panel(arms=1)
    frame.loc[:9, "said"] = None
    frame["status"] = "ok"
    frame.loc[10:14, "status"] = "error"
    found = run_of(frame).strategy(draws=100)

    assert found.table["unread"].tolist() == [15]
    assert any("15 answers failed or say no position" in each for each in found.notes)
    assert found.returns.iloc[:5].abs().to_numpy().sum() == 0.0


def test_signals_are_said_in_other_words_or_numbers() -> None:
    """A mapping of words, or a column of weights."""
    frame = panel(arms=1)
    words = frame.assign(said=frame["said"].map({"up": "Buy", "down": "sell"}))
    weights = frame.assign(weight=frame["said"].map({"up": 1.0, "down": -1.0}))
    plain = run_of(frame).strategy(draws=100).returns

    for other, how in ((words, {"buy": 1, "sell": -1}), (weights, "weight")):
        made = run_of(other).strategy(positions=how, draws=100).returns
        pd.testing.assert_frame_equal(made, plain)


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"said": "perhaps"}, {}, "no answer says a position"),
        ({"target": "-2.5"}, {}, "give fractions"),
        ({"target": "up"}, {}, "is no return"),
        ({}, {"returns": "nothing"}, "lack the column"),
        ({}, {"hold": "for ever"}, "staggered, non_overlapping"),
        ({}, {"costs_bps": -1.0}, "costs_bps must be 0 or more"),
        ({}, {"capital": 0.0}, "capital must be above 0"),
        ({}, {"per_year": 0.0}, "per_year must be above 0"),
        ({"target": "inf"}, {}, "a return is infinite"),
        ({"ticker": "all"}, {"asset": "ticker"}, "two different returns"),
    ],
)
def test_what_cannot_be_a_strategy_is_one_line(
    change: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    """Every error names its fix."""
    with pytest.raises(UsageError, match=words):
        run_of(panel().assign(**change)).strategy(**options)


def test_a_strategy_that_loses_for_sure_is_below_nothing() -> None:
    """The words go with the interval beside them: all of it below zero is not "not told"."""
    frame = panel(skill=2.0, arms=1)
    turned = frame.assign(said=frame["said"].map({"up": "down", "down": "up"}))
    found = run_of(turned).strategy(draws=100)

    assert found.table["annual_high"].iloc[0] < 0.0
    assert "below nothing (adjusted p = 0.00" in found.verdict
    assert found.verdict.endswith("and not told from shuffled signals.")


def test_signals_that_last_leave_the_band_of_chance_no_more_often() -> None:
    """Positions held for weeks, targets of a month: by chance alone 5 % reach p = 0.05."""
    rng, found = np.random.default_rng(11), []
    for _ in range(300):
        lean = lfilter([1.0], [1.0, -0.95], rng.normal(size=450))[200:]
        path = np.cumsum(0.01 * rng.standard_t(5, size=270))
        held = Signals(
            names=(("p", "m"),), days=np.arange(250).astype("datetime64[D]"), steps=20,
            weights=np.ones((250, 1)), returns=(path[20:] - path[:-20])[:, None],
            positions=np.sign(lean)[None, :, None], netted=True, cost_usd=np.zeros((1, 250)),
            inputs=250, unread=np.zeros(1, dtype=np.intp), missing=0, unresolved=0,
        )  # fmt: skip
        book = _Book.of(held, 0, 0.0, None)
        low, high = _band(_chance(held, 0, book, 100, rng), book.net, 0.95)
        reached = np.cumsum(book.net)
        found.append(bool(((reached < low) | (reached > high)).any()))

    assert np.mean(found) <= 0.08


def test_an_input_has_one_return_whatever_the_arm() -> None:
    """Rows that say two are refused; one that says none takes nothing away."""
    frame = panel()
    first = (frame["prompt"] == "p1") & (frame["input"] == "5-0")
    plain = run_of(frame).strategy(draws=100).returns
    gone = run_of(frame.assign(target=frame["target"].mask(first))).strategy(draws=100).returns

    pd.testing.assert_frame_equal(gone, plain)
    with pytest.raises(UsageError, match="'5-0' has two different returns"):
        run_of(frame.assign(target=frame["target"].mask(first, "0.9"))).strategy()


def test_what_an_arm_was_never_asked_is_flat_and_said() -> None:
    """An arm that lacks rows is not compared in silence; returns in percent are asked about."""
    frame = panel()
    half = frame[(frame["prompt"] == "p0") | (frame["as_of"] < frame["as_of"].iloc[100])]
    percent = frame.assign(target=(100 * frame["target"].astype(float)).clip(lower=-0.9))
    lost = int((frame["prompt"] == "p0").sum() - (half["prompt"] == "p1").sum())

    assert any(
        f"{lost} answers are not there" in each for each in run_of(half).strategy(draws=100).notes
    )
    assert any("are they fractions" in note for note in run_of(percent).strategy(draws=100).notes)
    assert not any("fractions" in note for note in run_of(frame).strategy(draws=100).notes)


def test_calls_without_a_price_leave_nothing_to_say() -> None:
    """An unknown cost is not taken for none."""
    frame = panel()
    frame.loc[frame["prompt"] == "p1", "cost_usd"] = np.nan
    found = run_of(frame).strategy(capital=1e5, draws=100)
    lines = found.table.set_index("prompt")

    assert lines[["mean", "total", "p_chance"]].isna().all(axis=1).to_dict() == {
        "p0": False, "p1": True,
    }  # fmt: skip
    assert any("no price" in each and "p1" in each for each in found.notes)


def test_dates_known_to_a_model_are_said_beside_its_strategy() -> None:
    """The guard against looking ahead is carried on, and so are simulated answers."""
    frame = panel().assign(before_cutoff=True, backend="stand-in")
    notes = " ".join(run_of(frame).strategy(draws=100).notes)

    assert "Look-ahead" in notes
    assert "simulated" in notes


def test_a_strategy_shows_itself() -> None:
    """As text, as HTML, as a picture: the path of each arm in its band."""
    run = run_of(panel(), score_name="direction")
    found = run.strategy(draws=100)
    axes = found.plot().axes[0]

    assert found.verdict in repr(found)
    assert "ratio_low" in found._repr_html_()
    assert {"cumulative", "zero"} <= {line.get_gid() for line in axes.get_lines()}
    assert [each.get_gid() for each in axes.collections] == ["band"]
    assert len(run.plot("strategy").axes) == 2


# ---- walking forward --------------------------------------------------------------------------


def test_folds_leave_an_embargo_of_the_horizon() -> None:
    """No target that is chosen on looks into the block, whatever the window."""
    assert folds(30, embargo=5, test=10, min_train=8) == [
        TimeSplit((0, 8), (13, 23)), TimeSplit((0, 18), (23, 30)),
    ]  # fmt: skip
    assert folds(30, embargo=5, test=10, window=8) == [
        TimeSplit((0, 8), (13, 23)), TimeSplit((10, 18), (23, 30)),
    ]  # fmt: skip


@pytest.mark.parametrize("window", [None, 40])
def test_the_choice_is_what_plain_pandas_chooses(window: int | None) -> None:
    """Block by block the arm with the highest mean before the embargo, scored on the block."""
    frame = panel(arms=4, tickers=2)
    found = run_of(frame).walk_forward(test=10, min_train=30, window=window)
    wide = frame.pivot_table(index=["as_of", "input"], columns="prompt", values="score")
    days = wide.index.get_level_values(0).unique()
    own = []
    for start in range((window or 30) + WEEK, len(days), 10):
        first = 0 if window is None else start - WEEK - window
        best = wide.loc[days[first : start - WEEK]].mean().idxmax()
        own.append(wide[best].loc[days[start : start + 10]])
    whole = pd.concat(own)

    assert found.table["score"].iloc[0] == pytest.approx(whole.mean(), abs=1e-12)
    assert found.blocks["score"].tolist() == pytest.approx([each.mean() for each in own])
    assert found.scores["walk-forward"].to_numpy() == pytest.approx(
        whole.groupby(level=0).mean().to_numpy()
    )
    after = wide.loc[days[(window or 30) + WEEK :]].mean()
    arms = found.table.iloc[1:].set_index("prompt")
    assert arms["score"].sort_index().tolist() == pytest.approx(after.sort_index().tolist())
    assert arms["hindsight"].idxmax() == after.idxmax()
    assert arms["chosen"].sum() == len(own)


def test_the_future_changes_no_choice_of_the_past() -> None:
    """Targets of a block and of the embargo before it may be anything."""
    frame = panel(arms=3)
    before = run_of(frame).walk_forward(test=10).blocks
    days = sorted(frame["as_of"].unique())
    cut = days.index(before["first"].iloc[-1].tz_localize("UTC")) - WEEK
    turned = frame["score"].where(frame["as_of"] < days[cut], 1.0 - frame["score"])
    after = run_of(frame.assign(score=turned)).walk_forward(test=10).blocks

    assert after["prompt"].tolist() == before["prompt"].tolist()
    assert after["score"].iloc[-1] != before["score"].iloc[-1]


def test_a_choice_among_arms_alike_is_not_better_than_they_are() -> None:
    """Picked on the same dates the best of eight looks good; on the dates after it does not."""
    held, flattered = [], []
    for seed in range(40):
        found = run_of(panel(seed, arms=8, dates=100)).walk_forward()
        line = found.table.iloc[0]
        held.append(line["low"] <= 0.5 <= line["high"])
        flattered.append(found.table["score"].iloc[1] - 0.5)

    assert np.mean(held) >= 0.88
    assert np.mean(flattered) > 0.02


def test_walking_forward_needs_dates_and_a_horizon() -> None:
    """One line says what is missing."""
    frame = panel()
    with pytest.raises(UsageError, match="as_of="):
        run_of(frame.drop(columns="as_of"), horizon=None).walk_forward()
    with pytest.raises(UsageError, match="say horizon="):
        run_of(frame, horizon=None).walk_forward()
    with pytest.raises(UsageError, match="needs more than 205 dates"):
        run_of(frame).walk_forward(min_train=200)
    with pytest.raises(UsageError, match="two arms"):
        run_of(panel(arms=1)).walk_forward()
    assert run_of(frame, horizon=None).walk_forward(horizon="7D").table["chosen"].iloc[0] > 0


def test_walking_forward_shows_itself() -> None:
    """The choice and every arm, as lines over the dates after the first block."""
    run = run_of(panel(arms=3))
    found = run.walk_forward()
    lines = found.plot().axes[0].get_lines()

    assert [line.get_gid() for line in lines] == ["walk-forward", "arm", "arm", "arm"]
    assert found.verdict in repr(found)
    assert "in hindsight" in found._repr_html_()
    assert run.plot("walk_forward").axes
