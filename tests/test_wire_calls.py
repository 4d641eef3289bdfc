"""A call behaves on the wire in the same way, whichever way it is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

import pytest

from llmlab.errors import CallError, ConfigError, CutOff, Unavailable
from llmlab.records import HttpCall
from llmlab.secrets import Secret
from llmlab.wire import Endpoint, Flow, Session
from tests.wire_server import BODY, OK, left_open, serving

pytestmark = pytest.mark.usefixtures("way")


async def test_a_request_has_its_words_its_key_and_its_length() -> None:
    """What arrives is one whole HTTP/1.1 request, the key in its header."""
    async with serving(OK) as (server, session):
        exchange = await session.send(server.call("/chat?a=%20b"), server.endpoint())

    assert exchange.reply.status == 200
    assert exchange.reply.body == BODY
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    lines = [line[: line.index(":")].lower() + line[line.index(":") :] for line in lines]
    assert first == "POST /v1/chat?a=%20b HTTP/1.1"
    assert "accept-encoding: gzip, deflate" in lines
    assert len({line.partition(":")[0] for line in lines}) == len(lines)
    assert f"host: 127.0.0.1:{server.port}" in lines
    assert "authorization: Bearer sk-x" in lines
    assert "content-length: 9" in lines
    assert body == b'{"ask":1}'


async def test_one_connection_serves_one_call_after_the_other(way: str) -> None:
    """A warm session opens no new connection, where it can look at an idle one before."""
    async with serving(OK, OK, OK) as (server, session):
        for _ in range(3):
            await session.send(server.call(), server.endpoint())

        assert left_open(session) == (0 if way == "unlike" else 1)
        assert session.connections == (None if way == "unlike" else 1)
    assert server.connections == (3 if way == "unlike" else 1)


async def test_each_key_goes_to_its_own_requests() -> None:
    """Two endpoints at one address do not share a head."""
    async with serving(OK, OK) as (server, session):
        await session.send(server.call(), server.endpoint("sk-one"))
        await session.send(server.call(), server.endpoint("sk-two"))

    assert [b"sk-one" in each for each in server.requests] == [True, False]
    assert [b"sk-two" in each for each in server.requests] == [False, True]


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, BODY),
        (b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + OK, BODY),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n",
         b"abcdef"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
    ids=["continue", "hints", "chunks", "empty"],
)  # fmt: skip
async def test_every_way_to_frame_a_reply_is_read(reply: bytes, body: bytes) -> None:
    """Interim replies are passed over; chunks are undone."""
    async with serving(reply) as (server, session):
        exchange = await session.send(server.call(), server.endpoint())

    assert exchange.reply.body == body


async def _with(reply: bytes) -> tuple[CallError, int]:
    """Send to a server that says *reply* and hangs up; return the error and what stays open."""
    async with serving(reply) as (server, session):
        server.hang_up = True
        with pytest.raises(CallError) as caught:
            await session.send(server.call(), server.endpoint())
        return caught.value, left_open(session)


async def test_a_reply_that_breaks_off_is_an_error_that_may_have_cost() -> None:
    """Nothing, garbage and half a body each become a `CallError`, and nothing stays open."""
    nothing, open_after_nothing = await _with(b"")
    garbage, open_after_garbage = await _with(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    half, open_after_half = await _with(OK[:-5])

    assert isinstance(nothing, Unavailable)
    assert nothing.maybe_charged
    assert isinstance(garbage, Unavailable)
    assert isinstance(half, CutOff)
    assert open_after_nothing == open_after_garbage == open_after_half == 0


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_chunks_that_break_off_in_the_middle_are_no_wait(way: str, *, stream: bool) -> None:
    """What is no chunk any more ends the call at once, also after its headers were read."""
    if way == "unlike":
        return  # aiohttp leaves who reads waiting, until the call's deadline
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
    async with serving(head) as (server, session), asyncio.timeout(5):
        async with session.open(server.call(), server.endpoint()) as flow:
            server.writers[0].write(b"zz\r\n")
            with pytest.raises(CutOff):
                await (_read(flow) if stream else flow.whole())

        assert left_open(session) == 0


async def _read(flow: Flow) -> None:
    async for _ in flow.chunks():
        pass


async def test_a_cancelled_call_closes_its_connection() -> None:
    """A late reply to a cancelled call is never read as the answer to the next one."""
    async with serving(b"") as (server, session):
        task = asyncio.create_task(session.send(server.call(), server.endpoint()))
        await _until(lambda: len(server.requests) == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert left_open(session) == 0


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not done():  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0)


async def test_a_line_break_in_a_header_is_refused_before_anything_is_sent() -> None:
    """A key that would smuggle a header is never written."""
    async with serving(OK) as (server, session):
        with pytest.raises(ConfigError, match="line break"):
            await session.send(server.call(), server.endpoint("sk-x\r\nhost: evil"))

    assert not server.requests


async def test_heads_do_not_pile_up(way: str) -> None:
    """A lab that makes up new addresses forever keeps a bounded number of them."""
    if way != "fast":
        return  # only there they are kept
    async with serving(*[OK] * 600) as (server, session):
        for number in range(600):
            await session.send(server.call(f"/{number}"), server.endpoint())
        direct = session._direct

    assert direct is not None
    assert len(direct._heads) <= 256


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_reply_nobody_asked_for_is_nobodys_answer(
    way: str, method: Literal["POST", "GET"]
) -> None:
    """What a server says on an idle connection is not taken for the answer to the next call."""
    async with serving() as (server, session):
        server.replies += [OK, OK.replace(b"hello", b"right")]
        await session.send(server.call(), server.endpoint())
        if way != "unlike":  # where no connection is idle
            server.writers[0].write(OK.replace(b"hello", b"stale"))
            await _until(lambda: _has_come(session))
        again = HttpCall(url=server.url, method=method)
        exchange = await session.send(again, server.endpoint())

    assert exchange.reply.body == BODY.replace(b"hello", b"right")
    assert server.connections == 2


def _has_come(session: Session) -> bool:
    """Say whether something lies on the one idle connection."""
    connector = session._session.connector if session._session else None
    assert connector is not None
    ((protocol, _),) = next(iter(connector._conns.values()))
    return protocol.should_close


async def test_a_switch_of_protocols_is_a_reply() -> None:
    """101 is the last thing a connection says in HTTP: nothing is waited for after it."""
    switch = b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n"
    async with serving(switch) as (server, session), asyncio.timeout(5):
        exchange = await session.send(server.call(), server.endpoint())

        assert left_open(session) == 0
    assert exchange.reply.status == 101


@asynccontextmanager
async def _deaf(reply: bytes) -> AsyncIterator[tuple[HttpCall, list[asyncio.StreamWriter]]]:
    """Serve *reply* to the head of a request whose body, of 20 MB, is never read."""
    writers: list[asyncio.StreamWriter] = []
    over = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writers.append(writer)
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield HttpCall(url=url, body=b"x" * 20_000_000), writers
    finally:
        over.set()
        server.close()


async def test_a_connection_with_half_a_request_on_it_is_not_used_again() -> None:
    """Refused before all was sent: the next request is not written into the rest of this one."""
    refused = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}"
    session = Session()
    async with _deaf(refused) as (call, writers), asyncio.timeout(5):
        endpoint = Endpoint(provider="openai", base_url=call.url, key=Secret("sk-x"))
        replies = [await session.send(call, endpoint) for _ in range(2)]
        await session.close()

    assert [each.reply.status for each in replies] == [413, 413]
    assert len(writers) == 2


async def test_a_cancelled_upload_is_not_sent_to_its_end() -> None:
    """Who gives up while the request is going out has not asked, and leaves no socket behind."""
    session = Session()
    async with _deaf(b"") as (call, writers), asyncio.timeout(5):
        endpoint = Endpoint(provider="openai", base_url=call.url, key=Secret("sk-x"))
        task = asyncio.create_task(session.send(call, endpoint))
        await _until(lambda: bool(writers))
        connector = session._session.connector if session._session else None
        assert connector is not None
        (protocol,) = connector._acquired
        transport = protocol.transport
        assert transport is not None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

        assert transport.get_write_buffer_size() == 0
        await session.close()


async def test_a_password_in_the_address_is_sent_as_one() -> None:
    """`user:password@` becomes basic authorization, as aiohttp makes it; a key comes first."""
    async with serving(OK, OK) as (server, session):
        url = server.url.replace("//", "//user:p%40w@")
        await session.send(HttpCall(url=url, auth="none"), server.endpoint())
        await session.send(HttpCall(url=url), server.endpoint())

    assert b"authorization: Basic dXNlcjpwQHc=\r\n" in server.requests[0]
    assert b"user:p" not in server.requests[0]
    assert b"authorization: Bearer sk-x\r\n" in server.requests[1]


async def test_a_key_that_is_no_text_is_refused_without_showing_it() -> None:
    """A stray byte in an environment variable is one clear line; no error carries the key."""
    async with serving(OK) as (server, session):
        with pytest.raises(ConfigError, match="no text") as caught:
            await session.send(server.call(), server.endpoint("sk-planted\udcff"))

    assert "planted" not in repr(caught.value)
    assert not server.requests
