"""aiohttp's pool of connections: a look at each before it is handed out, a word when it breaks."""

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
    """Tells who reads a body that what came is no HTTP; aiohttp's own leaves them waiting."""

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """End the reading of the reply, and of its body if that has begun."""
        body = self._payload
        super().set_exception(exc, *cause)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(ClientPayloadError(str(exc)))


class Pool(TCPConnector):
    """Passes over idle connections on which a reply came that nobody asked for."""

    def __init__(self, *, limit: int, ttl_dns_cache: int) -> None:
        super().__init__(limit=limit, ttl_dns_cache=ttl_dns_cache)
        self._factory = partial(_reader, loop=self._loop)

    async def connect(
        self,
        req: "ClientRequest",
        traces: "list[Trace]",
        timeout: "ClientTimeout",  # noqa: ASYNC109 - aiohttp's
    ) -> "Connection":
        """Return a connection on which nothing has been said yet."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            # It would be taken for the answer to this call, and each answer for the one before.
            if protocol is None or not protocol._buffer:  # noqa: SLF001 - has no public name
                return connection
            connection.close()

    @property
    def connections(self) -> int:
        """Connections that are open now, idle ones included."""
        return sum(len(each) for each in self._conns.values()) + len(self._acquired)


def _reader(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return Reader(loop)
