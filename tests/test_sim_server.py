"""The simulator starts, says where it is, notes what it served, and lets go."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from llmlab.errors import UsageError
from llmlab.sim import Faults, RuleAuthor, Simulator, environment, serve

KEY = {"authorization": "Bearer sk-secret"}
BODY: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


async def test_every_provider_has_its_base_url_on_one_port() -> None:
    """Base URLs are what each provider's own variable would hold."""
    async with Simulator(author=RuleAuthor()) as sim:
        lines = environment(sim)
        origin = lines["OLLAMA_HOST"].removesuffix("/ollama")

    assert lines == {
        "OPENAI_BASE_URL": f"{origin}/openai/v1",
        "ANTHROPIC_BASE_URL": f"{origin}/anthropic",
        "DEEPSEEK_BASE_URL": f"{origin}/deepseek",
        "XAI_BASE_URL": f"{origin}/xai/v1",
        "OLLAMA_HOST": f"{origin}/ollama",
    }


async def test_a_port_in_use_is_one_line_with_the_fix() -> None:
    """A second simulator on the same port says which port and what to do."""
    async with Simulator(author=RuleAuthor()) as first:
        port = int(first.base_url("openai").split(":")[2].split("/")[0])

        with pytest.raises(UsageError, match=f"port {port} is in use; choose another one"):
            await Simulator(author=RuleAuthor()).start(port=port)


async def test_starting_twice_is_refused() -> None:
    """A simulator that runs does not start again and lose its first port."""
    async with Simulator(author=RuleAuthor()) as sim:
        with pytest.raises(UsageError, match="already runs"):
            await sim.start()


async def test_a_client_that_vanishes_in_mid_reply_is_noted_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Hanging up during a stream is a debug line, no traceback, and the next client is served."""
    gone = asyncio.Event()
    asked = json.dumps({**BODY, "stream": True}).encode()

    async def pause(_seconds: float) -> None:
        await gone.wait()
        await asyncio.sleep(0.01)  # a turn of the loop, in which the server hears of it

    caplog.set_level(logging.DEBUG)
    faults = Faults.parse(["drip:1"])
    async with Simulator(author=RuleAuthor(), faults=faults, sleep=pause) as sim:
        url = urlsplit(sim.base_url("openai"))
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(
            f"POST {url.path}/chat/completions HTTP/1.1\r\nhost: {url.netloc}\r\n"
            f"authorization: Bearer k\r\ncontent-length: {len(asked)}\r\n\r\n".encode()
            + asked
        )
        await reader.readuntil(b"\r\n\r\n")  # the head is there, the body waits

        writer.transport.abort()
        gone.set()
        async with (
            aiohttp.ClientSession(headers=KEY) as session,
            session.post(f"{url.geturl()}/chat/completions", json=BODY) as reply,
        ):
            status = reply.status
        async with asyncio.timeout(5):
            while "went away in mid-reply" not in caplog.text:  # noqa: ASYNC110 - a log, not an event
                await asyncio.sleep(0.01)

    assert status == 200
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_base_url_before_start_and_of_nobody() -> None:
    """Asking too early, or for a provider that is not there, says so."""
    sim = Simulator(author=RuleAuthor())

    with pytest.raises(UsageError, match="not running"):
        sim.base_url("openai")
    with pytest.raises(UsageError, match="openai, anthropic"):
        sim.base_url("acme")


async def test_closing_twice_is_fine_and_frees_the_port() -> None:
    """After `close` the port can be taken again."""
    sim = Simulator(author=RuleAuthor())
    await sim.start()
    port = int(sim.base_url("openai").split(":")[2].split("/")[0])

    await sim.close()
    await sim.close()

    again = Simulator(author=RuleAuthor())
    await again.start(port=port)
    await again.close()


async def test_the_log_has_what_was_asked_and_no_key() -> None:
    """Every exchange is noted with model, status and the user's words, refused ones too."""
    async with Simulator(author=RuleAuthor(), clock=lambda: 1_795_000_000.0) as sim:
        url = f"{sim.base_url('openai')}/chat/completions"
        async with aiohttp.ClientSession(headers=KEY) as session:
            for body in (BODY, {**BODY, "model": "gpt-0"}):
                async with session.post(url, json=body) as reply:
                    await reply.read()

    served, refused = sim.log
    assert (served.provider, served.path, served.model, served.status, served.user) == (
        "openai",
        "/v1/chat/completions",
        "gpt-4o",
        200,
        "hi",
    )
    assert (refused.model, refused.status, refused.billed) == ("gpt-0", 404, None)
    assert served.digest != refused.digest
    assert "sk-secret" not in repr(sim.log)


async def test_request_ids_differ_between_identical_requests() -> None:
    """The same body twice has one digest and two request ids."""
    ids = []
    async with (
        Simulator(author=RuleAuthor()) as sim,
        aiohttp.ClientSession(headers=KEY) as session,
    ):
        for _ in range(2):
            async with session.post(
                f"{sim.base_url('openai')}/chat/completions", json=BODY
            ) as reply:
                ids.append(reply.headers["x-request-id"])

    assert len(set(ids)) == 2
    assert len({served.digest for served in sim.log}) == 1


FREE = [
    ("openai", "/models/gpt-4o", "id"),
    ("deepseek", "/models", "data"),
    ("deepseek", "/user/balance", "balance_infos"),
    ("xai", "/models", "data"),
    ("xai", "/api-key", "redacted_api_key"),
    ("ollama", "/api/version", "version"),
    ("ollama", "/api/tags", "models"),
]


@pytest.mark.parametrize(("provider", "path", "field"), FREE)
async def test_free_endpoints_answer(provider: str, path: str, field: str) -> None:
    """What costs nothing answers 200 with its main field."""
    async with (
        Simulator(author=RuleAuthor()) as sim,
        aiohttp.ClientSession(headers=KEY) as session,
        session.get(sim.base_url(provider) + path) as reply,
    ):
        body = await reply.json()

    assert reply.status == 200
    assert body[field]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_ollama_says_that_it_runs(method: str) -> None:
    """The root of Ollama answers in plain text, and to HEAD as well."""
    async with (
        Simulator(author=RuleAuthor()) as sim,
        aiohttp.ClientSession() as session,
        session.request(method, sim.base_url("ollama")) as reply,
    ):
        text = await reply.text()

    assert reply.status == 200
    assert text == ("Ollama is running" if method == "GET" else "")


async def test_counting_endpoints_agree_with_the_charge() -> None:
    """What OpenAI counts beforehand is what the response reports; xAI gives one id a token."""
    async with (
        Simulator(author=RuleAuthor()) as sim,
        aiohttp.ClientSession(headers=KEY) as session,
    ):
        openai, xai = sim.base_url("openai"), sim.base_url("xai")
        body = {"model": "gpt-4o", "input": "twelve bytes", "instructions": "four"}
        async with session.post(f"{openai}/responses/input_tokens", json=body) as reply:
            counted = await reply.json()
        async with session.post(f"{openai}/responses", json=body) as reply:
            usage = (await reply.json())["usage"]
        text = {"model": "grok-4.3", "text": "twelve bytes"}
        async with session.post(f"{xai}/tokenize-text", json=text) as reply:
            ids = (await reply.json())["token_ids"]

    assert counted == {"object": "response.input_tokens", "input_tokens": usage["input_tokens"]}
    assert len(ids) == 3


async def test_a_hundred_at_once_are_all_served() -> None:
    """Concurrent requests, some of them spoiled, are each answered once."""
    faults = Faults.parse(["500:0.3"], seed=2)
    async with (
        Simulator(author=RuleAuthor(), faults=faults) as sim,
        aiohttp.ClientSession(headers=KEY) as session,
    ):
        url = f"{sim.base_url('openai')}/chat/completions"

        async def one() -> int:
            async with session.post(url, json={**BODY, "stream": True}) as reply:
                await reply.read()
                return reply.status

        statuses = await asyncio.gather(*(one() for _ in range(100)))

    hit = sum(bool(faults.drawn("openai", number)) for number in range(100))
    assert sorted(set(statuses)) == [200, 500]
    assert statuses.count(500) == hit
    assert len(sim.log) == 100


async def test_serve_reports_and_stops_at_a_signal() -> None:
    """`serve` says five variables and ends at SIGTERM."""
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if len(lines) == 5:
            asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)

    await asyncio.wait_for(serve(report=report), 10)

    assert [line.partition("=")[0] for line in lines] == [
        "OPENAI_BASE_URL",
        "ANTHROPIC_BASE_URL",
        "DEEPSEEK_BASE_URL",
        "XAI_BASE_URL",
        "OLLAMA_HOST",
    ]


def test_as_a_process_it_says_where_it_is_and_ends_quietly() -> None:
    """`python -m llmlab.sim` prints its lines at once and exits 0 on SIGINT, without noise."""
    command = [sys.executable, "-W", "error", "-m", "llmlab.sim"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=300)

    assert lines[0].startswith("OPENAI_BASE_URL=http://127.0.0.1:")
    assert lines[-1].startswith("OLLAMA_HOST=")
    assert (process.returncode, errors) == (0, "")


def test_a_wrong_fault_ends_the_process_with_one_line() -> None:
    """A usage error of the command is one line and exit code 2."""
    command = [sys.executable, "-m", "llmlab.sim", "--fault", "garbge"]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert ended.returncode == 2
    assert "did you mean garbage" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_importing_the_simulator_is_light() -> None:
    """`import llmlab.sim` does not load aiohttp."""
    check = "import sys, llmlab.sim; sys.exit('aiohttp' in sys.modules)"

    ended = subprocess.run([sys.executable, "-c", check], timeout=300, check=False)

    assert ended.returncode == 0
