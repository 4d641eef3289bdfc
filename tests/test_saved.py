"""Runs in the book: as they were, later, in another process, without keys."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Comparison, Lab
from llmlab.errors import UsageError
from llmlab.sim import Faults, RuleAuthor, Simulator
from tests.labs import lab_for

PROMPTS = {"plain": "Positive or negative: {{ headline }}", "role": "As analyst: {{ headline }}"}
HEADLINES = pd.DataFrame(
    {
        "headline": ["Profit up 20%", "Shares plunge", "Board meets", "Profit up 20%"],
        "label": ["positive", "negative", "negative", "positive"],
        "day": pd.to_datetime(["2026-01-05", "2026-01-05", "2026-01-06", "2026-01-07"]),
    },
    index=["a", "b", "c", "d"],
)


def keyless(book: Path) -> Lab:
    """Make a lab that could not ask anybody."""
    return Lab(book=book, env={}, config="/")


async def abtest(lab: Lab, models: str = "gpt, claude", **options: Any) -> Comparison:
    """Run the experiment of these tests."""
    settings = {"on": HEADLINES, "score": "label", "target": "label", "quiet": True, **options}
    return await lab.abtest_async(PROMPTS, models, **{"max_tokens": 20, **settings})


async def test_a_saved_run_reads_as_it_was(tmp_path: Path) -> None:
    """Rows, failures, scores, chance, clusters, notes and verdict survive the lab."""
    book = tmp_path / "lab.db"
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["xai=401"])) as simulator,
        lab_for(simulator, book=book, attempts=1) as lab,
    ):
        run = await abtest(lab, "gpt, claude, grok", name="r", cluster="day", repeats=2)

    async with keyless(book) as lab:
        saved = await asyncio.to_thread(lab.run, "r")

    pd.testing.assert_frame_equal(saved.rows, run.rows, check_exact=True)
    assert (saved.chance, saved.score_name) == (run.chance, "label")
    assert saved.verdict == run.verdict
    assert saved.notes == run.notes
    pd.testing.assert_frame_equal(saved.summary, run.summary)
    pd.testing.assert_frame_equal(saved.pairs, run.pairs)


async def test_another_process_reads_it(simulator: Simulator, tmp_path: Path) -> None:
    """A fresh interpreter without a key prints the verdict of the run."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book) as lab:
        run = await abtest(lab, name="r")
    code = f"""
import llmlab
with llmlab.Lab(book={str(book)!r}, env={{}}, config="/") as lab:
    print(lab.run("r").verdict)
"""

    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip

    assert (done.stdout.strip(), done.stderr) == (run.verdict, "")


async def test_run_again_longer_or_shorter_it_is_the_last_one(
    simulator: Simulator, tmp_path: Path
) -> None:
    """The same name with another frame is not refused; what is kept is the last state."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book) as lab:
        await abtest(lab, name="r", on=HEADLINES.iloc[:3])
        longer = await abtest(lab, name="r")
        one = await asyncio.to_thread(lab.run, "r")
        shorter = await abtest(lab, name="r", on=HEADLINES.iloc[:2])
        two = await asyncio.to_thread(lab.run, "r")

    pd.testing.assert_frame_equal(one.rows, longer.rows, check_exact=True)
    pd.testing.assert_frame_equal(two.rows, shorter.rows, check_exact=True)
    assert two.rows["from_book"].all()


async def test_runs_lists_them_with_their_cost(tmp_path: Path) -> None:
    """One line a run: when, calls, failures, dollars, prompts, models; questions are `ask`."""
    book = tmp_path / "lab.db"
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["xai=401"])) as simulator,
        lab_for(simulator, book=book, attempts=1) as lab,
    ):
        empty = await asyncio.to_thread(lab.runs)
        run = await abtest(lab, "gpt, grok", name="r")
        await lab.ask_async("Hello.", "claude")
        await lab.ask_async("Hello again.", "claude")
        listed = await asyncio.to_thread(lab.runs)
    runs: Any = listed.set_index("name")

    assert list(empty.columns) == ["name", "when", "calls", "failures", "cost_usd", "prompts",
                                   "models"]  # fmt: skip
    assert len(empty) == 0
    assert list(runs.index) == ["r", "ask"]
    assert runs.loc["r", ["calls", "failures"]].tolist() == [16, 8]
    assert runs["cost_usd"]["r"] == pytest.approx(run.rows["cost_usd"].sum())
    assert runs.loc["r", ["prompts", "models"]].tolist() == ["plain, role", "gpt, grok"]
    assert runs.loc["ask", "calls"] == 2
    assert pd.Timestamp.now("UTC") - runs["when"]["r"] < pd.Timedelta("5min")


async def test_questions_are_rows_of_a_run(simulator: Simulator, tmp_path: Path) -> None:
    """Single questions can be read like a run, many of them too; asked again the last counts."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book) as lab:
        first = await lab.ask_async("Hello.", "gpt")
        for number in range(300):
            await lab.ask_async(f"Say {number % 290}.", "claude", temperature=0.0)

    async with keyless(book) as lab:
        rows = (await asyncio.to_thread(lab.run, "ask")).rows

    assert len(rows) == 291
    assert rows["text"].eq(first.text).any()
    assert rows["input_id"].is_unique


async def test_an_unknown_run_gets_the_nearest(simulator: Simulator, tmp_path: Path) -> None:
    """A slip in the name is one line with what was meant."""
    async with lab_for(simulator, book=tmp_path / "lab.db") as lab:
        with pytest.raises(UsageError, match="the book has none yet"):
            await asyncio.to_thread(lab.run, "headlines")
        await abtest(lab, "gpt", name="headlines")
        with pytest.raises(UsageError, match="did you mean headlines"):
            await asyncio.to_thread(lab.run, "headlnes")
        with pytest.raises(UsageError, match="did you mean headlines"):
            await asyncio.to_thread(lab.save_tape, tmp_path / "t", "headlnes")
        with pytest.raises(UsageError, match="choose another one"):
            await abtest(lab, "gpt", name="ask")

    assert not (tmp_path / "t").exists()


async def test_two_equal_cells_keep_their_own_answers(simulator: Simulator, tmp_path: Path) -> None:
    """Inputs a and d are the same words, sent twice: each row keeps what it was answered."""
    book = tmp_path / "lab.db"
    async with lab_for(simulator, book=book) as lab:
        run = await abtest(lab, "gpt", name="r")

    async with keyless(book) as lab:
        saved = await asyncio.to_thread(lab.run, "r")

    times = saved.rows.set_index("input_id").groupby("prompt", observed=True)["started_at"]
    assert saved.rows["request_hash"].is_unique
    assert times.nunique().gt(1).all()
    pd.testing.assert_frame_equal(saved.rows, run.rows, check_exact=True)


async def test_rows_are_in_the_order_of_the_plan(simulator: Simulator, tmp_path: Path) -> None:
    """Which call ended first is chance; the same design gives the same order of rows."""
    cell = ["prompt", "label", "input_id", "repeat"]
    async with lab_for(simulator, book=tmp_path / "one.db", max_in_flight=1) as lab:
        first = await abtest(lab, repeats=2)
    async with (
        Simulator(author=RuleAuthor(), faults=Faults.parse(["openai=delay:0.2"])) as slow,
        lab_for(slow, book=tmp_path / "two.db") as lab,
    ):
        second = await abtest(lab, repeats=2)

    pd.testing.assert_frame_equal(first.rows[cell], second.rows[cell])
