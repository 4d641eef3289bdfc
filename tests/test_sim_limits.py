"""Rate limits hold in a sliding window and are told in each provider's form."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.sim import Limit, RuleAuthor, Simulator
from llmlab.sim.server.headers import go_duration
from llmlab.sim.server.limits import Meter, WindowEntry

KEY = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
TURNS = [{"role": "user", "content": "Say hello."}]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/chat/completions", {"model": "gpt-4o", "messages": TURNS, "max_tokens": 50}),
    "anthropic": (
        "/v1/messages",
        {"model": "claude-haiku-4-5", "messages": TURNS, "max_tokens": 50},
    ),
    "deepseek": ("/chat/completions", {"model": "deepseek-flash", "messages": TURNS}),
    "xai": ("/chat/completions", {"model": "grok-4.3", "messages": TURNS}),
    "ollama": ("/api/chat", {"model": "qwen2.5:7b", "messages": TURNS, "stream": False}),
}


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


async def send(sim: Simulator, provider: str) -> tuple[int, Any, Mapping[str, str]]:
    """Send one request; return status, body and headers."""
    path, body = CALLS[provider]
    async with (
        aiohttp.ClientSession() as session,
        session.post(sim.base_url(provider) + path, json=body, headers=KEY) as reply,
    ):
        return reply.status, json.loads(await reply.read()), reply.headers


@pytest.mark.parametrize("provider", CALLS)
async def test_one_too_many_is_refused_until_the_window_slides(provider: str) -> None:
    """The third call in a minute is refused, and passes when the first is a minute old."""
    clock = Clock()
    limits = {provider: Limit(rpm=2)}

    async with Simulator(author=RuleAuthor(), clock=clock, limits=limits) as sim:
        statuses = []
        for wait in (0, 20, 20, 20.1):
            clock.now += wait
            statuses.append((await send(sim, provider))[0])

    refused = 503 if provider == "ollama" else 429
    assert statuses == [200, 200, refused, 200]


async def test_openai_tells_limits_as_go_durations_and_how_long_to_wait() -> None:
    """OpenAI has limit, remaining and reset headers, and two forms of the wait on a 429."""
    clock = Clock()
    limits = {"openai": Limit(rpm=1, tpm=5000)}

    async with Simulator(author=RuleAuthor(), clock=clock, limits=limits) as sim:
        _, _, passed = await send(sim, "openai")
        clock.now += 18.5
        status, error, refused = await send(sim, "openai")

    assert passed["x-ratelimit-limit-requests"] == "1"
    assert passed["x-ratelimit-remaining-requests"] == "0"
    assert passed["x-ratelimit-reset-requests"] == "1m0s"
    assert (status, error["error"]["type"]) == (429, "requests")
    assert "try again in 41.500s" in error["error"]["message"]
    assert refused["retry-after"] == "42"
    assert int(refused["retry-after-ms"]) in (41_500, 41_501)
    assert refused["x-ratelimit-reset-requests"] == "41.5s"


async def test_anthropic_tells_resets_as_times() -> None:
    """Anthropic's reset is a UTC time, and its 429 has `retry-after` in seconds."""
    clock = Clock()

    async with Simulator(
        author=RuleAuthor(), clock=clock, limits={"anthropic": Limit(rpm=1)}
    ) as sim:
        _, _, passed = await send(sim, "anthropic")
        _, error, refused = await send(sim, "anthropic")

    assert passed["anthropic-ratelimit-requests-remaining"] == "0"
    assert passed["anthropic-ratelimit-requests-reset"] == "2026-11-18T11:07:40Z"
    assert error["error"]["type"] == "rate_limit_error"
    assert refused["retry-after"] == "60"


async def test_xai_has_no_reset_and_deepseek_no_headers_at_all() -> None:
    """XAI leaves the reset out; DeepSeek tells nothing."""
    limits = {name: Limit(rpm=1) for name in ("xai", "deepseek")}

    async with Simulator(author=RuleAuthor(), limits=limits) as sim:
        _, _, xai = await send(sim, "xai")
        _, _, deepseek = await send(sim, "deepseek")

    assert xai["x-ratelimit-remaining-requests"] == "0"
    assert not any("reset" in name.lower() for name in xai)
    assert not any("ratelimit" in name.lower() for name in deepseek)


async def test_tokens_count_with_the_whole_output_limit_first_and_as_used_after() -> None:
    """A call is admitted by its prompt and `max_tokens`, and then counts what it used."""
    clock = Clock()
    limits = {"openai": Limit(tpm=80)}

    async with Simulator(author=RuleAuthor(), clock=clock, limits=limits) as sim:
        _, answer, headers = await send(sim, "openai")
        second, _, _ = await send(sim, "openai")
        third, error, _ = await send(sim, "openai")

    used = answer["usage"]["total_tokens"]
    assert int(headers["x-ratelimit-remaining-tokens"]) == 80 - used
    assert (second, third) == (200, 429)
    assert error["error"]["type"] == "tokens"


async def test_without_a_limit_the_headers_leave_room() -> None:
    """Who is not limited is told of large limits with nearly all of them left."""
    async with Simulator(author=RuleAuthor()) as sim:
        _, _, headers = await send(sim, "openai")

    assert int(headers["x-ratelimit-remaining-requests"]) > 10_000


@given(
    st.lists(
        st.tuples(st.floats(0, 40), st.integers(1, 60), st.integers(0, 60)), min_size=1, max_size=40
    )
)
def test_no_window_holds_more_than_the_limit(calls: list[tuple[float, int, int]]) -> None:
    """Whatever comes, no 60 seconds hold more than `rpm` calls or `tpm` tokens."""
    clock = Clock()
    meter = Meter(limit=Limit(rpm=5, tpm=100), clock=clock)
    admitted: list[WindowEntry] = []
    for wait, tokens, used in calls:
        clock.now += wait
        entry = meter.admit(tokens)
        if isinstance(entry, WindowEntry):
            meter.settle(entry, min(used, tokens))
            admitted.append(entry)

        window = [e for e in admitted if clock.now - 60 < e.at]

        assert len(window) <= 5
        assert sum(e.tokens for e in window) <= 100
        assert meter.tokens == sum(e.tokens for e in window)


@given(st.lists(st.floats(0, 20), min_size=3, max_size=10), st.integers(1, 100))
def test_the_wait_that_is_told_is_enough(waits: list[float], tokens: int) -> None:
    """After waiting as long as a refusal says, the same request is admitted."""
    clock = Clock()
    meter = Meter(limit=Limit(rpm=3, tpm=100), clock=clock)
    for wait in waits:
        clock.now += wait
        refusal = meter.admit(tokens)
        if isinstance(refusal, WindowEntry):
            continue

        clock.now += refusal.wait + 1e-6

        assert isinstance(meter.admit(tokens), WindowEntry)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.012, "12ms"), (1, "1s"), (2.08, "2.08s"), (360, "6m0s"), (5400, "1h30m0s")],
)
def test_go_durations(seconds: float, text: str) -> None:
    """Durations are written as Go writes them."""
    assert go_duration(seconds) == text
