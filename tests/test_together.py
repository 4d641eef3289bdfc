"""What belongs to different parts of llmlab, asked for at once."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import AttachmentError, UsageError
from llmlab.records import Prompt, Tool
from llmlab.runs.caching import kept_tokens
from llmlab.sim import Simulator, environment
from llmlab.templates import parse
from llmlab.tokens.images import image_tokens, most_image_tokens
from tests.labs import KEYS, questions
from tests.loopback import Loopback, Said
from tests.pictures import picture, prepared

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


RULES = "Answer with one word, positive, negative or neutral. " * 400


async def test_a_conversation_is_kept_in_the_cache_as_it_grows(simulator: Simulator) -> None:
    """Each message of it reads what the ones before have left there."""
    async with gateway_lab(simulator, "gateway-any") as lab:
        chat = lab.chat("claude", system=RULES, cache=True)
        first = await chat.say_async("Profit up?")
        second = await chat.say_async("And now?")

    assert (first.usage.cached, second.usage.cached) == (0, first.usage.cache_write)
    assert 0 < second.usage.cache_write < 50


async def test_all_messages_of_a_conversation_have_one_cache_key() -> None:
    """Of another key they could go to a machine that has none of it."""
    said = {"role": "assistant", "content": "up"}
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    body = json.dumps({"model": "gpt-6-luna", "choices": [choice], "usage": usage}).encode()
    with Loopback(lambda _: Said(body=body)) as server:
        async with Lab(book=":memory:", env=server.env, config="/") as lab:
            for chat in (lab.chat("gpt", cache=True), lab.chat("gpt", system="S", cache=True)):
                await chat.say_async("Up?")
                await chat.say_async("And now?")
        keys = [json.loads(came.body)["prompt_cache_key"] for came in server.log]

    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_what_is_kept_of_a_prompt_has_the_tools_before_it() -> None:
    """Their schemas come first on every wire, so they count."""
    prompt = Prompt(name="p", user="Up? {{ x }}", system="Be brief.", shared=4)
    tool = Tool(name="quote", description="The price of a share. " * 800)

    plain = prepared("claude", prompt, cache=True)
    offered = prepared("claude", prompt, cache=True, tools=(tool,))

    assert kept_tokens(plain) == 0
    assert kept_tokens(offered) > 4096


async def test_a_score_of_calls_needs_tools(simulator: Simulator) -> None:
    """Without any all answers would be wrong, and paid; nothing is sent."""
    async with gateway_lab(simulator, "gateway-any") as lab:
        with pytest.raises(UsageError, match="offer some with tools="):
            await lab.abtest_async({"A": "{{ headline }}"}, "gpt", on=FRAME, score="tool")

    assert questions(simulator) == 0


@pytest.mark.parametrize("name", ["openai/ft:gpt-4o-mini:us:1", "azure/chart-reader", "litellm/x"])
def test_an_image_is_reserved_whatever_model_a_name_hides(name: str) -> None:
    """A deployment or a fine-tuned model is charged by the rule of the model behind it."""
    dearest = image_tokens(1024, 1024, "openai/gpt-4o-mini")

    assert most_image_tokens(1024, 1024, name) >= dearest
    assert most_image_tokens(1024, 1024, "openrouter/google/gemini-3-pro") < dearest / 3


def test_an_image_that_a_filter_changes_is_refused_as_such() -> None:
    """It is in the last message already; the line says what to take out."""
    with pytest.raises(AttachmentError, match="print it without a filter"):
        parse("Up? {{ chart | upper }}", name="p").fill({"chart": picture()})
