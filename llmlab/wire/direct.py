"""
One POST on aiohttp's pool and parser, without the layers between.

`ClientSession.request` makes a request object, a response object, a look at the cookies, a timer
and a loop for redirects, each time: two thirds of the CPU of a small call (docs/performance.md).
A provider's address and headers are always the same, so they are written once and kept as bytes.
The pool (`TCPConnector`: TLS, DNS, keep-alive) and the parser (`ResponseHandler`: chunks, gzip)
are aiohttp's own, and so is what is rare: `Session` leaves proxies and redirects to it.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from llmlab.errors import ConfigError
from llmlab.ops import Shy, ShyBytes
from llmlab.records import HttpCall
from llmlab.wire.endpoint import Endpoint

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from multidict import CIMultiDictProxy

HEADERS: Final = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "content-type": "application/json",
    "user-agent": "llmlab",
}
_UNSENDABLE: Final = re.compile("[\r\n\0\ud800-\udfff]")
"""What would smuggle a header, and what a byte becomes that was no UTF-8."""

_INTERIM: Final = frozenset(range(100, 200)) - {101}
"""Replies before the reply; 101 is the last one on its connection."""

_MOST: Final = 256
"""Heads to keep: more than a lab has addresses, and few enough for labs that make up new ones."""


class Head:
    """All of a request that comes before its length. It holds the key, so it is shy."""

    __slots__ = ("data", "request")

    def __init__(self, data: bytes, request: "ClientRequest") -> None:
        self.data = data
        self.request = request

    def __repr__(self) -> str:
        return "Head(••••••••)"


class DirectReply(NamedTuple):
    """A reply whose headers are there; the same names as aiohttp's `ClientResponse`."""

    status: int
    headers: "CIMultiDictProxy[str]"
    content: "aiohttp.StreamReader"
    connection: "Connection"

    async def read(self) -> bytes:
        """Return the whole body."""
        return await self.content.read()

    def release(self) -> None:
        """Give the connection back when the body was read to its end; close it when it was not."""
        if not _cut(self.connection):
            self.connection.release()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class Direct:
    """Sends over *session*'s connector, on the loop that the session was made on."""

    def __init__(self, session: "aiohttp.ClientSession") -> None:
        self._session = session
        self._heads: dict[tuple[object, ...], Head] = {}

    async def post(self, call: HttpCall, endpoint: Endpoint) -> DirectReply:
        """
        Send *call* and return the reply as soon as its headers are there.

        Raises:
            aiohttp.ClientError: No connection, or it broke; as `ClientSession.request` raises.
            ConfigError: A header holds a line break.
        """
        head = self._head(call, endpoint)
        connection = await self._connected(head.request)
        try:
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - it was just handed out
            protocol.set_response_params(read_until_eof=True)
            _write(protocol.transport, head, call.body)
            message, content = await protocol.read()
            while message.code in _INTERIM:
                message, content = await protocol.read()
        except BaseException:
            _cut(connection)
            connection.close()
            raise
        return DirectReply(message.code, message.headers, content, connection)

    async def _connected(self, request: "ClientRequest") -> "Connection":
        """Connect, passing over idle connections on which a reply came that nobody asked for."""
        while True:
            connection = await self._connection(request)
            protocol = connection.protocol
            # It would be taken for the answer to this call, and each answer for the one before.
            if protocol is None or not protocol._buffer:  # noqa: SLF001 - has no public name
                return connection
            connection.close()

    async def _connection(self, request: "ClientRequest") -> "Connection":
        connector, timeout = self._session.connector, self._session.timeout
        assert connector is not None  # noqa: S101 - Session drops us when it closes
        try:
            return await connector.connect(request, [], timeout)
        except TimeoutError:
            import aiohttp

            raise aiohttp.ConnectionTimeoutError("no connection in time") from None

    def _head(self, call: HttpCall, endpoint: Endpoint) -> Head:
        name = (call.url, call.auth, endpoint.key, *call.headers.items())
        head = self._heads.get(name)
        if head is None:
            if len(self._heads) >= _MOST:
                self._heads.clear()
            head = self._heads[name] = self._written(call, endpoint)
        return head

    def _written(self, call: HttpCall, endpoint: Endpoint) -> Head:
        from aiohttp.client_reqrep import ClientRequest
        from yarl import URL

        url = URL(call.url)
        # Only its address is used: it tells the connector where to, and whether by TLS.
        request = ClientRequest(
            "POST", url, loop=asyncio.get_running_loop(), session=self._session, headers={}
        )
        headers = {"host": request.headers["Host"], **HEADERS}
        if "Authorization" in request.headers:  # from user:password@ in the address
            headers["authorization"] = Shy(request.headers["Authorization"])
        headers |= {**call.headers, **endpoint.headers[call.auth]}
        for name in headers:
            if _UNSENDABLE.search(name + headers[name]):
                why = "a line break or a byte that is no text"
                raise ConfigError(f"{endpoint.provider}: the header {name!r} holds {why}")
        first = f"POST {url.raw_path_qs} HTTP/1.1\r\n"
        # In one expression: a local with the key in it would show in a verbose traceback.
        return Head(_joined(first, headers), request)


def _joined(first: str, headers: Mapping[str, str]) -> ShyBytes:
    lines = (f"{name}: {value}\r\n" for name, value in headers.items())
    return ShyBytes(b"%b%bcontent-length: " % (first.encode(), "".join(lines).encode()))


def _cut(connection: "Connection") -> bool:
    """Break off a request that is not wholly sent: what comes next would be read as its rest."""
    transport = connection.transport
    if transport is None or not transport.get_write_buffer_size():
        return False
    # Not closed: that would wait for a server that does not read, and send it all the same.
    transport.abort()
    connection.close()
    return True


def _write(transport: asyncio.Transport | None, head: Head, body: bytes) -> None:
    """Put the whole request on the wire in one write: one system call, one packet if it fits."""
    if transport is None:
        import aiohttp

        raise aiohttp.ClientConnectionResetError("the connection was closed")
    transport.write(b"%b%d\r\n\r\n%b" % (head.data, len(body), body))
