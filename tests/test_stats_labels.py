"""Answers that are labels: precision, recall, F1, confusion; and scores in parts of the inputs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from llmlab import Comparison
from llmlab.errors import UsageError
from llmlab.stats.labels import NO_SCORE
from llmlab.stats.shares import share
from llmlab.stats.spread import Dependence

WORDS = ("down", "flat", "up")


def labelled(target: Any, said: Any, **more: Any) -> pd.DataFrame:
    """One arm's answers, one an input."""
    frame = pd.DataFrame({"target": list(target), "said": list(said)})
    frame["score"] = (frame["target"].str.lower() == frame["said"]).astype(float)
    return frame.assign(prompt="p", model="m", input=range(len(frame)), **more)


def one(frame: pd.DataFrame, **where: Any) -> Any:
    """Return the one row that is so."""
    for name, value in where.items():
        frame = frame[frame[name] == value]
    (row,) = frame.to_dict("records")
    return row


def drawn(seed: int = 0, inputs: int = 90, repeats: int = 1, skill: float = 0.7) -> pd.DataFrame:
    """Two arms that say the right label more often than not."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, inputs)
    parts = []
    for prompt, repeat in ((p, r) for p in "AB" for r in range(repeats)):
        said = np.where(rng.random(inputs) < skill, target, rng.integers(0, 3, inputs))
        words = [[WORDS[each] for each in codes] for codes in (target, said)]
        parts.append(labelled(*words, repeat=repeat).assign(prompt=prompt))
    return pd.concat(parts, ignore_index=True)


def test_the_example_in_scikit_learns_documentation_comes_out() -> None:
    """`classification_report`: precision .50, 0, 1; recall 1, 0, .67; F1 .67, 0, .80."""
    run = Comparison.from_scores(labelled(["a", "b", "c", "c", "c"], ["a", "a", "c", "c", "b"]))
    found = run.classes().set_index("class")
    (mean,) = run.classes(average=True).to_dict("records")

    assert found["precision"].tolist() == pytest.approx([0.5, 0.0, 1.0], abs=1e-9)
    assert found["recall"].tolist() == pytest.approx([1.0, 0.0, 2 / 3], abs=1e-9)
    assert found["f1"].tolist() == pytest.approx([2 / 3, 0.0, 0.8], abs=1e-9)
    assert found["targets"].tolist() == [1, 1, 3]
    assert mean["accuracy"] == pytest.approx(0.6, abs=1e-9)
    assert mean["precision"] == pytest.approx(0.5, abs=1e-9)
    assert mean["recall"] == pytest.approx(5 / 9, abs=1e-9)
    assert mean["f1"] == pytest.approx((2 / 3 + 0.8) / 3, abs=1e-9)


def test_limits_of_rates_are_wilsons() -> None:
    """As statsmodels has them, for one answer an input and no clusters."""
    run = Comparison.from_scores(drawn())
    rows = run.rows[run.rows["prompt"] == "A"]
    found = one(run.classes(), prompt="A", **{"class": "up"})
    said, target = rows["said"] == "up", rows["target"] == "up"
    right = int((said & target).sum())

    for name, of in (("precision", said), ("recall", target)):
        low, high = proportion_confint(right, int(of.sum()), method="wilson")
        assert (found[f"{name}_low"], found[f"{name}_high"]) == pytest.approx((low, high), abs=1e-9)
    low, high = proportion_confint(right, int((said | target).sum()), method="wilson")
    assert found["f1_low"] == pytest.approx(2 * low / (1 + low), abs=1e-9)
    assert found["f1_high"] == pytest.approx(2 * high / (1 + high), abs=1e-9)


def test_the_size_of_a_share_with_clusters_is_that_of_its_robust_variance() -> None:
    """A ratio is a weighted mean: statsmodels' WLS with clustered errors says how it varies."""
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(15), 8)
    whole = rng.integers(1, 3, 120) / 2.0
    part = whole * (rng.random(120) < rng.beta(4, 2, 15)[codes])
    keep = whole > 0.0
    fit = sm.WLS(part[keep] / whole[keep], np.ones(keep.sum()), weights=whole[keep]).fit(
        cov_type="cluster", cov_kwds={"groups": codes[keep]}
    )
    rate, error = float(fit.params[0]), float(fit.bse[0])
    size, t = rate * (1 - rate) / error**2, float(stats.t.isf(0.025, 14))
    centre = (rate + t * t / size / 2) / (1 + t * t / size)

    found = share(part, whole, Dependence(codes), 0.95)

    assert found.value == pytest.approx(rate, abs=1e-12)
    assert (found.low + found.high) / 2.0 == pytest.approx(centre, abs=1e-9)


def test_averages_vary_as_the_delta_method_says() -> None:
    """Against 4,000 resamples of the inputs, to a tenth."""
    frame = drawn(inputs=200)
    found = Comparison.from_scores(frame).classes(average=True).iloc[0]
    mine = frame[frame["prompt"] == "A"]
    codes = [pd.Categorical(mine[name], WORDS).codes for name in ("target", "said")]
    rng = np.random.default_rng(2)
    means = []
    for _ in range(4_000):
        target, said = (each[picked] for picked in [rng.integers(0, 200, 200)] for each in codes)
        table = np.bincount(target * 3 + said, minlength=9).reshape(3, 3)
        means.append(np.mean(2 * np.diag(table) / (table.sum(axis=0) + table.sum(axis=1))))

    half = (found["f1_high"] - found["f1_low"]) / 2.0
    assert half == pytest.approx(1.972 * np.std(means), rel=0.1)


def test_repeats_share_the_one_of_their_input() -> None:
    """The confusion matrix adds up to the inputs, and accuracy is the arm's score."""
    run = Comparison.from_scores(drawn(repeats=3))
    table = run.confusion("A")
    means = run.classes(average=True).set_index("prompt")

    assert table.drop(columns=NO_SCORE).to_numpy().sum() == pytest.approx(90.0)
    assert means["accuracy"].to_dict() == pytest.approx(
        run.summary.set_index("prompt")["score"].to_dict()
    )
    assert (means["accuracy_high"] > means["accuracy"]).all()


def test_what_was_not_read_is_counted_and_in_no_rate() -> None:
    """Neither is an input that another arm has no score for: all rest on one set of inputs."""
    frame = drawn()
    frame.loc[:4, ["said", "score"]] = [None, np.nan]
    run = Comparison.from_scores(frame)

    table, other = run.confusion("A"), run.confusion("B")

    assert table[NO_SCORE].sum() == 5
    assert table.drop(columns=NO_SCORE).to_numpy().sum() == 85
    assert other.drop(columns=NO_SCORE).to_numpy().sum() == 85
    assert run.classes().groupby("prompt")["targets"].sum().to_dict() == {"A": 85, "B": 85}


def test_a_target_written_otherwise_is_the_label_that_scores_right() -> None:
    """`Positive` and `+` are what was said where the score is 1."""
    frame = labelled(["+", "+", "Positive", "-"], ["positive", "negative", "positive", "negative"])
    frame["score"] = [1.0, 0.0, 1.0, 1.0]

    table = Comparison.from_scores(frame).confusion()

    assert list(table.index) == ["negative", "positive"]
    assert table.loc["positive", "positive"] == 2
    assert table.loc["positive", "negative"] == 1


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (drawn().assign(said=None), "no scored answer says a label"),
        (drawn().assign(target=None), "no scored answer says a label"),
    ],
)
def test_a_run_without_labels_says_so(frame: pd.DataFrame, said: str) -> None:
    """In one line that names the score to use."""
    with pytest.raises(UsageError, match=said):
        Comparison.from_scores(frame).classes()


# --- parts


def in_tickers(seed: int = 0, inputs: int = 160, parts: int = 8, **more: Any) -> Comparison:
    """Two arms, scores that do not depend on the ticker."""
    rng = np.random.default_rng(seed)
    lines = [
        {"prompt": p, "model": "m", "input": i, "score": rng.normal(), "ticker": f"T{i % parts}"}
        for p in "AB"
        for i in range(inputs)
    ]
    return Comparison.from_scores(pd.DataFrame(lines).assign(**more))


def test_a_part_is_tested_against_the_rest() -> None:
    """Welch's test, as scipy has it; Fisher's exact one for 0 and 1."""
    run = in_tickers()
    found = one(run.by("ticker"), prompt="A", ticker="T3")
    rows = run.rows[run.rows["prompt"] == "A"]
    mine = rows["ticker"] == "T3"
    welch = stats.ttest_ind(rows["score"][mine], rows["score"][~mine], equal_var=False)

    assert found["p"] == pytest.approx(welch.pvalue, abs=1e-12)
    assert found["difference"] == pytest.approx(
        rows["score"][mine].mean() - rows["score"][~mine].mean(), abs=1e-12
    )
    rates = in_tickers(score=np.arange(320) % 3 == 0).by("ticker")
    assert set(rates["test"]) == {"Fisher exact"}


def test_clusters_on_either_side_are_the_units() -> None:
    """As statsmodels' clustered errors of a dummy, on the clusters of the smaller side."""
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(20), 6)
    score = rng.normal(size=20)[days] + rng.normal(size=120)
    frame = pd.DataFrame({"input": range(120), "score": score, "cluster": days, "ticker": days < 7})
    run = Comparison.from_scores(frame.assign(prompt="p", model="m"))
    dummy = sm.add_constant((days < 7).astype(float))
    fit = sm.OLS(score, dummy).fit(
        cov_type="cluster", cov_kwds={"groups": days, "use_correction": False}
    )
    t = fit.params[1] / (fit.bse[1] * np.sqrt(7 / 6))

    found = one(run.by("ticker"), ticker=True)

    assert found["p"] == pytest.approx(2 * stats.t.sf(abs(t), 6), abs=1e-9)
    assert found["test"] == "cluster t"


def test_the_number_of_looks_is_accounted_for() -> None:
    """Of 16 looks at nothing, some p is below .05 in most runs; adjusted, rarely."""
    every = [in_tickers(seed).by("ticker") for seed in range(24)]
    single = sum(bool((found["p"] <= 0.05).any()) for found in every)
    adjusted = sum(bool((found["p_adjusted"] <= 0.05).any()) for found in every)
    held = sum(bool(((f["all_low"] <= 0.0) & (f["all_high"] >= 0.0)).all()) for f in every)

    assert {int(looks) for found in every for looks in found["looks"]} == {16}
    assert single >= 8
    assert adjusted <= 5
    assert held >= 19


def test_periods_and_mappings_are_parts_too() -> None:
    """A month of `as_of`, a mapping, a named Series; inputs without a part are left out."""
    dates = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.tile(range(160), 2), "D")
    run = in_tickers(as_of=dates)
    half = {str(i): "first" for i in range(80)}
    named = pd.Series({str(i): i % 2 for i in range(160)}, name="odd")

    assert list(run.by("month")["month"].unique()) == [f"2026-0{n}" for n in range(1, 7)]
    assert run.by("quarter")["inputs"].tolist() == [90, 90, 70, 70]
    assert run.by(half)["part"].tolist() == ["first", "first"]
    assert set(run.by(named)["odd"]) == {0, 1}


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("colour", "rows have no column 'colour'"),
        ("month", "no row has an as_of to take the month from"),
        ("prompt", "has more than one prompt; parts are of inputs"),
        ("fingerprint", "no input has a fingerprint"),
        ({"x": 1}, "no input has a part"),
        (None, "by= says nothing"),
    ],
)
def test_what_is_no_part_of_the_inputs_is_one_line(by: Any, said: str) -> None:
    """It says what may be asked for."""
    with pytest.raises(UsageError, match=said):
        in_tickers().by(by)


def test_labels_by_part_have_limits_that_hold_together() -> None:
    """Wider than those of one part alone; the counts of the parts add up."""
    frame = drawn()
    frame["ticker"] = frame["input"] % 3
    run = Comparison.from_scores(frame)

    whole, parts = run.classes(), run.classes(by="ticker")
    averages = run.classes(average=True, by="ticker")

    assert set(parts["looks"]) == {3}
    assert parts.groupby(["prompt", "class"])["targets"].sum().tolist() == whole["targets"].tolist()
    assert len(averages) == 6
    low, high = proportion_confint(*_counts(frame, "A", 0), alpha=0.05 / 3, method="wilson")
    found = one(parts, prompt="A", ticker=0, **{"class": "up"})
    assert (found["recall_low"], found["recall_high"]) == pytest.approx((low, high), abs=1e-9)


def _counts(frame: pd.DataFrame, prompt: str, ticker: int) -> tuple[int, int]:
    mine = frame[(frame["prompt"] == prompt) & (frame["ticker"] == ticker)]
    target = mine[mine["target"] == "up"]
    return int((target["said"] == "up").sum()), len(target)
