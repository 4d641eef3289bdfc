"""Rate-limit headers: the wait that a provider asks for, in seconds, from four notations."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST: Final = 86_400.0
"""Seconds; a longer wait is cut to a day, which is more than any run waits for."""

_EPOCH: Final = 1e9
"""A reset as large as this is a moment, not a wait: 30 years of seconds."""
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = r"(\d{1,12}(?:\.\d{1,12})?)(ms|us|µs|ns|h|m|s)"
_DURATION: Final = re.compile(rf"(?:{_PART})+")
_TERM: Final = re.compile(_PART)
_SENTENCE: Final = re.compile(rf"(?i)try again in ((?:{_PART})+)")
_RESETS: Final = (
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),  # OpenRouter, Together
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimitState:
    """What the provider's headers say is left of one limit, and the seconds until it is whole."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None


def retry_after(
    headers: Mapping[str, str], *, now: float | None = None, text: str = ""
) -> float | None:
    """
    Return the seconds the provider asks for, at most a day, or None.

    In this order: `retry-after-ms`; `retry-after` in seconds or as an HTTP date; the reset of a
    limit of which nothing is left; the sentence "try again in 2.08s" in *text* (OpenAI).
    *now* is Unix time; without it an HTTP date counts from the reply's own `date`.
    """
    now = _sent_at(headers) if now is None else now
    found = _scaled(_number(headers.get("retry-after-ms", "")), 1e-3)
    if found is None:
        found = seconds_of(headers.get("retry-after", ""), now=now)
    if found is None:
        found = _exhausted(headers, now)
    if found is None and (said := _SENTENCE.search(text)):
        found = duration_of(said[1])
    return None if found is None else min(found, LONGEST)


def seconds_of(text: str, *, now: float | None) -> float | None:
    """Return seconds from a number, an HTTP date or an RFC 3339 time; None if it is neither."""
    text = text.strip()
    number = _number(text)
    if number is not None or now is None:
        return number
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - now)


def duration_of(text: str) -> float | None:
    """Return the seconds of a Go duration such as `6m0s`, `12ms` or `1h30m0s`."""
    text = text.strip()
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(count) * _UNITS[unit] for count, unit in _TERM.findall(text))


def room_of(headers: Mapping[str, str], what: str, *, now: float | None = None) -> RateLimitState:
    """Return the limit on *what*: `requests`, `tokens`, `input-tokens` or `output-tokens`."""
    now = _sent_at(headers) if now is None else now
    ours, theirs = f"x-ratelimit-{{}}-{what}", f"anthropic-ratelimit-{what}-{{}}"

    def get(word: str) -> str:
        return headers.get(ours.format(word)) or headers.get(theirs.format(word)) or ""

    return RateLimitState(
        limit=_whole(get("limit")),
        remaining=_whole(get("remaining")),
        reset=_reset(get("reset"), now),
    )


def _exhausted(headers: Mapping[str, str], now: float | None) -> float | None:
    resets = [
        _reset(headers.get(reset, ""), now)
        for left, reset in _RESETS
        if _whole(headers.get(left, "")) == 0
    ]
    return max((reset for reset in resets if reset is not None), default=None)


def _reset(text: str, now: float | None) -> float | None:
    duration = duration_of(text)
    if duration is not None:
        return duration
    seconds = seconds_of(text, now=now)
    if seconds is None or seconds < _EPOCH:
        return seconds
    # A moment in Unix seconds, or in milliseconds as OpenRouter writes it.
    moment = seconds / 1000 if seconds > _EPOCH * 1000 else seconds
    return None if now is None else max(0.0, moment - now)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < math.inf else None


def _whole(text: str) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _scaled(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor


def _sent_at(headers: Mapping[str, str]) -> float | None:
    return _moment(headers.get("date", ""))


def _moment(text: str) -> float | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text.strip())
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return aware.timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
