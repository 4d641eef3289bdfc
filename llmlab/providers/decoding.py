"""Bytes from outside as typed records, or the error that says why not."""

from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from llmlab.errors import Unreadable
from llmlab.ops.redact import redact
from llmlab.providers.failures import failure_of, request_id_of
from llmlab.records import HttpReply

T = TypeVar("T")

_OK: Final = range(200, 300)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""All that decoding bytes from outside can raise: bad JSON, bad UTF-8, a nest too deep."""


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _decoded(data: bytes | msgspec.Raw, shape: type[T]) -> T:
    made: T = _decoder(shape).decode(data)  # type: ignore[arg-type]  # types are hashable
    return made


def decode(reply: HttpReply, shape: type[T], provider: str) -> T:
    """Return the body as *shape*; raise what the status or the body means."""
    if reply.status not in _OK:
        raise failure_of(reply, provider)
    try:
        # DeepSeek sends empty lines before the JSON while it waits; others a byte order mark.
        body = reply.body.strip().removeprefix(b"\xef\xbb\xbf")
        return _decoded(body, shape)
    except _BROKEN as error:
        raise unreadable(
            error, provider, status=reply.status, request_id=request_id_of(reply.headers)
        ) from None


def decode_line(data: bytes, shape: type[T], provider: str) -> T:
    """Return one JSON document of a stream as *shape*, or raise `Unreadable`."""
    try:
        return _decoder(shape).decode(data)  # type: ignore[no-any-return, arg-type]
    except _BROKEN as error:
        raise unreadable(error, provider) from None


def convert(value: object, shape: type[T], provider: str) -> T:
    """Return decoded JSON as *shape*, or raise `Unreadable`."""
    try:
        return msgspec.convert(value, type=shape)
    except _BROKEN as error:
        raise unreadable(error, provider) from None


def lenient(value: object, shape: type[T]) -> tuple[T | None, tuple[str, ...]]:
    """Return *value* as *shape*; None with a warning where it is not: words outlive a bad count."""
    if value is None or (isinstance(value, msgspec.Raw) and is_nothing(value)):
        return None, ()
    try:
        if isinstance(value, msgspec.Raw):
            return _decoded(value, shape), ()
        return msgspec.convert(value, type=shape), ()
    except _BROKEN as error:
        return None, (f"unreadable {shape.__name__.strip('_').lower()}: {_short(error)}",)


def is_nothing(value: msgspec.Raw) -> bool:
    """Say whether a field that was left undecoded is absent or null."""
    return bytes(value) in (b"", b"null")


def unreadable(
    error: Exception, provider: str, *, status: int | None = None, request_id: str | None = None
) -> Unreadable:
    """Return the error for a body that is not what the wire promises."""
    return Unreadable(
        f"{provider}: the reply cannot be read: {_short(error)}",
        provider=provider,
        status=status,
        request_id=request_id,
    )


def _short(error: Exception) -> str:
    return redact(str(error))[:200]
