"""Outcomes that are known later: added to a kept run, whose statistics follow."""

import asyncio
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from llmlab import Comparison, Lab
from llmlab.errors import UsageError
from llmlab.scores import label
from llmlab.sim import Simulator
from tests.labs import lab_for
from tests.test_saved import HEADLINES, abtest, keyless


def later(first: int = 0, last: int | None = None) -> "pd.Series[Any]":
    """The labels of some inputs, by input id."""
    return HEADLINES["label"].iloc[first:last].rename(index=str)


def unresolved() -> pd.DataFrame:
    """The inputs before anybody knows their labels."""
    return HEADLINES.assign(label=None)


async def kept(simulator: Simulator, book: Path, **options: Any) -> Comparison:
    """A run whose targets are not known yet."""
    async with lab_for(simulator, book=book) as lab:
        return await abtest(lab, name="r", on=unresolved(), **{"score": "contains", **options})


async def in_lab(book: Path, work: Any) -> Any:
    """What *work* returns of a lab that can ask nobody."""
    async with keyless(book) as lab:
        return await asyncio.to_thread(work, lab)


async def test_resolved_in_parts_a_run_is_as_if_its_targets_had_been_there(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Scores, chance, verdict; after reopening too, without a key; the rest stays untargeted."""
    run = await kept(simulator, tmp_path / "a.db")
    async with lab_for(simulator, book=tmp_path / "b.db") as lab:
        whole = await abtest(lab, name="r", score="contains")
    book = tmp_path / "a.db"
    part = await in_lab(book, lambda lab: lab.run("r").resolve(later(0, 2)))
    full = await in_lab(book, lambda lab: lab.resolve("r", later().to_frame("label"), "label"))
    again = await in_lab(book, lambda lab: lab.run("r"))

    assert (run.rows["outcome"] == "untargeted").all()
    done = part.rows["input_id"].isin(later(0, 2).index)
    assert (part.rows.loc[~done, "outcome"] == "untargeted").all()
    assert part.rows.loc[done, "score"].notna().all()
    assert again.chance == full.chance == whole.chance
    assert again.verdict == whole.verdict
    pd.testing.assert_frame_equal(again.rows, full.rows)
    columns = ["input_id", "label", "prompt", "target", "said", "score", "outcome"]
    pd.testing.assert_frame_equal(again.rows[columns], whole.rows[columns])


async def test_what_was_resolved_when_is_on_record(simulator: Simulator, tmp_path: Path) -> None:
    """One row an input and turn, and a note beside the verdict."""
    await kept(simulator, tmp_path / "a.db")

    def work(lab: Lab) -> Comparison:
        lab.resolve("r", later(0, 2))
        lab.resolve("r", later(0, 3))  # two of them are there already: nothing to do
        return lab.resolve("r", later(0, 3))

    run = await in_lab(tmp_path / "a.db", work)

    with pytest.raises(UsageError, match="no lab keeps this run"):
        pickle.loads(pickle.dumps(run)).resolve(later())  # noqa: S301 - our own
    assert run.resolutions["turn"].tolist() == [1, 1, 2]
    assert run.resolutions["input_id"].tolist() == later(0, 3).index.tolist()
    assert str(run.resolutions["at"].dtype).endswith("UTC]")
    assert any("3 targets were added after the run" in each for each in run.notes)


async def test_another_target_is_refused_unless_it_is_to_replace(
    simulator: Simulator, tmp_path: Path
) -> None:
    """A slip does not rewrite the past; what was replaced is said."""
    await kept(simulator, tmp_path / "a.db")
    other = later(0, 2).where(lambda each: each.index != later().index[0], "nonsense")

    def work(lab: Lab) -> Comparison:
        lab.resolve("r", later(0, 2))
        with pytest.raises(UsageError, match=r"1 inputs have another target .* replace=True"):
            lab.resolve("r", other)
        return lab.run("r").resolve(other, replace=True)

    run = await in_lab(tmp_path / "a.db", work)

    first = run.rows[run.rows["input_id"] == later().index[0]]
    assert set(first["target"]) == {"nonsense"}
    assert any("1 of them replaced others" in each for each in run.notes)


async def test_what_cannot_be_resolved_is_one_line(simulator: Simulator, tmp_path: Path) -> None:
    """Unknown inputs with their count and the first, a column that is absent, a wrong score."""
    await kept(simulator, tmp_path / "a.db")
    strange = pd.Series({"x1": "up", "x2": "up", later().index[0]: "positive"})

    def work(lab: Lab) -> None:
        with pytest.raises(UsageError, match="2 inputs are not in this run, the first is 'x1'"):
            lab.resolve("r", strange)
        with pytest.raises(UsageError, match="no column 'target'"):
            lab.resolve("r", HEADLINES)
        with pytest.raises(UsageError, match="1 inputs are there twice"):
            lab.resolve("r", pd.concat([later(0, 1), later(0, 1)]))
        lab.resolve("r", later(0, 3))
        with pytest.raises(UsageError, match=r"is not how this run was scored"):
            lab.resolve("r", later(), score=lambda text, _: float(len(text)))
        with pytest.raises(UsageError, match="no run is called 'q'"):
            lab.resolve("q", later())

    await in_lab(tmp_path / "a.db", work)
    with pytest.raises(UsageError, match="no lab keeps this run"):
        Comparison.from_scores(
            pd.DataFrame({"prompt": "p", "model": "m", "input": [1], "score": [1.0]})
        ).resolve(later())


async def test_a_run_that_another_took_the_place_of_is_not_resolved(
    simulator: Simulator, tmp_path: Path
) -> None:
    """Its targets would go to the other one of that name, which nobody asked for."""
    async with lab_for(simulator, book=tmp_path / "a.db") as lab:
        first = await abtest(lab, name="r", on=unresolved(), score="contains")
        second = await abtest(lab, "grok", name="r", on=unresolved(), score="contains")

        def work() -> Comparison:
            with pytest.raises(UsageError, match=r"keeps another run called 'r' by now"):
                first.resolve(later())
            with pytest.raises(UsageError, match=r"keeps another run called 'r' by now"):
                lab.resolve(first, later())
            return second.resolve(later())

        done = await asyncio.to_thread(work)

    assert set(done.rows["request_hash"]) == set(second.rows["request_hash"])
    assert done.rows["target"].notna().all()


async def test_inputs_of_the_future_have_no_outcome(simulator: Simulator, tmp_path: Path) -> None:
    """A date after today cannot be resolved today; missing outcomes are left for later."""
    future = unresolved().assign(when=pd.Timestamp("2190-01-01", tz="UTC"))
    async with lab_for(simulator, book=tmp_path / "a.db") as lab:
        await abtest(lab, name="r", on=future, as_of="when", score="contains")

    def work(lab: Lab) -> Comparison:
        with pytest.raises(UsageError, match=r"lie in the future, the first is .*2190-01-01"):
            lab.resolve("r", later())
        return lab.resolve("r", later().map(lambda _: np.nan))

    run = await in_lab(tmp_path / "a.db", work)

    assert run.resolutions.empty
    assert (run.rows["outcome"] == "untargeted").all()


async def test_numbers_that_come_later_are_numbers(simulator: Simulator, tmp_path: Path) -> None:
    """Returns, some of which were known before: kept as text, scored as numbers."""
    on = HEADLINES.assign(move=[0.01, np.nan, np.nan, np.nan])
    async with lab_for(simulator, book=tmp_path / "a.db") as lab:
        await abtest(lab, name="r", on=on, score="direction", target="move")
    moves = pd.Series([0.01, -0.02, 0.0, 0.03], index=on.index)
    done = await in_lab(tmp_path / "a.db", lambda lab: lab.resolve("r", moves))

    said = done.rows["said"].map({"up": 1.0, "down": -1.0, "flat": 0.0})
    right = (said == np.sign(done.rows["target"].astype(float))).astype(float)
    known = said.notna()
    assert known.any()
    assert done.rows.loc[known, "score"].tolist() == right[known].tolist()
    assert done.chance == 0.5


async def test_probabilities_follow_a_label_that_comes_later(
    simulator: Simulator, tmp_path: Path
) -> None:
    """A new label has a share of its own, so that of the label that was said is another one."""
    words = {"p": "{{ choice }}: {{ headline }}"}
    on = HEADLINES.assign(
        label=["positive", "negative", "neutral", "positive"],
        choice=["positive or negative"] * 2 + ["positive, negative or neutral"] * 2,
    )
    part = on.assign(label=on["label"].where(on.index < "c"))
    asked: dict[str, Any] = {
        "score": "label_p", "target": "label", "logprobs": 5, "max_tokens": 20, "quiet": True
    }  # fmt: skip
    async with lab_for(simulator, book=tmp_path / "a.db") as lab:
        await lab.abtest_async(words, "gpt-4o", on=part, name="r", **asked)
        done = await asyncio.to_thread(lab.resolve, "r", on["label"].rename(index=str))
    async with lab_for(simulator, book=tmp_path / "b.db") as lab:
        whole = await lab.abtest_async(words, "gpt-4o", on=on, name="r", **asked)

    assert whole.rows["probability"].notna().all()
    assert done.rows["probability"].tolist() == whole.rows["probability"].tolist()
    assert done.rows["score"].tolist() == whole.rows["score"].tolist()


async def test_a_score_that_is_no_text_is_said_again(simulator: Simulator, tmp_path: Path) -> None:
    """Labels that no target shows yet must be named, then and when they come."""
    score = label(labels=["positive", "negative"])
    await kept(simulator, tmp_path / "a.db", score=score)

    def work(lab: Lab) -> Comparison:
        with pytest.raises(UsageError, match="say score="):
            lab.resolve("r", later())
        return lab.run("r").resolve(later(), score=score)

    run = await in_lab(tmp_path / "a.db", work)

    assert run.chance == 0.5
    assert (run.rows["outcome"] == "scored").any()
    assert set(run.confusion(("plain", "gpt")).index) == {"positive", "negative"}
