"""Arms that miss different inputs: no sentence contradicts its pair."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from llmlab.stats import Arm, Pair, Verdict, arms, pairs, verdict
from llmlab.stats.shared import comparable, possible
from tests.test_stats_compare import make_rows

RUNS = 1_000
"""In the suite; 10,000 were held once, with the same seed."""

A, B, C = ("a", "m"), ("b", "m"), ("c", "m")


def judged(rows: pd.DataFrame) -> tuple[tuple[Arm, ...], tuple[Pair, ...], Verdict]:
    """Read a run as a Comparison does."""
    found = pairs(rows)
    listed = arms(rows, compared=found)
    return listed, found, verdict(listed, found)


def a_case_of_40_and_100() -> pd.DataFrame:
    """A is scored on 40 inputs with .75; B on 100: 1.00 on those 40, .60 over all."""
    a = np.full(100, np.nan)
    a[:40] = np.repeat([1.0, 0.0], [30, 10])
    b = np.zeros(100)
    b[:60] = 1.0
    return make_rows({A: a, B: b})


def test_the_arm_that_is_better_on_the_shared_inputs_is_best() -> None:
    """It was once said that A is best, while its own pair said B minus A = +.25, p = .002."""
    listed, (pair,), said = judged(a_case_of_40_and_100())

    assert (pair.difference, pair.inputs, pair.missing) == (0.25, 40, 60)
    assert pair.p == pytest.approx(0.001565, abs=1e-6)
    assert [arm.name for arm in listed] == [B, A]
    assert [(arm.score, arm.score_all) for arm in listed] == [(1.0, 0.6), (0.75, 0.75)]
    assert said.best == (B,)
    assert said.sentence.startswith("b · m is best with 1.00 [0.91, 1.00] on the 40 of 100 inputs")


def test_what_the_missing_scores_could_do_is_said() -> None:
    """Over all 100 inputs the lead lies anywhere between -.30 and +.30: 60 scores are missing."""
    _, (pair,), said = judged(a_case_of_40_and_100())

    assert (pair.possible_low, pair.possible_high) == pytest.approx((-0.30, 0.30))
    assert (
        "The lead could be reversed by the missing scores: over all inputs it lies between "
        "-0.30 and 0.30." in said.notes
    )


def test_an_arm_with_few_scores_is_not_ranked_and_takes_no_input_from_the_others() -> None:
    """Its own pair with the best is said all the same."""
    few = np.full(60, np.nan)
    few[:12] = 1.0
    good, poor = np.ones(60), np.zeros(60)
    good[:12] = 0.0
    listed, _, said = judged(make_rows({A: good, B: poor, C: few}))

    assert {arm.name: arm.ranked for arm in listed} == {A: True, B: True, C: False}
    assert {arm.compared for arm in listed if arm.ranked} == {60}
    assert next(arm.tied for arm in listed if arm.name == C) == ""
    assert said.best == (A,)
    assert said.sentence.endswith(
        "c · m has scores on 12 inputs only and is not ranked; "
        "on the 12 that it shares with a · m it is above it."
    )


def test_an_arm_without_any_score_is_not_called_tied() -> None:
    """Nothing is known of it: it has no letter and no rank."""
    listed, _, said = judged(make_rows({A: np.ones(9), B: np.zeros(9), C: np.full(9, np.nan)}))

    assert [arm.tied for arm in listed if arm.name == C] == [""]
    assert C not in (*said.best, *said.tied)


def test_arms_that_share_no_input_are_not_ranked() -> None:
    """Means over different inputs do not compare."""
    one, other = np.ones(40), np.zeros(40)
    one[20:] = np.nan
    other[:20] = np.nan
    listed, _, said = judged(make_rows({A: one, B: other}))

    assert said.best == ()
    assert said.sentence == "No input has a score of every arm, so the arms cannot be ranked."
    assert {arm.tied for arm in listed} == {""}


def test_the_share_below_which_an_arm_is_not_ranked_is_half_of_the_median() -> None:
    """One arm that was run on more inputs than the others does not put them aside."""
    has = np.zeros((100, 4), dtype=bool)
    for column, count in enumerate((100, 30, 30, 14)):
        has[:count, column] = True

    ranked, compared = comparable(has)

    assert ranked.tolist() == [True, True, True, False]
    assert compared.sum() == 30


def test_bounds_hold_whatever_the_missing_scores_are() -> None:
    """Filling the gaps at random never leaves them, and the corners reach them."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 30)).astype(float)
    a[:7], b[5:11] = np.nan, np.nan
    low, high = possible(a, b, 0.0, 1.0)

    for _ in range(200):
        filled = [np.where(np.isnan(each), rng.integers(0, 2, 30), each) for each in (a, b)]
        assert low - 1e-12 <= (filled[1] - filled[0]).mean() <= high + 1e-12


def test_no_sentence_contradicts_its_pair() -> None:
    """Random runs whose missing scores depend on what they would have been."""
    rng = np.random.default_rng(7)
    for _ in range(RUNS):
        _holds(*judged(_random_run(rng)))


def _random_run(rng: np.random.Generator) -> pd.DataFrame:
    """Draw a run in which good or bad scores get lost, more so in some arms."""
    count, size = int(rng.integers(2, 5)), int(rng.integers(6, 40))
    difficulty = rng.random(size)
    scores = {}
    for place in range(count):
        skill = rng.random()
        score = (rng.random(size) < skill * difficulty**0.3).astype(float)
        lost = rng.random(size) < rng.random() ** 2 * np.where(score == rng.integers(2), 1.0, 0.2)
        scores[chr(97 + place), "m"] = np.where(lost, np.nan, score)
    return make_rows(scores)


def _holds(listed: tuple[Arm, ...], found: tuple[Pair, ...], said: Verdict) -> None:
    lead = {(pair.b, pair.a): pair.difference for pair in found}
    lead |= {(pair.a, pair.b): -pair.difference for pair in found}
    apart = {(pair.a, pair.b) for pair in found if pair.p_adjusted <= 0.05}
    apart |= {(b, a) for a, b in apart}
    ranked = [arm for arm in listed if arm.compared]
    for one, other in pairwise(ranked):
        assert lead[one.name, other.name] >= -1e-12
        assert bool(set(one.tied) & set(other.tied)) is ((one.name, other.name) not in apart)
    for best in said.best:
        for arm in ranked:
            if arm.name not in (*said.best, *said.tied):
                assert (best, arm.name) in apart
                assert lead[best, arm.name] > 0.0
    for name in re.findall(r"(\w) · m is best with", said.sentence):
        assert not any(other == (name, "m") and gap > 1e-12 and (one, other) in apart
                       and one in {arm.name for arm in ranked}
                       for (one, other), gap in lead.items())  # fmt: skip
