"""
What a call costs in CPU: raw aiohttp + msgspec, and llmlab with everything on.

    python -m benchmarks.overhead [--calls 1000] [--rounds 5] [--profile]

The server is another process, so `time.process_time` sees the client alone, all its threads
included. Rounds are interleaved (raw, file, memory, raw ...) and the ratio is the median of
the ratios within a round: a busy machine slows all three alike. llmlab's figure has all of it:
preparing the request, hashing it, the gate, the reservation and the answer in the book, the
headers' rate limits, decoding, pricing, the row.
"""

import argparse
import asyncio
import cProfile
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from llmlab.book import Book, Limits
from llmlab.calls.caller import Caller
from llmlab.catalogue import Catalogue
from llmlab.ops import Secret
from llmlab.pricing import Prices
from llmlab.records import Parameters, Prompt, Request
from llmlab.runs.plan import Cell, Input
from llmlab.runs.run import Planned, Runner, Tally
from llmlab.wire import Endpoint, Gates, Session

MODEL = "gpt-6-luna"
IN_FLIGHT = 64
WORDS = "Spring came late this year, and the board met in May to speak of it at length. " * 16


class Usage(msgspec.Struct):
    """What a careful script would read of the usage."""

    prompt_tokens: int
    completion_tokens: int


class Message(msgspec.Struct):
    """The words."""

    content: str


class Choice(msgspec.Struct):
    """The first and only one."""

    message: Message


class Completion(msgspec.Struct):
    """What a careful script would decode."""

    choices: list[Choice]
    usage: Usage


# ---- the server


def reply() -> bytes:
    """Write a reply of about 1.5 kB, with the headers that OpenAI sends."""
    body = msgspec.json.encode(
        {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS},
                         "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 280, "total_tokens": 580,
                      "prompt_tokens_details": {"cached_tokens": 0},
                      "completion_tokens_details": {"reasoning_tokens": 0}},
        }
    )  # fmt: skip
    head = [
        "HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}",
        "x-request-id: req_1", "openai-processing-ms: 5",
        "x-ratelimit-limit-requests: 30000", "x-ratelimit-remaining-requests: 29999",
        "x-ratelimit-reset-requests: 2ms", "x-ratelimit-limit-tokens: 150000000",
        "x-ratelimit-remaining-tokens: 149999000", "x-ratelimit-reset-tokens: 0s",
    ]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + body


class Canned(asyncio.Protocol):
    """Answer every request with the same bytes, after *delay* seconds."""

    def __init__(self, data: bytes, delay: float) -> None:
        self._reply = data
        self._delay = delay
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer when the whole request is there."""
        self._got += data
        head, found, rest = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(rest) >= length:
            self._got = rest[length:]
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._reply)


async def serve(delay: float) -> None:
    """Serve until killed; print the port."""
    loop = asyncio.get_running_loop()
    data = reply()
    server = await loop.create_server(lambda: Canned(data, delay), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# ---- the clients


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}/v1"


async def raw(port: int, calls: int, _: int) -> None:
    """Send with aiohttp and decode with msgspec, as a careful script would."""
    import aiohttp

    decoder, encode = msgspec.json.Decoder(Completion), msgspec.json.encode
    headers = {"content-type": "application/json", "authorization": "Bearer sk-x"}
    numbers = iter(range(calls))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), headers=headers
    ) as session:

        async def work() -> None:
            for number in numbers:
                message = {"role": "user", "content": f"{WORDS} {number}"}
                body = {"model": MODEL, "messages": [message], "max_completion_tokens": 512}
                async with session.post(
                    f"{_url(port)}/chat/completions", data=encode(body)
                ) as response:
                    decoder.decode(await response.read())

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))


async def llmlab(
    port: int, calls: int, number: int, path: Path | None = None, in_flight: int = IN_FLIGHT
) -> Any:
    """Send the same through a run, with book, limits, reservations and prices."""
    session = Session()
    with Book.open(path) as book:
        caller = Caller(
            book=book,
            session=session,
            gates=Gates(max_in_flight=in_flight, per_provider=in_flight, limits={}),
            prices=PRICES,
            limits=Limits(),
        )
        arm = CATALOGUE.arms(f"openai/{MODEL}")[0]
        endpoint = Endpoint(provider="openai", base_url=_url(port), key=Secret("sk-x"))
        plan = []
        for each in range(calls):
            request = Request(
                provider="openai",
                model=MODEL,
                prompt=Prompt(name="p", user=f"{WORDS} {number} {each}"),
                parameters=Parameters(max_tokens=512),
            )
            cell = Cell(request=request, arm=arm, input=Input(id=str(each)))
            plan.append(Planned(cell=cell, prepared=caller.prepare(request, arm.model, endpoint)))
        rows: list[Any] = []
        runner = Runner(name="r", caller=caller, deadline=lambda _: 30.0, at_once=in_flight)
        await runner.rows(plan, {}, tally=Tally.of(plan), landed=rows)
        await session.close()
    failed = [row.outcome for row in rows if hasattr(row.outcome, "kind")]
    assert len(rows) == calls and not failed, failed[:1]  # noqa: PT018 - one fact
    return rows


CATALOGUE = Catalogue.load(None)
PRICES = Prices()


async def in_file(port: int, calls: int, number: int) -> None:
    """Keep the book in a file."""
    with tempfile.TemporaryDirectory() as folder:
        await llmlab(port, calls, number, Path(folder) / "lab.db")


async def in_memory(port: int, calls: int, number: int) -> None:
    """Keep the book in memory."""
    await llmlab(port, calls, number)


Way = Callable[[int, int, int], Awaitable[None]]
WAYS: dict[str, Way] = {
    "aiohttp + msgspec": raw,
    "llmlab, book in a file": in_file,
    'llmlab, book ":memory:"': in_memory,
}


def cpu(way: Way, port: int, calls: int, number: int) -> float:
    """Return the CPU microseconds a call, over all threads of this process."""
    start = time.process_time()
    asyncio.run(way(port, calls, number))  # type: ignore[arg-type]  # all are coroutines
    return 1e6 * (time.process_time() - start) / calls


def measure(port: int, calls: int, rounds: int) -> dict[str, list[float]]:
    """Take *rounds* interleaved rounds after one to warm up."""
    found: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(rounds + 1):
        for name, way in WAYS.items():
            spent = cpu(way, port, calls, number)
            if number:
                found[name].append(spent)
    return found


def show(found: dict[str, list[float]]) -> None:
    """Print medians and ratios."""
    reference = found["aiohttp + msgspec"]
    print("| client | CPU us a call (median) | x aiohttp + msgspec, same round [quartiles] |")
    print("|---|---|---|")
    for name, values in found.items():
        ratios = [value / base for value, base in zip(values, reference, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        print(f"| {name} | {statistics.median(values):.0f} | {middle:.2f} [{low:.2f}-{high:.2f}] |")


def main() -> None:
    """Start the server, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options.delay))
        return
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - ours
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            if options.profile:
                _profile(port, options.calls)
            else:
                show(measure(port, options.calls, options.rounds))
        finally:
            server.terminate()


def _profile(port: int, calls: int) -> None:
    asyncio.run(llmlab(port, 100, 0))
    profile = cProfile.Profile()
    profile.enable()
    asyncio.run(llmlab(port, calls, 1))
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
