"""Refusals and ends of answers that llmlab does not know: never an outage, never half an answer."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from llmlab import Lab
from llmlab.errors import (
    CallError,
    OutOfCredit,
    Refused,
    Throttled,
    TimedOut,
    TooLong,
    Unavailable,
)
from llmlab.providers.failures import failure_in, failure_of
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Api, HttpReply, Parameters, Prompt, Request, Row
from llmlab.scores import scored, scorer_of
from tests.loopback import Came, Loopback, Said

MODEL = "openai/gpt-5.5-pro"
CODES = (
    "bio_policy", "misalignment_policy_violation", "data_residency_mismatch", "invalid_image",
    "image_content_policy_violation", "failed_to_download_image", "a_code_of_tomorrow",
)  # fmt: skip
USED = {"input_tokens": 1_000, "output_tokens": 100, "total_tokens": 1_100}


def request(api: Api = "responses", provider: str = "openai") -> Request:
    """Ask something."""
    return Request(
        provider=provider,
        model="m",
        prompt=Prompt(name="p", user="hello"),
        api=api,
        parameters=Parameters(),
    )


def failed(code: str | None, usage: Mapping[str, int] | None = USED) -> dict[str, Any]:
    """Make a response that failed with *code*."""
    error = None if code is None else {"code": code, "message": "No."}
    return {
        "id": "resp_1",
        "status": "failed",
        "model": "gpt-5.5-pro",
        "output": [],
        "error": error,
        "usage": usage,
    }


def events(code: str) -> bytes:
    """Write the stream of a response that fails: an error event, then the response."""
    begun = {"id": "resp_1", "status": "in_progress", "model": "gpt-5.5-pro"}
    said = [
        {"type": "response.created", "response": begun},
        {"type": "error", "code": code, "message": "No."},
        {"type": "response.failed", "response": failed(code)},
    ]
    return b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in said)


def whole(body: object) -> HttpReply:
    """Make a reply of 200."""
    return HttpReply(status=200, headers={}, body=json.dumps(body).encode())


def refused(status: int, body: object) -> HttpReply:
    """Make a reply of another status."""
    return HttpReply(status=status, headers={}, body=json.dumps(body).encode())


def raised(read: Callable[[], object]) -> CallError:
    """Return the error that *read* raises."""
    with pytest.raises(CallError) as caught:
        read()
    return caught.value


@pytest.fixture
def lab_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Loopback], Lab]:
    """Make labs all of whose providers are one server."""

    def made(server: Loopback) -> Lab:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        return Lab(book=":memory:")

    return made


# ---- a whole reply that is a refusal


@pytest.mark.parametrize("code", CODES)
def test_a_code_that_nobody_knows_in_a_whole_reply_is_a_refusal(code: str) -> None:
    """It is not tried again, and says what it used."""
    error = raised(lambda: adapter_of("openai", "responses").read(whole(failed(code)), request()))

    assert type(error) is Refused
    assert not error.retryable
    assert error.request_id == "resp_1"
    assert (error.usage.input, error.usage.output) == (1_000, 100)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", Unavailable),
        ("vector_store_timeout", Unavailable),
        ("rate_limit_exceeded", Throttled),
        ("insufficient_quota", OutOfCredit),
        ("credit_balance_exhausted", OutOfCredit),
        ("invalid_prompt", Refused),
        (None, Unavailable),
    ],
)
def test_a_code_that_is_known_keeps_its_meaning(code: str | None, kind: type[CallError]) -> None:
    """What can pass is tried again, also where the reply is whole; so is a failure without code."""
    reply = whole(failed(code, None))
    error = raised(lambda: adapter_of("openai", "responses").read(reply, request()))

    assert type(error) is kind
    assert error.usage is None


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_a_stream_that_fails_says_the_same_however_it_is_cut(size: int) -> None:
    """The error event comes first, the response that follows states what was used."""
    decoder = adapter_of("openai", "responses").stream(request())
    body = events("bio_policy")
    for start in range(0, len(body), size):
        decoder.feed(body[start : start + size])
    error = raised(decoder.close)

    assert type(error) is Refused
    assert error.usage.output == 100  # type: ignore[attr-defined]


def test_an_error_event_that_nothing_follows_is_the_error() -> None:
    """It is not a stream that broke off."""
    decoder = adapter_of("openai", "responses").stream(request())
    decoder.feed(b'data: {"type":"error","code":"bio_policy","message":"No."}\n\n')
    assert type(raised(decoder.close)) is Refused


def test_an_unknown_error_in_the_midst_of_a_stream_is_an_outage() -> None:
    """The server began and gave up; nobody decided anything."""
    assert type(failure_in({"message": "boom", "code": "who_knows"}, "openai")) is Unavailable
    whole_reply = {"message": "boom", "code": "who_knows"}
    assert type(failure_in(whole_reply, "openai", whole=True)) is Refused


@pytest.mark.parametrize("stream", [False, True])
def test_stated_usage_of_a_refusal_is_money(
    lab_at: Callable[[Loopback], Lab], *, stream: bool
) -> None:
    """8 prompts, 8 requests, and each costs what the reply says that it used."""

    def reply(came: Came) -> Said:
        if json.loads(came.body).get("stream"):
            return Said(body=events("bio_policy"), kind="text/event-stream")
        return Said(body=json.dumps(failed("bio_policy")).encode())

    frame = pd.DataFrame({"x": list("abcdefgh")})
    with Loopback(reply) as server, lab_at(server) as lab:
        run = lab.abtest({"A": "{{ x }}"}, [MODEL], on=frame, stream=stream)
        account, (gate, *_) = lab.book.account(), lab.gates()

    assert len(server.log) == 8
    assert gate.breaker == "closed"
    assert set(run.rows["attempts"]) == {1}
    assert (account.settled, account.unknown) == (Decimal("0.384"), Decimal(0))
    assert run.rows["cost_usd"].tolist() == pytest.approx([0.048] * 8)
    assert run.rows["error"].str.startswith("Refused: openai: 200 No.").all()


# ---- permanent 429s


@pytest.mark.parametrize("kind", ["rate_limit_error", "invalid_request_error", "requests", None])
@pytest.mark.parametrize(
    "code",
    [
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
        "contract_spend_limit_reached",
    ],
)
def test_a_limit_of_spend_is_permanent_whatever_its_type_says(code: str, kind: str | None) -> None:
    """By the code, as OpenAI has it, or by Anthropic's detail."""
    for inner in ({"code": code}, {"details": {"error_code": code}}):
        body = {"error": {"message": "limit", "type": kind, **inner}}
        for status in (429, 400):
            found = failure_of(refused(status, body), "openai")
            assert type(found) is OutOfCredit
            assert not found.retryable
        assert type(failure_in(body, "openai")) is OutOfCredit


@pytest.mark.parametrize("status", [400, 500])
def test_ollamas_cloud_says_too_long_in_its_own_words(status: int) -> None:
    """Neither a refusal nor an outage."""
    body = b'{"error": "prompt exceeded max context length: 140000 > 131072"}'
    assert type(failure_of(HttpReply(status=status, headers={}, body=body), "ollama")) is TooLong


def test_a_timeout_is_still_one() -> None:
    """The codes of before mean what they meant."""
    assert type(failure_in({"message": "slow", "type": "timeout_error"}, "anthropic")) is TimedOut


# ---- searches and cache writes


def test_a_search_of_x_counts_where_no_details_do() -> None:
    """Both searches are charged each."""
    body = {
        "id": "r", "status": "completed", "model": "grok-4.3",
        "output": [
            {"type": "x_search_call", "status": "completed"},
            {"type": "web_search_call", "action": {"type": "search"}},
            {"type": "web_search_call", "action": {"type": "open_page"}},
            {"type": "message", "content": [{"type": "output_text", "text": "yes"}]},
        ],
        "usage": USED,
    }  # fmt: skip
    answer = adapter_of("xai", "responses").read(whole(body), request(provider="xai"))
    assert answer.usage.searches == 2


@pytest.mark.parametrize(
    ("details", "written", "warned"),
    [
        ({"cache_write_tokens": 300}, 300, ""),
        ({"cache_write_tokens": 3, "cache_write_tokens_details": {"ttl_30m_tokens": 3}}, 3, ""),
        ({"cache_write_tokens_details": {"ttl_30m_tokens": 200}}, 200, ""),
        (
            {"cache_write_tokens_details": {"ttl_30m_tokens": 200, "ttl_12h_tokens": 100}},
            300,
            "100 tokens of usage were cached for 12 hours",
        ),
        (
            {"cache_write_tokens": 9, "cache_write_tokens_details": {"ttl_30m_tokens": 8}},
            9,
            "does not add up",
        ),
    ],
)  # fmt: skip
def test_cache_writes_count_by_their_time_to_live(
    details: dict[str, Any], written: int, warned: str
) -> None:
    """The parts stand for the sum where that is absent; twelve hours are named."""
    body = {
        "id": "r", "status": "completed", "model": "gpt-6-sol",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "yes"}]}],
        "usage": {**USED, "input_tokens_details": details},
    }  # fmt: skip
    answer = adapter_of("openai", "responses").read(whole(body), request())
    assert answer.usage.cache_write == written
    assert warned in "".join(answer.warnings) if warned else not answer.warnings


# ---- why an answer ended


def ended(provider: str, api: Api, reason: str) -> Answer:
    """Read an answer of *provider* that ended for *reason*."""
    if api == "messages":
        body: dict[str, Any] = {
            "id": "m", "model": "m", "stop_reason": reason,
            "content": [{"type": "text", "text": "positive"}],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
    elif api == "responses":
        content = [{"type": "output_text", "text": "positive"}]
        body = {
            "id": "r", "status": "incomplete", "model": "m",
            "incomplete_details": {"reason": reason},
            "output": [{"type": "message", "content": content}],
        }  # fmt: skip
    elif provider == "ollama":
        message = {"role": "assistant", "content": "positive"}
        body = {"model": "m", "message": message, "done": True, "done_reason": reason}
    else:
        message = {"role": "assistant", "content": "positive"}
        body = {"model": "m", "choices": [{"message": message, "finish_reason": reason}]}
    return adapter_of(provider, api).read(whole(body), request(api, provider))


@pytest.mark.parametrize(
    ("provider", "api", "reason"),
    [
        ("openai", "chat", "error"),
        ("openai", "chat", "abort"),
        ("openai", "chat", "model_length"),
        ("deepseek", "chat", "who_knows"),
        ("openai", "responses", "max_messages"),
        ("openai", "responses", "steered"),
        ("anthropic", "messages", "a_reason_of_tomorrow"),
        ("ollama", "chat", "shift"),
    ],
)
def test_an_end_that_nobody_knows_is_no_whole_answer(provider: str, api: Api, reason: str) -> None:
    """It is `other`, said, and left unread: half an answer must not be scored."""
    answer = ended(provider, api, reason)

    assert (answer.finish, answer.gap, answer.text) == ("other", "unread", "positive")
    assert any(repr(reason) in each for each in answer.warnings)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("eos", "stop"), ("eos_token", "stop"), ("STOP", "stop"), ("MAX_TOKENS", "length")],
)
def test_what_other_servers_call_the_same_is_the_same(reason: str, finish: str) -> None:
    """TGI, Together and Gemini have words of their own for a whole answer."""
    assert ended("openai", "chat", reason).finish == finish


def test_a_half_answer_has_no_score() -> None:
    """It would have read `positive`, which was the target."""
    answers = [ended("openai", "chat", reason) for reason in ("stop", "abort")]
    rows = [
        Row(run="r", request=request("chat"), request_hash=str(n), input_id="0", outcome=each)
        for n, each in enumerate(answers)
    ]
    found = scored(rows, scorer_of("exact", ["positive"]), {"0": "positive"})
    assert [each.became for each in found] == ["scored", "unread"]
    assert found[1].score is None


# ---- the vendor's own reader


@pytest.mark.parametrize("code", [each for each in CODES if each != "a_code_of_tomorrow"])
def test_the_vendors_sdk_reads_the_same_refusal(code: str) -> None:
    """OpenAI's own class knows these codes, and the usage beside them."""
    from openai.types.responses import Response

    more = {
        "object": "response",
        "created_at": 1.0,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }
    details = {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }
    body = {**failed(code, {**USED, **details}), **more}  # type: ignore[dict-item]  # counts in counts
    theirs = Response.model_validate(body)
    ours = raised(lambda: adapter_of("openai", "responses").read(whole(body), request()))

    assert theirs.error is not None
    assert theirs.usage is not None
    assert theirs.error.code == code
    assert theirs.usage.output_tokens == ours.usage.output  # type: ignore[attr-defined]
