"""The part of Responses that llmlab relies on; msgspec ignores the rest."""

from typing import Any

import msgspec


class IncompleteDetails(msgspec.Struct):
    """Why a response is incomplete."""

    reason: str | None = None


class Metadata(msgspec.Struct):
    """Where xAI puts its fingerprint."""

    system_fingerprint: str | None = None


class ResponseObject(msgspec.Struct):
    """The response object, whole or as a terminal event has it."""

    output: list[dict[str, Any]] | None = None
    status: str | None = None
    model: str | None = None
    id: str | None = None
    error: Any = None
    incomplete_details: IncompleteDetails | None = None
    usage: Any = None
    tool_usage: Any = None
    metadata: Any = None
    service_tier: Any = None


class ResponseEvent(msgspec.Struct):
    """One event of a stream."""

    type: str = ""
    delta: Any = None
    item: Any = None
    logprobs: Any = None
    response: ResponseObject | None = None
    error: Any = None
    code: str | int | None = None
    message: str | None = None


class OutputAnnotation(msgspec.Struct):
    """A citation in a text."""

    type: str = ""
    url: str | None = None
    title: str | None = None


class ContentPart(msgspec.Struct):
    """A piece of a message or of its reasoning."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    annotations: list[OutputAnnotation] | None = None
    logprobs: Any = None


class OutputItem(msgspec.Struct):
    """A message or a reasoning item."""

    type: str = ""
    content: list[ContentPart] | None = None
    summary: list[ContentPart] | None = None


class Writes(msgspec.Struct):
    """Cache writes by time to live."""

    ttl_30m_tokens: int | None = None
    ttl_12h_tokens: int | None = None


class InputTokensDetails(msgspec.Struct):
    """The cached parts of the input."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_tokens_details: Writes | None = None


class OutputTokensDetails(msgspec.Struct):
    """The part of the output that was reasoning."""

    reasoning_tokens: int | None = None


class XaiToolUsage(msgspec.Struct):
    """xAI's count of server-side tools."""

    web_search_calls: int | None = None
    x_search_calls: int | None = None
    code_interpreter_calls: int | None = None


class ResponseUsage(msgspec.Struct):
    """Tokens as counted by the provider."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    input_tokens_details: InputTokensDetails | None = None
    output_tokens_details: OutputTokensDetails | None = None
    server_side_tool_usage_details: XaiToolUsage | None = None
    cost_in_usd_ticks: int | None = None
    cost: Any = None
    cost_details: Any = None
    is_byok: Any = None


class ToolRequests(msgspec.Struct):
    """How often a tool ran."""

    num_requests: int | None = None


class ToolUsage(msgspec.Struct):
    """OpenAI's count of server-side tools."""

    web_search: ToolRequests | None = None
