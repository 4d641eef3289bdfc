"""What is too long is refused before it is sent, and counts learn from what providers report."""

from collections.abc import AsyncIterator
from pathlib import Path

import pandas as pd
import pytest

from llmlab import Lab
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
