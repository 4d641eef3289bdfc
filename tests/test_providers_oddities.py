"""What providers do besides answering: refuse, break off, miscount, fail inside a 200."""

import itertools
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmlab.errors import (
    AuthFailed,
    CallError,
    CutOff,
    OutOfCredit,
    Refused,
    Throttled,
    TimedOut,
    Unavailable,
    Unreadable,
)
from llmlab.providers.adapter import Decoder
from llmlab.providers.ndjson import Ndjson
from llmlab.providers.registry import adapter_of
from llmlab.providers.shape import violation
from llmlab.providers.sse import Event, Sse
from llmlab.records import Answer, Api, HttpReply, Parameters, Prompt, Request, Schema

Json = Mapping[str, Any]


def asked(provider: str, api: Api, parameters: Parameters | None = None) -> Request:
    """Return a request."""
    return Request(
        provider=provider,
        model="m",
        prompt=Prompt(name="p", user="Hi"),
        parameters=parameters or Parameters(),
        api=api,
    )


def read(provider: str, api: Api, body: Json, parameters: Parameters | None = None) -> Answer:
    """Read *body* as a whole reply of 200."""
    reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())
    return adapter_of(provider, api).read(reply, asked(provider, api, parameters))


def decoder_of(provider: str, api: Api, *events: Json | str) -> Decoder:
    """Return a decoder that has taken *events*."""
    decoder = adapter_of(provider, api).stream(asked(provider, api))
    for event in events:
        said = event if isinstance(event, str) else json.dumps(event)
        decoder.feed(f"{said}\n".encode() if provider == "ollama" else f"data: {said}\n\n".encode())
    return decoder


def chat(usage: Json | None = None, finish: str | None = "stop", **message: object) -> Json:
    """Return a chat completion."""
    said = {"content": "4"} | message
    return {"model": "m", "choices": [{"message": said, "finish_reason": finish}], "usage": usage}


def delta(finish: str | None = None, **said: object) -> Json:
    """Return a chunk of a chat completion."""
    return {"model": "m", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


# --- cutting bytes ------------------------------------------------------------------------


def test_sse_follows_the_standard() -> None:
    """Comments, several data lines, missing blanks, CR and a byte order mark are understood."""
    sse = Sse()

    events = sse.feed(
        b"\xef\xbb\xbf: keep-alive\n\nevent: a\ndata: 1\ndata:2\nid: 9\n\r\ndata:  x\r\r: c\n\n"
    )

    assert events == [Event("a", b"1\n2"), Event("", b" x")]
    assert sse.rest() == []


def test_a_line_of_a_megabyte_is_one_line() -> None:
    """Encrypted reasoning passes 64 KiB; no line is too long (providers.md 1)."""
    sse, long = Sse(), b"x" * 1_000_000
    body = b"data: " + long + b"\n\n"

    events = [event for at in range(0, len(body), 999) for event in sse.feed(body[at : at + 999])]

    assert events == [Event("", long)]


WORDS = st.sampled_from([b"data: 1", b"event: a", b":c", b"\r\n", b"\n", b"\r", b"\xc3", b"\xa4"])


@given(words=st.lists(WORDS, max_size=20), cuts=st.lists(st.integers(0, 99), max_size=9))
@example(words=[b"event: a", b"\r\n", b"data: 1", b"\r\n", b"\r\n"], cuts=[9])
def test_events_do_not_depend_on_the_cuts(words: list[bytes], cuts: list[int]) -> None:
    """The same bytes cut anywhere, a CRLF included, make the same events."""
    body = b"".join(words)
    places = [0, *sorted(place for place in cuts if place <= len(body)), len(body)]

    for kind in (Sse, Ndjson):
        whole, cut = kind(), kind()
        pieces = [
            event
            for start, end in itertools.pairwise(places)
            for event in cut.feed(body[start:end])
        ]
        assert pieces + cut.rest() == whole.feed(body) + whole.rest()


# --- errors inside a 200 ------------------------------------------------------------------

OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
QUOTA = {"type": "error", "code": "insufficient_quota", "message": "You exceeded your quota"}
FAILED = {"status": "failed", "error": {"code": "server_error", "message": "gone"}, "output": []}


@pytest.mark.parametrize(
    ("provider", "api", "event", "kind", "retryable"),
    [
        ("anthropic", "messages", OVERLOADED, Unavailable, True),
        (
            "anthropic",
            "messages",
            {"type": "error", "error": {"type": "timeout_error", "message": "slow"}},
            TimedOut,
            True,
        ),
        ("openai", "responses", QUOTA, OutOfCredit, False),
        (
            "openai",
            "responses",
            {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow"}},
            Throttled,
            True,
        ),
        (
            "openai",
            "responses",
            {"type": "response.failed", "response": FAILED},
            Unavailable,
            True,
        ),
        (
            "openai",
            "chat",
            {"error": {"type": "server_error", "message": "gone"}},
            Unavailable,
            True,
        ),
        ("xai", "chat", {"error": "Incorrect API key provided", "code": "x"}, AuthFailed, False),
        ("local", "chat", {"error": {"code": 429, "message": "busy"}}, Throttled, True),
        ("local", "chat", {"error": {"code": 1, "message": "odd"}}, Unavailable, True),
        (
            "deepseek",
            "chat",
            {"error": {"type": "invalid_request_error", "message": "no"}},
            Refused,
            False,
        ),
        ("ollama", "chat", {"error": "llama runner process has terminated"}, Unavailable, True),
    ],
)
def test_an_error_in_a_stream_is_raised_with_the_text_before_it(
    provider: str, api: Api, event: Json, kind: type[CallError], *, retryable: bool
) -> None:
    """A status of 200 hides nothing: the event's own kind decides (gotcha 10)."""
    first: dict[str, Json] = {
        "anthropic": {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "4"}},
        "ollama": {"message": {"content": "4"}},
    }
    said = {"type": "response.output_text.delta", "delta": "4"}
    begun = first.get(provider, said if api == "responses" else delta(content="4"))

    decoder = decoder_of(provider, api, begun, event, begun)

    assert type(decoder.failed) is kind
    with pytest.raises(kind) as caught:
        decoder.close()
    assert (caught.value.partial, caught.value.retryable) == ("4", retryable)
    assert (caught.value.status, caught.value.provider) == (200, provider)


def test_a_failed_response_says_what_it_cost() -> None:
    """Usage that comes with the failure is kept."""
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
    event = {"type": "response.failed", "response": {**FAILED, "model": "m", "usage": usage}}

    decoder = decoder_of("openai", "responses", event)

    assert isinstance(decoder.failed, Unavailable)
    assert (decoder.usage.input, decoder.usage.output) == (5, 2)


def test_deepseek_out_of_resources_is_unavailable() -> None:
    """Its finish reason for giving up is an error that may be tried again (providers.md 4.1)."""
    reason = "insufficient_system_resource"
    decoder = decoder_of("deepseek", "chat", delta(content="4"), delta(reason), "[DONE]")

    with pytest.raises(Unavailable) as streamed:
        decoder.close()
    with pytest.raises(Unavailable) as whole:
        read("deepseek", "chat", chat(finish=reason))

    for caught in (streamed, whole):
        assert (caught.value.retryable, caught.value.partial) == (True, "4")


@pytest.mark.parametrize("status", ["in_progress", "queued", None])
def test_a_response_that_is_not_over_is_unreadable(status: str | None) -> None:
    """A whole reply must be over."""
    with pytest.raises(Unreadable):
        read("openai", "responses", {"status": status, "output": [], "model": "m"})


# --- how answers end ----------------------------------------------------------------------


def test_a_refusal_is_not_an_answer_of_the_schema() -> None:
    """The refusal's words are the text, the finish tells them apart, nothing is parsed."""
    parameters = Parameters(schema=Schema(name="n", document={"type": "object"}))
    part = {"type": "refusal", "refusal": "I cannot."}
    message = {"type": "message", "content": [part]}

    answers = [
        read("openai", "chat", chat(content=None, refusal="I cannot."), parameters),
        read(
            "openai",
            "responses",
            {"status": "completed", "model": "m", "output": [message]},
            parameters,
        ),
        read(
            "anthropic",
            "messages",
            {
                "model": "m",
                "content": [],
                "stop_reason": "refusal",
                "stop_details": {"category": "bio", "explanation": "I cannot."},
            },
            parameters,
        ),
    ]

    for answer in answers:
        assert (answer.text, answer.finish, answer.parsed) == ("I cannot.", "refusal", None)
        assert "no JSON: the answer ended with refusal" in answer.warnings


@pytest.mark.parametrize(
    ("provider", "api", "body", "finish"),
    [
        ("openai", "chat", chat(finish="content_filter"), "filter"),
        ("openai", "chat", chat(finish="length", content=""), "length"),
        ("openai", "chat", chat(tool_calls=[{"id": "c"}]), "tool"),
        ("anthropic", "messages", {"content": [], "stop_reason": "max_tokens"}, "length"),
        ("anthropic", "messages", {"content": [], "stop_reason": "tool_use"}, "tool"),
        ("anthropic", "messages", {"content": [], "stop_reason": "stop_sequence"}, "stop"),
        (
            "anthropic",
            "messages",
            {"content": [], "stop_reason": "model_context_window_exceeded"},
            "length",
        ),
        (
            "openai",
            "responses",
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            "filter",
        ),
        (
            "openai",
            "responses",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
        ),
        ("ollama", "chat", {"done": True, "done_reason": "length", "message": {}}, "length"),
        ("ollama", "generate", {"done": True, "response": "4"}, "stop"),
    ],
)
def test_each_end_has_one_name(provider: str, api: Api, body: Json, finish: str) -> None:
    """The providers' reasons come down to six words, and empty text stays what it is."""
    answer = read(provider, api, body)

    assert answer.finish == finish
    assert all(each.startswith("no usage") for each in answer.warnings)


def test_an_unknown_end_is_kept_with_a_warning() -> None:
    """New reasons may appear; the answer was paid for and is kept, but it may be half of one."""
    for body, words, finish in (
        (chat(finish="novel"), "'novel'", "other"),
        (chat(finish=None), "did not say why", "stop"),
    ):
        answer = read("openai", "chat", body)

        assert (answer.text, answer.finish) == ("4", finish)
        assert words in answer.warnings[0]


def test_a_paused_turn_is_not_finished() -> None:
    """Anthropic's pause is no end: the answer says that it is cut short."""
    answer = read("anthropic", "messages", {"content": [], "stop_reason": "pause_turn"})

    assert answer.finish == "length"
    assert "not finished" in answer.warnings[0]


# --- streams that end oddly ---------------------------------------------------------------

USED = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}


def test_a_chat_stream_without_done_is_whole_only_with_its_usage() -> None:
    """Some servers send no `[DONE]`; what lacks usage too was cut (gotchas 7, 11)."""
    last = {**delta("stop"), "usage": USED}

    whole = decoder_of("openai", "chat", delta(content="4"), last).close()

    assert (whole.text, whole.usage.input) == ("4", 3)
    assert "[DONE]" in whole.warnings[0]
    with pytest.raises(CutOff):
        decoder_of("openai", "chat", delta(content="4"), delta("stop")).close()


def test_the_last_usage_of_a_stream_holds() -> None:
    """A usage repeated in every chunk is taken once, and may come with no choices (gotcha 8)."""
    more = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    chunks = ({**delta(content="4"), "usage": USED}, {**delta("stop"), "usage": None})

    answer = decoder_of(
        "openai", "chat", *chunks, {"model": "m", "choices": [], "usage": more}, "[DONE]"
    ).close()

    assert (answer.usage.output, answer.warnings) == (5, ())


def test_tool_calls_in_fragments_are_seen() -> None:
    """A streamed tool call ends the answer as a tool (gotcha 25)."""
    part = {"index": 0, "function": {"arguments": '{"a"'}}

    answer = decoder_of(
        "openai", "chat", delta(tool_calls=[part]), delta("tool_calls"), "[DONE]"
    ).close()

    assert (answer.text, answer.finish) == ("", "tool")


def test_a_streamed_refusal_is_handed_on_as_text() -> None:
    """The reader of a stream sees the refusal as it comes."""
    event = {"type": "response.refusal.delta", "delta": "I cannot."}
    done = {"type": "response.completed", "response": {"status": "completed", "model": "m"}}

    answer = decoder_of("openai", "responses", event, done).close()

    assert (answer.text, answer.finish) == ("I cannot.", "refusal")


def test_responses_with_a_done_marker_are_read() -> None:
    """Older deployments send `[DONE]`, which is no JSON (gotcha 9)."""
    event = {"type": "response.output_text.delta", "delta": "4"}
    done = {"type": "response.completed", "response": {"status": "completed", "model": "m"}}

    answer = decoder_of("openai", "responses", "[DONE]", event, done, "[DONE]").close()

    assert answer.text == "4"


def test_what_follows_the_end_is_ignored() -> None:
    """After its terminal marker a stream says nothing more."""
    answer = decoder_of("openai", "chat", delta("stop", content="4"), "[DONE]", "{broken").close()

    assert answer.text == "4"


# --- counts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "usage", "words"),
    [
        ("openai", {**USED, "total_tokens": 9}, "3 in + 1 out is not the total 9"),
        ("openai", {**USED, "prompt_tokens_details": {"cached_tokens": 4}}, "more cached"),
        ("openai", {**USED, "completion_tokens_details": {"reasoning_tokens": 2}}, "2 reasoning"),
        (
            "deepseek",
            {**USED, "prompt_cache_hit_tokens": 1, "prompt_cache_miss_tokens": 1},
            "1 hits + 1 misses",
        ),
        ("openai", {"prompt_tokens": "three"}, "unreadable usage"),
        ("openai", ["usage"], "unreadable usage"),
    ],
)
def test_counts_that_do_not_add_up_are_told(provider: str, usage: Json, words: str) -> None:
    """Numbers are kept as they came, with a warning; an answer is not lost over its count."""
    answer = read(provider, "chat", chat(usage))

    assert answer.text == "4"
    assert words in answer.warnings[0]


def test_absent_counts_are_unknown_not_zero() -> None:
    """What Ollama leaves out is None (gotcha 36), and so is a missing usage."""
    ollama = read("ollama", "chat", {"done": True, "message": {"content": "4"}}).usage
    openai = read("openai", "chat", chat()).usage

    for usage in (ollama, openai):
        assert (usage.input, usage.output, usage.cached, usage.reasoning) == (None,) * 4


def test_xai_chat_adds_reasoning_and_its_charge_is_exact() -> None:
    """Output is completion plus reasoning, only there, and a tick is 1e-10 dollar (gotcha 5)."""
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 1,
        "total_tokens": 241,
        "completion_tokens_details": {"reasoning_tokens": 228},
        "cost_in_usd_ticks": 1,
    }

    answer = read("xai", "chat", chat(usage))

    assert (answer.usage.output, answer.usage.reasoning) == (229, 228)
    assert answer.billed == Decimal("0.0000000001")


def test_a_prompt_that_fills_ollamas_window_is_suspect() -> None:
    """No field tells that Ollama cut the prompt; a full window hints at it (gotcha 35)."""
    body = {"done": True, "message": {"content": "4"}, "prompt_eval_count": 4_090}

    suspect = read("ollama", "chat", body, Parameters(context=4_096))
    fine = read("ollama", "chat", body, Parameters(context=8_192))

    assert "may have been cut" in suspect.warnings[0]
    assert fine.warnings == ()


def test_searches_are_counted_by_charge_not_by_source() -> None:
    """OpenAI's count of requests rules; without one, the searches among the items (gotcha 32)."""
    search = {"type": "web_search_call", "action": {"type": "search"}}
    opened = {"type": "web_search_call", "action": {"type": "open_page"}}
    body = {"status": "completed", "model": "m", "output": [search, opened, search], "usage": {}}
    counted = {**body, "tool_usage": {"web_search": {"num_requests": 1}}}
    tools = {"server_tool_use": {"web_search_requests": 3}}

    assert read("openai", "responses", body).usage.searches == 2
    assert read("openai", "responses", counted).usage.searches == 1
    claude = {"content": [], "stop_reason": "end_turn", "usage": tools}
    assert read("anthropic", "messages", claude).usage.searches == 3


def test_citations_become_sources_once() -> None:
    """A page cited twice is one source, in the order of the text."""
    page = {"type": "url_citation", "url": "https://a.example", "title": "A"}
    other = {"type": "url_citation", "url": "https://b.example"}
    part = {"type": "output_text", "text": "4", "annotations": [page, other, page]}
    nested = [{"type": "url_citation", "url_citation": page}]
    body = {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    cited = {"type": "text", "text": "4", "citations": [{"url": "https://a.example", "title": "A"}]}

    responses = read("openai", "responses", body)
    chatted = read("openai", "chat", chat(annotations=nested))
    claude = read("anthropic", "messages", {"content": [cited], "stop_reason": "end_turn"})

    assert [(s.url, s.title) for s in responses.sources] == [
        ("https://a.example", "A"),
        ("https://b.example", ""),
    ]
    assert chatted.sources == claude.sources == responses.sources[:1]


def test_anthropic_cache_writes_that_do_not_add_up_are_told() -> None:
    """The split by time to live must be the whole of the write."""
    usage = {
        "input_tokens": 1,
        "output_tokens": 1,
        "cache_creation_input_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2},
    }

    answer = read(
        "anthropic", "messages", {"content": [], "stop_reason": "end_turn", "usage": usage}
    )

    assert (answer.usage.input, answer.usage.cache_write, answer.usage.cache_write_1h) == (10, 9, 2)
    assert "3 cached by time to live, 9 in all" in answer.warnings[0]


# --- schemas ------------------------------------------------------------------------------

LINKED = {
    "type": "object",
    "properties": {
        "next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "size": {"type": ["number", "null"]},
    },
    "required": ["next"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"next": {"next": None}, "tags": ["a"], "size": 1}, ""),
        ({"next": {}}, "$.next: none of the alternatives"),
        ({"next": None, "tags": ["a", "c"]}, "$.tags[1]: not one of the enum"),
        ({"next": None, "size": True}, "$.size: not ['number', 'null']"),
        ({"next": None, "more": 1}, "$: unknown 'more'"),
        ({}, "$: no 'next'"),
        ([], "$: not object"),
    ],
)
def test_a_value_is_held_against_its_schema(value: object, wrong: str) -> None:
    """The first departure from the schema is named with its place."""
    assert violation(value, LINKED) == wrong


def test_an_unauthorised_stream_is_not_a_stream() -> None:
    """A streamed request that fails before its first byte is read like any failure."""
    body = json.dumps({"error": {"message": "no", "code": "invalid_api_key"}}).encode()

    with pytest.raises(AuthFailed):
        adapter_of("openai").read(
            HttpReply(status=401, headers={}, body=body), asked("openai", "chat")
        )
