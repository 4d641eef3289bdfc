"""
One POST over aiohttp's connection pool and parser, without the layers between.

`ClientSession.request` makes a request object, a response object, a cookie lookup, a timer
and a redirect loop, each time: two thirds of the CPU of a small call (docs/performance.md).
A provider's address and headers are always the same, so they are written once and kept as bytes.
The pool (`TCPConnector`: TLS, DNS, keep-alive) and the parser (`ResponseHandler`: chunks) are
aiohttp's own; `Session` leaves rare cases (proxies, GETs) to aiohttp.
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
"""Interim replies (1xx); 101 is final, for it switches the protocol."""

_MOST: Final = 256
"""Request heads to cache: more than a lab has addresses, and a bound for labs with many."""


class RequestHead:
    """The part of a request before its length. It holds the API key, so its repr hides it."""

    __slots__ = ("data", "request")

    def __init__(self, data: bytes, request: "ClientRequest") -> None:
        self.data = data
        self.request = request

    def __repr__(self) -> str:
        return "Head(••••••••)"


class DirectReply(NamedTuple):
    """A reply whose headers have arrived; the same names as aiohttp's `ClientResponse`."""

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
    """Sends over *session*'s connector, on the session's loop."""

    def __init__(self, session: "aiohttp.ClientSession") -> None:
        self._session = session
        self._heads: dict[tuple[object, ...], tuple[Endpoint, RequestHead]] = {}

    async def post(self, call: HttpCall, endpoint: Endpoint) -> DirectReply:
        """
        Send *call* and return the reply as soon as its headers have arrived.

        Raises:
            aiohttp.ClientError: No connection, or it broke; as `ClientSession.request` raises.
            ConfigError: A header holds a line break.
        """
        head = self._head(call, endpoint)
        connection = await self._connection(head.request)
        try:
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - it was just handed out
            # Decompressed by us: `unpacking` says why.
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

    def _head(self, call: HttpCall, endpoint: Endpoint) -> RequestHead:
        # By the endpoint's identity, which the endpoint beside the head keeps from being another's:
        # the hash of a key is dear.
        name = (call.url, call.auth, id(endpoint), *call.headers.items())
        known = self._heads.get(name)
        if known is None:
            if len(self._heads) >= _MOST:
                self._heads.clear()
            known = self._heads[name] = endpoint, self._written(call, endpoint)
        return known[1]

    def _written(self, call: HttpCall, endpoint: Endpoint) -> RequestHead:
        from aiohttp.client_reqrep import ClientRequest
        from yarl import URL

        url = URL(call.url)
        # Only its address is used: it gives the connector the host, and whether to use TLS.
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
        return RequestHead(_joined(first, host | headers_of(call, endpoint, url)), request)


def _joined(first: str, headers: Mapping[str, str]) -> ShyBytes:
    lines = (f"{name}: {value}\r\n" for name, value in headers.items())
    return ShyBytes(b"%b%bcontent-length: " % (first.encode(), "".join(lines).encode()))


def _cut(connection: "Connection") -> bool:
    """Abort a request that is partly sent: the next one would be read as its rest."""
    transport = connection.transport
    if transport is None or not transport.get_write_buffer_size():
        return False
    # Not `close`: that waits until the server has read the rest.
    transport.abort()
    connection.close()
    return True


def _write(transport: asyncio.Transport | None, head: RequestHead, body: bytes) -> None:
    """Write the whole request at once: one system call, one packet if it fits."""
    if transport is None:
        import aiohttp

        raise aiohttp.ClientConnectionResetError("the connection was closed")
    transport.write(b"%b%d\r\n\r\n%b" % (head.data, len(body), body))
