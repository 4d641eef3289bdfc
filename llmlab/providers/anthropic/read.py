"""Parse replies of the Messages API: blocks, events and their usage."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmlab.errors import Unreadable
from llmlab.providers.anthropic import wire
from llmlab.providers.believed import added, odd_usage
from llmlab.providers.decoding import decode_line, lenient
from llmlab.providers.failures import failure_in
from llmlab.providers.functions import call_at, hear_call
from llmlab.providers.response_builder import ResponseBuilder, unknown
from llmlab.providers.sse import Event
from llmlab.providers.tiers import tier_said
from llmlab.records import Answer, Finish, Piece, Usage

FINISHES: Final[Mapping[str, Finish]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
    "refusal": "refusal",
    "pause_turn": "length",
}
_BLOCKS: Final = frozenset(
    {"text", "thinking", "redacted_thinking", "tool_use", "server_tool_use"}
    | {"web_search_tool_result", "web_fetch_tool_result"}
    | {"text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"}
)
_ANYWHERE: Final = frozenset({"", "global", "not_available"})
_LONGEST: Final = 40
"""Characters of a region's name that are kept."""


@dataclass(slots=True, kw_only=True)
class MessagesReading:
    """Reads a message whole, or event by event until `message_stop`."""

    provider: str
    to_answer: Callable[[ResponseBuilder, str | None], Answer]
    builder: ResponseBuilder = field(default_factory=ResponseBuilder)
    ended: bool = False
    counts: dict[str, Any] = field(default_factory=dict)

    def hear(self, message: wire.Message) -> None:
        """Take a whole message."""
        if message.content is None:
            said = f"{self.provider}: the reply has no content"
            raise Unreadable(said, provider=self.provider, status=200)
        self._begin(message)
        for place, block in enumerate(message.content):
            self._block(block, place)
        self._end(message.stop_reason, message.stop_details)
        self.ended = True

    def whole(self) -> bool:
        """Return whether all of the answer came; `message_stop` itself adds nothing to it."""
        return self.builder.stop is not None or (self.ended and bool(self.builder.model))

    def answer(self, request_id: str | None) -> Answer:
        """Return the answer of a whole message or stream."""
        if not self.ended:
            self.builder.warn("the stream ended without message_stop; text and usage are whole")
        usage, odd = lenient(self.counts or None, wire.MessageUsage)
        self.builder.warn(*odd, *odd_usage(self.builder.usage, None))
        self.builder.warn(*(_odd_split(usage) if usage else ()))
        return self.to_answer(self.builder, request_id)

    def take(self, event: Event) -> Piece | None:
        """Take one event; raise the error it carries."""
        said = decode_line(event.data, wire.MessageEvent, self.provider)
        kind = said.type or event.name
        if kind == "error" or said.error is not None:
            envelope = {"error": said.error, "request_id": said.request_id}
            raise failure_in(envelope, self.provider)
        if kind == "message_start" and said.message is not None:
            self._begin(said.message)
        elif kind == "message_delta":
            self._change(said)
        elif kind == "message_stop":
            self.ended = True
        elif kind == "content_block_start" and said.content_block is not None:
            return self._block(said.content_block, said.index)
        elif kind == "content_block_delta" and said.delta is not None:
            return self._block(said.delta, said.index)
        return None

    def _begin(self, message: wire.Message) -> None:
        # Proxies were seen to send message_start twice: the head is the same, nothing is added.
        self.builder.model = message.model or self.builder.model
        self.builder.id = message.id or self.builder.id
        self._count(message.usage, later=False)

    def _change(self, said: wire.MessageEvent) -> None:
        if said.delta is not None and said.delta.stop_reason is not None:
            self._end(said.delta.stop_reason, said.delta.stop_details)
        self._count(said.usage, later=True)

    def _block(self, block: wire.ContentBlock, place: int) -> Piece | None:
        if block.type not in _BLOCKS:
            self.builder.warn(unknown("content block", block.type))
        if block.type == "tool_use":
            self._call(block, place)
        elif block.partial_json and call_at(self.builder.calls, place):
            hear_call(self.builder.calls, place, arguments=block.partial_json)
        for citation in [*(block.citations or ()), block.citation]:
            if citation is not None:
                self.builder.cite(citation.url or "", citation.title or "")
        if block.type == "web_search_tool_result" and isinstance(block.content, dict):
            code = str(block.content.get("error_code", "no reason given"))
            self.builder.warn(f"a web search failed: {code[:60]}")
        return self.builder.say(block.text, block.thinking)

    def _call(self, block: wire.ContentBlock, place: int) -> None:
        """Take a call of a function; in a stream its input is empty, and comes in pieces."""
        self.builder.tools = True
        said = bytes(block.input).decode()
        given = None if said in ("", "{}", "null") else said
        hear_call(self.builder.calls, place, name=block.name, arguments=given, id=block.id)

    def _end(self, reason: str | None, details: wire.StopDetails | None) -> None:
        self.builder.stop = reason
        if reason == "pause_turn":
            self.builder.warn("pause_turn: the model paused its turn, the answer is not finished")
        if reason == "refusal":
            known = details or wire.StopDetails()
            self.builder.warn(f"refused ({known.category or 'no category'})")
            if not self.builder.texts:
                self.builder.decline(known.explanation)

    def _count(self, found: object, *, later: bool) -> None:
        """Counts in message_delta are cumulative: they replace those before, name by name."""
        if isinstance(found, dict):
            said = {name: count for name, count in found.items() if count is not None}
            found = self.counts = self.counts | said if later else said | self.counts
        usage, odd = lenient(found, wire.MessageUsage)
        self.builder.warn(*odd)
        if usage is not None:
            self.builder.usage = _usage(usage)
            self.builder.tier = _tier(usage)
            self.builder.region = _region(usage.inference_geo)


def _usage(said: wire.MessageUsage) -> Usage:
    # Anthropic's input_tokens are only what came after the last cache point; everyone else
    # counts the whole prompt, and so does llmlab.
    written, read = said.cache_creation_input_tokens, said.cache_read_input_tokens
    whole = said.input_tokens
    creation = said.cache_creation or wire.CacheCreation()
    return Usage(
        input=None if whole is None else added(whole, written, read),
        cached=read,
        cache_write=written or 0,
        cache_write_1h=creation.ephemeral_1h_input_tokens or 0,
        output=said.output_tokens,
        reasoning=(said.output_tokens_details or wire.ThinkingTokens()).thinking_tokens,
        searches=(said.server_tool_use or wire.ServerToolUse()).web_search_requests or 0,
    )


def _tier(said: wire.MessageUsage) -> str | None:
    """Return the service tier that is charged: the speed, or a tier other than standard."""
    return tier_said(said.service_tier) or tier_said(said.speed)


def _region(geo: object) -> str:
    return geo[:_LONGEST] if isinstance(geo, str) and geo not in _ANYWHERE else ""


def _odd_split(said: wire.MessageUsage) -> list[str]:
    split, written = said.cache_creation, said.cache_creation_input_tokens
    if split is None or written is None:
        return []
    parts = (split.ephemeral_5m_input_tokens or 0) + (split.ephemeral_1h_input_tokens or 0)
    if parts == written:
        return []
    return [f"usage does not add up: {parts} cached by time to live, {written} in all"]
