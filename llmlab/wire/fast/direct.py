"""
One POST on aiohttp's pool and parser, without the layers between.

`ClientSession.request` makes a request object, a response object, a look at the cookies, a timer
and a loop for redirects, each time: two thirds of the CPU of a small call (docs/performance.md).
A provider's address and headers are always the same, so they are written once and kept as bytes.
The pool (`TCPConnector`: TLS, DNS, keep-alive) and the parser (`ResponseHandler`: chunks) are
aiohttp's own, and so is what is rare: `Session` leaves proxies and GETs to it.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from llmlab.records import HttpCall
from llmlab.secrets import ShyBytes
from llmlab.wire.endpoint import Endpoint
from llmlab.wire.headers import headers_of

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from multidict import CIMultiDictProxy

_INTERIM: Final = frozenset(range(100, 200)) - {101}
"""Replies before the reply; 101 is the last one on its connection."""

_MOST: Final = 256
"""Heads to keep: more than a lab has addresses, and few enough for labs that make up new ones."""


class ResponseHead:
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
        self._heads: dict[tuple[object, ...], ResponseHead] = {}

    async def post(self, call: HttpCall, endpoint: Endpoint) -> DirectReply:
        """
        Send *call* and return the reply as soon as its headers are there.

        Raises:
            aiohttp.ClientError: No connection, or it broke; as `ClientSession.request` raises.
            ConfigError: A header holds a line break.
        """
        head = self._head(call, endpoint)
        connection = await self._connection(head.request)
        try:
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - it was just handed out
            # Unpacked by us: `unpacking` says why.
            protocol.set_response_params(read_until_eof=True, auto_decompress=False)
            _write(protocol.transport, head, call.body)
            message, content = await protocol.read()
            while message.code in _INTERIM:
                message, content = await protocol.read()
        except BaseException:
            _cut(connection)
            connection.close()
            raise
        return DirectReply(message.code, message.headers, content, connection)

    async def _connection(self, request: "ClientRequest") -> "Connection":
        connector, timeout = self._session.connector, self._session.timeout
        assert connector is not None  # noqa: S101 - Session drops us when it closes
        try:
            return await connector.connect(request, [], timeout)
        except TimeoutError:
            import aiohttp

            raise aiohttp.ConnectionTimeoutError("no connection in time") from None

    def _head(self, call: HttpCall, endpoint: Endpoint) -> ResponseHead:
        name = (call.url, call.auth, endpoint.key, *call.headers.items())
        head = self._heads.get(name)
        if head is None:
            if len(self._heads) >= _MOST:
                self._heads.clear()
            head = self._heads[name] = self._written(call, endpoint)
        return head

    def _written(self, call: HttpCall, endpoint: Endpoint) -> ResponseHead:
        from aiohttp.client_reqrep import ClientRequest
        from yarl import URL

        url = URL(call.url)
        # Only its address is used: it tells the connector where to, and whether by TLS.
        request = ClientRequest(
            "POST",
            url.with_user(None),
            loop=asyncio.get_running_loop(),
            session=self._session,
            headers={},
        )
        host = {"host": request.headers["Host"]}
        first = f"POST {url.raw_path_qs} HTTP/1.1\r\n"
        # In one expression: a local with the key in it would show in a verbose traceback.
        return ResponseHead(_joined(first, host | headers_of(call, endpoint, url)), request)


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


def _write(transport: asyncio.Transport | None, head: ResponseHead, body: bytes) -> None:
    """Put the whole request on the wire in one write: one system call, one packet if it fits."""
    if transport is None:
        import aiohttp

        raise aiohttp.ClientConnectionResetError("the connection was closed")
    transport.write(b"%b%d\r\n\r\n%b" % (head.data, len(body), body))
