"""From rows to arms, pairs and a verdict: the numbers a user reads."""

import re
from dataclasses import asdict
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.power import TTestPower

from llmlab.errors import UsageError
from llmlab.stats import arms, detectable, pairs, verdict
from llmlab.stats.differences import paired_t
from llmlab.stats.rates import PairedRates, mcnemar, mid_p
from llmlab.stats.signflip import _lattice_p, _tilted, sign_flip


def make_rows(scores: dict[tuple[str, str], Any], **columns: Any) -> pd.DataFrame:
    """Build rows: arm -> scores as inputs x repeats (or one repeat)."""
    lines = []
    for (prompt, label), given_scores in scores.items():
        table = np.asarray(given_scores, dtype=float)
        table = table[:, None] if table.ndim == 1 else table
        lines += [
            {
                "prompt": prompt,
                "label": label,
                "model": f"{label}-1",
                "provider": "acme",
                "backend": "live",
                "input_id": f"i{i:05d}",
                "repeat": r,
                "status": "ok",
                "score": table[i, r],
                "cost_usd": 0.002,
                "latency_s": 1.0 + i,
                "ttft_s": 0.25,
                "input_tokens": 100,
                "output_tokens": 10,
            }
            | columns
            for i, r in product(range(table.shape[0]), range(table.shape[1]))
        ]
    return pd.DataFrame(lines)


A, B, C = ("terse", "gpt"), ("few-shot", "gpt"), ("few-shot", "claude")
BOTH_A_B_NONE = (
    np.repeat([1.0, 1.0, 0.0, 0.0], [100, 27, 53, 20]),
    np.repeat([1.0, 0.0, 1.0, 0.0], [100, 27, 53, 20]),
)


def test_the_paired_table_gives_the_published_p_values() -> None:
    """100 both, 27 only A, 53 only B, 20 neither: McNemar's score 0.0036504, paired t 0.0034193."""
    a, b = BOTH_A_B_NONE

    (pair,) = pairs(make_rows({A: a, B: b}))

    assert pair.p == pytest.approx(0.0036504, abs=5e-8)
    assert paired_t(a, b) == pytest.approx(0.0034193, abs=5e-8)
    assert (pair.inputs, pair.discordant, pair.test) == (200, 80, "McNemar score")


def test_one_child_against_seven_of_21_has_the_published_interval() -> None:
    """Fagerland, Lydersen & Laake (2014): Tango -.517 to -.026; mid-p .0391, asymptotic .0339."""
    found = PairedRates(7, 1, 21)

    assert found.limits(0.95) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert mid_p(7, 1) == pytest.approx(0.0391, abs=5e-5)
    assert 2.0 * found.below(0.0) == pytest.approx(0.0339, abs=5e-5)
    assert mcnemar(7, 1) == mid_p(7, 1)


def test_15_against_7_is_not_clear() -> None:
    """15 to 7 among the discordant has a score p of 0.0881, and a mid-p of 0.0931."""
    assert mcnemar(15, 7) == pytest.approx(0.09314, abs=5e-6)


@given(table=st.lists(st.integers(0, 40), min_size=4, max_size=4).filter(any))
@settings(max_examples=50)
def test_binary_pairs_agree_with_statsmodels(table: list[int]) -> None:
    """Any paired table gives the larger of statsmodels' asymptotic p and the mid-p."""
    a = np.repeat([1.0, 1.0, 0.0, 0.0], table)
    b = np.repeat([1.0, 0.0, 1.0, 0.0], table)

    (pair,) = pairs(make_rows({("1", "a"): a, ("2", "b"): b}))

    apart, square = table[1] + table[2], [table[:2], table[2:]]
    exact = their_mcnemar(square, exact=True).pvalue
    here = scipy_stats.binom.pmf(min(table[1:3]), apart, 0.5)
    half = 1.0 if table[1] == table[2] else exact - here
    score = their_mcnemar(square, exact=False, correction=False).pvalue if apart else 1.0
    assert pair.p == pytest.approx(max(score, half), abs=1e-9)
    assert pair.low <= pair.difference <= pair.high


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=1, max_size=60))
def test_flipping_signs_of_0_and_1_is_mcnemar(gaps: list[float]) -> None:
    """On 0/1 scores the exact sign-flip test and the exact McNemar test are one test."""
    (p,), (how,) = sign_flip(np.array(gaps)[:, None])

    assert how == "sign-flip exact"
    only_a, only_b = gaps.count(-1.0), gaps.count(1.0)
    apart = only_a + only_b
    theirs = scipy_stats.binomtest(only_a, apart, 0.5).pvalue if apart else 1.0
    assert p == pytest.approx(theirs, abs=1e-9)


@given(gaps=st.lists(st.floats(-1, 1), min_size=2, max_size=10))
@settings(max_examples=40)
def test_few_differences_are_enumerated_as_scipy_does(gaps: list[float]) -> None:
    """Small samples give the p-value of scipy's full permutation."""
    values = np.round(gaps, 3)

    (p,), _ = sign_flip(values[:, None])

    theirs = scipy_stats.permutation_test(
        (values,), lambda sample: float(np.sum(sample)), permutation_type="samples"
    )
    assert p == pytest.approx(min(1.0, theirs.pvalue), abs=1e-9)


@given(gaps=st.lists(st.integers(-6, 6), min_size=1, max_size=12))
@settings(max_examples=40)
def test_the_lattice_law_is_the_enumerated_law(gaps: list[int]) -> None:
    """Thirds through the characteristic function equal all sign choices listed."""
    values = np.array(gaps, dtype=float) / 3

    (p,), _ = sign_flip(values[:, None])

    signs = np.array(list(product([-1.0, 1.0], repeat=values.size)))
    listed = np.mean(np.abs(signs @ values) >= abs(values.sum()) - 1e-9)
    assert p == pytest.approx(listed, abs=1e-9)


def test_drawn_p_values_are_near_the_exact_ones() -> None:
    """Too many differences to list: the seeded draws come near Student's p, and say so."""
    gaps = np.random.default_rng(5).normal(0.2, 1.0, size=120)

    (p,), (how,) = sign_flip(gaps[:, None])

    assert how == "sign-flip, 9,999 draws"
    assert p == pytest.approx(paired_t(np.zeros(120), gaps), abs=0.01)


def test_a_drawn_p_value_is_never_zero() -> None:
    """Not even of differences that all have one sign: 2 of 2^120 choices do as well."""
    gaps = 5.0 + np.random.default_rng(5).normal(size=120)

    (p,), _ = sign_flip(gaps[:, None])

    assert p == pytest.approx(2.0**-119)


def test_thousands_of_inputs_flip_in_blocks_and_still_agree() -> None:
    """Above 1,024 inputs random blocks flip together; the p-value stays that of the mean."""
    gaps = np.random.default_rng(8).normal(0.03, 1.0, size=5_000)

    (p,), _ = sign_flip(gaps[:, None])

    assert p == pytest.approx(paired_t(np.zeros(5_000), gaps), abs=0.02)


def test_the_paired_t_interval_and_p_agree_with_scipy() -> None:
    """Scores that are not 0/1 get scipy's paired t interval."""
    rng = np.random.default_rng(0)
    a, b = rng.random(30), rng.random(30) + 0.1

    (pair,) = pairs(make_rows({("1", "a"): a, ("2", "b"): b}))

    theirs = scipy_stats.ttest_rel(b, a)
    limits = theirs.confidence_interval(0.95)
    assert (pair.low, pair.high) == pytest.approx((limits.low, limits.high), abs=1e-9)
    assert paired_t(a, b) == pytest.approx(theirs.pvalue, abs=1e-9)


def test_swapping_a_and_b_changes_only_signs() -> None:
    """Names decide who is A; the other way round only the sign turns."""
    rng = np.random.default_rng(3)
    a, b = rng.random(40), rng.random(40)

    (one,) = pairs(make_rows({("1", "m"): a, ("2", "m"): b}))
    (two,) = pairs(make_rows({("1", "m"): b, ("2", "m"): a}))

    assert (one.difference, one.low, one.high) == pytest.approx(
        (-two.difference, -two.high, -two.low)
    )
    assert (one.p, one.p_adjusted, one.sd) == pytest.approx((two.p, two.p_adjusted, two.sd))


@given(seed=st.integers(0, 10_000), binary=st.booleans(), repeats=st.integers(1, 3))
@settings(max_examples=25)
def test_the_order_of_rows_does_not_matter(seed: int, binary: bool, repeats: int) -> None:  # noqa: FBT001
    """Shuffled rows give the same arms and the same pairs."""
    rng = np.random.default_rng(seed)
    draws = {arm: rng.random((12, repeats)) for arm in (A, B, C)}
    rows = make_rows({arm: draw < 0.6 if binary else draw for arm, draw in draws.items()})
    shuffled = rows.sample(frac=1.0, random_state=seed)

    before = [asdict(found) for found in pairs(rows)]
    before += [asdict(found) for found in arms(rows, chance=0.5)]
    after = [asdict(found) for found in pairs(shuffled)]
    after += [asdict(found) for found in arms(shuffled, chance=0.5)]

    for one, two in zip(before, after, strict=True):
        for field, first in one.items():
            same = pytest.approx(first, nan_ok=True) if isinstance(first, float) else first
            assert two[field] == same


def test_repeats_are_averaged_within_an_input_first() -> None:
    """Three more repeats of one input do not make it count four times."""
    rows = make_rows({A: [0.0, 1.0]})
    again = rows[rows["input_id"] == "i00001"]

    (arm,) = arms(pd.concat([rows, again, again, again]))

    assert (arm.score, arm.inputs, arm.calls) == (0.5, 2, 5)


def test_a_failed_call_takes_its_input_out_for_every_arm() -> None:
    """Rank, letters and pairs rest on the same inputs, so none contradicts another."""
    rows = make_rows({A: [1, 1, 0, 0], B: [1, 0, 1, 0], C: [0, 0, 0, 1]})
    lost = (rows["label"] == "claude") & (rows["input_id"] == "i00000")
    rows.loc[lost, "status"] = "error"

    assert {pair.inputs for pair in pairs(rows)} == {3}
    assert {(arm.compared, arm.ranked) for arm in arms(rows)} == {(3, True)}
    assert {arm.name: arm.inputs for arm in arms(rows)} == {A: 4, B: 4, C: 3}


@given(seed=st.integers(0, 10_000), size=st.integers(17, 120))
@settings(max_examples=60)
def test_tilted_draws_agree_with_the_exact_tail(seed: int, size: int) -> None:
    """Where plain draws are too coarse their p is near the exact one, down to 1e-10."""
    rng = np.random.default_rng(seed)
    whole = np.ceil(60 * np.abs(rng.normal(0, 1, size)))
    whole *= np.where(rng.random(size) < 0.15, -1, 1)
    exact = _lattice_p(whole)
    assume(1e-10 < exact < 0.005)

    assert _tilted(whole, rng) == pytest.approx(exact, rel=0.2)


def test_a_hundred_arms_can_still_be_told_apart() -> None:
    """17 prompts with 6 models: 5,151 pairs, of which one arm's are as clear as can be."""
    rng = np.random.default_rng(1)
    difficulty = rng.random(60)
    scores = {(f"p{at:03d}", "m"): difficulty + rng.normal(0, 0.02, 60) for at in range(102)}
    scores["p000", "m"] += 0.5

    found = [pair for pair in pairs(make_rows(scores)) if pair.prompt_a == "p000"]

    assert max(pair.p_adjusted for pair in found) < 1e-6


def test_clusters_flip_as_one_and_widen_the_interval() -> None:
    """Days that move together make the pair less sure."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(8), 10)
    a = rng.random(80)
    b = a + rng.normal(0.1, 0.2, 8)[day] + rng.normal(0, 0.02, 80)
    rows = make_rows({A: a, C: b})
    cluster = pd.Series(day, index=[f"i{i:05d}" for i in range(80)])

    (plain,), (clustered,) = pairs(rows), pairs(rows, cluster=cluster)

    assert clustered.high - clustered.low > 2 * (plain.high - plain.low)
    assert clustered.p > plain.p
    assert (clustered.clusters, clustered.test) == (8, "cluster sign-flip exact")


def test_a_cluster_may_be_a_column_a_mapping_or_run_along_the_rows() -> None:
    """However the clusters are handed over, the pairs are the same."""
    rows = make_rows({A: [1, 1, 0, 0, 1, 0], C: [1, 0, 1, 0, 0, 0]})
    rows["day"] = rows["input_id"].str[-1].astype(int) // 2
    by_input = rows.drop_duplicates("input_id").set_index("input_id")["day"]

    ways = [pairs(rows, cluster=way) for way in ("day", dict(by_input), by_input, rows["day"])]

    assert all(way == ways[0] for way in ways)


def test_an_input_in_two_clusters_or_none_is_a_slip() -> None:
    """A wrong cluster column is named with the input that shows it."""
    rows = make_rows({A: [1, 0], C: [0, 1]})
    rows["torn"] = range(4)

    with pytest.raises(UsageError, match=r"i00000.*more than one cluster"):
        pairs(rows, cluster="torn")
    with pytest.raises(UsageError, match=r"i00001.*no cluster"):
        pairs(rows, cluster={"i00000": 1})


def test_an_unknown_cost_makes_the_total_unknown() -> None:
    """One call without a price leaves the arm's cost NaN, never a smaller number."""
    rows = make_rows({A: [1, 0, 1], B: [1, 1, 1]})
    rows.loc[rows["prompt"] == "terse", "cost_usd"] = [0.001, np.nan, 0.001]

    found = {arm.name: arm for arm in arms(rows)}

    assert np.isnan([found[A].cost_usd, found[A].cost_per_1000_usd]).all()
    assert (found[B].cost_usd, found[B].cost_per_1000_usd) == pytest.approx((0.006, 2.0))


def test_failed_calls_are_counted_and_keep_out_of_latency_and_tokens() -> None:
    """A timeout of 600 s is a failure, not a latency."""
    rows = make_rows({A: [1.0, 0.0, np.nan]})
    rows["status"] = ["ok", "ok", "error"]
    rows["latency_s"] = [1.0, 2.0, 600.0]
    rows["input_tokens"] = pd.array([100, 100, None], dtype="Int64")

    (arm,) = arms(rows)

    assert (arm.calls, arm.failures, arm.inputs) == (3, 1, 2)
    assert (arm.latency_p50_s, arm.input_tokens) == pytest.approx((1.5, 200))


def test_backends_are_said() -> None:
    """An arm that two backends answered names both."""
    rows = make_rows({A: [1, 0]})
    rows["backend"] = ["live", "stand-in"]

    (arm,) = arms(rows)

    assert arm.backend == "live+stand-in"


def test_chance_is_tested_exactly_and_adjusted_over_arms() -> None:
    """17 of 20 against 0.53 is scipy's one-sided binomial, Holm over arms."""
    rows = make_rows({A: [1] * 17 + [0] * 3, B: [1] * 11 + [0] * 9})

    best, other = arms(rows, chance=0.53)

    theirs = scipy_stats.binomtest(17, 20, 0.53, "greater").pvalue
    assert best.p_chance == pytest.approx(theirs, abs=1e-9)
    assert best.p_chance_adjusted == pytest.approx(2 * theirs, abs=1e-9)
    assert other.p_chance_adjusted > 0.05


def test_chance_of_other_scores_is_students_t() -> None:
    """Scores that are not 0/1 are tested by scipy's one-sided t."""
    values = np.random.default_rng(1).random(25)

    (arm,) = arms(make_rows({A: values}), chance=0.4)

    theirs = scipy_stats.ttest_1samp(values, 0.4, alternative="greater").pvalue
    assert arm.p_chance == pytest.approx(theirs, abs=1e-9)


def test_equal_scores_above_chance_are_not_infinitely_sure() -> None:
    """Three scores of .7 in 0..1 could have a mean of .4: p is (.4 / .7)^3, not zero."""
    (arm,) = arms(make_rows({A: [0.7, 0.7, 0.7]}), chance=0.4)

    assert arm.p_chance == pytest.approx((0.4 / 0.7) ** 3)


@pytest.mark.parametrize("score", [[1.0], [0.3]])
def test_one_input_is_no_proof(score: list[float]) -> None:
    """A single input gives p of a half or more and never a winner."""
    rows = make_rows({A: score, B: [0.0]})

    (pair,) = pairs(rows)
    words = verdict(arms(rows), [pair])

    assert pair.p >= 0.5
    assert words.sentence == "Both arms are tied."
    assert any(note.startswith("Only 1 input:") for note in words.notes)


@pytest.mark.parametrize("level", [0.0, 0.7, 1.0])
def test_arms_that_are_all_equal_are_tied(level: float) -> None:
    """The same scores everywhere are a tie with p = 1, without a warning."""
    rows = make_rows({arm: [level] * 6 for arm in (A, B, C)})

    found, words = pairs(rows), verdict(arms(rows), pairs(rows))

    assert {pair.p_adjusted for pair in found} == {1.0}
    assert words.sentence == "All 3 arms are tied."
    assert set(words.best) == {A, B, C}


def test_nothing_scored_still_has_costs() -> None:
    """Without a scorer the arms still show cost and latency, and the verdict says so."""
    rows = make_rows({A: [np.nan, np.nan], B: [np.nan, np.nan]})

    found = arms(rows)

    assert np.isnan([arm.score for arm in found]).all()
    assert found[0].cost_usd == pytest.approx(0.004)
    assert verdict(found, pairs(rows)).sentence.startswith("Nothing was scored")


def test_arms_without_a_shared_input_are_not_compared() -> None:
    """No shared input: p is NaN and the verdict says that nothing can be ranked."""
    rows = make_rows({A: [1, 0, np.nan, np.nan], B: [np.nan, np.nan, 1, 1]})

    (pair,) = pairs(rows)
    words = verdict(arms(rows), [pair])

    assert np.isnan(pair.p)
    assert words.sentence == "No input has a score of every arm, so the arms cannot be ranked."


def test_one_arm_has_no_pairs() -> None:
    """A single arm is measured, not compared."""
    rows = make_rows({A: [1, 0, 1, 1]})

    words = verdict(arms(rows), pairs(rows))

    assert pairs(rows) == ()
    assert words.sentence.startswith("terse · gpt scores 0.75 [")


@pytest.mark.parametrize("function", [arms, pairs])
def test_an_empty_frame_is_one_line(function: Any) -> None:
    """No rows: one line, no traceback from deep inside."""
    with pytest.raises(UsageError, match=r"^there are no rows"):
        function(make_rows({A: [1.0]}).iloc[:0])


def test_a_missing_column_is_named() -> None:
    """A frame of another kind is refused with the columns it lacks."""
    with pytest.raises(UsageError, match=r"lack the column\(s\) status, score"):
        pairs(make_rows({A: [1.0]}).drop(columns=["status", "score"]))


def test_a_clear_winner_is_named_with_its_interval() -> None:
    """The sentence carries the name, the score, the interval and the level."""
    rows = make_rows({A: [0] * 30 + [1] * 10, B: [1] * 39 + [0]})

    words = verdict(arms(rows), pairs(rows))

    assert re.fullmatch(
        r"few-shot · gpt is best with 0\.97 \[0\.87, 1\.00\], "
        r"above the other arm \(adjusted p ≤ 0\.05\)\. "
        r"Corrected for being picked as the highest of 2, its score is 0\.97 \[0\.86, 1\.00\]\.",
        words.sentence,
    )
    assert words.tied == ()


def test_a_winner_with_company_names_how_many_are_tied() -> None:
    """Whoever the test cannot tell from the best is counted as tied and listed."""
    rows = make_rows({A: [0] * 40, B: [1] * 38 + [0] * 2, C: [1] * 36 + [0] * 4})

    words = verdict(arms(rows), pairs(rows))

    assert "few-shot · gpt is best with 0.95" in words.sentence
    assert "; 1 other is tied with it (adjusted p > 0.05). Corrected for" in words.sentence
    assert (words.best, words.tied) == ((B,), (C,))


def test_no_better_than_chance_is_said_first() -> None:
    """When nobody beats the constant answer the sentence says that."""
    rows = make_rows({A: [1] * 11 + [0] * 9, B: [1] * 10 + [0] * 10})

    words = verdict(arms(rows, chance=0.53), pairs(rows))

    assert words.sentence == "No arm beats the best constant answer (0.53): tied with chance."
    assert words.beats_chance == ()


def test_simulated_rows_are_marked_in_the_verdict() -> None:
    """Stand-in and local rows are said to be so."""
    rows = make_rows({A: [1, 0], B: [0, 1]}, backend="stand-in")
    rows.loc[rows["prompt"] == "terse", "backend"] = "local"

    words = verdict(arms(rows), pairs(rows))

    assert any("simulator (stand-in)" in note for note in words.notes)
    assert any("embedded local model" in note for note in words.notes)


def test_a_tie_says_what_could_have_been_seen() -> None:
    """The note names the difference found in 80 % of runs at this size."""
    rng = np.random.default_rng(4)
    rows = make_rows({A: rng.random(50), B: rng.random(50)})

    (pair,) = found = pairs(rows)
    words = verdict(arms(rows), found)

    least = detectable(pair.sd, 50)
    assert any(f"a difference of {least:.2f} is found in 80%" in note for note in words.notes)


@pytest.mark.parametrize(("n", "alpha"), [(10, 0.05), (200, 0.01), (3, 0.05)])
def test_the_detectable_difference_agrees_with_statsmodels(n: int, alpha: float) -> None:
    """Power 80 % is where statsmodels' paired t power puts it."""
    least = detectable(0.4, n, alpha=alpha)

    assert TTestPower().power(least / 0.4, n, alpha) == pytest.approx(0.8, abs=1e-6)


def test_detectable_reads_rows_or_differences() -> None:
    """Rows, their differences and their SD give the same number."""
    rng = np.random.default_rng(4)
    a, b = rng.random(50), rng.random(50)

    from_rows = detectable(make_rows({A: a, B: b}))

    assert from_rows == pytest.approx(detectable(list(b - a)))
    assert from_rows == pytest.approx(detectable(float(np.std(b - a, ddof=1)), 50))


@pytest.mark.parametrize("kind", ["binary", "zero-heavy"])
def test_the_best_of_102_arms_can_be_told_from_all_others(kind: str) -> None:
    """Of 5,151 pairs, whatever law the p comes from: fine enough, or of the exact tail."""
    rng, size = np.random.default_rng(1), 60
    scores = {
        (f"p{prompt:02d}", f"m{model}"): (rng.random(size) < 0.2)
        * (1.0 if kind == "binary" else rng.random(size))
        for prompt in range(17)
        for model in range(6)
    }
    scores["p00", "m0"] = np.ones(size)

    found = arms(make_rows(scores))

    assert found[0].name == ("p00", "m0")
    assert found[0].tied == "a"
    assert all("a" not in arm.tied for arm in found[1:])
