"""Judges and people: how far they agree, and what some marks make of many."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from llmlab import Comparison
from llmlab.comparison.marks import marked
from llmlab.errors import UsageError
from llmlab.stats.agreement import alpha, kappa
from llmlab.stats.differences import paired_t
from llmlab.stats.intervals import cluster_interval
from llmlab.stats.prediction_powered import powered
from llmlab.stats.spread import Dependence

NAN = float("nan")
MARKS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T
"""Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", C: 12 units, 4 judges."""


def judged(seed: int = 0, items: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Two judges with four marks, who agree more often than not."""
    rng = np.random.default_rng(seed)
    one = rng.integers(0, 4, items)
    return one, np.where(rng.random(items) < 0.6, one, rng.integers(0, 4, items))


# --- kappa and alpha


@pytest.mark.parametrize(
    ("weights", "value"),
    [(None, 0.4639865996649917), ("linear", 0.3849206349206349), ("quadratic", 0.3268292682926829)],
)
def test_kappa_is_that_of_scikit_learn(weights: Any, value: float) -> None:
    """Values of `cohen_kappa_score` 1.9.1 for the same marks."""
    assert kappa(*judged(), weights=weights).value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappas_error_is_that_of_statsmodels(weights: Any) -> None:
    """The large-sample error, times sqrt(n / (n - 1)) as for any mean."""
    one, other = judged(1, 80)
    table = np.bincount(one * 4 + other, minlength=16).reshape(4, 4)
    theirs = cohens_kappa(table, wt=weights)

    found = kappa(one, other, weights=weights)

    assert found.value == pytest.approx(theirs.kappa, abs=1e-9)
    assert found.error * np.sqrt(79 / 80) == pytest.approx(theirs.std_kappa, abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("nominal", 0.743421052631579),
        ("ordinal", 0.8153875037548814),
        ("interval", 0.8491071428571428),
    ],
)
def test_alpha_is_the_published_one(metric: Any, value: float) -> None:
    """.743, .815 and .849 in print; all digits from the package krippendorff 0.9.0."""
    assert alpha(MARKS, metric=metric).value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("coefficient", ["kappa", "alpha"])
@pytest.mark.parametrize("clustered", [False, True])
def test_limits_of_agreement_hold(coefficient: str, clustered: bool) -> None:  # noqa: FBT001
    """The true kappa (and alpha) of these judges is .6: 80 answers, or 20 clusters of four."""
    rng, held = np.random.default_rng(2), 0
    codes = np.arange(80) // 4 if clustered else None
    for _ in range(300):
        agree = rng.random(20)[np.arange(80) // 4] < 0.6 if clustered else rng.random(80) < 0.6
        one = rng.integers(0, 3, 80)
        other = np.where(agree, one, rng.integers(0, 3, 80))
        if coefficient == "kappa":
            found = kappa(one, other, codes=codes)
        else:
            found = alpha(np.column_stack([one, other]).astype(float), codes=codes)
        held += found.low <= 0.6 <= found.high

    assert 0.91 <= held / 300 <= 0.985


def test_full_agreement_has_limits_of_some_width() -> None:
    """Ten equal marks do not prove that the judges never disagree."""
    marks = np.array([0.0, 1.0] * 5)
    for found in (kappa(marks, marks), alpha(np.column_stack([marks, marks]))):
        assert found.value == found.high == 1.0
        assert 0.3 < found.low < 0.6


def test_marks_that_are_all_the_same_say_nothing_of_agreement() -> None:
    """Chance alone would agree: the coefficient is unknown, not 1."""
    ones = np.ones(12)

    assert np.isnan(kappa(ones, ones).value)
    assert np.isnan(alpha(np.column_stack([ones, ones])).value)
    assert kappa(ones, ones).observed == 1.0


def test_words_are_marks_too_and_slips_are_one_line() -> None:
    """Labels need no numbers."""
    found = kappa(["up", "down", "up", "up"], ["up", "down", "down", "up"])

    assert found.value == pytest.approx(0.5)
    with pytest.raises(UsageError, match="must have the same length"):
        kappa([1.0], [1.0, 0.0])
    with pytest.raises(UsageError, match="no answer has the marks of two judges"):
        alpha(np.array([[1.0, NAN], [NAN, 1.0]]))


# --- PPI++


def test_the_estimate_is_that_of_its_authors_package() -> None:
    """ppi-python 0.2.3, power-tuned: value to 1e-9; limits by the normal law with n, not n - 1."""
    rng = np.random.default_rng(1)
    gold = rng.normal(size=100)
    judge = 0.6 * gold + 0.5 * rng.normal(size=100) + 0.3
    rest = 0.6 * rng.normal(size=900) + 0.5 * rng.normal(size=900) + 0.3

    found = powered(np.append(gold, np.full(900, NAN)), np.append(judge, rest))

    assert found.value == pytest.approx(-0.032170734857, abs=1e-9)
    half = (0.094738608888 + 0.159080078601) / 2.0
    assert (found.high - found.low) / 2.0 == pytest.approx(half, rel=0.025)


def test_people_alone_are_the_paired_t_test() -> None:
    """Where all inputs are marked, the judge is not needed."""
    rng = np.random.default_rng(3)
    gold = rng.normal(0.2, 1.0, size=50)

    found = powered(gold, rng.normal(size=50))

    assert found.weight == 0.0
    assert (found.value, found.low) == (found.gold_value, found.gold_low)
    assert found.p == pytest.approx(paired_t(np.zeros(50), gold), abs=1e-12)


@pytest.mark.parametrize("clustered", [False, True])
def test_a_biased_judge_and_100_marks_hold_and_are_narrower(clustered: bool) -> None:  # noqa: FBT001
    """Paired differences of 0.1, a judge who says 0.4: 95 % for people, 0 % for the judge."""
    rng = np.random.default_rng(4)
    codes = np.repeat(np.arange(100), 10) if clustered else None
    held = judge_held = 0
    ratio = []
    for _ in range(400):
        truth = 0.1 + rng.normal(size=1_000)
        if codes is not None:
            truth += 0.7 * rng.normal(size=100)[codes]
        judge = 0.3 + truth + 0.5 * rng.normal(size=1_000)
        gold = np.full(1_000, NAN)
        picked = rng.choice(1_000, 100, replace=False)
        gold[picked] = truth[picked]
        found = powered(gold, judge, depends=Dependence(codes))
        held += found.low <= 0.1 <= found.high
        judge_held += abs(found.judge_value - 0.1) < 2.0 * judge.std() / np.sqrt(1_000)
        ratio.append((found.high - found.low) / (found.gold_high - found.gold_low))

    assert 0.925 <= held / 400 <= 0.98
    assert judge_held <= 4
    assert np.mean(ratio) < 0.75


def test_a_judge_who_knows_nothing_does_no_harm() -> None:
    """Its weight is near 0, and the limits are those of people alone."""
    rng = np.random.default_rng(5)
    gold = np.append(rng.normal(size=100), np.full(900, NAN))

    found = powered(gold, rng.normal(size=1_000))

    assert found.weight < 0.2
    assert found.high - found.low == pytest.approx(found.gold_high - found.gold_low, rel=0.05)


# --- a run


def judged_run(seed: int = 6) -> tuple[Comparison, pd.DataFrame]:
    """Two prompts on 300 inputs scored by a judge who flatters B; people marked 60 inputs."""
    rng = np.random.default_rng(seed)
    lines, gold = [], []
    for i in range(300):
        for prompt, rate in (("A", 0.6), ("B", 0.6)):
            true = float(rng.random() < rate)
            said = true if rng.random() < 0.85 else 1.0 - true
            said = 1.0 if prompt == "B" and rng.random() < 0.5 else said
            name = {"prompt": prompt, "model": "m", "input": i}
            lines.append({**name, "score": said, "request_hash": f"{prompt}{i}"})
            if i % 5 == 0:
                gold.append({**name, "mark": true})
    return Comparison.from_scores(pd.DataFrame(lines)), pd.DataFrame(gold)


def test_a_run_scored_by_a_judge_is_corrected_by_peoples_marks() -> None:
    """The judge calls B better (p < 0.05); people's marks with its help do not."""
    run, gold = judged_run()
    (found,) = run.prediction_powered(gold).to_dict("records")

    assert run.pairs["p"].item() < 0.05
    assert (found["inputs"], found["gold"]) == (300, 60)
    assert found["low"] <= 0.0 <= found["high"]
    assert found["judge_difference"] == pytest.approx(run.pairs["difference"].item())
    assert found["p_adjusted"] > 0.05
    assert list(run.prediction_powered(gold, of="arms")["prompt"]) == ["A", "B"]


def test_agreement_is_said_of_all_arms_and_of_each() -> None:
    """With the bias of the judge, which differs between arms here."""
    run, gold = judged_run()
    every, one, other = (dict(line) for line in run.agreement(gold).to_dict("records"))

    assert [(line["prompt"], line["marks"]) for line in (every, one, other)] == [
        ("all", 120),
        ("A", 60),
        ("B", 60),
    ]
    assert other["bias"] > one["bias"]
    assert other["kappa_low"] < other["kappa"] < one["kappa"] < one["kappa_high"]
    assert 0.6 < every["same"] < 0.95


def test_the_bias_of_a_judge_holds_with_clusters_of_any_size() -> None:
    """Twelve days of 60 to 5 inputs: clusters less one as freedom held 92.6 %, this 95."""
    rng = np.random.default_rng(7)
    day = np.repeat(np.arange(12), np.maximum(1, 60 // np.arange(1, 13)))
    frame = pd.DataFrame({"prompt": "A", "model": "m", "input": np.arange(day.size)})
    held = 0
    for _ in range(80):
        bias = rng.normal(size=12)[day] + rng.normal(size=day.size)
        run = Comparison.from_scores(frame.assign(score=bias + 5.0, cluster=day))
        found = run.agreement(frame.assign(mark=5.0)).iloc[0]
        same = cluster_interval(bias, day.tolist())
        assert (found["bias_low"], found["bias_high"]) == pytest.approx((same.low, same.high))
        held += found["bias_low"] <= 0.0 <= found["bias_high"]

    assert held >= 71


def test_the_bias_of_a_judge_who_agrees_always_is_not_known_to_be_zero() -> None:
    """Twenty marks that are all equal leave room for a few that are not."""
    frame = pd.DataFrame(
        {"prompt": "A", "model": "m", "input": range(20), "score": [0.0, 1.0] * 10}
    )
    found = Comparison.from_scores(frame).agreement(frame.rename(columns={"score": "mark"})).iloc[0]

    assert found["bias"] == 0.0
    assert found["bias_low"] < -0.05
    assert found["bias_high"] > 0.05


def test_marks_come_by_hash_along_the_rows_or_in_a_frame() -> None:
    """All three say the same; `right` and `wrong` are 1 and 0, as `lab.mark` keeps them."""
    run, gold = judged_run()
    by_hash = {
        f"{each.prompt}{each.input}": "right" if each.mark else "wrong"
        for each in gold.itertuples()
    }
    along = run.rows["request_hash"].map(by_hash).map({"right": 1.0, "wrong": 0.0})

    tables = [run.agreement(each) for each in (gold, by_hash, pd.Series(by_hash), along)]

    for table in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda g: g.drop(columns="mark"), "the marks lack the column(s) score"),
        (lambda g: pd.concat([g, g]), "an answer is marked twice"),
        (lambda g: g.assign(input=g["input"] + 1_000), "people marked no answer of this run"),
        (lambda _: {"A0": "good"}, "a mark is a number, right or wrong, not 'good'"),
        (lambda g: g.iloc[:1], "people's marks of at least two inputs are needed"),
    ],
)
def test_marks_that_do_not_fit_are_one_line(change: Any, said: str) -> None:
    """It says what is lacking."""
    run, gold = judged_run()

    with pytest.raises(UsageError) as caught:
        run.prediction_powered(change(gold))

    assert said in str(caught.value)


def test_marks_in_clusters_of_unequal_sizes_have_an_honest_interval() -> None:
    """Sizes by Zipf's law, exponent 2: where clusters less one were the freedom it held 65 %."""
    rng = np.random.default_rng(4)
    sizes = np.maximum(1, (200 / np.arange(1, 13) ** 2).astype(int))
    codes = np.repeat(np.arange(12), sizes)
    held = []
    for _ in range(400):
        true = rng.normal(size=12)[codes] + rng.normal(size=codes.size)
        judge = true + 0.4 + 0.5 * rng.normal(size=12)[codes] + 0.5 * rng.normal(size=codes.size)
        gold = np.where(rng.random(codes.size) < 0.5, true, np.nan)
        found = powered(gold, judge, depends=Dependence(codes))
        held.append((found.low <= 0.0 <= found.high, found.gold_low <= 0.0 <= found.gold_high))

    assert (np.mean(held, axis=0) >= 0.92).all()


def test_a_run_of_words_asked_twice_stays_one_when_people_mark_it() -> None:
    """Its sentence is of noise, not of the better of two prompts that are the same."""
    rng = np.random.default_rng(1)
    lines = [
        {"prompt": prompt, "model": "m", "input": i, "score": float(rng.random() < 0.5)}
        for prompt in ("p", "p again") for i in range(30)
    ]  # fmt: skip
    rows = pd.DataFrame(lines)
    run = Comparison.from_scores(rows, aa=True, trials=40)
    run.rows["request_hash"] = [str(at) for at in range(len(run.rows))]
    first = run.rows["prompt"] == "p"
    found = marked(run, {str(at): "right" if first.iloc[at] else "wrong" for at in range(60)})

    assert found.verdict.startswith("Asked twice with the same words: ")
    assert found.trials == 40
