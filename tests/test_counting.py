"""What is too long is refused before it is sent, and counts learn from what providers report."""

from collections.abc import AsyncIterator
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.budget import MarketSnapshot, Portfolio
from llmlab.errors import BudgetError
from llmlab.sim import RuleAuthor, Simulator, environment

KEYS = {"ANTHROPIC_API_KEY": "sk-test", "OPENAI_API_KEY": "sk-test"}


@pytest.fixture(name="simulator")
async def _simulator() -> AsyncIterator[Simulator]:
    async with Simulator(author=RuleAuthor()) as simulator:
        yield simulator


def _lab(simulator: Simulator, book: Path) -> Lab:
    return Lab(book=book, env={**KEYS, **environment(simulator)}, config="/")


async def test_a_prompt_beyond_the_window_is_refused_before_it_is_sent(
    simulator: Simulator, tmp_path: Path
) -> None:
    """The line says how many tokens are too many; no model is asked. # R-32."""
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        with pytest.raises(BudgetError, match="too many for"):
            await lab.ask_async("word " * 300_000, "claude")

    assert not [each for each in simulator.log if each.user]


async def test_counts_learn_from_a_run_and_the_book_remembers(
    simulator: Simulator, tmp_path: Path
) -> None:
    """After a run the estimate is close to what this provider reports, in the next lab too."""
    lines = ["The market was quiet and traders waited for news. " * (1 + n % 15) for n in range(60)]
    inputs = pd.DataFrame({"x": lines})
    words = "The market was quiet and traders waited for news. " * 20
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        before = lab.count(words, "claude")
        await lab.abtest_async(
            {"a": "Say something about this line, please. {{ x }}"}, "claude", on=inputs, quiet=True
        )
    async with _lab(simulator, tmp_path / "lab.db") as later:
        after = later.count(words, "claude")

    reported = -(-len(words.encode()) // 4)
    assert before.how == after.how == "estimate"
    assert "learned" in after.by
    assert abs(after.tokens - reported) < abs(before.tokens - reported)
    assert after.tokens == pytest.approx(reported, rel=0.1)


async def test_context_is_packed_for_each_model(simulator: Simulator, tmp_path: Path) -> None:
    """A long table: each arm gets what its own budget has room for, newest kept. # R-54."""
    days = pd.date_range("2001-01-01", periods=6000, freq="D")
    close = [100 + n * 0.01 for n in range(6000)]
    candles = pd.DataFrame({"Open": close, "High": close, "Low": close, "Close": close,
                            "Volume": 1000}, index=days)  # fmt: skip
    market = MarketSnapshot(frame=candles, ticker="ACME")
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        run = await lab.abtest_async(
            {"a": "Which way? {{ market }}"}, "claude, qwen", values={"market": market}, quiet=True
        )
    words = {each.provider: each.user for each in simulator.log if each.user}

    assert (run.rows["status"] == "ok").all()
    assert len(words["ollama"]) < len(words["anthropic"])
    assert all("159.99" in said[-40:] for said in words.values())
    assert run.rows.set_index("provider")["input_tokens"]["ollama"] <= 8192


async def test_a_block_that_must_be_whole_and_does_not_fit_is_an_error(
    simulator: Simulator, tmp_path: Path
) -> None:
    """The line says how many tokens are missing, and nothing is sent. # R-54."""
    rows = pd.DataFrame({"ticker": [f"T{n}" for n in range(4000)], "size": range(4000)})
    prompt = "---\nblocks:\n  book: {must: true}\n---\nRisk? {{ book }}"
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        with pytest.raises(BudgetError, match="tokens"):
            await lab.abtest_async(
                {"a": prompt},
                "qwen",
                values={"book": Portfolio(frame=rows, name="book")},
                quiet=True,
            )

    assert not [each for each in simulator.log if each.user]
