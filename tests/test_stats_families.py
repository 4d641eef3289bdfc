"""Comparisons as a family: with a baseline, adjusted by the law of the largest, held together."""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from llmlab import Comparison
from llmlab.errors import UsageError
from llmlab.sim import RuleAuthor, Simulator
from llmlab.stats import arms, holm, pairs, verdict
from llmlab.stats.against import places_of
from llmlab.stats.max_t import Contrasts, each_alone, max_t
from llmlab.views.comparison import pair_note
from tests.labs import lab_for
from tests.test_experiment import TWO, design
from tests.test_experiment import frame as texts
from tests.test_stats_compare import make_rows
from tests.test_stats_missing import _random_run

BASE, GOOD, SAME = ("base", "gpt"), ("good", "gpt"), ("same", "gpt")


def against_first(others: int, points: int = 2**17) -> Contrasts:
    """Return many-to-one differences of independent arms of one spread: correlation one half."""
    places = [(0, other) for other in range(1, others + 1)]
    return Contrasts(places=places, covariance=np.eye(others + 1), points=points)


def frame(size: int = 200, seed: int = 0) -> pd.DataFrame:
    """Three prompts with two models, of which one is better and one is like the baseline."""
    rng = np.random.default_rng(seed)
    rates = {"base": 0.5, "good": 0.8, "same": 0.5}
    return pd.DataFrame(
        {"prompt": prompt, "model": model, "input": at, "score": float(rng.random() < rate)}
        for at in range(size)
        for prompt, rate in rates.items()
        for model in ("gpt", "claude")
    )


def test_arms_that_are_not_ranked_give_no_letters_to_those_that_are() -> None:
    """With a baseline the others are not compared, however many pairs there are beside."""
    scored = frame(40).query("model == 'gpt'")
    lost = pd.DataFrame({"prompt": ["x", "y"], "model": "gpt", "input": 0, "score": np.nan})
    run = Comparison.from_scores(pd.concat([scored, lost]), against=BASE)

    ranked = run.summary[run.summary["score"].notna()]
    assert set(ranked["tied"]) == {""}


# --- the law of the largest


@pytest.mark.parametrize(
    ("others", "point_05", "point_01"),
    [(2, 2.21, 2.79), (3, 2.35, 2.92), (4, 2.44, 3.00), (5, 2.51, 3.06), (6, 2.57, 3.11)],
)
def test_dunnetts_published_points(others: int, point_05: float, point_01: float) -> None:
    """Dunnett (1964), Biometrics 20, 482-491, table II, two-sided, infinite degrees of freedom."""
    for level, point in ((0.95, point_05), (0.99, point_01)):
        edge = -special.ndtri(each_alone(against_first(others, 2**18), level) / 2.0)
        assert edge == pytest.approx(point, abs=0.013)


def test_many_to_one_is_the_integral_that_dunnett_gives() -> None:
    """The chance that the largest of five reaches 2.3, by quadrature over the shared arm."""
    edge, others = 2.3, 5

    def inside(shared: float) -> float:
        reach = edge * np.sqrt(2.0)
        kept = special.ndtr(shared + reach) - special.ndtr(shared - reach)
        return float(kept**others * stats.norm.pdf(shared))

    exact = 1.0 - integrate.quad(inside, -8.0, 8.0)[0]
    p = np.full(others, 1.0)
    p[0] = 2.0 * special.ndtr(-edge)

    assert max_t(p, against_first(others, 2**18))[0] == pytest.approx(exact, abs=0.002)


def test_a_dunnett_of_large_samples_is_scipys() -> None:
    """First steps of equal arms of 4,000 each, unpaired, from the same statistics."""
    rng = np.random.default_rng(3)
    control, *samples = [rng.normal(0.03 * (at == 2), 1.0, 4_000) for at in range(4)]
    found = stats.dunnett(*samples, control=control, rng=np.random.default_rng(0))
    p = 2.0 * special.ndtr(-np.abs(found.statistic))
    smallest = int(np.argmin(p))

    ours = max_t(p, against_first(3))

    assert ours[smallest] == pytest.approx(found.pvalue[smallest], abs=0.003)
    assert (ours <= found.pvalue + 0.003).all()


def test_all_pairs_of_alike_arms_are_tukeys() -> None:
    """The law of the studentised range with infinite degrees of freedom."""
    for count in (3, 5, 8):
        places = list(combinations(range(count), 2))
        law = Contrasts(places=places, covariance=np.eye(count), points=2**17)
        edge = -special.ndtri(each_alone(law, 0.95) / 2.0) * np.sqrt(2.0)
        assert edge == pytest.approx(stats.studentized_range.ppf(0.95, count, np.inf), abs=0.03)


@given(
    p=st.lists(st.floats(1e-9, 1.0), min_size=1, max_size=8),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=40, deadline=None)
def test_it_is_never_above_holm_nor_below_the_p_alone(p: list[float], seed: int) -> None:
    """Whatever the covariance; the order of p is kept."""
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(len(p) + 1, len(p) + 1))
    places = [(0, at + 1) for at in range(len(p))]
    law = Contrasts(places=places, covariance=mixed @ mixed.T, points=2_000)
    raw = np.array(p)

    found = max_t(raw, law)

    assert (found <= holm(raw) + 1e-12).all()
    assert (found >= raw - 1e-12).all()
    assert (np.diff(found[np.argsort(raw, kind="stable")]) >= -1e-12).all()


def test_arms_that_are_one_pay_for_one_comparison() -> None:
    """Two copies of an arm: Holm halves the error, the law of the largest does not."""
    law = Contrasts(places=[(0, 1), (0, 2)], covariance=np.array(
        [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]]), points=2**17)  # fmt: skip

    found = max_t(np.array([0.03, 0.03]), law)

    assert found == pytest.approx([0.03, 0.03], abs=0.003)
    assert holm([0.03, 0.03]) == pytest.approx([0.06, 0.06])


def test_what_is_not_known_counts_as_bonferroni_has_it() -> None:
    """A pair on other inputs adds its own p to the law of the rest; without p it does not count."""
    law = Contrasts(places=[(0, 1), (-1, -1), (0, 2)], covariance=np.eye(3), points=2**17)

    found = max_t(np.array([0.01, 0.2, np.nan]), law)

    assert found[0] == pytest.approx(0.02, abs=0.002)
    assert np.isnan(found[2])
    assert each_alone(law, 0.95) == pytest.approx(0.05 / 3.0)


# --- who is compared with whom


def test_a_baseline_is_an_arm_a_prompt_or_a_model() -> None:
    """A prompt is compared within each model, a model within each prompt, an arm with all."""
    names = [(prompt, model) for prompt in "ABC" for model in ("gpt", "claude")]

    def told(against: Any) -> list[tuple[str, str]]:
        return [
            (" ".join(names[one]), " ".join(names[other]))
            for one, other in places_of(names, against)
        ]

    assert told("A") == [
        ("A gpt", "B gpt"), ("A gpt", "C gpt"), ("A claude", "B claude"), ("A claude", "C claude"),
    ]  # fmt: skip
    assert told("gpt") == [("A gpt", "A claude"), ("B gpt", "B claude"), ("C gpt", "C claude")]
    assert told("A · gpt") == told(("A", "gpt")) == [("A gpt", " ".join(n)) for n in names[1:]]
    assert len(places_of(names)) == 15


@pytest.mark.parametrize(
    ("against", "says"),
    [
        ("bas", "against='bas' is no prompt, model or arm; did you mean base"),
        ("good · gtp", "did you mean good · gpt"),
        ("zzz", "there are base, good, same, claude, gpt"),
    ],
)
def test_a_baseline_that_is_not_there_is_one_line(against: str, says: str) -> None:
    """With the nearest name."""
    with pytest.raises(UsageError) as caught:
        _ = Comparison.from_scores(frame(5), against=against).pairs

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_a_prompt_and_a_model_is_asked_about() -> None:
    """And a baseline without any other arm is none."""
    with pytest.raises(UsageError, match="is a prompt and a model; say one of"):
        places_of([("gpt", "x"), ("a", "gpt"), ("a", "x")], "gpt")
    with pytest.raises(UsageError, match="there is no other arm"):
        places_of([("a", "x"), ("a", "y")], "a")


# --- what is said


def test_the_sentence_is_of_the_baseline() -> None:
    """Two of four are above it, with the same model; the pairs are those four."""
    run = Comparison.from_scores(frame(), against="base")

    assert run.verdict.startswith("2 of 4 arms are above base with the same model (adjusted p ≤ ")
    assert run.verdict.endswith("; 2 are not told apart from it.")
    assert set(run.pairs["prompt_a"]) == {"base"}
    assert len(run.pairs) == 4
    assert set(run.summary["tied"]) == {""}
    assert run.against == run.reprice().against == "base"
    assert "for all 4 pairs together (max-t)" in pair_note(run.shown)


def test_one_arm_beside_its_baseline_is_told_with_its_difference() -> None:
    """And nobody above is told so."""
    rng = np.random.default_rng(0)
    a = (rng.random(100) < 0.5).astype(float)
    good = np.where(rng.random(100) < 0.5, 1.0, a)

    up = Comparison("r", make_rows({BASE: a, GOOD: good}), against="base")
    down = Comparison("r", make_rows({BASE: good, GOOD: a}), against="base")
    flat = Comparison("r", make_rows({BASE: a, GOOD: a, SAME: a}), against="base")

    assert up.verdict.startswith("good · gpt is above base · gpt by 0.")
    assert down.verdict.startswith("good · gpt is below base · gpt by 0.")
    assert flat.verdict == (
        "None of 2 arms is above base · gpt (adjusted p > 0.05); 2 are not told apart from it."
    )


def test_a_baseline_asks_for_less_than_all_pairs_do() -> None:
    """Its family is smaller, and so is the plan's."""
    scores = frame(60).query("model == 'gpt'")
    run, wide = (Comparison.from_scores(scores, against=each) for each in ("base", None))
    key = ["prompt_a", "label_a", "prompt_b", "label_b"]
    both = run.pairs.merge(wide.pairs, on=key, suffixes=("", "_all"))

    assert (both["p_adjusted"] <= both["p_adjusted_all"] + 1e-12).all()
    assert (both["p"] == both["p_all"]).all()
    assert run.plan()["inputs"].min() < wide.plan()["inputs"].min()


def test_no_sentence_about_a_baseline_contradicts_its_pair() -> None:
    """Random runs with informative missing scores: above and below are the signs of pairs."""
    rng = np.random.default_rng(17)
    for _ in range(60):
        rows = _random_run(rng)
        found = pairs(rows, against="a")
        listed = arms(rows, compared=found)
        said = verdict(listed, found, against="a")
        told = {pair.b: pair for pair in found}
        for name, sign in [(n, 1.0) for n in said.above] + [(n, -1.0) for n in said.below]:
            assert told[name].p_adjusted <= 0.05
            assert sign * told[name].difference > 0.0
            assert sign * told[name].low > 0.0 or sign * told[name].high > 0.0
        for pair in found:
            if pair.b not in (*said.above, *said.below):
                assert not (pair.p_adjusted <= 0.05 and said.best)
            if not np.isnan(pair.low):
                assert (pair.p <= 0.05) is not (pair.low <= 0.0 <= pair.high)
            assert np.isnan(pair.p) or pair.p_adjusted >= pair.p - 1e-12


# --- intervals of all together


@pytest.mark.parametrize("adjust", ["max-t", "holm"])
@pytest.mark.parametrize("against", [None, "base", "base · gpt"])
def test_an_interval_of_all_that_leaves_out_zero_is_a_claim(
    adjust: str, against: str | None
) -> None:
    """Wider than that of the pair alone, and never against adjusted p."""
    for seed in range(2):
        run = Comparison.from_scores(frame(80, seed))
        table = run.family(against, adjust)
        alone = Comparison.from_scores(frame(80, seed), against=against).pairs
        out = (table["all_low"] > 0.0) | (table["all_high"] < 0.0)

        assert (table.loc[out, "p_adjusted"] <= 0.05).all()
        assert (table["all_low"] <= alone["low"] + 1e-12).all()
        assert (table["all_high"] >= alone["high"] - 1e-12).all()


def test_max_t_keeps_the_error_of_a_family_of_clusters() -> None:
    """Five arms like the baseline in 20 clusters of 5: one false claim in at most 5 % of runs."""
    rng, day = np.random.default_rng(5), np.repeat(np.arange(20), 5)
    cluster = {f"i{at:05d}": int(day[at]) for at in range(100)}
    wrong = 0
    for _ in range(25):
        shared = rng.normal(size=(100, 1)) + 0.7 * rng.normal(size=(20, 6))[day]
        scores = shared + rng.normal(size=(100, 6))
        rows = make_rows({(f"p{at}", "m"): scores[:, at] for at in range(6)})
        found = pairs(rows, cluster=cluster, against="p0")
        wrong += any(pair.p_adjusted <= 0.05 for pair in found)

    assert wrong <= 4


def test_a_family_that_cannot_be_is_one_line() -> None:
    """An adjustment that is none, and max-t of a run that could stop."""
    run = Comparison.from_scores(frame(10))
    watched = Comparison("r", run.rows.assign(block=0), bound=1.0)

    with pytest.raises(UsageError, match="there is no adjust='max'; did you mean max-t"):
        run.family(adjust="max")
    with pytest.raises(UsageError, match="adjust='holm'"):
        watched.family(adjust="max-t")


# --- a lab


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"against": "AA"}, "against='AA' is no prompt, model or arm; did you mean A"),
        ({"against": "A", "stop_when_clear": True}, "leave out one of the two"),
    ],
)
def test_a_design_with_a_bad_baseline_is_one_line(options: dict[str, Any], says: str) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=says):
        design(**options)


async def test_a_run_keeps_its_baseline() -> None:
    """The Comparison, and the same one out of the book."""
    async with Simulator(author=RuleAuthor(seed=1)) as simulator, lab_for(simulator) as lab:
        run = await lab.abtest_async(
            TWO, ["gpt"], on=texts(), score="label", target="side", against="B", quiet=True,
            max_tokens=20,
        )  # fmt: skip
        again = lab.run(run.name)

    assert run.against == again.against == "B"
    assert run.pairs.equals(again.pairs)
    assert run.pairs["prompt_a"].tolist() == ["B"]
