"""What a plan promises is what the test delivers."""

import math

import numpy as np
import pandas as pd
import pytest

from llmlab.errors import UsageError
from llmlab.stats import arms, pairs, plan, verdict
from llmlab.stats.rates import mcnemar
from llmlab.stats.reach import Reach, least_units
from llmlab.stats.signflip import sign_flip
from tests.test_stats_compare import make_rows

A, B = ("a", "m"), ("b", "m")


def test_the_fewest_clusters_for_each_number_of_arms() -> None:
    """2, 3, 6, 12 and 24 arms need 6, 7, 10, 12 and 14 clusters: fewer can find nothing."""
    needed = [least_units(0.05 / math.comb(count, 2)) for count in (2, 3, 6, 12, 24)]

    assert needed == [6, 7, 10, 12, 14]


@pytest.mark.parametrize(("share", "difference", "pairs"), [(0.3, 0.1, 1), (0.25, 0.1, 15)])
def test_inputs_for_80_percent_find_it_in_78_to_82(
    share: float, difference: float, pairs: int
) -> None:
    """Right and wrong answers, by the exact test that the run uses."""
    test = Reach(sd=0.5, alpha=0.05 / pairs, discordant=share)
    needed = test.units(difference, 0.8)
    rng = np.random.default_rng(0)
    apart = rng.binomial(needed, share, 4_000)
    up = rng.binomial(apart, (share + difference) / (2.0 * share))

    p = [mcnemar(int(k - u), int(u)) for k, u in zip(apart, up, strict=True)]
    found = np.mean(np.array(p) <= test.alpha)

    assert 0.78 <= found <= 0.82


@pytest.mark.parametrize(("difference", "pairs"), [(0.12, 1), (0.25, 15)])
def test_clusters_for_80_percent_find_it_in_78_to_83(difference: float, pairs: int) -> None:
    """Means of clusters, by the sign flips that the run uses."""
    test = Reach(sd=0.25, alpha=0.05 / pairs)
    needed = test.units(difference, 0.8)
    gaps = np.random.default_rng(0).normal(difference, 0.25, (needed, 1_500))

    p, _ = sign_flip(gaps)

    assert 0.78 <= np.mean(p <= test.alpha) <= 0.83


def _clustered(clusters: int, size: int = 10) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    day = np.repeat(np.arange(clusters), size)
    a = rng.normal(0, 1, clusters * size)
    b = a + rng.normal(0.0, 0.3, clusters)[day] + rng.normal(0, 0.1, clusters * size)
    rows = make_rows({A: a, B: b})
    return rows.assign(day=day[rows["input_id"].str[1:].astype(int)])


def test_a_plan_counts_clusters_where_inputs_move_together() -> None:
    """More inputs of the same days would not help: it says of how many days they must be."""
    (found,) = plan(_clustered(12), difference=0.2, cluster="day")

    assert found.clusters is not None
    assert found.inputs == 10 * found.clusters
    assert found.clusters >= 6


def test_a_pilot_of_three_clusters_makes_no_plan() -> None:
    """It once promised 80 % and delivered 0."""
    with pytest.raises(UsageError, match="a pilot of at least 6 clusters, and this one has 3"):
        plan(_clustered(3), difference=0.2, cluster="day")


def test_too_few_clusters_are_said_to_find_nothing() -> None:
    """No p can fall low enough, so no detectable difference is promised."""
    rows = _clustered(5)
    found = pairs(rows, cluster="day")

    notes = verdict(arms(rows, cluster="day", compared=found), found).notes

    assert (
        "With 5 clusters no difference can be found, however large: 1 comparison needs at least "
        "6 clusters at 0.05."
    ) in notes
    assert not any("is found in 80%" in note for note in notes)
