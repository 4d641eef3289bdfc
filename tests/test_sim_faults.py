"""Each fault does what it says, to whom it says, as often as it says."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmlab.errors import UsageError
from llmlab.sim import Faults, RuleAuthor, Simulator
from llmlab.sim.server.faults import PROVIDERS

KEY = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}
TURNS = [{"role": "user", "content": "Say hello."}]
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/chat/completions", {"model": "gpt-6-luna", "messages": TURNS}),
    "anthropic": (
        "/v1/messages",
        {"model": "claude-haiku-4-5", "messages": TURNS, "max_tokens": 99},
    ),
    "deepseek": ("/chat/completions", {"model": "deepseek-flash", "messages": TURNS}),
    "xai": ("/chat/completions", {"model": "grok-4.3", "messages": TURNS}),
    "ollama": ("/api/chat", {"model": "qwen2.5:7b", "messages": TURNS}),
}


class Waits:
    """Notes how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    """Note waits instead of waiting."""
    return Waits()


@pytest.fixture
async def sim(waits: Waits) -> AsyncIterator[Simulator]:
    """Run a simulator that does not really wait."""
    async with Simulator(author=RuleAuthor(), sleep=waits) as running:
        yield running


async def send(
    sim: Simulator, fault: str = "", provider: str = "openai", **extra: object
) -> tuple[int, bytes, Mapping[str, str]]:
    """Send one request with a fault; return status, body and headers."""
    path, body = CALLS[provider]
    headers = {**KEY, "x-llmlab-fault": fault}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            sim.base_url(provider) + path, json={**body, "stream": False, **extra}, headers=headers
        ) as reply,
    ):
        return reply.status, await reply.read(), reply.headers


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [429, 500, 503, 529])
async def test_a_status_comes_in_the_providers_envelope(
    sim: Simulator, provider: str, status: int
) -> None:
    """A status fault answers with it, in JSON that has an `error`."""
    answered, body, headers = await send(sim, str(status), provider)

    assert answered == status
    assert json.loads(body)["error"]
    assert headers["x-llmlab-simulator"] == "rule"


async def test_anthropic_529_says_overloaded(sim: Simulator) -> None:
    """Anthropic's 529 is an `overloaded_error` that asks to be tried again."""
    _, body, headers = await send(sim, "529", "anthropic")

    assert json.loads(body)["error"]["type"] == "overloaded_error"
    assert headers["x-should-retry"] == "true"


@pytest.mark.parametrize(("fault", "status"), [("retry-after:3", 429), ("503,retry-after:3", 503)])
async def test_retry_after(sim: Simulator, fault: str, status: int) -> None:
    """`retry-after` adds its header to a status, and is a 429 on its own."""
    answered, _, headers = await send(sim, fault)

    assert (answered, headers["retry-after"]) == (status, "3")


@pytest.mark.parametrize(
    ("provider", "status", "words"),
    [
        ("openai", 429, "insufficient_quota"),
        ("anthropic", 402, "billing_error"),
        ("deepseek", 402, "Insufficient Balance"),
        ("xai", 429, "used all available credits"),
        ("ollama", 402, "error"),
    ],
)
async def test_quota_is_said_the_providers_way(
    sim: Simulator, provider: str, status: int, words: str
) -> None:
    """No money left has another status and other words at each provider."""
    answered, body, _ = await send(sim, "quota", provider)

    assert answered == status
    assert words in body.decode()


@pytest.mark.parametrize(
    ("provider", "status", "words"),
    [("openai", 520, "api.openai.com | 520"), ("xai", 520, "api.x.ai"), ("deepseek", 503, "503")],
)
async def test_html_comes_from_the_gateway(
    sim: Simulator, provider: str, status: int, words: str
) -> None:
    """A gateway's page is HTML: Cloudflare's, or CloudFront's before DeepSeek."""
    answered, body, headers = await send(sim, "html", provider)

    assert answered == status
    assert headers["content-type"].startswith("text/html")
    assert words in body.decode()


async def test_empty_and_garbage_are_successes_without_sense(sim: Simulator) -> None:
    """`empty` has no body, `garbage` one that is neither UTF-8 nor JSON; both are 200."""
    empty_status, empty, _ = await send(sim, "empty")
    garbage_status, garbage, _ = await send(sim, "garbage")

    assert (empty_status, empty, garbage_status) == (200, b"", 200)
    with pytest.raises(UnicodeDecodeError):
        garbage.decode()


async def test_reset_answers_nothing(sim: Simulator) -> None:
    """`reset` closes the connection before a status line."""
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await send(sim, "reset")


@pytest.mark.parametrize("stream", [False, True])
async def test_cut_ends_the_body_after_some_bytes(sim: Simulator, *, stream: bool) -> None:
    """`cut:120` sends 120 bytes and closes, which the client notices."""
    path, body = CALLS["openai"]
    received = b""

    with pytest.raises(aiohttp.ClientPayloadError):  # noqa: PT012 - the bytes before the cut count
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                sim.base_url("openai") + path,
                json={**body, "stream": stream},
                headers={**KEY, "x-llmlab-fault": "cut:120"},
            ) as reply,
        ):
            async for piece in reply.content.iter_any():
                received += piece

    assert len(received) == 120


async def test_drip_and_delay_wait(sim: Simulator, waits: Waits) -> None:
    """`delay` waits once before the answer, `drip` before every piece."""
    _, body, _ = await send(sim, "delay:0.5,drip:0.05", stream=True)

    pieces = body.count(b"data: ")
    assert waits.seconds == [0.5, *([0.05] * pieces)]


async def test_split_cuts_through_anything_and_changes_nothing(
    sim: Simulator, waits: Waits
) -> None:
    """`split:3` writes three bytes at a time; the body is the same."""
    _, body, _ = await send(sim, "split:3,drip:0.01", stream=True)

    assert len(waits.seconds) == -(-len(body) // 3)
    assert body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("provider", "end", "mark"),
    [
        ("openai", b"[DONE]", b'"server_error"'),
        ("anthropic", b"message_stop", b"event: error"),
        ("ollama", b'"done":true', b'{"error":'),
    ],
)
async def test_stream_error_comes_after_a_200(
    sim: Simulator, provider: str, end: bytes, mark: bytes
) -> None:
    """An error inside the stream takes the place of its end; the status stays 200."""
    status, body, _ = await send(sim, "stream-error", provider, stream=True)

    assert status == 200
    assert mark in body
    assert end not in body


async def test_a_share_hits_that_share_and_repeats() -> None:
    """`429:0.3` hits about three in ten, the same ones for the same seed."""
    faults = Faults.parse(["429:0.3"], seed=5)

    hits = [bool(faults.drawn("openai", number)) for number in range(2000)]

    assert hits == [bool(faults.drawn("openai", number)) for number in range(2000)]
    assert hits != [bool(Faults.parse(["429:0.3"]).drawn("openai", n)) for n in range(2000)]
    assert 540 <= sum(hits) <= 660


async def test_a_provider_prefix_spares_the_others() -> None:
    """`openai=500` hits OpenAI alone, on every path, free ones included."""
    async with Simulator(author=RuleAuthor(), faults=Faults.parse(["openai=500"])) as sim:
        hit, _, _ = await send(sim)
        spared, _, _ = await send(sim, provider="xai")

    assert (hit, spared) == (500, 200)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("garbge", "did you mean garbage"),
        ("opnai=429", "did you mean openai"),
        ("cut", "needs a number"),
        ("cut:many", "not a number"),
        ("429:2", "share from 0 to 1"),
        ("429:0.1:0.2", "share from 0 to 1"),
        ("200", "no fault '200'"),
    ],
)
def test_a_fault_that_is_not_one_names_the_nearest(spec: str, words: str) -> None:
    """A wrong specification is one line with the fix."""
    with pytest.raises(UsageError, match=words):
        Faults.parse([spec])


async def test_a_wrong_header_is_refused_not_ignored(sim: Simulator) -> None:
    """A fault that the header spells wrong is a 400 that says so."""
    status, body, _ = await send(sim, "garbge")

    assert status == 400
    assert "did you mean garbage" in body.decode()


@given(st.text(max_size=30))
def test_any_text_is_a_fault_or_a_usage_error(spec: str) -> None:
    """Parsing never fails in any other way."""
    try:
        faults = Faults.parse([spec])
    except UsageError:
        return
    assert all(0 <= fault.share <= 1 for fault in faults.faults)
