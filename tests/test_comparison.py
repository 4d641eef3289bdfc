"""What can be asked of a run: every answer from its rows alone."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from llmlab.comparison import Comparison, compare_runs, read_comparison
from llmlab.errors import UsageError
from llmlab.frames import to_frame
from llmlab.records import Answer, Backend, Failure, Prompt, Request, Row, Usage

DRAW = np.random.default_rng(3)


def _frame(
    scores: dict[tuple[str, str], "np.ndarray[tuple[int], np.dtype[np.float64]]"],
    *,
    cost: dict[tuple[str, str], float] | None = None,
    backend: Callable[[str], Backend] = lambda _: "live",
    **beside: Sequence[object],
) -> pd.DataFrame:
    from decimal import Decimal

    rows = []
    for (prompt, label), values in scores.items():
        for at, value in enumerate(values):
            request = Request(
                provider="openai", model=label, label=label, prompt=Prompt(name=prompt, user="u")
            )
            dollars = (cost or {}).get((prompt, label), 0.001)
            answer = Answer(
                text="x", usage=Usage(input=100, output=10), finish="stop", model=label,
                backend=backend(label), cost=Decimal(str(dollars)), latency=0.5,
                started_at=1.7e9 + at, fingerprint=None,
            )  # fmt: skip
            failed = Failure(kind="Throttled", message="slow")
            rows.append(
                Row(run="r", request=request, request_hash=f"{at}", input_id=f"{at}",
                    outcome=failed if np.isnan(value) else answer,
                    score=None if np.isnan(value) else float(value))
            )  # fmt: skip
    blocks = [at for values in scores.values() for at in range(len(values))]
    return to_frame(rows, {"block": blocks, **beside})


def _binary(rate: float, size: int = 200) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return (DRAW.random(size) < rate).astype(float)


A, B, C = ("p", "cheap"), ("p", "dear"), ("q", "cheap")


@pytest.fixture(name="run")
def _run() -> Comparison:
    good = _binary(0.8)
    flipped = np.where(np.arange(200) < 4, 1.0 - good, good)
    scores = {A: flipped, B: good, C: _binary(0.5)}
    return Comparison("r", _frame(scores, cost={A: 0.0001, B: 0.01, C: 0.0001}), chance=0.5)


def test_a_cheaper_arm_is_not_worse(run: Comparison) -> None:
    """Four flips of 200 stay within ten points; a coin does not; the saving is said."""
    table = run.not_worse("p · dear", margin=0.1).set_index(["prompt", "label"])

    assert table.loc[A, "not_worse"]
    assert not table.loc[C, "not_worse"]
    assert table.loc[A, "cheaper"] == pytest.approx(0.99)
    assert (table["p_adjusted"] >= table["p"]).all()


@pytest.mark.parametrize(
    ("said", "says"),
    [("p", "means 2 arms"), ("p · deer", "did you mean p · dear"), (("x", "y"), "no arm")],
)
def test_an_arm_that_is_not_one_is_one_line(run: Comparison, said: str, says: str) -> None:
    """Ambiguous or misspelt: the line lists what could be meant."""
    with pytest.raises(UsageError, match=says):
        run.not_worse(said, margin=0.1)


def test_a_plan_says_inputs_dollars_and_minutes(run: Comparison) -> None:
    """Every pair has its own size; a smaller difference takes more."""
    small, large = run.plan(difference=0.02), run.plan(difference=0.1)

    assert len(small) == 3
    assert (small["inputs"] > large["inputs"].to_numpy()).all()
    assert small[["cost_usd", "minutes", "inputs_cautious"]].gt(0).all(axis=None)


def test_a_plan_needs_a_difference_where_scores_have_no_scale() -> None:
    """Five hundredths of what? Of a squared error nobody knows."""
    run = Comparison("r", _frame({A: -_binary(0.5), B: -_binary(0.5)}))

    with pytest.raises(UsageError, match="say which difference="):
        run.plan()


def test_the_frontier_says_how_sure_and_where_the_winner_flips(run: Comparison) -> None:
    """The cheapest good arm is on it; the dear one costs what a point is worth."""
    table: Any = run.frontier().set_index(["prompt", "label"])

    assert table.loc[A, "on_frontier"]
    assert table["probability"].between(0.0, 1.0).all()
    assert table.loc[C, "probability"] < 0.05
    if table.loc[B, "on_frontier"]:
        assert table.loc[B, "break_even_usd"] > 0.0


def test_deflating_takes_off_the_luck_of_many_trials(run: Comparison) -> None:
    """The more was tried, the less a lead is worth; the book's count is the default."""
    few, many = run.deflated(trials=1), run.deflated(trials=1000)

    assert (many["probability"] < few["probability"]).all()
    assert (many["p_best"] >= many["p"]).all()
    counted = Comparison("r", run.rows, chance=0.5, trials=50)
    assert counted.deflated()["trials"].tolist() == [50] * 3
    assert any("50 arms were tried" in note for note in counted.notes)
    with pytest.raises(UsageError, match="needs a baseline"):
        Comparison("r", run.rows).deflated()


def test_cuped_narrows_by_what_a_cheap_arm_scored_everywhere() -> None:
    """The dear arm ran on the first 100 of 1,000; the cheap one's scores on all tell the rest."""
    difficulty = DRAW.normal(size=1000)
    cheap = difficulty + 0.3 * DRAW.normal(size=1000)
    dear = np.where(np.arange(1000) < 100, 1.6 * difficulty + 0.3 * DRAW.normal(size=1000), np.nan)
    run = Comparison("r", _frame({A: cheap, B: dear}))

    found = run.cuped("cheap", "dear", "cheap")

    assert found["inputs"] == 100
    assert found["pool"] == 1000
    assert found["variance_ratio"] < 0.7


def test_calibration_is_of_what_was_stated() -> None:
    """Probabilities that come true as often as they say are reliable; plotted as well."""
    truth = DRAW.random(400)
    came = (DRAW.random(400) < truth).astype(int)
    scores = -((truth - came) ** 2)
    run = Comparison(
        "r",
        _frame(
            {A: scores},
            said=[repr(float(each)) for each in truth],
            target=[str(each) for each in came],
        ),
    )

    line = run.calibration().iloc[0]

    assert line["brier"] == pytest.approx(-scores.mean())
    assert line["reliability"] < 0.02
    assert run.plot("calibration").axes
    with pytest.raises(UsageError, match="states a probability"):
        Comparison("r", _frame({A: scores})).calibration()


def test_scores_are_split_at_the_cutoff() -> None:
    """Before it the model may know what came: both sides are shown, and the note says so."""
    before = [True] * 100 + [False] * 100
    scores = np.array([1.0] * 100 + [0.5, 0.0] * 50)
    run = Comparison("r", _frame({A: scores}, before_cutoff=[*before]))

    table = run.by_cutoff.set_index("before_cutoff")

    assert table.loc[True, "score"] == 1.0
    assert table.loc[False, "score"] == 0.25
    assert any("before the cut-off 1 (100 inputs) and after it 0.25 (100)" in n for n in run.notes)
    with pytest.raises(UsageError, match="give as_of="):
        _ = Comparison("r", _frame({A: scores})).by_cutoff


def test_a_model_that_changes_within_a_run_is_flagged() -> None:
    """Another reported model is drift; fingerprints that mix all the time are not."""
    frame = _frame({A: _binary(0.5, 40)})
    assert not any("Drift" in note for note in Comparison("r", frame).notes)

    mixed = frame.assign(fingerprint=pd.Categorical(["x", "y"] * 20))
    changed = frame.assign(fingerprint=pd.Categorical(["x"] * 20 + ["y"] * 20))
    renamed = frame.assign(response_model=pd.Categorical(["m-1"] * 30 + ["m-2"] * 10))

    assert not any("Drift" in note for note in Comparison("r", mixed).notes)
    assert any("answered by 2 versions" in note for note in Comparison("r", changed).notes)
    drifted = Comparison("r", renamed)
    assert any("m-1 (30), m-2 (10)" in note for note in drifted.notes)
    assert drifted.drift["calls"].tolist() == [30, 10]
    assert drifted.drift["first"].is_monotonic_increasing


def test_simulated_and_live_are_never_ranked_without_saying_so() -> None:
    """The verdict itself begins with it."""
    scores = {A: _binary(0.9), B: _binary(0.2)}
    mixed = _frame(scores, backend=lambda label: "live" if label == "cheap" else "stand-in")

    assert Comparison("r", mixed).verdict.startswith("Mixed: 1 of 2 arms")
    assert "Mixed" not in Comparison("r", _frame(scores)).verdict


def test_an_aa_run_measures_its_own_noise() -> None:
    """Each prompt against itself: the share that scores alike, and the floor of what is seen."""
    base = _binary(0.7)
    noisy = np.where(DRAW.random(200) < 0.2, 1.0 - base, base)
    run = Comparison("r", _frame({A: base, ("p again", "cheap"): noisy}), aa=True)

    line = run.noise.iloc[0]

    assert line["same"] == pytest.approx((base == noisy).mean())
    assert line["noise_floor"] > 0.05
    assert run.verdict.startswith("Asked twice with the same words: of 1 arm")
    with pytest.raises(UsageError, match="aa=True"):
        _ = Comparison("r", _frame({A: base})).noise


def test_a_run_that_was_watched_is_tested_so() -> None:
    """The same rows are less sure when they were looked at on the way: p holds at any look."""
    frame = _frame({A: _binary(0.8), B: _binary(0.6)})
    plain, watched = Comparison("r", frame), Comparison("r", frame, bound=1.0)

    assert watched.pairs["test"].tolist() == ["betting, any look"]
    assert watched.pairs["p"][0] > plain.pairs["p"][0]
    width = (watched.pairs["high"] - watched.pairs["low"])[0]
    assert width > (plain.pairs["high"] - plain.pairs["low"])[0]
    assert watched.pairs["difference"][0] == pytest.approx(plain.pairs["difference"][0])


def test_an_input_that_was_cut_short_is_no_look() -> None:
    """A run that stopped leaves calls of its last inputs unsent: those inputs do not count."""
    frame = _frame({A: _binary(0.8), B: _binary(0.6), C: _binary(0.5)})
    cut = frame[~((frame["prompt"] == "q") & (frame["block"] >= 150))]

    run = Comparison("r", cut, bound=1.0)

    assert run.pairs["inputs"].tolist() == [150] * 3


def test_a_watched_run_takes_clusters_as_its_looks() -> None:
    """Ten days of twenty inputs are ten looks."""
    days = [f"{at // 20}" for at in range(200)]
    run = Comparison("r", _frame({A: _binary(0.9), B: _binary(0.1)}, cluster=days * 2), bound=1.0)

    assert run.pairs["clusters"].tolist() == [10]


def test_clusters_come_back_from_the_rows(tmp_path: Path) -> None:
    """An exported run knows its days; its pairs are those of the run. # R-50."""
    days = [f"{at // 20}" for at in range(200)]
    frame = _frame({A: _binary(0.6), B: _binary(0.5)}, cluster=days * 2)
    run = Comparison("r", frame, cluster={str(at): day for at, day in enumerate(days)})

    back = read_comparison(run.export(tmp_path / "rows.csv"))

    pd.testing.assert_frame_equal(back.pairs, run.pairs)
    assert run.pairs["clusters"].tolist() == [10]


def test_two_runs_are_compared_arm_by_arm() -> None:
    """The arm that fell is worse, the others show no change; p is McNemar's."""
    before = {A: _binary(0.9), B: _binary(0.5)}
    fallen = np.where(np.arange(200) < 60, 0.0, before[A])
    old = Comparison("old", _frame(before))
    new = Comparison("new", _frame({A: fallen, B: before[B]}))

    table = compare_runs(old, new).set_index(["prompt", "label"])

    assert table["change"].to_dict() == {A: "worse", B: "none seen"}
    lost = int((before[A][:60] == 1.0).sum())
    assert table.loc[A, "p"] == pytest.approx(scipy_stats.binomtest(0, lost).pvalue)
    assert table.loc[A, "difference"] == pytest.approx(fallen.mean() - before[A].mean())
    with pytest.raises(UsageError, match="share no arm"):
        compare_runs(old, Comparison("x", _frame({C: before[A]})))


def test_repricing_leaves_scores_and_keeps_the_run(run: Comparison) -> None:
    """Only money changes, and the notes say that nothing was sent."""
    again = run.reprice(model="ollama/any")

    assert again.summary["cost_usd"].eq(0.0).all()
    pd.testing.assert_frame_equal(again.pairs, run.pairs)
    assert again.notes[0].startswith("Priced again (model=ollama/any)")


def test_a_run_without_rows_says_so_in_one_line() -> None:
    """Nothing has landed: shown, it says why instead of raising."""
    note = "interrupted: 0 of 9 calls are done; run the cell again to send the rest"

    run = Comparison("news", to_frame([]), unsent=9)

    line = f"news: no rows, so there is nothing to compare; {note}"
    assert repr(run) == line
    assert line in run._repr_html_()


def test_what_an_interrupt_left_is_a_number(run: Comparison) -> None:
    """The notes say it in words; who must know asks the field, and not how a note begins."""
    cut = Comparison("r", run.rows, unsent=3)

    assert (run.unsent, cut.unsent, cut.reprice(model="ollama/any").unsent) == (0, 3, 3)
    told = f"interrupted: {len(run)} of {len(run) + 3} calls are done; run the cell again"
    assert [told in note for note in cut.notes].count(True) == 1
    assert [told in note for note in cut.reprice(model="ollama/any").notes].count(True) == 1
