"""
Anthropic `/v1/messages`: input is counted in three separate parts; output includes thinking.

A prompt with `cache_control` in a block is written to the cache the first time and read
from it afterwards, from 1024 tokens on; without it, what the author found cached is
reported as read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmlab.sim.anthropic.rules import check_body, thinking_type
from llmlab.sim.anthropic.stream import ending, envelope, stream
from llmlab.sim.authors.author import Asked, Written, count_prompt
from llmlab.sim.call import Call, Json, Reply, as_json, plain_text
from llmlab.sim.messages import Said, conversation, merged
from llmlab.sim.models import SimulatedModel
from llmlab.sim.pictures import file_tokens, written_with_files
from llmlab.sim.refusals import typed
from llmlab.sim.search import SimulatedSearch, searches, with_searches
from llmlab.sim.settle import settled
from llmlab.sim.streams import sse
from llmlab.sim.tools import as_object, call_id, choice_of, offered

CACHE_MINIMUM = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The prompt's tokens as Anthropic counts them: three numbers that sum to the total."""

    plain: int
    read: int = 0
    written_5m: int = 0
    written_1h: int = 0


async def messages(call: Call) -> Reply:
    """Answer one message, whole or streamed."""
    model = check_body(call)
    asked = _asked(call, model)
    found = searches(call.body.get("tools"), asked, _max_uses(call.body))
    written = await written_with_files(call, asked) if asked.max_tokens else _warm_only(asked)
    written = with_searches(written, found, cite=False)
    split = _split(call, written)
    usage = usage_of(written, split, len(found))
    if call.body.get("speed"):
        usage["speed"] = call.body["speed"]
    blocks = _blocks(call, asked, written, found)
    if call.body.get("stream"):
        reply = sse(stream(call, model, written, blocks, usage))
    else:
        reply = as_json({**envelope(call, model), "content": blocks, **ending(written),
                         "usage": usage})  # fmt: skip
    return settled(reply, asked, written, model)


async def count_tokens(call: Call) -> Reply:
    """Count a prompt, free of charge; the newer version refuses sampling here too."""
    model = check_body(call, counting=True)
    tokens = _said(call.body).tokens + file_tokens(call, model.id)
    return as_json({"input_tokens": tokens})


def _said(body: Mapping[str, Any]) -> Said:
    return conversation(merged(body["messages"]), plain_text(body.get("system") or ""))


def _asked(call: Call, model: SimulatedModel) -> Asked:
    body = call.body
    said = _said(body)
    tokens = said.tokens
    if tokens > model.context:
        raise typed(400, f"prompt is too long: {tokens} tokens > {model.context} maximum")
    form = (body.get("output_config") or {}).get("format") or {}
    return Asked(
        provider="anthropic",
        model=model.id,
        system=said.system,
        turns=said.turns,
        user=said.user,
        temperature=body.get("temperature"),
        max_tokens=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        thinking=thinking_type(body, model) != "disabled",
        schema=form.get("schema"),
        tools=offered(body.get("tools")),
        choice=choice_of(body.get("tool_choice")),
    )


def _max_uses(body: Mapping[str, Any]) -> int:
    uses = [tool["max_uses"] for tool in body.get("tools") or () if tool.get("max_uses")]
    return min(uses, default=3)


_LOOKED_BACK: Final = 20
"""Blocks before a mark at which Anthropic looks for what is cached."""


def _warm_only(asked: Asked) -> Written:
    return Written(text="", input_tokens=asked.tokens, output_tokens=0, finish="length")


def _split(call: Call, written: Written) -> Split:
    prefixes, hour = _marked(call.body)
    whole = count_prompt("", prefixes[-1])
    if whole < CACHE_MINIMUM:
        return Split(plain=written.input_tokens - written.cached_tokens, read=written.cached_tokens)
    tokens = min(whole, written.input_tokens)
    rest = written.input_tokens - tokens
    found = (each for each in reversed(prefixes) if _digest(call, each) in call.memory.prompts)
    read = min(tokens, count_prompt("", next(found, "")))
    call.memory.warm(_digest(call, prefixes[-1]))
    if hour:
        return Split(plain=rest, read=read, written_1h=tokens - read)
    return Split(plain=rest, read=read, written_5m=tokens - read)


def _digest(call: Call, prefix: str) -> str:
    return hashlib.sha256(f"{call.body['model']}\n{prefix}".encode()).hexdigest()


def _marked(body: Mapping[str, Any]) -> tuple[list[str], bool]:
    """
    Return the text up to the last `cache_control`, and whether it is cached for an hour.

    Before it are the texts up to each of the 20 blocks before, of which one may be cached.
    """
    said, marked, hour = [""], 0, False
    for block in _blocks_in(body):
        text = str(block.get("text", ""))
        said.append(f"{said[-1]}\n{text}" if len(said) > 1 else text)
        mark = block.get("cache_control")
        if mark:
            marked, hour = len(said) - 1, mark.get("ttl") == "1h"
    top = body.get("cache_control")
    if top:
        marked, hour = len(said) - 1, top.get("ttl") == "1h"
    return said[max(0, marked - _LOOKED_BACK) : marked + 1], hour


def _blocks_in(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    contents = [body.get("system") or [], *(turn["content"] for turn in body["messages"])]
    for content in contents:
        yield from [{"text": content}] if isinstance(content, str) else content


def usage_of(written: Written, split: Split, found: int = 0) -> Json:
    """Return usage as Anthropic does: `input_tokens` excludes cached and cache-written tokens."""
    usage: Json = {
        "input_tokens": split.plain,
        "cache_creation_input_tokens": split.written_5m + split.written_1h,
        "cache_read_input_tokens": split.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": split.written_5m,
            "ephemeral_1h_input_tokens": split.written_1h,
        },
        "output_tokens": written.output_tokens,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
    if written.reasoning_tokens:
        usage["output_tokens_details"] = {"thinking_tokens": written.reasoning_tokens}
    if found:
        usage["server_tool_use"] = {"web_search_requests": found, "web_fetch_requests": 0}
    return usage


def _blocks(
    call: Call, asked: Asked, written: Written, found: tuple[SimulatedSearch, ...]
) -> list[Json]:
    blocks: list[Json] = []
    if asked.thinking and written.reasoning:
        shown = (call.body.get("thinking") or {}).get("display") != "omitted"
        thought = written.reasoning if shown else ""
        blocks.append({"type": "thinking", "thinking": thought, "signature": f"sim{call.serial}"})
    for number, search in enumerate(found):
        blocks += _searched(f"srvtoolu_{call.serial[:20]}{number:02d}", search)
    if written.text:
        blocks.append({"type": "text", "text": written.text})
    return [*blocks, *_calls(call, written)]


def _calls(call: Call, written: Written) -> list[Json]:
    return [
        {
            "type": "tool_use",
            "id": call_id("toolu_", call.serial, number),
            "name": name,
            "input": as_object(arguments),
        }
        for number, (name, arguments) in enumerate(written.calls)
    ]


def _searched(name: str, search: SimulatedSearch) -> list[Json]:
    page = {"type": "web_search_result", "url": search.url, "title": "Example page",
            "encrypted_content": "sim", "page_age": None}  # fmt: skip
    use = {"type": "server_tool_use", "id": name, "name": "web_search",
           "input": {"query": search.query}}  # fmt: skip
    return [use, {"type": "web_search_tool_result", "tool_use_id": name, "content": [page]}]
