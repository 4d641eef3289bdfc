"""
What each fault looks like from inside a notebook: a scripted server, a call, what became of it.

Each fault is met twice: once for ever, and once only, with a good answer after it. Waits are
noted and not waited; the only real time is the 0.2 s deadline of what never ends.
"""

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final, Self
from unittest.mock import patch

from llmlab.book import Account, Book, Limits
from llmlab.calls.caller import Caller, Prepared
from llmlab.catalogue import Catalogue
from llmlab.pricing import Prices
from llmlab.records import Answer, Outcome, Parameters, Prompt, Request
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Gates, Session

MODEL: Final = "gpt-6-luna"
NOW: Final = 1_763_820_000.0
DATE: Final = "Sat, 22 Nov 2025 14:00:00 GMT"
LATER: Final = "Sat, 22 Nov 2025 14:00:07 GMT"
SHORT: Final = 0.2
"""Seconds of deadline for what never ends."""

_TEXT: Final = ["Spring", " is", " late", "."]
_USAGE: Final = {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16}


def _http(status: int, body: bytes, *headers: str, kind: str = "application/json") -> bytes:
    lines = [
        f"HTTP/1.1 {status} x",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
        "connection: close",
        "x-request-id: req_1",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _error(message: str, *, kind: str = "server_error", code: str | None = None) -> bytes:
    said = {"message": message, "type": kind, "param": None, "code": code}
    return json.dumps({"error": said}).encode()


def _status(status: int, message: str, *headers: str, code: str | None = None) -> bytes:
    return _http(status, _error(message, code=code), *headers)


def _answer() -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(_TEXT)},
        "finish_reason": "stop",
    }
    body = {"id": "c1", "object": "chat.completion", "created": 1, "model": MODEL}
    return json.dumps({**body, "choices": [choice], "usage": _USAGE}).encode()


def _event(delta: dict[str, object] | None, finish: str | None = None) -> bytes:
    body: dict[str, object] = {"id": "c1", "object": "chat.completion.chunk", "model": MODEL}
    if delta is None:
        body |= {"choices": [], "usage": _USAGE}
    else:
        body |= {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _events() -> list[bytes]:
    words = [_event({"content": word}) for word in _TEXT]
    return [*words, _event({}, "stop"), _event(None), b"data: [DONE]\n\n"]


_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def _streamed(events: list[bytes], *, whole: bool = True) -> bytes:
    return _STREAM_HEAD + b"".join(map(_chunk, events)) + (b"0\r\n\r\n" if whole else b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong: the bytes that are served, how, and where it is asked."""

    name: str
    reply: bytes = b""
    """Empty: the connection is closed, or hangs, without a word."""
    stream: bool = False
    hangs: bool = False
    """Whether the connection stays open after `reply`, and nothing more comes."""
    resets: bool = False
    deadline: float = 30.0
    url: str = "http://127.0.0.1:{port}/v1"
    around: Callable[[], AbstractContextManager[object]] = nullcontext


@contextmanager
def _no_such_host() -> Iterator[None]:
    real = socket.getaddrinfo

    def getaddrinfo(host: object, *rest: object, **more: object) -> object:
        if host == "api.example.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **more)  # type: ignore[arg-type]  # as it came

    with patch("socket.getaddrinfo", getaddrinfo):
        yield


_HTML: Final = b"<html><head><title>520: unknown error</title></head><body>Gateway</body></html>"
_SLOW: Final = "Rate limit reached."

FAULTS: Final = (
    Fault(name="connection refused", url="http://127.0.0.1:9/v1"),
    Fault(name="connection reset", resets=True),
    Fault(name="no answer at all", hangs=True, deadline=SHORT),
    Fault(name="429, retry-after: 7", reply=_status(429, _SLOW, "retry-after: 7")),
    Fault(name="429, retry-after-ms: 1500", reply=_status(429, _SLOW, "retry-after-ms: 1500")),
    Fault(
        name="429, retry-after: an HTTP date 7 s ahead",
        reply=_status(429, _SLOW, f"date: {DATE}", f"retry-after: {LATER}"),
    ),
    Fault(name="429 without a wait", reply=_status(429, _SLOW)),
    Fault(name="429, retry-after: 50", reply=_status(429, _SLOW, "retry-after: 50")),
    Fault(name="429, retry-after: 200", reply=_status(429, _SLOW, "retry-after: 200")),
    Fault(
        name="429, quota used up",
        reply=_status(429, "You exceeded your current quota.", code="insufficient_quota"),
    ),
    Fault(name="500", reply=_status(500, "The server had an error.")),
    Fault(name="502", reply=_status(502, "Bad gateway.")),
    Fault(name="503", reply=_status(503, "The server is overloaded.")),
    Fault(name="504", reply=_status(504, "The request timed out.")),
    Fault(name="529", reply=_status(529, "Overloaded")),
    Fault(name="HTML page of a gateway (520)", reply=_http(520, _HTML, kind="text/html")),
    Fault(name="HTML page with status 200", reply=_http(200, _HTML, kind="text/html")),
    Fault(name="reply cut in the middle", reply=_http(200, _answer())[:-40]),
    Fault(
        name="stream cut in the middle",
        reply=_streamed(_events()[:2], whole=False),
        stream=True,
    ),
    Fault(
        name="error inside a stream",
        reply=_streamed([*_events()[:2], b"data: " + _error("Gone wrong.") + b"\n\n"]),
        stream=True,
    ),
    Fault(
        name="stream that stops coming",
        reply=_streamed(_events()[:2], whole=False),
        stream=True,
        hangs=True,
        deadline=SHORT,
    ),
    Fault(name="garbage body", reply=_http(200, b'{"choices": [\xff\xfe')),
    Fault(name="empty body", reply=_http(200, b"")),
    Fault(name="unknown host", url="https://api.example.invalid/v1", around=_no_such_host),
    Fault(name="TLS failure", url="https://127.0.0.1:{port}/v1"),
    Fault(name="400", reply=_status(400, "Unsupported value.")),
    Fault(name="401", reply=_status(401, "Incorrect API key.", code="invalid_api_key")),
    Fault(name="402", reply=_status(402, "Insufficient Balance")),
    Fault(name="404, unknown model", reply=_status(404, "No model x.", code="model_not_found")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What became of one call."""

    outcome: Outcome
    waits: tuple[float, ...]
    requests: int
    """Requests the server got."""
    account: Account


@dataclass(slots=True)
class FakeTime:
    """Seconds that pass when somebody sleeps."""

    now: float = 0.0
    waits: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Note the wait, and let it be over."""
        self.waits.append(round(seconds, 3))
        self.now += seconds


async def measure(fault: Fault, *, once: bool) -> Seen:
    """Ask one question of a server with *fault*, which lasts, or passes after one request."""
    server = Server(fault, fails=1 if once else None)
    session = Session()
    with Book.open(None, clock=lambda: NOW) as book, fault.around():
        async with server:
            time = FakeTime()
            outcome = await _ask(fault, server.url, book, session, time)
        await session.close()
        account = book.account()
    return Seen(outcome=outcome, waits=tuple(time.waits), requests=server.requests, account=account)


async def _ask(fault: Fault, url: str, book: Book, session: Session, time: FakeTime) -> Outcome:
    caller = caller_on(book, session, time)
    prepared = prepared_by(caller, url, "How is spring this year?", stream=fault.stream)
    return await caller.outcome(prepared, deadline=fault.deadline)


def caller_on(book: Book, session: Session, time: FakeTime) -> Caller:
    """Make a caller that lives on fake time."""
    return Caller(
        book=book,
        session=session,
        gates=Gates(max_in_flight=8, per_provider=8, limits={}, clock=time),
        prices=Prices(),
        limits=Limits(),
        clock=time,
        now=lambda: NOW,
        sleep=time.sleep,
        jitter=lambda: 0.5,
    )


def prepared_by(caller: Caller, url: str, words: str, *, stream: bool = False) -> Prepared:
    """Prepare a question to OpenAI's chat endpoint at *url*."""
    request = Request(
        provider="openai",
        model=MODEL,
        prompt=Prompt(name="ask", user=words),
        parameters=Parameters(max_tokens=100),
        stream=stream,
    )
    model = Catalogue.load(None).arms(f"openai/{MODEL}")[0].model
    endpoint = Endpoint(provider="openai", base_url=url, key=Secret("sk-planted"))
    return caller.prepare(request, model, endpoint)


class Server:
    """Serve a fault's bytes, for ever or to the first *fails* requests; count the requests."""

    def __init__(self, fault: Fault, *, fails: int | None) -> None:
        self._fault = fault
        self._fails = fails
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[object]] = set()
        self.requests = 0

    @property
    def url(self) -> str:
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return self._fault.url.format(port=port)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._exchange(reader, writer)
        except (asyncio.CancelledError, OSError, asyncio.IncompleteReadError, ValueError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(1) != b"P":  # a TLS handshake: answer as plain servers do
            writer.write(_http(400, b""))
            await writer.drain()
            return
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(found[1]) if found else 0)
        self.requests += 1
        if self._fails is not None and self.requests > self._fails:
            stream = self._fault.stream
            writer.write(_streamed(_events()) if stream else _http(200, _answer()))
            await writer.drain()
            return
        writer.write(self._fault.reply)
        await writer.drain()
        if self._fault.hangs:
            await asyncio.sleep(60)
        if self._fault.resets:
            writer.transport.abort()


# ---- the table

_HEAD: Final = (
    "| fault | what the user sees if it stays | attempts | requests served | waits, s | "
    "counted, $ | if it happens once |\n"
    "|---|---|---|---|---|---|---|\n"
)


async def table() -> str:
    """Measure every fault and write the table as Markdown."""
    return _HEAD + "".join([await _line(fault) for fault in FAULTS])


async def _line(fault: Fault) -> str:
    stays = await measure(fault, once=False)
    passes = await _maybe_once(fault)
    numbers = [str(stays.outcome.attempts), str(stays.requests)]
    cells = [fault.name, seen_as(stays), *numbers, waits_of(stays), money_of(stays), passes]
    return f"| {' | '.join(cells)} |\n"


async def _maybe_once(fault: Fault) -> str:
    if "{port}" not in fault.url or fault.url.startswith("https"):
        return "–"
    seen = await measure(fault, once=True)
    if not isinstance(seen.outcome, Answer):
        return "the same"
    return f"answered, {seen.requests} requests, {money_of(seen)}"


def seen_as(seen: Seen) -> str:
    """Write what a user sees of an outcome, without what differs between machines."""
    outcome = seen.outcome
    if isinstance(outcome, Answer):
        return "the answer"
    line = re.sub(r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:PORT", outcome.message)
    line = re.sub(r"(no TLS with [^ ]+).*", r"\1 (OpenSSL's reason)", line).replace("|", "/")
    kept = f"; {outcome.partial!r} is kept" if outcome.partial else ""
    lost = f", ${outcome.cost:.6f} of tokens" if outcome.cost else ""
    return f"`{outcome.kind}`: {line}{kept}{lost}"


def waits_of(seen: Seen) -> str:
    """Write the waits."""
    return ", ".join(f"{wait:g}" for wait in seen.waits) or "none"


def money_of(seen: Seen) -> str:
    """Write what the book counts: what is known to be charged, and what may have been."""
    account = seen.account
    assert account.reserved == 0
    known = f"{account.settled:.6f}" if account.settled else "0"
    return f"{known} + {account.unknown:.6f} unknown" if account.unknown else known
