"""A reply is read whole or not at all: packed ones to their trailer, none beyond its bound."""

import gzip
import zlib
from collections.abc import Callable
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.errors import CallError, ConfigError, CutOff, Unreadable
from llmlab.providers.batch.ways import way_of
from llmlab.records import HttpCall
from llmlab.settings import Sourced
from llmlab.wire import Session, body
from llmlab.wire.unpacking import PIECE, unpacking
from tests.wire_server import left_open, serving

Pack: TypeAlias = Callable[[bytes], bytes]

SAID = b'{"said":"' + b"hello " * 200 + b'"}'


def _gzip(plain: bytes) -> bytes:
    return gzip.compress(plain, mtime=0)


def _bare(plain: bytes) -> bytes:
    """Pack as the servers do that take `deflate` by its name."""
    machine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return machine.compress(plain) + machine.flush()


PACKS: dict[str, tuple[str, Pack]] = {
    "gzip": ("gzip", _gzip),
    "deflate": ("deflate", zlib.compress),
    "bare": ("deflate", _bare),
}


def _reply(packed: bytes, *, coding: str = "gzip", framing: str = "length") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\n" % coding.encode()
    if framing == "length":
        return head + b"content-length: %d\r\n\r\n%b" % (len(packed), packed)
    if framing == "chunked":
        chunk = b"%x\r\n%b\r\n" % (len(packed), packed) if packed else b""
        return head + b"transfer-encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunk
    return head + b"connection: close\r\n\r\n" + packed


async def _read(reply: bytes, *, stream: bool, session: Session | None = None) -> bytes:
    """Ask a server that says *reply* and hangs up."""
    async with serving(reply, session=session) as (server, asking):
        server.hang_up = True
        if not stream:
            return (await asking.send(server.call(), server.endpoint())).reply.body
        async with asking.open(server.call(), server.endpoint()) as flow:
            return b"".join([piece async for piece in flow.chunks()])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("pack", PACKS)
async def test_what_is_packed_is_whole_to_its_last_byte(
    pack: str, framing: str, *, stream: bool
) -> None:
    """An end that is missing or does not fit is a reply that broke off, however it is framed."""
    coding, packing = PACKS[pack]
    packed = packing(SAID)
    flipped = packed[:-6] + bytes([packed[-6] ^ 0xFF]) + packed[-5:]

    assert await _read(_reply(packed, coding=coding, framing=framing), stream=stream) == SAID
    for cut in (packed[:-1], packed[:-8], packed[: len(packed) // 2], packed[:1], flipped):
        with pytest.raises(CutOff) as caught:
            await _read(_reply(cut, coding=coding, framing=framing), stream=stream)
        assert caught.value.maybe_charged


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("coding", "packed", "is_read"),
    [
        ("identity", SAID, True),
        ("utf-8", SAID, True),
        ("GZIP", _gzip(SAID), True),
        ("x-gzip", _gzip(SAID), True),
        ("gzip", _gzip(SAID[:50]) + _gzip(SAID[50:]), True),
        ("gzip", SAID, False),
        ("deflate", SAID, False),
        ("br", SAID, False),
        ("gzip, gzip", _gzip(_gzip(SAID)), False),
        ("gzip", _gzip(b"") * 2000, False),
    ],
)
async def test_a_coding_that_does_not_fit_is_no_answer(
    coding: str, packed: bytes, *, is_read: bool
) -> None:
    """What is not packed as it says, or in a way nobody asked for, is an error of the call."""
    if is_read:
        assert await _read(_reply(packed, coding=coding), stream=False) == SAID
    else:
        with pytest.raises((CutOff, Unreadable)):
            await _read(_reply(packed, coding=coding), stream=False)


@settings(deadline=None)
@given(
    plain=st.binary(max_size=3 * PIECE // 2),
    pack=st.sampled_from(sorted(PACKS)),
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=20),
)
def test_it_unpacks_the_same_however_it_is_cut(plain: bytes, pack: str, sizes: list[int]) -> None:
    """Wherever the network cuts what is packed, it comes out as it went in, in small pieces."""
    coding, packing = PACKS[pack]
    packed, unpack = packing(plain), unpacking(coding, "openai")
    assert unpack is not None
    out: list[bytes] = []
    at = turn = 0
    while at < len(packed):
        size = sizes[turn % len(sizes)]
        out += unpack.feed(packed[at : at + size])
        at, turn = at + size, turn + 1
    unpack.end()

    assert b"".join(out) == plain
    assert max(map(len, out), default=0) <= PIECE


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("status", [b"200 OK", b"500 Gone"])
@pytest.mark.parametrize("packed", ["not", "small to large", "large to nothing"])
async def test_no_reply_is_read_beyond_its_bound(
    packed: str, status: bytes, monkeypatch: pytest.MonkeyPatch, *, stream: bool
) -> None:
    """A reply that is or becomes too large is closed where it is seen, after a piece too much."""
    kept = _watched(monkeypatch)
    body = {
        "not": _reply(b"x" * 2_000_000, coding="identity"),
        "small to large": _reply(_gzip(b"x" * 20_000_000)),
        "large to nothing": _reply(_endless(2_000_000)),
    }[packed].replace(b"200 OK", status)
    session = Session(max_reply_mb=0.5)
    with pytest.raises(Unreadable) as caught:
        await _read(body, stream=stream, session=session)

    assert str(caught.value) == (
        "openai: the reply is larger than 0.5 MB and was not read to its end; "
        "raise max_reply_mb to read it"
    )
    assert (caught.value.maybe_charged, caught.value.retryable) == (True, False)
    assert sum(kept) <= 500_000 + 2 * PIECE


def _endless(size: int) -> bytes:
    """Pack nothing into *size* bytes: empty blocks of deflate behind a gzip's head."""
    machine = zlib.compressobj(wbits=31)
    head = machine.compress(b"") + machine.flush(zlib.Z_FULL_FLUSH)
    return head + b"\x00\x00\x00\xff\xff" * (size // 5)


def _watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the size of every piece that is unpacked."""
    sizes: list[int] = []

    class Noted:
        def __init__(self, wbits: int) -> None:
            self._machine = zlib.decompressobj(wbits)

        def decompress(self, packed: bytes, most: int) -> bytes:
            piece = self._machine.decompress(packed, most)
            sizes.append(len(piece))
            return piece

        def __getattr__(self, name: str) -> object:
            return getattr(self._machine, name)

    class Zlib:
        error = zlib.error
        decompressobj = Noted

    monkeypatch.setattr("llmlab.wire.unpacking.zlib", Zlib)
    return sizes


@pytest.mark.usefixtures("way")
async def test_a_reply_that_is_too_large_loses_its_connection() -> None:
    """What is left of it is not read, and the next call is sent over another one."""
    large = _reply(b"x" * 2_000_000, coding="identity")
    async with serving(
        large, _reply(SAID, coding="identity"), session=Session(max_reply_mb=0.5)
    ) as (
        server,
        session,
    ):
        with pytest.raises(Unreadable):
            await session.send(server.call(), server.endpoint())
        still_open = left_open(session)
        exchange = await session.send(server.call(), server.endpoint())

    assert still_open == 0
    assert exchange.reply.body == SAID
    assert server.connections == 2


async def test_what_fits_its_bound_exactly_is_read() -> None:
    """The bound is the largest reply that is read."""
    whole = await _read(
        _reply(b"x" * 1000, coding="identity"), stream=False, session=Session(max_reply_mb=0.001)
    )
    unpacked = await _read(
        _reply(_gzip(b"x" * 1000)), stream=False, session=Session(max_reply_mb=0.001)
    )

    assert whole == unpacked == b"x" * 1000
    assert body.Bound.of(0.001, "").most == 1000


async def test_a_file_of_many_answers_has_a_bound_of_its_own() -> None:
    """The results of a batch may be larger than a reply; the line names their setting."""
    large = _reply(b"x" * 3000, coding="identity")
    session = Session(max_reply_mb=0.001, max_batch_mb=0.002)
    async with serving(large, large[:-1000].replace(b"3000", b"2000"), session=session) as (
        server,
        _,
    ):
        call = HttpCall(url=server.url, method="GET", bulk=True)
        with pytest.raises(Unreadable, match=r"larger than 0.002 MB .* raise max_batch_mb"):
            await session.send(call, server.endpoint())
        exchange = await session.send(call, server.endpoint())

    assert len(exchange.reply.body) == 2000


@pytest.mark.parametrize("provider", ["openai", "anthropic", "xai"])
def test_the_results_of_every_batch_have_that_bound(provider: str) -> None:
    """Each provider's way to fetch results says that they are a file; its other calls do not."""
    found = way_of(provider, "messages" if provider == "anthropic" else "chat")
    assert found is not None
    way, _ = found

    assert way.results_call("b-1", "f-1", "https://api.example.com/v1").bulk
    assert not way.state_call("b-1", "https://api.example.com/v1").bulk


async def test_headers_without_end_are_no_reply() -> None:
    """Too long a line and too many lines end the call, after a million bytes at most."""
    for head in (b"x: " + b"y" * 100_000, b"x: y\r\n" * 100_000):
        with pytest.raises(CallError):
            await _read(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", stream=False)


@pytest.mark.parametrize("name", ["max_reply_mb", "max_batch_mb"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e9", "much"])
def test_a_bound_that_bounds_nothing_is_refused_when_it_is_read(name: str, value: str) -> None:
    """A bound is a number above 0; the line names the setting and where it came from."""
    with pytest.raises(ConfigError, match=f"environment: {name}"):
        Sourced.read(env={f"LLMLAB_{name.upper()}": value})
