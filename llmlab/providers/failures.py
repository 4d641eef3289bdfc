"""
What a failed reply means: the status decides, the body refines and gives the message.

The bodies come in four envelopes (nested object, flat with a string, plain string, page of a
proxy) and may be cut, empty or in the wrong charset; none of that may hide the status.
Statuses, codes and phrases: providers.md chapters 2.3, 3.2, 4.2, 5.2 and 6.2.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from llmlab.errors import (
    AuthFailed,
    CallError,
    ModelNotFound,
    OutOfCredit,
    Refused,
    Throttled,
    TimedOut,
    TooLong,
    Unavailable,
)
from llmlab.providers.error_body import ErrorBody, said_in, said_of
from llmlab.providers.rate_headers import retry_after
from llmlab.records import HttpReply

_LONGEST: Final = 300
_REQUEST_IDS: Final = ("x-request-id", "request-id", "x-ds-trace-id")

_CODES: Final[Mapping[str, type[CallError]]] = {
    "insufficient_quota": OutOfCredit,
    "billing_not_active": OutOfCredit,
    "billing_hard_limit_reached": OutOfCredit,
    "billing_error": OutOfCredit,
    "enforced_spend_limit_reached": OutOfCredit,
    "invalid_api_key": AuthFailed,
    "authentication_error": AuthFailed,
    "context_length_exceeded": TooLong,
    "exceed_context_size_error": TooLong,
    "model_not_found": ModelNotFound,
}
"""Codes that mean the same under every status below 500."""

_PHRASES: Final[tuple[tuple[str, type[CallError]], ...]] = (
    ("used all available credits", OutOfCredit),  # xAI, 429
    ("monthly spending limit", OutOfCredit),  # xAI, 429
    ("spend limit", OutOfCredit),  # Anthropic, 400
    ("specified api usage limits", OutOfCredit),  # Anthropic, 400
    ("credit balance is too low", OutOfCredit),  # Anthropic, 400
    ("insufficient balance", OutOfCredit),  # DeepSeek, 402
    ("incorrect api key", AuthFailed),  # xAI, 400
    ("prompt is too long", TooLong),  # Anthropic, 400
    ("maximum context length", TooLong),  # DeepSeek, 400
    ("maximum prompt length", TooLong),  # xAI, 400
    ("context window", TooLong),  # OpenAI, 400
    ("context size", TooLong),  # llama.cpp, 400
    ("exceeds the context", TooLong),  # Ollama, 400 and 500
    ("exceeds maximum context", TooLong),  # Ollama
    ("exceeds the available context", TooLong),  # Ollama's runner, 500
    ("model not exist", ModelNotFound),  # DeepSeek, 400
)
"""Where a provider has no code for it, the words are all there is."""

_TYPES: Final[Mapping[str, int]] = {
    "overloaded_error": 529,
    "api_error": 500,
    "server_error": 500,
    "service_unavailable_error": 503,
    "server_is_overloaded": 503,
    "timeout_error": 408,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "slow_down": 429,
    "too_many_requests": 429,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "insufficient_quota": 429,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
}
"""The status that an error inside a reply of 200 would have had."""


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
    error: object, provider: str, *, headers: Mapping[str, str] = MappingProxyType({})
) -> CallError:
    """
    Return the error that a reply of 200 carries inside: *error* is its decoded JSON.

    What names no known type is `Unavailable`: the provider began and gave up.
    """
    said = said_in(error)
    found = _error(_implied(said), said, provider, 200)
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


def _implied(said: ErrorBody) -> int:
    """Return the status that what a 200 carries would have had: by type, by number, by words."""
    for word in said.words:
        if word in _TYPES:
            return _TYPES[word]
        if word.isascii() and word.isdigit() and 400 <= int(word[:4]) <= 599:  # noqa: PLR2004
            return int(word[:4])  # gateways give the status as the code
    return 400 if _phrase(said) else 500


def _phrase(said: ErrorBody) -> type[CallError] | None:
    text = said.message.lower()
    return next((kind for words, kind in _PHRASES if words in text), None)


def _kind(status: int, said: ErrorBody) -> type[CallError]:
    refined = _refined(status, said)
    if refined is not None:
        return refined
    if status >= 500:  # noqa: PLR2004 - every 5xx, Anthropic's 529 and Cloudflare's 52x too
        return TimedOut if "timeout_error" in said.words else Unavailable
    return _STATUSES.get(status, Refused)


def _refined(status: int, said: ErrorBody) -> type[CallError] | None:
    text = said.message.lower()
    phrase = _phrase(said)
    if status >= 500:  # noqa: PLR2004 - a broken server's words refine nothing, but Ollama's do
        return phrase if phrase is TooLong else None
    code = next((_CODES[word] for word in said.words if word in _CODES), None)
    if status == 404 and code is None:  # noqa: PLR2004 - a wrong path is not an unknown model
        return ModelNotFound if "model" in text or "not_found_error" in said.words else None
    return code or phrase


_STATUSES: Final[Mapping[int, type[CallError]]] = {
    401: AuthFailed,
    402: OutOfCredit,
    408: TimedOut,
    409: Unavailable,
    429: Throttled,
}
