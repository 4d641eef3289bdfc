"""
Map a failed reply to an error: the status decides, the body refines and gives the message.

The bodies come in four envelopes (nested object, flat with a string, plain string, page of a
proxy) and may be cut, empty or in the wrong charset; none of that may hide the status.
Statuses, codes and phrases: `codes`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmlab.errors import CallError, ModelNotFound, Refused, TimedOut, TooLong, Unavailable
from llmlab.providers.codes import CODES, PHRASES, STATUSES, TYPES
from llmlab.providers.error_body import ErrorBody, said_in, said_of
from llmlab.providers.rate_headers import retry_after
from llmlab.records import HttpReply

_LONGEST: Final = 300
_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-ds-trace-id")


def failure_of(reply: HttpReply, provider: str, *, now: float | None = None) -> CallError:
    """
    Return the error that *reply* means; its message is short and clean of secrets.

    *now* is Unix time, for a `retry-after` given as a date; without it the date counts from
    the reply's own `date` header.
    """
    said = said_of(reply)
    error = _error(reply.status, said, provider, reply.status)
    error.request_id = request_id_of(reply.headers) or said.request_id
    error.retry_after = retry_after(reply.headers, now=now, text=said.message)
    hint = reply.headers.get("x-should-retry", "").strip().lower()
    error.retryable = {"true": True, "false": False}.get(hint, error.retryable)
    return error


def failure_in(
    error: object,
    provider: str,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    whole: bool = False,
) -> CallError:
    """
    Return the error that a reply of 200 carries inside: *error* is its decoded JSON.

    A code that nobody knows is a refusal in a reply that is *whole*: the provider has decided. In
    the midst of a stream, or without a code, it is `Unavailable`: it began and gave up.
    """
    said = said_in(error)
    found = _error(_implied(said, whole=whole), said, provider, 200)
    found.request_id = request_id_of(headers) or said.request_id
    found.retry_after = retry_after({}, text=said.message)
    return found


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the provider's own name for the request, or None."""
    for name in _REQUEST_IDS:
        found = headers.get(name)
        if found:
            return found
    return None


def _error(status: int, said: ErrorBody, provider: str, shown: int) -> CallError:
    message = f"{provider}: {shown} {said.message}"
    if len(message) > _LONGEST:
        message = message[: _LONGEST - 3] + "..."
    return _kind(status, said)(message, provider=provider, status=shown)


def _implied(said: ErrorBody, *, whole: bool) -> int:
    """Return the status that what a 200 carries would have had: by type, by number, by words."""
    for word in said.words:
        if word in TYPES:
            return TYPES[word]
        if word in CODES:
            return 400
        if word.isascii() and word.isdigit() and 400 <= int(word[:4]) <= 599:  # noqa: PLR2004
            return int(word[:4])  # gateways give the status as the code
    return 400 if _phrase(said) or (whole and said.words) else 500


def _phrase(said: ErrorBody) -> type[CallError] | None:
    text = said.message.lower()
    return next((kind for words, kind in PHRASES if words in text), None)


def _kind(status: int, said: ErrorBody) -> type[CallError]:
    refined = _refined(status, said)
    if refined is not None:
        return refined
    if status >= 500:  # noqa: PLR2004 - every 5xx, Anthropic's 529 and Cloudflare's 52x too
        return TimedOut if "timeout_error" in said.words else Unavailable
    return STATUSES.get(status, Refused)


def _refined(status: int, said: ErrorBody) -> type[CallError] | None:
    text = said.message.lower()
    phrase = _phrase(said)
    if status >= 500:  # noqa: PLR2004 - a broken server's words refine nothing, but Ollama's do
        return phrase if phrase is TooLong else None
    code = next((CODES[word] for word in said.words if word in CODES), None)
    if status == 404 and code is None:  # noqa: PLR2004 - a wrong path is not an unknown model
        return ModelNotFound if "model" in text or "not_found_error" in said.words else None
    return code or phrase
