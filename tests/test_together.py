"""What belongs to different parts of llmlab, asked for at once."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.sim import RuleAuthor, Simulator, environment
from tests.labs import KEYS
from tests.pictures import picture

FRAME = pd.DataFrame(
    {
        "headline": ["Profit up", "Shares plunge"],
        "target": ["positive", "negative"],
        "chart": [picture(), picture(colour="blue")],
    }
)
SHOTS = (
    "[user]\nAcme beats forecasts\n[assistant]\npositive\n[user]\n"
    "Positive or negative? {{ chart }} {{ headline }}"
)


@pytest.fixture(name="simulator")
async def _simulator() -> AsyncIterator[Simulator]:
    async with Simulator(author=RuleAuthor(seed=1)) as simulator:
        yield simulator


def positive(word: str) -> None:
    """Say that it is positive."""


def negative(word: str) -> None:
    """Say that it is negative."""


def gateway_lab(simulator: Simulator, rules: str, **options: Any) -> Lab:
    """Make a lab with a gateway in front of the simulated OpenAI."""
    env = {**KEYS, **environment(simulator)}
    row = {"speaks": "openai", "rules": rules, "keys": ["OPENAI_API_KEY"],
           "base_url": env["OPENAI_BASE_URL"], "priced_as": "openai"}  # fmt: skip
    given = {"book": ":memory:", "env": env, "config": "/", "providers": {"gate": row}, **options}
    return Lab(**given)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("rules", ["gateway-any", "served-any", "mistral-any"])
async def test_a_gateway_passes_on_tools_turns_and_images(
    simulator: Simulator, rules: str, *, stream: bool
) -> None:
    """As the ready rows are: functions are offered beside turns, a system prompt and images."""
    async with gateway_lab(simulator, rules) as lab:
        run = await lab.abtest_async(
            {"A": SHOTS}, ["gate/gpt-4o", "gpt"], on=FRAME, score="tool", quiet=True,
            system="Be brief.", tools=[positive, negative], stream=stream, presence_penalty=0.5,
            budget=1.0,
        )  # fmt: skip

    assert set(run.rows["outcome"]) == {"scored"}
    assert run.rows["cost_usd"].gt(0).all()
    called = [each[0]["name"] for each in run.rows["tool_calls"].map(json.loads)]
    assert set(called) <= {"positive", "negative"}


@pytest.mark.parametrize("rules", ["gateway-any", "served-any"])
async def test_a_gateway_passes_on_log_probabilities(
    simulator: Simulator, tmp_path: Path, rules: str
) -> None:
    """`label_p` reads them, also from a tape."""
    tape = tmp_path / "tape.jsonl"
    prompts = {"A": "Positive or negative? {{ headline }}"}
    asked: dict[str, Any] = {"on": FRAME, "score": "label_p", "logprobs": 5, "quiet": True}
    async with gateway_lab(simulator, rules, mode="record", tape=tape) as lab:
        run = await lab.abtest_async(prompts, "gate/gpt-4o", **asked)
    async with gateway_lab(simulator, rules, mode="replay", tape=tape) as lab:
        again = await lab.abtest_async(prompts, "gate/gpt-4o", **asked)

    assert run.rows["probability"].between(0, 1).all()
    assert again.rows["probability"].tolist() == run.rows["probability"].tolist()
