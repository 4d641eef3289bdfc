"""Each provider counts in its own arithmetic (reference, chapter 7), whole and streamed."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

import aiohttp
import pytest

from llmlab.sim import Asked, RuleAuthor, Simulator, Written
from llmlab.sim.models import find
from llmlab.sim.xai.rules import ticks

Json: TypeAlias = dict[str, Any]

KEY = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
TURNS = [{"role": "user", "content": "hi"}]


@dataclass(frozen=True)
class Fixed:
    """100 tokens in, 40 of them cached; 30 out, 20 of them reasoning."""

    name: str = "fixed"

    async def write(self, asked: Asked) -> Written:  # noqa: ARG002 - the protocol's
        return Written(
            text="two words",
            reasoning="some thoughts",
            input_tokens=100,
            cached_tokens=40,
            output_tokens=30,
            reasoning_tokens=20,
        )


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    """Run a simulator whose counts are fixed."""
    async with Simulator(author=Fixed()) as running:
        yield running


async def post(sim: Simulator, provider: str, path: str, body: Mapping[str, Any]) -> str:
    """Post a body that is accepted; return the text of the reply."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(sim.base_url(provider) + path, json=body, headers=KEY) as reply,
    ):
        assert reply.status == 200, await reply.text()
        return await reply.text()


def documents(text: str) -> list[Json]:
    """Read every JSON document of a body, a stream of events or of lines."""
    lines = (line.removeprefix("data: ") for line in text.splitlines())
    return [json.loads(line) for line in lines if line.startswith("{")]


ENDPOINTS: dict[str, tuple[str, str, Json]] = {
    "openai chat": ("openai", "/chat/completions", {"model": "gpt-6-luna", "messages": TURNS}),
    "openai responses": ("openai", "/responses", {"model": "gpt-6-luna", "input": "hi"}),
    "anthropic": (
        "anthropic",
        "/v1/messages",
        {"model": "claude-haiku-5-5", "messages": TURNS, "max_tokens": 99},
    ),
    "deepseek": ("deepseek", "/chat/completions", {"model": "deepseek-flash", "messages": TURNS}),
    "xai chat": ("xai", "/chat/completions", {"model": "grok-4.3", "messages": TURNS}),
    "xai responses": ("xai", "/responses", {"model": "grok-4.3", "input": "hi"}),
}
TICKS = int((60 * 1.25 + 40 * 0.2 + 30 * 2.5) * 10_000)
EXPECTED: dict[str, Json] = {
    "openai chat": {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "total_tokens": 130,
        "prompt_tokens_details.cached_tokens": 40,
        "completion_tokens_details.reasoning_tokens": 20,
    },
    "openai responses": {
        "input_tokens": 100,
        "output_tokens": 30,
        "total_tokens": 130,
        "input_tokens_details.cached_tokens": 40,
        "output_tokens_details.reasoning_tokens": 20,
    },
    "anthropic": {
        "input_tokens": 60,
        "cache_read_input_tokens": 40,
        "cache_creation_input_tokens": 0,
        "output_tokens": 30,
        "output_tokens_details.thinking_tokens": 20,
    },
    "deepseek": {
        "prompt_tokens": 100,
        "prompt_cache_hit_tokens": 40,
        "prompt_cache_miss_tokens": 60,
        "completion_tokens": 30,
        "completion_tokens_details.reasoning_tokens": 20,
    },
    "xai chat": {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "total_tokens": 130,
        "prompt_tokens_details.cached_tokens": 40,
        "completion_tokens_details.reasoning_tokens": 20,
        "cost_in_usd_ticks": TICKS,
    },
    "xai responses": {
        "input_tokens": 100,
        "output_tokens": 30,
        "total_tokens": 130,
        "output_tokens_details.reasoning_tokens": 20,
        "cost_in_usd_ticks": TICKS,
    },
}


def at(usage: Json, path: str) -> Any:
    """Look up a dotted path."""
    for name in path.split("."):
        usage = usage[name]
    return usage


def usages(documents: list[Json]) -> list[Json]:
    """Return every usage that the documents state."""
    found = [doc.get("usage") or (doc.get("response") or {}).get("usage") for doc in documents]
    return [usage for usage in found if usage]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ENDPOINTS)
async def test_usage_is_in_the_providers_arithmetic(
    sim: Simulator, name: str, *, stream: bool
) -> None:
    """The same 100 in and 30 out are counted the provider's way, in the last usage sent."""
    provider, path, body = ENDPOINTS[name]
    options = {"stream_options": {"include_usage": True}} if path == "/chat/completions" else {}

    text = await post(
        sim, provider, path, {**body, **(options if stream else {}), "stream": stream}
    )

    usage = usages(documents(text))[-1]
    assert {path: at(usage, path) for path in EXPECTED[name]} == EXPECTED[name]


async def test_ollama_counts_thinking_in_its_output(sim: Simulator) -> None:
    """The last line has both counts, cached tokens apart."""
    text = await post(sim, "ollama", "/api/chat", {"model": "qwen3:8b", "messages": TURNS})

    *pieces, last = documents(text)
    assert (last["prompt_eval_count"], last["eval_count"]) == (100, 30)
    assert last["prompt_eval_cached_count"] == 40
    assert all("eval_count" not in piece for piece in pieces)


async def test_anthropic_starts_with_a_provisional_count(sim: Simulator) -> None:
    """`message_start` has the input and one token of output; `message_delta` overwrites it."""
    _, path, body = ENDPOINTS["anthropic"]

    text = await post(sim, "anthropic", path, {**body, "stream": True})

    start = documents(text)[0]["message"]["usage"]
    delta = next(doc for doc in documents(text) if doc["type"] == "message_delta")["usage"]
    assert (start["input_tokens"], start["output_tokens"]) == (60, 1)
    assert "cache_creation" in start
    assert "cache_creation" not in delta
    assert "[DONE]" not in text


async def test_anthropic_writes_a_marked_prompt_once_and_reads_it_then() -> None:
    """A prompt with `cache_control` is a cache write the first time and a read the next."""
    system = [{"type": "text", "text": "word " * 1000, "cache_control": {"type": "ephemeral"}}]
    body = {
        "model": "claude-haiku-4-5",
        "messages": TURNS,
        "max_tokens": 99,
        "system": system,
    }

    async with Simulator(author=RuleAuthor()) as sim:
        first, second = [
            documents(await post(sim, "anthropic", "/v1/messages", body))[0]["usage"]
            for _ in range(2)
        ]

    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] == 1254
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] == 1254
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    assert first["input_tokens"] == second["input_tokens"] == 5


@pytest.mark.parametrize(
    ("prompt", "cached", "output", "charged"),
    [
        pytest.param(199, 128, 184, 5_743_500, id="a short answer"),
        pytest.param(199, 128, 160, 5_143_500, id="a shorter one"),
        pytest.param(202, 128, 205, 6_306_000, id="two turns"),
        pytest.param(218, 192, 410, 10_959_000, id="with a system prompt"),
    ],
)
def test_ticks_equal_what_xai_charged(prompt: int, cached: int, output: int, charged: int) -> None:
    """Charges that xAI stated for grok-4.3 come out of the same counts to the tick."""
    model = find("xai", "grok-4.3", 0)
    written = Written(text="", input_tokens=prompt, cached_tokens=cached, output_tokens=output)

    assert model is not None
    assert ticks(model, written) == charged


def test_long_prompts_double_the_price() -> None:
    """At 200,000 prompt tokens the whole request costs twice as much."""
    model = find("xai", "grok-4.7", 0)
    assert model is not None
    short, long = (
        ticks(model, Written(text="", input_tokens=n, output_tokens=0)) for n in (199_999, 200_000)
    )

    assert (short, long) == (199_999 * 20_000, 200_000 * 40_000)


async def test_xai_search_is_counted_cited_and_charged(sim: Simulator) -> None:
    """Searches appear as items and citations, in the counts, and at half a cent each."""
    body = {
        "model": "grok-4.3",
        "input": "hi",
        "tools": [
            {"type": "web_search", "filters": {"allowed_domains": ["sec.example"]}},
            {"type": "x_search"},
        ],
    }

    answer = documents(await post(sim, "xai", "/responses", body))[0]

    usage, message = answer["usage"], answer["output"][-1]["content"][0]
    kinds = [item["type"] for item in answer["output"]]
    details = usage["server_side_tool_usage_details"]
    count = details["web_search_calls"] + details["x_search_calls"]
    note = message["annotations"][0]
    tokens = (usage["input_tokens"] - 40) * 1.25 + 40 * 0.2 + usage["output_tokens"] * 2.5
    assert kinds.count("web_search_call") == details["web_search_calls"] > 0
    assert kinds.count("x_search_call") == details["x_search_calls"] > 0
    assert usage["num_server_side_tools_used"] == count
    assert usage["cost_in_usd_ticks"] == round(tokens * 10_000) + count * 50_000_000
    assert note["url"] == "https://sec.example/page-1"
    assert note["url"] in message["text"][note["start_index"] : note["end_index"]]
    assert sim.log[-1].billed == Decimal(usage["cost_in_usd_ticks"]) / 10**10


async def test_searches_of_openai_and_anthropic_are_counted(sim: Simulator) -> None:
    """OpenAI counts searches in `tool_usage`, Anthropic in `server_tool_use`."""
    _, path, body = ENDPOINTS["openai responses"]
    gpt = await post(sim, "openai", path, {**body, "tools": [{"type": "web_search"}]})
    _, path, body = ENDPOINTS["anthropic"]
    tool = {"type": "web_search_20260318", "name": "web_search", "max_uses": 1}
    claude = await post(sim, "anthropic", path, {**body, "tools": [tool]})

    searched = documents(gpt)[0]
    items = [item for item in searched["output"] if item["type"] == "web_search_call"]
    blocks = [block["type"] for block in documents(claude)[0]["content"]]
    assert searched["tool_usage"]["web_search"]["num_requests"] == len(items) > 0
    assert documents(claude)[0]["usage"]["server_tool_use"]["web_search_requests"] == 1
    assert blocks == ["thinking", "server_tool_use", "web_search_tool_result", "text"]


async def test_openai_reports_cache_writes_when_caching_is_asked_for() -> None:
    """From 1024 tokens on, gpt-6 reports what it wrote to the cache."""
    turns = [{"role": "user", "content": "word " * 1000}]
    body = {"model": "gpt-6-luna", "messages": turns, "prompt_cache_key": "k"}

    async with Simulator(author=RuleAuthor(cached=0.5)) as sim:
        usage = documents(await post(sim, "openai", "/chat/completions", body))[0]["usage"]

    details = usage["prompt_tokens_details"]
    assert details["cached_tokens"] == 627
    assert details["cached_tokens"] + details["cache_write_tokens"] == usage["prompt_tokens"]
