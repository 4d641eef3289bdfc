"""Bytes out, bytes in, over one shared aiohttp session."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from llmlab.errors import CallError, CutOff, TimedOut, Unavailable
from llmlab.ops import redact
from llmlab.records import HttpCall, HttpReply
from llmlab.wire.endpoint import Endpoint

if TYPE_CHECKING:
    import aiohttp

_JSON: Final = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A whole reply and how long it took, in seconds from sending."""

    reply: HttpReply
    ttfb: float
    latency: float


@dataclass(slots=True, kw_only=True)
class Flow:
    """A reply whose body is still coming."""

    status: int
    headers: dict[str, str]
    ttfb: float
    response: "aiohttp.ClientResponse"
    provider: str

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes, in whatever pieces the network makes of it."""
        with _errors_of(self.provider):
            async for chunk in self.response.content.iter_any():
                yield chunk

    async def whole(self) -> HttpReply:
        """Return the rest as one reply: a stream that was refused before it began."""
        with _errors_of(self.provider):
            body = await self.response.read()
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

    async def send(self, call: HttpCall, endpoint: Endpoint) -> Exchange:
        """
        Send *call* and read the whole reply, whatever its status.

        Raises:
            Unavailable: No connection, or it broke.
            TimedOut: Connecting took too long.
        """
        start = self._clock()
        async with self.open(call, endpoint) as flow:
            reply = await flow.whole()
        return Exchange(reply=reply, ttfb=flow.ttfb, latency=self._clock() - start)

    @asynccontextmanager
    async def open(self, call: HttpCall, endpoint: Endpoint) -> AsyncIterator[Flow]:
        """Send *call* and hand over the reply as soon as its headers are there."""
        session = self._session or self._make()
        start = self._clock()
        headers = {**_JSON, **call.headers, **endpoint.headers[call.auth]}
        with _errors_of(endpoint.provider):
            response = await session.request(
                call.method, call.url, data=call.body or None, headers=headers
            )
        try:
            yield Flow(
                status=response.status,
                headers={name.lower(): value for name, value in response.headers.items()},
                ttfb=self._clock() - start,
                response=response,
                provider=endpoint.provider,
            )
        finally:
            # Gives the connection back when the body was read, closes it when it was not.
            response.release()

    async def close(self) -> None:
        """Close every connection; the next call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _make(self) -> "aiohttp.ClientSession":
        import aiohttp

        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._max, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect),
            headers={"user-agent": "llmlab", "accept-encoding": "gzip, deflate"},
            trust_env=self._proxies,
        )
        return self._session


class _errors_of:  # noqa: N801 - a context manager, read as a word: `with _errors_of(provider)`
    """Turn what aiohttp raises into the `CallError` it means; never let its text out unclean."""

    __slots__ = ("_provider",)

    def __init__(self, provider: str) -> None:
        self._provider = provider

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, (CallError, asyncio.CancelledError)):
            return
        meant = _meaning(error, self._provider)
        if meant is not None:
            # The chain would show aiohttp's frames, and with them what was sent: leave it out.
            raise meant from None


def _meaning(error: BaseException, provider: str) -> CallError | None:
    """Return the first meaning that fits; None leaves a bug to be seen as one."""
    import aiohttp

    told = redact(" ".join(str(error).split()) or type(error).__name__)[:300]
    unreachable = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return Unavailable(f"TLS: {told}", provider=provider, retryable=False)
    if isinstance(error, unreachable):
        return Unavailable(f"no connection: {told}", provider=provider)
    if isinstance(error, aiohttp.ClientPayloadError):
        return CutOff(f"the reply broke off: {told}", provider=provider)
    if isinstance(error, TimeoutError):
        return TimedOut(f"no data in time: {told}", provider=provider)
    if isinstance(error, aiohttp.ClientError | OSError):
        return Unavailable(told, provider=provider, maybe_charged=True)
    return None
