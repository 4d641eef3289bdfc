"""Bytes out, bytes in, over one shared aiohttp session."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct

from llmlab.ops import Scrubber, Strain
from llmlab.records import HttpCall, HttpReply
from llmlab.wire.direct import HEADERS, Direct, DirectReply
from llmlab.wire.endpoint import Endpoint
from llmlab.wire.meaning import errors_of

if TYPE_CHECKING:
    import aiohttp

Reply: TypeAlias = "aiohttp.ClientResponse | DirectReply"

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class Exchange(Struct, frozen=True, kw_only=True):
    """A whole reply and how long it took, in seconds from sending."""

    reply: HttpReply
    ttfb: float
    latency: float


@dataclass(slots=True, kw_only=True)
class Flow:
    """A reply whose body is still coming."""

    status: int
    headers: Mapping[str, str]
    """The reply's; `get` takes lower-case names."""
    ttfb: float
    response: Reply
    provider: str
    scrubber: Scrubber

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, in whatever pieces the network makes of it."""
        strain = Strain(self.scrubber)
        with errors_of(self.provider, self.scrubber):
            async for chunk in self.response.content.iter_any():
                chunk = strain.feed(chunk)  # noqa: PLW2901 - no frame keeps it as it came
                if chunk:
                    yield chunk
        if rest := strain.end():
            yield rest

    async def whole(self) -> HttpReply:
        """Return the rest as one reply: a stream that was refused before it began."""
        with errors_of(self.provider, self.scrubber):
            body = await self.response.read()
        body = self.scrubber.reply(self.status, body)
        return HttpReply(status=self.status, headers=self.headers, body=body)


class Session:
    """
    One aiohttp session for all providers, made on the engine's loop when first used.

    No total time-out is set here: the caller's deadline covers all attempts and waits, and
    a slow model is not a broken one. Connecting has its own limit.
    """

    def __init__(
        self,
        *,
        max_connections: int = 0,
        proxies: bool = False,
        connect_timeout: float = 10.0,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._max = max_connections
        self._proxies = proxies
        self._connect = connect_timeout
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._direct: Direct | None = None

    async def send(self, call: HttpCall, endpoint: Endpoint) -> Exchange:
        """
        Send *call* and read the whole reply, whatever its status.

        Raises:
            Unavailable: No connection, or it broke.
            TimedOut: Connecting took too long.
        """
        start, scrubber = self._clock(), endpoint.scrubber
        with errors_of(endpoint.provider, scrubber):
            response = await self._request(call, endpoint)
            ttfb = self._clock() - start
            try:
                body = await response.read()
            finally:
                response.release()
        reply = HttpReply(
            status=response.status,
            headers=scrubber.headers(response.headers),
            body=scrubber.reply(response.status, body),
        )
        return Exchange(reply=reply, ttfb=ttfb, latency=self._clock() - start)

    @asynccontextmanager
    async def open(self, call: HttpCall, endpoint: Endpoint) -> AsyncIterator[Flow]:
        """Send *call* and hand over the reply as soon as its headers are there."""
        start = self._clock()
        with errors_of(endpoint.provider, endpoint.scrubber):
            response = await self._request(call, endpoint)
        try:
            yield Flow(
                status=response.status,
                headers=endpoint.scrubber.headers(response.headers),
                ttfb=self._clock() - start,
                response=response,
                provider=endpoint.provider,
                scrubber=endpoint.scrubber,
            )
        finally:
            # Gives the connection back when the body was read, closes it when it was not.
            response.release()

    async def _request(self, call: HttpCall, endpoint: Endpoint) -> Reply:
        session = self._session or self._make()
        # On the way to another host aiohttp takes off `authorization`, but no key of another name.
        follow = call.auth != "x-api-key"
        if self._direct is not None and call.method == "POST":
            reply = await self._direct.post(call, endpoint)
            if not follow or reply.status not in _REDIRECTS:
                return reply
            reply.close()
        headers = {**HEADERS, **call.headers, **endpoint.headers[call.auth]}
        return await session.request(
            call.method,
            call.url,
            data=call.body or None,
            headers=headers,
            allow_redirects=follow,
        )

    @property
    def connections(self) -> int:
        """Connections that are open now, idle ones included."""
        connector = None if self._session is None else self._session.connector
        if connector is None:
            return 0
        # aiohttp has no public count; both attributes are as old as its connector.
        idle = sum(len(each) for each in connector._conns.values())  # noqa: SLF001
        return idle + len(connector._acquired)  # noqa: SLF001

    async def close(self) -> None:
        """Close every connection; the next call opens new ones."""
        session, self._session, self._direct = self._session, None, None
        if session is not None:
            await session.close()

    def _make(self) -> "aiohttp.ClientSession":
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect),
            trust_env=self._proxies,
        )
        self._direct = None if self._proxies else Direct(self._session)
        return self._session
