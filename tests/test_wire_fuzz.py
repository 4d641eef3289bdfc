"""Whatever a server says: a reply or a `CallError`, and the next call gets an answer of its own."""

import asyncio
import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmlab.errors import CallError
from llmlab.wire import Session
from tests.wire_server import BODY, OK, Scripted, serving

pytestmark = pytest.mark.usefixtures("way")


def _reply(*headers: bytes, body: bytes = b"", status: bytes = b"200 OK") -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, lines, body)


_GZIP = gzip.compress(BODY, mtime=0)
_DEFLATE = zlib.compress(BODY)
_FRAMED = {
    "length": OK,
    "chunks": _reply(
        b"transfer-encoding: chunked",
        body=b"8\r\n%b\r\n8;x=y\r\n%b\r\n0\r\nx-trailer: 1\r\n\r\n" % (BODY[:8], BODY[8:]),
    ),
    "gzip": _reply(b"content-encoding: gzip", b"content-length: %d" % len(_GZIP), body=_GZIP),
    "deflate": _reply(
        b"content-encoding: deflate",
        b"transfer-encoding: chunked",
        body=b"%x\r\n%b\r\n0\r\n\r\n" % (len(_DEFLATE), _DEFLATE),
    ),
    "gzip until it closes": _reply(b"content-encoding: gzip", b"connection: close", body=_GZIP),
}
_REPLIES = (
    *_FRAMED.values(),
    _reply(b"connection: close", body=BODY),
    _reply(status=b"100 Continue") + _reply(b"link: </x>", status=b"103 Hints") + OK,
    _reply(status=b"204 No Content"),
    _reply(b"content-length: 0", b"location: //[", status=b"307 Moved"),
    _reply(b"connection: upgrade", b"upgrade: websocket", status=b"101 Switching"),
    OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
)
_STALE = OK.replace(b"hello", b"stale")
_RIGHT = OK.replace(b"hello", b"right")
_WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b"\xff", b": ", b" folded\r\n", b"x" * 9000, b"0\r\n\r\n",
    b"-1\r\n", b"ffffffffffffffff\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/2 200\r\n",
    b"HTTP/1.1 -1 X\r\n",
    b"HTTP/1.1 999\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"content-length: 5\r\n",
    b"content-length: -1\r\n", b"content-length: 99999999999999999999\r\n",
    b"content-length: 1e3\r\n", b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: gzip, chunked\r\n", b"content-encoding: gzip\r\n",
    b"content-encoding: deflate\r\n", b"content-encoding: br\r\n", b"content-encoding: \xff\r\n",
    b"connection: close\r\n", b"upgrade: websocket\r\n", b"sec-websocket-key1: x\r\n",
    b"location: //[\r\n", b"\x1f\x8b\x08", _STALE,
)  # fmt: skip


@pytest.mark.parametrize("framing", _FRAMED)
async def test_a_reply_cut_at_any_byte_is_an_error(framing: str) -> None:
    """Where a reply says how long it is, or is packed, no part of it is taken for it."""
    whole = _FRAMED[framing]
    # Until it closes, nothing at all may be an empty reply: that is for the adapter to read.
    empty = {whole.index(b"\r\n\r\n") + 4} if framing == "gzip until it closes" else set()
    parts = [whole[:size] for size in range(len(whole)) if size not in empty]
    async with serving(*parts, whole) as (server, session), asyncio.timeout(60):
        server.hang_up = True
        for _ in parts:
            with pytest.raises(CallError):
                await session.send(server.call(), server.endpoint())
        exchange = await session.send(server.call(), server.endpoint())

    assert exchange.reply.body == BODY


@st.composite
def _spoilt(draw: st.DrawFn) -> bytes:
    """Draw a reply with some of its bytes gone, changed, or with words of HTTP put in."""
    said = draw(st.sampled_from(_REPLIES))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(said)))
        gone = draw(st.integers(0, 12))
        put = draw(st.sampled_from(_WORDS) | st.binary(max_size=3))
        said = said[:at] + put + said[at + gone :]
    return said


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(said=_spoilt(), hang_up=st.booleans(), stream=st.booleans())
async def test_no_spoilt_reply_is_anything_but_an_error_or_a_reply(
    said: bytes, *, hang_up: bool, stream: bool
) -> None:
    """No raw exception, one clean line, and what is left of it is nobody's answer."""
    async with serving(said, _RIGHT) as (server, session), asyncio.timeout(60):
        server.hang_up = hang_up
        task = asyncio.create_task(_ask(session, server, stream=stream))
        await _turns(lambda: bool(server.requests))
        await _turns(task.done, most=100)
        task.cancel()  # as the deadline does with a reply that does not end
        first = (await asyncio.gather(task, return_exceptions=True))[0]
        second = await _ask(session, server, stream=False)

    assert isinstance(first, bytes | CallError | asyncio.CancelledError)
    assert str(first).isprintable() or isinstance(first, bytes)
    assert second == BODY.replace(b"hello", b"right")


async def _ask(session: Session, server: Scripted, *, stream: bool) -> bytes:
    """Return the body of the next reply."""
    if not stream:
        return (await session.send(server.call(), server.endpoint())).reply.body
    async with session.open(server.call(), server.endpoint()) as flow:
        return b"".join([piece async for piece in flow.chunks()])


async def _turns(done: Callable[[], bool], *, most: int | None = None) -> None:
    """Let the loop turn until *done*, or *most* times."""
    turn = 0
    while not done() and (most is None or turn < most):
        await asyncio.sleep(0)
        turn += 1
