"""Calls of functions come back as they were made: whole, in pieces, at the providers' own SDKs."""

import itertools
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import anthropic
import ollama
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from llmlab import Lab
from llmlab.providers.registry import adapter_of
from llmlab.records import Answer, Api, HttpReply, Parameters, Prompt, Request, ToolCall
from llmlab.sim import Simulator
from tests.conftest import RECORDED
from tests.labs import lab_for
from tests.test_agreement import _openai
from tests.test_tools import ABOUT, CITY, FLAT, NESTED, WEATHER, Json

# --- as they come back --------------------------------------------------------------------


def asked(provider: str, api: Api, *, stream: bool = False) -> Request:
    """Return a question that offers the tool."""
    return Request(
        provider=provider,
        model="m",
        prompt=Prompt(name="p", user="Hi"),
        parameters=Parameters(tools=(WEATHER,)),
        api=api,
        stream=stream,
    )


def read(provider: str, api: Api, body: Json | bytes) -> Answer:
    """Read a whole reply."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = HttpReply(status=200, headers={}, body=sent)
    return adapter_of(provider, api).read(reply, asked(provider, api))


RECORDED_CALLS: dict[str, tuple[str, Api, list[tuple[str, Json]]]] = {
    "openai/chat_normal_tool_call_gpt54mini.json": (
        "openai", "chat",
        [("search_tools", {"queries": ["exchange rate currency USD EUR current"]})],
    ),
    "deepseek/chat_tool_call.json": (
        "deepseek", "chat",
        [("weather", {"latitude": "52.5200", "longitude": "13.4050"}),
         ("best_language_to_learn", {})],
    ),
    "xai/chat_tool_call.json": ("xai", "chat", [("weather", {"location": "San Francisco"})]),
    "xai/responses_function_call.json": (
        "xai", "responses", [("weather", {"latitude": "52.5200", "longitude": "13.4050"})],
    ),
    "ollama/api_chat_tool_call_qwen36.json": (
        "ollama", "chat", [("get_current_weather", {"city": "Paris"})],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDED_CALLS)
def test_recorded_calls_are_kept(name: str) -> None:
    """Name, arguments and id of real replies."""
    if not RECORDED.exists():
        pytest.skip("the recorded exchanges are not here")
    provider, api, calls = RECORDED_CALLS[name]

    answer = read(provider, api, (RECORDED / name).read_bytes())

    found = [(each.name, json.loads(each.arguments)) for each in answer.tool_calls]
    assert found == calls
    assert all(each.id for each in answer.tool_calls)
    assert (answer.finish, answer.gap) == ("tool", "")


USED = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
PARIS = '{"city": "Paris", "days": 2}'


def chat_call(name: str = "weather", arguments: Any = PARIS, id_: str = "call_1") -> Json:
    """Return a call as chat completions have it."""
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def chat(*calls: Json, finish: str = "tool_calls", **message: Any) -> Json:
    """Return a completion that the SDK would take."""
    said = {"role": "assistant", "content": None, "refusal": None, **message}
    choice = {"index": 0, "message": said, "finish_reason": finish, "logprobs": None}
    if calls:
        said["tool_calls"] = list(calls)
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [choice], "usage": USED,
    }  # fmt: skip


def message(*blocks: Json, reason: str = "tool_use") -> Json:
    """Return a message that the SDK would take."""
    return {
        "id": "msg", "type": "message", "role": "assistant", "model": "m",
        "content": list(blocks), "stop_reason": reason, "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    }  # fmt: skip


def response(*items: Json) -> Json:
    """Return a response that the SDK would take."""
    usage = {
        "input_tokens": 3, "output_tokens": 1, "total_tokens": 4,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    return {
        "id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed",
        "output": list(items), "usage": usage, "parallel_tool_calls": True, "tools": [],
        "tool_choice": "auto", "temperature": 1.0, "top_p": 1.0, "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {},
    }  # fmt: skip


CALL_ITEM = {"id": "fc", "type": "function_call", "status": "completed", "call_id": "call_1",
             "name": "weather", "arguments": PARIS}  # fmt: skip
USE = {"type": "tool_use", "id": "call_1", "name": "weather", "input": json.loads(PARIS)}


def _of_chat(body: bytes) -> list[tuple[str, Any]]:
    said = ChatCompletion.model_validate_json(body).choices[0].message.tool_calls or []
    return [(each.function.name, json.loads(each.function.arguments))
            for each in said if each.type == "function"]  # fmt: skip


def _of_responses(body: bytes) -> list[tuple[str, Any]]:
    return _called(Response.model_validate_json(body))


def _called(response: Response) -> list[tuple[str, Any]]:
    said = response.output
    return [(each.name, json.loads(each.arguments))
            for each in said if each.type == "function_call"]  # fmt: skip


def _of_messages(body: bytes) -> list[tuple[str, Any]]:
    said = Message.model_validate_json(body).content
    return [(each.name, each.input) for each in said if each.type == "tool_use"]


def _of_ollama(body: bytes) -> list[tuple[str, Any]]:
    return _of_line(ollama.ChatResponse.model_validate_json(body))


def _of_line(line: ollama.ChatResponse) -> list[tuple[str, Any]]:
    said = line.message.tool_calls or []
    return [(each.function.name, dict(each.function.arguments)) for each in said]


def ollama_body(*calls: Json) -> Json:
    """Return a reply of Ollama."""
    said = {"role": "assistant", "content": "", "tool_calls": list(calls)}
    return {"model": "m", "message": said, "done": True, "done_reason": "stop"}


def ollama_call(name: str = "weather", arguments: Any = None) -> Json:
    """Return a call as Ollama has it."""
    return {"id": "call_1", "function": {"name": name, "arguments": arguments or {}}}


WHOLE: dict[str, tuple[str, Api, Json, Callable[[bytes], list[tuple[str, Any]]]]] = {
    "chat": ("openai", "chat", chat(chat_call()), _of_chat),
    "chat, forced": ("openai", "chat", chat(chat_call(), finish="stop"), _of_chat),
    "chat, two": (
        "openai", "chat", chat(chat_call(), chat_call("now", "{}", "call_2")), _of_chat,
    ),
    "chat, with words": ("openai", "chat", chat(chat_call(), content="I look."), _of_chat),
    "responses": ("openai", "responses", response(CALL_ITEM), _of_responses),
    "messages": ("anthropic", "messages", message(USE), _of_messages),
    "messages, with search": (
        "anthropic", "messages",
        message({"type": "server_tool_use", "id": "s", "name": "web_search",
                 "input": {"query": "x"}}, {"type": "text", "text": "I look."}, USE),
        _of_messages,
    ),
    "messages, no arguments": (
        "anthropic", "messages", message({**USE, "input": {}}), _of_messages,
    ),
    "ollama": ("ollama", "chat", ollama_body(ollama_call(arguments=json.loads(PARIS))), _of_ollama),
    "ollama, two": ("ollama", "chat", ollama_body(ollama_call(), ollama_call("now")), _of_ollama),
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_the_sdks_read_the_same_calls(kind: str) -> None:
    """openai, anthropic and ollama read the same bytes."""
    provider, api, body, theirs = WHOLE[kind]
    sent = json.dumps(body).encode()

    answer = read(provider, api, sent)

    assert [(each.name, json.loads(each.arguments)) for each in answer.tool_calls] == theirs(sent)
    assert (answer.finish, answer.gap, answer.warnings) == ("tool", "", ())


def test_odd_calls_are_kept_as_they_came() -> None:
    """Broken arguments stay text; an older form, an object for a text, no name."""
    broken = read("openai", "chat", chat(chat_call(arguments='{"city": "Par')))
    older = read(
        "openai", "chat", chat(function_call={"name": "weather", "arguments": PARIS}, finish="stop")
    )
    table = read("openai", "chat", chat(chat_call(arguments={"city": "Paris"})))
    nameless = read("openai", "chat", chat({"id": "c"}, "odd"))  # type: ignore[arg-type]

    assert broken.tool_calls[0].arguments == '{"city": "Par'
    assert older.tool_calls == (ToolCall(name="weather", arguments=PARIS),)
    assert table.tool_calls[0].arguments == '{"city":"Paris"}'
    assert nameless.tool_calls == (ToolCall(name="", arguments="{}", id="c"),)
    assert {each.finish for each in (broken, older, table, nameless)} == {"tool"}


# --- streams ------------------------------------------------------------------------------


def sse(*events: Json | str) -> bytes:
    """Return events as a stream has them."""
    texts = (each if isinstance(each, str) else json.dumps(each) for each in events)
    return b"".join(f"data: {text}\n\n".encode() for text in texts)


def delta(finish: str | None = None, **said: Any) -> Json:
    """Return a chunk."""
    return {"model": "m", "choices": [{"index": 0, "delta": said, "finish_reason": finish}]}


def part(index: int | None, arguments: str, **head: Any) -> Json:
    """Return a piece of a call."""
    function = {"arguments": arguments, **({"name": head.pop("name")} if "name" in head else {})}
    numbered = {} if index is None else {"index": index}
    return {"tool_calls": [{**numbered, **head, "function": function}]}


LAST = {**delta(), "choices": [], "usage": USED}
STARTED = {"type": "message_start", "message": message() | {"stop_reason": None}}
STOPPED = {"type": "message_delta", "delta": {"stop_reason": "tool_use"},
           "usage": {"output_tokens": 9}}  # fmt: skip


def block(index: int, start: Json, *pieces: str) -> list[Json]:
    """Return the events of a block whose input comes in pieces."""
    said = [{"type": "input_json_delta", "partial_json": each} for each in pieces]
    inside = [{"type": "content_block_delta", "index": index, "delta": each} for each in said]
    begun = {"type": "content_block_start", "index": index, "content_block": start}
    return [begun, *inside, {"type": "content_block_stop", "index": index}]


def opened(name: str, id_: str, kind: str = "tool_use") -> Json:
    """Return a block as it begins."""
    return {"type": kind, "id": id_, "name": name, "input": {}}


DONE = {"type": "response.output_item.done", "output_index": 0, "item": CALL_ITEM}
TWO = [("weather", PARIS, "call_1"), ("now", "{}", "call_2")]
ONE = TWO[:1]
STREAMS: dict[str, tuple[str, Api, bytes, list[tuple[str, str, str]]]] = {
    "chat": (
        "openai", "chat",
        sse(delta(role="assistant", content=None),
            delta(**part(0, "", name="weather", id="call_1", type="function")),
            *(delta(**part(0, each)) for each in ('{"city": ', '"Paris", ', '"days": 2}')),
            delta(**part(1, "", name="now", id="call_2")), delta(**part(1, "{}")),
            delta("tool_calls"), LAST, "[DONE]"),
        TWO,
    ),
    "chat, mixed": (
        "openai", "chat",
        sse(delta(**part(0, "", name="weather", id="call_1")),
            delta(**part(1, "", name="now", id="call_2")),
            delta(**part(0, '{"city": "Paris", ')), delta(**part(1, "{}")),
            delta(**part(0, '"days": 2}')), delta("tool_calls"), LAST, "[DONE]"),
        TWO,
    ),
    "chat, all numbered 0": (
        "openai", "chat",
        sse(delta(**part(0, PARIS, name="weather", id="call_1")),
            delta("tool_calls", **part(0, "{}", name="now", id="call_2")), LAST, "[DONE]"),
        TWO,
    ),
    "chat, not numbered": (
        "openai", "chat",
        sse(delta(**part(None, PARIS, name="weather", id="call_1")),
            delta("tool_calls", **part(None, "{}", name="now", id="call_2")), LAST, "[DONE]"),
        TWO,
    ),
    "chat, numbered 0 and in pieces": (
        "openai", "chat",
        sse(delta(**part(0, '{"city": "Paris", ', name="weather", id="call_1")),
            delta(**part(0, '"days": 2}')),
            delta(**part(0, "{", name="now", id="call_2")),
            delta("tool_calls", **part(0, "}")), LAST, "[DONE]"),
        TWO,
    ),
    "chat, not numbered and in pieces": (
        "openai", "chat",
        sse(delta(**part(None, '{"city": "Paris", ', name="weather", id="call_1")),
            delta(**part(None, '"days": 2}')), delta("tool_calls"), LAST, "[DONE]"),
        ONE,
    ),
    "messages": (
        "anthropic", "messages",
        sse(STARTED,
            *block(0, opened("web_search", "s", "server_tool_use"), '{"query"', ': "x"}'),
            *block(1, opened("weather", "call_1"), "", '{"city": "Par', 'is", "days": 2}'),
            *block(2, opened("now", "call_2"), ""),
            STOPPED, {"type": "message_stop"}),
        TWO,
    ),
    "messages, whole at once": (
        "anthropic", "messages",
        sse(STARTED, *block(0, USE), STOPPED, {"type": "message_stop"}),
        [("weather", '{"city": "Paris", "days": 2}', "call_1")],
    ),
    "responses": (
        "openai", "responses",
        sse({"type": "response.created", "response": {"status": "in_progress"}},
            {"type": "response.function_call_arguments.delta", "delta": '{"city'},
            DONE, {"type": "response.completed", "response": response(CALL_ITEM)}),
        ONE,
    ),
    "responses, the last event without output": (
        "openai", "responses",
        sse(DONE, {"type": "response.completed", "response": response()}),
        ONE,
    ),
    "ollama": (
        "ollama", "chat",
        b"".join(json.dumps(each).encode() + b"\n" for each in (
            {"model": "m", "message": {"content": "", "tool_calls": [
                ollama_call(arguments=json.loads(PARIS))]}, "done": False},
            ollama_body({**ollama_call("now"), "id": "call_2"}))),
        [("weather", '{"city":"Paris","days":2}', "call_1"), TWO[1]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", STREAMS)
@settings(max_examples=30)
@given(data=st.data())
def test_any_cut_of_a_stream_gives_the_same_calls(kind: str, data: st.DataObject) -> None:
    """Pieces of arguments are joined by their call, wherever the network cuts."""
    provider, api, sent, calls = STREAMS[kind]
    places = st.lists(st.integers(0, len(sent)), max_size=12)
    cuts = [0, *sorted(data.draw(places)), len(sent)]
    decoder = adapter_of(provider, api).stream(asked(provider, api, stream=True))

    for start, end in itertools.pairwise(cuts):
        decoder.feed(sent[start:end])
    answer = decoder.close()

    assert [(each.name, each.arguments, each.id) for each in answer.tool_calls] == calls
    assert (answer.text, answer.finish, answer.gap) == ("", "tool", "")


# --- the SDKs at the simulator ------------------------------------------------------------

QUESTION = "What is the weather in Paris?"


async def _anthropic(simulator: Simulator) -> list[tuple[str, Any]]:
    address = simulator.base_url("anthropic")
    tools: Any = [{**ABOUT, "input_schema": CITY}]
    async with (
        anthropic.AsyncAnthropic(base_url=address, api_key="k", max_retries=0) as client,
        client.messages.stream(
            model="claude-haiku-4-5",
            max_tokens=512,
            tools=tools,
            messages=[{"role": "user", "content": QUESTION}],
        ) as stream,
    ):
        return _of_messages((await stream.get_final_message()).model_dump_json().encode())


async def _responses(simulator: Simulator) -> list[tuple[str, Any]]:
    tools: Any = [{**FLAT, "strict": True}]
    async with (
        _openai(simulator, "openai") as client,
        client.responses.stream(model="gpt-6-luna", input=QUESTION, tools=tools) as stream,
    ):
        return _called(await stream.get_final_response())


async def _ollama(simulator: Simulator) -> list[tuple[str, Any]]:
    client = ollama.AsyncClient(host=simulator.base_url("ollama"))
    turns = [{"role": "user", "content": QUESTION}]
    lines = await client.chat("qwen2.5:7b", turns, tools=[NESTED], stream=True)
    found = [each async for line in lines for each in _of_line(line)]
    await client._client.aclose()
    return found


async def _chat(simulator: Simulator, provider: str) -> list[tuple[str, Any]]:
    model = {"openai": "gpt-6-luna", "deepseek": "deepseek-flash", "xai": "grok-4.3"}[provider]
    tools: Any = [{**NESTED, "function": {**ABOUT, "parameters": CITY, "strict": True}}]
    async with (
        _openai(simulator, provider) as client,
        client.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": QUESTION}], tools=tools
        ) as stream,
    ):
        return _of_chat((await stream.get_final_completion()).model_dump_json().encode())


@pytest.fixture(name="lab")
async def _lab(simulator: Simulator) -> AsyncIterator[Lab]:
    async with lab_for(simulator) as lab:
        yield lab


OURS: dict[str, tuple[str, Json]] = {
    "openai": ("openai/gpt-6-luna", {}),
    "deepseek": ("deepseek/deepseek-flash", {"thinking": None}),
    "xai": ("xai/grok-4.3", {}),
    "responses": ("openai/gpt-6-luna", {"api": "responses"}),
    "messages": ("claude", {}),
    "ollama": ("qwen", {}),
}


@pytest.mark.parametrize("kind", OURS)
async def test_the_sdks_and_llmlab_hear_the_same_call(
    simulator: Simulator, lab: Lab, kind: str
) -> None:
    """Both ask the simulator, which streams in each provider's own way."""
    model, options = OURS[kind]
    special = {"messages": _anthropic, "responses": _responses, "ollama": _ollama}
    theirs = await (special[kind](simulator) if kind in special else _chat(simulator, kind))

    whole = await lab.ask_async(QUESTION, model, tools=[WEATHER], **options)
    streamed = [piece async for piece in lab.stream(QUESTION, model, tools=[WEATHER], **options)]

    answer = streamed[-1].answer
    assert answer is not None
    for each in (whole, answer):
        assert [(call.name, json.loads(call.arguments)) for call in each.tool_calls] == theirs
        assert (each.finish, each.text, each.warnings) == ("tool", "", ())
    assert theirs == [("weather", {"city": "text", "days": 1})]
