"""One set of promises, run against every adapter with replies written by hand."""

import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from llmlab.catalogue import Catalogue
from llmlab.catalogue.models import Model
from llmlab.errors import (
    AuthFailed,
    CallError,
    CutOff,
    OutOfCredit,
    Refused,
    Throttled,
    TimedOut,
    Unavailable,
    UnknownModel,
    Unreadable,
)
from llmlab.providers.adapter import Adapter
from llmlab.providers.failures import failure_of
from llmlab.providers.registry import ADAPTERS, adapter_of
from llmlab.records import Answer, Api, HttpReply, Parameters, Prompt, Request, Schema, Usage

NAMES = [f"{provider}-{api}" for provider, api in ADAPTERS]
EVERY = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=NAMES)
TEXT, THOUGHT = "Größe: 4 😊", "2 + 2"
PIECES = ("Größe", ": 4", " 😊")
Json = Mapping[str, object]


def asked(adapter: Adapter, *, stream: bool = False, **parameters: object) -> Request:
    """Return a request for *adapter*."""
    return Request(
        provider=adapter.provider,
        model="m-1",
        prompt=Prompt(name="p", user="What is 2 + 2?", system="Be brief."),
        parameters=replace(Parameters(), **parameters),  # type: ignore[arg-type]
        api=adapter.api,
        stream=stream,
    )


def model_of(adapter: Adapter) -> Model:
    """Return a model of which nothing is known."""
    return Model(provider=adapter.provider, id="m-1", listed=False)


def reply(body: bytes | Json, status: int = 200, **headers: str) -> HttpReply:
    """Return a reply; a mapping becomes JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(
        status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=raw
    )


def sse(*events: Json | str, named: bool = False, end: str = "\n") -> bytes:
    """Return events as server-sent events, ending in *end*."""
    lines: list[str] = []
    for event in events:
        if named and not isinstance(event, str):
            lines.append(f"event: {event['type']}")
        lines += [f"data: {event if isinstance(event, str) else json.dumps(event)}", ""]
    return (end.join(lines) + end).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The same answer, whole and streamed."""

    whole: Json
    events: tuple[Json | str, ...]
    usage: Usage

    def stream(self, api: Api, provider: str, end: str = "\n") -> bytes:
        """Return the stream as it comes off this provider's wire."""
        if provider == "ollama":
            return b"".join(json.dumps(event).encode() + b"\n" for event in self.events)
        return sse(*self.events, named=api in ("messages", "responses"), end=end)


def _chat(usage: Json, counted: Usage, thought: str = "reasoning_content") -> Sample:
    head: dict[str, object] = {"id": "c-1", "model": "m-1-2026", "system_fingerprint": "fp"}
    deltas: list[Json] = [{"role": "assistant", "content": None, thought: ""}, {thought: THOUGHT}]
    deltas += [{"content": piece, thought: None} for piece in PIECES]
    chunks: list[Json | str] = [
        head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], "usage": None}
        for delta in deltas
    ]
    chunks.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks += [head | {"choices": [], "usage": usage}, "[DONE]"]
    message = {"role": "assistant", "content": TEXT, thought: THOUGHT, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = head | {"choices": [choice], "usage": usage}
    return Sample(whole=whole, events=tuple(chunks), usage=counted)


def _responses() -> Sample:
    usage = {
        "input_tokens": 20,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 4},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 29,
    }
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}
    part = {"type": "output_text", "text": TEXT, "annotations": []}
    output = [reasoning, {"type": "message", "role": "assistant", "content": [part]}]
    head: dict[str, object] = {"id": "r-1", "model": "m-1-2026", "error": None}
    head["metadata"] = {"system_fingerprint": "fp"}
    whole = head | {"status": "completed", "output": output, "usage": usage}
    begun = head | {"status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [{"type": "response.created", "response": begun}]
    events.append({"type": "response.reasoning_summary_text.delta", "delta": THOUGHT})
    events += [{"type": "response.output_text.delta", "delta": piece} for piece in PIECES]
    events.append({"type": "response.completed", "response": whole})
    counted = Usage(input=20, cached=8, cache_write=4, output=9, reasoning=5)
    return Sample(whole=whole, events=tuple(events), usage=counted)


def _messages() -> Sample:
    start = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 3,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 2},
        "output_tokens": 1,
    }
    end = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 5}}
    head: dict[str, object] = {"id": "msg-1", "type": "message", "model": "m-1-2026"}
    blocks = [{"type": "thinking", "thinking": THOUGHT}, {"type": "text", "text": TEXT}]
    whole = head | {"content": blocks, "stop_reason": "end_turn", "usage": start | end}
    first = {"type": "message_start", "message": head | {"content": [], "usage": start}}
    deltas: list[Json] = [{"type": "thinking_delta", "thinking": THOUGHT}]
    deltas += [{"type": "text_delta", "text": piece} for piece in PIECES]
    events: list[Json] = [first, {"type": "ping"}, first]  # proxies were seen to repeat the start
    events.append({"type": "content_block_start", "content_block": {"type": "text", "text": ""}})
    events += [{"type": "content_block_delta", "delta": delta} for delta in deltas]
    events.append({"type": "content_block_stop", "index": 0})
    events.append({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 4}})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": end})
    events.append({"type": "message_stop"})
    counted = Usage(input=20, cached=3, cache_write=7, cache_write_1h=2, output=9, reasoning=5)
    return Sample(whole=whole, events=tuple(events), usage=counted)


def _ollama(api: Api) -> Sample:
    head = {"model": "m-1-2026", "created_at": "2026-11-22T00:00:00Z"}

    def said(text: str, thought: str) -> Json:
        if api == "generate":
            return {"response": text, "thinking": thought}
        return {"message": {"role": "assistant", "content": text, "thinking": thought}}

    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 20, "eval_count": 9}
    events: list[Json] = [{**head, **said("", THOUGHT), "done": False}]
    events += [{**head, **said(piece, ""), "done": False} for piece in PIECES]
    events.append({**head, **said("", ""), **end})
    whole = {**head, **said(TEXT, THOUGHT), **end}
    return Sample(whole=whole, events=tuple(events), usage=Usage(input=20, output=9))


_CHAT_USAGE: Json = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
_COUNTED = Usage(input=20, cached=8, output=9, reasoning=5)
SAMPLES: dict[tuple[str, Api], Sample] = {
    ("openai", "chat"): _chat(
        {**_CHAT_USAGE, "prompt_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 4}},
        structs.replace(_COUNTED, cache_write=4),
    ),
    ("openai", "responses"): _responses(),
    ("anthropic", "messages"): _messages(),
    ("deepseek", "chat"): _chat(
        {**_CHAT_USAGE, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 12}, _COUNTED
    ),
    ("deepseek", "responses"): _responses(),
    ("xai", "chat"): _chat({**_CHAT_USAGE, "completion_tokens": 4}, _COUNTED),
    ("xai", "responses"): _responses(),
    ("ollama", "chat"): _ollama("chat"),
    ("ollama", "generate"): _ollama("generate"),
    ("local", "chat"): _chat(_CHAT_USAGE, _COUNTED, thought="reasoning"),
}


def sample_of(adapter: Adapter) -> Sample:
    """Return what *adapter* is fed."""
    return SAMPLES[adapter.provider, adapter.api]


def streamed(adapter: Adapter, body: bytes, cuts: Sequence[int] = ()) -> Answer:
    """Read *body* as a stream cut at *cuts*."""
    decoder = adapter.stream(asked(adapter, stream=True))
    for start, end in itertools.pairwise([0, *sorted(cuts), len(body)]):
        decoder.feed(body[start:end])
    return decoder.close()


def outcome_of(act: Callable[[], Answer]) -> Answer | CallError:
    """Return the answer, or the call error it failed with; let anything else through."""
    try:
        return act()
    except CallError as error:
        return error


def test_every_adapter_is_under_these_promises() -> None:
    """An adapter that is registered without a sample fails here."""
    assert set(SAMPLES) == set(ADAPTERS)


@EVERY
def test_a_call_holds_the_words_and_no_key(adapter: Adapter) -> None:
    """A call can be logged: it says how the key is attached, and never has it."""
    call = adapter.write(asked(adapter), model_of(adapter), "")

    assert "What is 2 + 2?" in call.body.decode()
    assert "Be brief." in call.body.decode()
    assert not {"authorization", "x-api-key"} & {name.lower() for name in call.headers}
    assert (call.auth == "none") == (adapter.provider == "ollama")


@EVERY
def test_the_output_limit_is_always_sent(adapter: Adapter) -> None:
    """No answer runs without a limit: spending limits rest on it."""
    body = json.loads(adapter.write(asked(adapter, max_tokens=77), model_of(adapter), "").body)

    names = {"max_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"}
    found = {**body, **body.get("options", {})}

    assert [found[name] for name in names if name in found] == [77]


@EVERY
def test_a_base_address_may_be_moved(adapter: Adapter) -> None:
    """A gateway or a simulator can stand in the provider's place."""
    call = adapter.write(asked(adapter), model_of(adapter), "http://127.0.0.1:9/gate/")

    assert call.url.startswith("http://127.0.0.1:9/gate/")
    assert "//" not in call.url.removeprefix("http://")


@EVERY
def test_what_is_said_to_be_sent_is_what_is_sent(adapter: Adapter) -> None:
    """`HttpCall.sent`, which the answer repeats, is the body less the words, to the letter."""
    request = asked(adapter, temperature=0.25, top_p=0.5)

    call = adapter.write(request, model_of(adapter), "")

    body = json.loads(call.body)
    words = {"model", "messages", "prompt", "system", "input", "instructions"}
    assert call.sent == {name: value for name, value in body.items() if name not in words}


@EVERY
def test_a_whole_reply_is_read(adapter: Adapter) -> None:
    """Text, reasoning, tokens, model and end come out of a whole reply."""
    answer = adapter.read(reply(sample_of(adapter).whole, x_request_id="req-1"), asked(adapter))

    assert (answer.text, answer.reasoning, answer.finish) == (TEXT, THOUGHT, "stop")
    assert answer.usage == sample_of(adapter).usage
    assert (answer.model, answer.request_id) == ("m-1-2026", "req-1")
    assert (answer.requested, answer.provider) == (f"{adapter.provider}/m-1", adapter.provider)
    assert answer.warnings == ()


@EVERY
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, 4_000), max_size=40), end=st.sampled_from(["\n", "\r\n", "\r"]))
@example(cuts=list(range(4_000)), end="\n")
@example(cuts=list(range(4_000)), end="\r\n")
def test_a_stream_says_the_same_however_it_is_cut(
    adapter: Adapter, cuts: list[int], end: str
) -> None:
    """Cut inside a line, a character or a CRLF, a stream equals the whole reply."""
    sample = sample_of(adapter)
    body = sample.stream(adapter.api, adapter.provider, end)
    whole = adapter.read(reply(sample.whole), asked(adapter, stream=True))

    answer = streamed(adapter, body, [cut for cut in cuts if cut <= len(body)])

    assert answer == whole


@EVERY
def test_pieces_are_handed_on_as_they_come(adapter: Adapter) -> None:
    """Each piece of the stream is there at once, reasoning apart from text."""
    body = sample_of(adapter).stream(adapter.api, adapter.provider)
    decoder = adapter.stream(asked(adapter, stream=True))

    pieces = [piece for byte in body for piece in decoder.feed(bytes([byte]))]

    assert [piece.text for piece in pieces if piece.text] == list(PIECES)
    assert [piece.reasoning for piece in pieces if piece.reasoning] == [THOUGHT]
    assert decoder.ended


@EVERY
def test_a_stream_that_breaks_off_keeps_its_text(adapter: Adapter) -> None:
    """Without its end a stream is an error that has what came (R-10)."""
    sample = sample_of(adapter)
    until = next(place for place, event in enumerate(sample.events) if " 4" in str(event)) + 1
    cut = replace(sample, events=sample.events[:until])
    decoder = adapter.stream(asked(adapter, stream=True), headers={"x-request-id": "req-1"})
    decoder.feed(cut.stream(adapter.api, adapter.provider) + b'data: {"cho')

    with pytest.raises(CutOff) as caught:
        decoder.close()

    assert caught.value.partial == "Größe: 4"
    assert (caught.value.request_id, caught.value.retryable) == ("req-1", True)
    assert decoder.failed is caught.value


def test_a_cut_anthropic_stream_keeps_its_input_count() -> None:
    """What a broken stream has cost is known as far as the provider said it (R-10)."""
    adapter = adapter_of("anthropic")
    events = sample_of(adapter).events[:5]
    decoder = adapter.stream(asked(adapter, stream=True))
    decoder.feed(sse(*events, named=True))

    with pytest.raises(CutOff):
        decoder.close()

    assert (decoder.usage.input, decoder.usage.cached) == (20, 3)


@EVERY
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"choices": 3}', b"\xff", b'"'])
def test_nonsense_is_unreadable(adapter: Adapter, body: bytes) -> None:
    """A 200 that cannot be read is an error, never an empty answer."""
    with pytest.raises(Unreadable) as caught:
        adapter.read(reply(body), asked(adapter))

    assert caught.value.provider == adapter.provider
    assert not caught.value.retryable


@EVERY
def test_bytes_that_are_no_utf8_are_unreadable(adapter: Adapter) -> None:
    """A wrong charset inside the JSON is an error in a whole reply and in a stream."""
    sample = sample_of(adapter)
    broken = json.dumps(sample.whole).encode().replace(b"m-1-2026", b"m-\xff")
    body = sample.stream(adapter.api, adapter.provider).replace(b"m-1-2026", b"m-\xff")

    with pytest.raises(Unreadable):
        adapter.read(reply(broken), asked(adapter))
    with pytest.raises(Unreadable):
        streamed(adapter, body)


@EVERY
@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (400, Refused, False),
        (401, AuthFailed, False),
        (402, OutOfCredit, False),
        (403, Refused, False),
        (408, TimedOut, True),
        (409, Unavailable, True),
        (410, Refused, False),
        (413, Refused, False),
        (422, Refused, False),
        (429, Throttled, True),
        (500, Unavailable, True),
        (502, Unavailable, True),
        (503, Unavailable, True),
        (504, Unavailable, True),
        (520, Unavailable, True),
        (529, Unavailable, True),
    ],
)
def test_a_status_has_one_meaning(
    adapter: Adapter, status: int, kind: type[CallError], *, retryable: bool
) -> None:
    """The status decides, whatever the body says."""
    with pytest.raises(kind) as caught:
        adapter.read(reply(b"rate limit? policy? timeout?", status), asked(adapter))

    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    assert caught.value.status == status


@EVERY
@settings(max_examples=30)
@given(body=st.binary(max_size=300), status=st.integers(100, 599))
@example(body=b"[" * 100_000, status=200)
@example(body=b'{"error":' * 50_000, status=500)
@example(body=b'{"error":{"message":"\\ud83d","code":[1]}}', status=400)
def test_no_bytes_raise_anything_but_a_call_error(
    adapter: Adapter, body: bytes, status: int
) -> None:
    """Whatever comes off the wire, whole, streamed or as a failure, is an answer or a CallError."""
    request = asked(adapter)
    decoder = adapter.stream(request)
    decoder.feed(body)

    for act in (lambda: adapter.read(reply(body, status), request), decoder.close):
        assert isinstance(outcome_of(act), Answer | CallError)

    assert isinstance(failure_of(reply(body, status), adapter.provider, now=0.0), CallError)


@EVERY
@settings(max_examples=30)
@given(data=st.data())
def test_a_damaged_stream_raises_nothing_but_a_call_error(
    adapter: Adapter, data: st.DataObject
) -> None:
    """One event of a good stream replaced by any JSON: still an answer or a CallError."""
    sample = sample_of(adapter)
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    names = st.sampled_from(["type", "delta", "message", "choices", "usage", "error", "response"])
    anything = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner),
        max_leaves=9,
    )
    place = data.draw(st.integers(0, len(sample.events) - 1))
    events = list(sample.events)
    events[place] = data.draw(st.dictionaries(names, anything, max_size=4)) | {"type": "x"}

    body = replace(sample, events=tuple(events)).stream(adapter.api, adapter.provider)
    outcome = outcome_of(lambda: streamed(adapter, body))

    assert outcome.provider == adapter.provider


@EVERY
def test_a_schema_answer_is_parsed_or_told_why_not(adapter: Adapter) -> None:
    """Data, a cut-off, an empty answer, a fence and other words are told apart (gotcha 34)."""
    document = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    request = asked(adapter, schema=Schema(name="n", document=document))

    def read(text: str, *, cut: bool = False) -> Answer:
        body = json.dumps(sample_of(adapter).whole).replace(json.dumps(TEXT), json.dumps(text))
        if cut:
            body = body.replace('"finish_reason": "stop"', '"finish_reason": "length"')
            body = body.replace('"end_turn"', '"max_tokens"').replace(
                '"done_reason": "stop"', '"done_reason": "length"'
            )
            details = '"incomplete", "incomplete_details": {"reason": "max_output_tokens"}'
            body = body.replace('"completed"', details)
        return adapter.read(reply(body.encode()), request)

    assert read('{"n": 4}').parsed == {"n": 4}
    assert read('```json\n{"n": 4}\n```').parsed == {"n": 4}
    assert "code fence" in read('```json\n{"n": 4}\n```').warnings[0]
    assert read('{"n": "4"}').warnings == ("the JSON does not follow the schema: $.n: not integer",)
    assert read("four").warnings == ("the answer is not JSON",)
    assert read("").warnings == ("no JSON: the content is empty",)
    assert "cut off" in read('{"n": ', cut=True).warnings[0]
    assert read("", cut=True).finish == "length"
    assert "raise max_tokens" in read("", cut=True).warnings[0]


def test_a_provider_is_found_by_name_or_its_neighbours_are_named() -> None:
    """A misspelt provider or API names what there is."""
    assert adapter_of("openai").api == "chat"
    assert adapter_of("anthropic").api == "messages"
    assert adapter_of("xai", "responses").api == "responses"
    with pytest.raises(UnknownModel, match="did you mean anthropic"):
        adapter_of("antropic")
    with pytest.raises(UnknownModel, match="chat, responses"):
        adapter_of("openai", "messages")


def test_a_key_of_one_provider_does_not_pass_for_another() -> None:
    """Shapes tell keys apart before anything is sent."""
    keys = {
        "openai": "sk-proj-abcdefghijklmnop1234",
        "anthropic": "sk-ant-api03-abcdefghijklmnop",
        "deepseek": "sk-" + "0123456789abcdef" * 2,
        "xai": "xai-" + "a" * 80,
    }

    known = Catalogue.load().providers
    for provider, key in keys.items():
        assert re.fullmatch(known[provider].key_shape, key)
    assert not re.fullmatch(known["openai"].key_shape, keys["anthropic"])
    assert known["xai"].keys == ("XAI_API_KEY", "XAI_BEARER_API_KEY")
