"""The luck of many revisions, taken off: over all arms of a run, and over all sessions."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from llmlab import Comparison
from llmlab.comparison.sessions import reality_check as over_sessions
from llmlab.errors import UsageError
from llmlab.stats.overfitting import overfitting
from llmlab.stats.reality_check import PairedLead, reality_check, stationary, superior
from llmlab.stats.spread import Dependence, spread

Floats = npt.NDArray[np.float64]
SESSIONS, REVISIONS, INPUTS, SIZE = 20, 5, 60, 5


def sessions(rng: np.random.Generator, *, shared: bool, clustered: bool) -> list[PairedLead]:
    """20 sessions with 5 revisions each that are worth nothing; clusters have an ICC of .5."""

    def draw(columns: int) -> Floats:
        own = rng.normal(size=(INPUTS, columns))
        if not clustered:
            return np.asarray(own)
        of = np.repeat(rng.normal(size=(INPUTS // SIZE, columns)), SIZE, axis=0)
        return np.asarray(np.sqrt(0.5) * (of + own))

    codes = np.repeat(np.arange(INPUTS // SIZE), SIZE) if clustered else np.arange(INPUTS)
    base, made = draw(1), []
    for session in range(SESSIONS):
        base = base if shared else draw(1)
        units = codes if shared else codes + session * INPUTS
        made += [PairedLead(gap, units, clustered=clustered) for gap in (draw(REVISIONS) - base).T]
    return made


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("clustered", [True, False])
def test_of_100_worthless_revisions_over_20_sessions_few_are_called_real(
    shared: bool,  # noqa: FBT001 - a parameter of the test
    clustered: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """At most 5 % of such histories, within what 60 of them can tell; unadjusted nearly all."""
    rng = np.random.default_rng(7)
    found = [
        reality_check(sessions(rng, shared=shared, clustered=clustered), draws=500)
        for _ in range(60)
    ]

    assert np.mean([each.among_all.min() <= 0.05 for each in found]) <= 0.10
    # Of 1,587 and more histories 52 % to 98 % (docs/statistics.md); 60 of them can show 40.
    assert np.mean([each.alone.min() <= 0.05 for each in found]) > 0.35


def test_a_revision_that_is_better_is_found_among_100() -> None:
    """A lead of nine tenths of the spread of an input, on 60 inputs."""
    rng = np.random.default_rng(8)
    found = []
    for _ in range(20):
        leads = sessions(rng, shared=False, clustered=False)
        leads[52] = PairedLead(leads[52].gaps + 0.9, leads[52].units)
        found.append(reality_check(leads, draws=500).among_all[52] <= 0.05)

    assert np.mean(found) > 0.8


def test_revisions_that_are_copies_of_each_other_pay_for_one() -> None:
    """The draws see what goes together: 50 copies have the p-value of one; Holm has 50 times."""
    rng = np.random.default_rng(9)
    gaps = rng.normal(0.3, 1.0, size=80)
    one = reality_check([PairedLead(gaps, np.arange(80))], draws=20_000)
    many = reality_check([PairedLead(gaps, np.arange(80))] * 50, draws=20_000)

    assert many.among_all == pytest.approx(np.repeat(one.among_all, 50), rel=0.25)


def test_the_steps_are_those_of_all_sign_flips() -> None:
    """Against an enumeration of 2^10 flips of clusters, every t statistic made anew."""
    rng = np.random.default_rng(10)
    units = np.repeat(np.arange(10), 3)
    gaps = rng.normal(0.4, 1.0, size=(30, 2)) + rng.normal(size=(10, 2))[np.arange(30) // 3]

    def t(values: Floats) -> float:
        return float(values.mean() / spread(values, Dependence(units)).error)

    seen = np.array([t(each) for each in gaps.T])
    every = np.array(
        [[t(flip[units] * each) for each in gaps.T]
         for flip in (1.0 - 2.0 * ((code >> np.arange(10)) & 1) for code in range(1024))]
    )  # fmt: skip
    first = int(np.argmax(seen))
    exact = np.empty(2)
    exact[first] = (every.max(axis=1) >= seen[first] - 1e-9).mean()
    exact[1 - first] = max(exact[first], (every[:, 1 - first] >= seen[1 - first] - 1e-9).mean())
    leads = [PairedLead(each, units, clustered=True) for each in gaps.T]
    found = reality_check(leads, draws=40_000)

    assert found.among_all == pytest.approx(np.fmax(exact, found.alone), abs=0.01)


@pytest.mark.parametrize(
    ("seed", "block", "spa", "white"),
    [(0, 10, 0.0, 0.001), (1, 4, 0.256, 0.465), (2, 25, 0.266, 0.349)],
)
def test_white_and_hansen_are_those_of_arch(
    seed: int, block: int, spa: float, white: float
) -> None:
    """`arch.bootstrap.SPA` 8.0.0 with the same draws: `consistent` and `upper`, of 1,000."""
    rng = np.random.default_rng(seed)
    gaps = rng.standard_normal((200, 6)) + np.array([0.15, 0.05, 0.0, -0.1, -0.3, -0.6])
    path = np.cumsum(gaps, axis=0)
    found = superior(path[3:] - path[:-3], block, draws=1_000, seed=seed)

    # Ours counts what was seen as a draw of its own, so that it is never 0.
    assert ((found.spa * 1_001 - 1) / 1_000, (found.white * 1_001 - 1) / 1_000) == pytest.approx(
        (spa, white), abs=1e-9
    )


def test_stretches_of_the_stationary_bootstrap_are_as_long_as_said() -> None:
    """Every date may come; a stretch goes on with nine in ten where ten are asked for."""
    rng = np.random.default_rng(0)
    drawn = np.array([stationary(100, 10.0, rng) for _ in range(200)])

    assert ((drawn[:, 1:] - drawn[:, :-1]) % 100 == 1).mean() == pytest.approx(0.9, abs=0.01)
    assert np.unique(drawn).size == 100


def test_the_probability_of_overfitting_is_that_of_brute_force() -> None:
    """Every half of six parts chooses, ranks counted one by one."""
    rng = np.random.default_rng(11)
    scores, parts = rng.normal(size=(60, 7)), np.repeat(np.arange(6), 10)
    below = []
    for half in combinations(range(6), 3):
        here = np.isin(parts, half)
        best = scores[here].mean(axis=0).argmax()
        other = scores[~here].mean(axis=0)
        rank = sum(each <= other[best] for each in other) / 8
        below.append(np.log(rank / (1.0 - rank)) <= 0.0)
    found = overfitting(scores, parts)

    assert found.probability == pytest.approx(np.mean(below), abs=1e-12)
    assert found.splits == 20


def test_overfitting_is_half_without_and_none_with_a_better_arm() -> None:
    """Arms alike are chosen by luck; one far ahead is the right choice everywhere."""
    rng = np.random.default_rng(12)
    alike = [
        overfitting(rng.normal(size=(100, 9)), np.repeat(np.arange(10), 10)).probability
        for _ in range(20)
    ]
    clear = rng.normal(size=(100, 9))
    clear[:, 4] += 2.0

    assert 0.35 <= np.mean(alike) <= 0.7
    assert overfitting(clear, np.repeat(np.arange(10), 10)).probability == 0.0
    with pytest.raises(UsageError, match="even number"):
        overfitting(clear, np.repeat(np.arange(5), 20))


def test_a_lead_that_is_the_same_everywhere_is_the_surest_of_all() -> None:
    """20 of 20 right against a chance of one half: as rare as 20 signs that agree."""
    sure = PairedLead(np.full(20, 0.5), np.arange(20))
    few = PairedLead(np.full(4, 0.5), np.arange(4))
    none = PairedLead(np.zeros(20), np.arange(20))
    less = PairedLead(np.full(20, -0.5), np.arange(20))
    found = reality_check([sure, few, none, less])

    assert found.among_all[0] < 0.001
    assert found.among_all[1] >= found.alone[1] == pytest.approx(2.0**-4)
    assert found.among_all[2:].tolist() == [1.0, 1.0]


def test_arms_of_coins_that_all_fall_alike_are_seldom_called_real() -> None:
    """Leads without any spread come by luck where inputs are few, and pay for their number."""
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        leads = [PairedLead(rng.choice([-0.5, 0.5], 8), np.arange(8) + 8 * at) for at in range(5)]
        found.append(reality_check(leads, draws=400, seed=seed).among_all.min() <= 0.05)

    assert np.mean(found) <= 0.08


def test_arms_that_equal_the_baseline_prove_nothing_by_any_bootstrap() -> None:
    """No lead on any date has p = 1; too few dates have none."""
    assert superior(np.zeros((100, 3)), 10.0) == (1.0, 1.0)
    assert np.isnan(superior(np.ones((2, 3)), 5.0)).all()


# ---- of runs ----------------------------------------------------------------------------------


def revised(rng: np.random.Generator, name: str, lift: float = 0.0) -> Comparison:
    """A session: a baseline and two revisions on 40 inputs, the first better by *lift*."""
    lines = [
        {"prompt": prompt, "model": "m", "input": i, "cluster": f"{name}{i // 4}",
         "score": rng.normal() + (lift if prompt == "first" else 0.0)}
        for prompt in ("base", "first", "second") for i in range(40)
    ]  # fmt: skip
    return Comparison.from_scores(pd.DataFrame(lines), name=name)


def test_sessions_are_checked_together_and_after_each() -> None:
    """What is found at once is dearer where one looked after every session."""
    rng = np.random.default_rng(13)
    runs = [revised(rng, "a"), revised(rng, "b"), revised(rng, "c", lift=2.0)]
    found = over_sessions(runs, "base")

    assert found[["run", "prompt"]].iloc[0].tolist() == ["c", "first"]
    assert found["p_adjusted"].iloc[0] < 0.05
    assert (found["p_adjusted"] >= found["p"] - 1e-12).all()
    assert (found["p_any_look"] >= found["p"] - 1e-12).all()
    assert found["trials"].tolist() == [6] * 6
    assert runs[2].reality_check("base")["prompt"].tolist() == ["first", "second"]


def test_a_baseline_must_be_there() -> None:
    """One line names what is missing."""
    run = revised(np.random.default_rng(0), "a")
    with pytest.raises(UsageError, match="say baseline="):
        run.reality_check()
    with pytest.raises(UsageError, match="no arm is called 'nobody'"):
        run.reality_check("nobody")


def test_dates_that_overlap_have_the_reality_check_of_their_order() -> None:
    """Holm on long-run p-values, with White's and Hansen's of the best arm beside them."""
    rng = np.random.default_rng(14)
    days = pd.bdate_range("2024-01-01", periods=100, tz="UTC")
    lines = [
        {"prompt": prompt, "model": "m", "input": d, "as_of": day, "score": rng.normal()}
        for prompt in ("base", "first", "second") for d, day in enumerate(days)
    ]  # fmt: skip
    run = Comparison.from_scores(pd.DataFrame(lines), horizon=5)
    found = run.reality_check("base")

    assert found["test"].unique().tolist() == ["Holm, long-run"]
    assert (found["p_spa"] <= found["p_white"]).all()
    assert 0.0 <= run.overfitting()["probability"] <= 1.0
