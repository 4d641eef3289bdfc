"""aiohttp's connection pool, which checks connections before use and reports bad HTTP."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import ClientPayloadError, TCPConnector
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from aiohttp import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class Reader(ResponseHandler):
    """Reports invalid HTTP to the reader of a body; aiohttp's own leaves the reader waiting."""

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Fail the reply, and its body if that has begun, with *exc*."""
        body = self._payload
        super().set_exception(exc, *cause)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(ClientPayloadError(str(exc)))


class Pool(TCPConnector):
    """Skips idle connections on which an unrequested reply arrived."""

    def __init__(self, *, limit: int, ttl_dns_cache: int) -> None:
        super().__init__(limit=limit, ttl_dns_cache=ttl_dns_cache)
        self._factory = partial(_reader, loop=self._loop)

    async def connect(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: "ClientTimeout",  # noqa: ASYNC109 - aiohttp's
    ) -> "Connection":
        """Return a connection with no unread data."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            # Unread data would be taken for the reply to this call, and so on for each later one.
            if protocol is None or not protocol._buffer:  # noqa: SLF001 - has no public name
                return connection
            connection.close()

    @property
    def connections(self) -> int:
        """Number of open connections, idle ones included."""
        return sum(len(each) for each in self._conns.values()) + len(self._acquired)


def _reader(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Reader(loop)
