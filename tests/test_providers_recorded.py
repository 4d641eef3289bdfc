"""Every recorded exchange with a real provider is read as what it says."""

import itertools
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from llmlab.errors import (
    AuthFailed,
    CallError,
    ModelNotFound,
    OutOfCredit,
    Refused,
    Throttled,
    TooLong,
    Unavailable,
)
from llmlab.providers.adapter import Adapter
from llmlab.providers.failures import failure_of
from llmlab.providers.listing import read_count, read_models
from llmlab.providers.ollama.models import read_show
from llmlab.providers.registry import adapter_of
from llmlab.records import (
    Answer,
    Api,
    Finish,
    HttpReply,
    Parameters,
    Prompt,
    Request,
    Schema,
    Usage,
)

RECORDED = Path(__file__).resolve().parents[2] / "shared" / "recorded"

pytestmark = pytest.mark.skipif(not RECORDED.is_dir(), reason=f"no exchanges at {RECORDED}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an exchange says, read by eye from its body."""

    text: str
    usage: Usage
    model: str
    finish: Finish = "stop"
    reasoning: str = ""
    billed: str | None = None
    fingerprint: str | None = None


def used(
    whole: int,
    output: int,
    cached: int | None = 0,
    reasoning: int | None = None,
    write: int = 0,
) -> Usage:
    """Return a usage in one line."""
    return Usage(input=whole, output=output, cached=cached, reasoning=reasoning, cache_write=write)


CLAUDE = "claude-haiku-4-5-20251001"
FLASH = "deepseek-v4-flash"
FP_XAI = "fp_eb3c003fc66c14ed"
FP_DEEPSEEK = "fp_8b330d02d0_prod0820_fp8_kvcache_20260402"
OTEL = (
    "A joke about OpenTelemetry!\n\nWhy did the OpenTelemetry agent go to therapy?\n\nBecause it "
    'was struggling to "instrument" its feelings and had a lot of "traces" of anxiety!\n\n(Sorry, '
    'I know it\'s a bit of a "stretch", but I hope it brings a smile to your face!)'
)

ANSWERS: dict[str, Said] = {
    "openai/chat_normal_o3mini.json": Said(
        text="The capital of France is ",
        usage=used(31, 467, reasoning=448),
        model="o3-mini-2025-01-31",
        fingerprint="fp_e20469f047",
    ),
    "openai/chat_normal_tool_call_gpt54mini.json": Said(
        text="", usage=used(265, 23, reasoning=0), model="gpt-5.4-mini-2026-03-17", finish="tool"
    ),
    "openai/chat_stream_text_gpt4o.sse": Said(
        text="The capital of Mexico is Mexico City.",
        usage=used(14, 8, reasoning=0),
        model="gpt-4o-2024-08-06",
        fingerprint="fp_07871e2ad8",
    ),
    "openai/responses_normal_gpt5nano.json": Said(
        text="4", usage=used(13, 157, reasoning=128), model="gpt-5-nano-2025-08-07"
    ),
    "openai/responses_normal_reasoning.json": Said(
        text="8", usage=used(14, 5, reasoning=0), model="gpt-5.4-2026-03-05"
    ),
    "openai/responses_stream.sse": Said(
        text="1, 2, 3", usage=used(14, 8, reasoning=0), model="gpt-4.1-nano-2025-04-14"
    ),
    "openai/responses_structured_json_schema.json": Said(
        text='{"name":"John","age":30}',
        usage=used(45, 752, reasoning=704),
        model="gpt-5-nano-2025-08-07",
    ),
    "anthropic/messages_cache_write.json": Said(
        text="OK", usage=used(7361, 4, write=7351), model=CLAUDE
    ),
    "anthropic/messages_normal.json": Said(text="2 + 2 = 4", usage=used(16, 13), model=CLAUDE),
    "anthropic/messages_stream_text.sse": Said(text="1\n2\n3", usage=used(15, 9), model=CLAUDE),
    "anthropic/messages_thinking.json": Said(
        text="5 + 3 = **8**",
        usage=used(45, 39, reasoning=23),
        model=CLAUDE,
        reasoning="This is a simple arithmetic question. 5 + 3 = 8.",
    ),
    "deepseek/chat_normal.json": Said(
        text="4", usage=used(12, 1), model=FLASH, fingerprint=FP_DEEPSEEK
    ),
    "deepseek/chat_reasoner_normal.json": Said(
        text="5 + 3 equals 8.",
        usage=used(12, 35, reasoning=26),
        model=FLASH,
        reasoning='We are asked: "What is 5 + 3?" This is a simple arithmetic problem. '
        "The answer is 8.",
        fingerprint=FP_DEEPSEEK,
    ),
    "deepseek/chat_stream.sse": Said(
        text="1, 2, 3.", usage=used(11, 8), model=FLASH, fingerprint=FP_DEEPSEEK
    ),
    "deepseek/chat_tool_call.json": Said(
        text="Let me look up both pieces of information for you!",
        usage=used(407, 94),
        model=FLASH,
        finish="tool",
        fingerprint=FP_DEEPSEEK,
    ),
    "deepseek/responses_normal_v4flash.json": Said(
        text="4",
        usage=used(95, 17, reasoning=15),
        model=FLASH,
        reasoning="We need answer simple. 2+2=4. Just number.",
    ),
    "xai/chat_normal_reasoning.json": Said(
        text="Hello",
        usage=used(12, 229, cached=2, reasoning=228),  # 1 + 228: reasoning is counted apart
        model="grok-3-mini",
        reasoning='First, the user said: "Say a single word." That\'s straightforward. They want '
        "me to respond with just one word.\n\nResponse: I'll go with \"Hello\" as it's a common "
        "greeting and keeps it simple.",
        billed="0.00011765",
        fingerprint="fp_2a885414fb",
    ),
    "xai/responses_normal.json": Said(
        text="**4**",
        usage=used(199, 184, cached=128, reasoning=181),
        model="grok-4.3",
        reasoning='The question is "What\'s 2 + 2?" This is a simple math question. '
        "The answer is 4.\n",
        billed="0.00057435",
        fingerprint=FP_XAI,
    ),
    "xai/responses_stream.sse": Said(
        text="1, 2, 3.",
        usage=used(199, 160, cached=128, reasoning=152),
        model="grok-4.3",
        reasoning='The user said: "Count from 1 to 3"\n',
        billed="0.00051435",
        fingerprint=FP_XAI,
    ),
    "xai/responses_function_call.json": Said(
        text="",
        usage=used(340, 127, cached=192, reasoning=105),
        model="grok-4.3",
        finish="tool",
        reasoning='The user asked: "What\'s the weather in Berlin? (52.5200, 13.4050)"\n',
        billed="0.0005409",
        fingerprint=FP_XAI,
    ),
    "ollama/api_chat_normal.json": Said(text=OTEL, usage=used(17, 66, cached=None), model="llama3"),
    "ollama/v1_chat_json_schema_qwen3.json": Said(
        text='{ "city": "Paris", "country": "France" }',
        usage=used(136, 15, cached=None),
        model="qwen3:0.6b",
        reasoning="Okay, the user is asking for the capital of France. I know that France's "
        "capital is Paris. But I need to make sure I'm correct here. Let me think. Paris is "
        "indeed the capital since it's where the government is based. It's a major city, so I "
        "should mention that it's a key city. Also, maybe add some context like its role in the "
        "country. I should keep it simple and direct since the user is just asking the question. "
        "Double-checking my knowledge to avoid any mistakes. Yep, I'm confident the answer is "
        "Paris.\n",
        fingerprint="fp_ollama",
    ),
}
"""Exchanges of which every field is told."""

LONG: dict[str, tuple[str, str, int, Usage, Finish]] = {
    "anthropic/messages_stream_thinking.sse": (
        "I'd ask: **\"What would you say",
        "What draws you to this paradox?",
        1476,
        used(80, 638, reasoning=353),
        "stop",
    ),
    "deepseek/chat_stream_v4flash.sse": ("2", "2", 76, used(21, 27, reasoning=25), "stop"),
    "xai/chat_tool_call.json": ("", "", 357, used(291, 215, cached=244, reasoning=189), "tool"),
    "ollama/api_chat_stream.ndjson": (
        "Why did the OpenTelemetry agent go",
        "brought a smile to your face!)",
        0,
        used(17, 50, cached=None),
        "stop",
    ),
    "ollama/api_chat_tool_call_qwen36.json": ("", "", 437, used(292, 143, cached=None), "tool"),
    "ollama/api_generate_normal.json": (
        "A niche topic!\n\nHere's one:",
        "brought a smile to your face!)",
        0,
        used(17, 63, cached=None),
        "stop",
    ),
    "ollama/api_generate_stream_gemma3.ndjson": (
        "Okay, here's a joke about OpenTelemetry:",
        "Would you like to hear another one? 😊",
        0,
        used(16, 51, cached=None),
        "stop",
    ),
}
"""Long exchanges: how the text begins and ends, characters of reasoning, usage, finish."""

ERRORS: dict[str, tuple[type[CallError], bool, str]] = {
    "openai/error_400_context_length.json": (TooLong, False, "exceeds the context window"),
    "openai/error_400_max_tokens_unsupported.json": (Refused, False, "max_completion_tokens"),
    "openai/error_400_model_responses.json": (ModelNotFound, False, "does not exist"),
    "openai/error_400_temperature_range.json": (Refused, False, "decimal below minimum"),
    "openai/error_400_unsupported_stop_o1.json": (Refused, False, "'stop' is not supported"),
    "openai/error_401_invalid_key.json": (AuthFailed, False, "Incorrect API key"),
    "openai/error_404_model_chat.json": (ModelNotFound, False, "this-model-does-not-exist"),
    "openai/error_429_insufficient_quota.json": (OutOfCredit, False, "exceeded your current"),
    "openai/error_429_rate_limit_tpm.json": (Throttled, True, "tokens per min (TPM)"),
    "openai/error_520_cloudflare_truncated.html": (
        Unavailable,
        True,
        "520 api.openai.com | 520: Web server is returning an unknown error",
    ),
    "anthropic/error_400_effort_unsupported.json": (Refused, False, "effort level 'xhigh'"),
    "anthropic/error_400_prompt_too_long.json": (TooLong, False, "3333404 tokens > 200000"),
    "anthropic/error_401_invalid_key.json": (AuthFailed, False, "invalid x-api-key"),
    "anthropic/error_404_model.json": (ModelNotFound, False, "model: claude-sonet-4-5"),
    "anthropic/error_529_overloaded.json": (Unavailable, True, "Overloaded"),
    "deepseek/error_400_context_length.json": (TooLong, False, "maximum context length"),
    "deepseek/error_400_responses_tool_output.json": (Refused, False, "No tool output found"),
    "deepseek/error_401_invalid_key.json": (AuthFailed, False, "Authentication Fails"),
    "xai/error_400_incorrect_api_key.json": (AuthFailed, False, "Incorrect API key"),
    "ollama/api_chat_error_404_model.json": (ModelNotFound, False, "nonexistent-model:latest"),
    "ollama/v1_cloud_error_401.json": (AuthFailed, False, "Unauthorized"),
}

OTHERS = {
    "openai/models_list.json",
    "anthropic/count_tokens.json",
    "anthropic/models_list.json",
    "deepseek/models_list.json",
    "ollama/api_show_llama31.json",
    "xai/responses_web_search_citations.json",
}
"""Exchanges with a test of their own."""

STREAMS = sorted(name for name in [*ANSWERS, *LONG] if name.endswith((".sse", ".ndjson")))
WHOLE = sorted(name for name in ANSWERS if name not in STREAMS)


def meta_of(name: str) -> dict[str, Any]:
    """Return what was noted beside the exchange *name*."""
    path = (RECORDED / name).with_suffix(".meta.json")
    return cast("dict[str, Any]", json.loads(path.read_text()))


def reply_of(name: str) -> HttpReply:
    """Return the exchange *name* as it came off the wire."""
    meta = meta_of(name)
    headers = {key.lower(): value for key, value in (meta["headers"] or {}).items()}
    return HttpReply(status=meta["status"], headers=headers, body=(RECORDED / name).read_bytes())


def adapter_for(name: str) -> Adapter:
    """Return the adapter that speaks the wire of the exchange *name*."""
    provider, _, file = name.partition("/")
    if "v1_" in file:
        return adapter_of("local")  # Ollama's /v1 is a chat completions server like any other
    apis: tuple[Api, ...] = ("responses", "generate")
    return adapter_of(provider, next((api for api in apis if api in file), None))


def asked(adapter: Adapter, *, stream: bool = False, schema: Schema | None = None) -> Request:
    """Return a request as the exchange may have begun."""
    return Request(
        provider=adapter.provider,
        model="asked-for",
        prompt=Prompt(name="p", user="Hello"),
        parameters=Parameters(schema=schema),
        api=adapter.api,
        stream=stream,
    )


def answer_of(name: str, size: int | None = None) -> Answer:
    """Read the exchange *name*, a stream in pieces of *size* bytes."""
    adapter, reply = adapter_for(name), reply_of(name)
    if name not in STREAMS:
        return adapter.read(reply, asked(adapter))
    decoder = adapter.stream(asked(adapter, stream=True), headers=reply.headers)
    step = size or len(reply.body)
    for start in range(0, len(reply.body), step):
        decoder.feed(reply.body[start : start + step])
    return decoder.close()


def test_every_recorded_exchange_has_its_test() -> None:
    """No exchange lies there unread."""
    found = {
        str(path.relative_to(RECORDED)).replace(".meta.json", "")
        for path in RECORDED.rglob("*.meta.json")
    }

    known = {name.rsplit(".", 1)[0] for name in {*ANSWERS, *LONG, *ERRORS, *OTHERS}}

    assert found == known
    assert len(found) == 56


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_exchange_says_what_its_body_says(name: str) -> None:
    """Text, tokens, finish, model, reasoning and charge are those of the body."""
    said = ANSWERS[name]

    answer = answer_of(name)

    assert (answer.text, answer.usage, answer.finish) == (said.text, said.usage, said.finish)
    assert (answer.model, answer.reasoning) == (said.model, said.reasoning)
    assert answer.billed == (None if said.billed is None else Decimal(said.billed))
    assert answer.fingerprint == said.fingerprint
    assert answer.warnings == ()


@pytest.mark.parametrize("name", sorted(LONG))
def test_a_long_exchange_is_whole(name: str) -> None:
    """A long answer has its beginning, its end, its reasoning and its tokens."""
    begins, ends, thoughts, usage, finish = LONG[name]

    answer = answer_of(name)

    assert answer.text.startswith(begins)
    assert answer.text.endswith(ends)
    assert len(answer.reasoning) == thoughts
    assert (answer.usage, answer.finish, answer.warnings) == (usage, finish, ())


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_an_error_means_what_its_status_and_body_say(name: str) -> None:
    """Each recorded failure has one meaning, and a message that helps."""
    kind, retryable, words = ERRORS[name]
    adapter, reply = adapter_for(name), reply_of(name)

    error = failure_of(reply, adapter.provider, now=0.0)

    assert type(error) is kind
    assert error.retryable is retryable
    assert words in str(error)
    assert error.status == reply.status
    assert len(str(error)) <= 300
    with pytest.raises(kind):
        adapter.read(reply, asked(adapter))


def test_a_request_id_comes_from_the_headers_or_the_body() -> None:
    """A provider's support can be told which request it was."""
    by_header = failure_of(reply_of("openai/error_429_insufficient_quota.json"), "openai", now=0.0)
    by_body = failure_of(reply_of("anthropic/error_404_model.json"), "anthropic", now=0.0)

    assert by_header.request_id == "req_47fc080729878fd0ef899db83bb08b55"
    assert by_body.request_id == "req_011CdufXo8Y2LVfY2veyuQWG"


def test_the_hours_that_openai_asks_for_are_read_from_its_words() -> None:
    """A wait of 114 hours is known, and cut to a day."""
    error = failure_of(reply_of("openai/error_429_rate_limit_tpm.json"), "openai", now=0.0)

    assert error.retry_after == 86_400.0
    assert "org-" not in str(error)


def test_a_search_is_counted_cited_and_billed() -> None:
    """Two searches, one cited page, and xAI's own charge with both fees in it."""
    answer = answer_of("xai/responses_web_search_citations.json")

    assert answer.usage == replace(used(5913, 364, cached=2048, reasoning=263), searches=2)
    assert [source.url for source in answer.sources] == ["https://www.ruby-lang.org/en/downloads/"]
    assert answer.billed == Decimal("0.01615085")
    assert answer.text.startswith("**The latest stable Ruby version is 4.0.6**")


def test_a_schema_answer_becomes_data() -> None:
    """What follows the schema that was asked for is parsed."""
    name = "openai/responses_structured_json_schema.json"
    document = meta_of(name)["request_body"]["text"]["format"]["schema"]
    adapter = adapter_for(name)

    request = asked(adapter, schema=Schema(name="response", document=document))
    answer = adapter.read(reply_of(name), request)

    assert answer.parsed == {"name": "John", "age": 30}


def test_every_charge_that_xai_stated_is_read_to_the_tick() -> None:
    """The recorded charges come out as exact dollars, and chat adds reasoning to the output."""
    charges = json.loads((RECORDED / "xai" / "billed.json").read_text())
    assert len(charges) > 20

    for charge in charges:
        usage = charge["usage"]
        adapter = adapter_of("xai", charge["api"])
        body: dict[str, Any] = {"model": charge["model"], "usage": usage}
        body["choices"] = [{"message": {"content": "x"}, "finish_reason": "stop"}]
        body |= {"status": "completed", "output": []}
        reply = HttpReply(status=200, headers={}, body=json.dumps(body).encode())

        answer = adapter.read(reply, asked(adapter))

        assert answer.billed == Decimal(usage["cost_in_usd_ticks"]) / 10**10
        assert answer.usage.input is not None
        assert answer.usage.output is not None
        assert answer.usage.input + answer.usage.output == usage["total_tokens"], charge["path"]
        assert answer.warnings == ()


def test_lists_counts_and_details_are_read() -> None:
    """The free endpoints of four providers say what they were recorded saying."""
    ours = read_models(reply_of("openai/models_list.json"), adapter_of("openai"))
    claudes = read_models(reply_of("anthropic/models_list.json"), adapter_of("anthropic"))
    deepseeks = read_models(reply_of("deepseek/models_list.json"), adapter_of("deepseek"))
    shown = read_show(reply_of("ollama/api_show_llama31.json"))
    count = read_count(reply_of("anthropic/count_tokens.json"), "anthropic")

    assert ours[0].id == "text-embedding-ada-002"
    assert (claudes[0].id, claudes[0].context, claudes[0].max_output) == (
        "claude-opus-5",
        1_000_000,
        128_000,
    )
    assert [listed.id for listed in deepseeks] == ["deepseek-v4-flash", "deepseek-v4-pro"]
    assert not any(isinstance(listed.retires, date) for listed in (*ours, *claudes, *deepseeks))
    assert (shown.context, shown.quantization) == (131_072, "Q4_K_M")
    assert count == 1114


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_cut_of_a_recorded_stream_gives_the_same_answer(name: str, data: st.DataObject) -> None:
    """Where the network cuts the bytes is not seen in the answer."""
    adapter, reply = adapter_for(name), reply_of(name)
    whole = answer_of(name)
    places = st.lists(st.integers(0, len(reply.body)), max_size=12)
    cuts = [0, *sorted(data.draw(places)), len(reply.body)]

    decoder = adapter.stream(asked(adapter, stream=True), headers=reply.headers)
    pieces = [
        piece
        for start, end in itertools.pairwise(cuts)
        for piece in decoder.feed(reply.body[start:end])
    ]

    assert decoder.close() == whole
    assert "".join(piece.text for piece in pieces) == whole.text
    assert "".join(piece.reasoning for piece in pieces) == whole.reasoning


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_byte_by_byte_is_the_same(name: str) -> None:
    """Even a network that hands on single bytes changes nothing."""
    assert answer_of(name, size=1) == answer_of(name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_recorded_stream_that_breaks_off_half_way_is_an_error(name: str) -> None:
    """Half a stream is never an answer, and keeps the text that came."""
    adapter, reply = adapter_for(name), reply_of(name)
    decoder = adapter.stream(asked(adapter, stream=True), headers=reply.headers)
    decoder.feed(reply.body[: len(reply.body) // 2])

    with pytest.raises(CallError) as caught:
        decoder.close()

    assert caught.value.kind == "CutOff"
    assert caught.value.retryable
    assert answer_of(name).text.startswith(caught.value.partial)
