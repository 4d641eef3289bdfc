"""HTTP requests and replies over one shared aiohttp session."""

import asyncio
import io
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from llmlab.records import HttpCall, HttpReply
from llmlab.secrets import Scrubber, Strain
from llmlab.settings import MAX_BATCH_MB, MAX_REPLY_MB
from llmlab.wire.body import Bound, PackedResponse, pieces, whole
from llmlab.wire.endpoint import Endpoint
from llmlab.wire.fast import Direct, differences
from llmlab.wire.headers import headers_of
from llmlab.wire.moved import REDIRECTS, moved
from llmlab.wire.proxies import proxy_of
from llmlab.wire.transport_errors import errors_of

if TYPE_CHECKING:
    import aiohttp

_LARGE: Final = 1_000_000
_DNS_S: Final = 300
LOG: Final = logging.getLogger(__name__)


class Exchange(Struct, frozen=True, kw_only=True, gc=False):
    """A whole reply with its latency and time to first byte, in seconds from sending."""

    reply: HttpReply
    ttfb: float
    latency: float


@dataclass(slots=True, kw_only=True)
class Flow:
    """A reply whose body is still arriving: a stream."""

    status: int
    headers: Mapping[str, str]
    """The reply's headers; `get` takes lower-case names."""
    ttfb: float
    response: PackedResponse
    bound: Bound
    provider: str
    scrubber: Scrubber

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, in whatever pieces the network makes of it."""
        return pieces(self.response, self.bound, self.provider, Strain(self.scrubber))

    async def whole(self) -> HttpReply:
        """Return the rest as one reply, for a stream that was refused before it began."""
        with errors_of(self.provider, self.scrubber):
            body = await whole(self.response, self.bound, self.provider, self.scrubber)
        body = self.scrubber.reply(self.status, body)
        return HttpReply(status=self.status, headers=self.headers, body=body)


class Session:
    """
    One aiohttp session for all providers, made on the engine's loop when first used.

    It sets no total time-out: the caller's deadline covers all attempts and waits, and a slow
    model is not a broken one. Connecting has its own time-out.
    """

    def __init__(
        self,
        *,
        max_connections: int = 0,
        proxies: bool = False,
        connect_timeout: float = 10.0,
        max_reply_mb: float = MAX_REPLY_MB,
        max_batch_mb: float = MAX_BATCH_MB,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._reply = Bound.of(max_reply_mb, "max_reply_mb")
        self._batch = Bound.of(max_batch_mb, "max_batch_mb")
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
            CutOff: The reply is incomplete.
            Unreadable: The reply is larger than its bound.
            Refused: The reply is a redirect.
        """
        start, scrubber = self._clock(), endpoint.scrubber
        with errors_of(endpoint.provider, scrubber):
            response = await self._request(call, endpoint)
            ttfb = self._clock() - start
            try:
                body = await whole(response, self._bound(call), endpoint.provider, scrubber)
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
        """Send *call* and yield the reply as soon as its headers have arrived."""
        start = self._clock()
        with errors_of(endpoint.provider, endpoint.scrubber):
            response = await self._request(call, endpoint)
        try:
            yield Flow(
                status=response.status,
                headers=endpoint.scrubber.headers(response.headers),
                ttfb=self._clock() - start,
                response=response,
                bound=self._bound(call),
                provider=endpoint.provider,
                scrubber=endpoint.scrubber,
            )
        finally:
            # Gives the connection back when the body was read, closes it when it was not.
            response.release()

    async def _request(self, call: HttpCall, endpoint: Endpoint) -> PackedResponse:
        session = self._session or self._make()
        response: PackedResponse
        if self._direct is not None and call.method == "POST":
            response = await self._direct.post(call, endpoint)
        else:
            response = await _through(session, call, endpoint, proxies=self._proxies)
        if response.status in REDIRECTS:
            response.close()
            raise moved(response.status, response.headers, call.url, endpoint.provider)
        return response

    def _bound(self, call: HttpCall) -> Bound:
        return self._batch if call.bulk else self._reply

    @property
    def connections(self) -> int | None:
        """Number of open connections, idle ones included; None when aiohttp does not tell."""
        connector = None if self._session is None else self._session.connector
        return 0 if connector is None else getattr(connector, "connections", None)

    async def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        session, self._session, self._direct = self._session, None, None
        if session is not None:
            await session.close()

    def _make(self) -> "aiohttp.ClientSession":
        import aiohttp

        connector, known = self._connector()
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect),
            auto_decompress=False,
        )
        self._direct = Direct(self._session) if known and not self._proxies else None
        return self._session

    def _connector(self) -> "tuple[aiohttp.TCPConnector, bool]":
        """Return the connection pool, and whether this aiohttp suits `wire.fast`."""
        import aiohttp

        # One connection per call: an idle one cannot be checked for stray data.
        plain = aiohttp.TCPConnector(limit=self._max, ttl_dns_cache=_DNS_S, force_close=True)
        unlike = differences(plain)
        if unlike:
            LOG.debug(
                "aiohttp %s lacks names of the fast path (%s): calls go through ClientSession",
                aiohttp.__version__,
                ", ".join(unlike),
            )
            return plain, False
        from llmlab.wire.fast.pool import Pool

        return Pool(limit=self._max, ttl_dns_cache=_DNS_S), True


async def _through(
    session: "aiohttp.ClientSession", call: HttpCall, endpoint: Endpoint, *, proxies: bool
) -> "aiohttp.ClientResponse":
    """Send *call* with aiohttp; with *proxies*, over the proxy that the environment names."""
    from yarl import URL

    url = URL(call.url)
    # A large body in pieces: aiohttp warns of more than a million bytes at once.
    data = call.body if len(call.body) < _LARGE else io.BytesIO(call.body)
    return await session.request(
        call.method,
        url.with_user(None),
        data=data or None,
        headers=headers_of(call, endpoint, url),
        allow_redirects=False,
        proxy=await asyncio.to_thread(proxy_of, url) if proxies else None,
    )
