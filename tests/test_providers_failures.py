"""What failed replies mean, what their messages show, and how long they ask us to wait."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmlab.errors import (
    CallError,
    ModelNotFound,
    OutOfCredit,
    Refused,
    Throttled,
    TimedOut,
    TooLong,
    Unavailable,
)
from llmlab.providers.failures import failure_of
from llmlab.providers.rate_headers import LONGEST, duration_of, retry_after, room_of
from llmlab.records import HttpReply

NOW = 1_795_305_600.0  # 2026-11-22 00:00:00 UTC


def reply(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> HttpReply:
    """Return a reply; what is not bytes becomes JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status=status, headers=headers or {}, body=raw)


def nested(message: str, **fields: object) -> dict[str, object]:
    """Return OpenAI's envelope."""
    return {"error": {"message": message, **fields}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, nested("quota", type="insufficient_quota", code="insufficient_quota"), OutOfCredit),
        (429, nested("no", code="billing_not_active"), OutOfCredit),
        (429, nested("no", code="billing_hard_limit_reached"), OutOfCredit),
        (429, nested("slow", code="slow_down", type="rate_limit_error"), Throttled),
        (429, {"code": "x", "error": "Your team has used all available credits"}, OutOfCredit),
        (429, {"code": "x", "error": "or reached its monthly spending limit"}, OutOfCredit),
        (429, {"error": "Too many requests for team. Tokens per Minute: 65605/16000"}, Throttled),
        (
            429,
            nested(
                "limit",
                type="rate_limit_error",
                details={"error_code": "enforced_spend_limit_reached"},
            ),
            OutOfCredit,
        ),
        (
            429,
            nested("ramp", type="rate_limit_error", details={"error_code": "ramp_limit_exceeded"}),
            Throttled,
        ),
        (
            400,
            nested("Spend limit reached", type="invalid_request_error"),
            OutOfCredit,
        ),
        (402, nested("Insufficient Balance", type="unknown_error"), OutOfCredit),
        (402, nested("no", type="billing_error"), OutOfCredit),
        (403, nested("no", type="permission_error"), Refused),
        (404, {"error": "model 'x' not found"}, ModelNotFound),
        (404, nested("model: x", type="not_found_error"), ModelNotFound),
        (404, b"404 page not found", Refused),
        (400, nested("Model Not Exist"), ModelNotFound),
        (410, {"error": "Live search is deprecated."}, Refused),
        (413, nested("too large", type="request_too_large"), Refused),
        (400, nested("too big", type="exceed_context_size_error"), TooLong),
        (500, {"error": "the prompt exceeds the available context size"}, TooLong),
        (504, nested("slow", type="timeout_error"), TimedOut),
        (503, {"error": "server busy, please try again.  maximum pending requests"}, Unavailable),
        (503, b"upstream connect error or disconnect/reset before headers", Unavailable),
        (500, nested("Incorrect API key", code="invalid_api_key"), Unavailable),
    ],
)
def test_a_code_refines_what_the_status_says(
    status: int, body: object, kind: type[CallError]
) -> None:
    """What will never succeed is told apart from what will (gotchas 13, 14, 15)."""
    error = failure_of(reply(status, body), "p", now=NOW)

    assert type(error) is kind
    assert error.retryable is kind.retryable


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b'{"error": {"message": "Nested."}}', {}, "p: 400 Nested."),
        (b'{"error": "Flat.", "code": "x"}', {}, "p: 400 Flat."),
        (b'{"message": "Top."}', {}, "p: 400 Top."),
        (b'{"detail": "Other."}', {}, "p: 400 Other."),
        (b'"Bare."', {}, "p: 400 Bare."),
        (b"Plain.", {}, "p: 400 Plain."),
        (b"", {}, "p: 400 (empty body)"),
        (b" \n ", {}, "p: 400 (empty body)"),
        (b'{"error": {"message": "Broken o', {}, "p: 400 Broken o"),
        (b'{"error": "Broken o', {}, "p: 400 Broken o"),
        (b'{"error": {"code": "only_a_code"}}', {}, "p: 400 only_a_code"),
        (b"<html><title>Bad &amp; gone</title><body>1.2.3.4</body>", {}, "p: 400 Bad & gone"),
        (b"<HTML><BODY>no title", {}, "p: 400 (a page without a title)"),
        (b"oops", {"content-type": "text/html"}, "p: 400 (a page without a title)"),
        (
            "Größe".encode("latin-1"),
            {"content-type": "text/plain; charset=latin-1"},
            "p: 400 Größe",
        ),
        ("aß".encode("latin-1"), {"content-type": "text/plain; charset=utf-8"}, "p: 400 a\ufffd"),
        ("Größe".encode("utf-16"), {}, "p: 400 Größe"),
        (b"Plain.", {"content-type": "text/plain; charset=unicode_escape"}, "p: 400 Plain."),
        (b'{"a": 1}', {}, 'p: 400 {"a": 1}'),
        (b"one\r\n\ttwo\x00three", {}, "p: 400 one two three"),
    ],
)
def test_a_message_is_found_in_any_envelope(
    body: bytes, headers: dict[str, str], message: str
) -> None:
    """Nested, flat, bare, broken off, a page or another charset: one clean line (gotcha 12)."""
    assert str(failure_of(reply(400, body, headers), "p", now=NOW)) == message


def test_a_broken_off_body_still_tells_its_code() -> None:
    """The code decides even where the JSON never ends."""
    body = b'{"error": {"code": "insufficient_quota", "message": "You exceeded your cur'

    assert type(failure_of(reply(429, body), "p", now=NOW)) is OutOfCredit


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdef1234567890",
        "sk-ant-api03-abcdef123456",
        "xai-abcdefgh12345678",
        "Bearer abcdefghij123456",
        "org-abcdefgh1234",
        "proj_abcdefgh1234",
        "team 3f0e8a5c-1111-2222-3333-444455556666",
        "203.0.113.7",
        "someone@example.com",
        "****ab12",
    ],
)
def test_a_message_is_clean_of_secrets(secret: str) -> None:
    """Keys, masked keys, account ids and addresses do not leave (gotcha 41)."""
    for body in (nested(f"Refused: {secret} is wrong"), {"error": f"Refused: {secret} is wrong"}):
        message = str(failure_of(reply(403, body), "p", now=NOW))

        assert secret not in message
        assert "[...]" in message


def test_an_echoed_key_of_no_known_shape_is_masked() -> None:
    """A mistyped key is still a key."""
    error = failure_of(reply(401, nested("Incorrect API key provided: hunter2. Go away")), "p")

    assert str(error) == "p: 401 Incorrect API key provided: [...]. Go away"


def test_a_message_is_short() -> None:
    """A page of words becomes 300 characters."""
    error = failure_of(reply(500, b"x y " * 50_000), "p", now=NOW)

    assert len(str(error)) == 300
    assert str(error).endswith("...")


@pytest.mark.parametrize(
    ("status", "said", "retryable"),
    [(529, "false", False), (400, "true", True), (500, "perhaps", True), (400, "", False)],
)
def test_the_provider_may_overrule_a_retry(status: int, said: str, *, retryable: bool) -> None:
    """`x-should-retry` has the last word, as in both official SDKs."""
    error = failure_of(reply(status, b"", {"x-should-retry": said}), "p", now=NOW)

    assert error.retryable is retryable


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 00:00:00 GMT"}, 0.0),
        ({"retry-after": "1e9"}, LONGEST),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999999999 Nov"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "6m0s"}, None),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-22T00:00:12Z",
            },
            12.0,
        ),
    ],
)
def test_a_wait_is_read_in_every_notation(headers: dict[str, str], wait: float | None) -> None:
    """Milliseconds, seconds, dates and resets, and nothing that is no time (gotchas 16, 17)."""
    assert retry_after(headers, now=NOW) == wait


def test_a_date_without_a_clock_counts_from_the_replys_own() -> None:
    """A reader without a clock uses the `date` header; without that a date says nothing."""
    asked = {"retry-after": "Sun, 22 Nov 2026 00:00:30 GMT"}

    assert retry_after(asked | {"date": "Sun, 22 Nov 2026 00:00:10 GMT"}) == 20.0
    assert retry_after(asked) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("0s", 0.0),
        ("6m0s", 360.0),
        ("1h30m0s", 5400.0),
        ("1m30.5s", 90.5),
        ("250µs", 0.00025),
        ("", None),
        ("6", None),
        ("6m0", None),
        ("m", None),
    ],
)
def test_go_durations_are_read(text: str, seconds: float | None) -> None:
    """OpenAI's resets are Go durations."""
    assert duration_of(text) == pytest.approx(seconds)


def test_the_room_left_is_read_from_either_family_of_headers() -> None:
    """OpenAI's and Anthropic's headers tell the same three things."""
    openai = {
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "40",
        "x-ratelimit-reset-tokens": "1m0s",
    }
    anthropic = {
        "anthropic-ratelimit-tokens-limit": "100",
        "anthropic-ratelimit-tokens-remaining": "40",
        "anthropic-ratelimit-tokens-reset": "2026-11-22T00:01:00Z",
    }

    for headers in (openai, anthropic):
        room = room_of(headers, "tokens", now=NOW)
        assert (room.limit, room.remaining, room.reset) == (100, 40, 60.0)
    assert room_of({}, "requests", now=NOW).remaining is None


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(max_size=40),
    name=st.sampled_from(["retry-after", "retry-after-ms", "date", "x-ratelimit-reset-tokens"]),
)
def test_no_header_breaks_the_reading(text: str, name: str) -> None:
    """Any text in any header is a wait between nothing and a day."""
    wait = retry_after({name: text, "x-ratelimit-remaining-tokens": "0"}, text=text)

    assert wait is None or 0 <= wait <= LONGEST
