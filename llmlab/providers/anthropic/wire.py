"""The part of the Messages API that llmlab relies on; msgspec ignores the rest."""

from typing import Any, Final

import msgspec

NOTHING: Final = msgspec.Raw()


class Citation(msgspec.Struct):
    """A page that a text block cites."""

    url: str | None = None
    title: str | None = None


class StopDetails(msgspec.Struct):
    """Why the model refused."""

    category: str | None = None
    explanation: str | None = None


class ContentBlock(msgspec.Struct):
    """A block of a message, or the delta of one, or of the message itself."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    citations: list[Citation] | None = None
    citation: Citation | None = None
    content: Any = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = NOTHING
    """Arguments of a call, left as the model wrote them."""
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None


class Message(msgspec.Struct):
    """A whole reply, or the one that a stream begins with."""

    content: list[ContentBlock] | None = None
    model: str | None = None
    id: str | None = None
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: Any = None
    error: Any = None


class MessageEvent(msgspec.Struct):
    """One event of a stream."""

    type: str = ""
    index: int = 0
    message: Message | None = None
    content_block: ContentBlock | None = None
    delta: ContentBlock | None = None
    usage: dict[str, Any] | None = None
    error: Any = None
    request_id: str | None = None


class CacheCreation(msgspec.Struct):
    """Cache writes by time to live."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class ThinkingTokens(msgspec.Struct):
    """The part of the output that was thinking."""

    thinking_tokens: int | None = None


class ServerToolUse(msgspec.Struct):
    """Server-side tools that are charged each."""

    web_search_requests: int | None = None


class MessageUsage(msgspec.Struct):
    """Tokens as counted by the provider."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens: int | None = None
    output_tokens_details: ThinkingTokens | None = None
    server_tool_use: ServerToolUse | None = None
    service_tier: Any = None
    speed: Any = None
    inference_geo: Any = None
