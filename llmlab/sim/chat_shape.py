"""The shape of chat completions that OpenAI, DeepSeek and xAI share: completion and chunk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmlab.sim.authors.author import Written
from llmlab.sim.call import Call, Json

FINISHES = {"stop": "stop", "length": "length", "filter": "content_filter", "refusal": "stop"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every document of one answer repeats."""

    id: str
    created: int
    model: str
    fingerprint: str | None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def completion(self, message: Json, finish: str, usage: Json) -> Json:
        """Make the whole answer."""
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage}

    def chunk(self, delta: Json, finish: str | None = None, **usage: Any) -> Json:
        """Make one chunk; `usage=` is written only where it is given, null included."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion.chunk"), "choices": [choice], **usage}

    def usage_chunk(self, usage: Json) -> Json:
        """Make the trailing chunk that has usage and no choices."""
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


def finish_of(written: Written) -> str:
    """Return `finish_reason` for what the author says ended the text."""
    return FINISHES[written.finish]


def wants_usage(call: Call) -> bool:
    """Say whether the client asked for usage in its stream."""
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
