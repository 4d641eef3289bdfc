"""
The loopback server of all benchmarks: a bare asyncio protocol that answers what OpenAI would.

    python -m benchmarks.server            prints its port, serves until its input closes

It costs little enough to keep up with any client on the other core. What it answers to a chat
request is 1.5 kB with usage and OpenAI's rate limit headers, after `delay` seconds; with
`"stream": true` in the request, `chunks` server-sent events `pace` seconds apart. It is also the
judge: it counts connections and the most requests it ever held at once. `/control` reads and sets.
"""

import asyncio
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Final

import msgspec

MODEL: Final = "gpt-6-luna"
WORDS: Final = "Spring came late this year, and the board met in May to speak of it. " * 17
_STREAM: Final = b'"stream":true'
_LIMITS: Final = [
    "x-request-id: req_1", "openai-processing-ms: 5",
    "x-ratelimit-limit-requests: 30000", "x-ratelimit-remaining-requests: 29999",
    "x-ratelimit-reset-requests: 2ms", "x-ratelimit-limit-tokens: 150000000",
    "x-ratelimit-remaining-tokens: 149999000", "x-ratelimit-reset-tokens: 0s",
]  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Manner:
    """How it answers, in seconds and chunks; set through `/control`."""

    delay: float = 0.0
    chunks: int = 200
    pace: float = 0.0


@dataclass(slots=True)
class Counts:
    """What it has seen since the last reset; `open` and `held` are of this moment."""

    opened: int = 0
    """Connections that were made."""
    most: int = 0
    """Most requests that waited for their answer at once."""
    served: int = 0
    open: int = 0
    held: int = 0

    def take(self) -> None:
        """Note a request that now waits."""
        self.held += 1
        self.most = max(self.most, self.held)

    def give(self) -> None:
        """Note an answer, or a client that went away without it."""
        self.held -= 1
        self.served += 1

    def reset(self) -> None:
        """Begin a new count; what is open stays open."""
        self.opened = self.served = 0
        self.most = self.held


@dataclass(slots=True)
class Desk:
    """What all connections share."""

    manner: Manner = field(default_factory=Manner)
    counts: Counts = field(default_factory=Counts)

    def control(self, body: bytes) -> bytes:
        """Return the counts so far as JSON; then apply *body*: a manner begins a new count."""
        told = msgspec.json.encode(asdict(self.counts))
        if body:
            self.manner = msgspec.json.decode(body, type=Manner)
            self.counts.reset()
        return told


class Wire(asyncio.Protocol):
    """One connection: reads a request, waits as long as it should, answers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._got = b""
        self._needs = 0
        self._waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._desk.counts.opened += 1
        self._desk.counts.open += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's own name
        """Let go of what waits here."""
        self._desk.counts.open -= 1
        self._over()

    def data_received(self, data: bytes) -> None:
        """Take the request once it is all there."""
        self._got += data
        if not self._needs:
            end = self._got.find(b"\r\n\r\n")
            if end < 0:
                return
            self._needs = end + 4 + _length(self._got[:end])
        if len(self._got) >= self._needs:
            request, self._got = self._got[: self._needs], self._got[self._needs :]
            self._needs = 0
            self._take(request)

    def _take(self, request: bytes) -> None:
        if request.startswith(b"POST /control"):
            body = self._desk.control(request.partition(b"\r\n\r\n")[2])
            self._transport.write(_http(body, []))
            return
        manner = self._desk.manner
        self._desk.counts.take()
        self._waiting = True
        # Some clients write `"stream": true`, with a space.
        streamed = _STREAM in request.replace(b": ", b":")
        answer = self._stream if streamed else self._whole
        if manner.delay:
            asyncio.get_running_loop().call_later(manner.delay, answer)
        else:
            answer()

    def _whole(self) -> None:
        self._write(reply())
        self._over()

    def _stream(self) -> None:
        manner = self._desk.manner
        head, chunks, tail = stream(manner.chunks)
        if not manner.pace:
            self._write(b"".join((head, *chunks, tail)))
            self._over()
            return
        self._write(head)
        self._paced(chunks, tail, 0, asyncio.get_running_loop().time())

    def _paced(self, chunks: tuple[bytes, ...], tail: bytes, at: int, began: float) -> None:
        """Send one chunk and come back for the next when it is due, counted from the first."""
        if self._transport.is_closing():
            return
        self._write(chunks[at])
        if at + 1 == len(chunks):
            self._write(tail)
            self._over()
            return
        due = began + (at + 1) * self._desk.manner.pace
        asyncio.get_running_loop().call_at(due, self._paced, chunks, tail, at + 1, began)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def _over(self) -> None:
        if self._waiting:
            self._waiting = False
            self._desk.counts.give()


def _length(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)


def _http(body: bytes, headers: list[str]) -> bytes:
    head = ["HTTP/1.1 200 OK", "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


@lru_cache(maxsize=1)
def reply() -> bytes:
    """Return a whole reply, 1.5 kB of body."""
    usage = {
        "prompt_tokens": 300, "completion_tokens": 280, "total_tokens": 580,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": WORDS, "refusal": None},
        "finish_reason": "stop",
    }
    body = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [choice], "usage": usage,
    }  # fmt: skip
    return _http(msgspec.json.encode(body), _LIMITS)


@lru_cache(maxsize=8)
def stream(count: int) -> tuple[bytes, tuple[bytes, ...], bytes]:
    """Return the head, *count* chunks of text and the tail (finish, usage, done) of a stream."""
    head = ["HTTP/1.1 200 OK", "content-type: text/event-stream", "transfer-encoding: chunked"]
    chunks = tuple(
        _event(_piece([{"index": 0, "delta": {"content": f" word{at}"}, "finish_reason": None}]))
        for at in range(count)
    )
    usage = {"prompt_tokens": 300, "completion_tokens": count, "total_tokens": 300 + count}
    tail = (
        _event(_piece([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        + _event(_piece([], usage))
        + _chunk(b"data: [DONE]\n\n")
        + b"0\r\n\r\n"
    )
    return "\r\n".join([*head, *_LIMITS, "", ""]).encode(), chunks, tail


def _piece(choices: list[dict[str, Any]], usage: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "system_fingerprint": "fp_1", "choices": choices, "usage": usage,
    }  # fmt: skip


def _event(body: dict[str, Any]) -> bytes:
    return _chunk(b"data: " + msgspec.json.encode(body) + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def serve() -> None:
    """Print the port and serve until whoever started this ends it, or ends."""
    from benchmarks.machine import end_with_parent, more_files, pin

    end_with_parent()
    pin(1)
    more_files()
    desk = Desk()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Wire(desk), "127.0.0.1", 0, backlog=16_384)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
