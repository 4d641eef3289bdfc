"""What is too long is refused before it is sent, and counts learn from what providers report."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import TokenBudgetError, UsageError
from llmlab.sim import RuleAuthor, Simulator, environment
from llmlab.tokens import MarketSnapshot, Portfolio

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
        with pytest.raises(TokenBudgetError, match="too many for"):
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
        with pytest.raises(TokenBudgetError, match="tokens"):
            await lab.abtest_async(
                {"a": prompt},
                "qwen",
                values={"book": Portfolio(frame=rows, name="book")},
                quiet=True,
            )

    assert not [each for each in simulator.log if each.user]


async def test_the_provider_counts_when_asked(simulator: Simulator, tmp_path: Path) -> None:
    """`ask=True` is the provider's own free count; a stand-in is not taken for it. # R-41."""
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        told = await asyncio.to_thread(lab.count, "Hello there, how are you?", "claude", ask=True)
        with pytest.raises(UsageError, match="grok is played by a stand-in"):
            await asyncio.to_thread(lab.count, "Hello", "grok", ask=True)

    assert (told.how, told.by) == ("exact", "anthropic's own counter")
    assert told.tokens == 11


async def test_ollama_gets_its_window_from_the_budget(simulator: Simulator, tmp_path: Path) -> None:
    """Left alone, Ollama's window depends on the graphics card, and a long prompt is cut."""
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        answer = await lab.ask_async("Hello.", "qwen")

    assert answer.sent["options"] == {"num_predict": 512, "num_ctx": 8192}


async def test_a_gateway_of_the_users_own_catalogue_answers(
    simulator: Simulator, tmp_path: Path
) -> None:
    """One row of data: found, asked at its own address with its own key, named in the rows."""
    base = simulator.base_url("openai")
    (tmp_path / "mine.toml").write_text(
        f'[providers.harbour]\ntitle = "Harbour"\nspeaks = "openai"\n'
        f'keys = ["HARBOUR_API_KEY"]\nbase_url = "{base}"\n'
    )
    env = {"HARBOUR_API_KEY": "hb-test"}
    async with Lab(book=":memory:", env=env, config="/", catalogue=tmp_path / "mine.toml") as lab:
        answer = await lab.ask_async("Hello.", "harbour/gpt-6-luna")

    assert (answer.provider, answer.backend, answer.cost) == ("harbour", "live", None)


async def test_the_versions_of_a_prompt_are_kept(simulator: Simulator, tmp_path: Path) -> None:
    """What was ever sent can be read and compared years later. # R-50."""
    async with _lab(simulator, tmp_path / "lab.db") as lab:
        for words in ("Say one word.", "Say two words."):
            await lab.abtest_async({"terse": words}, "claude", quiet=True)
        history = await asyncio.to_thread(lab.history, "terse")

    assert len(history.versions) == 2
    assert "-Say one word." in history.diff()
    assert "+Say two words." in history.diff()
