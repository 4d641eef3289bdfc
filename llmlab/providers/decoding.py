"""Decode bytes from a provider into typed records, or raise the error that says why not."""

import json
import math
import re
from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from llmlab.errors import Unreadable
from llmlab.providers.failures import failure_of, request_id_of
from llmlab.records import HttpReply
from llmlab.secrets.redact import redact

T = TypeVar("T")

_OK: Final = range(200, 300)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""All that decoding bytes from outside can raise: bad JSON, bad UTF-8, a nest too deep."""
UNREADABLE: Final = "unreadable "
"""How a warning about a part of a reply begins that could not be read."""
_PLACE: Final = re.compile(r"at `(\$[\w.]+)`")
_EXACT: Final = 2.0**53
"""Below it every whole number is a float of its own."""
_LONGEST_INT: Final = 300
"""Digits of a whole number that msgspec takes, and a float could hold."""


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def _decoded(data: bytes | msgspec.Raw, shape: type[T]) -> T:
    decoder: msgspec.json.Decoder[T] = _decoder(shape)  # type: ignore[arg-type]  # is hashable
    try:
        return decoder.decode(data)
    except _BROKEN:
        plain = _in_plain_json(bytes(data))
        if plain is None:
            raise
        return decoder.decode(plain)


def _in_plain_json(data: bytes) -> bytes | None:
    """
    Return a document with the numbers that JSON cannot hold as strings; None if it is not one.

    Python's servers write NaN and Infinity, and a count may have thousands of digits: a number
    that nobody asked for must not cost the words, and one that counts is named in a warning.
    """
    try:
        read = json.loads(data, parse_constant=str, parse_float=_finite, parse_int=_held)
        plain = msgspec.json.encode(read)
    except (ValueError, RecursionError):
        return None
    return None if plain == data else plain


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _held(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_INT else text


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
        return _decoded(data, shape)
    except _BROKEN as error:
        raise unreadable(error, provider) from None


def convert(value: object, shape: type[T], provider: str) -> T:
    """Return decoded JSON as *shape*, or raise `Unreadable`."""
    try:
        return msgspec.convert(value, type=shape)
    except _BROKEN as error:
        raise unreadable(error, provider) from None


def lenient(value: object, shape: type[T]) -> tuple[T | None, tuple[str, ...]]:
    """Return usage as *shape*; None with a warning where it is not: words outlive a bad count."""
    if value is None or (isinstance(value, msgspec.Raw) and is_nothing(value)):
        return None, ()
    try:
        if isinstance(value, msgspec.Raw):
            return _decoded(value, shape), ()
        return msgspec.convert(value, type=shape, from_attributes=True), ()
    except _BROKEN as error:
        whole = _in_whole_numbers(value)
        if whole is not value:
            return lenient(whole, shape)
        return None, (f"{UNREADABLE}usage: {_short(error)}{_which(value, str(error))}",)


def _in_whole_numbers(value: object) -> object:
    """Return counts such as 12.0 as 12; *value* itself where it has none of these."""
    try:
        plain: Any = _decoded(value, object) if isinstance(value, msgspec.Raw) else value
        found = _whole(plain) if isinstance(plain, dict) else value
        return found if isinstance(found, dict) and not _same_kinds(found, plain) else value
    except _BROKEN:
        return value


def _whole(each: object) -> object:
    if isinstance(each, dict):
        return {name: _whole(inner) for name, inner in each.items()}
    whole = isinstance(each, float) and each.is_integer() and abs(each) < _EXACT
    return int(each) if isinstance(each, float) and whole else each


def _same_kinds(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_same_kinds(each, other[name]) for name, each in one.items())
    return type(one) is type(other)


def _which(value: object, error: str) -> str:
    """Say what stands where *error* says that something else was expected."""
    place = _PLACE.search(error)
    if place is None:
        return ""
    found: Any = _decoded(value, object) if isinstance(value, msgspec.Raw) else value
    for step in place[1].split(".")[1:]:
        found = found.get(step) if isinstance(found, dict) else getattr(found, step, None)
    return f", which is {_short(repr(found))}"


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


def _short(error: object) -> str:
    return redact(str(error))[:200]
