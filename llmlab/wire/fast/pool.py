"""aiohttp's pool of connections, with a look at each before it is handed out."""

from typing import TYPE_CHECKING

from aiohttp import TCPConnector

if TYPE_CHECKING:
    from aiohttp import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class Pool(TCPConnector):
    """Passes over idle connections on which a reply came that nobody asked for."""

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
