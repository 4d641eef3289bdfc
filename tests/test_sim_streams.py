"""Streams follow each provider's grammar, and every way to end has its own words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.sim import Asked, RuleAuthor, Simulator, Written
from llmlab.sim.authors.author import Finish
from llmlab.sim.streams import words

Json: TypeAlias = dict[str, Any]

KEY = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
TURNS = [{"role": "user", "content": "Summarise: one two three four five six"}]
CALLS: dict[str, tuple[str, str, Json]] = {
    "openai chat": ("openai", "/chat/completions", {"model": "gpt-4o", "messages": TURNS}),
    "openai responses": ("openai", "/responses", {"model": "gpt-4o", "input": TURNS}),
    "anthropic": (
        "anthropic",
        "/v1/messages",
        {"model": "claude-haiku-4-5", "messages": TURNS, "max_tokens": 99},
    ),
    "deepseek": ("deepseek", "/chat/completions", {"model": "deepseek-flash", "messages": TURNS}),
    "xai chat": ("xai", "/chat/completions", {"model": "grok-4.3", "messages": TURNS}),
    "xai responses": ("xai", "/responses", {"model": "grok-4.3", "input": TURNS}),
    "ollama": ("ollama", "/api/generate", {"model": "qwen2.5:7b", "prompt": "one two three"}),
}


async def send(
    sim: Simulator, name: str, *, stream: bool, **extra: object
) -> tuple[str, Mapping[str, str]]:
    """Send one call; return the body and its headers."""
    provider, path, body = CALLS[name]
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            sim.base_url(provider) + path, json={**body, "stream": stream, **extra}, headers=KEY
        ) as reply,
    ):
        assert reply.status == 200, await reply.text()
        return await reply.text(), reply.headers


@dataclass(frozen=True)
class Ending:
    """Writes two words and ends in a given way."""

    finish: Finish
    name: str = "ending"

    async def write(self, asked: Asked) -> Written:  # noqa: ARG002 - the protocol's
        """Write."""
        return Written(text="two words", input_tokens=5, output_tokens=3, finish=self.finish)


GRAMMAR = [
    pytest.param("openai chat", False, True, id="openai chat"),
    pytest.param("openai responses", True, False, id="openai responses"),
    pytest.param("anthropic", True, False, id="anthropic"),
    pytest.param("deepseek", False, True, id="deepseek"),
    pytest.param("xai chat", False, True, id="xai chat"),
    pytest.param("xai responses", True, False, id="xai responses"),
]


@pytest.mark.parametrize(("name", "events", "done"), GRAMMAR)
async def test_framing_is_the_providers(name: str, *, events: bool, done: bool) -> None:
    """Only Anthropic and Responses name events; only chat completions say `[DONE]`."""
    async with Simulator(author=RuleAuthor()) as sim:
        text, headers = await send(sim, name, stream=True)

    assert headers["content-type"].startswith("text/event-stream")
    assert ("event: " in text) == events
    assert text.endswith("data: [DONE]\n\n") == done
    assert text.count("data: ") > 6


async def test_deepseek_keeps_the_line_alive() -> None:
    """DeepSeek sends a comment before a stream and empty lines before JSON."""
    async with Simulator(author=RuleAuthor()) as sim:
        streamed, _ = await send(sim, "deepseek", stream=True)
        whole, _ = await send(sim, "deepseek", stream=False)

    assert streamed.startswith(": keep-alive\n\n")
    assert whole.startswith("\n\n{")


async def test_event_names_equal_types_and_numbers_rise() -> None:
    """A Responses event says its type twice, and its number is one more than the last."""
    async with Simulator(author=RuleAuthor()) as sim:
        text, _ = await send(sim, "xai responses", stream=True)

    events = [block.splitlines() for block in text.strip().split("\n\n")]
    bodies = [json.loads(data.removeprefix("data: ")) for _, data in events]
    assert [name.removeprefix("event: ") for name, _ in events] == [b["type"] for b in bodies]
    assert [body["sequence_number"] for body in bodies] == list(range(len(bodies)))


async def test_ollama_ends_with_its_only_done_line() -> None:
    """NDJSON lines are all `done: false` but the last."""
    async with Simulator(author=RuleAuthor()) as sim:
        text, headers = await send(sim, "ollama", stream=True)

    done = [json.loads(line)["done"] for line in text.splitlines()]
    assert headers["content-type"] == "application/x-ndjson"
    assert done == [False] * (len(done) - 1) + [True]


ENDINGS = [
    ("openai chat", "length", "length"),
    ("openai chat", "filter", "content_filter"),
    ("openai responses", "length", "incomplete"),
    ("openai responses", "stop", "completed"),
    ("anthropic", "length", "max_tokens"),
    ("anthropic", "refusal", "refusal"),
    ("deepseek", "filter", "content_filter"),
    ("xai responses", "filter", "incomplete"),
    ("ollama", "length", "length"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("name", "finish", "said"), ENDINGS)
async def test_endings_have_the_providers_words(
    name: str, finish: Finish, said: str, *, stream: bool
) -> None:
    """What ended the text is said in the provider's field, whole and streamed."""
    async with Simulator(author=Ending(finish=finish)) as sim:
        text, _ = await send(sim, name, stream=stream)

    field = "status" if "responses" in name else "reason"
    assert f'{field}":"{said}"' in text


@pytest.mark.parametrize("name", ["openai chat", "openai responses"])
async def test_a_refusal_is_not_content(name: str) -> None:
    """OpenAI's refusal has its own field, and there is no text beside it."""
    async with Simulator(author=Ending(finish="refusal")) as sim:
        text, _ = await send(sim, name, stream=False)

    assert '"refusal":"two words"' in text
    assert '"content":"two words"' not in text
    assert '"text":"two words"' not in text


async def test_anthropic_names_the_stop_sequence() -> None:
    """A stop sequence is the stop reason and is named."""
    async with Simulator(author=RuleAuthor()) as sim:
        text, _ = await send(sim, "anthropic", stream=False, stop_sequences=["four"])

    answer = json.loads(text)
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("stop_sequence", "four")
    assert answer["content"][0]["text"].endswith("three ")


async def test_a_small_budget_leaves_no_text_block() -> None:
    """With thinking on and few tokens Anthropic stops at `max_tokens` without text."""
    async with Simulator(author=RuleAuthor()) as sim:
        text, _ = await send(sim, "anthropic", stream=False, model="claude-opus-5-5", max_tokens=9)

    answer = json.loads(text)
    assert [block["type"] for block in answer["content"]] == ["thinking"]
    assert answer["stop_reason"] == "max_tokens"


@given(st.text())
def test_words_lose_nothing(text: str) -> None:
    """The pieces of a text are the text."""
    assert "".join(words(text)) == text
