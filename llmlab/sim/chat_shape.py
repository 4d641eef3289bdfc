"""The format of chat completions that OpenAI, DeepSeek and xAI share: completion and chunk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmlab.sim.authors.author import Written
from llmlab.sim.call import Call, Json
from llmlab.sim.tools import call_id, pieces
from llmlab.sim.weights import Weight

FINISHES = {"stop": "stop", "length": "length", "filter": "content_filter", "refusal": "stop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The fields that all documents of one answer share."""

    id: str
    created: int
    model: str
    fingerprint: str | None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def completion(
        self, message: Json, finish: str, usage: Json, weighed: list[Weight] | None = None
    ) -> Json:
        """Return the whole answer."""
        choice = {"index": 0, "message": message, "logprobs": _content(weighed)}
        choice["finish_reason"] = finish
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage}

    def chunk(
        self,
        delta: Json,
        finish: str | None = None,
        weighed: list[Weight] | None = None,
        **usage: Any,
    ) -> Json:
        """Return one chunk; `usage` is written only if given, also as null."""
        choice = {"index": 0, "delta": delta, "logprobs": _content(weighed)}
        choice["finish_reason"] = finish
        return {**self._head("chat.completion.chunk"), "choices": [choice], **usage}

    def usage_chunk(self, usage: Json) -> Json:
        """Return the last chunk, with usage and no choices."""
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage}

    def _head(self, kind: str) -> Json:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            **self.extra,
        }


def _content(weighed: list[Weight] | None) -> Json | None:
    return {"content": weighed, "refusal": None} if weighed else None


def finish_of(written: Written) -> str:
    """Return `finish_reason` for the author's reason."""
    called = written.calls and written.finish == "stop"
    return "tool_calls" if called else FINISHES[written.finish]


def calls_of(call: Call, written: Written) -> list[Json]:
    """Return the functions that an answer calls, whole."""
    return [
        {
            "id": call_id("call_", call.serial, number),
            "type": "function",
            "function": {"name": name, "arguments": arguments},
        }
        for number, (name, arguments) in enumerate(written.calls)
    ]


def with_calls(call: Call, written: Written, message: Json) -> Json:
    """Return a message with its calls, in the place of words that it does not have."""
    if not written.calls:
        return message
    return {**message, "content": None, "tool_calls": calls_of(call, written)}


def call_deltas(call: Call, written: Written) -> Iterator[Json]:
    """Yield the deltas of an answer's calls: the name first, then pieces of the arguments."""
    for number, each in enumerate(calls_of(call, written)):
        said = each["function"]
        opening = {**each, "index": number, "function": {**said, "arguments": ""}}
        yield {"tool_calls": [opening]}
        for piece in pieces(said["arguments"]):
            yield {"tool_calls": [{"index": number, "function": {"arguments": piece}}]}


def weights_asked(body: Mapping[str, Any]) -> int | None:
    """Return how many likeliest tokens a body asks for at each place; None for nothing."""
    return int(body.get("top_logprobs") or 0) if body.get("logprobs") else None


def wants_usage(call: Call) -> bool:
    """Return whether the client asked for usage in its stream."""
    options = call.body.get("stream_options")
    return isinstance(options, Mapping) and bool(options.get("include_usage"))


def schema_of(call: Call) -> Mapping[str, Any] | None:
    """Return the JSON schema of `response_format`; JSON mode asks for any object."""
    form = call.body.get("response_format")
    if not isinstance(form, Mapping):
        return None
    if form.get("type") == "json_object":
        return {"type": "object"}
    named = form.get("json_schema")
    schema = named.get("schema") if isinstance(named, Mapping) else None
    return schema if isinstance(schema, Mapping) else None
