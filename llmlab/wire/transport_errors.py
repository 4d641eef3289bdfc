"""Transport errors: aiohttp's exceptions as `CallError`."""

import asyncio
import os
import socket

from llmlab.errors import CallError, CutOff, TimedOut, Unavailable
from llmlab.secrets import Scrubber, redact


class errors_of:  # noqa: N801 - a context manager, read as a word: `with errors_of(...)`
    """Turn aiohttp's exceptions into the `CallError` they mean, with keys redacted."""

    __slots__ = ("_provider", "_scrubber")

    def __init__(self, provider: str, scrubber: Scrubber) -> None:
        self._provider = provider
        self._scrubber = scrubber

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, (CallError, asyncio.CancelledError)):
            return
        meant = _call_error(error, self._provider, self._scrubber)
        if meant is not None:
            try:
                raise meant from None
            finally:
                # Not even as a context: aiohttp's frames hold what was sent and received.
                meant.__context__ = None


def _call_error(error: BaseException, provider: str, scrubber: Scrubber) -> CallError | None:
    """Return the first error that fits; None for anything else: a bug stays visible as one."""
    import aiohttp
    from aiohttp.http_exceptions import HttpProcessingError

    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return _not_connected(error, provider)
    told = scrubber.text(_message(error))
    if isinstance(error, aiohttp.ClientPayloadError):
        return CutOff(f"{provider}: the reply broke off before its end", provider=provider)
    if isinstance(error, TimeoutError):
        return TimedOut(f"{provider}: no data in time: {told}", provider=provider)
    if isinstance(error, aiohttp.InvalidURL):
        return Unavailable(f"{provider}: no address: {told}", provider=provider, retryable=False)
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        told = scrubber.text(f"the reply is no HTTP: {_message(error.message)}")
    elif isinstance(error, aiohttp.ServerDisconnectedError):
        told = "Server disconnected"  # aiohttp appends the headers that it had received
    if isinstance(error, aiohttp.ClientError | HttpProcessingError | OSError):
        return Unavailable(f"{provider}: {told}", provider=provider, maybe_charged=True)
    return None


def _not_connected(error: Exception, provider: str) -> Unavailable:
    """Return why the connection failed; nothing was sent, so nothing is charged."""
    import aiohttp

    if not isinstance(error, aiohttp.ClientConnectorError):
        return Unavailable(f"{provider}: no connection in time", provider=provider)
    where = f"{error.host}:{error.port}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        why = f"{where}: {_tls_reason(error)}"
        return Unavailable(f"{provider}: no TLS with {why}", provider=provider, retryable=False)
    why = f"{where}: {_reason(error.os_error)}"
    return Unavailable(f"{provider}: no connection to {why}", provider=provider)


def _message(error: BaseException | str) -> str:
    """Return aiohttp's message on one line."""
    return redact(" ".join(str(error).split()) or type(error).__name__)[:300]


def _tls_reason(
    error: Exception,
) -> str:
    """Say why a TLS handshake failed: what is wrong with the certificate, or OpenSSL's reason."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    return getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or _message(error)


def _reason(error: OSError) -> str:
    """Say why a connection failed in the system's words, without repeating the address."""
    if isinstance(error, socket.gaierror):
        return "the host is not known"
    return os.strerror(error.errno).lower() if error.errno else type(error).__name__
