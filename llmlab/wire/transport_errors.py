"""What aiohttp raises, as the `CallError` it means."""

import asyncio
import os
import socket

from llmlab.errors import CallError, CutOff, TimedOut, Unavailable
from llmlab.secrets import Scrubber, redact


class errors_of:  # noqa: N801 - a context manager, read as a word: `with errors_of(...)`
    """Turn what aiohttp raises into the `CallError` it means; never let its text out unclean."""

    __slots__ = ("_provider", "_scrubber")

    def __init__(self, provider: str, scrubber: Scrubber) -> None:
        self._provider = provider
        self._scrubber = scrubber

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, (CallError, asyncio.CancelledError)):
            return
        meant = _meaning(error, self._provider, self._scrubber)
        if meant is not None:
            try:
                raise meant from None
            finally:
                # Not even as a context: its frames are aiohttp's, with what was sent and came.
                meant.__context__ = None


def _meaning(error: BaseException, provider: str, scrubber: Scrubber) -> CallError | None:
    """Return the first meaning that fits; None leaves a bug to be seen as one."""
    import aiohttp
    from aiohttp.http_exceptions import HttpProcessingError

    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return _not_connected(error, provider)
    told = scrubber.text(_told(error))
    if isinstance(error, aiohttp.ClientPayloadError):
        return CutOff(f"{provider}: the reply broke off before its end", provider=provider)
    if isinstance(error, TimeoutError):
        return TimedOut(f"{provider}: no data in time: {told}", provider=provider)
    if isinstance(error, aiohttp.InvalidURL):
        return Unavailable(f"{provider}: no address: {told}", provider=provider, retryable=False)
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        told = scrubber.text(f"the reply is no HTTP: {_told(error.message)}")
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        told = "Server disconnected"  # what aiohttp adds is what came of the headers
    if isinstance(error, aiohttp.ClientError | HttpProcessingError | OSError):
        return Unavailable(f"{provider}: {told}", provider=provider, maybe_charged=True)
    return None


def _not_connected(error: Exception, provider: str) -> Unavailable:
    """Say what kept the connection from being made: nothing was sent, so nothing is charged."""
    import aiohttp

    if not isinstance(error, aiohttp.ClientConnectorError):
        return Unavailable(f"{provider}: no connection in time", provider=provider)
    where = f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        why = f"{where}: {_distrust(error)}"
        return Unavailable(f"{provider}: no TLS with {why}", provider=provider, retryable=False)
    why = f"{where}: {_reason(error.os_error)}"
    return Unavailable(f"{provider}: no connection to {why}", provider=provider)


def _told(error: BaseException | str) -> str:
    """Say on one line what aiohttp said."""
    return redact(" ".join(str(error).split()) or type(error).__name__)[:300]


def _distrust(
    error: Exception,
) -> str:
    """Say why a handshake failed: what is wrong with the certificate, or OpenSSL's reason."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or _told(error)


def _reason(error: OSError) -> str:
    """Say why a connection failed in the system's words, without the address again."""
    if isinstance(error, socket.gaierror):
        return "the host is not known"
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
